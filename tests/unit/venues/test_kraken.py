"""Kraken's dialect: what is sent, what real frames mean, their checksums, and what is no frame of it."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.captures import capture, excerpt
from tests.support.kraken import (
    BTC,
    ETH,
    KRAKEN,
    acknowledgement,
    frames_of,
    kraken_at,
    naive_checksum,
    narrowed,
)
from tests.support.raw import raw_levels, tuples

from market_data.adapters.books import choose_engine
from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.kraken import Kraken, checksum_of
from market_data.application.ports import Request, VenueSession
from market_data.domain.book import Book, BookFactory, InvalidLevel
from market_data.domain.continuity import Proof, Quietness, Scope, Seed, Window
from market_data.domain.errors import AppError, MalformedFrame, RequestFailed
from market_data.domain.events import Accepted, Change, Event, Refused, Snapshot, Unreadable
from market_data.domain.instrument import Instrument, Listing
from market_data.domain.levels import Ladder
from market_data.domain.normalized import Reason

REAL = (
    b'{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":78858.8,"qty":0.00000000},'
    b'{"price":78857.0,"qty":0.34775324}],"asks":[],"checksum":2416540570,"timestamp":"2026-08-24T22:21:58.343688Z"}]}'
)
_HOME = "http://127.0.0.1:9/0/public"


def session(*natives: str) -> VenueSession:
    return KRAKEN.session([Instrument("kraken", native, native) for native in natives or ("BTC/USD", "ETH/USD")])


@pytest.fixture(params=["python", "native"])
def books(request: pytest.FixtureRequest) -> BookFactory:
    """Both engines, the native one where it is installed."""
    engine = choose_engine("auto" if request.param == "native" else request.param)
    if request.param not in engine.name:
        pytest.skip("needs the native engine")
    return engine.books


# what is sent


def test_it_is_registered_by_its_name() -> None:
    assert DIALECTS["kraken"] is Kraken


def test_all_books_are_subscribed_in_one_message() -> None:
    (message,) = session().opening()
    assert json.loads(message) == {
        "method": "subscribe",
        "params": {"channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 10, "snapshot": True},
        "req_id": 1,
    }


def test_many_books_are_subscribed_in_few_messages_each_with_its_own_id() -> None:
    messages = [json.loads(message) for message in session(*(f"COIN{number}/USD" for number in range(250))).opening()]
    assert [message["req_id"] for message in messages] == [1, 2, 3]
    assert [len(message["params"]["symbol"]) for message in messages] == [100, 100, 50]


def test_one_market_under_two_names_is_subscribed_once() -> None:
    (message,) = session("BTC/USD", "BTC/USD").opening()
    assert json.loads(message)["params"]["symbol"] == ["BTC/USD"]


def test_a_book_is_renewed_by_leaving_at_its_depth_and_subscribing_again() -> None:
    opened = kraken_at(25).session([BTC, ETH])
    opened.opening()
    messages = [json.loads(message) for message in opened.renewing(["ETH/USD"])]
    assert [(message["method"], message["params"]["symbol"]) for message in messages] == [
        ("unsubscribe", ["ETH/USD"]),
        ("subscribe", ["ETH/USD"]),
    ]
    assert {message["params"]["depth"] for message in messages} == {25}


def test_the_address_is_taken_whole() -> None:
    assert KRAKEN.websocket_url() == "ws://127.0.0.1:9/v2"


# what it declares


@pytest.mark.parametrize("levels", [None, 10, 25, 1000])
def test_ten_levels_are_proven_whatever_is_subscribed(levels: int | None) -> None:
    declared = kraken_at(levels).continuity
    assert (declared.proof, declared.scope, declared.seed) == (Proof.CHECKSUM, Scope.INSTRUMENT, Seed.IN_BAND)
    assert (declared.window, declared.levels, declared.proven_levels) == (Window.CLIENT, levels or 10, 10)
    assert (declared.quietness, declared.digest) == (Quietness.RENEWED, checksum_of)
    assert not declared.is_loss_counted
    assert Kraken.continuity.levels == 10


# what frames mean


def test_a_real_update_is_a_change_with_its_texts_checksum_and_time() -> None:
    assert list(session().read(REAL)) == [
        Change(
            "BTC/USD",
            0,
            0,
            b'[["78858.8","0.00000000"],["78857.0","0.34775324"]]',
            b"[]",
            1_787_610_118_343_688,
            2416540570,
        )
    ]


def test_a_snapshot_is_the_whole_of_what_is_followed_and_has_no_number() -> None:
    (event,) = session().read(REAL.replace(b"update", b"snapshot"))
    assert isinstance(event, Snapshot)
    assert (event.sequence, event.limit, event.checksum) == (None, None, 2416540570)
    assert tuples(event.bids) == [("78858.8", "0.00000000"), ("78857.0", "0.34775324")]


def test_keys_in_another_order_and_keys_that_are_new_change_nothing() -> None:
    (book,) = json.loads(REAL, parse_float=lambda text: f"<{text}>")["data"]
    book["bids"] = [{"new": {"price": 1}, "qty": each["qty"], "price": each["price"]} for each in book["bids"]]
    message = {"more": 1, "data": [{"new": [1], **dict(reversed(list(book.items())))}], "type": "update"}
    turned = json.dumps({**message, "channel": "book"}, indent=1).replace('"<', "").replace('>"', "").encode()
    assert list(session().read(turned)) == list(session().read(REAL))


def test_each_entry_of_a_frame_is_an_event() -> None:
    (book,) = json.loads(REAL)["data"]
    entries = [book, {**book, "symbol": "ETH/USD"}]
    events = session().read(json.dumps({"channel": "book", "type": "update", "data": entries}).encode())
    assert [event.native for event in events if isinstance(event, Change)] == ["BTC/USD", "ETH/USD"]


def test_of_several_entries_a_damaged_one_costs_only_itself() -> None:
    (book,) = json.loads(REAL)["data"]
    entries = [{**book, "checksum": -1}, {**book, "symbol": "ETH/USD"}, {**book, "symbol": "BTC/USD", "asks": None}, 7]
    events = session().read(json.dumps({"channel": "book", "type": "update", "data": entries}).encode())
    assert [event.natives if isinstance(event, Unreadable) else type(event) for event in events] == [
        ("BTC/USD",),
        Change,
        ("BTC/USD",),
        None,
    ]


def test_a_time_that_is_not_given_is_none() -> None:
    (event,) = session().read(REAL.replace(b',"timestamp":"2026-08-24T22:21:58.343688Z"', b""))
    assert isinstance(event, Change)
    assert event.event_time is None


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param('{"channel":"heartbeat"}', id="heartbeat"),
        pytest.param(
            '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
            '"connection_id":6437862339878838704}]}',
            id="status",
        ),
        pytest.param('{"method":"pong","req_id":42,"time_in":"t","time_out":"t"}', id="pong"),
        pytest.param('{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":1,"ask":2}]}', id="ticker"),
        pytest.param(REAL.replace(b'"book"', b'"level3"').decode(), id="another channel of the same form"),
        pytest.param('{"channel":"book","type":"update","data":[]}', id="no entry"),
        pytest.param(acknowledgement("BTC/USD", method="unsubscribe").decode(), id="an unsubscription"),
        pytest.param(
            '{"error":"Subscription Not Found","method":"unsubscribe","success":false,"req_id":1,"symbol":"BTC/USD"}',
            id="a refused unsubscription",
        ),
        pytest.param('{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD"}}', id="another's yes"),
        pytest.param('{"method":"subscribe","result":{"odd":1},"success":true}', id="an odd yes"),
        pytest.param("{}", id="nothing"),
        pytest.param('{"something":"new"}', id="something new"),
    ],
)
def test_what_touches_no_book_means_nothing(frame: str) -> None:
    assert list(session().read(frame.encode())) == []


def test_an_acknowledgement_names_one_symbol_of_those_asked_for() -> None:
    opened = session()
    opened.opening()
    assert list(opened.read(acknowledgement("ETH/USD"))) == [Accepted(frozenset({"ETH/USD"}), is_all=False)]


def _error(text: str, **fields: object) -> bytes:
    return json.dumps({"error": text, "method": "subscribe", "success": False, **fields}).encode()


@pytest.mark.parametrize(
    ("frame", "natives"),
    [
        pytest.param(_error("Currency pair not supported", req_id=1, symbol="ETH/USD"), ["ETH/USD"], id="by symbol"),
        pytest.param(_error("Currency pair not supported ETH/USD", req_id=1), ["ETH/USD"], id="by its text"),
        pytest.param(_error("Subscription depth not supported", req_id=1), ["BTC/USD", "ETH/USD"], id="by its id"),
        pytest.param(_error("Subscription depth not supported", req_id=7), [None], id="an id that is not ours"),
        pytest.param(_error("Subscription depth not supported"), [None], id="without an id"),
        pytest.param(_error("No", req_id=1, symbol="XXX/USD"), ["BTC/USD", "ETH/USD"], id="a symbol not asked for"),
        pytest.param(b'{"error":"Malformed request","method":"error"}', [None], id="of no request"),
        pytest.param(b'{"error":{"code":1},"req_id":[1],"symbol":[2]}', [None], id="an odd one"),
    ],
)
def test_an_error_refuses_whom_it_names_or_else_all_of_its_request(frame: bytes, natives: list[str | None]) -> None:
    opened = session()
    opened.opening()
    events = opened.read(frame)
    assert [event.native for event in events if isinstance(event, Refused)] == natives


def test_an_error_does_not_refuse_what_of_its_request_is_accepted_already() -> None:
    opened = session()
    opened.opening()
    opened.read(acknowledgement("BTC/USD"))
    assert list(opened.read(_error("EGeneral", req_id=1))) == [Refused("EGeneral", "ETH/USD")]
    opened.renewing(["BTC/USD"])
    assert list(opened.read(_error("Already subscribed", req_id=3))) == [Refused("Already subscribed", "BTC/USD")]


# numbers


@pytest.mark.parametrize(
    "text", ['"1.5"', "1e-8", "1E5", "-1", "null", "[1]", '{"price":1}', "true", '"\\",\\""', '"],["', "9" * 50, "-0.0"]
)
@pytest.mark.parametrize("key", [b'"price":78857.0', b'"qty":0.34775324'], ids=["price", "qty"])
def test_what_is_no_plain_number_is_never_taken_for_one(key: bytes, text: str, books: BookFactory) -> None:
    frame = REAL.replace(key, key.partition(b":")[0] + b":" + text.encode())
    assert frame != REAL
    with pytest.raises((MalformedFrame, InvalidLevel)):
        _apply(session(), frame, books(10))


def _apply(opened: VenueSession, frame: bytes, book: Book) -> None:
    for event in opened.read(frame):
        assert isinstance(event, Change)
        book.apply(event.bids, event.asks)


# checksums


def test_the_checksum_is_of_ten_levels_a_side_in_either_form_of_a_ladder() -> None:
    (event,) = [
        each for each in _book_events(frames_of(excerpt("kraken_btcusd_excerpt.gz"))) if isinstance(each, Snapshot)
    ]
    bids, asks = tuples(event.bids), tuples(event.asks)
    more = [("1.00", "2.00")]
    assert checksum_of(Ladder(raw_levels(bids)), Ladder(raw_levels(asks))) == event.checksum
    assert checksum_of(Ladder(None, tuple(bids)), Ladder(None, tuple(asks))) == event.checksum
    assert checksum_of(Ladder(raw_levels(bids + more)), Ladder(None, tuple(asks + more))) == event.checksum
    assert checksum_of(Ladder(raw_levels(bids[:9])), Ladder(raw_levels(asks))) != event.checksum


plain = st.from_regex(r"(0|[1-9][0-9]{0,6})(\.[0-9]{1,9})?", fullmatch=True).filter(lambda text: float(text) > 0)
sides = st.lists(st.tuples(plain, plain), max_size=14, unique_by=lambda level: float(level[0]))


@given(sides, sides)
def test_the_checksum_is_that_of_a_naive_one_for_any_levels(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]]
) -> None:
    bids.sort(key=lambda level: -float(level[0]))
    asks.sort(key=lambda level: float(level[0]))
    expected = naive_checksum(bids, asks)
    assert checksum_of(Ladder(raw_levels(bids)), Ladder(raw_levels(asks))) == expected
    assert checksum_of(Ladder(None, tuple(bids)), Ladder(None, tuple(asks))) == expected


def _book_events(frames: Iterable[bytes]) -> Iterable[Change | Snapshot]:
    opened = session()
    for frame in frames:
        for event in opened.read(frame):
            if isinstance(event, Change | Snapshot):
                yield event
            else:
                assert isinstance(event, Accepted)


def _agreements(frames: Iterable[bytes], books: BookFactory, depth: int, *, cut: bool) -> tuple[int, int]:
    """Count how many checksums agree and how many do not, with or without the client's cut."""
    held = {}
    told = [0, 0]
    for event in _book_events(frames):
        if isinstance(event, Snapshot):
            book = held[event.native] = books(max(depth, 10))
            book.replace(event.bids, event.asks)
        else:
            book = held[event.native]
            book.apply(event.bids, event.asks)
        if cut:
            book.cut(depth)
        told[checksum_of(*book.top()) != event.checksum] += 1
    return told[0], told[1]


@pytest.mark.parametrize(
    ("name", "depth", "messages"),
    [("kraken_btcusd_excerpt.gz", 10, 4), ("kraken_minagbp_resubscribe_excerpt.gz", 25, 19)],
    ids=["a busy pair", "a pair that is subscribed again"],
)
def test_every_checksum_of_the_excerpts_agrees(name: str, depth: int, messages: int, books: BookFactory) -> None:
    assert _agreements(frames_of(excerpt(name)), books, depth, cut=True) == (messages, 0)


@pytest.mark.parametrize(
    ("name", "depth", "messages"),
    [
        ("v2_tickvault_btcusd_d10_20260824.jsonl", 10, 4),
        ("v2_minagbp_d25_resubscribe_20260818.ndjson", 25, 19),
        ("v2_rerendered_book1000_20210417.gz", 1000, 4279),
    ],
)
def test_every_checksum_of_the_real_captures_agrees(name: str, depth: int, messages: int, books: BookFactory) -> None:
    assert _agreements(frames_of(capture(f"kraken/{name}")), books, depth, cut=True) == (messages, 0)


def _real_at_ten() -> Path:
    return capture("kraken/v2_rerendered_book1000_20210417.gz")


def test_at_depth_ten_every_checksum_agrees_with_the_cut_and_many_do_not_without(books: BookFactory) -> None:
    frames = list(narrowed(frames_of(_real_at_ten()), 10))
    right, wrong = _agreements(frames, books, 10, cut=True)
    assert (right, wrong) == (3352, 0)
    right, wrong = _agreements(frames, books, 10, cut=False)
    assert (right, wrong) == (1885, 1467)


# what is no frame


DAMAGES = {
    "cut in the middle": REAL[:150],
    "cut after the name": REAL[:70],
    "no checksum": REAL.replace(b'"checksum":2416540570,', b""),
    "checksum is text": REAL.replace(b"2416540570", b'"2416540570"'),
    "checksum below zero": REAL.replace(b"2416540570", b"-1"),
    "checksum of more than 32 bits": REAL.replace(b"2416540570", b"4294967296"),
    "another type": REAL.replace(b'"update"', b'"partial"'),
    "no type": REAL.replace(b'"type":"update",', b""),
    "a level without a price": REAL.replace(b'"price":78857.0,', b""),
    "a time that is none": REAL.replace(b"2026-08-24T", b"yesterday"),
    "a time beyond the calendar": REAL.replace(b"2026-08-24T22:21:58.343688Z", b"9999-12-31T23:59:59-12:00"),
    "levels are null": REAL.replace(b'"asks":[]', b'"asks":null'),
    "trailing garbage": REAL + b"}",
    "escaped": REAL[:150].replace(b"/", b"\\/"),
}


@pytest.mark.parametrize("frame", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_frame_says_whose_it_is_as_long_as_its_head_is_whole(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native == "BTC/USD"
    assert "\n" not in str(damage.value)
    assert len(str(damage.value)) < 400


@pytest.mark.parametrize(
    "frame",
    [b"", b"nonsense", b"[]", b"null", b"1", REAL[70:], b"\xff" * 10, REAL[:-1] + b',{"symbol":"ETH/USD"', REAL[:60]],
    ids=lambda frame: repr(frame[-30:]),
)
def test_what_does_not_say_whose_alone_it_is_may_be_anybodys(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native is None


def test_nesting_without_end_is_malformed_and_no_crash() -> None:
    with pytest.raises(MalformedFrame):
        session().read(b'{"channel":"book","data":' + b"[" * 100_000)


# REST


def test_pairs_are_asked_for_all_together_by_the_names_of_the_stream() -> None:
    expected = Request(f"{_HOME}/AssetPairs?assetVersion=1", 1)
    assert KRAKEN.listings_request() == KRAKEN.listings_request(["BTC/USD"]) == expected


PAIRS = json.dumps(
    {
        "error": [],
        "result": {
            "BTC/USD": {"altname": "XBTUSD", "wsname": "XBT/USD", "base": "BTC", "quote": "USD", "status": "online"},
            "BTC/USDT": {"altname": "XBTUSDT", "wsname": "XBT/USDT", "base": "BTC", "quote": "USDT"},
            "DOGE/EUR": {"base": "DOGE", "quote": "EUR", "status": "post_only"},
            "OLD/USD": {"base": "OLD", "quote": "USD", "status": "delisted"},
            "NEW/USD": {"base": "NEW", "quote": "USD", "status": "something_new"},
            "ODD/USD": {"base": 7},
            "A B/USD": {"base": "A B", "quote": "USD", "status": "online"},
        },
    }
).encode()


def test_listings_have_canonical_symbols_and_the_names_of_the_stream() -> None:
    catalogue = KRAKEN.read_listings(PAIRS)
    assert catalogue.unreadable == 2
    assert list(catalogue) == [
        Listing(BTC, is_tradable=True, state="online"),
        Listing(Instrument("kraken", "BTC-USDT", "BTC/USDT"), is_tradable=True, state="online"),
        Listing(
            Instrument("kraken", "DOGE-EUR", "DOGE/EUR"),
            is_tradable=False,
            state="post_only",
            is_crossing_legitimate=True,
        ),
        Listing(Instrument("kraken", "OLD-USD", "OLD/USD"), is_tradable=False, state="delisted", has_book=False),
        Listing(Instrument("kraken", "NEW-USD", "NEW/USD"), is_tradable=False, state="something_new"),
    ]


def test_a_symbol_that_is_not_listed_has_the_name_that_it_would_have() -> None:
    assert KRAKEN.native_of("BTC-USD") == "BTC/USD"


DEPTH = b'{"error":[],"result":{"XXBTZUSD":{"asks":[["78858.30000","4.520",1787609576]],"bids":[["78858.2","1.0",1]]}}}'


def test_a_book_over_rest_is_a_picture_without_a_number() -> None:
    request = KRAKEN.book_request(BTC, 1000)
    assert (request.url, request.weight) == (f"{_HOME}/Depth?pair=BTC/USD&count=500", 1)
    book = KRAKEN.read_book(BTC, 10, DEPTH)
    assert (tuples(book.asks), book.sequence, book.event_time) == ([("78858.30000", "4.520")], None, None)


def test_the_venues_time_is_the_middle_of_its_second() -> None:
    assert KRAKEN.clock_request().url == f"{_HOME}/Time"
    body = b'{"error":[],"result":{"unixtime":1787609576,"rfc1123":"Mon, 24 Aug 26 22:12:56 +0000"}}'
    assert KRAKEN.read_clock(body) == 1_787_609_576_500_000


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("EGeneral:Too many requests", Reason.RATE_LIMITED),
        ("EAPI:Rate limit exceeded", Reason.RATE_LIMITED),
        ("EService:Throttled: 1787609576", Reason.RATE_LIMITED),
        ("EService:Unavailable", Reason.UNAVAILABLE),
        ("EQuery:Unknown asset pair", Reason.REJECTED),
    ],
)
def test_an_error_under_status_200_is_a_refusal_with_its_reason(error: str, reason: Reason) -> None:
    body = json.dumps({"error": [error]}).encode()
    for read in (KRAKEN.read_listings, KRAKEN.read_clock, lambda body: KRAKEN.read_book(BTC, 10, body)):
        with pytest.raises(RequestFailed, match=error) as refusal:
            read(body)
        assert refusal.value.reason is reason


# any bytes


@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
def test_any_bytes_give_events_or_an_error_of_ours(frame: bytes) -> None:
    _read_everything(frame)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8), st.data())
def test_any_json_under_the_keys_we_know_gives_events_or_an_error_of_ours(value: object, data: st.DataObject) -> None:
    message = json.loads(REAL)
    part = message if data.draw(st.booleans()) else message["data"][0]
    part[data.draw(st.sampled_from([*part, "method", "error", "result", "req_id", "success"]))] = value
    _read_everything(json.dumps(message).encode())


def _read_everything(payload: bytes) -> None:
    opened = session()
    opened.opening()
    for read in (
        opened.read,
        KRAKEN.read_listings,
        KRAKEN.read_clock,
        lambda body: KRAKEN.read_book(BTC, 100, body),
    ):
        try:
            read(payload)
        except AppError as error:
            assert isinstance(error, MalformedFrame | RequestFailed)  # noqa: PT017 - anything else must fly


def test_all_that_the_real_captures_hold_is_read() -> None:
    kinds: list[type[Event]] = []
    opened = session()
    for frame in frames_of(capture("kraken/v2_minagbp_d25_resubscribe_20260818.ndjson")):
        kinds += map(type, opened.read(frame))
    assert {kind.__name__: kinds.count(kind) for kind in set(kinds)} == {"Accepted": 2, "Snapshot": 2, "Change": 17}

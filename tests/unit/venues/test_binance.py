"""Binance's dialect: what is sent, what real frames mean, and what is no frame of it."""

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.captures import capture, excerpt, lines
from tests.support.raw import change_of, snapshot_of, tuples, without_space
from tests.support.venues import BINANCE, binance_book, binance_event

from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.wire import Endpoint
from market_data.application.ports import Request, VenueSession
from market_data.domain.errors import AppError, MalformedFrame, UnknownInstrument
from market_data.domain.events import Accepted, Change, Departing, Refused
from market_data.domain.instrument import Instrument, Listing, find_listing

BTC = Instrument("binance", "BTC-USDT", "BTCUSDT")
REAL = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,'
    b'"u":50093239202,"b":[["61737.63000000","0.00000000"],["61730.17000000","0.00000000"]],'
    b'"a":[["61837.64000000","1.54698000"]]}}'
)


def session(*natives: str) -> VenueSession:
    return BINANCE.session([Instrument("binance", native, native) for native in natives or ("BTCUSDT",)])


# what is sent


def test_it_is_registered_by_its_name() -> None:
    assert DIALECTS["binance"] is Binance


def test_all_streams_are_subscribed_in_one_message() -> None:
    (message,) = session("BTCUSDT", "ETHUSDT").opening()
    assert json.loads(message) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@depth@100ms", "ethusdt@depth@100ms"],
        "id": 1,
    }


def test_many_streams_are_subscribed_in_few_messages_each_with_its_own_id() -> None:
    messages = [json.loads(message) for message in session(*(f"COIN{number}USDT" for number in range(250))).opening()]
    assert [message["id"] for message in messages] == [1, 2, 3]
    assert [len(message["params"]) for message in messages] == [100, 100, 50]
    assert len({stream for message in messages for stream in message["params"]}) == 250


def test_one_market_under_two_names_is_subscribed_once() -> None:
    (message,) = session("BTCUSDT", "BTCUSDT").opening()
    assert json.loads(message)["params"] == ["btcusdt@depth@100ms"]


def test_a_stream_is_renewed_by_leaving_and_subscribing_again() -> None:
    opened = session("BTCUSDT", "ETHUSDT")
    opened.opening()
    messages = [json.loads(message) for message in opened.renewing(["ETHUSDT"])]
    assert [(message["method"], message["params"], message["id"]) for message in messages] == [
        ("UNSUBSCRIBE", ["ethusdt@depth@100ms"], 2),
        ("SUBSCRIBE", ["ethusdt@depth@100ms"], 3),
    ]
    assert opened.read(b'{"result":null,"id":2}') == ()
    assert opened.read(b'{"result":null,"id":3}') == (Accepted(frozenset({"ETHUSDT"}), is_all=False),)


def test_many_streams_are_renewed_in_few_messages() -> None:
    natives = [f"COIN{number}USDT" for number in range(250)]
    messages = [json.loads(message) for message in session(*natives).renewing(natives)]
    assert [(message["method"], len(message["params"])) for message in messages] == [
        ("UNSUBSCRIBE", 100),
        ("SUBSCRIBE", 100),
        ("UNSUBSCRIBE", 100),
        ("SUBSCRIBE", 100),
        ("UNSUBSCRIBE", 50),
        ("SUBSCRIBE", 50),
    ]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        pytest.param("wss://data-stream.binance.vision", "wss://data-stream.binance.vision/stream", id="plain"),
        pytest.param("wss://stream.binance.us:9443/", "wss://stream.binance.us:9443/stream", id="with a slash"),
    ],
)
def test_the_address_is_the_base_and_stream(base: str, expected: str) -> None:
    venue = Binance(Endpoint("binance", base, "https://api.binance.us/", 200, 4, 3000))
    assert venue.websocket_url() == expected
    assert venue.listings_request().url == "https://api.binance.us/api/v3/exchangeInfo"


@pytest.mark.parametrize(
    ("levels", "weight"),
    [(5, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1000, 50), (1001, 250), (5000, 250)],
)
def test_a_book_costs_what_the_venue_says(levels: int, weight: int) -> None:
    url = f"http://127.0.0.1:9/api/v3/depth?symbol=BTCUSDT&limit={levels}"
    assert BINANCE.book_request(BTC, levels) == Request(url, weight, max_bytes=512 * levels + 65_536)


def test_a_list_of_what_is_traded_costs_twenty() -> None:
    assert BINANCE.listings_request().weight == 20


@pytest.mark.parametrize(
    ("headers", "used"),
    [
        pytest.param({"x-mbx-used-weight-1m": "1234"}, 1234, id="told"),
        pytest.param({}, None, id="not told"),
        pytest.param({"x-mbx-used-weight-1m": "many"}, None, id="no number"),
        pytest.param({"x-mbx-used-weight-1m": "²"}, None, id="no plain number"),
    ],
)
def test_the_used_weight_is_read_from_the_answer(headers: dict[str, str], used: int | None) -> None:
    assert BINANCE.used_weight(headers) == used


# what frames mean


def test_a_real_frame_is_a_change_with_its_ids_and_time() -> None:
    assert list(session().read(REAL)) == [
        change_of(
            "BTCUSDT",
            50093239189,
            50093239202,
            [("61737.63000000", "0.00000000"), ("61730.17000000", "0.00000000")],
            [("61837.64000000", "1.54698000")],
            1_723_161_255_208_000,
        )
    ]


def test_a_frame_without_the_wrapper_means_the_same() -> None:
    raw = json.dumps(json.loads(REAL)["data"]).encode()
    assert list(map(without_space, session().read(raw))) == list(session().read(REAL))


def test_keys_in_another_order_and_keys_that_are_new_change_nothing() -> None:
    message = json.loads(REAL)
    message["data"] = dict(reversed(list(message["data"].items()))) | {"new": {"deep": [1]}}
    turned = json.dumps(dict(reversed(list(message.items()))) | {"other": 1}, indent=1).encode()
    assert list(map(without_space, session().read(turned))) == list(session().read(REAL))


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(
            '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"4"}}',
            id="book ticker",
        ),
        pytest.param('{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1"}}', id="trade"),
        pytest.param('{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker"}]}', id="a list of tickers"),
        pytest.param('{"e":"trade","E":1,"s":"BTCUSDT"}', id="trade without wrapper"),
        pytest.param('{"result":null,"id":99}', id="answer to nothing we asked"),
        pytest.param('{"result":["btcusdt@aggTrade"],"id":"three"}', id="answer with a name"),
        pytest.param('{"result":true,"id":null}', id="answer to nobody"),
        pytest.param('{"result":null,"id":{"odd":1},"code":null,"msg":null,"error":null}', id="answer of nulls"),
        pytest.param('{"stream":null,"data":null,"result":null,"id":1.5}', id="answer with an odd number"),
        pytest.param("{}", id="nothing"),
        pytest.param('{"something":"new"}', id="something new"),
    ],
)
def test_what_was_not_asked_for_means_nothing(frame: str) -> None:
    assert list(session().read(frame.encode())) == []


def test_an_acknowledgement_names_what_was_asked_for_with_its_id() -> None:
    opened = session("BTCUSDT", "ETHUSDT")
    opened.opening()
    assert list(opened.read(b'{"result":null,"id":1}')) == [Accepted(frozenset({"BTCUSDT", "ETHUSDT"}), is_all=False)]
    assert list(opened.read(b'{"result":null,"id":1}')) == []


@pytest.mark.parametrize(
    ("frame", "natives"),
    [
        pytest.param('{"code":2,"msg":"Invalid request: no","id":1}', {"BTCUSDT"}, id="with our id"),
        pytest.param('{"code":1,"msg":"Invalid value type: expected Boolean"}', {None}, id="without an id"),
        pytest.param('{"code":3,"msg":"Invalid JSON: no","id":77}', {None}, id="with another id"),
        pytest.param('{"error":{"code":2,"msg":"Invalid request"},"id":1}', {"BTCUSDT"}, id="nested"),
        pytest.param('{"code":"Invalid","msg":null,"error":null,"id":1}', {"BTCUSDT"}, id="nulls"),
        pytest.param('{"code":2,"msg":["Invalid"],"id":[1]}', {None}, id="a message and an id that are lists"),
    ],
)
def test_an_error_refuses_what_it_answers(frame: str, natives: set[str | None]) -> None:
    opened = session()
    opened.opening()
    events = list(opened.read(frame.encode()))
    assert {event.native for event in events if isinstance(event, Refused)} == natives
    assert all("Invalid" in event.message for event in events if isinstance(event, Refused))


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', id="combined"),
        pytest.param('{"e":"serverShutdown","E":1770123456789}', id="raw"),
    ],
)
def test_a_server_that_shuts_down_is_departing(frame: str) -> None:
    assert list(session().read(frame.encode())) == [Departing()]


# what is no frame


DAMAGES = {
    "cut in the middle": REAL[:150],
    "cut after the name": REAL[:40],
    "no U": REAL.replace(b'"U":50093239189,', b""),
    "U is text": REAL.replace(b'"U":50093239189', b'"U":"50093239189"'),
    "U after u": REAL.replace(b'"U":50093239189', b'"U":50093239203'),
    "U below zero": REAL.replace(b'"U":50093239189', b'"U":-1'),
    "u beyond 64 bits": REAL.replace(b'"u":50093239202', b'"u":9223372036854775808'),
    "u without end": REAL.replace(b'"u":50093239202', b'"u":' + b"9" * 5000),
    "E is null": REAL.replace(b'"E":1723161255208', b'"E":null'),
    "E is empty": REAL.replace(b'"E":1723161255208', b'"E":""'),
    "trailing garbage": REAL + b"}",
}


@pytest.mark.parametrize("frame", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_frame_says_whose_it_is_as_long_as_its_head_is_whole(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native == "BTCUSDT"
    assert "\n" not in str(damage.value)
    assert len(str(damage.value)) < 400


@pytest.mark.parametrize("is_escaped", [False, True], ids=["as it is", "escaped"])
def test_a_damaged_frame_of_a_name_beyond_ascii_says_whose_it_is(is_escaped: bool) -> None:  # noqa: FBT001
    native = "币安人生USDT"
    frame = json.dumps({"stream": f"{native.lower()}@depth@100ms", "data": {"s": native}}, ensure_ascii=is_escaped)
    with pytest.raises(MalformedFrame) as damage:
        session(native).read(frame.encode())
    assert damage.value.native == native


def test_a_time_of_zero_is_none() -> None:
    (event,) = session().read(REAL.replace(b'"E":1723161255208', b'"E":0'))
    assert isinstance(event, Change)
    assert event.event_time is None


@pytest.mark.parametrize("frame", [b"", b"nonsense", b"[]", b"null", b"1", REAL[30:], b"\xff" * 10], ids=repr)
def test_what_says_nothing_of_whose_it_is_may_be_anybodys(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native is None


def test_nesting_without_end_is_malformed_and_no_crash() -> None:
    with pytest.raises(MalformedFrame):
        session().read(b'{"stream":"btcusdt@depth@100ms","data":' + b"[" * 100_000)


# REST


def test_a_book_has_the_id_that_it_ends_with_and_the_limit_that_was_asked_for() -> None:
    body = binance_book(1027024, [("4.00000000", "431.00000000")], [("4.00000200", "12.00000000")])
    assert BINANCE.read_book(BTC, 1000, body) == snapshot_of(
        "BTCUSDT", 1027024, [("4.00000000", "431.00000000")], [("4.00000200", "12.00000000")], None, 1000
    )


INFO = json.dumps(
    {
        "timezone": "UTC",
        "symbols": [
            {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": [{}]},
            {"symbol": "BTCUSDC", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDC"},
            {"symbol": "XBTUSD", "status": "BREAK", "baseAsset": "XB", "quoteAsset": "TUSD"},
        ],
    }
).encode()


def test_symbols_are_canonical_by_what_the_venue_lists_never_by_their_length() -> None:
    listings = BINANCE.read_listings(INFO)
    assert [(each.instrument.symbol, each.instrument.native) for each in listings] == [
        ("BTC-USDT", "BTCUSDT"),
        ("BTC-USDC", "BTCUSDC"),
        ("XB-TUSD", "XBTUSD"),
    ]
    assert find_listing("binance", "BTC-USDT", listings) == Listing(BTC, is_tradable=True, state="TRADING")


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        pytest.param("BTC-USD", "binance lists no BTC-USD (did you mean BTC-USD", id="near to one"),
        pytest.param("QQQQ-ZZ", "binance lists no QQQQ-ZZ", id="near to none"),
        pytest.param("XB-TUSD", "binance does not trade XB-TUSD: BREAK", id="halted"),
    ],
)
def test_what_is_not_listed_or_not_traded_is_said(symbol: str, said: str) -> None:
    with pytest.raises(UnknownInstrument) as unknown:
        find_listing("binance", symbol, BINANCE.read_listings(INFO))
    assert str(unknown.value).startswith(said)


def test_the_venues_time_is_in_microseconds() -> None:
    assert BINANCE.clock_request().url.endswith("/api/v3/time")
    assert BINANCE.read_clock(b'{"serverTime":1770123456789}') == 1_770_123_456_789_000


@pytest.mark.parametrize("number", ["-1", "9" * 5000, str(10**400), "253402300800000"], ids=lambda text: text[:20])
def test_a_clock_that_tells_no_time_is_malformed(number: str) -> None:
    with pytest.raises(MalformedFrame) as caught:
        BINANCE.read_clock(f'{{"serverTime":{number}}}'.encode())
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("number", [2**63, 10**400, int("9" * 4000)], ids=["65 bits", "400 digits", "4000 digits"])
def test_an_update_id_that_no_record_can_carry_is_malformed(number: int) -> None:
    frame = REAL.replace(b'"u":50093239202', f'"u":{number}'.encode())
    assert frame != REAL
    with pytest.raises(MalformedFrame):
        session("BTCUSDT").read(frame)
    with pytest.raises(MalformedFrame):
        BINANCE.read_book(BTC, 20, f'{{"lastUpdateId":{number},"bids":[],"asks":[]}}'.encode())


# any bytes


mutations = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=4)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
def test_any_bytes_give_events_or_an_error_of_ours(frame: bytes) -> None:
    _read_everything(frame)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8), st.data())
def test_any_json_under_the_keys_we_know_gives_events_or_an_error_of_ours(value: object, data: st.DataObject) -> None:
    message = json.loads(REAL)
    part = message if data.draw(st.booleans()) else message["data"]
    part[data.draw(st.sampled_from([*part, "id", "code", "msg", "e", "error"]))] = value
    _read_everything(json.dumps(message).encode())


@given(mutations, st.data())
def test_any_damage_to_a_real_frame_gives_events_or_an_error_of_ours(
    damages: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    frame = bytearray(data.draw(st.sampled_from(lines(excerpt("binance_btcusdt_excerpt.gz"))[:12])))
    for place, replacement in damages:
        at = place % len(frame)
        frame[at : at + data.draw(st.integers(0, 3))] = replacement
    _read_everything(bytes(frame))


def _read_everything(payload: bytes) -> None:
    opened = session()
    opened.opening()
    for read in (
        opened.read,
        BINANCE.read_listings,
        BINANCE.read_clock,
        lambda body: BINANCE.read_book(BTC, 100, body),
    ):
        try:
            read(payload)
        except AppError as error:
            assert isinstance(error, MalformedFrame)  # noqa: PT017 - anything else must fly


@pytest.mark.parametrize("name", ["btcusdt_20240808.gz", "btcusdt_20240809.gz"])
def test_every_frame_of_the_real_captures_is_read(name: str) -> None:
    opened = session()
    kinds = dict.fromkeys(("depth", "other"), 0)
    for line in lines(capture(f"binance_spot/{name}")):
        if line.startswith(b'{"lastUpdateId"'):
            assert len(tuples(BINANCE.read_book(BTC, 1000, line).bids)) == 1000
            continue
        events = opened.read(line)
        is_depth = b"@depth" in line[:40]
        assert len(events) == is_depth
        kinds["depth" if is_depth else "other"] += 1
    assert kinds["depth"] > 2000
    assert kinds["other"] > 2000


def test_every_depth_event_of_the_excerpt_is_read_with_its_text() -> None:
    changes = [
        change
        for line in lines(excerpt("binance_btcusdt_excerpt.gz"))
        if not line.startswith(b'{"lastUpdateId"')
        for change in session().read(line)
    ]
    assert len(changes) == 41
    for change in changes:
        assert isinstance(change, Change)
        written = binance_event("BTCUSDT", change.first_id, change.last_id, tuples(change.bids), tuples(change.asks))
        assert list(session().read(written)) == [_with_time(change)]


def _with_time(change: Change) -> Change:
    return attrs.evolve(change, event_time=1_700_000_000_000_000)


# names that are not ASCII

CHINESE = "币安人生USDT"


def test_a_name_that_is_not_ascii_is_subscribed_as_it_is_and_encoded_in_an_address() -> None:
    listed = Instrument("binance", "币安人生-USDT", CHINESE)
    encoded = "%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT"
    assert f'"{CHINESE.lower()}@depth@100ms"' in session(CHINESE).opening()[0]
    assert f"symbol={encoded}&" in BINANCE.book_request(listed, 100).url
    assert BINANCE.listings_request([CHINESE, "BTCUSDT"]).url.endswith(
        f"exchangeInfo?symbols=%5B%22{encoded}%22%2C%22BTCUSDT%22%5D"
    )
    assert BINANCE.native_of(listed.symbol) == CHINESE


@pytest.mark.parametrize("stream", [CHINESE.lower(), json.dumps(CHINESE.lower())[1:-1]], ids=["as it is", "escaped"])
def test_a_damaged_frame_of_a_name_that_is_not_ascii_is_its_own_trouble(stream: str) -> None:
    frame = f'{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":1,"s":"'.encode()
    with pytest.raises(MalformedFrame) as malformed:
        session(CHINESE).read(frame)
    assert malformed.value.native == CHINESE


def test_a_frame_damaged_within_the_name_is_nobodys() -> None:
    with pytest.raises(MalformedFrame) as malformed:
        session(CHINESE).read(b'{"stream":"\xe5\xb8@depth@100ms","data":{')
    assert malformed.value.native is None


# listings


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"symbol": "NEWUSDT", "status": None, "baseAsset": "NEW", "quoteAsset": "USDT"}, id="null"),
        pytest.param({"symbol": "NEWUSDT", "baseAsset": "NEW", "quoteAsset": "USDT"}, id="no status"),
        pytest.param({"symbol": "NEWUSDT", "status": "TRADING", "quoteAsset": "USDT"}, id="no base"),
        pytest.param({"symbol": "NEWUSDT", "status": 1, "baseAsset": "NEW", "quoteAsset": "USDT"}, id="new type"),
        pytest.param(
            {"symbol": "X", "status": "TRADING", "baseAsset": "\u202eX", "quoteAsset": "USDT"}, id="harmful name"
        ),
        pytest.param(None, id="nothing"),
    ],
)
def test_an_odd_entry_of_a_listing_costs_only_itself(odd: object) -> None:
    good = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    catalogue = BINANCE.read_listings(json.dumps({"symbols": [good, odd, good]}).encode())
    assert [listing.instrument.symbol for listing in catalogue] == ["BTC-USDT", "BTC-USDT"]
    assert catalogue.unreadable == 1
    assert catalogue.problem is not None
    assert catalogue.problem.isprintable()


@pytest.mark.parametrize(
    ("state", "has_book"), [("TRADING", True), ("HALT", True), ("CANCEL_ONLY", True), ("BREAK", False)]
)
def test_only_a_break_has_no_book(state: str, *, has_book: bool) -> None:
    entry = {"symbol": "BTCUSDT", "status": state, "baseAsset": "BTC", "quoteAsset": "USDT"}
    (listing,) = BINANCE.read_listings(json.dumps({"symbols": [entry]}).encode())
    assert (listing.has_book, listing.is_tradable) == (has_book, state == "TRADING")

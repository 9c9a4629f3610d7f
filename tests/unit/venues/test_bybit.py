"""Bybit's dialect: what is sent, what real frames mean, and what is no frame of it."""

import json

import pytest
from tests.support.captures import capture, excerpt, lines
from tests.support.naive import NaiveBook
from tests.support.raw import change_of, snapshot_of, tuples, without_space
from tests.support.venues import BYBIT, bybit_book, bybit_frame

from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.bybit import Bybit
from market_data.adapters.venues.wire import Endpoint
from market_data.application.ports import LISTED_AT_ONCE, Request, VenueSession
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.events import Accepted, Change, Refused, Snapshot
from market_data.domain.instrument import Instrument, Listing
from market_data.domain.normalized import Reason

BTC = Instrument("bybit", "BTC-USDT", "BTCUSDT")
REAL = (
    b'{"topic":"orderbook.50.BTCUSDT","ts":1787612486116,"type":"delta","data":{"s":"BTCUSDT","b":[],'
    b'"a":[["78716.8","0.027559"],["78748.5","0"]],"u":217107085,"seq":113099229629},"cts":1787612486108}'
)


def session(*natives: str, venue: Bybit = BYBIT) -> VenueSession:
    return venue.session([Instrument("bybit", native, native) for native in natives or ("BTCUSDT",)])


def coins(count: int) -> list[str]:
    return [f"COIN{number}USDT" for number in range(count)]


def requests(messages: object) -> list[tuple[str, list[str]]]:
    assert isinstance(messages, list)
    return [(each["op"], each["args"]) for each in map(json.loads, messages)]


def answer(request: str, *, success: bool = True, message: str = "subscribe") -> bytes:
    """Answer a request as the venue does: by its number, and without a topic."""
    sent = json.loads(request)
    found = {"success": success, "ret_msg": message, "conn_id": "1", "req_id": sent["req_id"], "op": sent["op"]}
    return json.dumps(found).encode()


# what is sent


def test_it_is_registered_by_its_name() -> None:
    assert DIALECTS["bybit"] is Bybit


@pytest.mark.parametrize(("chosen", "levels"), [(None, 200), (50, 50), (200, 200)])
def test_the_stanza_chooses_how_many_levels_are_subscribed(chosen: int | None, levels: int) -> None:
    venue = Bybit(Endpoint("bybit", "ws://127.0.0.1:9", "http://127.0.0.1:9", 200, 10, 600, chosen))
    (message,) = session("BTCUSDT", venue=venue).opening()
    assert json.loads(message) == {"op": "subscribe", "req_id": "1", "args": [f"orderbook.{levels}.BTCUSDT"]}
    assert venue.continuity.levels == levels
    assert levels in Bybit.offered_levels


def test_ten_topics_share_a_request() -> None:
    messages = session(*coins(25)).opening()
    assert [len(topics) for _, topics in requests(messages)] == [10, 10, 5]
    assert [topic for _, topics in requests(messages) for topic in topics] == [f"orderbook.50.{c}" for c in coins(25)]
    assert len({json.loads(message)["req_id"] for message in messages}) == 3


def test_one_market_under_two_names_is_subscribed_once() -> None:
    assert requests(session("BTCUSDT", "BTCUSDT").opening()) == [("subscribe", ["orderbook.50.BTCUSDT"])]


def test_topics_are_renewed_by_leaving_and_subscribing_again() -> None:
    messages = requests(session(*coins(12)).renewing(coins(12)))
    assert [(verb, len(topics)) for verb, topics in messages] == [
        ("unsubscribe", 10),
        ("subscribe", 10),
        ("unsubscribe", 2),
        ("subscribe", 2),
    ]


def test_the_venue_is_told_that_we_are_there() -> None:
    assert session().ping() == ('{"op":"ping"}',)
    assert BYBIT.ping_seconds == 20.0


@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "with a slash"])
def test_the_addresses_are_those_of_the_stanza(slash: str) -> None:
    venue = Bybit(
        Endpoint("bybit", "wss://stream.bybit.com/v5/public/spot", f"https://api.bybit.com{slash}", 200, 10, 600)
    )
    assert venue.websocket_url() == "wss://stream.bybit.com/v5/public/spot"
    assert venue.clock_request().url == "https://api.bybit.com/v5/market/time"
    assert venue.listings_request().url == "https://api.bybit.com/v5/market/instruments-info?category=spot"


@pytest.mark.parametrize(("levels", "limit"), [(20, 20), (200, 200), (5000, 1000)])
def test_no_more_levels_are_asked_for_than_there_are(levels: int, limit: int) -> None:
    url = f"http://127.0.0.1:9/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit={limit}"
    assert BYBIT.book_request(BTC, levels) == Request(url, 1, max_bytes=512 * limit + 65_536)
    assert BYBIT.read_book(BTC, levels, bybit_book("BTCUSDT", [], [])).limit == limit


def test_one_instrument_is_asked_for_alone_and_several_with_all() -> None:
    alone, several = BYBIT.listings_request(["BTCUSDT"]), BYBIT.listings_request(["BTCUSDT"] * LISTED_AT_ONCE)
    assert alone.url.endswith("?category=spot&symbol=BTCUSDT")
    assert several == BYBIT.listings_request()


# what frames mean


def test_a_real_delta_is_a_change_of_one_number_with_the_engines_time() -> None:
    levels = [("78716.8", "0.027559"), ("78748.5", "0")]
    expected = change_of("BTCUSDT", 217_107_085, 217_107_085, [], levels, 1_787_612_486_108_000)
    assert list(session().read(REAL)) == [expected]


def test_keys_in_another_order_and_keys_that_are_new_change_nothing() -> None:
    message = json.loads(REAL)
    message["data"] = dict(reversed(list(message["data"].items()))) | {"new": {"deep": [1]}}
    turned = json.dumps(dict(reversed(list(message.items()))) | {"other": 1}, indent=1).encode()
    assert list(map(without_space, session().read(turned))) == list(session().read(REAL))


def test_a_frame_without_the_engines_time_has_that_of_its_sending() -> None:
    (event,) = session().read(REAL.replace(b',"cts":1787612486108', b""))
    assert isinstance(event, Change)
    assert event.event_time == 1_787_612_486_116_000


@pytest.mark.parametrize("number", [1, 217_107_084])
def test_a_snapshot_is_the_whole_book_whatever_its_number(number: int) -> None:
    frame = bybit_frame("BTCUSDT", number, [("1", "2")], [("3", "4")], kind="snapshot")
    expected = snapshot_of("BTCUSDT", number, [("1", "2")], [("3", "4")], 1_700_000_000_000_000)
    assert list(session().read(frame)) == [expected]


def test_a_delta_of_a_service_that_started_anew_does_not_follow() -> None:
    (event,) = session().read(bybit_frame("BTCUSDT", 1, [], []))
    assert event == change_of("BTCUSDT", 1, 1, [], [], 1_700_000_000_000_000)


def test_an_acknowledgement_is_that_of_the_request_with_its_number() -> None:
    opened = session(*coins(12))
    first, second = opened.opening()
    assert list(opened.read(answer(second))) == [Accepted(frozenset(coins(12)[10:]), is_all=False)]
    assert list(opened.read(answer(first))) == [Accepted(frozenset(coins(12)[:10]), is_all=False)]
    assert list(opened.read(answer(first))) == []
    left, again = opened.renewing(["COIN3USDT"])
    assert list(opened.read(answer(left, message=""))) == []
    assert list(opened.read(answer(again))) == [Accepted(frozenset({"COIN3USDT"}), is_all=False)]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param('{"success":true,"ret_msg":"pong","conn_id":"1","req_id":"p1","op":"ping"}', id="pong"),
        pytest.param('{"op":"pong","args":["1675418560633"],"conn_id":"1"}', id="another pong"),
        pytest.param('{"success":true,"ret_msg":"subscribe","conn_id":"1","op":"subscribe"}', id="without a number"),
        pytest.param(REAL.decode().replace("orderbook.50", "orderbook.1"), id="another depth"),
        pytest.param(REAL.decode().replace("BTCUSDT", "XRPUSDT"), id="a stranger"),
        pytest.param('{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"i":"1"}]}', id="trades"),
        pytest.param('{"success":false,"ret_msg":"not subscribed","op":"unsubscribe"}', id="an error of leaving"),
        pytest.param("{}", id="nothing"),
        pytest.param('{"something":"new"}', id="something new"),
    ],
)
def test_what_was_not_asked_for_means_nothing(frame: str) -> None:
    assert list(session().read(frame.encode())) == []


@pytest.mark.parametrize(
    ("message", "has_number", "natives"),
    [
        pytest.param("Invalid symbol :[orderbook.50.ETHUSDT]", False, ["ETHUSDT"], id="recorded: one is named"),
        pytest.param("Invalid symbol :[orderbook.50.ETHUSDT]", True, ["ETHUSDT"], id="one is named, and the request"),
        pytest.param("error:already subscribed,topic:orderbook.50.BTCUSDT", False, ["BTCUSDT"], id="twice"),
        pytest.param("args size >10", True, ["BTCUSDT", "ETHUSDT"], id="the request is named"),
        pytest.param("Invalid topic: orderbook.50.XRPUSDT", False, [None], id="a stranger is named"),
        pytest.param("error", False, [None], id="nobody is named"),
    ],
)
def test_an_error_refuses_whom_it_names(message: str, has_number: bool, natives: list[str | None]) -> None:  # noqa: FBT001
    opened = session("BTCUSDT", "ETHUSDT")
    (request,) = opened.opening()
    frame = answer(request, success=False, message=message)
    frame = frame if has_number else frame.replace(b'"req_id": "1", ', b"")
    assert list(opened.read(frame)) == [Refused(message, native) for native in natives]


def test_what_was_refused_shares_no_request_with_others_again() -> None:
    opened = session("BTCUSDT", "NOUSDT", "ETHUSDT")
    opened.opening()
    opened.read(b'{"success":false,"ret_msg":"Invalid symbol :[orderbook.50.NOUSDT]","conn_id":"1","op":"subscribe"}')
    assert requests(opened.renewing(["BTCUSDT", "NOUSDT", "ETHUSDT"])) == [
        (verb, [f"orderbook.50.{native}" for native in natives])
        for natives in (["BTCUSDT", "ETHUSDT"], ["NOUSDT"])
        for verb in ("unsubscribe", "subscribe")
    ]


# what is no frame

DAMAGES = {
    "cut in the middle": REAL[:150],
    "cut after the name": REAL[:40],
    "no u": REAL.replace(b'"u":217107085,', b""),
    "u is text": REAL.replace(b'"u":217107085', b'"u":"217107085"'),
    "u beyond 64 bits": REAL.replace(b'"u":217107085', b'"u":9223372036854775808'),
    "u without end": REAL.replace(b'"u":217107085', b'"u":' + b"9" * 5000),
    "another type": REAL.replace(b'"delta"', b'"partial"'),
    "no type": REAL.replace(b'"type":"delta",', b""),
    "another's book": REAL.replace(b'"s":"BTCUSDT"', b'"s":"ETHUSDT"'),
    "data is null": REAL[: REAL.index(b'"data"')] + b'"data":null}',
    "no side": REAL.replace(b'"b":[],', b""),
    "cts beyond the year 10000": REAL.replace(b"1787612486108", b"253402300800001"),
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
    frame = json.dumps({"topic": f"orderbook.50.{native}", "type": "delta"}, ensure_ascii=is_escaped)
    with pytest.raises(MalformedFrame) as damage:
        session(native).read(frame.encode())
    assert damage.value.native == native


@pytest.mark.parametrize("frame", [b"", b"pong", b"\xff\xfe", b"[]", b"[" * 5000, REAL[:20]])
def test_what_is_no_frame_at_all_is_nobodys(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native is None


# answers


def test_a_book_has_no_number_that_its_stream_has() -> None:
    assert BYBIT.read_book(BTC, 20, bybit_book("BTCUSDT", [("1", "2")], [("3", "4")])) == snapshot_of(
        "BTCUSDT", None, [("1", "2")], [("3", "4")], 1_700_000_000_000_000, limit=20
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"retCode":10001,"retMsg":"Not supported symbols","result":{},"retExtInfo":{},"time":1672765737733}',
        b'{"retCode":0,"retMsg":"OK","result":{},"time":1672765737733}',
        b'{"retCode":0,"retMsg":"OK"}',
        bybit_book("ETHUSDT", [], []),
        b"<html>",
    ],
)
def test_an_answer_that_is_no_book_says_whose_it_is(body: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        BYBIT.read_book(BTC, 20, body)
    assert damage.value.native == "BTCUSDT"


def test_a_refusal_for_asking_too_much_is_told_from_damage_whatever_its_status() -> None:
    with pytest.raises(RequestFailed) as refusal:
        BYBIT.read_book(BTC, 20, b'{"retCode":10006,"retMsg":"Too many visits!"}')
    assert refusal.value.reason is Reason.RATE_LIMITED


def entry(symbol: str, base: str, quoted: str, status: str | None = "Trading") -> dict[str, object]:
    return {"symbol": symbol, "baseCoin": base, "quoteCoin": quoted, "status": status, "priceFilter": {"tickSize": "1"}}


def listings(*entries: object) -> list[Listing]:
    body = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": entries}, "time": 1}
    return list(BYBIT.read_listings(json.dumps(body).encode()))


def test_symbols_are_never_split_and_usd_is_not_usdt() -> None:
    found = listings(
        entry("BTCUSDT", "BTC", "USDT"), entry("XBTUSD", "X", "BTUSD"), entry("BTCUSD", "BTC", "USD", "Closed")
    )
    assert [(each.instrument, each.is_tradable, each.state) for each in found] == [
        (BTC, True, "Trading"),
        (Instrument("bybit", "X-BTUSD", "XBTUSD"), True, "Trading"),
        (Instrument("bybit", "BTC-USD", "BTCUSD"), False, "Closed"),
    ]


def test_an_odd_entry_costs_only_itself() -> None:
    entries = [entry("BTCUSDT", "BTC", "USDT"), entry("ETHUSDT", "ETH", "USDT", None), 7]
    body = {"retCode": 0, "retMsg": "OK", "result": {"list": entries}}
    catalogue = BYBIT.read_listings(json.dumps(body).encode())
    assert [each.instrument for each in catalogue] == [BTC]
    assert catalogue.unreadable == 2


def test_a_symbol_that_there_is_not_is_not_listed() -> None:
    assert list(BYBIT.read_listings(b'{"retCode":10001,"retMsg":"params error: symbol invalid","result":{}}')) == []


def test_an_error_in_place_of_a_listing_is_told() -> None:
    with pytest.raises(MalformedFrame, match=r"10016.*service"):
        BYBIT.read_listings(b'{"retCode":10016,"retMsg":"service error","result":{}}')


def test_the_venue_tells_its_time() -> None:
    body = b'{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"},"time":1}'
    assert BYBIT.read_clock(body) == 1_688_639_403_423_213


# real frames


@pytest.mark.parametrize("is_ours", [True, False], ids=["excerpt", "captures"])
def test_every_real_frame_proves_itself(is_ours: bool) -> None:  # noqa: FBT001
    path = excerpt("bybit_btcusdt_excerpt.gz") if is_ours else capture("bybit/v5_rerendered_l2_25_20210417.gz")
    frames = lines(path)
    natives = {json.loads(frame)["data"]["s"] for frame in frames if b'"topic"' in frame}
    opened = session(*natives)
    opened.opening()
    last: dict[str, int] = {}
    books = {native: NaiveBook() for native in natives}
    changes = 0
    for frame in frames:
        for event in opened.read(frame):
            assert isinstance(event, Change | Snapshot)
            book = books[event.native]
            if isinstance(event, Snapshot):
                book.replace(tuples(event.bids), tuples(event.asks))
                assert event.sequence is not None
                last[event.native] = event.sequence
            else:
                assert event.first_id == event.last_id == last[event.native] + 1
                book.apply(tuples(event.bids), tuples(event.asks))
                last[event.native] = event.last_id
                changes += 1
            assert max(len(book.bids.levels), len(book.asks.levels)) <= 50
    assert changes == (8 if is_ours else 3252)
    assert last.keys() == natives

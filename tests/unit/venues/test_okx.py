"""OKX's dialect: what is sent, what real frames mean, and what is no frame of it."""

import json

import attrs
import pytest
from tests.support.captures import capture, excerpt, lines
from tests.support.naive import NaiveBook
from tests.support.raw import change_of, snapshot_of, tuples, without_space
from tests.support.venues import OKX_SPOT, okx_book, okx_frame

from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.okx import OKX
from market_data.adapters.venues.wire import Endpoint
from market_data.application.ports import LISTED_AT_ONCE, Request, VenueSession
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.events import Accepted, Change, Departing, Refused, Snapshot
from market_data.domain.instrument import Instrument, Listing
from market_data.domain.normalized import Reason

BTC = Instrument("okx", "BTC-USDT", "BTC-USDT")
REAL = (
    b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["78722.7","0.0000102","0","1"]'
    b',["78925","0","0","0"]],"bids":[],"ts":"1787612486307","checksum":0,"seqId":80274874887,"prevSeqId":80274874876}]}'
)


def session(*natives: str) -> VenueSession:
    return OKX_SPOT.session([Instrument("okx", native, native) for native in natives or ("BTC-USDT",)])


def arguments(message: str) -> list[str]:
    """Name the instruments of a request, whose every argument is of our channel."""
    found = json.loads(message)["args"]
    assert {each["channel"] for each in found} == {"books"}
    return [each["instId"] for each in found]


# what is sent


def test_it_is_registered_by_its_name() -> None:
    assert DIALECTS["okx"] is OKX


def test_all_channels_are_subscribed_in_one_message() -> None:
    (message,) = session("BTC-USDT", "ETH-USDT").opening()
    assert json.loads(message) == {
        "id": "1",
        "op": "subscribe",
        "args": [{"channel": "books", "instId": "BTC-USDT"}, {"channel": "books", "instId": "ETH-USDT"}],
    }


def test_one_market_under_two_names_is_subscribed_once() -> None:
    (message,) = session("BTC-USDT", "BTC-USDT").opening()
    assert arguments(message) == ["BTC-USDT"]


@pytest.mark.parametrize("name", ["COIN{}-USDT", "币安人生币安人生{}-USDT"], ids=["plain", "three bytes a character"])
def test_many_channels_are_subscribed_in_as_few_messages_as_may_hold_them(name: str) -> None:
    natives = [name.format(number) for number in range(3000)]
    messages = session(*natives).opening()
    assert [native for message in messages for native in arguments(message)] == natives
    sizes = [len(message.encode()) for message in messages]
    assert max(sizes) <= 65_536
    assert len(messages) <= sum(sizes) // 59_000 + 1
    assert len({json.loads(message)["id"] for message in messages}) == len(messages)


def test_an_instrument_is_renewed_by_leaving_and_subscribing_again() -> None:
    opened = session("BTC-USDT", "ETH-USDT")
    opened.opening()
    messages = opened.renewing(["ETH-USDT"])
    assert [json.loads(message)["op"] for message in messages] == ["unsubscribe", "subscribe"]
    assert [arguments(message) for message in messages] == [["ETH-USDT"], ["ETH-USDT"]]


def test_many_are_renewed_in_two_messages() -> None:
    natives = [f"COIN{number}-USDT" for number in range(200)]
    assert [arguments(message) for message in session(*natives).renewing(natives)] == [natives, natives]


def test_the_venue_is_told_in_time_that_we_are_there() -> None:
    assert session().ping() == ("ping",)
    assert OKX_SPOT.ping_seconds is not None
    assert OKX_SPOT.ping_seconds < 30
    assert list(session().read(b"pong")) == []


@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "with a slash"])
def test_the_addresses_are_those_of_the_stanza(slash: str) -> None:
    venue = OKX(Endpoint("okx", "wss://ws.okx.com:8443/ws/v5/public", f"https://www.okx.com{slash}", 200, 3, 600))
    assert venue.websocket_url() == "wss://ws.okx.com:8443/ws/v5/public"
    assert venue.clock_request().url == "https://www.okx.com/api/v5/public/time"
    assert venue.listings_request().url == "https://www.okx.com/api/v5/public/instruments?instType=SPOT"


@pytest.mark.parametrize(("levels", "size"), [(20, 20), (400, 400), (1000, 400)])
def test_no_more_levels_are_asked_for_than_there_are(levels: int, size: int) -> None:
    url = f"http://127.0.0.1:9/api/v5/market/books?instId=BTC-USDT&sz={size}"
    assert OKX_SPOT.book_request(BTC, levels) == Request(url, 1, max_bytes=512 * size + 65_536)
    assert OKX_SPOT.read_book(BTC, levels, okx_book(7, [], [])).limit == size


def test_one_instrument_is_asked_for_alone_and_several_with_all() -> None:
    alone, several = OKX_SPOT.listings_request(["BTC-USDT"]), OKX_SPOT.listings_request(["BTC-USDT"] * LISTED_AT_ONCE)
    assert alone.url.endswith("?instType=SPOT&instId=BTC-USDT")
    assert several == OKX_SPOT.listings_request()


# what frames mean


def test_a_real_update_is_a_change_that_begins_behind_the_one_before() -> None:
    assert list(session().read(REAL)) == [
        change_of(
            "BTC-USDT",
            80_274_874_877,
            80_274_874_887,
            [],
            [("78722.7", "0.0000102"), ("78925", "0")],
            1_787_612_486_307_000,
        )
    ]


def test_keys_in_another_order_and_keys_that_are_new_change_nothing() -> None:
    message = json.loads(REAL)
    message["data"] = [dict(reversed(list(message["data"][0].items()))) | {"new": {"deep": [1]}}]
    turned = json.dumps(dict(reversed(list(message.items()))) | {"other": 1}, indent=1).encode()
    assert list(map(without_space, session().read(turned))) == list(session().read(REAL))


def test_nothing_new_is_an_empty_range() -> None:
    (event,) = session().read(okx_frame("BTC-USDT", 50, 50, [], []))
    assert event == change_of("BTC-USDT", 51, 50, [], [], 1_700_000_000_000_000)


def test_ids_that_step_back_are_said_as_they_are() -> None:
    (event,) = session().read(okx_frame("BTC-USDT", 50, 3, [("1", "2")], []))
    assert event == change_of("BTC-USDT", 51, 3, [("1", "2")], [], 1_700_000_000_000_000)


@pytest.mark.parametrize("has_previous", [True, False], ids=["with prevSeqId", "without"])
def test_a_snapshot_is_the_whole_book(has_previous: bool) -> None:  # noqa: FBT001
    frame = okx_frame("BTC-USDT", -1, 50, [("1", "2")], [("3", "4")], action="snapshot")
    frame = frame if has_previous else frame.replace(b',"prevSeqId":-1', b"")
    expected = snapshot_of("BTC-USDT", 50, [("1", "2")], [("3", "4")], 1_700_000_000_000_000)
    assert list(session().read(frame)) == [expected]


def test_what_stands_behind_price_and_size_is_passed_over() -> None:
    frame = REAL.replace(b'["78925","0","0","0"]', b'["78925","0"],["78926","1","4","5",{"6":[7]}]')
    (event,) = session().read(frame)
    assert isinstance(event, Change)
    assert tuples(event.asks) == [("78722.7", "0.0000102"), ("78925", "0"), ("78926", "1")]


def test_an_acknowledgement_names_its_instrument() -> None:
    frame = b'{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"32f4414f"}'
    assert list(session("BTC-USDT", "ETH-USDT").read(frame)) == [Accepted(frozenset({"BTC-USDT"}), is_all=False)]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param('{"event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"1"}', id="left"),
        pytest.param('{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"}}', id="another channel"),
        pytest.param('{"event":"subscribe"}', id="an acknowledgement of nothing"),
        pytest.param('{"event":"channel-conn-count","channel":"books","connCount":"1","connId":"1"}', id="counts"),
        pytest.param('{"event":"notice","code":"64009","msg":"Other.","connId":"1"}', id="another notice"),
        pytest.param('{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"last":"1"}]}', id="a ticker"),
        pytest.param(REAL.decode().replace('"books"', '"books5"'), id="five levels"),
        pytest.param("{}", id="nothing"),
        pytest.param('{"something":"new"}', id="something new"),
    ],
)
def test_what_was_not_asked_for_means_nothing(frame: str) -> None:
    assert list(session().read(frame.encode())) == []


@pytest.mark.parametrize(
    ("message", "number", "natives"),
    [
        pytest.param("channel:books,instId:ETH-USDT doesn't exist.", None, ["ETH-USDT"], id="one is named"),
        pytest.param("Wrong arg instId: ETH-USDT. No.", "1", ["ETH-USDT"], id="one is named, and the request"),
        pytest.param("Requests too frequent", "1", ["BTC-USDT", "ETH-USDT"], id="the request is named"),
        pytest.param("channel:books,instId:XRP-USDT doesn't exist", None, [None], id="a stranger is named"),
        pytest.param("Requests too frequent", "77", [None], id="a request that was not ours"),
        pytest.param("Illegal request", None, [None], id="nobody is named"),
    ],
)
def test_an_error_refuses_whom_it_names(message: str, number: str | None, natives: list[str | None]) -> None:
    opened = session("BTC-USDT", "ETH-USDT")
    opened.opening()
    error = {"event": "error", "code": "60018", "msg": message, "connId": "1"} | ({"id": number} if number else {})
    events = list(opened.read(json.dumps(error).encode()))
    assert events == [Refused(f"60018: {message}", native) for native in natives]


def test_an_error_of_leaving_means_nothing() -> None:
    opened = session()
    leaving, _ = opened.renewing(["BTC-USDT"])
    error = {"event": "error", "code": "60018", "msg": "instId:BTC-USDT is not subscribed"}
    assert list(opened.read(json.dumps({**error, "id": json.loads(leaving)["id"]}).encode())) == []


def test_a_service_upgrade_is_a_departure() -> None:
    frame = (
        b'{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please '
        b'reconnect.","connId":"a4d3ae55"}'
    )
    assert list(session().read(frame)) == [Departing()]


# what is no frame

DAMAGES = {
    "cut in the middle": REAL[:150],
    "cut after the name": REAL[:50],
    "no seqId": REAL.replace(b'"seqId":80274874887,', b""),
    "no prevSeqId": REAL.replace(b',"prevSeqId":80274874876', b""),
    "prevSeqId below -1": REAL.replace(b'"prevSeqId":80274874876', b'"prevSeqId":-2'),
    "seqId beyond 64 bits": REAL.replace(b'"seqId":80274874887', b'"seqId":9223372036854775808'),
    "prevSeqId whose next is beyond 64 bits": REAL.replace(b"80274874876", b"9223372036854775807"),
    "seqId without end": REAL.replace(b'"seqId":80274874887', b'"seqId":' + b"9" * 5000),
    "another action": REAL.replace(b'"update"', b'"partial"'),
    "no action": REAL.replace(b'"action":"update",', b""),
    "data is null": REAL[: REAL.index(b'"data"')] + b'"data":null}',
    "a level of one text": REAL.replace(b'["78925","0","0","0"]', b'["78925"]'),
    "a level of numbers": REAL.replace(b'["78925","0","0","0"]', b'[78925,0,"0","0"]'),
    "a level that is none": REAL.replace(b'["78925","0","0","0"]', b"null"),
    "sides are null": REAL.replace(b'"bids":[]', b'"bids":null'),
    "ts is empty": REAL.replace(b'"1787612486307"', b'""'),
    "ts beyond the year 10000": REAL.replace(b'"1787612486307"', b'"253402300800001"'),
    "trailing garbage": REAL + b"}",
}


@pytest.mark.parametrize("frame", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_frame_says_whose_it_is_as_long_as_its_head_is_whole(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native == "BTC-USDT"
    assert "\n" not in str(damage.value)
    assert len(str(damage.value)) < 400


@pytest.mark.parametrize("is_escaped", [False, True], ids=["as it is", "escaped"])
def test_a_damaged_frame_of_a_name_beyond_ascii_says_whose_it_is(is_escaped: bool) -> None:  # noqa: FBT001
    native = "币安人生-USDT"
    frame = json.dumps({"arg": {"channel": "books", "instId": native}, "action": "update"}, ensure_ascii=is_escaped)
    with pytest.raises(MalformedFrame) as damage:
        session(native).read(frame.encode())
    assert damage.value.native == native


@pytest.mark.parametrize("frame", [b"", b"pong ", b"\xff\xfe", b"[]", b"[" * 5000, REAL[:30]])
def test_what_is_no_frame_at_all_is_nobodys(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native is None


# answers


def test_a_book_has_the_id_that_its_stream_has() -> None:
    assert OKX_SPOT.read_book(BTC, 20, okx_book(50, [("1", "2")], [("3", "4")])) == snapshot_of(
        "BTC-USDT", 50, [("1", "2")], [("3", "4")], 1_700_000_000_000_000, limit=20
    )
    assert OKX_SPOT.read_book(BTC, 20, okx_book(None, [], [])).sequence is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":"51001","msg":"Instrument ID does not exist","data":[]}',
        b'{"code":"0","msg":"","data":[]}',
        b'{"code":"0","msg":"","data":[{},{}]}',
        b'{"code":"0","msg":"","data":[{"asks":[]}]}',
        b"<html>",
    ],
)
def test_an_answer_that_is_no_book_says_whose_it_is(body: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        OKX_SPOT.read_book(BTC, 20, body)
    assert damage.value.native == "BTC-USDT"


def test_a_refusal_for_asking_too_much_is_told_from_damage_whatever_its_status() -> None:
    with pytest.raises(RequestFailed) as refusal:
        OKX_SPOT.read_book(BTC, 20, b'{"code":"50011","msg":"Too Many Requests","data":null}')
    assert refusal.value.reason is Reason.RATE_LIMITED


def entry(**changes: object) -> dict[str, object]:
    return {
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "baseCcy": "BTC",
        "quoteCcy": "USDT",
        "tickSz": "0.1",
        "state": "live",
        "auctionEndTime": "",
    } | changes


def listings(*entries: object) -> list[Listing]:
    return list(OKX_SPOT.read_listings(json.dumps({"code": "0", "msg": "", "data": entries}).encode()))


def test_what_is_listed_is_canonical_and_usd_is_not_usdt() -> None:
    found = listings(entry(), entry(instId="BTC-USD", quoteCcy="USD"))
    assert [(each.instrument, each.is_tradable, each.has_book) for each in found] == [
        (BTC, True, True),
        (Instrument("okx", "BTC-USD", "BTC-USD"), True, True),
    ]


@pytest.mark.parametrize(
    ("changes", "is_tradable", "has_book", "may_cross"),
    [
        pytest.param({}, True, True, False, id="live"),
        pytest.param({"state": "suspend"}, False, True, False, id="suspended"),
        pytest.param({"state": "preopen"}, False, False, False, id="before its opening"),
        pytest.param({"state": "test"}, False, False, False, id="a test"),
        pytest.param({"state": "new"}, False, True, False, id="a state that is new"),
        pytest.param({"auctionEndTime": "1787612486307"}, True, True, True, id="an auction"),
    ],
)
def test_a_state_says_what_may_be_followed(
    changes: dict[str, object],
    is_tradable: bool,  # noqa: FBT001
    has_book: bool,  # noqa: FBT001
    may_cross: bool,  # noqa: FBT001
) -> None:
    (found,) = listings(entry(**changes))
    assert (found.is_tradable, found.has_book) == (is_tradable, has_book)
    assert found.is_crossing_legitimate is may_cross
    assert found.state == changes.get("state", "live")


def test_an_odd_entry_costs_only_itself_and_another_kind_of_market_is_passed_over() -> None:
    body = {"code": "0", "data": [entry(), entry(state=None), 7, entry(instType="SWAP", instId="BTC-USDT-SWAP")]}
    catalogue = OKX_SPOT.read_listings(json.dumps(body).encode())
    assert [each.instrument for each in catalogue] == [BTC]
    assert catalogue.unreadable == 2


def test_an_instrument_that_there_is_not_is_not_listed() -> None:
    body = b'{"code":"51001","msg":"Instrument ID, Instrument ID code, or Spread ID does not exist.","data":[]}'
    assert list(OKX_SPOT.read_listings(body)) == []


def test_an_error_in_place_of_a_listing_is_told() -> None:
    with pytest.raises(MalformedFrame, match=r"50001.*unavailable"):
        OKX_SPOT.read_listings(b'{"code":"50001","msg":"Service temporarily unavailable","data":[]}')


def test_the_venue_tells_its_time() -> None:
    assert OKX_SPOT.read_clock(b'{"code":"0","msg":"","data":[{"ts":"1597026383085"}]}') == 1_597_026_383_085_000
    with pytest.raises(MalformedFrame):
        OKX_SPOT.read_clock(b'{"code":"0","msg":"","data":[]}')


# real frames


@pytest.mark.parametrize("is_ours", [True, False], ids=["excerpt", "captures"])
def test_every_real_frame_proves_itself(is_ours: bool) -> None:  # noqa: FBT001
    path = excerpt("okx_btcusdt_excerpt.gz") if is_ours else capture("okx/v5_rerendered_seq_20220513.gz")
    frames = lines(path)
    natives = {json.loads(frame)["arg"]["instId"] for frame in frames}
    opened = session(*natives)
    last: dict[str, int] = {}
    books: dict[str, NaiveBook] = {native: NaiveBook() for native in natives}
    changes = 0
    for frame in frames:
        for event in opened.read(frame):
            if isinstance(event, Snapshot):
                books[event.native].replace(tuples(event.bids), tuples(event.asks))
                assert event.sequence is not None
                last[event.native] = event.sequence
            elif isinstance(event, Change):
                assert event.first_id == last[event.native] + 1
                books[event.native].apply(tuples(event.bids), tuples(event.asks))
                last[event.native] = event.last_id
                changes += 1
            else:
                assert isinstance(event, Accepted)
    assert changes == (6 if is_ours else 287)
    assert all(max(len(book.bids.levels), len(book.asks.levels)) <= 400 for book in books.values())


def test_levels_are_those_of_the_frame() -> None:
    for frame in lines(excerpt("okx_btcusdt_excerpt.gz"))[1:]:
        (event,) = session().read(frame)
        assert isinstance(event, Change | Snapshot)
        (data,) = json.loads(frame)["data"]
        plain = attrs.asdict(without_space(event))
        assert (plain["bids"], plain["asks"]) == (event.bids, event.asks)
        assert [tuples(event.bids), tuples(event.asks)] == [
            [(price, size) for price, size, *_ in data[side]] for side in ("bids", "asks")
        ]

"""Coinbase's dialect: what is sent, what real frames mean, and what is no frame of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.captures import capture, excerpt, lines
from tests.support.raw import change_of, snapshot_of, tuples
from tests.support.venues import COINBASE, coinbase_event, coinbase_frame

from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.coinbase import Coinbase
from market_data.adapters.venues.wire import Endpoint, largest_time, time_of
from market_data.application.ports import Request, VenueSession
from market_data.domain.errors import AppError, MalformedFrame, UnknownInstrument
from market_data.domain.events import Accepted, Change, Event, Numbered, Refused, Snapshot, Unreadable
from market_data.domain.instrument import Instrument, find_listing

BTC = Instrument("coinbase", "BTC-USD", "BTC-USD")
REAL = (
    b'{"channel":"l2_data","timestamp":"2026-08-24T22:34:13.793075885Z","sequence_num":0,"events":[{"type":"snapshot",'
    b'"product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-24T22:34:13.483122Z",'
    b'"price_level":"78856.05","new_quantity":"0.0476177"},{"side":"offer","event_time":'
    b'"2026-08-24T22:34:13.483122Z","price_level":"78856.06","new_quantity":"0.0801158"}]}]}'
)
REAL_TIME = 1_787_610_853_483_122


def session(*natives: str) -> VenueSession:
    return COINBASE.session([Instrument("coinbase", native, native) for native in natives or ("BTC-USD",)])


def read(frame: bytes) -> Sequence[Event]:
    return list(session().read(frame))


# what is sent


def test_it_is_registered_by_its_name() -> None:
    assert DIALECTS["coinbase"] is Coinbase


def test_each_channel_is_subscribed_by_a_message_of_its_own_level2_first() -> None:
    messages = [json.loads(message) for message in session("BTC-USD", "ETH-USD").opening()]
    assert messages == [
        {"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD"], "channel": "level2"},
        {"type": "subscribe", "channel": "heartbeats"},
    ]


def test_one_market_under_two_names_is_subscribed_once() -> None:
    messages = [json.loads(message) for message in session("BTC-USD", "BTC-USD").opening()]
    assert messages[0]["product_ids"] == ["BTC-USD"]


def test_an_instrument_that_was_left_out_is_asked_for_alone() -> None:
    (message,) = session("BTC-USD", "ETH-USD").renewing(["ETH-USD"])
    assert json.loads(message) == {"type": "subscribe", "product_ids": ["ETH-USD"], "channel": "level2"}


def test_addresses_are_as_the_settings_have_them() -> None:
    venue = Coinbase(Endpoint("coinbase", "wss://host/path", "https://api.coinbase.com/", 10, 6, 240))
    assert venue.websocket_url() == "wss://host/path"
    assert venue.listings_request() == Request("https://api.coinbase.com/api/v3/brokerage/market/products", 1)
    url = "https://api.coinbase.com/api/v3/brokerage/market/product_book?product_id=BTC-USD&limit=20"
    assert venue.book_request(BTC, 20) == Request(url, 1, {"cache-control": "no-cache"}, 512 * 20 + 65_536)
    assert venue.used_weight({"x-mbx-used-weight-1m": "3"}) is None


# what frames mean


def test_a_real_snapshot_is_numbered_and_offers_are_asks() -> None:
    assert read(REAL) == [
        Numbered(0),
        snapshot_of("BTC-USD", 0, [("78856.05", "0.0476177")], [("78856.06", "0.0801158")], REAL_TIME),
    ]


def test_keys_in_another_order_and_keys_that_are_new_change_nothing() -> None:
    message = json.loads(REAL)
    message["events"] = [dict(reversed(list(message["events"][0].items()))) | {"client_id": ""}]
    assert read(json.dumps(dict(reversed(list(message.items()))) | {"client_id": "", "new": [1]}).encode()) == read(
        REAL
    )


def test_a_frame_gives_its_number_and_every_event_in_order() -> None:
    frame = coinbase_frame(
        7,
        [
            coinbase_event("update", "BTC-USD", [("1", "2")], []),
            coinbase_event("update", "ETH-USD", [], [("3", "0")], ask_side="ask"),
            coinbase_event("update", "BTC-USD", [], []),
        ],
    )
    assert read(frame) == [
        Numbered(7),
        change_of("BTC-USD", 7, 7, [("1", "2")], [], REAL_TIME),
        change_of("ETH-USD", 7, 7, [], [("3", "0")], REAL_TIME),
        change_of("BTC-USD", 7, 7, [], [], None),
    ]


def test_levels_keep_the_order_and_the_text_that_they_came_in() -> None:
    levels = [("1.50", "2.0"), ("0.10", "0"), ("3", "1")]
    (_, event) = read(coinbase_frame(1, [coinbase_event("snapshot", "BTC-USD", levels, levels)]))
    assert isinstance(event, Snapshot)
    assert (tuples(event.bids), tuples(event.asks), event.limit) == (levels, levels, None)


HEARTBEAT = (
    b'{"channel":"heartbeats","timestamp":"2026-07-16T20:28:53.166419882Z","sequence_num":33,"events":[{"current_time":'
    b'"2026-07-16 20:28:53.16294062 +0000 UTC m=+75497.317767664","heartbeat_counter":75497}]}'
)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(HEARTBEAT, id="heartbeat"),
        pytest.param(HEARTBEAT.replace(b"75497}", b'"75497"}'), id="heartbeat with its counter as text"),
        pytest.param(HEARTBEAT.replace(b"heartbeats", b"candles"), id="another channel"),
        pytest.param(b'{"channel":"status","sequence_num":33}', id="without events"),
        pytest.param(b'{"sequence_num":33,"other":1}', id="without a channel"),
    ],
)
def test_every_frame_that_has_a_number_gives_it(frame: bytes) -> None:
    assert read(frame) == [Numbered(33)]


@pytest.mark.parametrize(
    ("subscriptions", "natives"),
    [
        pytest.param({"heartbeats": ["heartbeats"], "level2": ["BTC-USD"]}, {"BTC-USD"}, id="both"),
        pytest.param({"heartbeats": ["heartbeats"]}, set(), id="heartbeats only"),
        pytest.param({}, set(), id="empty"),
        pytest.param({"level2": ["A-B", "C-D"], "new": []}, {"A-B", "C-D"}, id="several"),
        pytest.param({"level2": None, "heartbeats": None}, set(), id="nulls"),
        pytest.param({"level2": [None, "A-B"], "user": 7}, {"A-B"}, id="a null among them"),
        pytest.param(None, set(), id="null"),
    ],
)
def test_an_acknowledgement_names_what_the_connection_now_has(
    subscriptions: dict[str, Any] | None, natives: set[str]
) -> None:
    frame = coinbase_frame(6, [{"subscriptions": subscriptions}], "subscriptions")
    assert read(frame) == [Numbered(6), Accepted(frozenset(natives), is_all=True)]


@pytest.mark.parametrize("subscriptions", [5, {"level2": 5}, {"level2": [5]}, "all"], ids=repr)
def test_an_acknowledgement_that_can_not_be_read_counts_and_touches_no_book(subscriptions: object) -> None:
    number, unread = read(coinbase_frame(6, [{"subscriptions": subscriptions}], "subscriptions"))
    assert number == Numbered(6)
    assert isinstance(unread, Unreadable)
    assert unread.natives == ()


@pytest.mark.parametrize("events", [b"null", b"5", b'[{"subscriptions":{"level2":["BTC-USD"]}},null]'], ids=repr)
def test_an_acknowledgement_without_a_list_of_events_counts_and_touches_no_book(events: bytes) -> None:
    number, unread = read(b'{"channel":"subscriptions","sequence_num":6,"events":' + events + b"}")
    assert number == Numbered(6)
    assert isinstance(unread, Unreadable)
    assert unread.natives == ()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b'{"type":"error","message":"authentication failure"}', "authentication failure"),
        (
            b'{"type":"error","message":"Failed to subscribe","reason":"No channels"}',
            "Failed to subscribe: No channels",
        ),
        (b'{"type":"error"}', '{"type":"error"}'),
        (b'{"type":"error","message":{"code":7}}', '{"type":"error","message":{"code":7}}'),
    ],
    ids=["message", "message and reason", "nothing", "a message that is no text"],
)
def test_an_error_has_no_number_and_refuses(frame: bytes, said: str) -> None:
    assert read(frame) == [Refused(said)]


@pytest.mark.parametrize("frame", [b"{}", b'{"type":"welcome"}', b'{"new":true}'], ids=repr)
def test_a_frame_without_channel_and_number_means_nothing(frame: bytes) -> None:
    assert read(frame) == []


# what is no frame


def damaged(**changes: Any) -> bytes:
    message = json.loads(REAL)
    message["events"][0]["updates"][0] |= changes
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    ("frame", "native"),
    [
        pytest.param(damaged(side="sell"), "BTC-USD", id="another side"),
        pytest.param(damaged(side=""), "BTC-USD", id="no side"),
        pytest.param(damaged(side="BID"), "BTC-USD", id="a loud side"),
        pytest.param(damaged(side=None), "BTC-USD", id="a side that is null"),
        pytest.param(damaged(event_time="yesterday"), "BTC-USD", id="no time"),
        pytest.param(damaged(event_time=""), "BTC-USD", id="an empty time"),
        pytest.param(damaged(event_time=None), "BTC-USD", id="a time that is null"),
        pytest.param(REAL.replace(b'"snapshot"', b'"l2update"'), "BTC-USD", id="another type"),
        pytest.param(REAL.replace(b'"snapshot"', b"null"), "BTC-USD", id="a type that is null"),
        pytest.param(damaged(price_level=78856.05), "BTC-USD", id="a price that is a number"),
        pytest.param(damaged(new_quantity=None), "BTC-USD", id="no quantity"),
        pytest.param(REAL[: REAL.index(b'"updates"')] + b'"updates":null}]}', "BTC-USD", id="updates that are null"),
        pytest.param(REAL.replace(b"78856.05", b"788\xff6.05"), "BTC-USD", id="no UTF-8"),
        pytest.param(REAL.replace(b'"product_id":"BTC-USD",', b""), None, id="no product"),
        pytest.param(REAL.replace(b'"product_id":"BTC-USD"', b'"product_id":null'), None, id="a product that is null"),
        pytest.param(REAL[: REAL.index(b',"events"')] + b"}", None, id="no events"),
        pytest.param(REAL[: REAL.index(b"[{")] + b"null}", None, id="events that are null"),
        pytest.param(REAL[: REAL.index(b"[{")] + b"[null]}", None, id="an event that is null"),
    ],
)
def test_an_event_that_can_not_be_read_counts_and_says_whose_it_is_where_that_is_sure(
    frame: bytes, native: str | None
) -> None:
    number, unread = read(frame)
    assert number == Numbered(0)
    assert isinstance(unread, Unreadable)
    assert unread.natives == (None if native is None else (native,))
    assert "\n" not in unread.problem
    assert len(unread.problem) < 400


def test_the_other_events_of_a_frame_stand_beside_one_that_can_not_be_read() -> None:
    good = coinbase_event("update", "ETH-USD", [("1", "2")], [])
    odd = coinbase_event("update", "BTC-USD", [], []) | {"updates": None}
    number, first, unread, last = read(coinbase_frame(3, [good, odd, good]))
    assert number == Numbered(3)
    assert first == last == change_of("ETH-USD", 3, 3, [("1", "2")], [], REAL_TIME)
    assert isinstance(unread, Unreadable)
    assert unread.natives == ("BTC-USD",)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(REAL.replace(b'"sequence_num":0,', b""), id="no number"),
        pytest.param(REAL.replace(b'"sequence_num":0', b'"sequence_num":"0"'), id="a number that is text"),
        pytest.param(REAL.replace(b'"sequence_num":0', b'"sequence_num":0.5'), id="half a number"),
        pytest.param(REAL[:200], id="cut in the middle"),
        pytest.param(REAL + b"]", id="trailing garbage"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"channel":"l2_data","sequence_num":1,"events":' + b"[" * 100_000, id="nested without end"),
    ],
)
def test_a_frame_that_can_not_be_numbered_is_malformed_and_anybodys(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        read(frame)
    assert damage.value.native is None
    assert "\n" not in str(damage.value)
    assert len(str(damage.value)) < 400


# times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-24T22:34:13.483122Z", REAL_TIME),
        ("2026-08-24T22:34:13.483122999Z", REAL_TIME),
        ("2026-08-24T22:34:13Z", REAL_TIME // 1_000_000 * 1_000_000),
        ("2026-08-24T22:34:13.4Z", REAL_TIME // 1_000_000 * 1_000_000 + 400_000),
        ("2026-08-25T00:34:13.483122+02:00", REAL_TIME),
        ("2026-08-24T22:34:13.483122", REAL_TIME),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00.000000Z", None),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ],
)
def test_a_time_is_in_microseconds_and_1970_and_year_1_are_none(text: str, expected: int | None) -> None:
    assert time_of(text) == expected


BEYOND = "9999-12-31T23:59:59.999999-14:00"
"""A time whose UTC is in the year 10000."""


@pytest.mark.parametrize(
    "text", ["", "now", "2026-13-01T00:00:00Z", "13:00", "2026-08-24T25:00:00Z", "1e9", BEYOND], ids=repr
)
def test_what_is_no_time_is_malformed(text: str) -> None:
    with pytest.raises(MalformedFrame) as damage:
        time_of(text, native="BTC-USD")
    assert damage.value.native == "BTC-USD"


def test_the_largest_of_several_times_counts_and_none_where_none_is_one() -> None:
    assert largest_time(["1970-01-01T00:00:00Z", "2026-08-24T22:34:13Z", "2026-08-24T22:34:12Z"]) == (
        REAL_TIME // 1_000_000 * 1_000_000
    )
    assert largest_time(["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]) is None
    assert largest_time([]) is None


# REST


def product(product_id: str, **more: Any) -> dict[str, Any]:
    base, _, quote = product_id.partition("-")
    return {
        "product_id": product_id,
        "price": "1",
        "base_currency_id": base,
        "quote_currency_id": quote,
        "status": "online",
        "product_type": "SPOT",
        "alias": "",
        "alias_to": [],
        **more,
    }


PRODUCTS = json.dumps(
    {
        "products": [
            product("BTC-USD", alias_to=["BTC-USDC"]),
            product("BTC-USDC", alias="BTC-USD"),
            product("BTC-USDT"),
            product("OLD-USD", status="delisted"),
            product("OFF-USD", is_disabled=True, trading_disabled=True),
            product("VIEW-USD", view_only=True),
            product("NEW-USD", auction_mode=True),
            product("BTC-PERP-INTX", product_type="FUTURE", base_currency_id=""),
            {"product_id": "BARE-EUR"},
        ],
        "num_products": 8,
    }
).encode()


@pytest.mark.parametrize(
    ("symbol", "native"),
    [
        pytest.param("BTC-USD", "BTC-USD", id="itself"),
        pytest.param("BTC-USDC", "BTC-USD", id="an alias gives the data of what it stands for"),
        pytest.param("BTC-USDT", "BTC-USDT", id="a market of its own"),
        pytest.param("BARE-EUR", "BARE-EUR", id="with nothing but its id"),
        pytest.param("NEW-USD", "NEW-USD", id="in an auction"),
    ],
)
def test_a_symbol_is_found_under_its_own_name_or_an_alias(symbol: str, native: str) -> None:
    listing = find_listing("coinbase", symbol, COINBASE.read_listings(PRODUCTS))
    assert listing.instrument.native == native
    assert listing.is_crossing_legitimate == (symbol == "NEW-USD")


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        pytest.param("OLD-USD", "coinbase does not trade OLD-USD: delisted", id="delisted"),
        pytest.param("OFF-USD", "coinbase does not trade OFF-USD: is_disabled, trading_disabled", id="disabled"),
        pytest.param("VIEW-USD", "coinbase does not trade VIEW-USD: view_only", id="to look at only"),
        pytest.param("BTC-PERP-INTX", "coinbase lists no BTC-PERP-INTX", id="no spot market"),
        pytest.param("QQQQQQ-ZZ", "coinbase lists no QQQQQQ-ZZ", id="unheard of"),
    ],
)
def test_what_is_not_listed_or_not_traded_is_said(symbol: str, said: str) -> None:
    with pytest.raises(UnknownInstrument) as unknown:
        find_listing("coinbase", symbol, COINBASE.read_listings(PRODUCTS))
    assert str(unknown.value).startswith(said)


def test_a_rest_book_has_no_number_and_the_limit_that_was_asked_for() -> None:
    body = (
        b'{"pricebook":{"product_id":"BTC-USD","bids":[{"price":"68923.66","size":"0.17189468"}],"asks":[{"price":'
        b'"68923.67","size":"1"}],"time":"2026-04-07T00:28:59.662782Z"},"last":"68923.665"}'
    )
    assert COINBASE.read_book(BTC, 20, body) == snapshot_of(
        "BTC-USD", None, [("68923.66", "0.17189468")], [("68923.67", "1")], 1_775_521_739_662_782, 20
    )


def test_the_venues_time_is_in_microseconds() -> None:
    assert COINBASE.clock_request().url.endswith("/api/v3/brokerage/time")
    body = b'{"iso":"2026-08-24T22:34:13Z","epochSeconds":"1787610853","epochMillis":"1787610853123"}'
    assert COINBASE.read_clock(body) == 1_787_610_853_123_000


@pytest.mark.parametrize(
    "text", ["soon", "-1", "9" * 5000, str(10**400), "253402300800000"], ids=lambda text: text[:20]
)
def test_a_clock_that_tells_no_time_is_malformed(text: str) -> None:
    for answer in (f'{{"epochMillis":"{text}"}}', f'{{"epochMillis":{text}}}'):
        with pytest.raises(MalformedFrame) as caught:
            COINBASE.read_clock(answer.encode())
        assert len(str(caught.value)) < 400


# any bytes


mutations = st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), min_size=1, max_size=4)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
def test_any_bytes_give_events_or_an_error_of_ours(frame: bytes) -> None:
    _read_everything(frame)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8), st.data())
def test_any_json_under_the_keys_we_know_gives_events_or_an_error_of_ours(value: object, data: st.DataObject) -> None:
    message = json.loads(REAL)
    part = data.draw(st.sampled_from([message, message["events"][0], message["events"][0]["updates"][1]]))
    part[data.draw(st.sampled_from([*part, "type", "message", "reason"]))] = value
    _read_everything(json.dumps(message).encode())


@given(mutations, st.data())
def test_any_damage_to_a_real_frame_gives_events_or_an_error_of_ours(
    damages: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    real = [line for line in lines(excerpt("coinbase_ten_products_excerpt.gz")) if len(line) < 4000]
    frame = bytearray(data.draw(st.sampled_from(real[:40])))
    for place, replacement in damages:
        at = place % len(frame)
        frame[at : at + data.draw(st.integers(0, 3))] = replacement
    _read_everything(bytes(frame))


def _read_everything(payload: bytes) -> None:
    for read_it in (
        session().read,
        COINBASE.read_listings,
        COINBASE.read_clock,
        lambda body: COINBASE.read_book(BTC, 20, body),
    ):
        try:
            read_it(payload)
        except AppError as error:
            assert isinstance(error, MalformedFrame)  # noqa: PT017 - anything else must fly


# real captures


@pytest.mark.parametrize(
    ("name", "first", "count"),
    [
        pytest.param("tickvault_coinbase_l2.jsonl", 0, 12, id="tickvault, from the first frame"),
        pytest.param("aetelier_frames_2_34.jsonl", 2, 33, id="aetelier, from the third"),
        pytest.param("rerendered_from_pro_20210417.gz", 0, 9762, id="ten products of 2021"),
    ],
)
def test_every_frame_of_the_real_captures_is_the_next_one(name: str, first: int, count: int) -> None:
    numbers: list[int] = []
    levels = 0
    for line in lines(capture(f"coinbase_advanced/{name}")):
        numbered, *events = session().read(line)
        assert isinstance(numbered, Numbered)
        numbers.append(numbered.number)
        for event in events:
            if isinstance(event, (Change, Snapshot)):
                levels += len(tuples(event.bids)) + len(tuples(event.asks))
                assert event.event_time is not None or event.bids == event.asks == b"[]"
    assert numbers == list(range(first, first + count))
    assert levels > 40


def test_a_snapshot_of_five_megabytes_is_read_whole() -> None:
    (line,) = lines(capture("coinbase_advanced/snapshot_btc_usd_46655_levels.json.gz"))
    (numbered, snapshot) = session().read(line)
    assert numbered == Numbered(0)
    assert isinstance(snapshot, Snapshot)
    assert len(tuples(snapshot.bids)) + len(tuples(snapshot.asks)) == 46_655


# listings

PRODUCT = {"product_id": "NEW-USD", "status": "online", "base_currency_id": "NEW", "quote_currency_id": "USD"}


@pytest.mark.parametrize("field", ["alias_to", "alias", "status", "base_currency_id", "auction_mode", "product_type"])
def test_a_null_in_an_entry_says_no_more_than_a_missing_field(field: str) -> None:
    catalogue = COINBASE.read_listings(json.dumps({"products": [{**PRODUCT, field: None}]}).encode())
    assert [listing.instrument.symbol for listing in catalogue] == ["NEW-USD"]
    assert catalogue.unreadable == 0


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({**PRODUCT, "product_id": None}, id="no id"),
        pytest.param({"status": "online"}, id="missing field"),
        pytest.param({**PRODUCT, "auction_mode": "no"}, id="new type"),
        pytest.param({**PRODUCT, "alias_to": [1]}, id="odd alias"),
        pytest.param({**PRODUCT, "base_currency_id": "N\x1b[2J"}, id="harmful name"),
        pytest.param([], id="no entry"),
    ],
)
def test_an_odd_entry_of_a_listing_costs_only_itself(odd: object) -> None:
    catalogue = COINBASE.read_listings(json.dumps({"products": [odd, {**PRODUCT, "product_id": "B-USD"}]}).encode())
    assert [listing.instrument.native for listing in catalogue] == ["B-USD"]
    assert catalogue.unreadable == 1
    assert catalogue.problem is not None
    assert catalogue.problem.isprintable()


@pytest.mark.parametrize(
    ("fields", "has_book"),
    [
        pytest.param({}, True, id="online"),
        pytest.param({"trading_disabled": True}, True, id="not traded"),
        pytest.param({"view_only": True}, True, id="to look at"),
        pytest.param({"auction_mode": True}, True, id="auction"),
        pytest.param({"status": "offline"}, False, id="offline"),
        pytest.param({"status": "delisted", "trading_disabled": True}, False, id="delisted"),
        pytest.param({"is_disabled": True}, False, id="disabled"),
    ],
)
def test_what_is_online_has_a_book_whether_it_is_traded_or_not(fields: dict[str, object], *, has_book: bool) -> None:
    (listing,) = COINBASE.read_listings(json.dumps({"products": [{**PRODUCT, **fields}]}).encode())
    assert listing.has_book == has_book


def test_single_products_are_asked_for_by_name_an_alias_with_what_it_stands_for() -> None:
    assert COINBASE.listings_request(["BTC-USD", "SOL-USDC"]).url.endswith(
        "/market/products?product_ids=BTC-USD&product_ids=SOL-USDC&product_ids=SOL-USD"
    )

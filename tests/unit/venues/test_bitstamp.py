"""Bitstamp's dialect: what is sent, what frames mean, and what is no frame of it.

No frame of ``order_book`` was captured: real ones of ``diff_order_book``, whose form is the same, stand in.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.bitstamp import BITSTAMP, BTC, acknowledgement, book_frame, real_frames
from tests.support.captures import capture, excerpt, lines
from tests.support.engines import book_engine
from tests.support.raw import snapshot_of, tuples

from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.bitstamp import Bitstamp
from market_data.application.ports import VenueSession
from market_data.domain.book import InvalidLevel
from market_data.domain.continuity import Proof, Quietness, Scope, Seed
from market_data.domain.errors import AppError, MalformedFrame
from market_data.domain.events import Accepted, Departing, Refused, Snapshot
from market_data.domain.instrument import Instrument, Listing

TIME = 1_787_612_486_338_338
FRAME = book_frame("btcusd", TIME, [("78703.59", "0.11568628"), ("78700", "1")], [("78703.69", "0.36000000")])


def session(*natives: str) -> VenueSession:
    return BITSTAMP.session([Instrument("bitstamp", native, native) for native in natives or ("btcusd", "ethusd")])


# what is sent


def test_it_is_registered_by_its_name() -> None:
    assert DIALECTS["bitstamp"] is Bitstamp


def test_each_channel_has_a_message_which_may_not_have_more_than_512_bytes() -> None:
    messages = session("btcusd", "ethusd", "btcusd").opening()
    assert list(messages) == [
        '{"event":"bts:subscribe","data":{"channel":"order_book_btcusd"}}',
        '{"event":"bts:subscribe","data":{"channel":"order_book_ethusd"}}',
    ]


def test_a_book_is_renewed_by_leaving_and_subscribing_again() -> None:
    events = [json.loads(message) for message in session().renewing(["ethusd"])]
    assert [event["event"] for event in events] == ["bts:unsubscribe", "bts:subscribe"]
    assert {event["data"]["channel"] for event in events} == {"order_book_ethusd"}


def test_its_heartbeat_is_asked_for_and_answered() -> None:
    assert (BITSTAMP.ping_seconds, BITSTAMP.sends_heartbeats) == (20.0, True)
    assert list(session().ping()) == ['{"event":"bts:heartbeat"}']
    assert not session().read(b'{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}')


def test_it_declares_that_nothing_is_proven() -> None:
    declared = BITSTAMP.continuity
    assert (declared.proof, declared.proven_levels, declared.levels) == (Proof.NONE, 0, 100)
    assert (declared.scope, declared.seed, declared.quietness) == (Scope.INSTRUMENT, Seed.IN_BAND, Quietness.FETCHED)


# what frames mean


def test_a_frame_is_the_best_hundred_levels_at_its_time() -> None:
    bids, asks = [("78703.59", "0.11568628"), ("78700", "1")], [("78703.69", "0.36000000")]
    assert list(session().read(FRAME)) == [snapshot_of("btcusd", TIME, bids, asks, TIME, 100)]


def test_real_frames_are_read_with_their_texts_and_rising_times() -> None:
    opened = session()
    first, *events = [event for frame in real_frames() for event in opened.read(frame)]
    assert first == Accepted(frozenset({"btcusd"}), is_all=False)
    assert len(events) == 11
    times = [event.sequence or 0 for event in events if isinstance(event, Snapshot)]
    assert times == sorted(set(times))
    (told,) = opened.read(list(real_frames())[1])
    assert isinstance(told, Snapshot)
    assert tuples(told.bids)[:2] == [("78703.59", "0.11568628"), ("78703.58", "0.00000000")]


def test_keys_in_another_order_and_keys_that_are_new_change_nothing() -> None:
    message = json.loads(FRAME)
    data = {"new": [1], **dict(reversed(list(message.pop("data").items())))}
    turned = json.dumps({"event": message["event"], "more": {}, "channel": message["channel"], "data": data})
    (event,) = session().read(turned.encode())
    (expected,) = session().read(FRAME)
    assert isinstance(event, Snapshot)
    assert isinstance(expected, Snapshot)
    assert (event.sequence, tuples(event.bids), tuples(event.asks)) == (
        expected.sequence,
        tuples(expected.bids),
        tuples(expected.asks),
    )


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(FRAME.replace(b'"order_book_', b'"diff_order_book_'), id="changes, which are not asked for"),
        pytest.param(FRAME.replace(b'"order_book_', b'"detail_order_book_'), id="orders"),
        pytest.param(FRAME.replace(b'"event":"data"', b'"event":"new"'), id="another event"),
        pytest.param(b'{"data":{"id":1},"channel":"live_trades_btcusd","event":"trade"}', id="a trade"),
        pytest.param(
            b'{"event":"bts:unsubscription_succeeded","channel":"order_book_btcusd","data":{}}', id="unsubscribed"
        ),
        pytest.param(b'{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd"}', id="another's yes"),
        pytest.param(b'{"event":"bts:new","channel":null,"data":null}', id="something new"),
    ],
)
def test_what_touches_no_book_means_nothing(frame: bytes) -> None:
    assert not session().read(frame)


def test_an_acknowledgement_names_its_market() -> None:
    assert list(session().read(acknowledgement("ethusd"))) == [Accepted(frozenset({"ethusd"}), is_all=False)]


@pytest.mark.parametrize(
    ("frame", "refused"),
    [
        pytest.param(
            b'{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}',
            Refused("Incorrect JSON format."),
            id="that names nothing",
        ),
        pytest.param(
            b'{"event":"bts:error","channel":"order_book_ethusd","data":{"code":4009,"message":"No"}}',
            Refused("No", "ethusd"),
            id="of a channel",
        ),
        pytest.param(b'{"event":"bts:error","channel":null,"data":"no"}', Refused('"no"'), id="an odd one"),
    ],
)
def test_an_error_refuses_whom_it_names_or_nobody_in_particular(frame: bytes, refused: Refused) -> None:
    assert list(session().read(frame)) == [refused]


def test_a_server_that_asks_for_a_reconnection_is_departing() -> None:
    frame = b'{"event":"bts:request_reconnect","channel":"","data":""}'
    assert list(session().read(frame)) == [Departing()]


# what is no frame


DAMAGES = {
    "cut at its beginning": FRAME[40:],
    "no time": FRAME.replace(b'"microtimestamp"', b'"time"'),
    "a time below zero": FRAME.replace(b'"%d"' % TIME, b'"-1"'),
    "a time that is none": FRAME.replace(b'"%d"' % TIME, b'"soon"'),
    "a time beyond the calendar": FRAME.replace(b'"%d"' % TIME, b'"253402300800000000"'),
    "no bids": FRAME.replace(b'"bids"', b'"bidz"'),
    "data that is none": b'{"data":"","channel":"order_book_btcusd","event":"data"}',
    "trailing garbage": FRAME + b"}",
    "damaged in the middle": FRAME.replace(b"78703.59", b'78"03.59'),
}


@pytest.mark.parametrize("frame", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_frame_says_whose_it_is_as_long_as_its_end_is_whole(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native == "btcusd"
    assert "\n" not in str(damage.value)
    assert len(str(damage.value)) < 400


@pytest.mark.parametrize(
    "frame", [b"", b"[]", b"null", b"1", FRAME[:-60], b"\xff" * 10, FRAME[40:].replace(b"btcusd", b"xxxusd")], ids=repr
)
def test_what_says_nothing_of_whose_it_is_may_be_anybodys(frame: bytes) -> None:
    with pytest.raises(MalformedFrame) as damage:
        session().read(frame)
    assert damage.value.native is None


@pytest.mark.parametrize("levels", [b"[[1.5,2]]", b'[["1e5","2"]]', b'[["-1","2"]]', b"{}", b"null", b'[["1"]]'])
def test_what_are_no_levels_is_refused_by_the_book(levels: bytes) -> None:
    (event,) = session().read(FRAME.replace(b'[["78703.69","0.36000000"]]', levels))
    assert isinstance(event, Snapshot)
    with pytest.raises(InvalidLevel):
        book_engine()(20).replace(event.bids, event.asks, event.limit)


def test_nesting_without_end_is_malformed_and_no_crash() -> None:
    with pytest.raises(MalformedFrame):
        session().read(b'{"channel":"order_book_btcusd","data":' + b"[" * 100_000)


# REST


MARKET = {
    "name": "BTC/USD",
    "market_symbol": "btcusd",
    "base_currency": "BTC",
    "counter_currency": "USD",
    "trading": "Enabled",
    "market_type": "SPOT",
}


def test_only_spot_markets_are_listed_by_canonical_symbols() -> None:
    perpetual = {**MARKET, "market_symbol": "btcusd-perp", "market_type": "PERPETUAL"}
    halted = {**MARKET, "market_symbol": "btcusdt", "counter_currency": "USDT", "trading": "Disabled"}
    catalogue = BITSTAMP.read_listings(json.dumps([MARKET, perpetual, halted, {"name": 7}]).encode())
    assert catalogue.unreadable == 1
    assert list(catalogue) == [
        Listing(BTC, is_tradable=True, state="Enabled"),
        Listing(Instrument("bitstamp", "BTC-USDT", "btcusdt"), is_tradable=False, state="Disabled"),
    ]


def test_markets_are_asked_for_all_together() -> None:
    url = "http://127.0.0.1:9/api/v2/markets/"
    assert BITSTAMP.listings_request().url == BITSTAMP.listings_request(["btcusd"]).url == url


def test_a_symbol_that_is_not_listed_has_the_name_that_it_would_have() -> None:
    assert BITSTAMP.native_of("BTC-USD") == "btcusd"


def test_a_book_over_rest_is_whole_and_has_no_number() -> None:
    request = BITSTAMP.book_request(BTC, 20)
    assert request.url == "http://127.0.0.1:9/api/v2/order_book/btcusd/"
    body = capture("bitstamp/tickvault_rest_btcusd_20260824.json").read_bytes()
    assert len(body) < request.max_bytes
    book = BITSTAMP.read_book(BTC, 20, body)
    assert (book.sequence, book.event_time, book.limit) == (None, 1_787_612_488_755_002, None)
    assert (len(tuples(book.bids)), len(tuples(book.asks))) == (2996, 2977)
    assert BITSTAMP.clock_request() == request
    assert BITSTAMP.read_clock(body) == 1_787_612_488_755_002


@pytest.mark.parametrize("body", [b'{"microtimestamp":"0","bids":[],"asks":[]}', b'{"status":"error","reason":"no"}'])
def test_a_clock_that_tells_no_time_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedFrame):
        BITSTAMP.read_clock(body)


# any bytes


@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
def test_any_bytes_give_events_or_an_error_of_ours(frame: bytes) -> None:
    _read_everything(frame)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8), st.data())
def test_any_json_under_the_keys_we_know_gives_events_or_an_error_of_ours(value: object, data: st.DataObject) -> None:
    message = json.loads(FRAME)
    part = message if data.draw(st.booleans()) else message["data"]
    part[data.draw(st.sampled_from([*part, "event", "message"]))] = value
    _read_everything(json.dumps(message).encode())


def _read_everything(payload: bytes) -> None:
    for read in (
        session().read,
        BITSTAMP.read_listings,
        BITSTAMP.read_clock,
        lambda body: BITSTAMP.read_book(BTC, 100, body),
    ):
        try:
            read(payload)
        except AppError as error:
            assert isinstance(error, MalformedFrame)  # noqa: PT017 - anything else must fly


def test_of_real_frames_none_but_the_channel_that_was_asked_for_is_read() -> None:
    opened = session()
    assert not [event for line in lines(excerpt("bitstamp_btcusd_excerpt.gz")) for event in opened.read(line)]

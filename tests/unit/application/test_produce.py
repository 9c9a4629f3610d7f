"""A whole run of the producer in virtual time: venues and broker in memory, from the first record to the last."""

import json
from collections.abc import Callable
from itertools import pairwise

import anyio
import attrs
import pytest
from tests.support.bounds import bounds
from tests.support.network import FakeTransport, refuse
from tests.support.producing import ASKS, BIDS, PRODUCTS, RUN, Bench, exchange_info
from tests.support.venues import (
    COINBASE,
    COINBASE_ENDPOINT,
    binance_book,
    binance_event,
)
from tests.support.virtual import VIRTUAL_TIME
from tests.support.waiting import until

from market_data.adapters.supervisor import Unsupervised
from market_data.application.feeds import ReconnectSettings
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.application.ports import Request
from market_data.application.produce import Producer, ProduceSettings, VenuePlan
from market_data.domain.errors import DeliveryFailed, RequestFailed, UsageError
from market_data.domain.normalized import BookStatus, Reason

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_a_run_says_syncing_then_live_and_at_last_why_it_ends() -> None:
    bench = Bench(binance=("BTC-USDT", "ETH-USDT"), coinbase=("BTC-USD",))
    async with bench.running():
        await until(lambda: all(bench.live(key) for key in ("binance:ETH-USDT", "coinbase:BTC-USD")))
    assert bench.undelivered == 0
    for key in ("binance:BTC-USDT", "binance:ETH-USDT", "coinbase:BTC-USD"):
        assert bench.statuses(key) == ["syncing", "live", "disconnected shutdown"]
    bench.check_records()
    last = bench.publisher.delivered[-3:]
    assert {book.key for book in last} == {"binance:BTC-USDT", "binance:ETH-USDT", "coinbase:BTC-USD"}
    assert {(book.status, book.reason) for book in last} == {(BookStatus.DISCONNECTED, Reason.SHUTDOWN)}
    assert not bench.publisher.is_open
    assert bench.network.connection.closed_at is not None


async def test_instruments_are_spread_over_as_many_connections_as_the_venue_needs() -> None:
    bench = Bench(binance=(), coinbase=("BTC-USD", "ETH-USD", "SOL-USD"))
    few = attrs.evolve(COINBASE_ENDPOINT, instruments_per_connection=2)
    plan = VenuePlan(type(COINBASE)(few), bench.coinbase, bounds())
    bench.producer = Producer(
        [plan],
        FakeTransport(bench.network),
        bench.publisher,
        bench.outbox,
        bench.clock,
        bench.telemetry,
        Unsupervised(),
        ProduceSettings(ReconnectSettings(0.5, 8.0, 2.0, 0.0), 10.0, 10.0),
    )
    async with bench.running():
        await until(lambda: all(bench.live(f"coinbase:{product}") for product in PRODUCTS))
    subscribed = [sorted(json.loads(connection.sent[0][1])["product_ids"]) for connection in bench.network.connections]
    assert sorted(subscribed) == [["BTC-USD", "SOL-USD"], ["ETH-USD"]]


async def test_more_quiet_books_than_the_venue_answers_for_are_probed_less_often_and_stay_live() -> None:
    coins = [f"C{number}-USDT" for number in range(250)]
    bench = Bench(binance=coins)
    listed = [
        {"symbol": coin.replace("-", ""), "status": "TRADING", "baseAsset": coin[:-5], "quoteAsset": "USDT"}
        for coin in coins
    ]
    bench.network.answers = {
        **bench.network.answers,
        "exchangeInfo": lambda _: json.dumps({"symbols": listed}).encode(),
    }
    bench.network.on_connect = lambda connection: connection.say(
        *(binance_event(coin.replace("-", ""), 101, 101, [], []) for coin in coins)
    )
    bench.network.answers = {**bench.network.answers, "depth": lambda _: binance_book(101, BIDS, ASKS)}
    keys = [f"binance:{coin}" for coin in coins]
    async with bench.running():
        await until(lambda: all(bench.live(key) for key in keys), 120, 1)
        await anyio.sleep(45)
    assert {status for key in keys for status in bench.statuses(key)} == {"syncing", "live", "disconnected shutdown"}
    ((_, fields),) = [each for each in bench.telemetry.notes if "quiet books" in each[0]]
    assert fields == {"exchange": "binance", "instruments": 250, "seconds": 50.0}


async def test_connections_are_opened_no_faster_than_the_venue_takes_them() -> None:
    bench = Bench(binance=(), coinbase=("BTC-USD", "ETH-USD", "SOL-USD"))
    single = attrs.evolve(COINBASE_ENDPOINT, instruments_per_connection=1)
    plan = VenuePlan(type(COINBASE)(single), bench.coinbase, bounds(), connections_per_second=0.5)
    bench.producer = Producer(
        [plan],
        FakeTransport(bench.network),
        bench.publisher,
        bench.outbox,
        bench.clock,
        bench.telemetry,
        Unsupervised(),
        ProduceSettings(ReconnectSettings(0.5, 8.0, 2.0, 0.0), 10.0, 10.0),
    )
    async with bench.running():
        await until(lambda: all(bench.live(f"coinbase:{product}") for product in PRODUCTS))
    first, *others = bench.network.attempts
    assert [round(at - first, 1) for at in others] == [2.0, 4.0]


# what is listed


async def test_an_instrument_that_is_not_listed_is_told_and_the_others_run() -> None:
    bench = Bench(binance=("BTC-USDT", "BTC-USDX", "DOGE-USDT"))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
    told = [message for message, _ in bench.telemetry.warnings]
    assert any(message.startswith("binance lists no BTC-USDX (did you mean BTC-USDT") for message in told)
    for key in ("binance:BTC-USDX", "binance:DOGE-USDT"):
        assert bench.statuses(key) == ["syncing", "disconnected rejected", "disconnected shutdown"]
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"]


async def test_nothing_that_is_listed_anywhere_is_a_mistake_of_the_one_who_asked() -> None:
    bench = Bench(binance=("AAA-BBB",), coinbase=("CCC-DDD",))
    with pytest.RaisesGroup(pytest.RaisesExc(UsageError, match="no venue lists any"), flatten_subgroups=True):
        await bench.run()
    assert not bench.publisher.is_open


async def test_a_venue_that_lists_nothing_of_it_does_not_end_the_run_of_another() -> None:
    bench = Bench(binance=("AAA-BBB",), coinbase=("BTC-USD",))
    async with bench.running():
        await until(lambda: bench.live("coinbase:BTC-USD"))
    assert bench.statuses("binance:AAA-BBB") == ["syncing", "disconnected rejected", "disconnected shutdown"]


async def test_an_alias_is_published_under_the_name_it_was_asked_for_by() -> None:
    bench = Bench(binance=(), coinbase=("BTC-USDC",))
    async with bench.running():
        await until(lambda: bench.live("coinbase:BTC-USDC"))
    assert json.loads(bench.network.connection.sent[0][1])["product_ids"] == ["BTC-USD"]


# a venue that cannot be reached


def unreachable(
    reason: Reason = Reason.UNAVAILABLE, retry_after: float | None = None
) -> Callable[[Request], RequestFailed]:
    def fail(request: Request) -> RequestFailed:
        return RequestFailed(request.url, "connection refused", reason=reason, retry_after_seconds=retry_after)

    return fail


async def test_a_venue_that_can_not_be_asked_is_disconnected_with_heartbeats_until_it_answers() -> None:
    bench = Bench(binance=("BTC-USDT", "ETH-USDT"), coinbase=("BTC-USD",))
    bench.network.answers = {**bench.network.answers, "exchangeInfo": unreachable()}
    async with bench.running():
        await until(lambda: bench.live("coinbase:BTC-USD"))
        await anyio.sleep(30)
        beats = len(bench.of("binance:BTC-USDT"))
        asked = [moment for moment, url in bench.network.requests if "exchangeInfo" in url]
        bench.network.answers = {**bench.network.answers, "exchangeInfo": exchange_info}
        await until(lambda: bench.live("binance:ETH-USDT"))
    assert [round(later - earlier, 1) for earlier, later in pairwise(asked)][:5] == [
        0.5, 1.0, 2.0, 4.0, 8.0,
    ]  # fmt: skip
    assert beats >= 6
    for key in ("binance:BTC-USDT", "binance:ETH-USDT"):
        assert bench.statuses(key) == [
            "syncing",
            "disconnected unavailable",
            "syncing unavailable",
            "live",
            "disconnected shutdown",
        ]
        assert bench.of(key)[-1].epoch == 1
    assert bench.statuses("coinbase:BTC-USD")[:2] == ["syncing", "live"]
    bench.check_records()


async def test_a_venue_that_takes_its_time_to_tell_what_it_lists_is_syncing_meanwhile() -> None:
    bench = Bench()
    bench.network.delay_seconds = 3.0
    async with bench.running():
        await anyio.sleep(0.6)
        assert bench.statuses("binance:BTC-USDT") == ["syncing"]
        await until(lambda: bench.live("binance:BTC-USDT"))
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"]
    bench.check_records()


async def test_heartbeats_go_on_while_a_question_hangs() -> None:
    bench = Bench()
    bench.network.answers = {}
    async with bench.running():
        await anyio.sleep(60)
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "disconnected shutdown"]
    moments = len(bench.of("binance:BTC-USDT"))
    assert moments >= 12
    bench.check_records()


async def test_an_instrument_that_turns_out_not_to_be_listed_is_said_to_be_rejected() -> None:
    bench = Bench(binance=("BTC-USDT", "DOGE-USDT"))
    bench.network.answers = {**bench.network.answers, "exchangeInfo": unreachable()}
    async with bench.running():
        await until(lambda: bench.of("binance:DOGE-USDT"))
        bench.network.answers = {**bench.network.answers, "exchangeInfo": exchange_info}
        await until(lambda: bench.live("binance:BTC-USDT"))
        await anyio.sleep(11)
    assert bench.statuses("binance:DOGE-USDT") == [
        "syncing",
        "disconnected unavailable",
        "disconnected rejected",
        "disconnected shutdown",
    ]
    assert len(bench.of("binance:DOGE-USDT")) >= 5
    bench.check_records()


async def test_the_venues_own_word_on_when_to_ask_again_is_obeyed() -> None:
    bench = Bench()
    bench.network.answers = {"exchangeInfo": unreachable(Reason.RATE_LIMITED, 45.0)}
    async with bench.running():
        await anyio.sleep(100)
    asked = [moment for moment, _ in bench.network.requests]
    assert [round(later - earlier) for earlier, later in pairwise(asked)] == [45, 45]
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "disconnected rate_limited", "disconnected shutdown"]


async def test_listings_that_can_not_be_read_are_asked_for_again() -> None:
    bench = Bench()
    bench.network.answers = {**bench.network.answers, "exchangeInfo": lambda _: b"<html>"}
    async with bench.running():
        await until(lambda: bench.of("binance:BTC-USDT"))
        bench.network.answers = {**bench.network.answers, "exchangeInfo": exchange_info}
        await until(lambda: bench.live("binance:BTC-USDT"))
    assert "disconnected malformed" in bench.statuses("binance:BTC-USDT")


async def test_a_venue_that_lets_nobody_in_is_disconnected_and_the_other_runs() -> None:
    bench = Bench(coinbase=("BTC-USD",))
    speak = bench.network.on_connect
    shut = refuse(Reason.REJECTED)
    bench.network.on_connect = lambda connection: (
        shut(connection) if connection.url.endswith("/stream") else speak(connection)
    )
    async with bench.running():
        await until(lambda: bench.live("coinbase:BTC-USD"))
        await anyio.sleep(1)
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "disconnected rejected", "disconnected shutdown"]


# the end


async def test_what_waits_when_the_run_is_stopped_is_delivered_before_the_end() -> None:
    bench = Bench()
    bench.publisher.is_hanging = True
    async with bench.running():
        await anyio.sleep(2)
        for number in range(102, 150):
            bench.network.connection.say(binance_event("BTCUSDT", number, number, [("100", str(number))], []))
            await anyio.sleep(0.01)
        bench.stop.set()
        await anyio.sleep(3)
        assert bench.publisher.delivered == []
        bench.publisher.recover()
    assert bench.undelivered == 0
    assert bench.of("binance:BTC-USDT")[-2].bids[0] == ("100", "149")
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"]
    bench.check_records()


@pytest.mark.parametrize("room", [1000, 5, 1, 0], ids=lambda room: f"room for {room}")
async def test_what_could_not_be_delivered_in_time_is_counted(room: int) -> None:
    bench = Bench(shutdown_timeout_seconds=4.0)
    bench.publisher.is_hanging = True
    bench.publisher.room = room
    async with bench.running():
        await anyio.sleep(2)
        for number in range(102, 122):
            bench.network.connection.say(binance_event("BTCUSDT", number, number, [("100", str(number))], []))
            await anyio.sleep(0.01)
        stopped_at = anyio.current_time()
        bench.stop.set()
        await until(lambda: bench.undelivered is not None)
        assert round(anyio.current_time() - stopped_at, 1) == 4.0
    assert bench.undelivered == 1 + 1 + 20 + 1, "syncing, live, twenty changes, shutdown"


async def test_a_slow_broker_stalls_no_reader_and_the_last_state_arrives() -> None:
    bench = Bench(shutdown_timeout_seconds=60.0)
    bench.outbox = Outbox(RUN, policy=OutboxPolicy.KEEP_UNTIL_FULL, max_records=20, max_bytes=10_000_000)
    bench.__attrs_post_init__()
    bench.publisher.is_hanging = True
    bench.publisher.room = 2
    async with bench.running():
        await anyio.sleep(1)
        for number in range(102, 400):
            bench.network.connection.say(binance_event("BTCUSDT", number, number, [("100", str(number))], []))
            await anyio.sleep(0.01)
        bench.publisher.recover()
        await until(lambda: bench.live("binance:BTC-USDT") and bench.of("binance:BTC-USDT")[-1].sequence == 399)
    books = bench.of("binance:BTC-USDT")
    assert sum(book.conflated for book in books) + len(books) == 1 + 1 + 298 + 1
    assert bench.undelivered == 0
    bench.check_records()


async def test_a_broker_that_refuses_for_good_ends_the_run() -> None:
    bench = Bench()
    with pytest.RaisesGroup(DeliveryFailed, flatten_subgroups=True):
        async with bench.running():
            await until(lambda: bench.live("binance:BTC-USDT"))
            bench.publisher.fail(DeliveryFailed("topic gone"))
            await anyio.sleep(30)
    assert not bench.publisher.is_open


async def test_a_run_that_is_stopped_at_once_ends_at_once() -> None:
    bench = Bench()
    bench.stop.set()
    with anyio.fail_after(1):
        await bench.run()
    assert bench.undelivered == 0

"""What a running producer is told to follow from now on: nobody else notices, and nothing is said twice."""

import json
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from tests.support.bounds import bounds
from tests.support.network import FakeConnection
from tests.support.producing import ASKS, BIDS, SYMBOLS, Bench
from tests.support.venues import BINANCE, COINBASE, binance_book, binance_event
from tests.support.virtual import VIRTUAL_TIME
from tests.support.waiting import until

from market_data.application.ports import Venue
from market_data.application.produce import VenuePlan
from market_data.domain.normalized import BookStatus

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def bench_of(binance: Sequence[str], coinbase: Sequence[str] = ()) -> Bench:
    """Make a bench whose quiet books are found to be as they were."""
    bench = Bench(binance=binance, coinbase=coinbase)
    bench.network.answers = {**bench.network.answers, "depth": lambda _: binance_book(101, BIDS, ASKS)}
    return bench


def plans(**symbols: Sequence[str]) -> list[VenuePlan]:
    venues: dict[str, Venue] = {"binance": BINANCE, "coinbase": COINBASE}
    return [VenuePlan(venues[name], wanted, bounds()) for name, wanted in symbols.items()]


def open_connections(bench: Bench, url: str) -> list[FakeConnection]:
    return [each for each in bench.network.connections if each.url == url and each.closed_at is None]


def sent(connection: FakeConnection) -> list[dict[str, object]]:
    return [json.loads(message) for _, message in connection.sent]


async def test_what_is_added_becomes_live_on_a_connection_of_its_own() -> None:
    bench = bench_of(("BTC-USDT",))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        bench.producer.follow(plans(binance=("BTC-USDT", "ETH-USDT")))
        await until(lambda: bench.live("binance:ETH-USDT"), 5)
        assert len(open_connections(bench, BINANCE.websocket_url())) == 2
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"], "it noticed nothing"
    assert bench.statuses("binance:ETH-USDT") == ["syncing", "live", "disconnected shutdown"]
    bench.check_records()


async def test_what_is_dropped_gets_its_last_record_and_its_stream_is_ended() -> None:
    bench = bench_of(("BTC-USDT", "ETH-USDT"))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT") and bench.live("binance:ETH-USDT"))
        (connection,) = bench.network.connections
        bench.producer.follow(plans(binance=("BTC-USDT",)))
        await until(lambda: len(sent(connection)) > 1, 5)
        assert sent(connection)[-1]["method"] == "UNSUBSCRIBE"
        assert sent(connection)[-1]["params"] == ["ethusdt@depth@100ms"]
        said = len(bench.of("binance:ETH-USDT"))
        connection.say(binance_event("ETHUSDT", 102, 102, [("100", "2")], []))  # on its way when we left
        connection.say(binance_event("BTCUSDT", 102, 102, [("100", "2")], []))
        await until(lambda: bench.of("binance:BTC-USDT")[-1].sequence == 102)
        await anyio.sleep(30)
        assert len(bench.of("binance:ETH-USDT")) == said
        assert bench.network.connections == [connection]
    assert bench.statuses("binance:ETH-USDT") == ["syncing", "live", "disconnected shutdown"]
    assert bench.statuses("binance:BTC-USDT")[:2] == ["syncing", "live"]
    assert not [fields for _, fields in bench.telemetry.warnings if fields.get("native") == "ETHUSDT"]
    assert not [message for message, _ in bench.telemetry.warnings if "connection of its own" in message]
    bench.check_records()


async def test_a_connection_of_which_all_are_dropped_is_closed() -> None:
    bench = bench_of(("BTC-USDT",), ("BTC-USD",))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT") and bench.live("coinbase:BTC-USD"))
        bench.producer.follow(plans(coinbase=("BTC-USD",)))
        await until(lambda: not open_connections(bench, BINANCE.websocket_url()), 5)
        asked = len(bench.network.requests)
        await anyio.sleep(200)
        assert not [url for _, url in bench.network.requests[asked:] if "exchangeInfo" in url], "nothing is asked for"
        assert not open_connections(bench, BINANCE.websocket_url())
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"]
    bench.check_records()


async def test_what_is_wanted_again_goes_on_with_its_epoch_and_its_numbers() -> None:
    bench = bench_of(("BTC-USDT", "ETH-USDT"))
    async with bench.running():
        await until(lambda: bench.live("binance:ETH-USDT"))
        bench.producer.follow(plans(binance=("BTC-USDT",)))
        await until(lambda: not bench.live("binance:ETH-USDT"), 5)
        bench.producer.follow(plans(binance=("BTC-USDT", "ETH-USDT")))
        await until(lambda: bench.live("binance:ETH-USDT"), 5)
        assert bench.of("binance:ETH-USDT")[-1].epoch == 2
    expected = ["syncing", "live", "disconnected shutdown", "syncing connection", "live", "disconnected shutdown"]
    assert bench.statuses("binance:ETH-USDT") == expected
    bench.check_records()


async def test_a_venue_that_joins_is_followed_and_one_that_knows_nothing_ends_nothing() -> None:
    bench = bench_of(("BTC-USDT",))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        bench.producer.follow(plans(binance=("BTC-USDT",), coinbase=("NONE-USD",)))
        await until(lambda: "disconnected rejected" in bench.statuses("coinbase:NONE-USD"), 5)
        bench.producer.follow(plans(binance=("BTC-USDT",), coinbase=("NONE-USD", "BTC-USD")))
        await until(lambda: bench.live("coinbase:BTC-USD"), 5)
    assert bench.statuses("coinbase:NONE-USD") == ["syncing", "disconnected rejected", "disconnected shutdown"]
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"]
    bench.check_records()


async def test_what_is_added_while_a_venue_is_asked_is_not_called_unlisted() -> None:
    """The answer on its way is about the others."""
    bench = bench_of(("BTC-USDT",))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        bench.network.delay_seconds = 3.0
        questions = [url for _, url in bench.network.requests if "exchangeInfo" in url]
        await until(lambda: len([u for _, u in bench.network.requests if "exchangeInfo" in u]) > len(questions), 90)
        bench.producer.follow(plans(binance=("BTC-USDT", "ETH-USDT")))
        await until(lambda: bench.live("binance:ETH-USDT"), 20)
    assert bench.statuses("binance:ETH-USDT") == ["syncing", "live", "disconnected shutdown"]


async def test_what_is_dropped_without_a_connection_is_spoken_of_no_more() -> None:
    bench = bench_of(("BTC-USDT", "NONE-USDT"))
    async with bench.running():
        await until(lambda: "disconnected rejected" in bench.statuses("binance:NONE-USDT"))
        bench.producer.follow(plans(binance=("BTC-USDT",)))
        await until(lambda: bench.of("binance:NONE-USDT")[-1].reason == "shutdown", 5)
        said = len(bench.of("binance:NONE-USDT"))
        await anyio.sleep(30)
        assert len(bench.of("binance:NONE-USDT")) == said
    bench.check_records()


async def test_changes_in_a_row_leave_what_was_wanted_last() -> None:
    bench = bench_of(("BTC-USDT",))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        for wanted in (SYMBOLS, ("SOL-USDT",), ("BTC-USDT", "SOL-USDT"), SYMBOLS[:2]):
            bench.producer.follow(plans(binance=wanted))
        await until(lambda: bench.live("binance:BTC-USDT") and bench.live("binance:ETH-USDT"), 10)
        await anyio.sleep(20)
        live = {key for key in map("binance:{}".format, SYMBOLS) if bench.live(key)}
        assert live == {"binance:BTC-USDT", "binance:ETH-USDT"}
    bench.check_records()


async def test_what_is_told_before_the_run_begins_is_what_it_begins_with() -> None:
    bench = bench_of(("BTC-USDT",))
    bench.producer.follow(plans(binance=("ETH-USDT",)))
    async with bench.running():
        await until(lambda: bench.live("binance:ETH-USDT"))
    assert not bench.of("binance:BTC-USDT")


async def test_nothing_is_followed_once_the_end_has_begun() -> None:
    bench = bench_of(("BTC-USDT",))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
    bench.producer.follow(plans(binance=("BTC-USDT", "ETH-USDT"), coinbase=("BTC-USD",)))
    assert not bench.of("binance:ETH-USDT")
    assert bench.of("binance:BTC-USDT")[-1].status is BookStatus.DISCONNECTED


async def test_what_is_dropped_before_its_connection_is_begun_opens_none() -> None:
    bench = bench_of(("BTC-USDT",))
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        states = bench.producer._venues["binance"]
        began: list[object] = []
        follow = states._follow

        def follow_and_drop(*given: Any) -> None:
            follow(*given)
            began.append(states._feeds[-1])
            states._feeds[-1].drop(["binance:ETH-USDT"])

        states._follow = follow_and_drop  # type: ignore[method-assign]
        bench.producer.follow(plans(binance=("BTC-USDT", "ETH-USDT")))
        await until(lambda: began, 10)
        await anyio.sleep(5)
        assert len(bench.network.connections) == 1
    assert bench.statuses("binance:ETH-USDT")[-1] == "disconnected shutdown"

"""Health as it is asked for: alive, ready, and if not, what is missing; in virtual time, over whole runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import anyio
import pytest
from tests.support.network import FakeTelemetry, refuse
from tests.support.producing import Bench, exchange_info
from tests.support.reading import FakeDisplay, FakeSubscriber
from tests.support.records import record
from tests.support.virtual import VIRTUAL_TIME, LoopClock
from tests.support.waiting import until

from market_data.application.consume import Consumer, ConsumeRequest
from market_data.application.health import ConsumerHealth, ProducerHealth
from market_data.application.ports import Start
from market_data.domain.market import Market
from market_data.domain.normalized import Reason

pytestmark = pytest.mark.anyio

BOTH = ("BTC-USDT", "ETH-USDT")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def health_of(bench: Bench) -> ProducerHealth:
    return ProducerHealth(bench.producer, bench.clock)


def ready(health: ProducerHealth | ConsumerHealth) -> tuple[bool, Mapping[str, Any]]:
    report = health.readiness()
    assert report.says["ready"] is report.is_well
    return report.is_well, report.says


async def test_before_anything_was_said_all_is_missing_and_the_broker_too() -> None:
    bench = Bench(binance=BOTH)
    is_ready, says = ready(health_of(bench))
    assert not is_ready
    assert says["instruments"] == {"wanted": 2, "live": 0, "refused": 0}
    assert says["broker"] == {"problem": "not connected yet"}
    assert says["not_live"][1] == {
        "instrument": "binance:ETH-USDT",
        "status": "syncing",
        "reason": None,
        "since": None,
    }
    assert health_of(bench).liveness().is_well


async def test_a_producer_is_ready_while_all_is_live_and_says_what_is_not_and_since_when() -> None:
    bench = Bench(binance=BOTH)
    health = health_of(bench)
    async with bench.running():
        await until(lambda: all(bench.live(f"binance:{each}") for each in BOTH))
        assert ready(health) == (True, {"ready": True, "instruments": {"wanted": 2, "live": 2, "refused": 0}})
        bench.network.on_connect = refuse(Reason.UNAVAILABLE)
        at = bench.clock.now().wall
        bench.network.connection.drop()
        await until(lambda: not bench.live("binance:BTC-USDT"))
        is_ready, says = ready(health)
        assert not is_ready
        assert [each["instrument"] for each in says["not_live"]] == ["binance:BTC-USDT", "binance:ETH-USDT"]
        (told, _) = says["not_live"]
        assert (told["status"], told["reason"]) in {("disconnected", "connection"), ("disconnected", "unavailable")}
        assert datetime.fromisoformat(told["since"]).timestamp() == pytest.approx(at / 1e6, abs=1.0)
        assert "broker" not in says
        bench.network.on_connect = bench._speak
        await until(lambda: ready(health)[0])
    assert not ready(health)[0], "it has ended"


async def test_an_instrument_that_is_not_listed_is_known_to_be_refused() -> None:
    bench = Bench(binance=("BTC-USDT", "NO-SUCH"))
    health = health_of(bench)
    async with bench.running():
        await until(lambda: ready(health)[0])
        assert ready(health)[1]["instruments"] == {"wanted": 2, "live": 1, "refused": 1}


async def test_a_broker_that_does_not_acknowledge_makes_it_unready() -> None:
    bench = Bench()
    health = health_of(bench)
    async with bench.running():
        await until(lambda: ready(health)[0])
        bench.publisher.is_hanging = True
        await until(lambda: not ready(health)[0])
        broker = ready(health)[1]["broker"]
        assert broker["problem"] == "does not acknowledge"
        assert broker["undelivered"] >= 1
        bench.publisher.recover()
        await until(lambda: ready(health)[0])


async def test_many_that_are_missing_are_named_up_to_a_bound() -> None:
    bench = Bench(binance=[f"S{number}-USDT" for number in range(300)])
    says = ready(health_of(bench))[1]
    assert (says["instruments"]["wanted"], len(says["not_live"])) == (300, 100)


async def test_a_producer_whose_time_is_watched_by_nobody_is_not_alive() -> None:
    bench = Bench()
    health = health_of(bench)
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        await anyio.sleep(120)
        assert health.liveness().says == {"alive": True}
    await anyio.sleep(11)
    report = health.liveness()
    assert not report.is_well
    assert report.says["problem"] == "what watches the time has stood still for 11 s"


async def test_while_it_waits_for_the_listing_of_a_venue_it_is_alive() -> None:
    bench = Bench()
    bench.network.answers = {}
    async with bench.running():
        await anyio.sleep(60)
        assert health_of(bench).liveness().is_well
        bench.network.answers = {"exchangeInfo": exchange_info}


class Reading:
    """A consumer of a topic in memory."""

    def __init__(self) -> None:
        self.subscriber, self.display = FakeSubscriber(), FakeDisplay()
        self.consumer = Consumer(
            self.subscriber,
            Market(stale_after_seconds=15.0, digits=6),
            self.display,
            LoopClock(),
            FakeTelemetry(),
            source="nowhere",
            refresh_seconds=0.25,
        )
        self.health = ConsumerHealth(self.consumer, LoopClock())
        self.stop = anyio.Event()

    async def run(self) -> None:
        await self.consumer.run(ConsumeRequest(Start("latest"), None, None), self.stop)


async def test_a_consumer_is_ready_while_it_reads_whatever_the_market_is_like() -> None:
    world = Reading()
    assert ready(world.health) == (False, {"ready": False, "broker": {"problem": "not connected yet"}})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.run)
        await until(lambda: ready(world.health)[0])
        world.subscriber.deliver(record(0))
        await anyio.sleep(100)
        assert ready(world.health) == (True, {"ready": True, "partitions": [0]})
        world.subscriber.behind_now = frozenset({3, 1})
        assert ready(world.health) == (False, {"ready": False, "partitions": [0], "behind": [1, 3]})
        world.subscriber.behind_now = frozenset()
        world.subscriber.troubled_since = lambda: 6.25
        is_ready, says = ready(world.health)
        assert (is_ready, says["broker"]) == (False, {"problem": "broker unreachable", "seconds": 6.2})
        assert world.health.liveness().is_well
        world.subscriber.troubled_since = None
        world.stop.set()
    await anyio.sleep(11)
    assert not world.health.liveness().is_well

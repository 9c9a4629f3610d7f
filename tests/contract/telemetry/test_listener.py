"""Metrics and health over a real socket: what is answered, by whom an address is taken, and how many are let in."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import anyio
import attrs
import httpx
import pytest
from tests.support.network import FakeTelemetry
from tests.support.scraping import Scrape
from tests.support.waiting import until

from market_data.adapters.telemetry.listener import HttpListener
from market_data.application import metrics
from market_data.application.measures import Measures
from market_data.application.ports import Health, Report
from market_data.domain.errors import AppError

pytestmark = pytest.mark.anyio


@attrs.define
class FakeHealth(Health):
    """Says what the test says."""

    alive: Report = attrs.field(factory=lambda: Report(is_well=True, says={"alive": True}))
    ready: Report = attrs.field(factory=lambda: Report(is_well=True, says={"ready": True}))

    def liveness(self) -> Report:
        return self.alive

    def readiness(self) -> Report:
        return self.ready


@attrs.define
class World:
    """A listener and who asks."""

    address: str
    measures: Measures
    health: FakeHealth
    client: httpx.AsyncClient

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(f"{self.address}{path}", headers=headers)


@asynccontextmanager
async def listening(host: str = "127.0.0.1") -> AsyncIterator[World]:
    telemetry, measures, health = FakeTelemetry(), Measures(), FakeHealth()
    listener = HttpListener(host, 0, "metrics.listen", measures, telemetry)
    async with listener.open(health), httpx.AsyncClient(trust_env=False, timeout=20) as client:
        ((_, fields),) = telemetry.notes
        yield World(str(fields["address"]), measures, health, client)


@contextmanager
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        yield other.getsockname()[1]


async def test_metrics_are_text_with_what_was_counted_observed_and_watched() -> None:
    async with listening() as world:
        world.measures.count(metrics.RECONNECTS, ("binance", "silence"), 2)
        world.measures.observe(metrics.BOOK_RECOVERY, ("binance",), 0.3)
        world.measures.watch(lambda: [(metrics.OUTBOX_RECORDS, (), 7)])
        world.measures.watch(lambda: [(metrics.INFO, ("produce", *"abcdef"), 1)])
        answer = await world.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    scrape = Scrape.read(answer.text)
    assert scrape.sum(metrics.RECONNECTS, exchange="binance", reason="silence") == 2
    assert scrape.sum(metrics.OUTBOX_RECORDS) == 7
    assert scrape.sum(metrics.BOOK_RECOVERY) == 1
    assert scrape.sum(metrics.INFO, program="produce") == 1
    assert scrape.kinds["market_data_exchange_reconnects"] == "counter"
    buckets = {dict(labels)["le"]: value for (name, labels), value in scrape.series.items() if name.endswith("_bucket")}
    assert (buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (0, 1, 1)
    assert {name for name, _ in scrape.series} >= {
        "process_cpu_seconds_total",
        "python_info",
        "python_gc_collections_total",
    }


async def test_whoever_prefers_openmetrics_gets_it() -> None:
    async with listening() as world:
        world.measures.count(metrics.EVENT_LOOP_STALLS, (), 1)
        answer = await world.get("/metrics", accept="application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert "\nmarket_data_event_loop_stalls_total 1.0\n" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_200_while_it_is_well_and_else_503_with_what_is_not(path: str) -> None:
    async with listening() as world:
        well = await world.get(path)
        ill = Report(is_well=False, says={"problem": "nobody knows"})
        world.health.alive = world.health.ready = ill
        unwell = await world.get(path)
    assert (well.status_code, unwell.status_code) == (200, 503)
    assert unwell.json() == {"problem": "nobody knows"}


async def test_nothing_else_is_answered() -> None:
    async with listening() as world:
        assert (await world.get("/")).status_code == 404
        assert (await world.client.post(f"{world.address}/metrics")).status_code == 405


async def test_a_source_that_grows_while_it_is_written_is_read_as_it_was() -> None:
    async with listening() as world:
        for number in range(5000):
            world.measures.count(metrics.CONSUMER_RECORDS, ("binance", f"binance:{number}"), 1)
        answers = []

        async def ask() -> None:
            answers.append(Scrape.read((await world.get("/metrics")).text))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
            for number in range(5000, 5100):
                world.measures.count(metrics.CONSUMER_RECORDS, ("binance", f"binance:{number}"), 1)
                await anyio.lowlevel.checkpoint()
    assert all(5000 <= each.sum(metrics.CONSUMER_RECORDS) <= 5100 for each in answers)
    assert len(answers) == 3


async def test_an_address_that_is_taken_is_said_with_the_setting_and_nothing_begins() -> None:
    with taken_port() as port:
        listener = HttpListener("127.0.0.1", port, "metrics.listen", Measures(), FakeTelemetry())
        with pytest.raises(AppError) as raised:
            async with listener.open(FakeHealth()):
                pytest.fail("it began")
    (line,) = raised.value.lines
    assert line == (
        f"metrics and health cannot be offered at 127.0.0.1:{port}: address already in use. Each program of a machine "
        "needs an address of its own: set metrics.listen to another one, or to null for none"
    )
    assert raised.value.exit_status == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_that_is_not_of_this_machine_is_said(host: str) -> None:
    listener = HttpListener(host, 0, "metrics.listen", Measures(), FakeTelemetry())
    with pytest.raises(AppError, match=r"cannot be offered at .*set metrics\.listen"):
        async with listener.open(FakeHealth()):
            pytest.fail("it began")


async def test_who_opens_many_connections_and_says_nothing_keeps_nobody_out() -> None:
    async with listening() as world:
        url = httpx.URL(world.address)
        streams = [await anyio.connect_tcp(url.host, url.port or 0) for _ in range(100)]
        assert (await world.get("/healthz")).status_code == 200
        closed = []

        async def watch(stream: anyio.abc.SocketStream) -> None:
            try:
                await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                closed.append(stream)

        async with anyio.create_task_group() as tasks:
            for stream in streams:
                tasks.start_soon(watch, stream)
            await until(lambda: len(closed) >= 69)
            assert len(closed) < 100
            tasks.cancel_scope.cancel()
        for stream in streams:
            await stream.aclose()


async def test_at_the_end_all_connections_are_closed_and_the_address_is_free() -> None:
    async with listening() as world:
        port = httpx.URL(world.address).port or 0
        stream = await anyio.connect_tcp("127.0.0.1", port)
        await world.get("/healthz")
    with anyio.fail_after(20), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
        await stream.receive()
    await stream.aclose()
    async with HttpListener("127.0.0.1", port, "metrics.listen", Measures(), FakeTelemetry()).open(FakeHealth()):
        pass


async def test_what_the_block_raises_comes_out_as_it_was() -> None:
    with pytest.raises(AppError, match="as it was"):
        async with listening():
            raise AppError("as it was")

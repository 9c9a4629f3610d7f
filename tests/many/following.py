"""Runs the program against a sandbox, and takes down all that passes between them."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import attrs
import psutil
from anyio.streams.buffered import BufferedByteReceiveStream
from dependency_injector import providers
from tests.many.figures import Figures
from tests.support.network import FakeTelemetry
from tests.support.watching import MemoryPublisher

from market_data.application.ports import Connection, Network, Received, Request, Response, Transport
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.errors import ConnectionFailed, ConnectionLost, RequestFailed
from market_data.domain.normalized import NormalizedBook
from market_data.factories.venues import make_plans

__all__ = ["Followed", "follow"]

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0
_LONGEST_LINE = 1 << 20
_QUOTES = {"kraken": "USD"}
_OVERRIDES = (
    *("venues.coinbase.enabled=false", "venues.okx.enabled=true"),
    *("venues.bybit.enabled=true", "venues.kraken.enabled=true"),
    *("venues.binance.instruments_per_connection=1024", "venues.binance.snapshot_limit=100"),
    *("book.reseed_below_levels=50", "transport.loopback_only=true"),
)
"""As many instruments on a connection as Binance allows, and its cheapest request: all else is the default."""
_BINANCE_LEVELS = 60
"""So that the cheapest request gives the whole of a book."""


@attrs.define
class Followed:
    """What was seen of a run."""

    figures: Mapping[str, Figures]
    seconds: float = 0.0
    all_live_at: float | None = None
    cpu_until_live: float = 0.0
    """Seconds of the program's CPU, and the rest of it."""
    cpu_after: float = 0.0
    sandbox_cpu: float = 0.0
    merged: int = 0
    told: Counter[str] = attrs.field(factory=Counter)
    """Warnings, by what they say."""
    stalls: list[float] = attrs.field(factory=list)
    """Seconds for which the event loop stood still, each more than a quarter of one."""


@attrs.define
class _Notes:
    """Takes down what is asked of exchanges, by their addresses."""

    figures: Mapping[str, Figures]
    by_address: Mapping[str, str]
    began: float = attrs.field(factory=time.monotonic)

    def now(self) -> float:
        return time.monotonic() - self.began

    def of(self, url: str) -> Figures:
        return self.figures[self.by_address[url.partition("://")[2].partition("/")[0]]]


@attrs.define
class _NotedConnection(Connection):
    connection: Connection
    figures: Figures
    notes: _Notes

    async def receive(self) -> Received:
        try:
            return await self.connection.receive()
        except ConnectionLost as error:
            self.figures.refused[str(error)] += 1
            raise

    async def send(self, message: str) -> None:
        await self.connection.send(message)
        self.figures.sent.append((self.notes.now(), message))


@attrs.define
class _NotedNetwork(Network):
    network: Network
    notes: _Notes

    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        return self._connected(url)

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncGenerator[Connection]:
        figures = self.notes.of(url)
        try:
            async with self.network.connect(url) as connection:
                figures.connected.append(self.notes.now())
                yield _NotedConnection(connection, figures, self.notes)
        except ConnectionFailed as error:
            figures.refused[str(error)] += 1
            raise

    async def get(self, request: Request) -> Response:
        figures = self.notes.of(request.url)
        figures.asked.append((self.notes.now(), request.weight))
        try:
            return await self.network.get(request)
        except RequestFailed as error:
            figures.refused[str(error).partition("?")[0]] += 1
            raise


@attrs.define
class _NotedTransport(Transport):
    transport: Transport
    notes: _Notes

    def open(self) -> AbstractAsyncContextManager[Network]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Network]:
        async with self.transport.open() as network:
            yield _NotedNetwork(network, self.notes)


async def follow(
    counts: Mapping[str, int], rate: float, seconds: float, patience: float, overrides: Sequence[str], folder: Path
) -> Followed:
    """Follow so many instruments of each exchange until all are live, for at most ``patience`` seconds, and then for
    ``seconds`` more.
    """
    symbols = {name: [f"C{at}X-{_QUOTES.get(name, 'USDT')}" for at in range(count)] for name, count in counts.items()}
    settings_file = folder / "sandbox.yaml"
    instruments = ",".join(f"{name}:{symbol}" for name, each in symbols.items() for symbol in each)
    command = (
        *(sys.executable, "-m", "sandbox", "--venues", ",".join(counts), "--instruments", instruments),
        *("--rate", str(rate), "--binance-depth", str(_BINANCE_LEVELS), "--no-broker"),
        *("--settings-file", str(settings_file)),
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("APP_", "KAFKA_", "LOG_"))}
    async with await anyio.open_process(command, cwd=_ROOT, env=environ, stderr=None) as sandbox:
        try:
            assert sandbox.stdout is not None
            with anyio.fail_after(_START_SECONDS):
                told = await BufferedByteReceiveStream(sandbox.stdout).receive_until(b"\n", _LONGEST_LINE)
            return await _follow(json.loads(told), settings_file, overrides, seconds, patience, sandbox.pid)
        finally:
            if sandbox.returncode is None:
                sandbox.kill()


async def _follow(
    addresses: Mapping[str, Mapping[str, str]],
    settings_file: Path,
    overrides: Sequence[str],
    seconds: float,
    patience: float,
    sandbox: int,
) -> Followed:
    settings = load_settings("local", [settings_file], [*_OVERRIDES, *overrides], environ={}).settings
    container = Container(settings=settings)
    plans = make_plans(settings, None, container.engine())
    figures = {
        plan.venue.name: Figures(
            plan.venue.name,
            len(plan.symbols),
            plan.venue.instruments_per_connection,
            plan.venue.messages_per_second,
            plan.venue.weight_per_minute,
            plan.venue.weight_per_minute * plan.request_burst_seconds / 60,
        )
        for plan in plans
    }
    by_address = {
        told[kind].partition("://")[2].partition("/")[0]: name
        for name, told in addresses.items()
        if name in figures
        for kind in ("websocket_url", "rest_url")
    }
    notes, followed = _Notes(figures, by_address), Followed(figures)

    def take(book: NormalizedBook) -> None:
        figures[book.exchange].take(book, notes.now())

    telemetry = FakeTelemetry()
    container.telemetry.override(providers.Object(telemetry))
    container.transport.override(providers.Object(_NotedTransport(container.transport(), notes)))
    container.publisher.override(providers.Object(MemoryPublisher(take)))
    outbox, producer, ours, theirs = container.outbox(), container.producer(), psutil.Process(), psutil.Process(sandbox)
    stop, cpu_at_start, sandbox_at_start = anyio.Event(), _cpu(ours), _cpu(theirs)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(producer.run, stop)
        with anyio.move_on_after(patience):
            while any(len(each.live) < each.instruments for each in figures.values()):  # noqa: ASYNC110 - records come by another way
                await anyio.sleep(0.05)
            followed.all_live_at = notes.now()
        followed.cpu_until_live = _cpu(ours) - cpu_at_start
        _tell(followed, notes.now())
        await anyio.sleep(seconds)
        followed.seconds = notes.now()
        followed.cpu_after = _cpu(ours) - cpu_at_start - followed.cpu_until_live
        followed.sandbox_cpu = _cpu(theirs) - sandbox_at_start
        followed.merged = outbox.merged
        followed.told.update(message for message, _ in telemetry.warnings)
        followed.stalls += [
            float(str(fields["seconds"])) for message, fields in telemetry.warnings if "stood still" in message
        ]
        stop.set()
    return followed


def _tell(followed: Followed, now: float) -> None:
    live = ", ".join(f"{each.exchange} {len(each.live)} of {each.instruments}" for each in followed.figures.values())
    sys.stderr.write(f"{now:6.1f} s: live {live}\n")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

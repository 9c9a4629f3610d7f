"""A sandbox and a producer in one event loop, joined by sockets; a judge takes every record as it is published."""

import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import attrs
import httpx
from dependency_injector import providers
from tests.support.judging import Judge, Spell, Stand
from tests.support.network import FakeTelemetry
from tests.support.recovery import Injected, Recoveries
from tests.support.waiting import until
from tests.support.watching import MemoryPublisher, WatchedTransport

from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.normalized import BookStatus, Levels, NormalizedBook
from market_data_sandbox import Fault, FaultKind, Options, Running, Venue, serve

__all__ = ["OVERRIDES", "World", "refute", "world"]

OVERRIDES: Mapping[str, object] = {
    "venues.coinbase.instruments_per_connection": 2,
    "venues.coinbase.requests_per_second": 50,
    "transport.connect_timeout_seconds": 10,
    "transport.request_timeout_seconds": 2,
    "transport.max_frame_bytes": 8 * 2**20,
    "transport.ping_interval_seconds": 0.7,
    "transport.ping_timeout_seconds": 3,
    "book.heartbeat_seconds": 0.5,
    "book.first_data_timeout_seconds": 2,
    "book.connection_silence_seconds": 2.5,
    "book.stream_silence_seconds": 1.5,
    "book.probe_timeout_seconds": 1.5,
    "book.join_quiet_seconds": 0.4,
    "book.audit_seconds": 60,
    "shutdown_timeout_seconds": 10,
}
"""Above the settings of the sandbox: bounds that are over soon."""

_START_SECONDS = 40.0


@attrs.define
class World:
    """What runs, and what was seen of it."""

    running: Running
    judge: Judge
    recoveries: Recoveries
    telemetry: FakeTelemetry
    transport: WatchedTransport
    exchanges: Sequence[str]
    newest: dict[str, NormalizedBook] = attrs.field(factory=dict)
    """The last record of each book."""

    def stands(self, key: str, since: int = 0) -> list[Stand]:
        """Give what a book was said to be, from its so manyth change on."""
        return list(self.judge.keys[key].stands)[since:]

    def is_live(self, key: str) -> bool:
        """Tell whether a book is live now."""
        known = self.judge.keys.get(key)
        return known is not None and bool(known.stands) and known.stands[-1].status is BookStatus.LIVE

    @property
    def keys(self) -> list[str]:
        """All books that the sandbox has to tell."""
        return [
            f"{venue}:{symbol}"
            for venue in Venue
            if venue in self.exchanges
            for symbol in self.running.endpoints[venue].instruments
        ]

    @property
    def are_live(self) -> bool:
        """Tell whether all books are live now."""
        return all(self.is_live(key) for key in self.keys)

    def injected(self, kind: FaultKind) -> int:
        """Count what was done wrong."""
        return self.running.faults.injected[kind]

    def connection_of(self, symbol: str) -> str | None:
        """Name the newest connection that was told of a book."""
        newest = [record.connection for record in self.running.truth if record.symbol == symbol]
        return newest[-1] if newest else None

    async def until_live(self, within_seconds: float = _START_SECONDS) -> None:
        """Wait until all books are live."""
        await until(lambda: self.are_live, within_seconds, 0.02)

    def inject(self, faults: Iterable[Fault]) -> None:
        """Do something wrong."""
        for fault in faults:
            self.running.faults.inject(fault)

    def take(self, book: NormalizedBook) -> None:
        """Judge a record."""
        self.newest[book.key] = book
        self.judge.take(book)

    def _live_again(self, spell: Spell) -> None:
        faults = self.running.faults
        offset = time.time() - (anyio.current_time() - faults._started)
        self.recoveries.injected.clear()
        self.recoveries.injected.extend(
            Injected(each.fault.venue, offset + each.seconds, each.fault.seconds or 0.0) for each in faults.history
        )
        self.recoveries.take(spell)


@asynccontextmanager
async def world(
    options: Options,
    overrides: Mapping[str, object] | None = None,
    exchanges: Sequence[str] | None = None,
    *,
    is_proven_only: bool = False,
) -> AsyncGenerator[World]:
    """Run a sandbox and follow these of its exchanges, or all of them.

    At the end the producer is stopped, and has said its last words.

    All books are live when the block begins. With ``is_proven_only``, what a record shows beyond what its venue proves
    is not judged.
    """
    exchanges = options.venues if exchanges is None else exchanges
    async with serve(options) as running:
        chosen = {f"venues.{venue}.enabled": str(venue in exchanges).lower() for venue in Venue}
        settings = load_settings(
            "sandbox",
            [running.settings_file],
            [f"{path}={value}" for path, value in {**OVERRIDES, **chosen, **(overrides or {})}.items()],
            environ={},
        ).settings
        container = Container(settings=settings)
        hosts = {_host(endpoint.rest_url): venue for venue, endpoint in running.endpoints.items()}

        recoveries, telemetry = Recoveries(), FakeTelemetry()
        shown = {
            name: min(settings.book.depth, venue.book_levels or settings.book.depth)
            for name, venue in settings.venues.items()
        }
        judge = Judge(partial(refute, running, shown, is_proven_only=is_proven_only), time.time)
        transport = WatchedTransport(
            container.transport(),
            lambda url: hosts[_host(url)],
            time.time,
            recoveries.attempts.append,
        )
        seen = World(running, judge, recoveries, telemetry, transport, exchanges)
        container.transport.override(providers.Object(transport))
        container.publisher.override(providers.Object(MemoryPublisher(seen.take)))
        container.telemetry.override(providers.Object(telemetry))
        judge.on_live_again = seen._live_again
        stop, producer = anyio.Event(), container.producer()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(producer.run, stop, name="producer")
            await seen.until_live()
            yield seen
            stop.set()


def _host(url: str) -> bytes:
    return httpx.URL(url).netloc


def refute(
    running: Running, shown: Mapping[str, int], book: NormalizedBook, *, is_proven_only: bool = False
) -> str | None:
    """Say what is wrong with a live record's levels, of which there are so many a side; None where nothing is."""
    levels = shown[book.exchange]
    if is_proven_only:
        book, levels = book.proven(), min(levels, book.proven_levels or levels)
    truths = [(tuple(bids[:levels]), tuple(asks[:levels])) for bids, asks in _truths(running, book)]
    if not truths:
        return "there was no such state"
    return None if (book.bids, book.asks) in truths else _first_difference(book, truths[0])


def _truths(running: Running, book: NormalizedBook) -> Iterable[tuple[Levels, Levels]]:
    """Give the true states that a record may show: bids and asks, 20 a side, of which a record may show fewer.

    Coinbase's numbers are a connection's own: there, the time of the change names the state. So it does where nothing
    is numbered (Kraken). Others' ids may start again: there, the time (milliseconds, none after a bare snapshot of
    Binance) must fit where both are known.
    """
    number = book.event_time if book.sequence is None else book.sequence
    assert number is not None
    for record in running.truth.find(book.exchange, book.symbol, number):
        if book.exchange == Venue.COINBASE:
            is_meant = record.event_time == book.event_time
        else:
            is_meant = None in (book.event_time, record.event_time) or (
                record.event_time // 1000 == book.event_time // 1000
            )
        if is_meant:
            yield tuple(record.bids), tuple(record.asks)


def _first_difference(book: NormalizedBook, truth: tuple[Levels, Levels]) -> str:
    for side, ours, theirs in zip(("bids", "asks"), (book.bids, book.asks), truth, strict=True):
        for at in range(max(len(ours), len(theirs))):
            mine, yours = ours[at : at + 1], theirs[at : at + 1]
            if mine != yours:
                return f"{side}[{at}] is {mine} and should be {yours}"
    return "nothing differs"

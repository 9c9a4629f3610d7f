"""How long the program's loop is held by a snapshot of 4.8 MB, and what another venue's books notice of it."""

import gzip
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import attrs
import msgspec
from dependency_injector import providers
from loguru import logger
from tests.benchmarks.engines import book_engines
from tests.benchmarks.results import Effort, Result, command
from tests.support.oracles import CAPTURES

from market_data.application.ports import Publication, Publisher
from market_data.cli.loops import choose_loop
from market_data.config import EventLoop, load_settings
from market_data.container import Container
from market_data.domain.normalized import NormalizedBook

__all__ = ["measure"]

RATE = 1000
WHOLE = "one whole decode"
_CAPTURE = CAPTURES / "coinbase_advanced" / "snapshot_btc_usd_46655_levels.json.gz"
_LEVELS = 46_655
_ROUNDS = 9
_WINDOW_SECONDS = 0.5
_SMALL_WINDOW_SECONDS = 0.15
_METHOD = f"""
The whole program but its broker (settings, container, transport, feeds, outbox; records end in memory) follows two
venues over loopback sockets: Binance with {RATE:,} changes a second, each saying when it was sent, and Coinbase, whose
snapshot comes again with every connection. A round is one connection: the longest time that a task which wants to wake
every millisecond was kept waiting meanwhile, and the p99 from sent to published of the other venue's records, in the
{_WINDOW_SECONDS} s from the opening and in as long afterwards. One whole decode is msgspec alone on the same frame,
into typed structs, in the same process after each round. Wall time; the venues have a core of their own.
"""


class _Update(msgspec.Struct, gc=False):
    side: str
    price_level: str
    new_quantity: str
    event_time: str


class _Event(msgspec.Struct):
    type: str
    product_id: str
    updates: list[_Update]


class _Frame(msgspec.Struct):
    channel: str
    sequence_num: int
    events: list[_Event]


_decode = msgspec.json.Decoder(_Frame).decode


@attrs.define(eq=False)
class Memory(Publisher, Publication):
    """Where records end: how late each of Binance was, and when Coinbase's book began anew and was whole."""

    late: list[tuple[float, float]] = attrs.field(factory=list)
    """When a record was published, and how many seconds after it was sent."""
    opened: list[float] = attrs.field(factory=list)
    lived: list[float] = attrs.field(factory=list)
    _sequence: int = 0

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Publication]:
        yield self

    open = _open

    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        now = time.monotonic()
        for book in books:
            if book.exchange == "coinbase":
                (self.lived if book.status == "live" else self.opened).append(now)
            elif book.status == "live" and book.sequence and book.sequence > self._sequence:
                self._sequence = book.sequence
                self.late.append((now, now - book.sequence / 1e6))
        await anyio.lowlevel.checkpoint()

    def admission(self) -> Callable[[str], bool]:
        return lambda _: True

    def linger(self) -> float:
        return 0.0

    async def until_freed(self) -> None:
        await anyio.sleep_forever()

    async def flush(self) -> None:
        await anyio.lowlevel.checkpoint()

    @property
    def undelivered(self) -> int:
        return 0

    @property
    def stalled_seconds(self) -> float:
        return 0.0

    def p99(self, since: float, until: float) -> float:
        """Give the latency that one in a hundred of a time's records exceeds, in ms; all of it where none came."""
        late = sorted(seconds for at, seconds in self.late if since <= at < until)
        return (late[math.ceil(len(late) * 0.99) - 1] if late else until - since) * 1e3


@attrs.define
class Stalls:
    """Times at which the loop was held."""

    seen: list[tuple[float, float]] = attrs.field(factory=list)
    """When each ended, and how many seconds it was."""

    async def watch(self) -> None:
        """Want to wake every millisecond."""
        while True:
            wanted = time.monotonic() + 0.001
            await anyio.sleep(0.001)
            now = time.monotonic()
            self.seen.append((now, now - wanted))

    def longest(self, since: float, until: float) -> float:
        """Give the longest of a time, in ms."""
        return max((seconds for at, seconds in self.seen if since <= at < until), default=0.0) * 1e3


def large_frame(*, is_small: bool) -> bytes:
    """Give the recorded snapshot, or one of its shape."""
    if _CAPTURE.is_file() and not is_small:
        return gzip.decompress(_CAPTURE.read_bytes()).strip()
    level = '{"side":"%s","event_time":"2026-08-24T22:34:13.483122Z","price_level":"%d.%02d","new_quantity":"0.%08d"}'
    count = 400 if is_small else _LEVELS
    bids = (level % ("bid", *divmod(3_690_000 - number, 100), number + 1) for number in range(count // 2))
    asks = (level % ("offer", *divmod(3_690_001 + number, 100), number + 1) for number in range(count - count // 2))
    head = '{"channel":"l2_data","timestamp":"2026-08-24T22:34:13.793075885Z","sequence_num":0,"events":['
    event = '{"type":"snapshot","product_id":"BTC-USD","updates":['
    return f"{head}{event}{','.join((*bids, *asks))}]}}]}}".encode()


@contextmanager
def _venues(frame: bytes, seconds: float) -> Iterator[int]:
    """Run the venues beside; gives their port."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(frame)
        file.flush()
        asked = (sys.executable, "-m", "tests.benchmarks.venue_server", file.name, str(RATE), str(seconds))
        with subprocess.Popen(asked, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield int(process.stdout.readline())
            finally:
                process.kill()


def program(port: int, engine: str, publisher: Publisher) -> Container:
    """Compose the program as ``produce`` does, with another end."""
    host = f"127.0.0.1:{port}"
    settings = [
        *(f"venues.binance.websocket_url=ws://{host}", f"venues.binance.rest_url=http://{host}"),
        *(f"venues.coinbase.websocket_url=ws://{host}/coinbase", f"venues.coinbase.rest_url=http://{host}"),
        *("venues.binance.instruments=[BTC-USDT]", "venues.coinbase.instruments=[BTC-USD]"),
        *("reconnect.initial_backoff_seconds=0.02", "reconnect.max_backoff_seconds=0.1"),
        *("book.heartbeat_seconds=60", "book.stream_silence_seconds=60"),
    ]
    loaded = load_settings("test", overrides=settings, environ={}, folder=Path(__file__).parent)
    if hasattr(loaded.settings.book, "engine"):
        settings.append(f"book.engine={engine}")
        loaded = load_settings("test", overrides=settings, environ={}, folder=Path(__file__).parent)
    container = Container(settings=loaded.settings)
    container.publisher.override(providers.Object(publisher))
    return container


async def _rounds(port: int, engine: str, frame: bytes, rounds: int, window: float) -> dict[str, list[float]]:
    memory, stalls, stop = Memory(), Stalls(), anyio.Event()
    whole: list[float] = []
    marks: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(program(port, engine, memory).producer().run, stop)
        tasks.start_soon(stalls.watch)
        for number in range(rounds + 1):  # the first is not counted
            with anyio.fail_after(20):
                while len(memory.lived) <= number:  # noqa: ASYNC110 - nothing tells
                    await anyio.sleep(0.01)
            since = max(at for at in memory.opened if at < memory.lived[number])
            marks.append(since)
            await anyio.sleep(max(0.0, since + 2 * window - time.monotonic()))
            began = time.perf_counter()
            _decode(frame)
            whole.append((time.perf_counter() - began) * 1e3)
        stop.set()
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    counted = marks[1:]
    return {
        WHOLE: whole[1:],
        "longest stall of the loop": [stalls.longest(at, at + window) for at in counted],
        "other venue's p99 meanwhile": [memory.p99(at, at + window) for at in counted],
        "other venue's p99 afterwards": [memory.p99(at + window, at + 2 * window) for at in counted],
    }


def measure(effort: Effort) -> Iterable[Result]:
    """Measure with every engine."""
    frame = large_frame(is_small=effort.is_small)
    window = _SMALL_WINDOW_SECONDS if effort.is_small else _WINDOW_SECONDS
    rounds = effort.rounds if effort.is_small else max(effort.rounds, _ROUNDS)
    logger.remove()
    loop = choose_loop(EventLoop.AUTO)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        for engine in book_engines():
            with _venues(frame, 2 * window + 0.3) as port:
                figures = anyio.run(_rounds, port, engine, frame, rounds, window, backend_options=loop.backend_options)
            title = f"The big snapshot, {engine} engine"
            notes = [f"event loop: {loop}; the snapshot: {len(frame):,} bytes, {frame.count(b'price_level'):,} levels"]
            yield Result(f"big_snapshot_{engine}", title, _METHOD, "ms", figures, WHOLE, notes)
    finally:
        os.sched_setaffinity(0, cores)


if __name__ == "__main__":
    sys.exit(command("big_snapshot", measure))

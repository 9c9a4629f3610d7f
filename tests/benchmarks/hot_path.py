"""Time per event from bytes to bytes: decode, continuity, apply, top 20, record, encode.

Method: all depth frames of the two recorded Binance files (6,495 events of 46 levels on average) go one by one
through the real ``FeedCore`` with its real dialect, ``/depth`` answered from a naive rebuild, and each state through
the outbox and the record's encoder. Beside it, in the same run and interleaved with it, the bare floor: msgspec
decodes the same frames into the same type, and encodes the same records. Best of several rounds each; the ratio is
what counts, the machine is noisy.
"""

import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable

import anyio
import cramjam
import msgspec
from tests.support.oracles import BinanceCapture, NaiveRebuild

from app.adapters.kafka.records import encode
from app.adapters.venues.binance import Binance, _Combined
from app.adapters.venues.wire import Endpoint
from app.application.core import FeedCore
from app.application.inputs import Fetched, Frames, Opened, Started
from app.application.outbox import Outbox, OutboxPolicy
from app.domain.effects import Fetch
from app.domain.instrument import Instrument
from app.domain.moment import Moment
from app.domain.normalized import BookState, NormalizedBook
from app.domain.sync import SyncSettings

ROUNDS = 7
SETTINGS = SyncSettings(
    depth=20,
    heartbeat_seconds=5,
    first_data_timeout_seconds=10,
    stream_silence_seconds=15,
    join_quiet_seconds=1,
    max_buffered_events=5000,
    reseed_below_levels=100,
    snapshot_limit=1000,
    snapshot_retry_initial_seconds=0.5,
    snapshot_retry_max_seconds=10,
    crossed_limit=3,
    audit_seconds=0,
)


class River:
    """One pass over the capture."""

    def __init__(self, capture: BinanceCapture) -> None:
        self.capture = capture
        venue = Binance(Endpoint("binance", "ws://localhost", "http://localhost", 200, 4, 3000))
        self.core = FeedCore(venue, [Instrument("binance", "BTC-USDT", "BTCUSDT")], SETTINGS, frame_silence_seconds=10)
        self.outbox = Outbox("run", policy=OutboxPolicy.KEEP_UNTIL_FULL, max_records=50_000, max_bytes=1 << 28)
        self.fetches: list[Fetch] = []
        self.values: list[bytes] = []
        self.books: list[NormalizedBook] = []

    def give(self, given: Started | Opened | Frames | Fetched, moment: Moment) -> None:
        for output in self.core.handle(given, moment):
            if type(output) is BookState:
                self.outbox.put(output)
            elif isinstance(output, Fetch):
                self.fetches.append(output)

    async def run(self, naive: NaiveRebuild) -> float:
        """Give the seconds spent in our own code, the naive rebuild and the answers' making not counted."""
        spent = 0.0
        begin = Moment(self.capture.frames[0].received, 0.0)
        self.give(Started(), begin)
        self.give(Opened(), begin)
        for frame in self.capture.frames:
            moment = Moment(frame.received, (frame.received - begin.wall) / 1e6)
            if not frame.is_depth and not frame.is_snapshot:
                continue
            naive.take(frame)
            answer = [(fetch, naive.depth(fetch.levels)) for fetch in self.fetches] if naive.is_ready else []
            if answer:
                self.fetches.clear()
            started = time.perf_counter()
            for fetch, body in answer:
                self.give(Fetched(fetch, body), moment)
            if frame.is_depth:
                self.give(Frames((frame.payload,)), moment)
            if len(self.outbox):
                for book in await self.outbox.take(100):
                    self.values.append(encode(book))
                    self.books.append(book)
            spent += time.perf_counter() - started
        return spent


def floor(capture: BinanceCapture, books: list[NormalizedBook]) -> float:
    """Give the seconds of bare decoding and encoding."""
    decode = msgspec.json.Decoder(_Combined).decode
    write = msgspec.json.Encoder().encode
    bare = [msgspec.json.decode(encode(book)) for book in books]
    frames = [frame.payload for frame in capture.frames if frame.is_depth]
    started = time.perf_counter()
    for payload in frames:
        decode(payload)
    for record in bare:
        write(record)
    return time.perf_counter() - started


def _compressed(values: list[bytes]) -> str:
    """Say how many bytes a record has where so many share a batch."""
    sizes = []
    for size in (1, 10, 100):
        batches = [b"".join(values[at : at + size]) for at in range(0, len(values), size)]
        total = sum(len(bytes(cramjam.lz4.compress(batch))) for batch in batches)
        sizes.append(f"{total / len(values):,.0f} in batches of {size}")
    return ", ".join(sizes)


def measure(job: Callable[[], float]) -> float:
    """Run once with the collector in a known state."""
    gc.collect()
    return job()


def main() -> int:
    """Print the figures."""
    capture = BinanceCapture.load()
    if capture is None:
        print("the captures are absent: nothing to measure on")
        return 0
    events = sum(frame.is_depth for frame in capture.frames)
    ours: list[float] = []
    bare: list[float] = []
    values: list[bytes] = []
    for _ in range(ROUNDS):
        river = River(capture)
        ours.append(measure(lambda river=river: anyio.run(river.run, NaiveRebuild())))  # type: ignore[misc]
        bare.append(measure(lambda river=river: floor(capture, river.books)))  # type: ignore[misc]
        values = river.values
    microseconds = 1e6 / events
    print(__doc__)
    machine = f"python {platform.python_version()}, {platform.machine()}"
    print(f"{machine}, {events} events, {len(values)} records, {ROUNDS} rounds")
    print(f"{'':34}{'best':>8}{'median':>9}   µs an event")
    for name, times in (("bytes to bytes, all of it", ours), ("bare decoding and encoding", bare)):
        print(f"{name:34}{min(times) * microseconds:8.1f}{statistics.median(times) * microseconds:9.1f}")
    print(f"{'ratio':34}{min(ours) / min(bare):8.1f}{statistics.median(ours) / statistics.median(bare):9.1f}")
    print(f"\nrecord: {statistics.mean(map(len, values)):,.0f} bytes; with lz4 " + _compressed(values))
    print(json.dumps({"us_per_event": min(ours) * microseconds, "floor": min(bare) * microseconds}), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

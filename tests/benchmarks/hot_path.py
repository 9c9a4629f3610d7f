"""Time per event from bytes to bytes: decode, continuity, apply, top 20, record, encode.

Method: all depth frames of the two recorded Binance files (6,495 events of 46 levels on average) go one by one
through the real ``FeedCore`` with its real dialect, and each state through the outbox and the record's encoder.
``/depth`` is answered from a naive rebuild, in a pass before; the measured rounds are given its inputs and, like the
program, keep nothing of what they made; the collector does not look at the capture, which is none of the program's.
Beside them, in the same run and in turns with them, the bare floor: msgspec decodes the same frames into the same type,
and encodes the same records. Best of several rounds each; the ratio is what counts, the machine is noisy.
"""

import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import anyio
import cramjam
import msgspec
from tests.support.oracles import BinanceCapture, NaiveRebuild

from market_data.adapters.kafka.records import encode
from market_data.adapters.venues.binance import Binance, _Combined
from market_data.adapters.venues.wire import Endpoint
from market_data.application.core import FeedCore
from market_data.application.inputs import Fetched, Frames, Opened, Started
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.domain.effects import Fetch
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, NormalizedBook
from market_data.domain.sync import SyncSettings

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


Given = Started | Opened | Frames | Fetched


class River:
    """One pass over the capture."""

    def __init__(self) -> None:
        venue = Binance(Endpoint("binance", "ws://localhost", "http://localhost", 200, 4, 3000))
        self.core = FeedCore(venue, [Instrument("binance", "BTC-USDT", "BTCUSDT")], SETTINGS, frame_silence_seconds=10)
        self.outbox = Outbox("run", policy=OutboxPolicy.KEEP_UNTIL_FULL, max_records=50_000, max_bytes=1 << 28)
        self.fetches: list[Fetch] = []

    def give(self, given: Given, moment: Moment) -> None:
        for output in self.core.handle(given, moment):
            if type(output) is BookState:
                self.outbox.put(output)
            elif isinstance(output, Fetch):
                self.fetches.append(output)

    def prepare(self, capture: BinanceCapture) -> list[tuple[Given, Moment]]:
        """Answer what is asked for; gives all that went in."""
        naive = NaiveRebuild()
        begin = Moment(capture.frames[0].received, 0.0)
        inputs: list[tuple[Given, Moment]] = [(Started(), begin), (Opened(), begin)]
        for given, moment in inputs:
            self.give(given, moment)
        for frame in capture.frames:
            if not frame.is_depth and not frame.is_snapshot:
                continue
            moment = Moment(frame.received, (frame.received - begin.wall) / 1e6)
            naive.take(frame)
            news: list[Given] = []
            if naive.is_ready:
                news += [Fetched(fetch, naive.depth(fetch.levels)) for fetch in self.fetches]
                self.fetches.clear()
            if frame.is_depth:
                news.append(Frames((frame.payload,)))
            for given in news:
                self.give(given, moment)
                inputs.append((given, moment))
        return inputs

    async def run(self, inputs: Sequence[tuple[Given, Moment]]) -> float:
        """Give the seconds that it took."""
        started = time.perf_counter()
        for given, moment in inputs:
            self.give(given, moment)
            if len(self.outbox):
                for book in await self.outbox.take(100):
                    encode(book)
        return time.perf_counter() - started


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
    river = River()
    inputs = river.prepare(capture)
    books = anyio.run(river.outbox.take, 50_000)
    values = [encode(book) for book in books]
    gc.collect()
    gc.freeze()
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        ours.append(measure(lambda: anyio.run(River().run, inputs)))
        bare.append(measure(lambda: floor(capture, books)))
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

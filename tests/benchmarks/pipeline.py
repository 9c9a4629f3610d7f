"""The hot path without its sockets: frames in, the bytes of records out; and what the recorded frames ask of it.

The venue's answers to ``/depth`` come from a naive rebuild of the recording, in a pass before anything is measured:
what is measured is given the same inputs at the same moments, and keeps nothing of what it made, as the program does.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import anyio
import attrs
from tests.support.captures import excerpt
from tests.support.oracles import BinanceCapture, NaiveRebuild

from market_data.adapters.kafka.records import encode
from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.wire import Endpoint
from market_data.application.core import FeedCore
from market_data.application.inputs import Fetched, Frames, Opened, Started, Ticked
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.domain.effects import Fetch
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState
from market_data.domain.sync import SyncSettings

__all__ = ["BTC", "SETTINGS", "Given", "Pipeline", "Recording", "agreement", "run_of"]

BTC = Instrument("binance", "BTC-USDT", "BTCUSDT")
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
_SMALL = 60
"""Frames of a tiny input."""

Given = Started | Opened | Frames | Fetched | Ticked


class Pipeline:
    """A core of Binance and an outbox."""

    def __init__(
        self,
        engine: Mapping[str, Any],
        instruments: Sequence[Instrument] = (BTC,),
        settings: SyncSettings = SETTINGS,
    ) -> None:
        """``engine`` is what keeps the books, as ``book_engines`` gives it."""
        venue = Binance(Endpoint("binance", "ws://localhost", "http://localhost", 1024, 4, 3000))
        self.core = FeedCore(venue, instruments, settings, frame_silence_seconds=10, **engine)
        self.outbox = Outbox("run", policy=OutboxPolicy.KEEP_UNTIL_FULL, max_records=50_000, max_bytes=1 << 28)
        self.fetches: list[Fetch] = []
        self.last: BookState | None = None
        self.told: list[object] = []
        """What came of it besides states and questions."""

    def give(self, given: Given, moment: Moment) -> None:
        """Give one input; what comes of it waits in the outbox and in ``fetches``."""
        for output in self.core.handle(given, moment):
            if type(output) is BookState:
                self.outbox.put(output)
                self.last = output
            elif isinstance(output, Fetch):
                self.fetches.append(output)
            else:
                self.told.append(output)

    async def write(self) -> list[bytes]:
        """Take all that waits, and write it as it would go to the broker."""
        return [encode(book) for book in await self.outbox.take(100)] if len(self.outbox) else []

    async def run(self, inputs: Iterable[tuple[Given, Moment]]) -> None:
        """Go all the way, input by input."""
        give, outbox = self.give, self.outbox
        for given, moment in inputs:
            give(given, moment)
            if len(outbox):
                for book in await outbox.take(100):
                    encode(book)


def run_of(engine: Mapping[str, Any], inputs: Sequence[tuple[Given, Moment]]) -> list[bytes]:
    """Give the records of one run over some inputs."""

    async def run() -> list[bytes]:
        pipeline = Pipeline(engine)
        values: list[bytes] = []
        for given, moment in inputs:
            pipeline.give(given, moment)
            values += await pipeline.write()
        return values

    return anyio.run(run)


@attrs.frozen
class Recording:
    """Recorded frames of one instrument, and all that goes into the core because of them."""

    source: str
    capture: BinanceCapture
    frames: Sequence[bytes]
    """The depth frames."""
    snapshot: bytes
    """What ``/depth`` answered when it was recorded."""
    inputs: Sequence[tuple[Given, Moment]]

    @classmethod
    def load(cls, engine: Mapping[str, Any], *, is_small: bool = False) -> "Recording":
        """Read the captures beside the repository, or where they are absent or little is wanted, the excerpt in it."""
        whole = None if is_small else BinanceCapture.load()
        capture = whole or BinanceCapture.read([excerpt("binance_btcusdt_excerpt.gz")])
        name = "the recorded Binance files" if whole else "the excerpt of a recorded Binance file"
        inputs = _inputs(engine, capture, _SMALL if is_small else len(capture.frames))
        depth = [payload for given, _ in inputs if isinstance(given, Frames) for payload in given.frames]
        (snapshot,) = (frame.payload for frame in capture.frames if frame.is_snapshot)
        levels = sum(payload.count(b'["') for payload in depth) / len(depth)
        return cls(f"{name}: {len(depth):,} events of {levels:.0f} levels", capture, depth, snapshot, inputs)


def _inputs(engine: Mapping[str, Any], capture: BinanceCapture, most: int) -> list[tuple[Given, Moment]]:
    """Answer what is asked for; gives all that went in."""
    pipeline, naive = Pipeline(engine), NaiveRebuild()
    begin = Moment(capture.frames[0].received, 0.0)
    inputs: list[tuple[Given, Moment]] = [(Started(), begin), (Opened(), begin)]
    for given, moment in inputs:
        pipeline.give(given, moment)
    for frame in [frame for frame in capture.frames if frame.is_depth or frame.is_snapshot][:most]:
        moment = Moment(frame.received, (frame.received - begin.wall) / 1e6)
        naive.take(frame)
        news: list[Given] = []
        if naive.is_ready:
            news += [Fetched(fetch, naive.depth(fetch.levels)) for fetch in pipeline.fetches]
            pipeline.fetches.clear()
        if frame.is_depth:
            news.append(Frames((frame.payload,)))
        for given in news:
            pipeline.give(given, moment)
            inputs.append((given, moment))
    return inputs


def agreement(engine: Mapping[str, Any], recording: Recording) -> tuple[int, int]:
    """Hold the book against the venue's own best prices: how often they agree, of how many that can be compared.

    ``@bookTicker`` shares the ids of the changes, so that one of the id just applied says what the best levels are.
    """
    pipeline = Pipeline(engine)
    agreed = compared = 0
    for given, moment in recording.inputs:
        pipeline.give(given, moment)
        state = pipeline.last
        if not isinstance(given, Frames) or state is None or not state.is_live:
            continue
        tick = recording.capture.ticks.get(json.loads(given.frames[0])["data"]["u"])
        if tick is not None:
            compared += 1
            best = (*state.bids[0], *state.asks[0])
            agreed += all(Decimal(ours) == Decimal(theirs) for ours, theirs in zip(best, tick, strict=True))
    return agreed, compared

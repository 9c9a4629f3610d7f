"""What metrics cost: the hot path as it is, counted, and counted and scraped, in turns."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import anyio
import attrs
from tests.benchmarks.engines import book_engines
from tests.benchmarks.pipeline import Given, Pipeline, Recording
from tests.benchmarks.results import Effort, Result, command, in_turns, quiet_collector

from market_data.adapters.clock import SystemClock
from market_data.adapters.kafka.records import encode
from market_data.adapters.telemetry.logs import LogTelemetry
from market_data.adapters.telemetry.metrics import Exposition
from market_data.application.inputs import Frames
from market_data.application.measures import Measures
from market_data.application.metrics import EXCHANGE_APPLY, SAMPLED
from market_data.application.standings import BookStandings
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState
from market_data.domain.tally import VenueTally

__all__ = ["COUNTED", "SCRAPED", "WITHOUT", "measure"]

WITHOUT = "without"
COUNTED = "counted"
SCRAPED = "counted, and scraped once a second"
_INSTRUMENTS = 200
"""Of which the scraped series are; one of them is busy."""
_SCRAPE_SECONDS = 1.0
_LOOK = 100
"""So often, in inputs, it is looked whether a second is over: the clock is no part of it."""
_PASSES = 5
"""Of a round, so that it takes longer than a second."""
_METHOD = """
All recorded depth frames go one by one through the real core, the outbox and the encoder: without metrics, with
all that is counted on that way (frames and bytes as a socket's reads are, how long one reading in 16 took to be
applied, each state's status compared with the last),
and with {instruments} instruments' series also written as Prometheus reads them, once in each second of CPU time. What
the core itself adds to a number is in all three, and timed alone below. CPU time of the process, in turns.
"""


@attrs.define
class _Counted:
    """Counts on the way as a producer does."""

    pipeline: Pipeline
    measures: Measures = attrs.field(factory=Measures)
    tally: VenueTally = attrs.field(factory=VenueTally)
    clock: SystemClock = attrs.field(factory=SystemClock)
    telemetry: LogTelemetry = attrs.field(init=False)
    standings: BookStandings = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.telemetry = LogTelemetry(self.measures)
        self.standings = BookStandings(self.clock, self.telemetry)
        self.standings.want("binance", ["BTC-USDT", *(f"S{number}-USDT" for number in range(_INSTRUMENTS - 1))])
        self.measures.watch(self.standings.measure)
        self.measures.watch(self.pipeline.outbox.measure)

    def give(self, given: Given, moment: Moment) -> None:
        if type(given) is Frames:
            tally = self.tally
            tally.frames += len(given.frames)
            for frame in given.frames:
                tally.frame_bytes += len(frame)
        take, put = self.standings.take, self.pipeline.outbox.put
        for output in self.pipeline.core.handle(given, moment):
            if type(output) is BookState:
                take(output)
                put(output)
        if type(given) is Frames and not self.tally.frames % SAMPLED:
            applied = self.clock.now().mono - moment.mono
            self.telemetry.observe(EXCHANGE_APPLY, applied, exchange="binance")


def _give(pipeline: Pipeline, given: Given, moment: Moment) -> None:
    put = pipeline.outbox.put
    for output in pipeline.core.handle(given, moment):
        if type(output) is BookState:
            put(output)


async def _run(way: str, recording: Recording) -> float:
    """Go all the way some times; gives µs CPU an event."""
    started = time.process_time()
    scrape_at = started + _SCRAPE_SECONDS if way == SCRAPED else float("inf")
    for _ in range(_PASSES):
        pipeline = Pipeline(book_engines()["python"])
        counted = _Counted(pipeline)
        exposition = Exposition(counted.measures)
        give: Callable[[Given, Moment], None] = partial(_give, pipeline) if way == WITHOUT else counted.give
        outbox = pipeline.outbox
        for number, (given, moment) in enumerate(recording.inputs):
            give(given, moment)
            if len(outbox):
                for book in await outbox.take(100):
                    encode(book)
            if number % _LOOK == 0 and time.process_time() >= scrape_at:
                scrape_at += _SCRAPE_SECONDS
                await exposition.write("")
    return (time.process_time() - started) / (_PASSES * len(recording.frames)) * 1e6


def _addition(repeats: int = 200_000) -> float:
    """Time what the core adds for each frame; gives ns."""
    tally, events = VenueTally(), (1,)
    started = time.process_time()
    for _ in range(repeats):
        tally.events += len(events)
    added = time.process_time() - started
    started = time.process_time()
    for _ in range(repeats):
        pass
    return (added - (time.process_time() - started)) / repeats * 1e9


async def _scrape() -> tuple[float, int]:
    """Time one scrape; gives ms and bytes."""
    exposition = Exposition(_Counted(Pipeline(book_engines()["python"])).measures)
    await exposition.write("")
    started = time.process_time()
    text, _ = await exposition.write("")
    return (time.process_time() - started) * 1e3, len(text)


def measure(effort: Effort) -> Iterable[Result]:
    """Measure the three ways."""
    recording = Recording.load(book_engines()["python"], is_small=effort.is_small)
    ways: Sequence[str] = (WITHOUT, COUNTED, SCRAPED)
    jobs = {way: partial(anyio.run, _run, way, recording) for way in ways}
    with quiet_collector():
        for job in jobs.values():
            job()
        figures = in_turns(jobs, effort.rounds)
    milliseconds, size = anyio.run(_scrape)
    notes = [
        recording.source,
        f"what the core adds for each frame: {_addition():.0f} ns",
        f"a scrape of {_INSTRUMENTS} instruments: {milliseconds:.1f} ms CPU, {size:,} bytes",
    ]
    method = _METHOD.format(instruments=_INSTRUMENTS)
    yield Result("metrics", "What metrics cost", method, "µs CPU an event", figures, WITHOUT, notes)


if __name__ == "__main__":
    sys.exit(command("metrics", measure))

"""CPU time per event as instruments and levels become more."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import anyio
import attrs
from tests.benchmarks.engines import book_engines
from tests.benchmarks.pipeline import SETTINGS, Given, Pipeline
from tests.benchmarks.results import Effort, Result, command, in_turns, quiet_collector
from tests.benchmarks.synthetic import Market

from market_data.application.inputs import Fetched, Frames, Opened, Started, Ticked
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment

__all__ = ["Stream", "measure"]

INSTRUMENTS = (1, 20, 200, 1000)
LEVELS = (100, 1000, 10_000, 50_000)
EVENTS = 6000
"""Of each round, all instruments together."""
_CHANGES = 46
_FEW_LEVELS = 200
_PACE_SECONDS = 0.1
_BEGIN = 1_700_000_000_000_000
_CHUNK = 500
_WARM_UP = 2000
_METHOD = """
A made market (46 levels an event, a quarter of them among the best 20, the rest as likely in any doubling of the depth
beyond, four in ten removing: about as recorded) goes from bytes to bytes through one core that lives on from round to
round. Its instruments speak in turns, each ten times a second by the core's clock, which ticks as often as the
program's; making the frames is not counted. {} CPU time of the process, all sizes in turns.
"""


class Stream:
    """Live books of one core, and what comes of them as long as it is asked for."""

    def __init__(self, engine: Mapping[str, Any], instruments: int, market: Market) -> None:
        self.instruments = [Instrument("binance", f"C{n}-USDT", f"C{n}USDT") for n in range(instruments)]
        self.market = market
        settings = attrs.evolve(SETTINGS, snapshot_limit=10**6)  # an answer shorter than asked for: the whole book
        self.pipeline = Pipeline(engine, self.instruments, settings)
        self._number = 0
        for given in (Started(), Opened()):
            self.pipeline.give(given, self._moment())
        self._begin()

    def _moment(self) -> Moment:
        seconds = self._number / len(self.instruments) * _PACE_SECONDS
        return Moment(_BEGIN + round(seconds * 1e6), seconds)

    def _begin(self) -> None:
        """Make every book live."""
        while self.pipeline.core.live < len(self.instruments):
            for given, moment in self.inputs(len(self.instruments)):
                self.pipeline.give(given, moment)
            for fetch in self.pipeline.fetches:
                last_id = self._number // len(self.instruments)
                self.pipeline.give(Fetched(fetch, self.market.snapshot(last_id)), self._moment())
            self.pipeline.fetches.clear()
        self.pipeline.told.clear()

    def inputs(self, events: int) -> Iterator[tuple[Given, Moment]]:
        """Go on where it was left: a tick, and an event of each instrument, each elsewhere in the pool."""
        count = len(self.instruments)
        for _ in range(events):
            turn, at = divmod(self._number, count)
            moment = self._moment()
            if at == 0:
                yield Ticked(), moment
            native, milliseconds = self.instruments[at].native, moment.wall // 1000
            self._number += 1
            yield Frames((self.market.frame(native, turn + 1, turn + 1, turn + at, milliseconds),)), moment

    def run(self, events: int) -> float:
        """Let so many events pass; gives the CPU seconds that the program took for them.

        Raises:
            RuntimeError: a book was lost.
        """

        async def run() -> float:
            taken = 0.0
            for at in range(0, events, _CHUNK):
                chunk = list(self.inputs(min(_CHUNK, events - at)))
                started = time.process_time()
                await self.pipeline.run(chunk)
                taken += time.process_time() - started
            return taken

        taken = anyio.run(run)
        if self.pipeline.told or self.pipeline.core.live < len(self.instruments):
            raise RuntimeError(f"a book was lost: {self.pipeline.told[:3]}")
        return taken


def _per_event(stream: Stream, events: int) -> float:
    return stream.run(events) / events * 1e6


def _grown(engine: Mapping[str, Any], sizes: Mapping[str, tuple[int, int]], effort: Effort) -> dict[str, list[float]]:
    """Measure each size: how many instruments, of how many levels a side."""
    events, warm_up = (200, 50) if effort.is_small else (EVENTS, _WARM_UP)
    ways: dict[str, Callable[[], float]] = {}
    for name, (instruments, levels) in sizes.items():
        stream = Stream(engine, instruments, Market.make(levels, _CHANGES))
        stream.run(max(warm_up, 2 * instruments))
        ways[name] = partial(_per_event, stream, events)
    with quiet_collector():
        return in_turns(ways, effort.rounds)


def measure(effort: Effort) -> Iterable[Result]:
    """Measure both ways of growing, for every engine."""
    instruments = INSTRUMENTS[:2] if effort.is_small else INSTRUMENTS
    levels = LEVELS[:2] if effort.is_small else LEVELS
    more = {f"{n:,} instrument{'s' * (n > 1)}": (n, _FEW_LEVELS) for n in instruments}
    deeper = {f"{n:,} levels a side": (1, n) for n in levels}
    for name, engine in book_engines().items():
        for kind, sizes, said in (
            ("instruments", more, f"Every book begins with {_FEW_LEVELS} levels a side."),
            ("levels", deeper, "One instrument."),
        ):
            figures = _grown(engine, sizes, effort)
            title = f"Growth with {kind}, {name} engine"
            yield Result(
                f"growth_{kind}_{name}", title, _METHOD.format(said), "µs CPU an event", figures, next(iter(sizes))
            )


if __name__ == "__main__":
    sys.exit(command("growth", measure))

"""Memory for each instrument, and over a million events."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil
from tests.benchmarks.engines import book_engines
from tests.benchmarks.growth import Stream
from tests.benchmarks.hot_path import ours
from tests.benchmarks.results import Effort, Result, command
from tests.benchmarks.synthetic import Market

__all__ = ["measure"]

_INSTRUMENTS = 200
_LEVELS = 1000
_EVENTS = 1_000_000
_STEPS = 10
_CHANGES = 6
_ROUNDS = 3
_PER_INSTRUMENT = f"""
Resident memory that {_INSTRUMENTS} live books of one core add, of {_LEVELS:,} levels a side, divided by their number;
the raw answers that they were made of are gone. Each round in a new process. The base is the JSON of both sides.
"""
_OVER_EVENTS = f"""
Resident memory after so many events of {_CHANGES} levels, 20 instruments of {_LEVELS:,} levels a side, from bytes to
bytes in one process, which lives on.
"""


def _resident() -> int:
    return psutil.Process().memory_info().rss


def per_instrument(engine: str, instruments: int) -> None:
    """Print the kB of one; to be run in a process of its own."""
    market = Market.make(_LEVELS, _CHANGES)
    Stream(book_engines()[engine], 1, market).run(100)
    before = _resident()
    stream = Stream(book_engines()[engine], instruments, market)
    stream.run(2 * instruments)
    print((_resident() - before) / instruments / 1000)


def over_events(engine: str, events: int) -> None:
    """Print the MB after each step; to be run in a process of its own."""
    stream = Stream(book_engines()[engine], 20, Market.make(_LEVELS, _CHANGES))
    for _ in range(_STEPS):
        stream.run(events // _STEPS)
        print(_resident() / 1e6, flush=True)


def _ask(kind: str, engine: str, count: int) -> list[float]:
    asked = (sys.executable, "-m", "tests.benchmarks.memory", kind, engine, str(count))
    root = Path(__file__).parents[2]
    done = subprocess.run(asked, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def measure(effort: Effort) -> Iterable[Result]:
    """Measure both for every engine."""
    instruments, events = (5, 500) if effort.is_small else (_INSTRUMENTS, _EVENTS)
    rounds = min(effort.rounds, _ROUNDS)
    json = len(Market.make(_LEVELS, 1).snapshot(1)) / 1000
    values = {"the book as JSON": [json] * rounds}
    for engine in book_engines():
        values[ours(engine)] = [_ask("per_instrument", engine, instruments)[0] for _ in range(rounds)]
    yield Result(
        *("memory_per_instrument", "Memory for each instrument", _PER_INSTRUMENT, "kB"),
        values,
        "the book as JSON",
    )
    for engine in book_engines():
        steps = _ask("over_events", engine, events)
        counts = [events // _STEPS * number for number in range(1, _STEPS + 1)]
        grown = {f"{count:,} events": [step] for count, step in zip(counts, steps, strict=True)}
        name, title = f"memory_over_events_{engine}", f"Memory over a million events, {engine} engine"
        yield Result(name, title, _OVER_EVENTS, "MB", grown, next(iter(grown)))


if __name__ == "__main__":
    if sys.argv[1:2] in (["per_instrument"], ["over_events"]):
        {"per_instrument": per_instrument, "over_events": over_events}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(command("memory", measure))

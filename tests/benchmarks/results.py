"""What all benchmarks share: rounds in turns, medians with their spread, ratios within the run, and the same as JSON.

A benchmark is a module with ``measure(effort)``, which gives results, and ``main`` made by ``command``. Times of
different runs mean little on a machine that others use too; so every result names the way that the others are held
against, round by round, and what is compared is the ratio.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import attrs

__all__ = [
    "Effort",
    "Result",
    "Spread",
    "command",
    "in_turns",
    "machine",
    "quiet_collector",
    "read",
    "say",
    "short",
    "write",
]

_PACKAGES = (
    *("market-data-pipeline", "market-data-native", "msgspec", "anyio", "uvloop", "httpx-ws", "wsproto", "websockets"),
    *("aiokafka", "cramjam"),
)
_ROUNDS = 7


@attrs.frozen
class Effort:
    """How much is measured."""

    rounds: int = _ROUNDS
    is_small: bool = False
    """A tiny input, for a look at whether all works; its figures say nothing."""


@attrs.frozen
class Spread:
    """Of several rounds: the median, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{short(self.median):>9}  {short(self.least):>9} - {short(self.most):<9}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


@attrs.frozen
class Result:
    """One table: several ways to do the same, measured in turns."""

    name: str
    title: str
    method: str = attrs.field(converter=_one_line)
    """How it was measured: one paragraph."""
    unit: str
    values: Mapping[str, Sequence[float]]
    """By way, one value a round."""
    base: str | None = None
    """The way that the others are held against, round by round; None: nothing is compared."""
    notes: Sequence[str] = ()

    def ratios(self, way: str) -> Spread | None:
        """Give how many times the base's value a way's was."""
        if self.base is None:
            return None
        pairs = zip(self.values[way], self.values[self.base], strict=True)
        return Spread.of([value / base for value, base in pairs])

    def as_json(self) -> dict[str, Any]:
        """Give all of it, summed up and each round."""
        ways = {}
        for way, values in self.values.items():
            ratio = self.ratios(way)
            ways[way] = {**attrs.asdict(Spread.of(values)), "ratio": ratio and attrs.asdict(ratio), "rounds": values}
        about = {"name": self.name, "title": self.title, "method": self.method, "unit": self.unit, "base": self.base}
        return {**about, "notes": list(self.notes), "ways": ways}


def in_turns(jobs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Let the ways take turns; each job gives its own value of a round, and no way is always the first."""
    names = list(jobs)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            values[name].append(jobs[name]())
    return values


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep the collector from looking at what is there already: inputs are none of the program's."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def machine() -> dict[str, Any]:
    """Say what this is measured on, and with."""
    return {
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "commit": _commit(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _commit() -> str:
    asked = ("git", "describe", "--always", "--dirty")
    try:
        done = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def short(value: float) -> str:
    """Write a number with three digits that say something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def say(result: Result) -> None:
    """Print a result."""
    width = max(map(len, result.values))
    rounds = len(next(iter(result.values.values())))
    print(f"\n{result.title}\n\n{textwrap.fill(result.method, 118)}\n")
    against = f"   times {result.base}" if result.base else ""
    print(f"{f'{rounds} rounds':{width}}   {result.unit + ', median, least - most':35}{against}")
    for way, values in result.values.items():
        ratio = result.ratios(way)
        print(f"{way:{width}} {Spread.of(values)!s:34}{'' if ratio is None else ratio}".rstrip())
    for note in result.notes:
        print(note)
    sys.stdout.flush()


def write(path: Path, results: Iterable[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    """Write results to a file, with the machine that they are of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": about, "results": list(results)}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read such a file: the machine and the results."""
    held = json.loads(path.read_text(encoding="utf-8"))
    return held["machine"], held["results"]


def command(name: str, measure: Callable[[Effort], Iterable[Result]], arguments: Sequence[str] | None = None) -> int:
    """Be the command line of one benchmark: print each result as soon as it is there, and keep them as JSON."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.benchmarks.{name}")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, metavar="N", help=f"how often (default {_ROUNDS})")
    parser.add_argument("--small", action="store_true", help="a tiny input: shows that it works, says nothing else")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    about = machine()
    print(json.dumps(about, ensure_ascii=False))
    results = []
    for result in measure(Effort(options.rounds, options.small)):
        say(result)
        results.append(result.as_json())
    if options.json is not None:
        write(options.json, results, about)
    return 0

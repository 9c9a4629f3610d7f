"""Instructions per event of the hot path: a figure that can be compared over time and between busy machines.

The processor's own counters are asked by ``perf stat`` where it has them, else ``valgrind --tool=callgrind`` counts.
"""

import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import anyio
import attrs
import msgspec
from tests.benchmarks.engines import book_engines
from tests.benchmarks.hot_path import FLOOR, floor, ours
from tests.benchmarks.pipeline import Given, Pipeline, Recording, run_of
from tests.benchmarks.results import Effort, Result, command

from market_data.application.inputs import Frames
from market_data.domain.moment import Moment

__all__ = ["measure"]

_WARM_UP = 200
_EVENTS = 300
_SECONDS = 300
_METHOD = """
Instructions of user space that {}, of a process which lets {} recorded events pass from bytes to bytes after {} others,
less those of the same process without the former, divided by their number. Hashes are not randomised.
"""
_COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")
_COUNTED = re.compile(r"(\d+),[^,]*,instructions:u")


@attrs.frozen
class Work:
    """What a counted process does: the inputs of ``_WARM_UP`` events, and those of more."""

    before: Sequence[tuple[Given, Moment]]
    counted: Sequence[tuple[Given, Moment]]
    frames: Sequence[bytes]
    """Of ``counted``."""
    records: Sequence[bytes]
    """That come of ``counted``."""

    @classmethod
    def of(cls, recording: Recording, warm_up: int, events: int) -> "Work":
        """Cut a recording."""
        ends = [at + 1 for at, (given, _) in enumerate(recording.inputs) if isinstance(given, Frames)]
        first, last = ends[warm_up - 1], ends[warm_up + events - 1]
        engine = book_engines()["python"]
        before, both = recording.inputs[:first], recording.inputs[:last]
        values = run_of(engine, both)[len(run_of(engine, before)) :]
        return cls(before, both[first:], recording.frames[warm_up : warm_up + events], values)


def do(engine: str, work: Work, *, is_all: bool) -> None:
    """Be the process that is counted."""
    if engine == FLOOR:
        records = [msgspec.json.decode(value) for value in work.records]
        floor(work.frames[:10], records[:10])
        if is_all:
            floor(work.frames, records)
        return

    async def run() -> None:
        pipeline = Pipeline(book_engines()[engine])
        await pipeline.run(work.before)
        if is_all:
            await pipeline.run(work.counted)

    anyio.run(run)


Counter = Callable[[Sequence[str]], int]
"""Runs a command and gives its instructions."""


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


def _run(*asked: str) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        asked, cwd=root, env=_environment(), capture_output=True, text=True, timeout=_SECONDS, check=True
    )
    return done.stderr


def _by_perf(asked: Sequence[str]) -> int:
    found = _COUNTED.search(_run("perf", "stat", "-x", ",", "-e", "instructions:u", *asked))
    return int(found.group(1)) if found else 0


def _by_callgrind(asked: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        tool = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out")
        found = _COLLECTED.search(_run(*tool, *asked))
    return int(found.group(1)) if found else 0


def find_counter() -> tuple[str, Counter] | None:
    """Give what counts here, and its name."""
    if shutil.which("perf"):
        try:
            if _by_perf((sys.executable, "-c", "")):
                return "perf stat counts", _by_perf
        except subprocess.CalledProcessError:
            pass
    if shutil.which("valgrind"):
        return "valgrind --tool=callgrind counts", _by_callgrind
    return None


def measure(effort: Effort, found: tuple[str, Counter] | None = None) -> Iterable[Result]:
    """Count once, nothing here is left to chance; ``found`` stands for what this machine has."""
    found = found or find_counter()
    if found is None:
        print("instructions: not counted, neither perf stat (with the processor's counters) nor valgrind is here")
        return
    name, count = found
    engines = book_engines()
    recording = Recording.load(engines["python"], is_small=effort.is_small)
    warm_up, events = (5, 5) if effort.is_small else (_WARM_UP, _EVENTS)
    values: dict[str, list[float]] = {}
    with tempfile.NamedTemporaryFile() as file:
        file.write(pickle.dumps(Work.of(recording, warm_up, events)))
        file.flush()
        for way, engine in ((FLOOR, FLOOR), *((ours(name), name) for name in engines)):
            asked = (sys.executable, "-m", "tests.benchmarks.instructions", "--do", engine, file.name)
            values[way] = [(count((*asked, "all")) - count((*asked, "none"))) / events]
    method = _METHOD.format(name, events, warm_up)
    title = "Book path in instructions"
    yield Result("instructions", title, method, "instructions an event", values, FLOOR, [recording.source])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--do"]:
        do(sys.argv[2], pickle.loads(Path(sys.argv[3]).read_bytes()), is_all=sys.argv[4] == "all")  # noqa: S301 - ours
    else:
        sys.exit(command("instructions", measure))

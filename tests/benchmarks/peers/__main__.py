"""Other projects' books on our frames, in turns with ours: ``python -m tests.benchmarks.peers WORKER …``.

A worker is an interpreter and its script, ``PYTHON=SCRIPT``, or a program; ``nox -s bench_peers`` makes them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from tests.benchmarks.engines import book_engines
from tests.benchmarks.hot_path import FLOOR, jobs
from tests.benchmarks.pipeline import Recording
from tests.benchmarks.results import Effort, Result, in_turns, machine, quiet_collector, say, write
from tests.support.oracles import NaiveRebuild, Top, numbers

__all__ = ["Worker", "main", "measure"]

_METHOD = f"""
The same recorded depth frames through other projects' own handlers and books, each in its own process and environment,
and through ours, in turns within one run; the base is {FLOOR} by msgspec, in Python. Theirs begin with the recorded
snapshot; what each does and does not is said below. Ours proves continuity, publishes the top 20 with its status and
writes the record. CPU time of each process while it works. At the end of each pass the best 20 levels of both sides are
held against a naive rebuild.
"""


@attrs.define(eq=False)
class Worker:
    """A process that waits for its turns."""

    process: "subprocess.Popen[str]"
    ways: dict[str, str]
    """What each does and does not."""

    @classmethod
    @contextmanager
    def started(cls, command: Sequence[str], frames: Path) -> "Iterator[Worker]":
        """Start it.

        Raises:
            ChildProcessError: it does not even say what it can.
        """
        asked = [*command, str(frames)]
        with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield cls(process, _read(process)["ways"])
            finally:
                process.kill()

    def do(self, way: str) -> dict[str, Any]:
        """Let it make one pass."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{way}\n")
        self.process.stdin.flush()
        return _read(self.process)


def _read(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ChildProcessError(f"{process.args!r} ended with status {process.wait()}")
    said: dict[str, Any] = json.loads(line)
    return said


def _frames(recording: Recording, folder: Path) -> Path:
    file = folder / "frames"
    file.write_bytes(b"\n".join((recording.snapshot, *recording.frames)) + b"\n")
    return file


def _truth(recording: Recording) -> Top:
    """Rebuild naively what whoever begins with the recorded snapshot must end with."""
    naive = NaiveRebuild()
    for frame in recording.capture.frames:
        naive.take(frame)
        if frame.payload == recording.frames[-1]:
            break
    return naive.top()


@attrs.define
class Passes:
    """How a way's passes ended."""

    do: Callable[[str], dict[str, Any]]
    events: int
    truth: Top
    right: dict[str, bool] = attrs.field(factory=dict)

    def __call__(self, way: str) -> float:
        """Make one; gives its µs an event."""
        said = self.do(way)
        self.right[way] = self.right.get(way, True) and numbers(said["top"]) == self.truth
        return float(said["seconds"]) / self.events * 1e6


def measure(effort: Effort, commands: Iterable[Sequence[str]]) -> Result:
    """Let all take turns; a worker that does not start is said and left out."""
    recording = Recording.load(book_engines()["python"], is_small=effort.is_small)
    truth, events = _truth(recording), len(recording.frames)
    notes = [recording.source]
    about: dict[str, str] = {}
    every: list[Passes] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as workers:
        ways: dict[str, Callable[[], float]] = dict(jobs(recording))
        for command in commands:
            try:
                worker = workers.enter_context(Worker.started(command, _frames(recording, Path(folder))))
            except (OSError, ChildProcessError) as error:
                notes.append(f"left out: {error}")
                continue
            every.append(Passes(worker.do, events, truth))
            about |= worker.ways
            ways |= {way: partial(every[-1], way) for way in worker.ways}
        with quiet_collector():
            for job in ways.values():
                job()
            values = in_turns(ways, effort.rounds)
    right = {way: is_right for passes in every for way, is_right in passes.right.items()}
    notes += [
        f"{way}: {said}; top 20 {'right' if right[way] else 'NOT RIGHT'} at the end" for way, said in about.items()
    ]
    return Result("peers", "Book path beside other projects", _METHOD, "µs CPU an event", values, FLOOR, notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures and keep them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("workers", nargs="*", metavar="WORKER", help="a program, or an interpreter=its script")
    parser.add_argument("--json", type=Path, default=Path("build/peers.json"), metavar="FILE")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args(arguments)
    about = machine()
    print(json.dumps(about, ensure_ascii=False))
    commands = [worker.split("=", 1) for worker in options.workers]
    result = measure(Effort(options.rounds, options.small), commands)
    say(result)
    write(options.json, [result.as_json()], about)
    print(f"\nthe same as JSON: {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

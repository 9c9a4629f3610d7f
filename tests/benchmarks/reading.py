"""CPU time per record of a reader: from what the Kafka client gives to books whose order is proven.

Other trees of this project take turns with this one where they are named:

    python -m tests.benchmarks.reading old=/path/to/old/tree new=.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import msgspec
from tests.benchmarks.engines import book_engines
from tests.benchmarks.peers.__main__ import Worker
from tests.benchmarks.pipeline import BTC, Recording, run_of
from tests.benchmarks.results import Effort, Result, command, in_turns, quiet_collector

__all__ = ["FLOOR", "WAYS", "main", "measure"]

HERE = Path(__file__).resolve().parents[2]
FLOOR = "bare decode of all"
WAYS: Mapping[str, str] = {
    "verify": "Proving order of everything: verify",
    "unseen": "Proving order of everything: read_books, no book looked at",
    "best": "read_books, the best bid and ask of each book looked at",
    "levels": "read_books, all levels of each book looked at",
    "consume": "consume, but for drawing",
}
_INSTRUMENTS = 20
_RECORDS = 10_000
_METHOD = """
Records that the core made of the recorded frames (20 levels a side), dealt out to {instruments} instruments of one
partition, are given as the Kafka client gives them, {batch} at a time: what fetching them costs is not in it. Each tree
is a process of its own; CPU time of the process while it reads all of them, in turns within one run. The floor is
msgspec alone, which decodes each record with its levels into a typed struct.
"""


class _Record(msgspec.Struct, gc=False):
    """A record as anybody would declare it."""

    schema_version: int
    exchange: str
    symbol: str
    status: str
    reason: str | None
    status_since: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    event_time: int | None
    received_time: int | None
    sequence: int | None
    epoch: int
    run: str
    publish_seq: int
    conflated: int
    proof: str = "sequence"
    proven_levels: int | None = None


def records(*, is_small: bool = False) -> list[bytes]:
    """Give the recording's records, as if several instruments had them at once."""
    engine = book_engines()["python"]
    values = run_of(engine, Recording.load(engine, is_small=is_small).inputs)[: _RECORDS // _INSTRUMENTS]
    symbol = f'"{BTC.symbol}"'.encode()
    return [value.replace(symbol, b'"A%02d-USDT"' % each) for value in values for each in range(_INSTRUMENTS)]


@contextmanager
def _workers(trees: Mapping[str, Path], file: Path) -> Iterator[Mapping[str, Worker]]:
    script = str(HERE / "tests" / "benchmarks" / "reading_worker.py")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Worker.started([sys.executable, script, str(tree)], file))
            for name, tree in trees.items()
        }


def measure(effort: Effort, trees: Mapping[str, Path] | None = None) -> Iterable[Result]:
    """Measure each way to read, of this tree and of others; the first is the base."""
    trees = trees or {"ours": HERE}
    values = records(is_small=effort.is_small)
    count = len(values)
    decode = msgspec.json.Decoder(_Record).decode

    def floor() -> float:
        started = time.process_time()
        for value in values:
            decode(value)
        return (time.process_time() - started) / count * 1e6

    with tempfile.TemporaryDirectory() as folder, quiet_collector():
        file = Path(folder) / "records"
        file.write_bytes(b"".join(value + b"\n" for value in values))
        with _workers(trees, file) as workers:

            def reading(name: str, way: str) -> float:
                return float(workers[name].do(way)["seconds"]) / count * 1e6

            for way, title in WAYS.items():
                jobs: dict[str, Callable[[], float]] = {FLOOR: floor}
                jobs |= {name: partial(reading, name, way) for name in trees}
                for job in jobs.values():
                    job()
                figures = in_turns(jobs, effort.rounds)
                base = next(iter(trees)) if len(trees) > 1 else FLOOR
                notes = [f"{count:,} records of {sum(map(len, values)) / count:,.0f} bytes"]
                method = _METHOD.format(instruments=_INSTRUMENTS, batch=500)
                yield Result(f"reading_{way}", title, method, "µs CPU a record", figures, base, notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take trees by name before the options that all benchmarks have."""
    given = sys.argv[1:] if arguments is None else arguments
    named = [each.partition("=") for each in given if not each.startswith("-") and "=" in each]
    trees = {name: Path(tree).resolve() for name, _, tree in named}
    rest = [each for each in given if each.startswith("-") or "=" not in each]
    return command("reading", partial(measure, trees=trees), rest)


if __name__ == "__main__":
    sys.exit(main())

"""CPU time per event from bytes to bytes: decode, continuity, book, top 20, record, encode."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import anyio
import cramjam
import msgspec
from tests.benchmarks.engines import book_engines
from tests.benchmarks.pipeline import Pipeline, Recording, agreement, run_of
from tests.benchmarks.results import Effort, Result, command, in_turns, quiet_collector

__all__ = ["FLOOR", "floor", "jobs", "measure", "ours"]

FLOOR = "bare decode + encode"
_METHOD = """
All recorded depth frames go one by one through the real core with its real dialect (continuity proven, book kept,
top 20 taken), and each state through the outbox and the record's encoder, once for each book engine. The floor is
msgspec alone: it decodes the same frames into a typed struct, prices and sizes as text, and encodes the same records.
CPU time of the process, all in turns within one run; the ratio is what counts.
"""


class _Depth(msgspec.Struct, gc=False):
    """A frame's data as anybody would declare it."""

    e: str
    E: int
    s: str
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Frame(msgspec.Struct, gc=False):
    data: _Depth


_decode = msgspec.json.Decoder(_Frame).decode
_encode = msgspec.json.Encoder().encode


def floor(frames: Sequence[bytes], records: Sequence[Any]) -> None:
    """Decode and encode, and nothing else."""
    decode, encode = _decode, _encode
    for payload in frames:
        decode(payload)
    for record in records:
        encode(record)


def ours(engine: str) -> str:
    """Name our own way with an engine."""
    return f"ours, {engine} engine"


def jobs(recording: Recording) -> dict[str, Callable[[], float]]:
    """Give the floor and every engine, each as a round that gives its µs an event."""
    events = len(recording.frames)
    engines = book_engines()
    values = run_of(engines["python"], recording.inputs)
    records = [msgspec.json.decode(value) for value in values]

    def bare() -> float:
        started = time.process_time()
        floor(recording.frames, records)
        return (time.process_time() - started) / events * 1e6

    async def through(name: str) -> float:
        pipeline = Pipeline(engines[name])
        started = time.process_time()
        await pipeline.run(recording.inputs)
        return (time.process_time() - started) / events * 1e6

    return {FLOOR: bare, **{ours(name): partial(anyio.run, through, name) for name in engines}}


def measure(effort: Effort) -> Iterable[Result]:
    """Measure every engine beside the floor, and hold each against the oracle of the recording."""
    engines = book_engines()
    recording = Recording.load(engines["python"], is_small=effort.is_small)
    notes = [recording.source]
    for name, engine in engines.items():
        agreed, compared = agreement(engine, recording)
        notes.append(f"{name} engine: {agreed:,} of {compared:,} comparable best prices of the venue agree")
    if "native" not in engines:
        notes.append("native engine: not installed (pip install ./native)")
    values = run_of(engines["python"], recording.inputs)
    for name, engine in engines.items():
        if run_of(engine, recording.inputs) != values:
            notes.append(f"{name} engine: ITS RECORDS ARE OTHERS than those of the python engine")
    notes.append(
        f"{len(values):,} records of {statistics.mean(map(len, values)):,.0f} bytes; lz4: {_compressed(values)}"
    )
    with quiet_collector():
        ways = jobs(recording)
        for job in ways.values():
            job()
        figures = in_turns(ways, effort.rounds)
    title = "Book path, bytes to bytes"
    yield Result("book_path", title, _METHOD, "µs CPU an event", figures, FLOOR, notes)


def _compressed(values: Sequence[bytes]) -> str:
    """Say how many bytes a record has where so many share a batch."""
    sizes = []
    for size in (1, 10, 100):
        batches = [b"".join(values[at : at + size]) for at in range(0, len(values), size)]
        total = sum(len(bytes(cramjam.lz4.compress(batch))) for batch in batches)
        sizes.append(f"{total / len(values):,.0f} in batches of {size}")
    return ", ".join(sizes)


if __name__ == "__main__":
    sys.exit(command("hot_path", measure))

"""What the screen costs: the share of a core that drawing takes, beside decoding, proof and figures; memory; lag."""

import argparse
import fcntl
import io
import json
import os
import pty
import random
import resource
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import attrs
from tests.benchmarks.results import Effort, Result, command

from market_data import container  # noqa: F401 - a program has all of it in its memory
from market_data.adapters.clock import SystemClock
from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.terminal.display import TerminalDisplay
from market_data.adapters.kafka.records import decode, encode
from market_data.application.ports import Reading
from market_data.domain.across import Across
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, NormalizedBook
from market_data.domain.proof import OrderProof
from market_data.domain.watch import Watch

__all__ = ["measure"]

INSTRUMENTS = 200
RECORDS_A_SECOND = 2000
PICTURES_A_SECOND = (4, 10)
SIZES = ((80, 24), (200, 60))
_SECONDS, _SMALL_SECONDS = 6.0, 1.0
_STEP_SECONDS = 0.05
_DECODED, _PROVEN, _FIGURES = "decoding", "proof and market", "minutes, events, venues"
_METHOD = f"""
A process reads records of {INSTRUMENTS} instruments (20 levels a side, each with new prices and sizes),
{RECORDS_A_SECOND} a second in steps of {_STEP_SECONDS * 1000:g} ms, and shows them on a pseudo-terminal that somebody
else reads. CPU time of the thread, over the time that it ran, in percent of one core. Drawing is the whole of a run
with pictures less the whole of one without, in the same round; the other stages are timed where they are done, in the
run without pictures.
"""


def measure(effort: Effort) -> Iterator[Result]:
    """Give each part's share of a core."""
    seconds = _SMALL_SECONDS if effort.is_small else _SECONDS
    rounds: list[Mapping[str, float]] = []
    worst: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records"
        file.write_bytes(b"".join(encode(book) + b"\n" for book in _books(round(seconds * RECORDS_A_SECOND))))
        for _ in range(effort.rounds):
            bare = _run(file, seconds, 0, SIZES[0])
            found = {stage: bare[stage] for stage in (_DECODED, _PROVEN, _FIGURES)}
            for columns, rows in SIZES:
                for pictures in PICTURES_A_SECOND:
                    drawn = _run(file, seconds, pictures, (columns, rows))
                    name = f"drawing {pictures} a second, {columns}x{rows}"
                    found[name] = drawn["all"] - bare["all"]
                    worst["memory"] = max(worst.get("memory", 0.0), drawn["memory"])
                    worst["late"] = max(worst.get("late", 0.0), drawn["late"])
                    worst["missed"] = max(worst.get("missed", 0.0), pictures * seconds - drawn["pictures"])
            rounds.append(found)
    yield Result(
        "screen",
        "The screen on a terminal",
        _METHOD,
        "% of a core",
        {way: [found[way] for found in rounds] for way in rounds[0]},
        notes=[
            f"memory of the process at its peak: {worst['memory']:.0f} MiB",
            f"the event loop was late by at most {worst['late'] * 1000:.0f} ms",
            f"pictures of a run that were not drawn: at most {worst['missed']:.0f}",
        ],
    )


def _books(count: int) -> Iterator[NormalizedBook]:
    """Give records in turns of the instruments, each a little further on its way."""
    chance = random.Random(1)
    mids = [chance.randrange(10_000, 9_000_000) for _ in range(INSTRUMENTS)]
    for number in range(count):
        at = number % INSTRUMENTS
        mids[at] += chance.randrange(-3, 4)
        bids, asks = (
            tuple(
                (f"{(mids[at] + way * (level + 1)) / 100:.2f}", f"{chance.randrange(1, 10**6) / 10**5:.5f}")
                for level in range(20)
            )
            for way in (-1, 1)
        )
        now = time.time_ns() // 1000
        yield NormalizedBook(
            ("binance", "coinbase", "kraken", "okx")[at % 4], f"C{at // 4:03d}-USDT", BookStatus.LIVE, None, now, bids,
            asks, now, now, number, 1, "20260924T120000Z-1", number // INSTRUMENTS, 0,
        )  # fmt: skip


def _run(file: Path, seconds: float, pictures: int, size: tuple[int, int]) -> Mapping[str, float]:
    """Play the records in a process of its own, on a terminal of that size."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        reader = subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        arguments = ["--play", str(file), "--seconds", str(seconds), "--pictures", str(pictures)]
        environ = {**os.environ, "TERM": "xterm-256color"}
        with tempfile.TemporaryFile() as told:
            subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.screen", *arguments],
                stdin=slave,
                stdout=slave,
                stderr=told,
                env=environ,
                check=True,
            )
            told.seek(0)
            found: Mapping[str, float] = json.loads(told.read().splitlines()[-1])
            return found
    finally:
        os.close(slave)
        os.close(master)
        reader.kill()
        reader.wait()


@attrs.define
class _Player:
    """What reads and shows."""

    seconds: float
    pictures: int
    spent: dict[str, float] = attrs.field(factory=dict)
    late: float = 0.0
    drawn: int = 0

    async def play(self, lines: Iterator[bytes]) -> None:
        clock = SystemClock()
        market, proof = Market(15.0, 6), OrderProof()
        display = TerminalDisplay("Benchmark", MessageBoard(io.StringIO()), Watch(15.0), Across(15.0))
        reading = Reading("nowhere", proof, clock.now())
        if not self.pictures:
            await self._read(lines, display, market, reading)
            return
        async with display.open(market, reading, lambda: None):
            await self._read(lines, display, market, reading)

    async def _read(self, lines: Iterator[bytes], display: TerminalDisplay, market: Market, reading: Reading) -> None:
        clock, begin, at = SystemClock(), time.monotonic(), 0
        each = round(RECORDS_A_SECOND * _STEP_SECONDS)
        next_picture = begin
        cpu_begin = time.thread_time()
        for step in range(round(self.seconds / _STEP_SECONDS)):
            due = begin + step * _STEP_SECONDS
            await anyio.sleep(max(due - time.monotonic(), 0))
            self.late = max(self.late, time.monotonic() - due)
            before = time.thread_time()
            books = [decode(line) for _, line in zip(range(each), lines, strict=False)]
            before = self._spent(_DECODED, before)
            now = clock.now()
            quotes = []
            for book in books:
                proof_verdict = reading.proof.check(book, at, now.wall)
                at += 1
                if proof_verdict and (quote := market.take(book, now)) is not None:
                    quotes.append(quote)
            market.expire(now)
            before = self._spent(_PROVEN, before)
            reading.records += len(books)
            reading.now = now
            display.show(quotes, market, reading)
            self._spent(_FIGURES, before)
            if self.pictures and time.monotonic() >= next_picture:
                next_picture += 1 / self.pictures
                display.refresh(market, reading)
                self.drawn += not getattr(display._app, "_owes_picture", True)  # else the terminal was behind
        self.spent["all"] = time.thread_time() - cpu_begin

    def _spent(self, stage: str, before: float) -> float:
        now = time.thread_time()
        self.spent[stage] = self.spent.get(stage, 0.0) + now - before
        return now


def _play(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--play", type=Path)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--pictures", type=int)
    options = parser.parse_args(arguments)
    player = _Player(options.seconds, options.pictures)
    with options.play.open("rb") as lines:
        anyio.run(player.play, lines)
    found: dict[str, Any] = {stage: spent / options.seconds * 100 for stage, spent in player.spent.items()}
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["late"], found["pictures"] = player.late, player.drawn
    print(json.dumps(found), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(_play(sys.argv[1:]) if "--play" in sys.argv else command("screen", measure))

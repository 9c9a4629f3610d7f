"""Runs the river as processes, reads what comes out of it, and takes samples."""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio
import attrs
import psutil
import yaml
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.soak.samples import Sample, Samples
from tests.soak.truth import Truth
from tests.support.judging import Judge
from tests.support.recovery import Attempt, Injected, Recoveries

from market_data.application.ports import Start
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.normalized import NormalizedBook

__all__ = ["Soak", "soak"]

_ROOT = Path(__file__).parents[2]
_INSTRUMENTS = (
    *("binance:BTC-USDT", "binance:ETH-USDT", "binance:SOL-USDT", "coinbase:BTC-USD", "coinbase:ETH-USD"),
    *("coinbase:SOL-USD", "okx:BTC-USDT", "okx:ETH-USDT", "bybit:BTC-USDT", "bybit:ETH-USDT", "kraken:BTC-USD"),
    *("kraken:ETH-USD", "bitstamp:BTC-USD", "bitstamp:ETH-USD"),
)
_OVERRIDES = (
    "venues.coinbase.instruments_per_connection=2",
    "transport.max_frame_bytes=8388608",
    "transport.request_timeout_seconds=5",
    "transport.ping_interval_seconds=5",
    "transport.ping_timeout_seconds=5",
    "log.format=json",
)
_SAMPLE_SECONDS = 5.0
_PROGRESS_SECONDS = 30.0
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_TRUTH_SECONDS = 20.0
_LAST_WORDS_SECONDS = 20.0
_LONGEST_LINE = 1 << 20


@attrs.define
class Soak:
    """What is seen of a run."""

    truth: Truth
    samples: Samples
    judge: Judge
    recoveries: Recoveries = attrs.field(factory=Recoveries)
    faults: Counter[str] = attrs.field(factory=Counter)
    seconds: float = 0.0
    log_lines: int = 0
    log_bytes: int = 0
    inside: dict[str, int] = attrs.field(factory=dict)
    most: Counter[str] = attrs.field(factory=Counter)
    """The most that ever waited, by where."""
    problems: list[str] = attrs.field(factory=list)
    tracebacks: int = 0
    is_over: bool = False

    # what the processes say

    async def hear_sandbox(self, process: Process) -> None:
        """Count the faults it tells of."""
        async for line in _lines(process.stderr):
            if line.startswith("fault: "):
                venue, kind = line.split()[1:3]
                self.faults[f"{venue} {kind}"] += 1
                self.recoveries.injected.append(Injected(venue, time.time()))
            else:
                sys.stderr.write(f"sandbox: {line}\n")

    async def hear_producer(self, process: Process) -> None:
        """Take its looks inside, and the attempts that venues accepted."""
        async for line in _lines(process.stdout):
            told: dict[str, Any] = json.loads(line)
            if "exchange" in told:
                self.recoveries.attempts.append(Attempt(told["exchange"], told["native"], told["at"]))
            else:
                self.inside = told
                for name in ("tasks", "outbox", "in_flight", "pending"):
                    self.most[name] = max(self.most[name], told[name])

    async def hear_log(self, process: Process, log: Path) -> None:
        """Measure its log, and keep it."""
        async with await anyio.open_file(log, "w", encoding="utf-8") as file:
            async for line in _lines(process.stderr):
                self.log_lines += 1
                self.log_bytes += len(line) + 1
                self.tracebacks += "Traceback" in line
                await file.write(f"{line}\n")
                await file.flush()

    # records

    async def read(self, container: Container) -> None:
        """Judge every record of the topic until each book has said its last."""
        ended: set[str] = set()
        async with container.subscriber().open(Start("earliest"), None) as subscription:
            while len(ended) < len(_INSTRUMENTS):
                for delivered in await subscription.receive():
                    book = delivered.book
                    await self._until_true(book)
                    self.judge.take(book)
                    if book.reason == "shutdown":
                        ended.add(book.key)

    async def _until_true(self, book: NormalizedBook) -> None:
        """Wait for the truth: it was written before the record was, but is read beside it."""
        if not book.is_live or self.truth.knows(book):
            return
        with anyio.move_on_after(_TRUTH_SECONDS):
            while not self.truth.knows(book):  # noqa: ASYNC110 - it comes by another way
                await anyio.sleep(0.01)

    # samples

    async def watch(self, producer: Process, sandbox: Process, began: float) -> None:
        """Take samples until cancelled, and say now and then how it goes."""
        processes = psutil.Process(producer.pid), psutil.Process(sandbox.pid), psutil.Process()
        told_at = began
        while True:
            await anyio.sleep(_SAMPLE_SECONDS)
            if self.is_over:
                return
            self.seconds = time.monotonic() - began
            of_producer, of_sandbox, of_us = (process.memory_info().rss for process in processes)
            sample = Sample(
                self.seconds,
                of_producer,
                of_sandbox,
                of_us,
                processes[0].num_fds(),
                self.inside.get("tasks", 0),
                self.inside.get("outbox", 0),
                self.inside.get("in_flight", 0),
                self.inside.get("pending", 0),
                self.log_lines,
                self.log_bytes,
            )
            self.samples.all.append(sample)
            if time.monotonic() - told_at >= _PROGRESS_SECONDS:
                told_at = time.monotonic()
                self._tell(sample)

    def _tell(self, sample: Sample) -> None:
        sys.stderr.write(
            f"{sample.seconds:6.0f} s: {self.judge.records} records, {self.judge.wrong} wrong, "
            f"{sum(self.faults.values())} faults, {sample.producer_bytes / 2**20:.1f} MiB "
            f"(sandbox {sample.sandbox_bytes / 2**20:.1f}, here {sample.own_bytes / 2**20:.1f}), "
            f"{sample.descriptors} descriptors, {sample.tasks} tasks, {sample.outbox} in the outbox, "
            f"{sample.log_lines} lines logged\n"
        )
        if self.judge.wrong:
            sys.stderr.write(f"         newest finding: {self.judge.examples[-1]}\n")
        sys.stderr.flush()


def _script(calm: float) -> str:
    """Write the faults of all kinds, at multiples of their own intervals."""
    mixed = files("market_data_sandbox.faults").joinpath("scripts", "mixed.yaml").read_text()
    script = yaml.safe_load(mixed) + yaml.safe_load(Path(__file__).with_name("extra.yaml").read_text())
    return yaml.safe_dump([each | {"every": each["every"] * calm, "jitter": each["jitter"] * calm} for each in script])


async def soak(seconds: float, seed: int, warm_up_seconds: float, folder: Path, *, calm: float = 1.0) -> Soak:
    """Run for so long, and give what was seen; faults are ``calm`` times as rare as in the scripts."""
    pipe, settings_file, faults = folder / "truth", folder / "sandbox.yaml", folder / "faults.yaml"
    faults.write_text(_script(calm))
    os.mkfifo(pipe)
    truth = Truth(pipe)
    recoveries = Recoveries()
    judge = Judge(truth.refute, time.time, recoveries.take)
    seen = Soak(truth, Samples(warm_up_seconds), judge, recoveries)
    sandbox_command = (
        *(
            "sandbox",
            "--seed",
            str(seed),
            "--instruments",
            ",".join(_INSTRUMENTS),
            "--settings-file",
            str(settings_file),
        ),
        *("--truth-file", str(pipe), "--faults", str(faults)),
    )
    async with anyio.create_task_group() as tasks, _running(sandbox_command) as sandbox:
        tasks.start_soon(truth.read, name="truth")
        tasks.start_soon(seen.hear_sandbox, sandbox, name="sandbox")
        with anyio.fail_after(_START_SECONDS):
            await anext(_lines(sandbox.stdout))  # its addresses: the settings file is written
        container = Container(settings=load_settings("sandbox", [settings_file], _OVERRIDES, environ={}).settings)
        command = ("tests.soak.producing", str(settings_file), *_OVERRIDES)
        async with _running(command) as producer, anyio.create_task_group() as watching:
            watching.start_soon(seen.hear_producer, producer, name="producer")
            watching.start_soon(seen.hear_log, producer, folder / "produce.log", name="log")
            reading = anyio.Event()

            async def read() -> None:
                await seen.read(container)
                reading.set()

            watching.start_soon(read, name="records")
            watching.start_soon(seen.watch, producer, sandbox, time.monotonic(), name="samples")
            with anyio.move_on_after(seconds):
                status = await producer.wait()
                seen.problems.append(f"the producer ended by itself with status {status}")
            seen.is_over = True
            if producer.returncode is None:
                producer.send_signal(signal.SIGINT)
                with anyio.move_on_after(_STOP_SECONDS):
                    if status := await producer.wait():
                        seen.problems.append(f"the producer ended with status {status}")
                if producer.returncode is None:
                    seen.problems.append(f"the producer did not end within {_STOP_SECONDS:.0f} s")
            with anyio.move_on_after(_LAST_WORDS_SECONDS):
                await reading.wait()
            if not reading.is_set():
                seen.problems.append("not every book said its last")
            watching.cancel_scope.cancel()
        tasks.cancel_scope.cancel()
    return seen


@asynccontextmanager
async def _running(arguments: tuple[str, ...]) -> AsyncIterator[Process]:
    """Run ``python -m …``; what is left of it at the end is killed."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("APP_", "KAFKA_", "LOG_"))}
    async with await anyio.open_process([sys.executable, "-m", *arguments], cwd=_ROOT, env=environ) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


async def _lines(stream: Any) -> AsyncIterator[str]:
    """Give lines until the end of a process's output."""
    buffered = BufferedByteReceiveStream(stream)
    while True:
        try:
            line = await buffered.receive_until(b"\n", _LONGEST_LINE)
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.ClosedResourceError):
            return
        yield line.decode("utf-8", "replace")

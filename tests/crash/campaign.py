"""One run: processes up, faults one after the other, processes down, and what they say."""

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import psutil
from tests.crash.judgement import Outcome
from tests.crash.plan import Fault, Plan
from tests.crash.watcher import Watcher
from tests.support.brokers import ProcessBroker, process_broker
from tests.support.programs import Running, Sandbox, run, running, sandbox

__all__ = ["campaign"]

TOPIC = "market.books.v1"
_COINS = ("BTC", "ETH", "SOL", "XRP", "ADA")
_INSTRUMENTS = (*(f"binance:{coin}-USDT" for coin in _COINS), *(f"coinbase:{coin}-USD" for coin in _COINS))
_RATE = 225.0
"""Changes a second of each of the ten instruments; nearly nine of ten reach the twenty best levels a side."""
_BACK_SECONDS = 60.0
_SAMPLE_SECONDS = 0.25
_MEBIBYTE = 1 << 20


@attrs.define
class Memory:
    """Resident memory of a process, looked at a few times a second."""

    process: psutil.Process
    samples: list[tuple[float, float]] = attrs.field(factory=list)
    """``time.monotonic()`` and MiB."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at it until the end of the block."""
        stop = threading.Event()

        def look() -> None:
            while not stop.wait(_SAMPLE_SECONDS):
                try:
                    self.samples.append((time.monotonic(), self.process.memory_info().rss / _MEBIBYTE))
                except psutil.NoSuchProcess:
                    return

        thread = threading.Thread(target=look, name="memory", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    @property
    def peak(self) -> float:
        """The most there was."""
        return max((each for _, each in self.samples), default=0.0)

    def between(self, first: float, last: float) -> list[float]:
        """Give what was seen in a span of time."""
        return [each for at, each in self.samples if first <= at <= last] or [0.0]


def campaign(plan: Plan, folder: Path, rate: float | None = None) -> Outcome:
    """Do it all, telling what happens as it happens."""
    with process_broker(folder / "kafka") as broker:
        options = ("--no-broker", "--instruments", ",".join(_INSTRUMENTS), "--rate", str(rate or _RATE))
        with sandbox(folder, *options) as world:
            return _produced(plan, folder, broker, world)


def _produced(plan: Plan, folder: Path, broker: ProcessBroker, world: Sandbox) -> Outcome:
    given = {"kafka.brokers": broker.brokers, "kafka.topics.books": TOPIC, "log.format": "json", **plan.settings}
    options = ["--config", world.settings_file, *(part for each in given.items() for part in ("--set", "=".join(each)))]
    with running("produce", *options, folder=folder) as producer:
        memory = Memory(psutil.Process(producer.process.pid))
        watcher = Watcher(broker.brokers, TOPIC)
        watcher.start()
        with memory.watched():
            _trouble(plan, broker, watcher, memory)
            ended = producer.end(signal.SIGTERM, _BACK_SECONDS)
    watcher.finish()
    print(f"produce ended with status {ended.status} and {len(producer.err)} lines of log, among them:")
    for line in _told(producer):
        print(f"    {line}")
    verified = run("verify", *options, "--from", "earliest", "--json", folder=folder, seconds=180)
    if verified.err:
        print(f"verify said: {verified.err[:2000]}")
    return Outcome(
        produce_status=ended.status,
        produce_log_lines=len(producer.err),
        verify_status=verified.status,
        reports=[json.loads(line) for line in verified.out.splitlines()],
        seen=watcher.by_key,
        instruments=len(_INSTRUMENTS),
        peak_mebibytes=memory.peak,
        bound_mebibytes=plan.bound_mebibytes,
    )


def _trouble(plan: Plan, broker: ProcessBroker, watcher: Watcher, memory: Memory) -> None:
    began = time.monotonic()
    time.sleep(plan.between_seconds)
    print(
        f"{'at':>6}  {'fault':28}{'away':>8}{'stalled':>9}{'records/s before':>18}{'RSS':>12}{'highest meanwhile':>19}"
    )
    for fault in plan.faults:
        before, steady = watcher.records, time.monotonic()
        time.sleep(plan.between_seconds)
        rate = (watcher.records - before) / (time.monotonic() - steady)
        rss = memory.samples[-1][1] if memory.samples else 0.0
        struck = time.monotonic()
        _strike(broker, fault)
        back = time.monotonic()
        first = watcher.wait_for_records_after(back, _BACK_SECONDS)
        stalled = first - watcher.last_before(struck + 0.05)
        time.sleep(plan.between_seconds)
        highest = max(memory.between(struck, time.monotonic()))
        print(
            f"{struck - began:5.0f}s  {fault.name:28}{back - struck:7.1f}s{stalled:8.1f}s{rate:18,.0f}"
            f"{rss:8.0f} MiB{highest:15.0f} MiB",
            flush=True,
        )


def _strike(broker: ProcessBroker, fault: Fault) -> None:
    broker.command("kill" if fault.is_kill else "pause")
    time.sleep(fault.away_seconds)
    if fault.is_kill:
        broker.start()
    else:
        broker.command("resume")


def _told(producer: Running) -> Sequence[str]:
    """Give what the producer said of the broker."""
    told = []
    for line in producer.err:
        said = json.loads(line) if line.startswith("{") else {"message": line}
        if "Kafka" in said["message"] or said.get("level") not in ("INFO", None):
            fields = {name: each for name, each in said.items() if name not in ("time", "level", "logger", "message")}
            told.append(f"{said.get('time', '')[11:19]} {said.get('level', '')} {said['message']} {fields}"[:240])
    return told[:60]

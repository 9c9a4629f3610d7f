"""CPU time a record from socket to broker, of whole ``produce`` processes: this tree, or several beside one another.

python -m tests.benchmarks.end_to_end --variant old=/path/to/tree --variant plain=.,event_loop=asyncio
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import attrs
from confluent_kafka import Consumer, KafkaException, TopicPartition
from tests.benchmarks.results import Effort, Result, command
from tests.support.brokers import missing, process_broker

HERE = Path(__file__).resolve().parents[2]
_PARTITIONS = 12
_INSTRUMENTS = 20
INSTRUMENTS = tuple(f"S{number:03}-USDT" for number in range(_INSTRUMENTS))
_LEVELS = 46
_RATES = (500, 2000)
_BURST = 30_000
_SECONDS = 10.0
_PATIENCE_SECONDS = 60
_METHOD = """Each variant is a process of its own, python -m app produce of its tree, pinned to one core (the last; all
share it, and one at a time has work), that follows 20 instruments of a venue on loopback (tests.benchmarks.feed: frames
of 46 levels written ahead, each changes the best bid) and publishes to a topic of its own on a real broker (Apache
Kafka, one node, 12 partitions). Rates are open loops, each event at its own moment, evenly, which is the hardest case
for sharing a request; saturation is 30,000 events as fast as they are taken, all of which the outbox keeps. CPU is
what the operating system counts for the process until the last record is in the topic, records by the topic's end
offsets. Latency is Kafka's time of a record less the venue's time of its event, both in whole ms."""


@attrs.frozen
class Launch:
    """How a process is started."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = attrs.field(factory=dict)


class Program(Protocol):
    """What follows the feed and publishes what changed."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    @property
    def partitions(self) -> Sequence[TopicPartition]:
        """Say where its records go."""
        ...

    def launch(self, port: int, brokers: str, folder: Path) -> Launch:
        """Say how it is started for a feed and a broker; the folder is for what it may write."""
        ...

    def begin(self, producing: "Producing") -> None:
        """Bring it to publish something about each instrument."""
        ...

    def sent(self, value: bytes) -> tuple[str, float] | None:
        """Read of a record whose book it is and when the venue sent it, in ms; None: it is not of an event."""
        ...


@attrs.frozen
class Variant:
    """A tree of ours, and settings that differ."""

    name: str
    tree: Path
    settings: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Variant":
        """Read ``name=tree[,setting=value]...``."""
        name, _, rest = text.partition("=")
        tree, *settings = rest.split(",")
        return cls(name, Path(tree).resolve(), tuple(settings))

    @property
    def topic(self) -> str:
        """Make a topic's name of its own."""
        return re.sub(r"[^\w.-]+", "-", self.name)

    @property
    def partitions(self) -> Sequence[TopicPartition]:
        """Give the partitions of one topic."""
        return [TopicPartition(self.topic, number) for number in range(_PARTITIONS)]

    def launch(self, port: int, brokers: str, folder: Path) -> Launch:  # noqa: ARG002 - it writes nothing
        """Start ``produce``."""
        settings = {
            "venues.coinbase.enabled": "false",
            "venues.binance.websocket_url": f"ws://127.0.0.1:{port}",
            "venues.binance.rest_url": f"http://127.0.0.1:{port}",
            "venues.binance.instruments": f"[{', '.join(INSTRUMENTS)}]",
            "venues.binance.request_weight_per_minute": "1000000",
            "kafka.brokers": brokers,
            "kafka.topics.books": self.topic,
            "kafka.partitions": f"{_PARTITIONS}",
            "log.level": "WARNING",
        }
        pairs = [f"{name}={value}" for name, value in settings.items()] + list(self.settings)
        words = [word for pair in pairs for word in ("--set", pair)]
        command = [sys.executable, "-m", "app", "produce", "--env", "local", *words]
        return Launch(command, self.tree, {"PYTHONPATH": str(self.tree / "src")})

    def begin(self, producing: "Producing") -> None:
        """Do nothing: each instrument says syncing, then live."""

    def sent(self, value: bytes) -> tuple[str, float] | None:
        """Read a live record."""
        book = json.loads(value)
        return (book["symbol"], (book["event_time"] or 0) / 1000) if book["status"] == "live" else None


class Topic:
    """How many records a program's topics have, and how long they took."""

    def __init__(self, brokers: str, program: Program) -> None:
        settings = {"bootstrap.servers": brokers, "group.id": "unused", "enable.auto.commit": False, "log_level": 0}
        self._consumer = Consumer(settings)
        self._last: dict[str, int] = {}
        self._sent = program.sent
        self._partitions = program.partitions

    def ends(self) -> list[int]:
        """Give each partition's end."""
        return [self._consumer.get_watermark_offsets(each, timeout=10)[1] for each in self._partitions]

    def latencies(self, begins: Sequence[int], count: int) -> list[float]:
        """Read live records from there on; give ms from the venue's sending to their place in the log.

        What only repeats a book, as heartbeats do, was not sent just then.
        """
        last = self._last
        self._consumer.assign(
            [TopicPartition(each.topic, each.partition, at) for each, at in zip(self._partitions, begins, strict=True)]
        )
        taken: list[float] = []
        until = time.monotonic() + _PATIENCE_SECONDS
        while count > 0 and time.monotonic() < until:
            for message in self._consumer.consume(2000, 1.0):
                count -= 1
                if read := self._sent(message.value()):
                    symbol, sent = read
                    if sent > last.get(symbol, 0):
                        taken.append(message.timestamp()[1] - sent)
                    last[symbol] = sent
        self._consumer.unassign()  # else each later question waits behind a fetch
        return taken


@attrs.define
class Producing:
    """A running program with a feed and topics of its own."""

    program: Program
    feed: "subprocess.Popen[str]"
    process: "subprocess.Popen[str]"
    topic: Topic
    log: Path

    def cpu_seconds(self) -> float:
        """Give what the process has used."""
        folder = Path(f"/proc/{self.process.pid}/task")
        return sum(int(each.joinpath("schedstat").read_text().split()[0]) for each in folder.iterdir()) / 1e9

    def wakes(self) -> int:
        """Tell how often it has waited and gone on."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    def settle(self, at_least: int) -> list[int]:
        """Wait until so many records more are there; give the ends."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while sum(ends := self.topic.ends()) < at_least:
            if self.process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text()[-2000:]
                raise SystemExit(f"{self.program.name}: {sum(ends)} records of {at_least}\n{said}")
            time.sleep(0.1)
        return ends

    def order(self, command: str) -> int:
        """Let the feed do something; give its events."""
        assert self.feed.stdin is not None
        assert self.feed.stdout is not None
        print(command, file=self.feed.stdin, flush=True)
        return int(self.feed.stdout.readline())

    def phase(self, command: str) -> "Phase":
        """Do one phase."""
        begins, spent, wakes = self.topic.ends(), self.cpu_seconds(), self.wakes()
        events = self.order(command)
        ends = self.settle(sum(begins) + events)
        spent, wakes = self.cpu_seconds() - spent, self.wakes() - wakes
        records = sum(ends) - sum(begins)
        return Phase(spent / records * 1e6, wakes / records, sorted(self.topic.latencies(begins, records)))


@attrs.frozen
class Phase:
    """What one phase showed."""

    cpu_us: float
    """CPU µs a record."""
    wakes: float
    """How often the process was woken, a record."""
    latencies: list[float]
    """ms, sorted."""

    def percentile(self, percent: float) -> float:
        """Give a latency in ms."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]


@contextmanager
def running(program: Program, brokers: str, core: int, folder: Path, *, turnover: bool) -> Iterator[Producing]:
    """Run a program on one core, with a feed of its own."""
    sizes = ("--instruments", f"{_INSTRUMENTS}", "--levels", f"{_LEVELS}", *(("--turnover",) if turnover else ()))
    with ExitStack() as stack:
        feed = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.feed", *sizes],
                cwd=HERE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(feed.kill)
        assert feed.stdout is not None
        launch = program.launch(int(feed.stdout.readline()), brokers, folder)
        log = folder / f"{uuid.uuid4()}.log"
        stderr = stack.enter_context(log.open("w"))
        process = stack.enter_context(
            subprocess.Popen(
                launch.command,
                cwd=launch.folder,
                env=os.environ | launch.environment,
                stderr=stderr,
                text=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - single thread
            )
        )
        stack.callback(process.send_signal, signal.SIGTERM)
        yield Producing(program, feed, process, Topic(brokers, program), log)


def wait_until_live(producing: Producing) -> None:
    """Wait until it publishes each instrument."""
    producing.program.begin(producing)
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            producing.settle(_INSTRUMENTS)
            break
        except KafkaException:  # the topic is not there yet
            time.sleep(0.2)
    time.sleep(3)


def take_turns(
    programs: Sequence[Program], effort: Effort, burst: int = _BURST, *, turnover: bool = False
) -> dict[str, dict[str, list[Phase]]]:
    """Let the programs take turns at each load; give by load and name what each round showed.

    With a turnover the levels of the feed come and go, else they only change their sizes.
    """
    core = max(os.sched_getaffinity(0))
    seconds, burst = (0.5, 500) if effort.is_small else (_SECONDS, burst)
    loads = {f"{rate:,} events a second": f"rate {rate} {seconds:g}" for rate in _RATES}
    loads["saturation"] = f"burst {burst}"
    found: dict[str, dict[str, list[Phase]]] = {load: {each.name: [] for each in programs} for load in loads}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(process_broker(folder / "home"))
        started = [
            stack.enter_context(running(each, broker.brokers, core, folder, turnover=turnover)) for each in programs
        ]
        for each in started:
            wait_until_live(each)
            each.phase("rate 500 2")
        for number in range(effort.rounds):
            at = number % len(started)
            for load, order in loads.items():
                for each in started[at:] + started[:at]:
                    found[load][each.program.name].append(each.phase(order))
    return found


def measure(variants: Sequence[Variant], effort: Effort) -> Iterable[Result]:
    """Let variants of ours take turns."""
    for load, found in take_turns(variants, effort).items():
        yield results(load, found)


def results(
    load: str,
    phases: Mapping[str, Sequence[Phase]],
    *,
    name: str = "end_to_end",
    title: str = "End to end",
    method: str = _METHOD,
) -> Result:
    """Give the figures of one load; the first variant is what the others are held against."""
    notes = []
    for variant, each in phases.items():
        p50, p99 = (statistics.median(phase.percentile(at) for phase in each) for at in (50, 99))
        wakes = statistics.median(phase.wakes for phase in each)
        notes.append(
            f"{variant}: from the venue's sending into the log p50 {p50:.0f} ms, p99 {p99:.0f} ms; "
            f"woken {wakes:.2f} times a record"
        )
    values = {variant: [phase.cpu_us for phase in each] for variant, each in phases.items()}
    name = f"{name}_{load.partition(' ')[0].replace(',', '')}"
    return Result(name, f"{title}, {load}", method, "µs CPU a record", values, next(iter(phases)), notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.end_to_end", add_help=False, allow_abbrev=False)
    parser.add_argument("--variant", action="append", type=Variant.of)
    chosen, others = parser.parse_known_args(arguments)
    if what := missing():
        print(f"skipped: needs {what}")
        return 0
    return command("end_to_end", partial(measure, chosen.variant or [Variant("this", HERE, ())]), others)


if __name__ == "__main__":
    sys.exit(main())

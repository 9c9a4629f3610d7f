"""CPU seconds a record from socket to broker: whole ``produce`` processes, this tree beside others, in turns.

Method: one run on one machine. Each variant is a process of its own, ``python -m app produce`` of its tree, pinned to
one core (the last; all variants share it, one at a time has work), following 20 instruments of a venue on loopback
(``tests.benchmarks.feed``: frames of 46 levels written ahead, each changes the best bid) and publishing to a topic of
its own on a real broker (Apache Kafka, one node, 12 partitions). In each repeat the variants take turns at each rate:
an open loop of 500 and 2,000 events a second (each due at its own moment, evenly, the hardest case for sharing a
request), and saturation: as many events as the outbox keeps, as fast as they are taken.
CPU is what the operating system counts for the process over the phase (schedstat, all threads), until its last record
is in the topic; records are counted by the topic's end offsets. Latency is the broker's time of a record (ms) less its
``received_time``: from the socket's read into the log, without the acknowledgement's way back.

Times are noise on a shared machine: compare ratios within a run. ``--json FILE`` writes all of it.

    python -m tests.benchmarks.end_to_end old=/path/to/old/tree new=. slow=.,event_loop=asyncio,book.engine=python
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
from confluent_kafka import Consumer, KafkaException, TopicPartition
from tests.benchmarks.results import Result, machine, write
from tests.support.brokers import missing, process_broker

HERE = Path(__file__).resolve().parents[2]
PARTITIONS = 12
INSTRUMENTS = 20
LEVELS = 46
RATES = (500, 2000)
BURST = 30_000
_PATIENCE_SECONDS = 60


@attrs.frozen
class Variant:
    """A tree, and settings that differ."""

    name: str
    tree: Path
    settings: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Variant":
        """Read ``name=tree[,setting=value]...``."""
        name, _, rest = text.partition("=")
        tree, *settings = rest.split(",")
        return cls(name, Path(tree).resolve(), tuple(settings))


class Topic:
    """How many records a topic has, and how long they took."""

    def __init__(self, brokers: str, name: str) -> None:
        settings = {"bootstrap.servers": brokers, "group.id": "unused", "enable.auto.commit": False, "log_level": 0}
        self._consumer = Consumer(settings)
        self._partitions = [TopicPartition(name, number) for number in range(PARTITIONS)]

    def ends(self) -> list[int]:
        """Give each partition's end."""
        return [self._consumer.get_watermark_offsets(each, timeout=10)[1] for each in self._partitions]

    def latencies(self, begins: Sequence[int], count: int) -> list[float]:
        """Read live records from there on; give ms from their receiving to their place in the log.

        What only repeats a book, as heartbeats do, was not received just then.
        """
        last: dict[str, int] = {}
        self._consumer.assign(
            [TopicPartition(each.topic, each.partition, at) for each, at in zip(self._partitions, begins, strict=True)]
        )
        taken: list[float] = []
        until = time.monotonic() + _PATIENCE_SECONDS
        while count > 0 and time.monotonic() < until:
            for message in self._consumer.consume(2000, 1.0):
                count -= 1
                book = json.loads(message.value())
                symbol, received = book["symbol"], book["received_time"] or 0
                if book["status"] == "live" and received > last.get(symbol, received - 1):
                    taken.append(message.timestamp()[1] - received / 1000)
                last[symbol] = received
        return taken


@attrs.define
class Producing:
    """A running variant with a feed and a topic of its own."""

    variant: Variant
    feed: "subprocess.Popen[str]"
    process: "subprocess.Popen[str]"
    topic: Topic
    log: Path

    def cpu_seconds(self) -> float:
        """Give what the process has used."""
        folder = Path(f"/proc/{self.process.pid}/task")
        return sum(int(each.joinpath("schedstat").read_text().split()[0]) for each in folder.iterdir()) / 1e9

    def settle(self, at_least: int) -> list[int]:
        """Wait until so many records more are there; give the ends."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while sum(ends := self.topic.ends()) < at_least:
            if self.process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text()[-2000:]
                raise SystemExit(f"{self.variant.name}: {sum(ends)} records of {at_least}\n{said}")
            time.sleep(0.1)
        return ends

    def phase(self, command: str) -> "Phase":
        """Do one phase."""
        assert self.feed.stdin is not None
        assert self.feed.stdout is not None
        begins, spent = self.topic.ends(), self.cpu_seconds()
        print(command, file=self.feed.stdin, flush=True)
        events = int(self.feed.stdout.readline())
        ends = self.settle(sum(begins) + events)
        spent = self.cpu_seconds() - spent
        records = sum(ends) - sum(begins)
        return Phase(spent / records * 1e6, sorted(self.topic.latencies(begins, records)))


@attrs.frozen
class Phase:
    """What one phase showed."""

    cpu_us: float
    """CPU µs a record."""
    latencies: list[float]
    """ms, sorted."""

    def percentile(self, percent: float) -> float:
        """Give a latency in ms."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]


@contextmanager
def _running(variant: Variant, brokers: str, core: int, folder: Path) -> Iterator[Producing]:
    with ExitStack() as stack:
        feed = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.feed", "--instruments", f"{INSTRUMENTS}", "--levels", f"{LEVELS}"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(feed.wait, 10)
        stack.callback(feed.kill)
        assert feed.stdout is not None
        port = int(feed.stdout.readline())
        settings = {
            "venues.coinbase.enabled": "false",
            "venues.binance.websocket_url": f"ws://127.0.0.1:{port}",
            "venues.binance.rest_url": f"http://127.0.0.1:{port}",
            "venues.binance.instruments": f"[{', '.join(f'S{number:03}-USDT' for number in range(INSTRUMENTS))}]",
            "venues.binance.request_weight_per_minute": "1000000",
            "kafka.brokers": brokers,
            "kafka.topics.books": variant.name,
            "kafka.partitions": f"{PARTITIONS}",
            "log.level": "WARNING",
        }
        pairs = [f"{name}={value}" for name, value in settings.items()] + list(variant.settings)
        words = [word for pair in pairs for word in ("--set", pair)]
        environment = os.environ | {"PYTHONPATH": str(variant.tree / "src")}
        log = folder / f"{variant.name}.log"
        stderr = stack.enter_context(log.open("w"))
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "produce", "--env", "local", *words],
            cwd=variant.tree,
            env=environment,
            stderr=stderr,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - single thread
        )
        stack.callback(process.wait, 20)
        stack.callback(process.send_signal, signal.SIGTERM)
        yield Producing(variant, feed, process, Topic(brokers, variant.name), log)


def _wait_until_live(producing: Producing) -> None:
    """Each instrument says syncing, then live."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            producing.settle(INSTRUMENTS)
            break
        except KafkaException:  # the topic is not there yet
            time.sleep(0.2)
    time.sleep(3)


def measure(variants: Sequence[Variant], seconds: float, repeats: int) -> dict[str, dict[str, list[Phase]]]:
    """Let them take turns; gives the phases by variant and load."""
    core = max(os.sched_getaffinity(0))
    found: dict[str, dict[str, list[Phase]]] = {each.name: {} for each in variants}
    loads = {f"{rate}/s": f"rate {rate} {seconds:g}" for rate in RATES} | {"saturation": f"burst {BURST}"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(process_broker(folder / "home"))
        running = [stack.enter_context(_running(each, broker.brokers, core, folder)) for each in variants]
        for each in running:
            _wait_until_live(each)
            each.phase("rate 500 2")
        for repeat in range(repeats):
            for load, command in loads.items():
                at = repeat % len(running)
                for each in running[at:] + running[:at]:
                    phase = each.phase(command)
                    found[each.variant.name].setdefault(load, []).append(phase)
                    tail = f"p50 {phase.percentile(50):.1f} p99 {phase.percentile(99):.1f} ms"
                    print(f"  {repeat + 1} {load:11} {each.variant.name:16} {phase.cpu_us:7.1f} µs  {tail}", flush=True)
    return found


def results(found: Mapping[str, Mapping[str, Sequence[Phase]]]) -> list[Result]:
    """Give the figures as every benchmark does, one result for each load."""
    given = []
    base, *_ = found
    for load in found[base]:
        phases = {name: loads[load] for name, loads in found.items()}
        values = {name: [phase.cpu_us for phase in each] for name, each in phases.items()}
        notes = [
            f"{name}: from the socket's read into the log p50 {p50:.1f} ms, p99 {p99:.1f} ms"
            for name, each in phases.items()
            for p50, p99 in [(statistics.median(phase.percentile(at) for phase in each) for at in (50, 99))]
        ]
        name = f"end_to_end_{load.removesuffix('/s')}"
        given.append(Result(name, f"End to end, {load}", __doc__ or "", "µs CPU a record", values, base, notes))
    return given


def report(found: Mapping[str, Mapping[str, Sequence[Phase]]]) -> None:
    """Print the table; the first variant is what others are compared with."""
    first = next(iter(found.values()))
    titles = f"{'CPU µs a record':>16}{'spread':>14}{'of the first':>13}{'p50 ms':>8}{'p99 ms':>8}"
    print(f"\n{'load':11} {'variant':16}{titles}")
    for load, base in first.items():
        for name, phases in ((name, loads[load]) for name, loads in found.items()):
            costs = [phase.cpu_us for phase in phases]
            ratio = statistics.median(phase.cpu_us / one.cpu_us for phase, one in zip(phases, base, strict=True))
            p50, p99 = (statistics.median(phase.percentile(at) for phase in phases) for at in (50, 99))
            spread = f"{min(costs):.0f}-{max(costs):.0f}"
            print(f"{load:11} {name:16}{statistics.median(costs):16.1f}{spread:>14}{ratio:13.2f}{p50:8.1f}{p99:8.1f}")


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.end_to_end")
    parser.add_argument("variants", nargs="*", type=Variant.of, metavar="NAME=TREE[,SETTING=VALUE]...")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each phase at a rate")
    parser.add_argument("--repeats", "--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if what := missing():
        print(f"skipped: needs {what}")
        return 0
    print(__doc__)
    about = machine()
    print(json.dumps(about, ensure_ascii=False))
    variants = options.variants or [Variant("new", HERE, ())]
    found = measure(variants, options.seconds, options.repeats)
    report(found)
    if options.json is not None:
        write(options.json, [result.as_json() for result in results(found)], about)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the way to the broker carries, and how long it takes: our publisher beside aiokafka as it comes.

Method: one run on one machine against a real broker process (Apache Kafka, one node, 12 partitions); this process is
pinned to one core, the broker is not. 40 instruments, records of twenty levels a side (1.7 kB), lz4, acks=all,
idempotent: the same bytes, keys and headers for both. Each figure is of its own topic, five repeats, interleaved.

- Throughput: one-by-one awaits each ``send_and_wait`` of a bare producer, as most programs do; the publisher is handed
  what an outbox would hand it, 500 records at a time, and flushed at the end. Afterwards another client (librdkafka)
  reads every topic: each instrument's numbers must be 0, 1, 2, … at growing offsets, or the figure does not count.
- Latency: an open loop of 2,000 records a second; each record is due at its own moment, which is its
  ``received_time``, whether the ones before have left or not. From that moment to the broker's acknowledgement, ours
  with the settings' defaults (in turns, as the transport reads sockets, through outbox and publisher), bare through
  ``AIOKafkaProducer.send`` with the client's own ``linger_ms`` (0) and, for comparison, with 2. Both encode the record
  when it is handed over.

The machine is shared and noisy: compare within a run, not between runs.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import anyio
import anyio.lowlevel
import attrs
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, TopicPartition
from loguru import logger
from tests.benchmarks.results import quiet_collector
from tests.support.brokers import missing, process_broker

from market_data.adapters.clock import SystemClock
from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.producer import IdempotentProducer
from market_data.adapters.kafka.publisher import KafkaPublisher
from market_data.adapters.kafka.records import HEADERS, encode
from market_data.adapters.kafka.subscriber import KafkaSubscriber
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.adapters.telemetry.logs import LogTelemetry
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.application.ports import Publication, Start
from market_data.application.proven import ProvenSubscription
from market_data.config import load_settings
from market_data.domain.normalized import BookState, BookStatus, NormalizedBook

REPEATS = 5
PARTITIONS = 12
RATE = 2000
MOST_ABOVE_MILLISECONDS = 5
ONE_BY_ONE = 2000
PIPELINED = 40_000
SLICE_SECONDS = 1.0
SLICES = 6
"""Of each way in each repeat."""
_HANDED_OVER = 500
_TURN_SECONDS = 0.005
"""Of the transport, where kafka.linger_milliseconds is auto."""
_RANGES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 25, 30, 40, 60, 100, 200, 500, 1000, math.inf)
"""Upper ends of the histogram's ranges, in ms."""
_BAR = 40
_KEYS = [f"S{number}-USD" for number in range(40)]
_LEVELS = tuple((f"{60000 + level}.12000000", f"0.{level:08d}") for level in range(20))


def state(number: int) -> BookState:
    """Make the n-th change of the market."""
    symbol = _KEYS[number % len(_KEYS)]
    now = time.time_ns() // 1000
    return BookState("binance", symbol, BookStatus.LIVE, None, 1, _LEVELS, _LEVELS, now, now, number, 1)


def books(count: int) -> list[NormalizedBook]:
    """Make so many records, each instrument's numbered from 0."""
    return [NormalizedBook.of(state(number), "run", number // len(_KEYS), 0) for number in range(count)]


@attrs.frozen
class Bench:
    """A broker to measure against."""

    brokers: str
    linger_milliseconds: float | Literal["auto"]

    def publisher(self, topic: str) -> KafkaPublisher:
        """Make ours, with the settings' defaults."""
        return KafkaPublisher(
            KafkaCluster(self.brokers),
            KafkaTopic(topic, partitions=PARTITIONS),
            SystemClock(),
            LogTelemetry(),
            linger_milliseconds=0.0 if self.linger_milliseconds == "auto" else self.linger_milliseconds,
        )

    @asynccontextmanager
    async def bare(self, linger_milliseconds: float) -> Any:
        """Open aiokafka's producer as it comes, just as safe."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.brokers,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=linger_milliseconds,
            max_batch_size=262144,
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def make(self, topic: str) -> None:
        """Make a topic."""
        async with self.publisher(topic).open():
            pass

    def is_in_order(self, topic: str, count: int) -> bool:
        """Read it all by another client, and see every instrument's numbers grow by one with its offsets."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "unused", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        numbers: dict[bytes, int] = {}
        seen, until = 0, time.monotonic() + 60
        while seen < count and time.monotonic() < until:
            for message in consumer.consume(2000, 1.0):
                number = json.loads(message.value())["publish_seq"]
                if number != numbers.get(message.key(), -1) + 1:
                    return False
                numbers[message.key()] = number
                seen += 1
        more = consumer.consume(1, 0.2)
        consumer.close()
        return seen == count and not more


# throughput


async def one_by_one(bench: Bench, topic: str, records: Sequence[NormalizedBook]) -> float:
    """Await each record; give the seconds."""
    async with bench.bare(0) as producer:
        started = time.perf_counter()
        for book in records:
            await producer.send_and_wait(topic, encode(book), book.key.encode(), headers=HEADERS)
        return time.perf_counter() - started


async def published(bench: Bench, topic: str, records: Sequence[NormalizedBook]) -> float:
    """Let the publisher do it; give the seconds."""
    async with bench.publisher(topic).open() as publication:
        started = time.perf_counter()
        for at in range(0, len(records), _HANDED_OVER):
            await publication.publish(records[at : at + _HANDED_OVER])
        await publication.flush()
        return time.perf_counter() - started


async def reading(bench: Bench, topic: str, count: int) -> float:
    """Read a topic as every reader of ours does; give the seconds."""
    started = time.perf_counter()
    telemetry = LogTelemetry()
    async with KafkaSubscriber(KafkaCluster(bench.brokers), topic, telemetry).open(Start("earliest"), None) as source:
        reader = ProvenSubscription(source, None, telemetry)
        while count > 0:
            count -= len(await reader.receive())
    return time.perf_counter() - started


async def measure_throughput(bench: Bench) -> bool:
    """Print records a second; tell whether ours is ten times as fast, with its order proven."""
    rates: dict[str, list[float]] = {"one by one": [], "publisher": []}
    jobs = (("one by one", one_by_one, books(ONE_BY_ONE)), ("publisher", published, books(PIPELINED)))
    is_proven = True
    titles = [f"repeat {number + 1}" for number in range(REPEATS)] + ["median"]
    print(f"\n{'throughput, records/s':33}{''.join(f'{title:>11}' for title in titles)}")
    for repeat in range(REPEATS):
        for name, job, records in jobs:
            topic = f"throughput-{name.replace(' ', '-')}-{repeat}"
            await bench.make(topic)
            with quiet_collector():
                rates[name].append(len(records) / await job(bench, topic, records))
            is_proven &= bench.is_in_order(topic, len(records))
    for name, each in rates.items():
        print(f"{name:33}{''.join(f'{rate:11,.0f}' for rate in each)}{statistics.median(each):11,.0f}")
    ratios = [ours / theirs for ours, theirs in zip(rates["publisher"], rates["one by one"], strict=True)]
    print(f"{'times as fast':33}{''.join(f'{ratio:11.1f}' for ratio in ratios)}{statistics.median(ratios):11.1f}")
    print(f"order of every record {'proven' if is_proven else 'NOT PROVEN'} by another client")
    rates_of_reading = [
        PIPELINED / await reading(bench, f"throughput-publisher-{repeat}", PIPELINED) for repeat in range(REPEATS)
    ]
    each = "".join(f"{rate:11,.0f}" for rate in rates_of_reading)
    print(f"{'read back, proof checked':33}{each}{statistics.median(rates_of_reading):11,.0f}")
    return is_proven and statistics.median(ratios) >= 10


# latency


class Way(Protocol):
    """A way to the broker that is open."""

    turn_seconds: float
    """How long the reader of the socket lets what comes wait for more; 0: not at all."""
    latencies: list[float]
    """Seconds from each record's moment to its acknowledgement."""

    async def give(self, state: BookState, moment: float) -> None:
        """Hand over a record that was due at a moment."""

    async def finish(self) -> None:
        """Wait until all is acknowledged."""


@attrs.define(eq=False)
class Bare(Way):
    """aiokafka's producer as it comes."""

    producer: AIOKafkaProducer
    topic: str
    turn_seconds: float = 0.0
    latencies: list[float] = attrs.field(factory=list)
    count: int = 0

    async def give(self, state: BookState, moment: float) -> None:
        book = NormalizedBook.of(state, "run", self.count, 0)
        self.count += 1
        answer = await self.producer.send(self.topic, encode(book), book.key.encode(), headers=HEADERS)
        answer.add_done_callback(lambda _: self.latencies.append(anyio.current_time() - moment))

    async def finish(self) -> None:
        await self.producer.flush()
        await anyio.lowlevel.checkpoint()


@attrs.define(eq=False)
class Ours(Way):
    """Outbox and publication, with the settings' defaults. Every batch is watched on its way."""

    publication: Publication
    outbox: Outbox
    turn_seconds: float
    latencies: list[float] = attrs.field(factory=list)
    given: int = 0
    settled: int = 0
    due: list[deque[float]] = attrs.field(factory=lambda: [deque() for _ in range(PARTITIONS)])
    _partitions: dict[str, int] = attrs.field(factory=dict)

    async def give(self, state: BookState, moment: float) -> None:
        key = state.key
        if key not in self._partitions:
            self._partitions[key] = partition_of(key.encode(), PARTITIONS)
        self.due[self._partitions[key]].append(moment)
        self.outbox.put(state)
        self.given += 1

    async def finish(self) -> None:
        while self.settled < self.given:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.001)

    async def deliver(self) -> None:
        """Do as ``produce`` does."""
        while taken := await self.outbox.take(_HANDED_OVER, self.publication.admission, self.publication.linger):
            await self.publication.publish(taken)

    def settle(self, partition: int, count: int, _answer: object) -> None:
        """Take it that so many records of a partition are acknowledged."""
        now = anyio.current_time()
        self.latencies += [now - self.due[partition].popleft() for _ in range(count)]
        self.settled += count


@asynccontextmanager
async def open_ours(bench: Bench, topic: str) -> AsyncIterator[Ours]:
    """Open ours; batches are watched where they are handed to the client library."""
    outbox = Outbox("run", policy=OutboxPolicy.KEEP_UNTIL_FULL, max_records=50_000, max_bytes=1 << 28)
    send = IdempotentProducer.send
    async with bench.publisher(topic).open() as publication, anyio.create_task_group() as tasks:
        ours = Ours(publication, outbox, _TURN_SECONDS if bench.linger_milliseconds == "auto" else 0.0)

        def watched(producer: IdempotentProducer, batch: Any, partition: int) -> Any:
            answer = send(producer, batch, partition)
            answer.add_done_callback(partial(ours.settle, partition, batch.record_count()))
            return answer

        IdempotentProducer.send = watched  # type: ignore[method-assign]
        tasks.start_soon(ours.deliver)
        try:
            yield ours
        finally:
            IdempotentProducer.send = send  # type: ignore[method-assign]
            outbox.close()


@asynccontextmanager
async def open_bare(bench: Bench, topic: str, linger_milliseconds: float) -> AsyncIterator[Bare]:
    """Open aiokafka's."""
    await bench.make(topic)
    async with bench.bare(linger_milliseconds) as producer:
        yield Bare(producer, topic)


async def open_loop(way: Way, seconds: float) -> None:
    """Give each record at its moment, as near as the loop's timers are; all that are due at once, as a socket does.

    Where the socket is read in turns, what was due since the last turn is given at the next.
    """
    waiting = deque(state(number) for number in range(int(seconds * RATE)))
    began = moment = anyio.current_time()
    given = 0
    while waiting:
        turn = way.turn_seconds
        await anyio.sleep_until(math.ceil(moment / turn) * turn if turn else moment)
        now = anyio.current_time()
        while waiting and moment <= now:
            await way.give(waiting.popleft(), moment)
            given += 1
            moment = began + given / RATE
    await way.finish()


async def measure_latency(bench: Bench) -> bool:
    """Print percentiles; tell whether ours are at most 5 ms above bare at the 99th."""
    async with (
        open_ours(bench, "latency-ours") as ours,
        open_bare(bench, "latency-bare", 0) as bare,
        open_bare(bench, "latency-bare-lingering", 2) as lingering,
    ):
        ways = {"ours": ours, "bare": bare, "bare, linger_ms 2": lingering}
        return await compare(ways)


async def compare(ways: Mapping[str, Way]) -> bool:
    """Let the ways take turns, a second each."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    tails: dict[str, list[float]] = {name: [] for name in ways}
    spent: dict[str, float] = dict.fromkeys(ways, 0.0)
    for way in ways.values():
        await open_loop(way, SLICE_SECONDS)
        way.latencies.clear()
    names = list(ways)
    for _ in range(REPEATS):
        with quiet_collector():
            for turn in range(SLICES):
                for name in names[turn % len(names) :] + names[: turn % len(names)]:
                    began = time.process_time()
                    await open_loop(ways[name], SLICE_SECONDS)
                    spent[name] += time.process_time() - began
        for name, way in ways.items():
            tails[name].append(percentile(way.latencies, 99))
            taken[name] += way.latencies
            way.latencies.clear()
    titles = ["p50", "p90", "p99", "p99.9", "max", "CPU µs"]
    said = f"latency at {RATE:,} records/s, ms"
    print(f"\n{said:34}{''.join(f'{title:>9}' for title in titles)}   p99 of each repeat")
    for name, latencies in taken.items():
        figures = [percentile(latencies, percent) for percent in (50, 90, 99, 99.9, 100)]
        figures.append(spent[name] / len(latencies) * 1e6)
        each_tail = " ".join(f"{tail:.1f}" for tail in tails[name])
        print(f"{name:34}{''.join(f'{figure:9.2f}' for figure in figures)}   {each_tail}")
    print_histograms({name: taken[name] for name in names[:2]})
    ours, theirs = (percentile(taken[name], 99) for name in names[:2])
    print(f"\np99 of ours is {ours - theirs:+.2f} ms beside bare's (at most +{MOST_ABOVE_MILLISECONDS} is wanted)")
    return ours - theirs <= MOST_ABOVE_MILLISECONDS


def percentile(seconds: Sequence[float], percent: float) -> float:
    """Give the smallest latency that so many per cent do not exceed, in ms."""
    return sorted(seconds)[max(0, math.ceil(len(seconds) * percent / 100) - 1)] * 1e3


def print_histograms(latencies: Mapping[str, Sequence[float]]) -> None:
    """Draw how many records took how long, a bar a range."""
    print(f"\n{'ms':>13}" + "".join(f"   {name:{_BAR + 8}}" for name in latencies))
    lower = 0.0
    for upper in _RANGES:
        shares = [sum(lower <= each * 1e3 < upper for each in taken) / len(taken) for taken in latencies.values()]
        if any(shares):
            bars = "".join(f"   {share:7.2%} {'█' * math.ceil(share * _BAR):{_BAR}}" for share in shares)
            print(f"{lower:5g} - {upper:<5g}{bars}".rstrip())
        lower = upper


async def measure(bench: Bench, parts: str) -> bool:
    """Do what was asked for."""
    is_well = True
    if "t" in parts:
        is_well &= await measure_throughput(bench)
    if "l" in parts:
        is_well &= await measure_latency(bench)
    return is_well


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; status 1 where one is not as wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.publisher")
    parser.add_argument("--only", choices=["throughput", "latency"])
    parser.add_argument("--linger", type=float, metavar="MS", help="kafka.linger_milliseconds (of config/base.yaml)")
    options = parser.parse_args(arguments)
    linger = options.linger
    if linger is None:
        linger = load_settings("test", environ={}).settings.kafka.linger_milliseconds
    logger.remove()
    if what := missing():
        print(f"skipped: needs {what}")
        return 0
    print(__doc__)
    print(f"python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()}")
    parts = options.only[0] if options.only else "tl"
    with tempfile.TemporaryDirectory() as folder, process_broker(Path(folder) / "home") as broker:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        is_well = anyio.run(measure, Bench(broker.brokers, linger), parts)
    print("all as wanted" if is_well else "NOT AS WANTED")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())

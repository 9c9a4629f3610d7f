"""What the Kafka tests share: books to send, an operator who listens, and a topic to send to."""

import time
import uuid
from collections.abc import Iterator, Sequence

import anyio
import attrs
from aiokafka.conn import create_conn
from aiokafka.protocol.fetch import FetchRequest

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.publisher import KafkaPublisher
from market_data.adapters.kafka.subscriber import KafkaSubscriber
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.application.measures import Measures, Source
from market_data.application.metrics import Metric
from market_data.application.ports import Clock, Delivered, Publication, Subscription, Telemetry
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, NormalizedBook

__all__ = [
    "RUN",
    "Batch",
    "FakeTelemetry",
    "SystemClock",
    "World",
    "batches",
    "book",
    "publish",
    "read",
    "sequences",
]

RUN = "20240808T000000Z-1f2e3d"
_LEVELS = tuple((f"{60000 + level}.12000000", f"0.{level:08d}") for level in range(20))


def book(symbol: str, publish_seq: int, *, run: str = RUN) -> NormalizedBook:
    """Make a live book of 20 levels a side."""
    now = time.time_ns() // 1000
    return NormalizedBook(
        "binance", symbol, BookStatus.LIVE, None, 1, _LEVELS, _LEVELS, now, now, 1, 1, run, publish_seq, 0
    )


class SystemClock(Clock):
    """The real time."""

    def now(self) -> Moment:
        return Moment(time.time_ns() // 1000, time.monotonic())


@attrs.define
class FakeTelemetry(Telemetry):
    """Remembers what it was told."""

    notes: list[tuple[str, dict[str, object]]] = attrs.field(factory=list)
    warnings: list[tuple[str, dict[str, object]]] = attrs.field(factory=list)
    measures: Measures = attrs.field(factory=Measures)

    def note(self, message: str, **fields: object) -> None:
        self.notes.append((message, fields))

    def warn(self, message: str, **fields: object) -> None:
        self.warnings.append((message, fields))

    def count(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        self.measures.count(metric, tuple(labels[name] for name in metric.labels), amount)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        self.measures.observe(metric, tuple(labels[name] for name in metric.labels), value)

    def watch(self, source: Source) -> None:
        self.measures.watch(source)

    def measured(self, metric: Metric) -> float:
        """Give the sum of a metric's series."""
        return sum(self.measures.read().get(metric, {}).values())

    def noted(self, message: str) -> list[dict[str, object]]:
        """Give the fields of the notes that start so."""
        return [fields for said, fields in self.notes if said.startswith(message)]

    def warned(self, message: str) -> list[dict[str, object]]:
        """Give the fields of the warnings that start so."""
        return [fields for said, fields in self.warnings if said.startswith(message)]


@attrs.define
class World:
    """One broker and one topic of its own, and whoever writes to and reads from it."""

    cluster: KafkaCluster
    partitions: int = 4
    can_create: bool = True
    topic: str = attrs.field(factory=lambda: f"books-{uuid.uuid4().hex[:12]}")
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)

    @classmethod
    def at(cls, brokers: str, **settings: object) -> "World":
        """Take the broker at an address; settings are those of the cluster."""
        cluster = KafkaCluster(brokers, **({"connect_timeout_seconds": 15.0} | settings))  # type: ignore[arg-type]
        return cls(cluster)

    def publisher(self, **settings: object) -> KafkaPublisher:
        """Make a publisher; settings are its own."""
        topic = KafkaTopic(self.topic, create=self.can_create, partitions=self.partitions)
        arguments = {"topic": topic, "clock": SystemClock(), "telemetry": self.telemetry} | settings
        return KafkaPublisher(self.cluster, **arguments)  # type: ignore[arg-type]

    def subscriber(self, **settings: object) -> KafkaSubscriber:
        """Make a subscriber; settings are its own."""
        arguments = {"session_timeout_seconds": 6.0} | settings
        return KafkaSubscriber(self.cluster, self.topic, self.telemetry, **arguments)  # type: ignore[arg-type]


async def publish(publication: Publication, symbols: Sequence[str], numbers: range) -> None:
    """Publish the records of these numbers of each symbol, and wait until they are delivered."""
    for number in numbers:
        await publication.publish([book(symbol, number) for symbol in symbols])
    await publication.flush()


async def read(subscription: Subscription, count: int, *, seconds: float = 20) -> list[Delivered]:
    """Read until so many records have come."""
    delivered: list[Delivered] = []
    with anyio.fail_after(seconds):
        while len(delivered) < count:
            delivered += await subscription.receive()
    return delivered


@attrs.frozen
class Batch:
    """A batch of records as it lies on the broker."""

    size: int
    """Bytes, header and all."""
    codec: int
    """0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
    records: int


async def batches(world: World) -> list[Batch]:
    """Fetch the topic as its bytes lie on the broker (a few MiB at most), and read the heads of its batches."""
    host, port = world.cluster.brokers.split(":")
    connection = await create_conn(host, int(port))
    wanted = [(partition, 0, 1 << 22) for partition in range(world.partitions)]
    answer = await connection.send(FetchRequest(500, 1, 1 << 22, 0, [(world.topic, wanted)]))
    connection.close()
    ((_, found),) = answer.topics
    return [batch for *_, records in found for batch in _heads(records)]


def _heads(records: bytes) -> Iterator[Batch]:
    while len(records) > 61:
        size = 12 + int.from_bytes(records[8:12])
        yield Batch(size, int.from_bytes(records[21:23]) & 7, int.from_bytes(records[57:61]))
        records = records[size:]


def sequences(delivered: Sequence[Delivered]) -> dict[str, list[int]]:
    """List the publish_seq of each symbol, as read."""
    found: dict[str, list[int]] = {}
    for one in delivered:
        found.setdefault(one.book.symbol, []).append(one.book.publish_seq)
    return found

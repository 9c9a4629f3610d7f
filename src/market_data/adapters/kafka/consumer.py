"""aiokafka's consumer behind a narrow, typed surface, for one topic whose partitions are known by number.

Closing is bounded: ``stop()`` alone says goodbye to a broker that may not listen any more.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import attrs
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import OffsetAndMetadata

from market_data.adapters.kafka.client import UNAUTHORIZED, KafkaCluster

__all__ = ["Consumer", "Message"]

_CLOSE_SECONDS = 2.0
_HEARTBEATS_A_SESSION = 3
_METADATA_SECONDS = 5.0
"""How soon it is seen that the topic has other partitions."""
_METADATA_PAUSE_SECONDS = 0.1
_NOTE = "partitions when the group began: "
"""What is committed beside an offset."""
_COUNT = re.compile("[0-9]{1,9}")


class Message(Protocol):
    """A record as the broker gave it."""

    offset: int
    timestamp: int
    """Milliseconds since 1970 UTC."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp_type: int
    """1 where the timestamp is the broker's, 0 where it is the producer's."""


class _Client(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types
    """Asks for a topic without making it, which a broker may do for who asks as the library does."""

    _asked_at = 0.0

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:  # noqa: ANN401
        if not topics:
            found: bool = await super()._metadata_update(cluster_metadata, topics)
            return found
        # Where a topic is gone, the library asks again at once, without end.
        await asyncio.sleep(self._asked_at + _METADATA_PAUSE_SECONDS - self._loop.time())
        self._asked_at = self._loop.time()
        request = MetadataRequest(list(topics), allow_auto_topic_creation=False)
        nodes = [broker.nodeId for broker in self.cluster.brokers()]
        random.shuffle(nodes)
        for node in nodes:
            try:
                if (connection := await self._get_conn(node)) is None:
                    continue
                answer = await connection.send(request)
            except (KafkaError, TimeoutError):
                continue
            if not answer.brokers:
                return False
            cluster_metadata.update_metadata(answer)
            return True
        return False


class _Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Can be left without waiting for the broker, and looks for a topic without making it."""

    def __init__(self, connecting: Mapping[str, object], **named: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**connecting, **named)
        self._client = _Client(**connecting, metadata_max_age_ms=int(_METADATA_SECONDS * 1000))

    def watch(self, topic: str, on_metadata: Callable[[int], None]) -> None:
        self._client.cluster.add_listener(lambda cluster: on_metadata(len(cluster.partitions_for_topic(topic) or ())))

    async def find(self, topic: str) -> int:
        everything = await self._client.fetch_all_metadata()
        if (partitions := everything.partitions_for_topic(topic)) or (node := self._client.get_random_node()) is None:
            return len(partitions or ())
        # Among all topics, one that we may not see is not there at all.
        answer = await self._client.send(node, MetadataRequest([topic], allow_auto_topic_creation=False))
        if (error := for_code(answer.topics[0][0])) in UNAUTHORIZED:
            raise error
        return 0

    async def kept(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """Ask for what is committed, all in one request."""
        found: Mapping[TopicPartition, OffsetAndMetadata] = await self._coordinator.fetch_committed_offsets(partitions)
        return found

    async def keep(self, offsets: Mapping[TopicPartition, int], note: str) -> None:
        """Commit once. ``commit()`` tries without end and, cancelled, leaves a task behind."""
        kept = {partition: OffsetAndMetadata(offset, note) for partition, offset in offsets.items()}
        await self._coordinator.ensure_coordinator_known()
        await self._coordinator._do_commit_offsets(self._subscription.subscription.assignment, kept)  # noqa: SLF001

    async def abandon(self) -> None:
        names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task", "_reset_committed_task")
        tasks = {getattr(self._coordinator, name, None) for name in names}
        if self._fetcher is not None:
            tasks |= {self._fetcher._fetch_task, *self._fetcher._pending_tasks}  # noqa: SLF001
        running = {task for task in tasks if task is not None and not task.done()}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1)
        for connection in self._client._conns.values():  # noqa: SLF001
            if (writer := connection._writer) is not None:  # noqa: SLF001
                writer.transport.abort()
        await self._client.close()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Passes on what a group decides. Its methods must not raise: aiokafka would log it and go on."""

    def __init__(
        self, on_revoked: Callable[[], Awaitable[None]], on_assigned: Callable[[frozenset[int]], None]
    ) -> None:
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        if revoked:
            await self._on_revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._on_assigned(frozenset(partition.partition for partition in assigned))


@attrs.define(eq=False)
class Consumer:
    """Reads one topic. Every method may raise KafkaError."""

    topic: str
    _consumer: _Consumer

    @classmethod
    def of(
        cls,
        cluster: KafkaCluster,
        topic: str,
        *,
        group: str | None = None,
        session_timeout_seconds: float = 10.0,
        fetch_wait_milliseconds: float = 500.0,
    ) -> "Consumer":
        """Make one; it must be opened before, and closed after use."""
        consumer = _Consumer(
            cluster.arguments(),
            group_id=group,
            enable_auto_commit=False,
            # Where retention has overtaken a reader, it goes on with the oldest record there is.
            auto_offset_reset="earliest",
            # What a producer took back was never published.
            isolation_level="read_committed",
            fetch_max_wait_ms=int(fetch_wait_milliseconds),
            session_timeout_ms=int(session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(session_timeout_seconds * 1000 / _HEARTBEATS_A_SESSION),
            partition_assignment_strategy=(RangePartitionAssignor,),
        )
        return cls(topic, consumer)

    async def open(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def close(self) -> None:
        """Leave the group, where the broker listens, and close; takes a few seconds at most."""
        # A task of its own: with a broker that is gone, it ends in the cancellation of one of its own requests.
        stopping = asyncio.ensure_future(self._consumer.stop())
        with anyio.CancelScope(shield=True):
            await asyncio.wait({stopping}, timeout=_CLOSE_SECONDS)
        if stopping.done() and not stopping.cancelled() and stopping.exception() is None:
            return
        stopping.cancel()
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await self._consumer.abandon()
            await anyio.lowlevel.cancel_shielded_checkpoint()  # what was closed is gone only a turn of the loop later

    async def partitions(self) -> int:
        """Count the topic's partitions; 0 where there is no such topic. Does not make it."""
        return await self._consumer.find(self.topic)

    def watch(self, on_metadata: Callable[[int], None]) -> None:
        """Be told, on each word from the cluster, how many partitions the topic has; 0 where it is not there."""
        self._consumer.watch(self.topic, on_metadata)

    def assign(self, partitions: Iterable[int]) -> None:
        """Read these, without a group."""
        self._consumer.assign([self._of(partition) for partition in partitions])

    def subscribe(
        self, on_revoked: Callable[[], Awaitable[None]], on_assigned: Callable[[frozenset[int]], None]
    ) -> None:
        """Read what the group gives us."""
        self._consumer.subscribe([self.topic], listener=_Listener(on_revoked, on_assigned))

    async def beginnings(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """Give the oldest offset of each."""
        return _by_number(await self._consumer.beginning_offsets([self._of(partition) for partition in partitions]))

    async def ends(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """Give the offset of the next record of each."""
        return _by_number(await self._consumer.end_offsets([self._of(partition) for partition in partitions]))

    async def at_time(self, partitions: Iterable[int], time_ms: int) -> Mapping[int, int | None]:
        """Give the offset of the first record of each that is not older; None where there is none."""
        found = await self._consumer.offsets_for_times({self._of(partition): time_ms for partition in partitions})
        return {partition.partition: None if at is None else at.offset for partition, at in found.items()}

    async def committed(self, partitions: Iterable[int]) -> tuple[Mapping[int, int], int | None]:
        """Give the group's offsets, of those that have one, and of how many partitions the topic was when it began.

        None where that was not kept.
        """
        kept = await self._consumer.kept([self._of(partition) for partition in partitions])
        notes = [each.metadata.removeprefix(_NOTE) for each in kept.values() if each.metadata.startswith(_NOTE)]
        offsets = {partition.partition: each.offset for partition, each in kept.items()}
        return offsets, min((int(note) for note in notes if _COUNT.fullmatch(note)), default=None)

    async def commit(self, offsets: Mapping[int, int], partitions: int) -> None:
        """Keep the offsets of the group's next records, and that of the partitions; tried once. Safe to cancel."""
        at = {self._of(partition): offset for partition, offset in offsets.items()}
        await self._consumer.keep(at, f"{_NOTE}{partitions}")

    def seek(self, partition: int, offset: int) -> None:
        """Go on from there."""
        self._consumer.seek(self._of(partition), offset)

    async def position(self, partition: int) -> int:
        """Tell from where it goes on."""
        position: int = await self._consumer.position(self._of(partition))
        return position

    def known_end(self, partition: int) -> int | None:
        """Give the offset of the next record of a partition, as the last answer told it; None where none has."""
        at = self._of(partition)
        end: int | None = self._consumer.highwater(at) if at in self._consumer.assignment() else None
        return end

    async def take(self, *, max_records: int, timeout_seconds: float) -> Mapping[int, Sequence[Message]]:
        """Take what is there, by partition; wait for it for a while. Safe to cancel."""
        taken = await self._consumer.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        return {partition.partition: messages for partition, messages in taken.items()}

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that are read now."""
        return frozenset(partition.partition for partition in self._consumer.assignment())

    @property
    def last_answer_ms(self) -> int:
        """When a broker last answered for any of the partitions; 0 if it never did."""
        return max((self._consumer.last_poll_timestamp(each) or 0 for each in self._consumer.assignment()), default=0)

    def _of(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {partition.partition: offset for partition, offset in offsets.items()}

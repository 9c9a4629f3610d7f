"""aiokafka's idempotent producer behind a narrow, typed surface.

What its source (0.14) does, and what rests on it here:

- A batch gets its sequence numbers when it is first sent, and is sent again with the same ones after a lost connection
  or an unanswered request, before any later batch of its partition, which has one request in flight at a time. The
  broker knows the numbers, so a batch that had arrived already is not written twice. This never ends by itself.
- ``request_timeout_ms`` plays two parts. For a request it is how long to wait before the connection counts as dead;
  for a batch it is how long it may wait for a partition that has no leader. The second must be above the ride-out, the
  first far below it, lest one dead connection uses it up: hence two settings, see ``_Producer``.
- It counts a partition's records past 2,147,483,647 to a negative number, which the broker refuses for good; it has to
  go on with 0, as Kafka's own producer does: hence ``_wrap``.
- ``stop()`` waits for all that is undelivered, however long that takes: hence ``abandon()``.
- At each turn its sender waits anew for whatever may happen, and ``send_batch`` for what is known already. At few
  records a request that counts: hence ``_Sender`` and ``hand_over``, which do the same with less.
"""

import asyncio
from collections.abc import Callable
from copy import copy
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import attrs
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.sender import Sender, SendProduceReqHandler

from market_data.adapters.kafka.client import KafkaCluster

__all__ = ["Acknowledgement", "Batch", "IdempotentProducer"]

_CLOSE_SECONDS = 2.0
_LAST_SEQUENCE_NUMBER = 2**31 - 1


class Acknowledgement(Protocol):
    """What the broker says of a batch that it has written."""

    offset: int
    """Of the first record; -1 where the broker knows only that it has written the batch before."""
    timestamp: int
    """Milliseconds since 1970 UTC by the broker's clock; -1 where the topic keeps the producer's time."""


class Batch(Protocol):
    """Records of one partition on their way into one write."""

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object | None:
        """Add a record; None, and not added, when it does not fit any more."""

    def close(self) -> None:
        """Take no more records."""

    def size(self) -> int:
        """Tell how many bytes it has, before compression."""


class _Sender(Sender):  # type: ignore[misc]  # aiokafka has no types
    """Sends as aiokafka's does without transactions, and knows its requests, so that they can be cancelled.

    A broker has one request under way, a partition one batch. What waits for nothing but the next batch or the end of a
    request waits for one future, which either resolves; aiokafka's waits for all of them anew at each turn.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(*arguments, **named)
        self.requests: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        """What a request ended with that no request should."""

    async def _sender_routine(self) -> None:
        try:
            while True:
                await self._maybe_wait_for_pid()
                if self._send_drained():
                    update = self.client.force_metadata_update()
                    await asyncio.wait({*self.requests, update}, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await self._message_accumulator.waiter()
        except (ProducerFenced, OutOfOrderSequenceNumber):
            raise
        except Exception as error:
            raise KafkaError(f"Unexpected error during batch delivery: {error!r}") from error

    def _send_drained(self) -> bool:
        """Send what can be sent now; tell whether there is something whose leader is not known.

        Raises:
            BaseException: what a request ended with.
        """
        if self._fault is not None:
            raise self._fault
        by_node, is_without_leader = self._message_accumulator.drain_by_nodes(
            ignore_nodes=self._in_flight, muted_partitions=self._muted_partitions
        )
        for node, batches in by_node.items():
            self._in_flight.add(node)
            self._muted_partitions.update(batches)
            request = asyncio.get_running_loop().create_task(self._send_produce_req(node, batches))
            self.requests.add(request)
            request.add_done_callback(self._end)
        return bool(is_without_leader)

    async def _send_produce_req(self, node: int, batches: dict[TopicPartition, Any]) -> None:
        await SendProduceReqHandler(self, batches).do(node)
        self._in_flight.remove(node)
        self._muted_partitions.difference_update(batches)

    def _fail_all(self, task: asyncio.Task[None]) -> None:
        """Fail what waits and is under way once the sender has failed; aiokafka's stumbles without a transaction."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._message_accumulator.fail_all(fault)

    def _end(self, request: asyncio.Task[None]) -> None:
        self.requests.discard(request)
        if not request.cancelled():
            self._fault = self._fault or request.exception()
        accumulator = self._message_accumulator
        if (accumulator._batches or self._fault) and not (waiter := accumulator.waiter()).done():  # noqa: SLF001
            waiter.set_result(None)


class _Producer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """Can be left without waiting for the broker."""

    def __init__(self, *, batch_timeout_seconds: float, request_timeout_ms: int, **named: Any) -> None:  # noqa: ANN401
        super().__init__(request_timeout_ms=int(batch_timeout_seconds * 1000), **named)
        self.client._request_timeout_ms = request_timeout_ms  # noqa: SLF001 - see the module's docstring
        self._txn_manager.increment_sequence_number = self._wrap
        self._sender = _Sender(
            self.client,
            acks=-1,
            txn_manager=self._txn_manager,
            message_accumulator=self._message_accumulator,
            retry_backoff_ms=named["retry_backoff_ms"],
            request_timeout_ms=request_timeout_ms,
        )

    def _wrap(self, partition: TopicPartition, records: int) -> None:
        numbers = self._txn_manager._sequence_numbers  # noqa: SLF001
        numbers[partition] = (numbers[partition] + records) & _LAST_SEQUENCE_NUMBER

    def hand_over(self, batch: object, at: TopicPartition) -> "asyncio.Future[Acknowledgement]":
        """Do what ``send_batch`` does, where it has nothing to wait for.

        Raises:
            KafkaError: the topic is not known for now, or we may not know it; or nothing can be sent any more.
            AssertionError: aiokafka's word for a partition that the topic does not have any more.
        """
        cluster = self.client.cluster
        if cluster.leader_for_partition(at) is None:  # -1 where it is known and has none
            if cluster.partitions_for_topic(at.topic) is None:
                self.client.force_metadata_update()
                is_allowed = at.topic not in cluster.unauthorized_topics
                raise UnknownTopicOrPartitionError if is_allowed else TopicAuthorizationFailedError(at.topic)
            self._partition(at.topic, at.partition, None, None, None, None)
        accumulator = self._message_accumulator
        if (fault := accumulator._exception) is not None:  # noqa: SLF001
            raise copy(fault)
        future: asyncio.Future[Acknowledgement] = accumulator._append_batch(batch, at).future  # noqa: SLF001
        return future

    async def abandon(self) -> None:
        self._closed = True
        tasks = {task for task in (self._sender.sender_task, *self._sender.requests) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
        for connection in self.client._conns.values():  # noqa: SLF001
            if (writer := connection._writer) is not None:  # noqa: SLF001
                writer.transport.abort()
        await self.client.close()


@attrs.define(eq=False)
class IdempotentProducer:
    """One producer for one topic. Every record is written once, in order; see the module's docstring."""

    topic: str
    _producer: _Producer
    _partitions: dict[int, TopicPartition] = attrs.field(factory=dict)
    """As aiokafka names them, by number."""

    @classmethod
    def of(
        cls,
        cluster: KafkaCluster,
        topic: str,
        *,
        compression: str,
        max_batch_bytes: int,
        batch_timeout_seconds: float,
    ) -> "IdempotentProducer":
        """Make one; it must be opened before, and closed after use."""
        arguments: dict[str, Any] = cluster.arguments()
        producer = _Producer(
            **arguments,
            batch_timeout_seconds=batch_timeout_seconds,
            enable_idempotence=True,
            compression_type=None if compression == "none" else compression,
            max_batch_size=max_batch_bytes,
            retry_backoff_ms=100,
        )
        return cls(topic, producer)

    async def open(self) -> None:
        """Connect and get an identity for the sequence numbers. Cancel it to give up: it tries without end.

        Raises:
            KafkaError: refused.
        """
        await self._producer.start()
        await self._producer.partitions_for(self.topic)

    async def close(self) -> None:
        """Close without delivering what is undelivered; takes a few seconds at most."""
        with anyio.move_on_after(2 * _CLOSE_SECONDS, shield=True):
            await self._producer.abandon()
            await anyio.lowlevel.cancel_shielded_checkpoint()  # what was closed is gone only a turn of the loop later

    def watch(self, on_metadata: Callable[[int | None, bool], None]) -> None:
        """Be told, on each word from the cluster, how many partitions the topic has and whether we may know."""

        def told(cluster: Any) -> None:  # noqa: ANN401
            partitions = cluster.partitions_for_topic(self.topic)
            on_metadata(len(partitions) if partitions else None, self.topic not in cluster.unauthorized_topics)

        self._producer.client.cluster.add_listener(told)

    def leader(self, partition: int) -> int | None:
        """Name the broker that a partition's batches are sent to; None while there is none."""
        leader: int | None = self._producer.client.cluster.leader_for_partition(self._at(partition))
        return None if leader == -1 else leader

    def take_back(self, partition: int, records: int) -> None:
        """Give the sequence numbers of a batch that was refused, the last one of its partition, to what comes next."""
        numbers = self._producer._txn_manager._sequence_numbers  # noqa: SLF001
        at = self._at(partition)
        numbers[at] = (numbers[at] - records) & _LAST_SEQUENCE_NUMBER

    def batch(self) -> Batch:
        """Start an empty batch."""
        batch: Batch = self._producer.create_batch()
        return batch

    def send(self, batch: Batch, partition: int) -> "asyncio.Future[Acknowledgement]":
        """Hand a batch over; one a partition at a time.

        Raises:
            KafkaError: it was not taken.
            AssertionError: the topic does not have the partition any more.
        """
        return self._producer.hand_over(batch, self._at(partition))

    def _at(self, partition: int) -> TopicPartition:
        found = self._partitions.get(partition)
        if found is None:
            found = self._partitions[partition] = TopicPartition(self.topic, partition)
        return found

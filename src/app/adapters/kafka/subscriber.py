"""Reads books from the topic: alone, all of it; as a member of a group, a share of it."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from app.adapters.kafka.client import UNAUTHORIZED, KafkaCluster, explain
from app.adapters.kafka.consumer import Consumer, Message
from app.adapters.kafka.records import decode
from app.application.ports import Delivered, Start, Subscriber, Subscription, Telemetry
from app.domain.errors import BrokerError, MalformedRecord

__all__ = ["KafkaSubscriber"]

_TAKE_SECONDS = 0.5
_STALL_SECONDS = 5.0
_COMMIT_SECONDS = 1.0
_COMMIT_TIMEOUT_SECONDS = 2.0
_RETRY_SECONDS = 0.2
_TOPIC_SECONDS = 0.5
_REACHED = -1


@attrs.define(eq=False)
class KafkaSubscriber(Subscriber):
    """Reads one topic with aiokafka.

    Without a group every partition is read from ``start`` and nothing is committed, so that any number of readers see
    everything.

    In a group the partitions are shared out, and every record is handed to a member at least once: what a ``receive``
    handed out is committed once the next one is called or the subscription is left in peace: every second, before
    partitions are given up, and at the end. After a crash, and with a partition that comes from another member, up to a
    second of records come once more, with the same offsets. ``start`` counts where the group has committed nothing;
    where it has, it goes on from there.

    Warm start: where reading begins at the end of a partition (``latest``) or where the group left off, the last
    ``warm_records_per_partition`` records before are read back, and the newest of each key comes first, with its old
    offset, so that every instrument is there at once and not at its next change.
    """

    cluster: KafkaCluster
    topic: str
    telemetry: Telemetry
    max_poll_records: int = 2000
    """Taken at a time."""
    session_timeout_seconds: float = 10.0
    """A member of a group this long silent loses its partitions."""
    warm_records_per_partition: int = 0
    """Read back at the start; 0 is none."""

    def open(self, start: Start, group: str | None) -> AbstractAsyncContextManager[Subscription]:
        """Connect; wait, without a bound, until the topic is there.

        Raises:
            BrokerError: a broker answers, and does not let us in or not read.
            UsageError: a certificate or key can not be used.
        """
        return self._opened(start, group)

    @asynccontextmanager
    async def _opened(self, start: Start, group: str | None) -> AsyncIterator[Subscription]:
        await self.cluster.reach(self.telemetry)
        consumer = Consumer.of(
            self.cluster, self.topic, group=group, session_timeout_seconds=self.session_timeout_seconds
        )
        try:
            await self.cluster.attempt(consumer.open)
            partitions = await self._find(consumer)
            subscription = _KafkaSubscription(self, consumer, start, is_member=group is not None)
            await subscription.begin(range(partitions))
            try:
                yield subscription
                subscription.come_back()
            finally:
                await subscription.commit()
        finally:
            await consumer.close()

    async def _find(self, consumer: Consumer) -> int:
        told = False
        while not (partitions := await self.cluster.attempt(consumer.partitions)):
            if not told:
                self.telemetry.warn("the topic does not exist yet, waiting for a producer to make it", topic=self.topic)
                told = True
            await anyio.sleep(_TOPIC_SECONDS)
        return partitions


@attrs.define
class _Warming:
    """What is read back of one partition: the newest record of each key, until ``until`` is reached."""

    until: int
    newest: dict[bytes | None, Message] = attrs.field(factory=dict)


class _KafkaSubscription(Subscription):
    def __init__(self, settings: KafkaSubscriber, consumer: Consumer, start: Start, *, is_member: bool) -> None:
        self._settings = settings
        self._consumer = consumer
        self._start = start
        self._is_member = is_member
        self._unplaced: frozenset[int] = frozenset()
        """Partitions that the group gave us, and that are not yet read from where they shall be."""
        self._old: dict[int, tuple[int, int]] = {}
        """By partition, where the broker can not look up times: an offset and a time in ms, older than both is passed
        over."""
        self._warming: dict[int, _Warming] = {}
        self._positions: dict[int, int] = {}
        """Offset after the last record handed out, by partition."""
        self._done: dict[int, int] = {}
        """The same, of what the caller has come back from."""
        self._committed: dict[int, int] = {}
        self._committed_at = anyio.current_time()
        self._answered_ms = 0
        self._answered_at = anyio.current_time()
        self._is_stalled = False

    async def begin(self, partitions: Iterable[int]) -> None:
        if self._is_member:
            self._consumer.subscribe(self._on_revoked, self._on_assigned)
            return
        self._consumer.assign(partitions)
        self._unplaced = frozenset(partitions)
        await self._settings.cluster.attempt(self._place)

    async def receive(self) -> Sequence[Delivered]:
        self.come_back()
        if self._is_member and anyio.current_time() - self._committed_at >= _COMMIT_SECONDS:
            await self.commit()
        while True:
            try:
                await self._place()
                is_warm = await self._pass_gaps()
                taken = await self._consumer.take(
                    max_records=self._settings.max_poll_records, timeout_seconds=0 if is_warm else _TAKE_SECONDS
                )
            except IllegalStateError:
                continue  # the group took a partition away meanwhile
            except KafkaError as error:
                if not error.retriable:
                    raise self._failure(error) from error
                await anyio.sleep(_RETRY_SECONDS)
                continue
            # Nothing waits from here on: what was taken is handed out.
            delivered = self._read(taken)
            if delivered or taken:
                self._tell_flowing()
            if delivered:
                return delivered
            await self._look_for_stall()

    def come_back(self) -> None:
        """Take it that the caller is done with all that was handed out."""
        self._done = dict(self._positions)

    async def commit(self) -> None:
        """Keep what the caller has come back from; not being able to now is no harm."""
        offsets = {
            partition: offset
            for partition, offset in self._done.items()
            if partition in self._consumer.assigned and self._committed.get(partition) != offset
        }
        self._committed_at = anyio.current_time()
        if not self._is_member or not offsets:
            return
        with anyio.move_on_after(_COMMIT_TIMEOUT_SECONDS, shield=True):
            try:
                await self._consumer.commit(offsets)
            except KafkaError as error:
                if isinstance(error, UNAUTHORIZED):
                    raise self._failure(error) from error
            else:
                self._committed |= offsets

    async def _on_revoked(self) -> None:
        try:
            await self.commit()
        except BrokerError as error:
            self._settings.telemetry.warn("the group's offsets can not be committed", problem=str(error))

    def _on_assigned(self, partitions: frozenset[int]) -> None:
        self._unplaced = partitions
        self._positions = {partition: at for partition, at in self._positions.items() if partition in partitions}
        self._done = {partition: at for partition, at in self._done.items() if partition in partitions}
        self._committed = {}
        self._warming = {}
        self._answered_at = anyio.current_time()
        self._settings.telemetry.note(
            "partitions of the group", topic=self._settings.topic, partitions=sorted(partitions)
        )

    async def _place(self) -> None:
        """Set where reading begins, of the partitions where it is not set yet."""
        while unplaced := self._unplaced:
            starts = await self._starts(unplaced)
            if unplaced is not self._unplaced:
                continue
            warm = self._settings.warm_records_per_partition
            beginnings = await self._consumer.beginnings(starts) if warm else {}
            for partition, (offset, is_warm) in starts.items():
                self._positions[partition] = offset
                back = max(beginnings[partition], offset - warm) if warm and is_warm else offset
                if back < offset:
                    self._warming[partition] = _Warming(offset)
                self._consumer.seek(partition, back)
            if unplaced is self._unplaced:
                self._unplaced = frozenset()

    async def _starts(self, partitions: frozenset[int]) -> Mapping[int, tuple[int, bool]]:
        """Find where each partition begins, and whether what is before shall be read back."""
        starts: dict[int, tuple[int, bool]] = {}
        if self._is_member:
            for partition in partitions:
                committed = await self._consumer.committed(partition)
                held = self._positions.get(partition)
                if committed is not None or held is not None:
                    # What we have handed out ourselves is not read again, unless another member went further.
                    starts[partition] = max(committed or 0, held or 0), held is None
        new = partitions - starts.keys()
        if new:
            match self._start.at:
                case "earliest":
                    offsets = await self._consumer.beginnings(new)
                case int(time):
                    offsets = await self._at_time(new, time // 1000)
                case _:
                    offsets = await self._consumer.ends(new)
            starts |= {partition: (offset, self._start.at == "latest") for partition, offset in offsets.items()}
        return starts

    async def _at_time(self, partitions: frozenset[int], time_ms: int) -> Mapping[int, int]:
        ends = await self._consumer.ends(partitions)
        beginnings = await self._consumer.beginnings(partitions)
        # Every record is younger than 1970: a broker that finds none (the embedded one) can not look up times.
        oldest = await self._consumer.at_time(partitions, 0)
        if any(oldest[each] is None and beginnings[each] < ends[each] for each in partitions):
            self._old = {each: (ends[each], time_ms) for each in partitions}
            return beginnings
        found = await self._consumer.at_time(partitions, time_ms)
        return {each: ends[each] if (at := found[each]) is None else at for each in partitions}

    def _read(self, taken: Mapping[int, Sequence[Message]]) -> list[Delivered]:
        delivered: list[Delivered] = []
        for partition, warming in tuple(self._warming.items()):
            if warming.until == _REACHED:
                delivered += self._warmed(partition)
        for partition, messages in taken.items():
            if partition in self._unplaced or partition not in self._positions or not messages:
                continue  # fetched before we said from where; it will be read from there
            rest = self._read_back(partition, messages) if partition in self._warming else messages
            if partition in self._warming and (rest or messages[-1].offset + 1 >= self._warming[partition].until):
                delivered += self._warmed(partition)
            delivered += self._decoded(partition, rest)
            self._positions[partition] = max(self._positions[partition], messages[-1].offset + 1)
        return delivered

    def _read_back(self, partition: int, messages: Sequence[Message]) -> Sequence[Message]:
        """Keep the newest of each key; give those from which on all are handed out."""
        warming = self._warming[partition]
        for index, message in enumerate(messages):
            if message.offset >= warming.until:
                return messages[index:]
            warming.newest[message.key] = message
        return ()

    def _warmed(self, partition: int) -> list[Delivered]:
        newest = self._warming.pop(partition).newest.values()
        return self._decoded(partition, sorted(newest, key=lambda message: message.offset))

    async def _pass_gaps(self) -> bool:
        """End reading back where the last offsets before its end hold no records; tell whether there is such a one."""
        for partition, warming in tuple(self._warming.items()):
            if await self._consumer.position(partition) >= warming.until:
                warming.until = _REACHED
        return any(warming.until == _REACHED for warming in self._warming.values())

    def _decoded(self, partition: int, messages: Iterable[Message]) -> list[Delivered]:
        delivered = []
        below, before_ms = self._old.get(partition, (0, 0))
        for message in messages:
            if message.offset < below and message.timestamp < before_ms:
                continue
            try:
                book = decode(message.value)
            except MalformedRecord as error:
                self._settings.telemetry.count("kafka_records_unreadable", partition=str(partition))
                self._settings.telemetry.warn(
                    "a record can not be read, skipping it",
                    topic=self._settings.topic,
                    partition=partition,
                    offset=message.offset,
                    problem=str(error),
                )
            else:
                delivered.append(Delivered(book, partition, message.offset, message.timestamp * 1000))
        return delivered

    async def _look_for_stall(self) -> None:
        """Tell once that no broker answers, and once that it does again; it is waited for without a bound."""
        settings, answered_ms = self._settings, self._consumer.last_answer_ms
        if answered_ms != self._answered_ms or not self._consumer.assigned:
            self._answered_ms = answered_ms
            self._tell_flowing()
        elif anyio.current_time() - self._answered_at >= _STALL_SECONDS and not self._is_stalled:
            self._is_stalled = True
            settings.telemetry.warn(
                "Kafka does not answer, waiting for it",
                brokers=settings.cluster.brokers,
                problem=await self._problem(),
            )

    def _tell_flowing(self) -> None:
        now = anyio.current_time()
        if self._is_stalled:
            self._settings.telemetry.note("Kafka answers again", seconds=round(now - self._answered_at, 1))
        self._answered_at, self._is_stalled = now, False

    async def _problem(self) -> str:
        try:
            if problem := await self._settings.cluster.problem():
                return problem
            is_there = await self._consumer.partitions() > 0
        except BrokerError as error:
            return str(error)
        except KafkaError as error:
            return explain(error)
        if not is_there:
            name = self._settings.topic
            raise BrokerError(
                f"topic {name} was deleted while it was read: start again when a producer has made it anew"
            )
        return "it answers, but gives no records"

    def _failure(self, error: KafkaError) -> BrokerError:
        settings, who = self._settings, self._settings.cluster.user
        match error:
            case TopicAuthorizationFailedError():
                what = f"does not allow {who} to read topic {settings.topic}: give it Read and Describe on the topic"
            case GroupAuthorizationFailedError():
                what = f"does not allow {who} to use the group: give it Read on the group (kafka.consumer.group)"
            case _:
                what = f"can not be read from ({explain(error)}): see the broker's log, then start again"
        return BrokerError(f"Kafka at {settings.cluster.brokers} {what}")

"""An open subscription: takes records, commits for the group, tells trouble."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import anyio
from aiokafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError

from market_data.adapters.kafka.client import UNAUTHORIZED, KafkaCluster, explain
from market_data.adapters.kafka.consumer import Consumer, Message
from market_data.adapters.kafka.failures import not_readable
from market_data.adapters.kafka.reading import Beginning, Reading, find_beginnings
from market_data.adapters.kafka.records import NAMELESS, name_of, read
from market_data.application.ports import Delivered, Start, Subscription, Telemetry
from market_data.domain.errors import AppError, BrokerError, MalformedRecord

__all__ = ["KafkaSubscription"]

_TAKE_SECONDS = 0.5
_PLACE_SECONDS = 5.0
_STALL_SECONDS = 5.0
_COMMIT_SECONDS = 1.0
_COMMIT_TIMEOUT_SECONDS = 2.0
_RETRY_SECONDS = 0.1
_MOST_NAMES = 1000
"""Of instruments with unreadable records; the others are counted together."""


class KafkaSubscription(Subscription):
    """What ``KafkaSubscriber`` opens, and promises."""

    def __init__(
        self,
        cluster: KafkaCluster,
        consumer: Consumer,
        start: Start,
        telemetry: Telemetry,
        *,
        is_member: bool,
        max_poll_records: int,
        warm_records: int,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._consumer = consumer
        self._start = start
        self._telemetry = telemetry
        self._is_member = is_member
        self._max_poll_records = max_poll_records
        self._warm_records = warm_records
        self._stall = stall_seconds
        self._readings: dict[int, Reading] = {}
        """By partition; only of these is handed out."""
        self._unplaced: frozenset[int] = frozenset()
        """Partitions that are ours, and not yet read from where they shall be."""
        self._held: dict[int, int] = {}
        """Where we were in the partitions that were ours before the group met last, and still are."""
        self._numbers: dict[int, int] = {}
        """Of the readings, by partition."""
        self._began = 0
        self._done: dict[int, int] = {}
        """Offset after the last record that the caller has come back from, by partition."""
        self._committed: dict[int, int] = {}
        self._committed_at = anyio.current_time()
        self._unreadable: Counter[str] = Counter()
        self._answered_ms = 0
        self._answered_at = anyio.current_time()
        self._is_stalled = False
        self._has_left = False

    @property
    def partitions(self) -> Collection[int]:
        return self._readings.keys() | self._unplaced

    @property
    def positions(self) -> Mapping[int, int]:
        return {partition: reading.position for partition, reading in self._readings.items()}

    @property
    def is_reading_back(self) -> bool:
        return any(reading.is_reading_back for reading in self._readings.values())

    @property
    def unreadable(self) -> Mapping[str, int]:
        return self._unreadable

    @property
    def behind(self) -> Collection[int]:
        return [partition for partition, reading in self._readings.items() if reading.is_behind]

    async def begin(self, partitions: Iterable[int]) -> None:
        """Join the group, or find where every partition begins.

        Raises:
            BrokerError: the broker does not say.
        """
        if self._is_member:
            self._consumer.subscribe(self._on_revoked, self._on_assigned)
            return
        self._unplaced = frozenset(partitions)
        self._consumer.assign(self._unplaced)
        await self._cluster.attempt(self._place)

    async def receive(self) -> Sequence[Delivered]:
        self.come_back()
        if anyio.current_time() - self._committed_at >= _COMMIT_SECONDS:
            await self.commit()
        try:
            with anyio.move_on_after(_PLACE_SECONDS) as placing:
                await self._place()
            if placing.cancelled_caught:
                await self._look_for_stall()
                return []
            if delivered := self._read_back(await self._passed()):
                return delivered
            taken = await self._consumer.take(max_records=self._max_poll_records, timeout_seconds=_TAKE_SECONDS)
            if not taken:
                await self._catch_up()
        except KafkaError as error:
            # An illegal state is a partition that the group took away meanwhile.
            if not error.retriable and not isinstance(error, (IllegalStateError, KafkaTimeoutError)):
                raise not_readable(self._cluster, self._consumer.topic, error) from error
            await anyio.sleep(_RETRY_SECONDS)
            await self._look_for_stall()
            return []
        # Nothing waits from here on: what was taken is handed out.
        for partition, messages in taken.items():
            # What has no reading was fetched before we said from where, and will be fetched again.
            if (reading := self._readings.get(partition)) is not None:
                delivered += self._decoded(partition, reading, reading.hand_out(messages))
        if taken:
            self._tell_flowing()
        if not delivered:
            await self._look_for_stall()
        return delivered

    def come_back(self) -> None:
        """Take it that the caller is done with all that was handed out."""
        self._done |= self.positions

    def end(self) -> None:
        """Take it that nothing more will be received; all was used, unless ``leave`` has said otherwise."""
        if not self._has_left:
            self.leave(())

    def leave(self, unused: Iterable[Delivered]) -> None:
        self._has_left = True
        self.come_back()
        for each in unused:
            if not each.is_read_back and each.partition in self._done:
                self._done[each.partition] = min(self._done[each.partition], each.offset)

    async def commit(self) -> None:
        """Keep for the group what the caller has come back from; not being able to now is no harm.

        Raises:
            BrokerError: it is not allowed.
        """
        ours = self._consumer.assigned
        offsets = {each: at for each, at in self._done.items() if each in ours and self._committed.get(each) != at}
        self._committed_at = anyio.current_time()
        if not self._is_member or not offsets:
            return
        with anyio.move_on_after(_COMMIT_TIMEOUT_SECONDS, shield=True):
            try:
                await self._consumer.commit(offsets)
            except KafkaError as error:
                if isinstance(error, UNAUTHORIZED):
                    raise not_readable(self._cluster, self._consumer.topic, error) from error
            else:
                self._committed |= offsets

    async def _on_revoked(self) -> None:
        try:
            await self.commit()
        except BrokerError as error:
            self._telemetry.warn("the group's offsets can not be committed", problem=str(error))

    def _on_assigned(self, partitions: frozenset[int]) -> None:
        # What was still being read back is read back again.
        placed = {each: reading.position for each, reading in self._readings.items() if not reading.is_reading_back}
        held = self._held | placed
        self._held = {each: at for each, at in held.items() if each in partitions}
        self._done = {each: at for each, at in self._done.items() if each in partitions}
        self._unplaced, self._readings, self._committed = partitions, {}, {}
        self._answered_at = anyio.current_time()
        numbers = ", ".join(map(str, sorted(partitions))) or "none"
        self._telemetry.note("the group shared out the partitions", topic=self._consumer.topic, ours=numbers)

    async def _place(self) -> None:
        """Find where reading begins, of the partitions where it is not known yet."""
        while unplaced := self._unplaced:
            beginnings = await self._resumed(unplaced) if self._is_member else {}
            fresh = unplaced - beginnings.keys()
            if fresh:
                beginnings |= await find_beginnings(self._consumer, fresh, self._start)
            ends = await self._consumer.ends(unplaced)
            oldest = await self._consumer.beginnings(unplaced) if self._warm_records else {}
            if unplaced is not self._unplaced:
                continue  # the group met again meanwhile
            for partition, beginning in beginnings.items():
                back = None
                if self._warm_records and beginning.is_warm:
                    back = max(oldest[partition], beginning.offset - self._warm_records)
                number = self._number(partition, beginning)
                reading = Reading(beginning, number, reads_back_from=back, behind_until=ends[partition])
                self._consumer.seek(partition, reading.seek_to)
                self._readings[partition] = reading
            self._unplaced = frozenset()
            if fresh and self._is_member:
                # Where the group has no offset yet, the next member would begin at another one.
                self._done |= {partition: beginnings[partition].offset for partition in fresh}
                await self.commit()

    def _number(self, partition: int, beginning: Beginning) -> int:
        if beginning.offset != self._held.get(partition):
            self._began += 1
            self._numbers[partition] = self._began
        return self._numbers[partition]

    async def _resumed(self, partitions: frozenset[int]) -> dict[int, Beginning]:
        beginnings = {}
        kept, ends = await self._consumer.committed(partitions), await self._consumer.ends(partitions)
        for partition in partitions:
            committed, held = kept[partition], self._held.get(partition)
            if committed is None and held is None:
                continue
            # What we have handed out ourselves is not handed out again, unless another member went further.
            offset = max(committed or 0, held or 0)
            if offset > ends[partition]:
                self._telemetry.warn(
                    "the group's offset is beyond the end of the partition, beginning anew",
                    topic=self._consumer.topic,
                    partition=partition,
                    offset=offset,
                    end=ends[partition],
                )
                continue
            beginnings[partition] = Beginning(offset, is_warm=held is None)
        return beginnings

    async def _catch_up(self) -> None:
        """Pass over offsets that hold no records, such as the marks of transactions, where nothing else comes."""
        for partition, reading in list(self._readings.items()):
            is_short = reading.position < reading.behind_until
            reading.catch_up(await self._consumer.position(partition) if is_short else reading.position)

    async def _passed(self) -> list[int]:
        """List the partitions where the last offsets that are read back hold no records, so that none ends it."""
        back = [partition for partition, reading in self._readings.items() if reading.is_reading_back]
        positions = {partition: await self._consumer.position(partition) for partition in back}
        return [
            partition
            for partition, position in positions.items()
            if (reading := self._readings.get(partition)) is not None and reading.has_passed(position)
        ]

    def _read_back(self, partitions: Iterable[int]) -> list[Delivered]:
        delivered: list[Delivered] = []
        for partition in partitions:
            reading = self._readings[partition]
            delivered += self._decoded(partition, reading, reading.end_reading_back())
        return delivered

    def _decoded(self, partition: int, reading: Reading, messages: Iterable[Message]) -> list[Delivered]:
        delivered = []
        for message in messages:
            try:
                book = read(message.key, message.value)
            except MalformedRecord as error:
                name = name_of(message.key)
                is_counted = name in self._unreadable or len(self._unreadable) < _MOST_NAMES
                self._unreadable[name if is_counted else NAMELESS] += 1
                self._telemetry.count("kafka_records_unreadable", partition=str(partition))
                self._telemetry.warn(
                    "a record can not be read, skipping it",
                    topic=self._consumer.topic,
                    partition=partition,
                    offset=message.offset,
                    problem=str(error),
                )
            else:
                delivered.append(
                    Delivered(
                        book,
                        partition,
                        message.offset,
                        message.timestamp * 1000,
                        reading.number,
                        message.offset < reading.begins_at,
                        message.offset < reading.behind_until,
                    )
                )
        return delivered

    async def _look_for_stall(self) -> None:
        """Tell once that no broker answers, and once that it does again; it is waited for without a bound."""
        answered_ms = self._consumer.last_answer_ms
        if answered_ms != self._answered_ms or not self._consumer.assigned:
            self._answered_ms = answered_ms
            self._tell_flowing()
        elif anyio.current_time() - self._answered_at >= self._stall and not self._is_stalled:
            problem = await self._problem()
            self._is_stalled = True
            self._telemetry.warn(
                "Kafka does not answer, waiting for it", brokers=self._cluster.brokers, problem=problem
            )

    def _tell_flowing(self) -> None:
        now = anyio.current_time()
        if self._is_stalled:
            self._telemetry.note("Kafka answers again", seconds=round(now - self._answered_at, 1))
        self._answered_at, self._is_stalled = now, False

    async def _problem(self) -> str:
        try:
            if problem := await self._cluster.problem():
                return problem
            is_there = await self._consumer.partitions() > 0
        except AppError as error:
            return str(error)
        except KafkaError as error:
            return explain(error)
        if not is_there:
            name = self._consumer.topic
            raise BrokerError(
                f"topic {name} was deleted while it was read: start again when a producer has made it anew"
            )
        return "it answers, but gives no records"

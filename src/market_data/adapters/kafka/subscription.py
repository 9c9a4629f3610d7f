"""An open subscription: takes records, commits for the group, tells trouble."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import anyio
import attrs
from aiokafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError

from market_data.adapters.kafka.client import UNAUTHORIZED, KafkaCluster
from market_data.adapters.kafka.consumer import Consumer, Message
from market_data.adapters.kafka.failures import not_readable
from market_data.adapters.kafka.reading import Beginning, Reading, find_beginnings
from market_data.adapters.kafka.records import read
from market_data.adapters.kafka.silence import BrokerSilence
from market_data.adapters.kafka.stamps import published_at
from market_data.adapters.kafka.unreadable import UnreadableRecords
from market_data.application.ports import Delivered, Start, Subscription, Telemetry, Trouble
from market_data.domain.errors import BrokerError, MalformedRecord

__all__ = ["KafkaSubscription"]

_TAKE_SECONDS = 0.5
_PLACE_SECONDS = 5.0
_STALL_SECONDS = 5.0
_COMMIT_SECONDS = 1.0
_COMMIT_TIMEOUT_SECONDS = 2.0
_RETRY_SECONDS = 0.1
_EARLIEST = Start("earliest")


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
        self._silence = BrokerSilence(cluster, consumer, telemetry, stall_seconds)
        self._count = 0
        """Partitions that the topic has."""
        self._seen: int | None = None
        """The same, as the cluster last said; 0: it is not there."""
        self._base = 0
        """The same, when reading began. What has a higher number came later, and is read from its first record."""
        self._ours: frozenset[int] = frozenset()
        """Partitions that were given to us last, while there is a topic."""
        self._is_anew = False
        """All that we know of places was in another topic of that name."""
        self._readings: dict[int, Reading] = {}
        """By partition; only of these is handed out."""
        self._unplaced: frozenset[int] = frozenset()
        """Partitions that are ours, and not yet read from where they shall be."""
        self._beginnings: dict[int, Beginning] = {}
        """Of the readings, by partition."""
        self._held: dict[int, Beginning] = {}
        """Where we were in the partitions that were ours before they were shared out last, and still are."""
        self._numbers: dict[int, int] = {}
        """Of the readings, by partition."""
        self._began = 0
        self._done: dict[int, int] = {}
        """Offset after the last record that the caller has come back from, by partition."""
        self._committed: dict[int, int] = {}
        self._committed_at = anyio.current_time()
        self._unreadable = UnreadableRecords(consumer.topic, telemetry)
        self._has_left = False

    @property
    def partitions(self) -> Collection[int]:
        return self._ours

    @property
    def positions(self) -> Mapping[int, int]:
        return {partition: reading.position for partition, reading in self._readings.items()}

    @property
    def is_reading_back(self) -> bool:
        return any(reading.is_reading_back for reading in self._readings.values())

    @property
    def unreadable(self) -> Mapping[str, int]:
        return self._unreadable.counts

    @property
    def behind(self) -> Collection[int]:
        return [partition for partition, reading in self._readings.items() if reading.is_behind]

    @property
    def lags(self) -> Mapping[int, int]:
        ends = {each: self._consumer.known_end(each) for each in self._readings}
        return {each: max(0, end - self._readings[each].position) for each, end in ends.items() if end is not None}

    @property
    def trouble(self) -> Trouble | None:
        return self._silence.trouble

    async def begin(self, partitions: Iterable[int]) -> None:
        """Join the group, or find where every partition begins.

        Raises:
            BrokerError: the broker does not say.
        """
        numbers = frozenset(partitions)
        self._count = self._base = len(numbers)
        self._consumer.watch(self._on_metadata)
        if self._is_member:
            self._consumer.subscribe(self._on_revoked, self._on_assigned)
            return
        self._ours = self._unplaced = numbers
        self._consumer.assign(self._unplaced)
        await self._cluster.attempt(self._place)

    async def receive(self) -> Sequence[Delivered]:
        self.come_back()
        if anyio.current_time() - self._committed_at >= _COMMIT_SECONDS:
            await self.commit()
        try:
            self._look_at_topic()
            with anyio.move_on_after(_PLACE_SECONDS) as placing:
                await self._place()
            if placing.cancelled_caught:
                await self._silence.look(is_topic_there=self._seen != 0)
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
            await self._silence.look(is_topic_there=self._seen != 0)
            return []
        if any(self._has_gone_back(partition, messages) for partition, messages in taken.items()):
            self._begin_anew()
            return []
        # Nothing waits from here on: what was taken is handed out.
        for partition, messages in taken.items():
            # What has no reading was fetched before we said from where, and will be fetched again.
            if (reading := self._readings.get(partition)) is not None:
                delivered += self._decoded(partition, reading, reading.hand_out(messages))
        if taken:
            self._silence.end()
        if not delivered:
            await self._silence.look(is_topic_there=self._seen != 0)
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
                await self._consumer.commit(offsets, self._base)
            except KafkaError as error:
                if isinstance(error, UNAUTHORIZED):
                    raise not_readable(self._cluster, self._consumer.topic, error) from error
            else:
                self._committed |= offsets

    async def _on_revoked(self) -> None:
        try:
            await self.commit()
        except BrokerError as error:
            self._telemetry.warn("the group's offsets cannot be committed", problem=str(error))

    def _on_assigned(self, partitions: frozenset[int]) -> None:
        self._share(partitions)
        numbers = ", ".join(map(str, sorted(partitions))) or "none"
        self._telemetry.note("the group shared out the partitions", topic=self._consumer.topic, ours=numbers)

    def _share(self, partitions: frozenset[int]) -> None:
        """Read these from now on: those that were ours go on where they were."""
        # What was still being read back is read back again.
        placed = {
            each: beginning
            if (reading := self._readings[each]).is_reading_back
            else attrs.evolve(beginning, offset=reading.position, is_warm=False)
            for each, beginning in self._beginnings.items()
        }
        self._held = {each: at for each, at in (self._held | placed).items() if each in partitions}
        self._done = {each: at for each, at in self._done.items() if each in partitions}
        self._unplaced, self._readings, self._beginnings, self._committed = partitions, {}, {}, {}
        if partitions:
            self._ours = partitions
        else:
            self._seen = None  # others have them, or there is no topic any more: the cluster will say
        self._silence.begin()

    # the topic as it is now

    def _on_metadata(self, partitions: int) -> None:
        self._seen = partitions

    def _look_at_topic(self) -> None:
        """Read all partitions that there are now; a group shares them out by itself."""
        seen = self._seen
        if seen and not (self._readings or self._unplaced):
            self._ours = frozenset()
        if seen is None or seen == self._count:
            return
        if seen < self._count:
            self._base = 0  # whatever is there later is another topic
        if seen:
            self._telemetry.note(
                "the topic has another number of partitions", topic=self._consumer.topic, before=self._count, now=seen
            )
        if seen and not self._is_member:
            partitions = frozenset(range(seen))
            self._consumer.assign(partitions)
            self._share(partitions)
            if self._silence.is_topic_gone:  # it may hold as much by now as the one before
                self._forget_places()
        if seen:
            self._silence.is_topic_gone = False
        self._count = seen

    def _has_gone_back(self, partition: int, messages: Sequence[Message]) -> bool:
        reading = self._readings.get(partition)
        if reading is None or reading.is_reading_back or not messages:
            return False
        return messages[0].offset < reading.position

    def _begin_anew(self) -> None:
        """Read all from the first record on: the topic was deleted and made anew."""
        self._share(frozenset(self._readings) | self._unplaced)
        self._forget_places()

    def _forget_places(self) -> None:
        """Begin every partition with its first record, whatever was read of the topic before."""
        self._telemetry.warn("the topic was made anew, reading all of it", topic=self._consumer.topic)
        self._base, self._is_anew, self._held, self._done = 0, True, {}, {}

    # where reading begins

    async def _place(self) -> None:
        """Find where reading begins, of the partitions where it is not known yet."""
        while unplaced := self._unplaced:
            beginnings = await self._resumed(unplaced)
            fresh = unplaced - beginnings.keys()
            later = frozenset(each for each in fresh if each >= self._base)
            if first := fresh - later:
                beginnings |= await find_beginnings(self._consumer, first, self._start)
            if later:
                start = self._start if isinstance(self._start.at, int) else _EARLIEST
                beginnings |= await find_beginnings(self._consumer, later, start)
            ends = await self._consumer.ends(unplaced)
            oldest = await self._consumer.beginnings(unplaced) if self._warm_records else {}
            if unplaced is not self._unplaced:
                continue  # they were shared out again meanwhile
            for partition, beginning in beginnings.items():
                back = None
                if self._warm_records and beginning.is_warm:
                    back = max(oldest[partition], beginning.offset - self._warm_records)
                number = self._number(partition, beginning)
                reading = Reading(beginning, number, reads_back_from=back, behind_until=ends[partition])
                self._consumer.seek(partition, reading.seek_to)
                self._readings[partition], self._beginnings[partition] = reading, beginning
            self._unplaced, self._is_anew = frozenset(), False
            if fresh and self._is_member:
                # Where the group has no offset yet, the next member would begin at another one.
                self._done |= {partition: beginnings[partition].offset for partition in fresh}
                await self.commit()

    def _number(self, partition: int, beginning: Beginning) -> int:
        if not self._is_member:
            return 1  # nobody else reads for us
        held = self._held.get(partition)
        if held is None or beginning.offset != held.offset:
            self._began += 1
            self._numbers[partition] = self._began
        return self._numbers[partition]

    async def _resumed(self, partitions: frozenset[int]) -> dict[int, Beginning]:
        """Find where the group or we were, of the partitions where either was."""
        if self._is_anew:
            return {}
        beginnings = dict(self._held)
        if self._is_member:
            # What the group has of others too says whether a partition without an offset is new.
            kept, base = await self._consumer.committed(partitions | frozenset(range(self._count)))
            if base is not None:
                self._base = min(base, self._base)
            for partition in partitions & kept.keys():
                held, offset = self._held.get(partition), kept[partition]
                # What we have handed out ourselves is not handed out again, unless another member went further.
                if held is None:
                    beginnings[partition] = Beginning(offset, is_warm=True)
                elif offset > held.offset:
                    beginnings[partition] = attrs.evolve(held, offset=offset)
        if not beginnings:
            return {}
        ends = await self._consumer.ends(beginnings)
        for partition, beginning in beginnings.items():
            if beginning.offset > ends[partition]:
                self._telemetry.warn(
                    "the topic ends before what was read of it, so it was made anew: reading all of it",
                    topic=self._consumer.topic,
                    partition=partition,
                    offset=beginning.offset,
                    end=ends[partition],
                )
                self._base, self._held = 0, {}
                return {}
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
        number, begins_at, behind_until = reading.number, reading.begins_at, reading.behind_until
        for message in messages:
            try:
                book = read(message.key, message.value)
            except MalformedRecord as error:
                self._unreadable.add(message, partition, error)
            else:
                offset = message.offset
                delivered.append(
                    Delivered(
                        book,
                        partition,
                        offset,
                        message.timestamp * 1000,
                        number,
                        offset < begins_at,
                        offset < behind_until,
                        published_at(message.headers),
                    )
                )
        return delivered

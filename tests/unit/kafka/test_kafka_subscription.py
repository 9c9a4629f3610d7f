"""How records are taken and committed, and what is told, when the client library has trouble."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import attrs
import pytest
from aiokafka import errors as kafka
from tests.contract.kafka.kafka_world import FakeTelemetry, book
from tests.support.waiting import until

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.consumer import Consumer, Message
from market_data.adapters.kafka.records import encode
from market_data.adapters.kafka.subscription import KafkaSubscription
from market_data.application.ports import Start
from market_data.domain.errors import BrokerError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

STALL_SECONDS = 0.2


@attrs.frozen
class FakeMessage:
    offset: int
    key: bytes | None = b"binance:A-USD"
    value: bytes | None = b""
    timestamp: int = 1
    headers: tuple[tuple[str, bytes | None], ...] = ()


class FakeConsumer(Consumer):
    """A topic of two partitions that gives what it is told to give."""

    def __init__(self, *, count: int = 2) -> None:
        self.topic = "books"
        self.given: deque[Mapping[int, Sequence[Message]] | Exception] = deque()
        self.count: int | Exception = count
        self.ours = frozenset({0, 1})
        self.starts = {0: 0, 1: 0}
        self.stops = {0: 10, 1: 10}
        self.kept: dict[int, int] = {}
        self.began_with: int | None = None
        self.tell: Callable[[int], None]
        self.asked_committed = 0
        self.commits: list[dict[int, int]] = []
        self.commit_errors: deque[Exception] = deque()
        self.sought: dict[int, int] = {}
        self.positions: dict[int, int] = {}
        self.answered_ms = 1
        self.revoke: Callable[[], Awaitable[None]]
        self.give: Callable[[frozenset[int]], None]
        self.on_committed: Callable[[], None] = lambda: None

    def assign(self, partitions: Iterable[int]) -> None:
        self.ours = frozenset(partitions)

    def subscribe(
        self, on_revoked: Callable[[], Awaitable[None]], on_assigned: Callable[[frozenset[int]], None]
    ) -> None:
        self.revoke, self.give = on_revoked, on_assigned

    async def partitions(self) -> int:
        if isinstance(self.count, Exception):
            raise self.count
        return self.count

    async def beginnings(self, partitions: Iterable[int]) -> Mapping[int, int]:
        return {each: self.starts[each] for each in partitions}

    async def ends(self, partitions: Iterable[int]) -> Mapping[int, int]:
        return {each: self.stops[each] for each in partitions}

    def watch(self, on_metadata: Callable[[int], None]) -> None:
        self.tell = on_metadata

    async def committed(self, partitions: Iterable[int]) -> tuple[Mapping[int, int], int | None]:
        self.asked_committed += 1
        self.on_committed()
        return {each: self.kept[each] for each in partitions if each in self.kept}, self.began_with

    async def commit(self, offsets: Mapping[int, int], partitions: int) -> None:
        self.began_with = partitions
        if self.commit_errors:
            raise self.commit_errors.popleft()
        self.kept |= offsets
        self.commits.append(dict(offsets))

    def seek(self, partition: int, offset: int) -> None:
        self.sought[partition] = self.positions[partition] = offset

    async def position(self, partition: int) -> int:
        return self.positions[partition]

    async def take(self, *, max_records: int, timeout_seconds: float) -> Mapping[int, Sequence[Message]]:
        assert max_records == 100
        await anyio.lowlevel.checkpoint()
        if not self.given:
            await anyio.sleep(min(timeout_seconds, STALL_SECONDS / 10))
            return {}
        given = self.given.popleft()
        if isinstance(given, Exception):
            raise given
        return given

    @property
    def assigned(self) -> frozenset[int]:
        return self.ours

    @property
    def last_answer_ms(self) -> int:
        return self.answered_ms


def record(number: int, offset: int | None = None) -> FakeMessage:
    return FakeMessage(number if offset is None else offset, value=encode(book("A-USD", number)))


@attrs.define
class Opened:
    subscription: KafkaSubscription
    consumer: FakeConsumer
    telemetry: FakeTelemetry

    async def receive(self) -> list[tuple[int, int]]:
        """Give partition and offset of what is handed out next."""
        with anyio.fail_after(5):
            while not (handed := await self.subscription.receive()):
                pass
            return [(one.partition, one.offset) for one in handed]

    async def receive_nothing(self) -> None:
        assert not await self.subscription.receive()

    async def idle(self, seconds: float) -> None:
        """Let time pass in which nothing is handed out."""
        until = anyio.current_time() + seconds
        while anyio.current_time() < until:
            assert not await self.subscription.receive()


@asynccontextmanager
async def opened(
    *,
    start: str = "earliest",
    group: bool = False,
    warm: int = 0,
    consumer: FakeConsumer | None = None,
    partitions: int = 2,
) -> AsyncIterator[Opened]:
    consumer, telemetry = consumer or FakeConsumer(), FakeTelemetry()
    subscription = KafkaSubscription(
        KafkaCluster("127.0.0.1:1", request_timeout_seconds=0.2),
        consumer,
        Start(start),
        telemetry,
        is_member=group,
        max_poll_records=100,
        warm_records=warm,
        stall_seconds=STALL_SECONDS,
    )
    await subscription.begin(range(partitions))
    if group and partitions == 2:
        consumer.give(frozenset({0, 1}))
    yield Opened(subscription, consumer, telemetry)


@pytest.mark.parametrize("start", ["earliest", "latest"])
async def test_every_partition_is_placed_before_anything_is_read(start: str) -> None:
    async with opened(start=start) as world:
        assert world.consumer.sought == ({0: 0, 1: 0} if start == "earliest" else {0: 10, 1: 10})


async def test_trouble_that_passes_is_waited_out() -> None:
    async with opened() as world:
        world.consumer.given.extend([kafka.KafkaConnectionError(), kafka.IllegalStateError(), {0: [record(0)]}])
        assert await world.receive() == [(0, 0)]
        assert not world.telemetry.warnings


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (kafka.TopicAuthorizationFailedError("books"), "does not allow this user to read topic books: give it Read"),
        (kafka.GroupAuthorizationFailedError("g"), "does not allow this user to use the group: give it Read"),
        (kafka.CorruptRecordException("Invalid CRC"), r"cannot be read from .CorruptRecordException: Invalid CRC"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_trouble_that_stays_is_told_in_one_line(error: Exception, words: str) -> None:
    async with opened() as world:
        world.consumer.given.append(error)
        with pytest.raises(BrokerError, match=words) as caught:
            await world.receive()
        assert "\n" not in str(caught.value)


async def test_reading_back_ends_where_the_last_offsets_hold_no_records() -> None:
    async with opened(start="latest", warm=5) as world:
        assert world.consumer.sought == {0: 5, 1: 5}
        world.consumer.given.append({0: [record(5), record(6)]})
        world.consumer.positions = {0: 7, 1: 5}
        await world.idle(0.1)
        world.consumer.positions = {0: 10, 1: 10}
        assert await world.receive() == [(0, 6)]
        world.consumer.given.append({0: [record(10)], 1: [record(10)]})
        assert await world.receive() == [(0, 10), (1, 10)]


async def test_offsets_at_the_end_that_hold_no_records_are_passed_over() -> None:
    async with opened(start="earliest") as world:
        world.consumer.given.append({0: [record(0), record(8)], 1: [record(9)]})
        world.consumer.positions = {0: 9, 1: 10}
        await world.receive()
        assert world.subscription.positions == {0: 9, 1: 10}
        await world.idle(0.1)
        assert world.subscription.positions == {0: 9, 1: 10}
        assert not world.subscription.behind
        world.consumer.positions = {0: 10, 1: 10}
        await world.idle(0.1)
        assert world.subscription.positions == {0: 10, 1: 10}


async def test_a_group_keeps_what_the_caller_has_come_back_from_and_no_more() -> None:
    async with opened(group=True) as world:
        world.consumer.given.extend([{0: [record(0), record(1)]}, {0: [record(2)]}])
        await world.receive()
        await world.subscription.commit()
        assert world.consumer.kept == {0: 0, 1: 0}
        await world.receive()
        await world.subscription.commit()
        assert world.consumer.kept == {0: 2, 1: 0}
        await world.consumer.revoke()
        assert world.consumer.kept == {0: 2, 1: 0}
        world.subscription.come_back()
        await world.subscription.commit()
        assert world.consumer.kept == {0: 3, 1: 0}


async def test_offsets_are_kept_every_second() -> None:
    async with opened(group=True) as world:
        world.consumer.given.extend([{0: [record(0)]}, {0: [record(1)]}])
        await world.receive()
        world.subscription._committed_at -= 1
        await world.receive()
        assert world.consumer.kept[0] == 1


async def test_a_commit_that_fails_is_no_harm_unless_it_is_not_allowed() -> None:
    async with opened(group=True) as world:
        world.consumer.given.append({0: [record(0)]})
        await world.receive()
        world.subscription.come_back()
        world.consumer.commit_errors.append(kafka.RebalanceInProgressError())
        await world.subscription.commit()
        world.consumer.commit_errors.append(kafka.GroupAuthorizationFailedError("g"))
        with pytest.raises(BrokerError, match="use the group"):
            await world.subscription.commit()
        world.consumer.commit_errors.append(kafka.GroupAuthorizationFailedError("g"))
        await world.consumer.revoke()
        assert len(world.telemetry.warned("the group's offsets cannot be committed")) == 1
        await world.subscription.commit()
        assert world.consumer.kept[0] == 1


async def test_a_partition_that_stays_ours_goes_on_where_it_was() -> None:
    async with opened(group=True) as world:
        world.consumer.given.append({0: [record(0), record(1)], 1: [record(0)]})
        await world.receive()
        world.consumer.kept = {0: 0, 1: 0}
        world.consumer.give(frozenset({0}))
        # What the library fetched from elsewhere before we said from where is not handed out.
        world.consumer.given.extend([{1: [record(7)]}, {0: [record(2)]}])
        assert await world.receive() == [(0, 2)]
        assert world.consumer.sought[0] == 2


async def test_a_partition_where_another_member_went_further_goes_on_from_there() -> None:
    async with opened(group=True) as world:
        world.consumer.given.append({0: [record(0)]})
        await world.receive()
        world.consumer.kept = {0: 8, 1: 0}
        world.consumer.give(frozenset({0, 1}))
        world.consumer.given.append({0: [record(8)]})
        assert await world.receive() == [(0, 8)]
        assert world.consumer.sought[0] == 8


async def test_what_is_committed_is_asked_for_all_partitions_at_once() -> None:
    async with opened(group=True) as world:
        world.consumer.given.append({0: [record(0)]})
        await world.receive()
        assert world.consumer.asked_committed == 1


async def test_an_offset_beyond_the_end_is_told_and_reading_begins_anew() -> None:
    consumer = FakeConsumer()
    consumer.kept = {0: 5000, 1: 10}
    async with opened(group=True, warm=100, consumer=consumer) as world:
        consumer.given.append({0: [record(0)]})
        assert await world.receive() == [(0, 0)]
        assert consumer.sought[0] == 0
        ((_, fields),) = world.telemetry.warnings
        assert (fields["partition"], fields["offset"], fields["end"]) == (0, 5000, 10)
        assert consumer.sought[1] == 0, "where one ends before what was read, all are others"


async def test_what_was_being_read_back_when_the_group_met_is_read_back_again() -> None:
    consumer = FakeConsumer()
    consumer.kept = {0: 10, 1: 10}
    async with opened(group=True, warm=5, consumer=consumer) as world:
        consumer.given.append({0: [record(5), record(6)]})
        await world.idle(0.05)
        consumer.give(frozenset({0}))
        consumer.given.append({0: [record(5), record(6), record(7), record(9), record(10)]})
        assert await world.receive() == [(0, 9), (0, 10)]


async def test_what_was_there_before_reading_began_is_said_to_be_past_until_all_of_it_is_read() -> None:
    async with opened() as world:
        world.consumer.given.extend([{0: [record(0), record(8)]}, {0: [record(9), record(10)]}])
        first = await world.subscription.receive()
        assert [one.is_past for one in first] == [True, True]
        assert set(world.subscription.behind) == {0, 1}
        second = await world.subscription.receive()
        assert [one.is_past for one in second] == [True, False]
        assert set(world.subscription.behind) == {1}
        await world.idle(0.05)
        assert not world.subscription.behind, "the last offsets of the other hold no records"


async def test_a_group_that_meets_again_while_partitions_are_placed_is_placed_anew() -> None:
    async with opened(group=True) as world:
        meetings = [frozenset({1})]

        def meet() -> None:
            if meetings:
                world.consumer.ours = meetings[0]
                world.consumer.give(meetings.pop())

        world.consumer.on_committed = meet
        world.consumer.given.append({0: [record(0)], 1: [record(0)]})
        assert await world.receive() == [(1, 0)]
        assert world.consumer.sought == {1: 0}


async def test_a_stall_is_told_once_and_once_that_it_is_over() -> None:
    async with opened() as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.receive)
        await anyio.sleep(3 * STALL_SECONDS)
        ((message, fields),) = world.telemetry.warnings
        assert message == "Kafka does not answer, waiting for it"
        assert fields == {"brokers": "127.0.0.1:1", "problem": "connection refused"}
        world.consumer.answered_ms += 1
        await anyio.sleep(STALL_SECONDS)
        ((message, _),) = world.telemetry.notes
        assert message == "Kafka answers again"
        world.consumer.given.append({0: [record(0)]})


async def test_a_member_without_partitions_has_no_stall() -> None:
    async with opened(group=True) as world:
        world.consumer.ours = frozenset()
        world.consumer.give(frozenset())
        await world.idle(2 * STALL_SECONDS)
        assert not world.telemetry.warnings
        assert world.telemetry.notes[-1][1]["ours"] == "none"


class AnsweringCluster(KafkaCluster):
    """A cluster that answers, whatever the consumer meets."""

    async def problem(self) -> str | None:
        return None


@pytest.mark.parametrize(
    ("count", "problem"),
    [
        pytest.param(2, "it answers, but gives no records", id="topic there"),
        pytest.param(kafka.KafkaConnectionError("lost"), "KafkaConnection: lost", id="not known"),
    ],
)
async def test_a_stall_with_a_broker_that_answers_is_told_as_such(count: int | Exception, problem: str) -> None:
    async with opened() as world:
        world.consumer.count = count
        world.subscription._silence._cluster = AnsweringCluster("127.0.0.1:1")
        await world.idle(2 * STALL_SECONDS)
        assert world.telemetry.warnings[0][1]["problem"] == problem


@attrs.define(eq=False)
class HangingCluster(KafkaCluster):
    """One whose broker takes its time, and says nothing."""

    answers: anyio.Event = attrs.field(factory=anyio.Event)

    async def problem(self) -> str | None:
        await self.answers.wait()
        return "no answer within 5 s"


async def test_a_broker_that_hangs_is_in_trouble_before_it_was_given_its_time() -> None:
    async with opened() as world, anyio.create_task_group() as tasks:
        world.subscription._silence._cluster = cluster = HangingCluster("127.0.0.1:1")
        tasks.start_soon(world.idle, 2 * STALL_SECONDS)
        await until(lambda: world.subscription.trouble is not None)
        assert world.subscription.trouble is not None
        assert world.subscription.trouble.what == "broker unreachable"
        assert world.telemetry.warnings == []
        cluster.answers.set()
        await until(lambda: world.telemetry.warnings)
        assert world.telemetry.warnings[0][1]["problem"] == "no answer within 5 s"
        tasks.cancel_scope.cancel()


async def test_who_gives_up_waiting_while_it_is_looked_at_finds_out_later() -> None:
    async with opened() as world:
        world.subscription._silence._cluster = HangingCluster("127.0.0.1:1")
        with anyio.move_on_after(2 * STALL_SECONDS):
            await world.idle(60)
        assert world.subscription.trouble is None
        world.consumer.count = 0
        world.subscription._silence._cluster = AnsweringCluster("127.0.0.1:1")
        await world.idle(2 * STALL_SECONDS)
        assert world.subscription.trouble is not None
        assert world.subscription.trouble.what == "topic deleted"


@pytest.mark.parametrize("end", [3, 11, 900], ids=["shorter than before", "as long", "longer"])
async def test_a_topic_that_was_deleted_is_waited_for_and_read_from_its_first_record(end: int) -> None:
    async with opened(start="latest") as world:
        world.consumer.given.append({0: [record(10)]})
        await world.receive()
        world.consumer.count = 0
        world.subscription._silence._cluster = AnsweringCluster("127.0.0.1:1")
        world.consumer.tell(0)
        await world.idle(2 * STALL_SECONDS)
        ((message, fields),) = world.telemetry.warnings
        assert message == "the topic was deleted, waiting for a producer to make it anew"
        assert fields["problem"] == "topic books is not there any more"
        assert world.subscription.trouble is not None
        assert world.subscription.trouble.what == "topic deleted"
        assert world.subscription.trouble.seconds >= STALL_SECONDS
        world.consumer.stops = {0: end, 1: 20}
        world.consumer.tell(2)
        world.consumer.given.append({0: [record(0)], 1: [record(0)]})
        assert await world.receive() == [(0, 0), (1, 0)]
        assert world.consumer.sought == {0: 0, 1: 0}
        assert world.subscription.trouble is None
        assert len(world.telemetry.warned("the topic was made anew, reading all of it")) == 1


@pytest.mark.parametrize("group", [False, True], ids=["alone", "member"])
async def test_records_from_before_where_we_were_show_another_topic(group: bool) -> None:  # noqa: FBT001
    """It was deleted and made anew between two requests, so that the library went back to its first record."""
    async with opened(group=group) as world:
        world.consumer.given.extend([{0: [record(0), record(7)], 1: [record(3)]}, {0: [record(0), record(1)]}])
        await world.receive()
        world.consumer.given.append({0: [record(0), record(1)], 1: [record(0)]})
        assert await world.receive() == [(0, 0), (0, 1), (1, 0)]
        assert world.subscription.positions == {0: 2, 1: 1}
        assert len(world.telemetry.warned("the topic was made anew, reading all of it")) == 1
        if group:
            await world.receive_nothing()
            await world.subscription.commit()
            assert world.consumer.kept == {0: 2, 1: 1}


@pytest.mark.parametrize("start", ["earliest", "latest"])
async def test_partitions_that_come_later_are_read_from_their_first_record(start: str) -> None:
    async with opened(start=start) as world:
        world.consumer.given.append({0: [record(10)]})
        await world.receive()
        world.consumer.starts |= {2: 0, 3: 0}
        world.consumer.stops |= {0: 11, 2: 5, 3: 0}
        world.consumer.tell(4)
        world.consumer.given.append({0: [record(11)], 2: [record(0)]})
        assert await world.receive() == [(0, 11), (2, 0)]
        assert world.consumer.ours == frozenset(range(4))
        assert world.consumer.sought == {0: 11, 1: 0 if start == "earliest" else 10, 2: 0, 3: 0}


async def test_what_is_read_back_when_partitions_come_later_is_read_back_again() -> None:
    async with opened(start="latest", warm=5) as world:
        world.consumer.given.append({0: [record(5)]})
        await world.idle(0.05)
        world.consumer.starts[2], world.consumer.stops = 0, {0: 15, 1: 10, 2: 5}
        world.consumer.tell(3)
        world.consumer.given.append({0: [record(number) for number in range(5, 12)], 2: [record(0)]})
        assert await world.receive() == [(0, 9), (0, 10), (0, 11), (2, 0)]


@pytest.mark.parametrize("was_there_before", [True, False])
async def test_a_member_reads_partitions_that_came_after_its_group_from_their_first_record(
    was_there_before: bool,  # noqa: FBT001
) -> None:
    """A member that joins later knows by what the group has committed how many there were."""
    consumer = FakeConsumer()
    consumer.starts |= {2: 0, 3: 0}
    consumer.stops |= {2: 5, 3: 5}
    if not was_there_before:
        consumer.kept, consumer.began_with = {0: 10, 1: 10}, 2
    async with opened(start="latest", group=True, consumer=consumer, partitions=2 if was_there_before else 4) as world:
        if was_there_before:
            consumer.given.append({0: [record(10)]})
            await world.receive()
        consumer.give(frozenset({1, 2, 3}))
        consumer.given.append({2: [record(0)]})
        assert await world.receive() == [(2, 0)]
        assert (consumer.sought[1], consumer.sought[2], consumer.sought[3]) == (10, 0, 0)
        assert consumer.began_with == 2


async def test_two_first_members_of_a_group_both_begin_where_they_shall() -> None:
    """The other one has committed its own partitions already, of as many as there are now."""
    consumer = FakeConsumer()
    consumer.starts |= {2: 0, 3: 0}
    consumer.stops |= {2: 5, 3: 5}
    consumer.kept, consumer.began_with = {0: 10, 1: 10}, 4
    async with opened(start="latest", group=True, consumer=consumer, partitions=4) as world:
        consumer.give(frozenset({2, 3}))
        consumer.given.append({2: [record(5)]})
        assert await world.receive() == [(2, 5)]
        assert (consumer.sought[2], consumer.sought[3]) == (5, 5)


async def test_the_time_of_publishing_is_the_producers_where_it_is_told() -> None:
    async with opened() as world:
        value = encode(book("A-USD", 0))
        theirs = FakeMessage(0, value=value, headers=(("published_at", b"1723075200123456"),))
        absurd = FakeMessage(1, value=value, headers=(("published_at", b"9" * 5000),))
        world.consumer.given.append({0: [theirs, absurd, FakeMessage(2, value=value)]})
        delivered = await world.subscription.receive()
        assert [one.published_at for one in delivered] == [1723075200123456, 1000, 1000]
        assert [one.timestamp for one in delivered] == [1000, 1000, 1000]


async def test_a_member_whose_topic_is_gone_keeps_its_partitions_until_others_may_have_them() -> None:
    """What was shown of them falls silent, and is not left as it was."""
    async with opened(group=True) as world:
        await world.receive_nothing()
        world.consumer.count = 0
        world.subscription._silence._cluster = AnsweringCluster("127.0.0.1:1")
        world.consumer.ours = frozenset()
        world.consumer.give(frozenset())
        await world.receive_nothing()
        assert world.subscription.partitions == {0, 1}
        world.consumer.tell(0)
        await world.idle(2 * STALL_SECONDS)
        assert world.subscription.partitions == {0, 1}
        assert len(world.telemetry.warned("the topic was deleted, waiting for a producer to make it anew")) == 1
        world.consumer.tell(2)
        await world.receive_nothing()
        assert world.subscription.partitions == frozenset()
        assert world.subscription.trouble is None

"""A topic that changes while it is written and read: more partitions, another of its name, smaller messages, aborts."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import attrs
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from tests.contract.kafka.kafka_world import FakeTelemetry, SystemClock, World, book, publish, read, sequences

from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.probe import KafkaProbe
from market_data.adapters.kafka.records import encode
from market_data.application.ports import Clock, Delivered, Start
from market_data.application.proven import ProvenSubscription
from market_data.domain.errors import DeliveryFailed, MessageTooLarge
from market_data.domain.moment import Moment

pytestmark = [pytest.mark.anyio, pytest.mark.broker, pytest.mark.timeout(120)]

SYMBOLS = [f"S{number}-USD" for number in range(20)]
EARLIEST, LATEST = Start("earliest"), Start("latest")
FIRST_RUN, SECOND_RUN = "20240808T000000.000000Z-1f2e3d", "20240809T000000.000000Z-4a5b6c"
HOUR = 3_600_000_000


async def administer(world: World, step: Callable[[AdminClient], object]) -> None:
    """Change the topic by other means than our own."""
    await anyio.to_thread.run_sync(lambda: step(AdminClient({"bootstrap.servers": world.cluster.brokers})))


async def grow(world: World, partitions: int) -> None:
    await administer(
        world, lambda admin: admin.create_partitions([NewPartitions(world.topic, partitions)])[world.topic].result(20)
    )
    world.partitions = partitions


async def delete(world: World) -> None:
    await administer(world, lambda admin: admin.delete_topics([world.topic])[world.topic].result(20))


async def make(world: World, **config: str) -> None:
    new = NewTopic(world.topic, world.partitions, 1, config=config)
    await administer(world, lambda admin: admin.create_topics([new])[world.topic].result(20))


async def configure(world: World, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, world.topic, incremental_configs=[entry])
    await administer(world, lambda admin: admin.incremental_alter_configs([resource])[resource].result(20))


async def publish_run(world: World, run: str, count: int) -> None:
    """Publish the first records of each symbol of a run, as a producer of its own."""
    async with world.publisher(telemetry=FakeTelemetry()).open() as publication:
        for number in range(count):
            await publication.publish([book(symbol, number, run=run) for symbol in SYMBOLS])
        await publication.flush()


def of_run(delivered: Sequence[Delivered], run: str) -> dict[str, list[int]]:
    return sequences([one for one in delivered if one.book.run == run])


@attrs.define
class Members:
    """Readers, each with what it got."""

    got: list[list[Delivered]] = attrs.field(factory=list)

    @property
    def all(self) -> list[Delivered]:
        return [one for got in self.got for one in got]

    def seen(self, run: str) -> dict[str, set[int]]:
        return {symbol: set(numbers) for symbol, numbers in of_run(self.all, run).items()}


@asynccontextmanager
async def members(world: World, count: int, group: str | None, start: Start = LATEST) -> AsyncIterator[Members]:
    """Read with so many, and wait until each partition is read by one."""
    readers, ours = Members(), [0] * count

    async def member(me: int, got: list[Delivered]) -> None:
        async with world.subscriber().open(start, group) as subscription:
            reader = ProvenSubscription(subscription, None, world.telemetry)
            while True:
                got += await reader.receive()
                ours[me] = len(subscription.positions)
                assert reader.proof.is_proven

    async with anyio.create_task_group() as tasks:
        for me in range(count):
            readers.got.append([])
            tasks.start_soon(member, me, readers.got[-1])
        await until(lambda: sum(ours) == (world.partitions if group else count * world.partitions) and all(ours))
        yield readers
        tasks.cancel_scope.cancel()


async def until(is_so: Callable[[], object], seconds: float = 60) -> None:
    with anyio.fail_after(seconds):
        while not is_so():  # noqa: ASYNC110
            await anyio.sleep(0.05)


WHOLE = {symbol: set(range(3)) for symbol in SYMBOLS}


@pytest.mark.parametrize("group", [False, True], ids=["alone", "members"])
async def test_partitions_that_are_added_while_it_is_read_are_read_from_their_first_record(
    broker_world: World,
    group: bool,  # noqa: FBT001
) -> None:
    """The producer is started anew with the new number, and has published before any reader knows of it."""
    world = broker_world
    await publish_run(world, FIRST_RUN, 3)
    async with members(world, 2 if group else 1, world.topic if group else None) as readers:
        await grow(world, 8)
        await publish_run(world, SECOND_RUN, 3)
        await until(lambda: readers.seen(SECOND_RUN) == WHOLE)
        assert {one.partition for one in readers.all} == {
            partition_of(f"binance:{symbol}".encode(), 8) for symbol in SYMBOLS
        }


async def test_a_member_that_joins_after_partitions_were_added_reads_them_from_their_first_record(
    broker_world: World,
) -> None:
    world = broker_world
    await publish_run(world, FIRST_RUN, 3)
    async with members(world, 1, world.topic):
        pass
    await grow(world, 8)
    await publish_run(world, SECOND_RUN, 3)
    async with members(world, 1, world.topic) as readers:
        await until(lambda: readers.seen(SECOND_RUN) == WHOLE)


@pytest.mark.parametrize("group", [False, True], ids=["alone", "members"])
@pytest.mark.parametrize("away", [0.0, 8.0], ids=["at once", "later"])
async def test_a_topic_that_is_deleted_and_made_anew_is_read_on_from_its_first_record(
    broker_world: World,
    group: bool,  # noqa: FBT001
    away: float,
) -> None:
    world = broker_world
    await publish_run(world, FIRST_RUN, 30)
    async with members(world, 2 if group else 1, world.topic if group else None, EARLIEST) as readers:
        await until(lambda: len(readers.all) >= 30 * len(SYMBOLS))
        await delete(world)
        await anyio.sleep(away)
        await make(world)
        await publish_run(world, SECOND_RUN, 3)
        await until(lambda: readers.seen(SECOND_RUN) == WHOLE)
        if away and not group:
            assert len(world.telemetry.warned("the topic was deleted, waiting")) == 1


async def test_a_reader_does_not_make_the_topic_that_was_deleted(broker_world: World) -> None:
    """Nor does it let the broker, which would make it with another number of partitions."""
    await publish_run(broker_world, FIRST_RUN, 1)
    async with members(broker_world, 1, None) as readers:
        await delete(broker_world)
        await until(lambda: broker_world.telemetry.warned("the topic was deleted, waiting"))
        assert (await KafkaProbe(broker_world.cluster, broker_world.topic).look()).partitions == 0
        assert not readers.seen(SECOND_RUN)


async def test_a_topic_that_takes_smaller_messages_than_before_gets_smaller_batches(broker_world: World) -> None:
    async with broker_world.publisher(compression="none").open() as publication:
        await publish(publication, SYMBOLS, range(3))
        await configure(broker_world, "max.message.bytes", "6000")
        await publication.publish([book(symbol, number) for number in range(3, 40) for symbol in SYMBOLS])
        await publication.flush()
        await publish(publication, SYMBOLS, range(40, 45))
        await configure(broker_world, "max.message.bytes", "1000")
        with pytest.raises(MessageTooLarge, match=r"refuses \d{4} bytes as too large"):
            await publish(publication, SYMBOLS, range(45, 46))
    async with broker_world.subscriber().open(EARLIEST, None) as subscription:
        delivered = await read(subscription, 45 * len(SYMBOLS))
    assert sequences(delivered) == {symbol: list(range(45)) for symbol in SYMBOLS}
    assert broker_world.telemetry.warned("the topic takes smaller messages than before")


@pytest.mark.parametrize("start", [EARLIEST, LATEST], ids=["earliest", "latest, warm"])
async def test_what_a_producer_took_back_is_not_shown_and_leaves_no_hole(broker_world: World, start: Start) -> None:
    """Marks of transactions take offsets, and stand last in some partitions."""
    world = broker_world
    await make(world)

    def transact() -> None:
        foreign = Producer({"bootstrap.servers": world.cluster.brokers, "transactional.id": world.topic})
        foreign.init_transactions(20)
        for number, is_kept in enumerate((True, False, True, False)):
            foreign.begin_transaction()
            for symbol in SYMBOLS:
                one = book(symbol, number // 2 if is_kept else 100 + number)
                partition = partition_of(one.key.encode(), world.partitions)
                foreign.produce(world.topic, encode(one), one.key.encode(), partition)
            foreign.flush(20)
            if is_kept:
                foreign.commit_transaction(20)
            else:
                foreign.abort_transaction(20)

    await anyio.to_thread.run_sync(transact)
    ends = (await KafkaProbe(world.cluster, world.topic).look()).ends
    reader = world.subscriber(warm_records_per_partition=1000)
    async with reader.open(start, None) as subscription:
        proven = ProvenSubscription(subscription, None, world.telemetry)
        delivered: list[Delivered] = []
        with anyio.fail_after(20):
            while subscription.positions != ends or subscription.behind or not delivered:
                delivered += await proven.receive()
    numbers = [0, 1] if start is EARLIEST else [1]
    assert sequences(delivered) == dict.fromkeys(SYMBOLS, numbers)
    assert proven.proof.is_proven


@attrs.frozen
class WrongClock(Clock):
    """A clock that is so much ahead, in µs."""

    ahead: int

    def now(self) -> Moment:
        right = SystemClock().now()
        return Moment(right.wall + self.ahead, right.mono)


async def test_check_is_told_the_clocks_of_the_newest_record(broker_world: World) -> None:
    async with broker_world.publisher(clock=WrongClock(2 * HOUR)).open() as publication:
        await publish(publication, SYMBOLS, range(2))
    newest = (await KafkaProbe(broker_world.cluster, broker_world.topic).look()).newest
    assert newest is not None
    assert newest.published is not None
    assert abs(newest.appended - SystemClock().now().wall) < 60_000_000
    assert abs(newest.published - newest.appended - 2 * HOUR) < 5_000_000


@pytest.mark.parametrize(("hours", "which"), [(2, "ahead"), (-30, "behind")])
async def test_a_producer_whose_clock_is_wrong_loses_nothing_and_is_told(
    broker_world: World, hours: int, which: str
) -> None:
    world = broker_world
    began = SystemClock().now().wall
    async with world.publisher(clock=WrongClock(hours * HOUR)).open() as publication:
        await publish(publication, SYMBOLS, range(3))
    ((message, fields),) = world.telemetry.warnings
    assert message == "this machine's clock and the Kafka broker's differ: set both by NTP"
    assert fields["which"] == f"ours is {which}"
    assert abs(float(str(fields["seconds"])) - abs(hours) * 3600) < 5
    # Retention and --from go by the broker's clock, and the producer's word is kept beside it.
    async with world.subscriber().open(Start(began - 5_000_000), None) as subscription:
        delivered = await read(subscription, 3 * len(SYMBOLS))
    assert sequences(delivered) == {symbol: [0, 1, 2] for symbol in SYMBOLS}
    assert all(abs(one.timestamp - began) < 60_000_000 for one in delivered)
    assert all(abs(one.published_at - began - hours * HOUR) < 60_000_000 for one in delivered)


async def test_a_topic_that_keeps_the_producers_time_is_told_and_a_refusal_names_the_clock(
    broker_world: World,
) -> None:
    """Whoever made the topic decided so: Kafka's default."""
    world = broker_world
    await make(world)
    async with world.publisher(clock=WrongClock(2 * HOUR)).open() as publication:
        with pytest.raises(DeliveryFailed, match=r"this machine's clock .* too far from the broker's: set both .* NTP"):
            await publish(publication, SYMBOLS, range(1))
    told = world.telemetry.warned("the topic keeps the time of the producer's clock")
    assert [(fields["expected"], fields["received"]) for fields in told] == [("LogAppendTime", "CreateTime")]

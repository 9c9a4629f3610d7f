"""A real broker that crashes, hangs, is absent, or refuses: what is ridden out, and what is told at the end."""

from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from aiokafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from tests.contract.kafka.kafka_world import FakeTelemetry, World, book, publish, read, sequences
from tests.support.brokers import ProcessBroker

from market_data.adapters.kafka.publication import KafkaPublication
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.application.ports import Publication, Start
from market_data.domain.errors import BrokerError, BrokerUnavailable, DeliveryFailed

pytestmark = [pytest.mark.anyio, pytest.mark.broker, pytest.mark.timeout(120)]

SYMBOLS = [f"S{number}-USD" for number in range(20)]
EARLIEST = Start("earliest")


async def make_topic(world: World, **config: str) -> None:
    """Make the topic by other means than our own."""

    def make() -> None:
        admin = AdminClient({"bootstrap.servers": world.cluster.brokers})
        admin.create_topics([NewTopic(world.topic, world.partitions, 1, config=config)])[world.topic].result(20)

    await anyio.to_thread.run_sync(make)


async def delete_topic(world: World) -> None:
    """Delete the topic, by other means than our own."""

    def delete() -> None:
        admin = AdminClient({"bootstrap.servers": world.cluster.brokers})
        admin.delete_topics([world.topic])[world.topic].result(20)

    await anyio.to_thread.run_sync(delete)


async def described(world: World) -> dict[str, str]:
    """Read the topic's configuration, by other means than our own."""

    def describe() -> dict[str, str]:
        admin = AdminClient({"bootstrap.servers": world.cluster.brokers})
        resource = ConfigResource(ResourceType.TOPIC, world.topic)
        return {name: entry.value for name, entry in admin.describe_configs([resource])[resource].result(20).items()}

    return await anyio.to_thread.run_sync(describe)


async def publish_on(publication: Publication, first: int) -> None:
    """Publish and see delivered, one round after the other."""
    for number in range(first, first + 1000):
        await publish(publication, SYMBOLS, range(number, number + 1))


async def check_all(world: World, count: int) -> None:
    """Read the topic and see every number of every symbol once, in order."""
    async with world.subscriber().open(EARLIEST, None) as subscription:
        delivered = await read(subscription, count * len(SYMBOLS))
        with anyio.move_on_after(1):
            delivered += await subscription.receive()
    assert sequences(delivered) == {symbol: list(range(count)) for symbol in SYMBOLS}


async def publish_steadily(world: World, stop: anyio.Event, counted: list[int], **settings: object) -> None:
    """Publish about 2,000 records a second until told to stop, and see them delivered."""
    async with world.publisher(**settings).open() as publication:
        while not stop.is_set():
            await publication.publish([book(symbol, counted[0]) for symbol in SYMBOLS])
            counted[0] += 1
            await anyio.sleep(0.01)
        with anyio.fail_after(60):
            await publication.flush()


async def test_a_broker_that_is_killed_under_load_and_restarted_loses_and_doubles_nothing(
    broker: ProcessBroker, broker_world: World
) -> None:
    stop, counted = anyio.Event(), [0]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(publish_steadily, broker_world, stop, counted)
        for _ in range(3):
            await anyio.sleep(1.5)
            await broker.does("kill")
            await broker.does("start")
        await anyio.sleep(1)
        stop.set()
    await check_all(broker_world, counted[0])


async def test_a_broker_that_hangs_beyond_the_request_timeout_loses_and_doubles_nothing(
    broker: ProcessBroker,
) -> None:
    """What was sent before the pause is sent again on new connections; the broker then sees both."""
    world = World.at(broker.brokers, request_timeout_seconds=2.0)
    stop, counted = anyio.Event(), [0]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(publish_steadily, world, stop, counted)
        await anyio.sleep(1)
        await broker.does("pause")
        await anyio.sleep(8)
        await broker.does("resume")
        await anyio.sleep(2)
        stop.set()
    await check_all(world, counted[0])
    (stalled,) = world.telemetry.warned("Kafka does not acknowledge")
    assert stalled["brokers"] == broker.brokers
    assert "no answer within" in str(stalled["problem"])
    (flowing,) = world.telemetry.noted("Kafka acknowledges again")
    assert 5 < float(str(flowing["seconds"])) < 20


async def test_a_reader_waits_for_a_broker_that_comes_back(broker: ProcessBroker, broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
        async with broker_world.subscriber().open(EARLIEST, None) as subscription:
            assert len(await read(subscription, len(SYMBOLS))) == len(SYMBOLS)
            async with anyio.create_task_group() as tasks:
                await broker.does("kill")
                tasks.start_soon(partial(publish, publication, SYMBOLS, range(1, 2)))
                until = anyio.current_time() + 7
                while anyio.current_time() < until:
                    assert not await subscription.receive()
                tasks.start_soon(broker.does, "start")
                assert sequences(await read(subscription, len(SYMBOLS), seconds=40)) == {s: [1] for s in SYMBOLS}
    (silent,) = broker_world.telemetry.warned("Kafka does not answer, waiting")
    assert "connection refused" in str(silent["problem"])
    assert len(broker_world.telemetry.noted("Kafka answers again")) == 1


async def test_a_broker_that_is_absent_at_the_start_is_waited_for(broker: ProcessBroker, broker_world: World) -> None:
    await broker.does("stop")
    async with anyio.create_task_group() as tasks:

        async def start_later() -> None:
            with anyio.fail_after(10):
                while not broker_world.telemetry.warnings:  # noqa: ASYNC110
                    await anyio.sleep(0.02)
            await broker.does("start")

        tasks.start_soon(start_later)
        async with broker_world.publisher().open() as publication:
            await publish(publication, SYMBOLS, range(2))
    assert len(broker_world.telemetry.warned("no Kafka broker answers, trying again")) == 1
    await check_all(broker_world, 2)


async def test_a_broker_that_hangs_at_the_start_is_unavailable(broker: ProcessBroker) -> None:
    world = World.at(broker.brokers, connect_timeout_seconds=2.0, request_timeout_seconds=0.5)
    await broker.does("pause")
    try:
        with pytest.raises(BrokerUnavailable, match=r"no answer within 0\.5 s"):
            async with world.publisher().open():
                pass
    finally:
        await broker.does("resume")


async def test_what_is_undelivered_when_the_broker_stays_away_is_counted_and_leaving_is_prompt(
    broker: ProcessBroker, broker_world: World
) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(2))
        await broker.does("pause")
        await publication.publish([book(symbol, 2) for symbol in SYMBOLS])
        with anyio.move_on_after(0.5):
            await publication.flush()
        undelivered, left_at = publication.undelivered, anyio.current_time()
    took = anyio.current_time() - left_at
    await broker.does("resume")
    assert undelivered == len(SYMBOLS)
    assert took < 4


async def test_a_reader_leaves_promptly_while_the_broker_hangs(broker: ProcessBroker, broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
    for group in (None, broker_world.topic):
        async with broker_world.subscriber().open(EARLIEST, group) as subscription:
            await read(subscription, len(SYMBOLS))
            await broker.does("pause")
        await broker.does("resume")


@pytest.mark.parametrize("seconds", [0, 6])
async def test_a_reader_leaves_cleanly_while_there_is_no_broker(
    broker: ProcessBroker, broker_world: World, seconds: float
) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
    try:
        async with broker_world.subscriber().open(EARLIEST, None) as subscription:
            await read(subscription, len(SYMBOLS))
            await broker.does("kill")
            with anyio.move_on_after(seconds):
                while True:
                    await subscription.receive()
    finally:
        await broker.does("start")


async def test_a_broker_that_stays_away_is_given_up_after_the_ride_out(
    broker: ProcessBroker, broker_world: World
) -> None:
    async with broker_world.publisher(ride_out_seconds=7.0).open() as publication:
        await publish(publication, SYMBOLS, range(1))
        await broker.does("kill")
        began = anyio.current_time()
        try:
            with pytest.raises(DeliveryFailed, match=r"acknowledged nothing for 7 s .* 20 records are not delivered"):
                await publish(publication, SYMBOLS, range(1, 2))
            assert 6.5 < anyio.current_time() - began < 12
        finally:
            await broker.does("start")


async def test_a_topic_that_takes_less_than_a_batch_gets_smaller_batches(broker_world: World) -> None:
    await make_topic(broker_world, **{"max.message.bytes": "9000"})
    async with broker_world.publisher(compression="none").open() as publication:
        await publication.publish([book(symbol, number) for number in range(50) for symbol in SYMBOLS])
        await publication.flush()
    await check_all(broker_world, 50)
    told = broker_world.telemetry.warned("the topic is not as configured")[-1]
    assert told["setting"] == "kafka.max_message_bytes"
    assert (told["expected"], told["received"]) == ("1048576", "9000")


async def test_a_record_that_the_topic_refuses_as_too_large_is_fatal(broker_world: World) -> None:
    await make_topic(broker_world, **{"max.message.bytes": "1000"})
    async with broker_world.publisher(compression="none").open() as publication:
        with pytest.raises(
            DeliveryFailed, match=r"refuses \d+ bytes as too large: raise the topic's max\.message\.bytes"
        ):
            await publish(publication, SYMBOLS, range(1))
        with pytest.raises(DeliveryFailed):
            await publication.publish([book("S0-USD", 1)])
        with pytest.raises(DeliveryFailed):
            await publication.flush()


async def test_a_topic_that_is_deleted_while_it_is_written_is_fatal(broker_world: World) -> None:
    """The broker makes topics by itself, so it is there again at once, but not the same."""
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
        await delete_topic(broker_world)
        with (
            anyio.fail_after(30),
            pytest.raises(DeliveryFailed, match=r"was deleted or made anew while records were sent .*start again"),
        ):
            await publish_on(publication, 1)


async def test_a_topic_that_is_deleted_while_some_partitions_are_quiet_is_fatal(broker_world: World) -> None:
    """The broker makes it again with fewer partitions than the quiet one has the number of."""
    broker_world.partitions = 12
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
        await delete_topic(broker_world)
        await anyio.sleep(1)  # time for the client to see the new topic
        with (
            anyio.fail_after(30),
            pytest.raises(DeliveryFailed, match="was deleted or made anew while records were sent"),
        ):
            await publish_to_fewer(publication)


async def publish_to_fewer(publication: Publication) -> None:
    """Publish, and let more and more symbols fall silent."""
    for number in range(1, 100):
        await publish(publication, SYMBOLS[number % 20 :], range(number, number + 1))
        await anyio.sleep(0.2)


async def test_counting_begins_anew_where_the_sequence_numbers_of_the_protocol_end(broker_world: World) -> None:
    """They have 31 bits: at 2,000 records a second a partition gets there in twelve days."""
    broker_world.partitions = 1
    async with broker_world.publisher().open() as publication:
        assert isinstance(publication, KafkaPublication)
        partition = TopicPartition(broker_world.topic, 0)
        numbers = publication._producer._producer._txn_manager._sequence_numbers
        numbers[partition] = 2**31 - 30
        await publish(publication, SYMBOLS, range(5))
        assert numbers[partition] == 5 * len(SYMBOLS) - 30
    await check_all(broker_world, 5)


async def test_a_topic_that_is_deleted_and_made_anew_is_noticed_by_its_offsets(broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(3))
        await delete_topic(broker_world)
        await make_topic(broker_world)
        with (
            anyio.fail_after(30),
            pytest.raises(DeliveryFailed, match=r"was deleted or made anew while records were sent .*offset"),
        ):
            await publish_on(publication, 3)


async def test_a_topic_is_made_as_configured(broker_world: World) -> None:
    topic = KafkaTopic(
        broker_world.topic,
        partitions=3,
        retention_hours=2.0,
        retention_bytes_per_partition=50_000_000,
        max_message_bytes=200_000,
    )
    async with broker_world.publisher(topic=topic).open():
        pass
    found = await described(broker_world)
    assert found["retention.ms"] == "7200000"
    assert found["retention.bytes"] == "50000000"
    assert found["max.message.bytes"] == "200000"
    assert found["min.insync.replicas"] == "1"
    assert found["cleanup.policy"] == "delete"
    assert len(broker_world.telemetry.noted("topic made")) == 1
    # A second start finds it so and says nothing.
    async with broker_world.publisher(topic=topic, telemetry=(quiet := FakeTelemetry())).open():
        pass
    assert (quiet.notes, quiet.warnings) == ([], [])


async def test_a_topic_with_another_retention_is_told_by_the_name_of_the_setting(broker_world: World) -> None:
    await make_topic(broker_world, **{"retention.ms": "1000", "cleanup.policy": "compact"})
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
    told = broker_world.telemetry.warned("the topic is not as configured")
    assert {fields["setting"] for fields in told} == {
        "kafka.retention_hours",
        "kafka.retention_bytes_per_partition",
        "kafka.topics.books",
    }


async def test_a_topic_that_can_not_be_made_is_told(broker_world: World) -> None:
    topic = KafkaTopic(broker_world.topic, replication_factor=3)
    with pytest.raises(BrokerError, match=rf"topic {broker_world.topic} cannot be made: .*[Rr]eplication"):
        async with broker_world.publisher(topic=topic).open():
            pass


async def test_opening_and_leaving_many_times_leaves_nothing_behind(broker_world: World) -> None:
    def left() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(anyio.get_running_tasks())

    before = left()
    for number in range(3):
        async with broker_world.publisher().open() as publication:
            await publish(publication, SYMBOLS, range(number, number + 1))
        async with broker_world.subscriber().open(EARLIEST, None) as subscription:
            await read(subscription, len(SYMBOLS))
    await anyio.sleep(0.1)
    assert left() == before

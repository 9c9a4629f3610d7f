"""Publisher to broker to subscriber, seen by a plain Kafka client too."""

import anyio
import attrs
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from tests.contract.kafka.kafka_world import World, book, read, sequences

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.records import HEADERS, decode
from market_data.adapters.kafka.stamps import published_at
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.application.ports import Start
from market_data.domain.errors import TopicMismatch

pytestmark = [pytest.mark.anyio, pytest.mark.integration, pytest.mark.timeout(180)]

SYMBOLS = [f"S{number}-USD" for number in range(20)]
ROUNDS = 200
COUNT = ROUNDS * len(SYMBOLS)


@pytest.fixture
def world(kafka_brokers: str, topic: str) -> World:
    return World(KafkaCluster(kafka_brokers), partitions=12, topic=topic)


async def publish_all(world: World, **settings: object) -> None:
    async with world.publisher(**settings).open() as publication:
        for number in range(ROUNDS):
            await publication.publish([book(symbol, number) for symbol in SYMBOLS])
        with anyio.fail_after(60):
            await publication.flush()


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_records_arrive_once_in_order_without_holes(world: World, compression: str) -> None:
    await publish_all(world, compression=compression)
    async with world.subscriber().open(Start("earliest"), None) as subscription:
        delivered = await read(subscription, COUNT, seconds=60)
    assert sequences(delivered) == {symbol: list(range(ROUNDS)) for symbol in SYMBOLS}


async def test_a_plain_client_finds_key_headers_partition_and_time_as_documented(world: World) -> None:
    await publish_all(world)
    consumer = AIOKafkaConsumer(bootstrap_servers=world.cluster.brokers)
    await consumer.start()
    try:
        partitions = [TopicPartition(world.topic, number) for number in range(12)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        records = []
        with anyio.fail_after(60):
            while len(records) < COUNT:
                records += [record for taken in (await consumer.getmany(timeout_ms=500)).values() for record in taken]
    finally:
        await consumer.stop()
    last: dict[bytes, int] = {}
    for record in records:
        found = decode(record.value)
        assert record.key.decode() == found.key
        assert record.partition == partition_of(record.key, 12)
        assert list(record.headers[:-1]) == HEADERS
        assert published_at(record.headers) is not None
        assert record.timestamp_type == 1, "set by the broker"
        assert found.received_time is not None
        assert -1000 <= record.timestamp * 1000 - found.received_time < 60_000_000
        assert found.publish_seq == last.get(record.key, -1) + 1
        last[record.key] = found.publish_seq
    assert set(last.values()) == {ROUNDS - 1}
    assert len({record.partition for record in records}) > 1


async def test_a_group_goes_on_where_it_left_off(world: World) -> None:
    await publish_all(world)
    async with world.subscriber(max_poll_records=100).open(Start("earliest"), world.topic) as subscription:
        first = await read(subscription, COUNT // 2, seconds=60)
    async with world.subscriber().open(Start("earliest"), world.topic) as subscription:
        second = await read(subscription, COUNT - len(first), seconds=60)
    assert sequences([*first, *second]) == {symbol: list(range(ROUNDS)) for symbol in SYMBOLS}


async def test_the_topic_is_made_once_and_another_number_of_partitions_is_refused(world: World) -> None:
    await publish_all(world)
    assert len(world.telemetry.noted("topic made")) == 1
    other = attrs.evolve(world, partitions=6)
    with pytest.raises(TopicMismatch, match=r"has 12 partitions, kafka\.partitions says 6"):
        async with other.publisher(topic=KafkaTopic(world.topic, partitions=6)).open():
            pass

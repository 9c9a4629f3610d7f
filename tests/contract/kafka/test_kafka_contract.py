"""What every broker must do with the publisher and the subscriber, over real TCP."""

from functools import partial

import anyio
import anyio.lowlevel
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Message, Producer
from tests.contract.kafka.kafka_world import RUN, World, batches, book, publish, read, sequences

from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.records import HEADERS, decode, encode
from market_data.adapters.kafka.stamps import published_at
from market_data.application import metrics
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.application.ports import Start
from market_data.domain.errors import BrokerUnavailable, TopicMismatch
from market_data.domain.normalized import BookState, BookStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

SYMBOLS = [f"S{number}-USD" for number in range(10)]
EARLIEST = Start("earliest")
LATEST = Start("latest")


async def test_records_arrive_once_in_order_and_as_they_were(world: World) -> None:
    books = [book(symbol, number) for number in range(60) for symbol in SYMBOLS]
    async with world.publisher().open() as publication:
        await publication.publish(books)
        await publication.flush()
        assert publication.undelivered == 0
    async with world.subscriber().open(EARLIEST, None) as subscription:
        delivered = await read(subscription, len(books))
    assert sequences(delivered) == {symbol: list(range(60)) for symbol in SYMBOLS}
    assert sorted((one.book for one in delivered), key=lambda one: (one.publish_seq, one.symbol)) == sorted(
        books, key=lambda one: (one.publish_seq, one.symbol)
    )
    offsets = {(one.partition, one.offset) for one in delivered}
    assert len(offsets) == len(books)


async def test_a_record_has_key_headers_time_and_partition_as_documented(world: World, embedded_brokers: str) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
    consumer = AIOKafkaConsumer(bootstrap_servers=world.cluster.brokers)
    await consumer.start()
    try:
        partitions = [TopicPartition(world.topic, number) for number in range(world.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        with anyio.fail_after(20):
            records = [await consumer.getone() for _ in SYMBOLS]
    finally:
        await consumer.stop()
    for record in records:
        found = decode(record.value)
        assert record.key == f"binance:{found.symbol}".encode()
        assert record.partition == partition_of(record.key, world.partitions)
        assert list(record.headers[:-1]) == HEADERS
        published = published_at(record.headers)
        assert published is not None
        assert record.headers[-1] == ("published_at", str(published).encode())
        # The broker sets the time where a topic could be made so, which the embedded one cannot.
        assert record.timestamp_type == (0 if world.cluster.brokers == embedded_brokers else 1)
        assert found.received_time is not None
        assert 0 <= published - found.received_time < 5_000_000
        assert 0 <= record.timestamp * 1000 - found.received_time + 1000 < 5_000_000


async def test_partitions_are_those_that_another_client_picks(world: World) -> None:
    """librdkafka's ``murmur2_random`` is compatible with Kafka's Java producer."""
    async with world.publisher().open():
        pass
    foreign = Producer({"bootstrap.servers": world.cluster.brokers, "partitioner": "murmur2_random"})
    picked = {}

    def keep(_error: object, message: Message) -> None:
        picked[message.key()] = message.partition()

    keys = [f"{venue}:{symbol}".encode() for venue in ("binance", "coinbase", "binance_us") for symbol in SYMBOLS]
    for key in keys:
        foreign.produce(world.topic, b"{}", key, on_delivery=keep)
    assert foreign.flush(15) == 0
    assert picked == {key: partition_of(key, world.partitions) for key in keys}


@pytest.mark.parametrize(("compression", "codec"), [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)])
async def test_every_compression_is_used_and_read_back(world: World, compression: str, codec: int) -> None:
    async with world.publisher(compression=compression).open() as publication:
        await publish(publication, SYMBOLS, range(20))
    assert {batch.codec for batch in await batches(world)} == {codec}
    async with world.subscriber().open(EARLIEST, None) as subscription:
        delivered = await read(subscription, 20 * len(SYMBOLS))
    assert sequences(delivered) == {symbol: list(range(20)) for symbol in SYMBOLS}


async def test_small_batches_keep_the_order(world: World) -> None:
    async with world.publisher(max_batch_bytes=5000).open() as publication:
        await publish(publication, SYMBOLS, range(100))
    async with world.subscriber(max_poll_records=7).open(EARLIEST, None) as subscription:
        delivered = await read(subscription, 100 * len(SYMBOLS))
    assert sequences(delivered) == {symbol: list(range(100)) for symbol in SYMBOLS}


async def test_publish_waits_when_the_room_in_flight_is_full(world: World) -> None:
    async with world.publisher(max_in_flight_records=25).open() as publication:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(publish, publication, SYMBOLS, range(100)))
            most = 0
            while not most or publication.undelivered:
                most = max(most, publication.undelivered)
                await anyio.lowlevel.checkpoint()
        assert 0 < most <= 25
    async with world.subscriber().open(EARLIEST, None) as subscription:
        assert len(await read(subscription, 1000)) == 1000


async def test_lingering_records_share_a_batch(world: World) -> None:
    async with world.publisher(linger_milliseconds=300).open() as publication:
        box = Outbox(RUN, policy=OutboxPolicy.KEEP_UNTIL_FULL, max_records=100, max_bytes=10**6)
        started = anyio.current_time()
        async with anyio.create_task_group() as tasks:

            async def put() -> None:
                for number in range(5):
                    level = (("1", "1"),)
                    box.put(BookState("binance", "S0-USD", BookStatus.LIVE, None, 1, level, level, 1, 1, number, 1))
                    await anyio.lowlevel.checkpoint()

            tasks.start_soon(put)
            await publication.publish(await box.take(100, publication.admission, publication.linger))
        await publication.flush()
        assert anyio.current_time() - started >= 0.3
    assert [batch.records for batch in await batches(world)] == [5]


async def test_latest_gives_what_is_published_after_opening(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(3))
        async with world.subscriber().open(LATEST, None) as subscription:
            await publish(publication, SYMBOLS, range(3, 5))
            delivered = await read(subscription, 2 * len(SYMBOLS))
    assert sequences(delivered) == {symbol: [3, 4] for symbol in SYMBOLS}


async def test_warm_start_gives_the_newest_of_every_key_first_and_then_what_follows(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(50))
        async with world.subscriber(warm_records_per_partition=1000).open(LATEST, None) as subscription:
            warm = await read(subscription, len(SYMBOLS))
            await publish(publication, SYMBOLS, range(50, 53))
            after = await read(subscription, 3 * len(SYMBOLS))
    assert sequences(warm) == {symbol: [49] for symbol in SYMBOLS}
    assert sequences(after) == {symbol: [50, 51, 52] for symbol in SYMBOLS}


async def test_warm_start_reads_back_no_more_than_its_bound(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, ["OLD-USD"], range(1))
        quiet = partition_of(b"binance:OLD-USD", world.partitions)
        loud = next(s for s in SYMBOLS if partition_of(f"binance:{s}".encode(), world.partitions) == quiet)
        await publish(publication, [loud], range(10))
        async with world.subscriber(warm_records_per_partition=10).open(LATEST, None) as subscription:
            assert sequences(await read(subscription, 1)) == {loud: [9]}


async def test_warm_start_of_an_empty_topic_waits_for_the_first_record(world: World) -> None:
    reader = world.subscriber(warm_records_per_partition=10)
    async with world.publisher().open() as publication, reader.open(LATEST, None) as subscription:
        await publish(publication, SYMBOLS, range(1))
        assert len(await read(subscription, len(SYMBOLS))) == len(SYMBOLS)


async def test_a_start_time_gives_the_first_record_of_that_time(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(3))
        await anyio.sleep(0.05)
        await publish(publication, SYMBOLS, range(3, 4))
    async with world.subscriber().open(EARLIEST, None) as subscription:
        delivered = await read(subscription, 4 * len(SYMBOLS))
    time = min(one.timestamp for one in delivered if one.book.publish_seq == 3)
    async with world.subscriber().open(Start(time), None) as subscription:
        later = await read(subscription, len(SYMBOLS))
    assert sequences(later) == {symbol: [3] for symbol in SYMBOLS}


async def test_a_start_time_in_the_future_gives_what_is_published_after_opening(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(2))
        time = 4_000_000_000_000_000
        async with world.subscriber().open(Start(time), None) as subscription:
            await publish(publication, SYMBOLS, range(2, 3))
            assert sequences(await read(subscription, len(SYMBOLS))) == {symbol: [2] for symbol in SYMBOLS}


async def test_readers_without_a_group_all_see_everything(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(5))
    for _ in range(2):
        async with world.subscriber().open(EARLIEST, None) as subscription:
            assert len(await read(subscription, 5 * len(SYMBOLS))) == 5 * len(SYMBOLS)


async def test_a_group_goes_on_where_it_left_off(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(5))
        async with world.subscriber().open(EARLIEST, world.topic) as subscription:
            await read(subscription, 5 * len(SYMBOLS))
        await publish(publication, SYMBOLS, range(5, 7))
        async with world.subscriber().open(EARLIEST, world.topic) as subscription:
            delivered = await read(subscription, 2 * len(SYMBOLS))
            subscription.leave([delivered[-1]])
        async with world.subscriber().open(EARLIEST, world.topic) as subscription:
            (again,) = await read(subscription, 1)
    assert sequences(delivered) == {symbol: [5, 6] for symbol in SYMBOLS}
    assert again.offset == delivered[-1].offset, "what was not used is read again"


async def test_records_that_can_not_be_read_are_counted_told_and_skipped(world: World) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, ["S0-USD"], range(1))
        partition = partition_of(b"binance:S0-USD", world.partitions)
        foreign = Producer({"bootstrap.servers": world.cluster.brokers})
        values = (b"no json", b"{}", None, encode(book("S0-USD", 1))[:-1])
        keys = (b"binance:S0-USD", b"binance:S0-USD", None, b"\xff")
        for value, key in zip(values, keys, strict=True):
            foreign.produce(world.topic, value, key, partition)
        assert foreign.flush(15) == 0
        await publish(publication, ["S0-USD"], range(1, 2))
    async with world.subscriber().open(EARLIEST, None) as subscription:
        delivered = await read(subscription, 2)
    assert sequences(delivered) == {"S0-USD": [0, 1]}
    assert subscription.unreadable == {"binance:S0-USD": 2, "?": 2}
    assert world.telemetry.measured(metrics.CONSUMER_UNREADABLE) == 4
    told = world.telemetry.warned("a record cannot be read")
    assert [(fields["partition"], fields["offset"]) for fields in told] == [(partition, 1 + n) for n in range(4)]
    assert all(fields["problem"] for fields in told)


async def test_a_receive_that_is_cancelled_loses_nothing(world: World) -> None:
    delivered = []
    async with (
        world.publisher().open() as publication,
        world.subscriber().open(LATEST, None) as subscription,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(partial(publish, publication, SYMBOLS, range(100)))
        with anyio.fail_after(30):
            while len(delivered) < 100 * len(SYMBOLS):
                with anyio.move_on_after(0.002):
                    delivered += await subscription.receive()
    assert sequences(delivered) == {symbol: list(range(100)) for symbol in SYMBOLS}


async def test_a_topic_with_other_partitions_is_refused_by_the_name_of_the_setting(world: World) -> None:
    async with world.publisher().open():
        pass
    world.partitions += 1
    with pytest.raises(TopicMismatch, match=rf"{world.topic} has 4 partitions, kafka.partitions says 5") as caught:
        async with world.publisher().open():
            pass
    assert caught.value.exit_status == 2


async def test_a_caller_that_fails_sees_its_own_error(world: World) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is the caller
        async with world.publisher().open() as publication:
            await publication.publish([book("S0-USD", 0, run=RUN)])
            raise ZeroDivisionError


async def test_leaving_without_a_flush_drops_what_is_undelivered_at_once(world: World) -> None:
    async with world.publisher().open() as publication:
        await publication.publish([book("S0-USD", 0)])
        assert publication.undelivered == 1
        left_at = anyio.current_time()
    assert anyio.current_time() - left_at < 2


@pytest.mark.parametrize("role", ["publisher", "subscriber"])
async def test_without_a_broker_it_is_told_once_what_to_do(role: str) -> None:
    world = World.at("127.0.0.1:1", connect_timeout_seconds=0.7)
    opened = world.publisher().open() if role == "publisher" else world.subscriber().open(LATEST, None)
    with pytest.raises(BrokerUnavailable) as caught:
        async with opened:
            pass
    assert str(caught.value) == (
        "no Kafka broker answers at 127.0.0.1:1: connection refused. "
        "Start one with: docker-compose up -d redpanda, or set KAFKA_BROKERS"
    )
    assert len(world.telemetry.warnings) == 1
    assert caught.value.exit_status == 1


async def test_the_second_address_is_tried_when_the_first_does_not_answer(embedded_brokers: str) -> None:
    world = World.at(f"127.0.0.1:1,{embedded_brokers}")
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(2))


async def test_an_address_that_speaks_another_protocol_is_no_broker() -> None:
    async def greet(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, greet)
        world = World.at(f"127.0.0.1:{port}", connect_timeout_seconds=1.0, request_timeout_seconds=0.5)
        with pytest.raises(BrokerUnavailable, match="no Kafka broker answers"):
            async with world.publisher().open():
                pass
        tasks.cancel_scope.cancel()


async def test_a_subscriber_waits_for_its_topic(world: World) -> None:
    async def produce_later() -> None:
        with anyio.fail_after(15):
            while not world.telemetry.noted("the topic does not exist yet"):  # noqa: ASYNC110
                await anyio.sleep(0.02)
        async with world.publisher().open() as publication:
            await publish(publication, SYMBOLS, range(2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(produce_later)
        async with world.subscriber().open(EARLIEST, None) as subscription:
            assert len(await read(subscription, 2 * len(SYMBOLS))) == 2 * len(SYMBOLS)
    assert len(world.telemetry.noted("the topic does not exist yet")) == 1

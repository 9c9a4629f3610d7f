"""How records become requests: order, one request a broker, room in flight, stalls, and what is fatal."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import attrs
import pytest
from aiokafka import errors as kafka
from tests.contract.kafka.kafka_world import FakeTelemetry, book

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.producer import Acknowledgement, Batch, IdempotentProducer
from market_data.adapters.kafka.publication import KafkaPublication
from market_data.adapters.kafka.records import HEADERS, decode
from market_data.adapters.kafka.stamps import published_at
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.application import metrics
from market_data.application.ports import Clock
from market_data.domain.errors import DeliveryFailed
from market_data.domain.moment import Moment

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]

STALL_SECONDS = 0.2


class FakeClock(Clock):
    """Stands still, until it is set."""

    wall = 1723075200123456

    def now(self) -> Moment:
        return Moment(self.wall, 0.0)


@attrs.define
class FakeBatch(Batch):
    """Holds so many records at most."""

    room: int
    records: list[tuple[int, bytes, bytes]] = attrs.field(factory=list)
    is_closed: bool = False

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object | None:
        assert headers[:-1] == HEADERS
        if len(self.records) == self.room:
            return None
        assert published_at(headers) is not None
        self.records.append((timestamp, key, value))
        return True

    def close(self) -> None:
        self.is_closed = True

    def size(self) -> int:
        return sum(len(value) for _, _, value in self.records)


@attrs.define
class FakeAcknowledgement(Acknowledgement):
    """Where and, by the broker's clock, when a batch was written."""

    offset: int
    timestamp: int = -1


class FakeProducer(IdempotentProducer):
    """A cluster of so many brokers that answers when it is told to."""

    def __init__(self, brokers: int = 1) -> None:
        self.brokers = brokers
        self.room = 1000
        self.taken: list[tuple[int, FakeBatch]] = []
        self.under_way: dict[int, tuple[FakeBatch, asyncio.Future[Acknowledgement]]] = {}
        self.refusals: deque[Exception] = deque()
        self.taken_back: list[tuple[int, int]] = []
        self.offsets: dict[int, int] = {}
        self.tell: Callable[[int | None, bool], None] = lambda _partitions, _is_allowed: None

    def watch(self, on_metadata: Callable[[int | None, bool], None]) -> None:
        self.tell = on_metadata

    def leader(self, partition: int) -> int | None:
        return partition % self.brokers

    def batch(self) -> Batch:
        return FakeBatch(self.room)

    def send(self, batch: Batch, partition: int) -> "asyncio.Future[Acknowledgement]":
        if self.refusals:
            raise self.refusals.popleft()
        assert isinstance(batch, FakeBatch)
        assert batch.is_closed
        assert partition not in self.under_way
        future: asyncio.Future[Acknowledgement] = asyncio.get_running_loop().create_future()
        self.taken.append((partition, batch))
        self.under_way[partition] = batch, future
        return future

    def take_back(self, partition: int, records: int) -> None:
        self.taken_back.append((partition, records))

    def acknowledge(self, partition: int, timestamp: int = -1) -> None:
        batch, future = self.under_way.pop(partition)
        offset = self.offsets.get(partition, 0)
        self.offsets[partition] = offset + len(batch.records)
        future.set_result(FakeAcknowledgement(offset, timestamp))

    def acknowledge_all(self) -> None:
        for partition in tuple(self.under_way):
            self.acknowledge(partition)

    def refuse(self, partition: int, error: Exception) -> None:
        self.under_way.pop(partition)[1].set_exception(error)

    def sequences(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for _, batch in self.taken:
            for _, _, value in batch.records:
                one = decode(value)
                found.setdefault(one.symbol, []).append(one.publish_seq)
        return found


@attrs.define
class Opened:
    publication: KafkaPublication
    producer: FakeProducer
    telemetry: FakeTelemetry
    clock: FakeClock


def symbols(partitions: int) -> Iterator[str]:
    """Give a symbol for each partition, in order."""
    for partition in range(partitions):
        names = (f"S{number}-USD" for number in range(1000))
        yield next(name for name in names if partition_of(f"binance:{name}".encode(), partitions) == partition)


@asynccontextmanager
async def opened(
    *, partitions: int = 2, brokers: int = 1, linger: float = 0.0, in_flight: int = 1000, ride_out: float = 60.0
) -> AsyncIterator[Opened]:
    producer, telemetry, clock = FakeProducer(brokers), FakeTelemetry(), FakeClock()
    publication = KafkaPublication(
        KafkaCluster("127.0.0.1:1", request_timeout_seconds=0.2),
        KafkaTopic("books", partitions=partitions),
        clock,
        telemetry,
        producer,
        linger_seconds=linger,
        max_batch_bytes=100_000,
        max_in_flight_records=in_flight,
        ride_out_seconds=ride_out,
        stall_seconds=STALL_SECONDS,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(publication.pump)
        tasks.start_soon(publication.watch)
        yield Opened(publication, producer, telemetry, clock)
        tasks.cancel_scope.cancel()


async def until(is_so: Callable[[], object]) -> None:
    with anyio.fail_after(5):
        while not is_so():  # noqa: ASYNC110
            await anyio.sleep(0.005)


async def settle() -> None:
    """Let everything happen that can happen now."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_one_request_is_under_way_and_what_comes_meanwhile_makes_up_the_next() -> None:
    first, second = symbols(2)
    async with opened() as world:
        await world.publication.publish([book(first, 0)])
        await settle()
        assert list(world.producer.under_way) == [0]
        await world.publication.publish([book(first, 1), book(second, 0), book(first, 2)])
        await settle()
        assert list(world.producer.under_way) == [0]
        world.producer.acknowledge(0)
        await settle()
        assert sorted(world.producer.under_way) == [0, 1]
        assert world.publication.undelivered == 3
        world.producer.acknowledge_all()
        await world.publication.flush()
        assert world.publication.undelivered == 0
    assert world.producer.sequences() == {first: [0, 1, 2], second: [0]}


async def test_a_partition_that_is_not_written_to_does_not_hold_up_the_others() -> None:
    first, second = symbols(2)
    async with opened() as world:
        await world.publication.publish([book(first, 0)])
        await settle()
        for number in range(3):
            await world.publication.publish([book(second, number)])
            await until(lambda: 1 in world.producer.under_way)
            world.producer.acknowledge(1)
            await settle()
        assert list(world.producer.under_way) == [0]
        assert world.publication.undelivered == 1


async def test_a_partition_that_is_gone_is_fatal() -> None:
    first, _ = symbols(2)
    async with opened() as world:
        world.producer.refusals.append(AssertionError("Unrecognized partition"))
        await world.publication.publish([book(first, 0)])
        with pytest.raises(DeliveryFailed, match="deleted or made anew"):
            await world.publication.flush()


async def test_brokers_do_not_wait_for_one_another() -> None:
    first, second = symbols(2)
    async with opened(brokers=2) as world:
        await world.publication.publish([book(first, 0)])
        await settle()
        await world.publication.publish([book(second, 0)])
        await settle()
        assert sorted(world.producer.under_way) == [0, 1]


async def test_a_full_batch_leaves_the_rest_to_the_next_one() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        world.producer.room = 3
        await world.publication.publish([book(symbol, number) for number in range(7)])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.publication.flush)
            for _ in range(3):
                await settle()
                world.producer.acknowledge_all()
    assert [len(batch.records) for _, batch in world.producer.taken] == [3, 3, 1]
    assert world.producer.sequences() == {symbol: list(range(7))}


@pytest.mark.parametrize("linger", [0.0, 0.1])
async def test_records_are_to_linger_as_long_as_set(linger: float) -> None:
    async with opened(linger=linger) as world:
        for number in range(3):
            assert world.publication.linger() == linger
            await world.publication.publish([book("A-USD", number)])


async def test_publish_waits_for_room_and_stamps_records_when_they_are_taken_over() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1, in_flight=3) as world:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.publication.publish, [book(symbol, number) for number in range(5)])
            await settle()
            assert world.publication.undelivered == 3
            world.clock.wall += 5_000_000
            world.producer.acknowledge_all()
        await settle()
        world.producer.acknowledge_all()
        await world.publication.flush()
    stamps = [timestamp for _, batch in world.producer.taken for timestamp, _, _ in batch.records]
    assert stamps == [1723075200123] * 3 + [1723075205123] * 2
    assert world.producer.sequences() == {symbol: list(range(5))}


async def test_a_batch_that_was_not_taken_is_sent_again_before_its_successors() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        world.producer.refusals.extend([kafka.KafkaTimeoutError(), kafka.UnknownTopicOrPartitionError()])
        await world.publication.publish([book(symbol, 0)])
        await settle()
        await world.publication.publish([book(symbol, 1)])
        await until(lambda: world.producer.under_way)
        world.producer.acknowledge_all()
        await until(lambda: world.producer.under_way)
        world.producer.acknowledge_all()
        await world.publication.flush()
    assert world.producer.sequences() == {symbol: [0, 1]}


async def test_what_was_not_taken_is_tried_again_in_its_time_and_holds_up_no_other_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("market_data.adapters.kafka.publication._RETRY_SECONDS", 3600.0)
    first, second = symbols(2)
    async with opened(brokers=2) as world:
        world.producer.refusals.append(kafka.UnknownTopicOrPartitionError())
        await world.publication.publish([book(first, 0)])
        for number in range(5):
            await world.publication.publish([book(first, 1 + number), book(second, number)])
            await settle()
            world.producer.acknowledge(1)
            await settle()
        assert not world.producer.under_way
        errors = [value for metric, _, value in world.publication.measure() if metric is metrics.KAFKA_ERRORS]
        assert errors == [1]


async def test_publish_sends_what_can_be_sent_before_it_returns_and_then_lets_others_run_where_much_is_under_way() -> (
    None
):
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turn)
            await settle()
            before = turns
            await world.publication.publish([book(symbol, 0)])
            assert list(world.producer.under_way) == [0]
            for number in range(1, 20):
                await world.publication.publish([book(symbol, number)])
            assert turns >= before + 19
            tasks.cancel_scope.cancel()
        world.producer.acknowledge_all()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (kafka.MessageSizeTooLargeError(), r"refuses \d+ bytes as too large: raise the topic's max\.message\.bytes"),
        (kafka.RecordListTooLargeError(), r"refuses \d+ bytes as too large"),
        (kafka.TopicAuthorizationFailedError("books"), "does not allow this user to write: give it Write"),
        (kafka.ClusterAuthorizationFailedError(), "does not allow this user to write"),
        (
            kafka.InvalidTimestampError(),
            r"this machine's clock .* too far from the broker's: set both clocks by NTP, or",
        ),
        (kafka.OutOfOrderSequenceNumber(), "has lost records that it had acknowledged"),
        (kafka.UnknownProducerId(), "has lost records that it had acknowledged"),
        (kafka.UnsupportedForMessageFormatError(), "refuses records for good .UnsupportedForMessageFormat"),
        (kafka.KafkaError("Unexpected error during batch delivery"), "for good .*Unexpected error during"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_a_refusal_for_good_ends_the_publication_with_one_line(error: Exception, words: str) -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1, in_flight=2) as world:
        await world.publication.publish([book(symbol, 0)])
        await settle()
        async with anyio.create_task_group() as tasks:

            async def wait_for_room() -> None:
                with pytest.raises(DeliveryFailed, match=words):
                    await world.publication.publish([book(symbol, 1), book(symbol, 2)])

            tasks.start_soon(wait_for_room)
            await settle()
            world.producer.refuse(0, error)
        with pytest.raises(DeliveryFailed, match=words) as caught:
            await world.publication.flush()
        with pytest.raises(DeliveryFailed, match=words):
            await world.publication.publish([book(symbol, 3)])
        assert "\n" not in str(caught.value)
        assert world.publication.undelivered == 2


async def test_a_permission_that_is_missing_when_a_batch_is_handed_over_is_fatal() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        world.producer.refusals.append(kafka.TopicAuthorizationFailedError("books"))
        await world.publication.publish([book(symbol, 0)])
        with pytest.raises(DeliveryFailed, match="does not allow this user to write"):
            await world.publication.flush()


async def test_an_offset_that_goes_back_shows_another_topic() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        for number in range(2):
            await world.publication.publish([book(symbol, number)])
            await settle()
            world.producer.acknowledge_all()
        world.producer.offsets.clear()
        await world.publication.publish([book(symbol, 2)])
        await settle()
        world.producer.acknowledge_all()
        with pytest.raises(DeliveryFailed, match=r"made anew while .*partition 0 went back to offset 0"):
            await world.publication.flush()


async def test_an_acknowledgement_without_an_offset_counts() -> None:
    """The broker remembers that it has written a batch, and no longer where."""
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        for number, offset in enumerate((5, -1, 7)):
            await world.publication.publish([book(symbol, number)])
            await settle()
            world.producer.under_way.pop(0)[1].set_result(FakeAcknowledgement(offset))
            await world.publication.flush()


@pytest.mark.parametrize(
    ("partitions", "is_allowed", "words"),
    [
        pytest.param(None, True, "it is not there any more", id="gone"),
        pytest.param(1, True, "it has 1 partitions instead of 2", id="smaller"),
        pytest.param(None, False, "does not allow this user to write", id="not to be seen"),
    ],
)
async def test_a_topic_that_stays_missing_is_fatal(partitions: int | None, is_allowed: bool, words: str) -> None:  # noqa: FBT001
    first, _ = symbols(2)
    async with opened() as world:
        await world.publication.publish([book(first, 0)])
        async with anyio.create_task_group() as tasks:

            async def tell() -> None:
                while True:
                    world.producer.tell(partitions, is_allowed)
                    await anyio.sleep(STALL_SECONDS / 10)

            tasks.start_soon(tell)
            with pytest.raises(DeliveryFailed, match=words):
                await world.publication.flush()
            tasks.cancel_scope.cancel()


async def test_a_topic_that_is_missing_for_a_moment_is_not_fatal() -> None:
    async with opened() as world:
        for _ in range(3):
            world.producer.tell(None, True)
            await anyio.sleep(STALL_SECONDS * 0.6)
        world.producer.tell(2, True)
        world.producer.tell(3, True)
        await anyio.sleep(STALL_SECONDS)
        world.producer.tell(None, True)
        await world.publication.publish([])


async def test_a_stall_is_told_once_and_once_that_it_is_over() -> None:
    first, second = symbols(2)
    async with opened() as world:
        await world.publication.publish([book(first, 0)])
        await settle()
        await world.publication.publish([book(second, 0)])
        await until(lambda: world.telemetry.warnings)
        await anyio.sleep(STALL_SECONDS)
        ((message, fields),) = world.telemetry.warnings
        assert message == "Kafka does not acknowledge, holding records until it does"
        assert fields == {
            "brokers": "127.0.0.1:1",
            "waiting": 2,
            "give_up_after_seconds": 60.0,
            "problem": "connection refused",
        }
        world.producer.acknowledge_all()
        await settle()
        world.producer.acknowledge_all()
        await until(lambda: world.telemetry.notes)
        ((message, fields),) = world.telemetry.notes
        assert message == "Kafka acknowledges again"
        assert fields["brokers"] == "127.0.0.1:1"
        assert float(str(fields["seconds"])) >= STALL_SECONDS
        # A quiet publication is no stall.
        await anyio.sleep(2 * STALL_SECONDS)
        assert len(world.telemetry.warnings) == 1


async def test_one_partition_that_stalls_is_told_while_others_flow() -> None:
    first, second = symbols(2)
    async with opened(brokers=2) as world:
        await world.publication.publish([book(first, 0)])

        async def flow() -> None:
            for number in range(1000):
                await world.publication.publish([book(second, number)])
                await settle()
                world.producer.acknowledge(1)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(flow)
            await until(lambda: world.telemetry.warned("Kafka does not acknowledge"))
            tasks.cancel_scope.cancel()


async def test_a_stall_beyond_the_ride_out_is_given_up() -> None:
    first, _ = symbols(2)
    async with opened(ride_out=2 * STALL_SECONDS) as world:
        await world.publication.publish([book(first, number) for number in range(3)])
        with pytest.raises(DeliveryFailed, match=r"acknowledged nothing for 0\.4 s .* 3 records are not delivered"):
            await world.publication.flush()
        assert world.publication.undelivered == 3


async def test_the_way_to_its_acknowledgement_is_observed_for_each_batch() -> None:
    first, second = symbols(2)
    async with opened() as world:
        for symbol in (first, second):
            await world.publication.publish([book(symbol, number) for number in range(3)])
        while world.publication.undelivered:
            await settle()
            world.producer.acknowledge_all()
    batches = len(world.producer.taken)
    assert batches >= 2
    ways = world.telemetry.measures.read_distributions()[metrics.KAFKA_ACKNOWLEDGE]
    assert {labels: sum(way.counts) for labels, way in ways.items()} == {(): batches}


async def test_a_flush_can_be_cancelled_and_called_again() -> None:
    first, _ = symbols(2)
    async with opened() as world:
        await world.publication.publish([book(first, 0)])
        with anyio.move_on_after(0.01) as scope:
            await world.publication.flush()
        assert scope.cancelled_caught
        world.producer.acknowledge_all()
        with anyio.fail_after(1):
            await world.publication.flush()


async def test_a_batch_that_is_too_large_is_split_and_those_that_follow_stay_as_small() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        await world.publication.publish([book(symbol, 0)])
        await settle()
        await world.publication.publish([book(symbol, number) for number in range(1, 9)])
        world.producer.acknowledge(0)
        await settle()
        for _ in range(2):  # eight are too many, four are too many, two are not
            world.producer.refuse(0, kafka.MessageSizeTooLargeError())
            await settle()
        await world.publication.publish([book(symbol, number) for number in range(9, 13)])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.publication.flush)
            while world.publication.undelivered:
                world.producer.acknowledge_all()
                await settle()
    sizes = [len(batch.records) for _, batch in world.producer.taken]
    assert sizes[:4] == [1, 8, 4, 2]
    assert max(sizes[4:]) == 2
    assert world.producer.taken_back == [(0, 8), (0, 4)], "what was refused gives its sequence numbers back"
    written = [batch for _, batch in world.producer.taken if len(batch.records) < 4]
    assert [decode(value).publish_seq for batch in written for _, _, value in batch.records] == list(range(13))
    told = world.telemetry.warned("the topic takes smaller messages than before")
    assert {fields["kafka_setting"] for fields in told} == {"max.message.bytes"}


async def admitted(world: Opened, symbol: str, first: int) -> int:
    """Publish of one instrument as much as is admitted; give the number that would come next."""
    admits = world.publication.admission()
    number = first
    while admits(f"binance:{symbol}"):
        number += 1
    await world.publication.publish([book(symbol, each) for each in range(first, number)])
    return number


async def test_a_partition_that_takes_nothing_does_not_fill_the_room_of_the_others() -> None:
    stuck, *others = symbols(4)
    async with opened(partitions=4, brokers=4, in_flight=80) as world:
        held = await admitted(world, stuck, 0)
        await settle()
        assert held == 50, "a quarter of one half, and the other half"
        numbers = dict.fromkeys(others, 0)
        for _ in range(20):
            for at, symbol in enumerate(others, start=1):
                numbers[symbol] = await admitted(world, symbol, numbers[symbol])
                await settle()
                world.producer.acknowledge(at)
                await settle()
        assert numbers == dict.fromkeys(others, 200)
        assert world.publication.undelivered == 50
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.publication.until_freed)
            assert not world.publication.admission()(f"binance:{stuck}")
            await settle()
            while world.publication.undelivered:
                world.producer.acknowledge_all()
                await settle()
        assert world.publication.admission()(f"binance:{stuck}")


async def test_who_waits_for_room_is_told_that_the_broker_refuses_for_good() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1, in_flight=2) as world:
        await admitted(world, symbol, 0)
        await settle()

        async def wait() -> None:
            with pytest.raises(DeliveryFailed, match="does not allow"):
                await world.publication.until_freed()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await settle()
            world.producer.refuse(0, kafka.TopicAuthorizationFailedError("books"))


async def test_clocks_that_differ_are_told_once_again_after_a_leap_and_once_that_they_agree() -> None:
    (symbol,) = symbols(1)
    hour = 3_600_000
    async with opened(partitions=1) as world:
        for number, ahead_ms in enumerate((2 * hour, 2 * hour, -30 * hour, 0, 0)):
            await world.publication.publish([book(symbol, number)])
            await settle()
            world.producer.acknowledge(0, world.clock.wall // 1000 - ahead_ms)
            await world.publication.flush()
        told = world.telemetry.warned("this machine's clock and the Kafka broker's differ: set both by NTP")
        assert [(fields["seconds"], fields["which"]) for fields in told] == [
            (7200.0, "ours is ahead"),
            (108000.0, "ours is behind"),
        ]
        assert len(world.telemetry.noted("this machine's clock and the Kafka broker's agree again")) == 1


async def test_a_broker_without_a_clock_is_not_compared() -> None:
    """librdkafka's broker for tests, which the sandbox runs, gives each batch the time 1234."""
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        await world.publication.publish([book(symbol, 0)])
        await settle()
        world.producer.acknowledge(0, 1234)
        await world.publication.flush()
        assert not world.telemetry.warnings


async def test_a_slow_acknowledgement_is_no_other_clock() -> None:
    (symbol,) = symbols(1)
    async with opened(partitions=1) as world:
        await world.publication.publish([book(symbol, 0)])
        await settle()
        stamped = world.clock.wall // 1000 + 1
        world.clock.wall += 3_600_000_000
        world.producer.acknowledge(0, stamped)
        await world.publication.flush()
        assert not world.telemetry.warnings

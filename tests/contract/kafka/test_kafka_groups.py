"""Groups of readers on a real broker: what is committed, and what a rebalance may not do."""

import anyio
import pytest
from tests.contract.kafka.kafka_world import World, publish, read, sequences

from market_data.application.ports import Start
from market_data.reader import read_books

pytestmark = [pytest.mark.anyio, pytest.mark.broker, pytest.mark.timeout(90)]

SYMBOLS = [f"S{number}-USD" for number in range(10)]
EARLIEST = Start("earliest")


async def test_a_member_that_crashes_leaves_what_it_was_handed_last_to_be_read_again(broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, ["S0-USD"], range(6))
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is the crash
        async with broker_world.subscriber(max_poll_records=2).open(EARLIEST, broker_world.topic) as subscription:
            assert [one.book.publish_seq for one in await read(subscription, 1)] == [0, 1]
            assert [one.book.publish_seq for one in await read(subscription, 1)] == [2, 3]
            raise ZeroDivisionError
    async with broker_world.subscriber().open(EARLIEST, broker_world.topic) as subscription:
        assert sequences(await read(subscription, 4)) == {"S0-USD": [2, 3, 4, 5]}


async def test_a_group_that_starts_warm_is_shown_every_key_at_once(broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(5))
        async with broker_world.subscriber().open(EARLIEST, broker_world.topic) as subscription:
            await read(subscription, 5 * len(SYMBOLS))
        await publish(publication, SYMBOLS, range(5, 6))
        async with broker_world.subscriber(warm_records_per_partition=100).open(
            EARLIEST, broker_world.topic
        ) as subscription:
            delivered = await read(subscription, 2 * len(SYMBOLS))
    assert sequences(delivered) == {symbol: [4, 5] for symbol in SYMBOLS}


async def test_a_member_that_was_handed_nothing_leaves_its_place_to_the_next(broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(2))
        async with broker_world.subscriber().open(Start("latest"), broker_world.topic) as subscription:
            with anyio.move_on_after(5):
                while True:
                    assert not await subscription.receive()
        await publish(publication, SYMBOLS, range(2, 3))
        async with broker_world.subscriber().open(Start("latest"), broker_world.topic) as subscription:
            assert sequences(await read(subscription, len(SYMBOLS))) == {symbol: [2] for symbol in SYMBOLS}


async def test_a_member_beyond_the_number_of_partitions_waits_in_peace(broker_world: World) -> None:
    broker_world.partitions = 1
    async with broker_world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
    got = []

    async def member() -> None:
        async with broker_world.subscriber().open(EARLIEST, broker_world.topic) as subscription:
            while True:
                got.extend(await subscription.receive())

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(member)
        await anyio.sleep(8)
        tasks.cancel_scope.cancel()
    assert {one.book.symbol for one in got} == set(SYMBOLS)
    assert not broker_world.telemetry.warned("Kafka does not answer")


async def test_partitions_are_shared_out_and_every_record_reaches_some_member(broker_world: World) -> None:
    """One member, then three, then one, while records are published; what is read twice has the same offset."""
    broker_world.partitions = 12
    by_offset: dict[tuple[int, int], tuple[str, int]] = {}
    last = 600
    handed: list[int] = []

    async def member(stay: anyio.Event) -> None:
        reader = broker_world.subscriber()
        handed.append(0)
        me = len(handed) - 1
        async with reader.open(EARLIEST, broker_world.topic) as subscription:
            while not stay.is_set():
                with anyio.move_on_after(0.2):
                    for one in await subscription.receive():
                        handed[me] += 1
                        place = one.partition, one.offset
                        assert by_offset.setdefault(place, (one.book.symbol, one.book.publish_seq)) == (
                            one.book.symbol,
                            one.book.publish_seq,
                        )

    async def produce(done: anyio.Event) -> None:
        async with broker_world.publisher().open() as publication:
            for number in range(last):
                await publish(publication, SYMBOLS, range(number, number + 1))
                await anyio.sleep(0.02)
        done.set()

    def read_of(symbol: str) -> set[int]:
        return {number for name, number in by_offset.values() if name == symbol}

    published, forever, leave = anyio.Event(), anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(produce, published)
        tasks.start_soon(member, forever)
        await anyio.sleep(3)
        tasks.start_soon(member, leave)
        tasks.start_soon(member, leave)
        await anyio.sleep(5)
        assert handed[1]
        assert handed[2]
        leave.set()
        await published.wait()
        with anyio.fail_after(20):
            while any(len(read_of(symbol)) < last for symbol in SYMBOLS):  # noqa: ASYNC110
                await anyio.sleep(0.1)
        forever.set()
    assert {symbol: read_of(symbol) for symbol in SYMBOLS} == {symbol: set(range(last)) for symbol in SYMBOLS}
    # Only what was not yet committed when a partition changed hands is handed out once more.
    assert sum(handed) - len(by_offset) < len(by_offset) / 4


async def test_a_program_that_reads_a_few_books_leaves_the_others_to_the_group(broker_world: World) -> None:
    async with broker_world.publisher().open() as publication:
        await publish(publication, ["S0-USD"], range(20))
    read_seqs: list[int] = []
    for _ in range(3):
        async with read_books(
            broker_world.cluster.brokers,
            topic=broker_world.topic,
            group=broker_world.topic,
            start="earliest",
            overrides=["kafka.consumer.warm_start_records=0"],
        ) as books:
            async for book in books:
                if book.is_live:
                    read_seqs.append(book.publish_seq)
                    break
    assert read_seqs == [0, 1, 2]

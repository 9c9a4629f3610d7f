"""A whole run of the consumer in virtual time: the topic and the display in memory."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest
from tests.support.network import FakeTelemetry
from tests.support.reading import FakeDisplay, FakeSubscriber
from tests.support.records import EARLIER_RUN, LATER_RUN, record
from tests.support.virtual import VIRTUAL_TIME, LoopClock
from tests.support.waiting import until

from market_data.application.bounded import ReadingEnd
from market_data.application.consume import Consumer, ConsumeRequest
from market_data.application.ports import Start, Trouble
from market_data.application.probe import TopicProbe, TopicReport
from market_data.domain.errors import BrokerError
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, Reason

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.define
class Bench:
    """A consumer between a topic and a display in memory."""

    request: ConsumeRequest = attrs.field(factory=lambda: ConsumeRequest(Start("latest"), None, None))
    subscriber: FakeSubscriber = attrs.field(factory=FakeSubscriber)
    display: FakeDisplay = attrs.field(factory=FakeDisplay)
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)
    stop: anyio.Event = attrs.field(factory=anyio.Event)
    consumer: Consumer = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.consumer = Consumer(
            self.subscriber,
            Market(stale_after_seconds=15.0, digits=6),
            self.display,
            LoopClock(),
            self.telemetry,
            source="nowhere",
            refresh_seconds=0.25,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run, and stop at the end of the block."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.consumer.run, self.request, self.stop)
            await until(lambda: self.display.is_open)
            yield
            self.stop.set()

    @property
    def seqs(self) -> list[int]:
        return [quote.book.publish_seq for quote in self.display.shown]

    @property
    def told(self) -> list[str]:
        return [message for message, _ in self.telemetry.warnings]


async def test_every_record_is_shown_and_proven_in_order() -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.deliver(record(0), record(1), record(0, symbol="ETH-USDT"))
        await until(lambda: len(bench.display.shown) == 3)
        bench.subscriber.deliver(record(2))
        await until(lambda: len(bench.display.shown) == 4)
    assert bench.seqs == [0, 1, 0, 2]
    assert bench.display.batches == 2, "what is read together is shown together"
    assert bench.consumer.reading.records == 4
    assert bench.consumer.reading.proof.is_proven
    assert bench.told == []
    assert not bench.subscriber.is_open
    assert not bench.display.is_open


async def test_it_is_known_how_far_behind_the_reading_is_once_a_broker_has_told() -> None:
    bench = Bench(subscriber=FakeSubscriber(told_lags={}))
    async with bench.running():
        await anyio.sleep(1)
        before = bench.consumer.reading.lag
        bench.subscriber.told_lags = {0: 3, 1: 4}
        await until(lambda: bench.consumer.reading.lag == 7)
    assert before is None


async def test_only_the_instruments_wanted_are_shown_and_proven() -> None:
    bench = Bench(ConsumeRequest(Start("earliest"), "readers", frozenset({"binance:ETH-USDT"})))
    async with bench.running():
        bench.subscriber.deliver(record(0), record(0, symbol="ETH-USDT"), record(9))
        await until(lambda: bench.display.shown)
    assert {quote.book.symbol for quote in bench.display.shown} == {"ETH-USDT"}
    assert set(bench.consumer.reading.proof.keys) == {"binance:ETH-USDT"}
    assert bench.subscriber.asked == [(Start("earliest"), "readers")]


@pytest.mark.parametrize(
    ("books", "told"),
    [
        pytest.param([record(0), record(2)], "records are missing", id="hole"),
        pytest.param([record(0), record(1), record(1)], "a record came twice", id="double"),
        pytest.param([record(0), record(2), record(1)], "records are out of order", id="disorder"),
        pytest.param(
            [record(0, run=EARLIER_RUN), record(0), record(1, run=EARLIER_RUN)],
            "another producer still publishes this instrument",
            id="two producers",
        ),
    ],
)
async def test_what_is_not_in_order_is_told(books: list[object], told: str) -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.deliver(*books)  # type: ignore[arg-type]
        await until(lambda: bench.told)
    assert told in bench.told


async def test_records_read_again_after_a_rebalance_are_neither_told_nor_shown() -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.deliver(record(0), record(1), record(2))
        await until(lambda: len(bench.display.shown) == 3)
        bench.subscriber.deliver(record(1), record(2), record(3), offset=1)
        await until(lambda: 3 in bench.seqs)
    assert bench.seqs == [0, 1, 2, 3]
    assert bench.told == []


async def test_a_new_run_is_shown_and_the_old_ones_rest_is_not() -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.deliver(record(7), record(0, run=LATER_RUN), record(8), record(1, run=LATER_RUN))
        await until(lambda: len(bench.display.shown) == 3)
    assert [(quote.book.run, quote.book.publish_seq) for quote in bench.display.shown][1:] == [
        (LATER_RUN, 0),
        (LATER_RUN, 1),
    ]


async def test_a_producer_that_falls_silent_makes_its_books_stale() -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.deliver(record(0))
        await until(lambda: bench.display.shown)
        since = anyio.current_time()
        await until(lambda: len(bench.display.shown) == 2, 60)
        assert 14.9 < anyio.current_time() - since < 15.6
        await anyio.sleep(60)
        assert len(bench.display.shown) == 2
        bench.subscriber.deliver(record(1))
        await until(lambda: len(bench.display.shown) == 3)
    assert [(quote.status, quote.reason) for quote in bench.display.shown] == [
        (BookStatus.LIVE, None),
        (BookStatus.STALE, Reason.SILENCE),
        (BookStatus.LIVE, None),
    ]


async def test_an_instrument_asked_for_that_does_not_come_is_missed_once() -> None:
    request = ConsumeRequest(Start("latest"), None, (record().key, "nowhere:BTC-USD"))
    bench = Bench(request)
    async with bench.running():
        bench.subscriber.deliver(record(0))
        await anyio.sleep(9)
        assert bench.told == []
        await anyio.sleep(60)
    assert bench.told == ["nothing was read so far of what was asked for"]


async def test_what_goes_to_another_member_of_the_group_is_not_called_silent_and_comes_back() -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.deliver(record(0), record(1))
        await until(lambda: len(bench.display.shown) == 2)
        bench.subscriber.ours = frozenset()
        await anyio.sleep(60)
        assert len(bench.display.shown) == 2
        bench.subscriber.ours, bench.subscriber.reading = frozenset({0}), 2
        bench.subscriber.deliver(record(7), record(8), offset=7)
        await until(lambda: 8 in bench.seqs)
    assert [quote.status for quote in bench.display.shown] == [BookStatus.LIVE] * 4
    assert bench.seqs == [0, 1, 7, 8]
    assert bench.told == []
    assert bench.consumer.reading.proof.is_proven


@attrs.define
class FakeTopic(TopicProbe):
    """A topic that ends somewhere."""

    ends: int
    asked: int = 0

    async def look(self) -> TopicReport:
        raise NotImplementedError

    async def ends_at(self, time: int) -> Mapping[int, int]:  # noqa: ARG002
        self.asked += 1
        return {0: self.ends}


async def test_it_ends_by_itself_once_all_up_to_the_end_was_read() -> None:
    topic = FakeTopic(3)
    clock = LoopClock()
    bench = Bench(attrs.evolve(Bench().request, end=ReadingEnd(topic, clock, clock.now().wall)))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.consumer.run, bench.request, bench.stop)
        await until(lambda: bench.display.is_open)
        await anyio.sleep(60)
        bench.subscriber.deliver(record(0), record(1))
        await until(lambda: len(bench.display.shown) == 2)
        await anyio.sleep(60)
        bench.subscriber.deliver(record(2), record(3))
    assert bench.seqs == [0, 1, 2], "no more, and no silence of what is past"
    assert bench.consumer.reading.records == 3
    assert not bench.stop.is_set()
    assert not bench.subscriber.is_open


async def test_until_the_end_has_come_silence_is_told_as_ever() -> None:
    clock = LoopClock()
    bench = Bench(attrs.evolve(Bench().request, end=ReadingEnd(FakeTopic(1), clock, clock.now().wall + 60_000_000)))
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.consumer.run, bench.request, bench.stop)
        bench.subscriber.deliver(record(0))
    assert [quote.status for quote in bench.display.shown] == [BookStatus.LIVE, BookStatus.STALE]
    assert 60 <= anyio.current_time() - began < 62


async def test_it_ends_after_so_many_records_and_leaves_the_others_to_the_next_of_the_group() -> None:
    bench = Bench(attrs.evolve(Bench().request, most_records=3))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.consumer.run, bench.request, bench.stop)
        await until(lambda: bench.display.is_open)
        bench.subscriber.deliver(record(0), record(1))
        await until(lambda: len(bench.display.shown) == 2)
        bench.subscriber.deliver(record(2), record(3), record(4))
    assert bench.seqs == [0, 1, 2]
    assert bench.consumer.reading.records == 3
    assert [each.book.publish_seq for each in bench.subscriber.unused] == [3, 4]


async def test_it_ends_after_so_long() -> None:
    bench = Bench(attrs.evolve(Bench().request, seconds=7.5))
    began = anyio.current_time()
    bench.subscriber.deliver(record(0))
    await bench.consumer.run(bench.request, bench.stop)
    assert bench.seqs == [0]
    assert 7.5 <= anyio.current_time() - began < 8
    assert not bench.display.is_open


async def test_passing_time_is_shown_as_often_as_asked() -> None:
    bench = Bench()
    async with bench.running():
        await anyio.sleep(10)
    assert 38 <= bench.display.refreshed <= 40


async def test_a_broker_that_can_not_be_read_any_more_ends_the_run() -> None:
    bench = Bench()
    with pytest.RaisesGroup(BrokerError, flatten_subgroups=True, allow_unwrapped=True):
        async with bench.running():
            bench.subscriber.fail(BrokerError("gone"))
            await anyio.sleep(10)
    assert not bench.display.is_open


async def test_a_reader_that_has_enough_ends_the_run() -> None:
    bench = Bench()
    bench.display.failure = BrokenPipeError()
    with pytest.RaisesGroup(BrokenPipeError, flatten_subgroups=True):
        async with bench.running():
            bench.subscriber.deliver(record(0))
            await anyio.sleep(10)
    assert not bench.subscriber.is_open


async def test_a_run_that_is_stopped_before_the_topic_is_open_ends_at_once() -> None:
    bench = Bench()
    bench.stop.set()
    with anyio.fail_after(1):
        await bench.consumer.run(bench.request, bench.stop)
    assert not bench.display.is_open


async def test_what_keeps_records_from_coming_is_there_for_the_display_to_say() -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.troubled_since = lambda: 7.5
        await until(lambda: bench.consumer.reading.trouble == Trouble("broker unreachable", 7.5))
        bench.subscriber.troubled_since = None
        await until(lambda: bench.consumer.reading.trouble is None)


async def test_while_nothing_can_be_read_producers_are_not_blamed_for_silence() -> None:
    bench = Bench()
    async with bench.running():
        bench.subscriber.deliver(record(0))
        await until(lambda: bench.display.shown)
        bench.subscriber.troubled_since = lambda: 7.5
        await until(lambda: len(bench.display.shown) == 2, 60)
        assert bench.display.shown[-1].why == "stale: broker unreachable"
        bench.subscriber.troubled_since = None
        await until(lambda: len(bench.display.shown) == 3, 60)
        assert bench.display.shown[-1].why == "stale: silence of the producer"


async def test_it_ends_when_the_person_in_front_of_the_display_has_seen_enough() -> None:
    bench = Bench()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.consumer.run, bench.request, bench.stop)
        await until(lambda: bench.display.leave is not None)
        assert bench.display.leave is not None
        bench.display.leave()
    assert not bench.display.is_open


async def test_who_runs_it_may_say_what_leaving_means() -> None:
    bench, asked = Bench(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.consumer.run, bench.request, bench.stop, asked.set)
        await until(lambda: bench.display.leave is not None)
        assert bench.display.leave is not None
        bench.display.leave()
        assert asked.is_set()
        assert bench.display.is_open
        bench.stop.set()

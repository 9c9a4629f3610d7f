"""What a program is handed by the reading API where reading has an end: in virtual time, from a topic in memory."""

from collections.abc import Mapping

import anyio
import pytest
from tests.support.network import FakeTelemetry
from tests.support.reading import FakeSubscriber
from tests.support.records import record
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.application.bounded import ReadingEnd
from market_data.application.overtime import OverTime
from market_data.application.probe import TopicProbe, TopicReport
from market_data.application.proven import ProvenSubscription
from market_data.domain.across import Across
from market_data.domain.errors import UsageError
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus
from market_data.domain.watch import Watch
from market_data.reader import Books

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class OneRecord(TopicProbe):
    """A topic that holds one record."""

    async def look(self) -> TopicReport:
        raise NotImplementedError

    async def ends_at(self, time: int) -> Mapping[int, int]:  # noqa: ARG002
        return {0: 1}


def books_of(subscriber: FakeSubscriber, end_in_seconds: float, over_time: OverTime | None = None) -> Books:
    clock = LoopClock()
    end = ReadingEnd(OneRecord(), clock, clock.now().wall + round(end_in_seconds * 1e6))
    return Books(ProvenSubscription(subscriber, None, FakeTelemetry()), Market(15.0, 6), clock, end, over_time)


async def test_until_a_time_that_is_to_come_silence_is_told_as_ever() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(0))
    began = anyio.current_time()
    assert [book.status async for book in books_of(subscriber, 60)] == [BookStatus.LIVE, BookStatus.STALE]
    assert anyio.current_time() - began >= 60


async def test_until_a_time_that_has_been_only_what_the_topic_held_is_told() -> None:
    subscriber = FakeSubscriber()
    books = books_of(subscriber, -60)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_deliver_later, subscriber)
        told = [book.status async for book in books]
    assert told == [BookStatus.LIVE], "a minute later it is not called silent: it is past"


async def _deliver_later(subscriber: FakeSubscriber) -> None:
    await anyio.sleep(60)
    subscriber.deliver(record(0))


async def test_minutes_and_venues_are_answered_where_they_were_asked_for() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(0), record(0, exchange="okx"))
    books = books_of(subscriber, 3600, OverTime(Watch(15.0), Across(15.0), LoopClock()))
    first = await anext(books)
    minute = books.over_time.minute(first.key)
    assert minute is not None
    assert minute.high == first.mid
    assert len(books.over_time.mids(first.key, 5)) == 5
    assert [each.status for each in books.over_time.history(first.key)] == [BookStatus.LIVE]
    view = books.over_time.across("BTC-USDT")
    assert view is not None
    assert [each.quote.book.exchange for each in view.venues] == ["binance", "okx"]
    assert books.over_time.bases("BTC") == []
    with pytest.raises(UsageError, match="over_time=True"):
        _ = books_of(subscriber, 3600).over_time

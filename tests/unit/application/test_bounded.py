"""Where a reading ends: partition by partition, at a time that has been or is to come."""

from collections.abc import Mapping

import attrs
import pytest
from tests.support.records import record

from market_data.application.bounded import ReadingEnd
from market_data.application.ports import Clock, Delivered
from market_data.application.probe import TopicProbe, TopicReport
from market_data.domain.moment import Moment

pytestmark = pytest.mark.anyio

UNTIL = 1_000_000


@attrs.define
class FakeTopic(TopicProbe, Clock):
    """A topic and a clock."""

    ends: Mapping[int, int]
    wall: int = UNTIL
    asked: int = 0

    def now(self) -> Moment:
        return Moment(self.wall, self.wall / 1e6)

    async def look(self) -> TopicReport:
        raise NotImplementedError

    async def ends_at(self, time: int) -> Mapping[int, int]:
        assert time == UNTIL
        self.asked += 1
        return self.ends


def delivered(offset: int, timestamp: int) -> Delivered:
    return Delivered(record(), 0, offset, timestamp)


async def test_it_is_reached_when_every_partition_has_come_to_its_end() -> None:
    topic = FakeTopic({0: 5, 1: 0, 2: 3})
    end = ReadingEnd(topic, topic, UNTIL)
    assert not await end.is_reached({})
    assert not await end.is_reached({0: 5, 1: 0, 2: 2})
    assert not await end.is_reached({0: 5, 2: 3}), "partition 1 is not placed yet"
    assert await end.is_reached({0: 7, 1: 0, 2: 3})
    assert topic.asked == 1


async def test_a_time_to_come_is_waited_for() -> None:
    topic = FakeTopic({0: 5}, wall=UNTIL - 1)
    end = ReadingEnd(topic, topic, UNTIL)
    assert not await end.is_reached({0: 99})
    assert topic.asked == 0
    topic.wall = UNTIL
    assert await end.is_reached({0: 99})


async def test_what_comes_behind_it_is_left_out() -> None:
    topic = FakeTopic({0: 5})
    end = ReadingEnd(topic, topic, UNTIL)
    assert end.holds(delivered(9, UNTIL - 1))
    assert not end.holds(delivered(9, UNTIL))
    await end.is_reached({})
    assert end.holds(delivered(4, UNTIL - 1))
    assert not end.holds(delivered(5, UNTIL - 1))

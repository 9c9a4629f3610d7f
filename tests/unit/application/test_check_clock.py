"""What ``check`` says of the broker's clock, by the newest record's times."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import pytest

from market_data.application.check import Check, CheckSettings, Finding
from market_data.application.ports import Clock, Connection, Network, Request, Response, Transport
from market_data.application.probe import Newest, TopicProbe, TopicReport
from market_data.domain.moment import Moment

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000_000_000
HOUR = 3_600_000_000


class _Nowhere(Transport, Network):
    """Reaches nobody, and is not asked to."""

    def open(self) -> AbstractAsyncContextManager[Network]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Network]:
        yield self

    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        raise NotImplementedError

    async def get(self, request: Request) -> Response:
        raise NotImplementedError


@attrs.frozen
class _Topic(TopicProbe):
    newest: Newest | None

    async def look(self) -> TopicReport:
        return TopicReport({0: 0}, {0: 5}, self.newest)

    async def ends_at(self, time: int) -> Mapping[int, int]:
        raise NotImplementedError


class _Noon(Clock):
    def now(self) -> Moment:
        return Moment(NOW, 0.0)


@pytest.mark.parametrize(
    ("newest", "is_ok", "said"),
    [
        pytest.param(
            Newest(NOW - 1_000_000, NOW - 1_010_000), True, "no difference shows in the newest record", id="well"
        ),
        pytest.param(Newest(NOW - 40 * HOUR, None), True, "no difference shows in the newest record", id="old"),
        pytest.param(
            Newest(NOW - 1_000_000, NOW + 2 * HOUR - 1_000_000),
            False,
            "the producer's clock was 7200.0 s ahead of the broker's at the newest record, more than 10 s "
            "(book.max_clock_skew_seconds): set both clocks by NTP",
            id="producer ahead",
        ),
        pytest.param(
            Newest(NOW, NOW - 30 * HOUR),
            False,
            "the producer's clock was 108000.0 s behind the broker's at the newest record, more than 10 s "
            "(book.max_clock_skew_seconds): set both clocks by NTP",
            id="producer behind",
        ),
        pytest.param(
            Newest(NOW + HOUR, None),
            False,
            "the newest record is 3600.0 s ahead of this machine's clock, more than 10 s "
            "(book.max_clock_skew_seconds): set both clocks by NTP",
            id="this machine behind",
        ),
    ],
)
async def test_the_brokers_clock_is_compared_by_the_newest_record(newest: Newest, is_ok: bool, said: str) -> None:  # noqa: FBT001
    findings: list[Finding] = []
    settings = CheckSettings("broker:9092", "books", 1, True, 1.0, 10.0)
    assert await Check([], _Nowhere(), _Topic(newest), _Noon(), settings).run(findings.append) is is_ok
    assert findings[-1] == Finding("broker clock", is_ok=is_ok, said=said)


async def test_of_a_topic_that_does_not_keep_the_brokers_time_nothing_is_said() -> None:
    findings: list[Finding] = []
    settings = CheckSettings("broker:9092", "books", 1, True, 1.0, 10.0)
    assert await Check([], _Nowhere(), _Topic(None), _Noon(), settings).run(findings.append)
    assert [finding.subject for finding in findings] == ["broker", "topic"]

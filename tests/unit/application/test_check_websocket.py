"""What ``check`` says of a venue's WebSocket: how long its first data took."""

from collections.abc import Mapping

import anyio
import attrs
import pytest
from tests.support.bounds import bounds
from tests.support.network import FakeNetwork, FakeTransport
from tests.support.producing import ASKS, BIDS, products
from tests.support.venues import COINBASE, coinbase_event, coinbase_frame
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.application.check import Check, CheckSettings, Finding
from market_data.application.probe import TopicProbe, TopicReport
from market_data.application.produce import VenuePlan

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.frozen
class _Topic(TopicProbe):
    async def look(self) -> TopicReport:
        return TopicReport({0: 0}, {0: 5}, None)

    async def ends_at(self, time: int) -> Mapping[int, int]:
        raise NotImplementedError


async def test_first_data_is_timed_from_the_attempt_to_connect() -> None:
    clock, findings = LoopClock(), list[Finding]()
    network = FakeNetwork(clock, answers={"products": products, "time": lambda _: b'{"iso":"2023-11-14T22:13:20Z"}'})
    settings = CheckSettings("broker:9092", "books", 1, True, 20.0, 10.0)
    check = Check([VenuePlan(COINBASE, ("BTC-USD",), bounds())], FakeTransport(network), _Topic(), clock, settings)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(check.run, findings.append)
        await anyio.sleep(7)
        network.connection.say(coinbase_frame(0, [coinbase_event("snapshot", "BTC-USD", BIDS, ASKS)]))
    (said,) = [finding.said for finding in findings if finding.subject == "coinbase WebSocket"]
    assert said.endswith("opens, first data after 7.0 s")

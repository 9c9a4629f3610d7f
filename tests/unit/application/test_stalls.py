"""Stalls of the event loop are counted and told, in virtual time."""

import asyncio

import anyio
import pytest
from tests.support.network import FakeTelemetry
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.application.stalls import watch_stalls

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.mark.parametrize(("seconds", "is_told"), [(0.2, False), (0.4, True), (6.0, True)])
async def test_a_stall_beyond_a_quarter_of_a_second_is_counted_and_told(seconds: float, *, is_told: bool) -> None:
    telemetry = FakeTelemetry()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch_stalls, LoopClock(), telemetry)
        await anyio.sleep(1.05)
        asyncio.get_running_loop()._virtual.now += seconds  # type: ignore[attr-defined]
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    assert telemetry.counts == ({"market_data_event_loop_stalls_total": 1} if is_told else {})
    assert [message for message, _ in telemetry.warnings] == (["the event loop stood still"] if is_told else [])
    if is_told:
        (stalled,) = (fields["seconds"] for _, fields in telemetry.warnings)
        assert stalled == pytest.approx(seconds - 0.05, abs=0.02)

"""Notices that the event loop stood still: something held it, or the machine gave us no time."""

import anyio

from market_data.application import metrics
from market_data.application.ports import Clock, Telemetry

__all__ = ["watch_stalls"]

_LOOK_SECONDS = 0.1
_STALL_SECONDS = 0.25
"""Frames wait in the kernel for so long before it is told."""


async def watch_stalls(clock: Clock, telemetry: Telemetry) -> None:
    """Measure how late the loop is; count and tell a stall of more than a quarter of a second; until cancelled."""
    telemetry.count(metrics.EVENT_LOOP_STALLS, 0)
    while True:
        asleep = clock.now().mono
        await anyio.sleep(_LOOK_SECONDS)
        stalled = max(0.0, clock.now().mono - asleep - _LOOK_SECONDS)
        telemetry.observe(metrics.EVENT_LOOP_LAG, stalled)
        if stalled > _STALL_SECONDS:
            telemetry.count(metrics.EVENT_LOOP_STALLS)
            telemetry.warn("the event loop stood still", seconds=round(stalled, 2))

"""Notices that the event loop stood still: something held it, or the machine gave us no time."""

import anyio

from market_data.application.ports import Clock, Telemetry

__all__ = ["watch_stalls"]

_LOOK_SECONDS = 0.1
_STALL_SECONDS = 0.25
"""Frames wait in the kernel for so long before it is told."""


async def watch_stalls(clock: Clock, telemetry: Telemetry) -> None:
    """Count and tell every stall of the loop that takes longer than a quarter of a second, until cancelled."""
    while True:
        asleep = clock.now().mono
        await anyio.sleep(_LOOK_SECONDS)
        stalled = clock.now().mono - asleep - _LOOK_SECONDS
        if stalled > _STALL_SECONDS:
            telemetry.count("event_loop_stalls")
            telemetry.warn("the event loop stood still", seconds=round(stalled, 2))

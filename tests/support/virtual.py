"""Time that passes as fast as nothing happens: waits of minutes take no time, and nothing but the program moves them.

A test takes it by defining ``anyio_backend`` as ``VIRTUAL_TIME``; there are no sockets and no threads in such a test.
"""

import asyncio
import selectors
from typing import Any

import anyio

from market_data.application.ports import Clock
from market_data.domain.moment import Moment

__all__ = ["VIRTUAL_TIME", "LoopClock"]

_START = 1000.0
_INSTANT = 1e-9
"""Some time always passes, so that a wait too short for the clock's precision ends."""


class _VirtualSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Instead of waiting for a file, lets the time pass that the loop was about to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = _START

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += _INSTANT
        ready: list[Any] = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("everything waits for something that nobody will do")
        self.now += max(timeout, 0.0)
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


class LoopClock(Clock):
    """The clock of the running loop."""

    def now(self) -> Moment:
        seconds = anyio.current_time()
        return Moment(1_700_000_000_000_000 + round((seconds - _START) * 1e6), seconds)


VIRTUAL_TIME = ("asyncio", {"loop_factory": _VirtualLoop})

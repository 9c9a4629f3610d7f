"""The system's clocks."""

import time

from market_data.application.ports import Clock
from market_data.domain.moment import Moment

__all__ = ["SystemClock"]


class SystemClock(Clock):
    """Wall clock in µs, monotonic clock in seconds."""

    def now(self) -> Moment:
        return Moment(time.time_ns() // 1000, time.monotonic())

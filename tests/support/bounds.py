"""Settings and time for the pure parts: short bounds, shallow books, a clock that is moved by hand."""

from typing import Any

import attrs

from market_data.domain.moment import Moment
from market_data.domain.sync import SyncSettings

__all__ = ["HandClock", "bounds"]

_BOUNDS = SyncSettings(
    depth=3,
    heartbeat_seconds=5.0,
    first_data_timeout_seconds=10.0,
    stream_silence_seconds=15.0,
    join_quiet_seconds=1.0,
    max_buffered_events=50,
    reseed_below_levels=6,
    snapshot_limit=10,
    snapshot_retry_initial_seconds=0.5,
    snapshot_retry_max_seconds=8.0,
    crossed_limit=3,
    audit_seconds=0.0,
)


def bounds(**changes: Any) -> SyncSettings:
    """Give the bounds of trust of a test."""
    return attrs.evolve(_BOUNDS, **changes)


@attrs.define
class HandClock:
    """Time that passes when it is told to."""

    moment: Moment = attrs.field(factory=lambda: Moment(wall=1_700_000_000_000_000, mono=100.0))

    def advance(self, seconds: float) -> Moment:
        """Let time pass."""
        self.moment = Moment(self.moment.wall + round(seconds * 1e6), self.moment.mono + seconds)
        return self.moment

    def now(self) -> Moment:
        """Read the time."""
        return self.moment

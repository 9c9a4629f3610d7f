"""What one connection's core notices of clocks: ours leaping, the program standing still, the venue's being far off."""

from math import inf

from market_data.domain.effects import Effect, Tell
from market_data.domain.moment import Moment
from market_data.domain.sync import SyncSettings
from market_data.domain.tally import VenueTally

__all__ = ["ClockWatch"]

_MICROSECONDS = 1e6
_SKEW_PERIOD_SECONDS = 300.0


class ClockWatch:
    """Tells what it notices; pure, as its core."""

    def __init__(self, settings: SyncSettings, effects: list[Effect], tally: VenueTally) -> None:
        """``effects`` is shared with the core, which drains it; ``tally`` is the venue's."""
        self.behind = 0
        """How far the last change's time was behind ours when it was read, µs; 0 where there was none since a look."""
        self._settings = settings
        self._effects = effects
        self._tally = tally
        self._last: Moment | None = None
        self._opened_at = -inf
        self._busy_at = -inf
        self._skew_told_at = -inf

    def opened(self, now: Moment) -> None:
        """A connection is open: what was late on the last one says nothing of this one."""
        self._opened_at = now.mono
        self._busy_at = -inf
        self.behind = 0

    def was_busy(self, now: Moment) -> None:
        """The connection was busy with a large frame until now: what comes next has waited behind it."""
        self._busy_at = now.mono

    def have_leapt(self, now: Moment) -> bool:
        """Tell whether the wall clock leapt against the monotonic one, or we were not running."""
        last, self._last = self._last or now, now
        passed = now.mono - last.mono
        step = (now.wall - last.wall) / _MICROSECONDS - passed
        if abs(step) >= self._settings.clock_step_seconds:
            self._effects.append(Tell("the wall clock stepped", {"seconds": round(step, 3)}))
        elif passed >= self._settings.pause_seconds:
            self._effects.append(Tell("the program was not running", {"seconds": round(passed, 1)}))
        else:
            return False
        return True

    def watch_skew(self, now: Moment) -> None:
        """Notice that the venue's clock is far from ours."""
        skew, self.behind = self.behind / _MICROSECONDS, 0
        if skew:
            self._tally.behind_seconds = skew
        is_far = abs(skew) > self._settings.max_clock_skew_seconds and not self._may_be_transit(skew, now)
        if is_far and now.mono - self._skew_told_at >= _SKEW_PERIOD_SECONDS:
            self._skew_told_at = now.mono
            self._effects.append(Tell("the venue's clock is far from ours", {"seconds_behind": round(skew, 3)}))

    def _may_be_transit(self, behind: float, now: Moment) -> bool:
        """Tell whether what was sent over this connection so long ago may have waited behind a large frame since."""
        earliest = self._opened_at - self._settings.max_clock_skew_seconds
        return earliest <= now.mono - behind <= self._busy_at

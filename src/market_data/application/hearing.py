"""When one connection was heard last, and whether it has been silent for too long."""

from math import inf

from market_data.application.ports import Venue
from market_data.domain.moment import Moment

__all__ = ["Hearing"]


class Hearing:
    """Pure, as its core. The bytes of a large frame are heard, too, though nothing can be read of it yet."""

    def __init__(self, venue: Venue, silence_seconds: float) -> None:
        """``silence_seconds`` bounds how long a connection from which something is due may say nothing at all."""
        self.heard_at = -inf
        self._is_always_due = venue.sends_heartbeats
        self._silence = silence_seconds + (venue.ping_seconds or 0.0)
        self._busy_since = inf

    def opened(self, now: Moment) -> None:
        """A connection is open."""
        self.heard_at = now.mono
        self._busy_since = inf

    @property
    def is_busy(self) -> bool:
        """Whether bytes have come of a frame that is not whole yet."""
        return self._busy_since < inf

    def hear(self, now: Moment, *, is_whole: bool) -> float:
        """Note that bytes came; gives for how many seconds those of a large frame came that is whole now."""
        self.heard_at = now.mono
        since = self._busy_since
        self._busy_since = inf if is_whole else min(since, now.mono)
        return now.mono - since if is_whole and since < inf else 0.0

    def is_silent(self, now: Moment, owed_since: float) -> bool:
        """Tell whether something should have come: heartbeats are promised, an answer has been owed since then, or a
        frame has begun.
        """
        since = self.heard_at if self._is_always_due or self.is_busy else owed_since
        return now.mono - since >= self._silence

"""How long a feed waits before it connects again."""

from random import Random

import attrs

__all__ = ["ReconnectSettings", "ReconnectWaits"]


@attrs.frozen
class ReconnectSettings:
    """How long to wait between attempts; the first message that makes a book live resets the back-off, unless we give
    that connection up ourselves before it has lasted as long as the next wait would have been.
    """

    initial_backoff_seconds: float
    max_backoff_seconds: float
    backoff_multiplier: float
    jitter: float
    """A share of the wait: 0.3 makes it 70 to 100 % of itself."""


class ReconnectWaits:
    """The waits of one feed."""

    def __init__(self, settings: ReconnectSettings, random: Random) -> None:
        """``random`` jitters them."""
        self._settings = settings
        self._random = random
        self._wait = self._forgiven = settings.initial_backoff_seconds
        self._live_since: float | None = None

    @property
    def is_reset(self) -> bool:
        """Whether the connection has made a book live."""
        return self._live_since is not None

    def connecting(self) -> None:
        """Another connection is opened."""
        self._live_since = None

    def live(self, now: float) -> None:
        """The connection has made a book live, seconds of the monotonic clock."""
        self._live_since, self._forgiven = now, self._wait
        self._wait = self._settings.initial_backoff_seconds

    def gave_up(self, now: float) -> None:
        """Let the waits go on growing where what the venue sends is the trouble, however well it begins."""
        self._wait = self.unlasting(now) or self._wait
        self._live_since = None

    def succeed(self, other: "ReconnectWaits", now: float) -> float:
        """Go on where another feed's waits are, as if its connection had been given up; gives the wait before the first
        attempt: none where that connection has lasted.
        """
        wait = other.unlasting(now)
        if wait is None:
            return 0.0
        self._wait = self._forgiven = wait
        return self.advance()

    def unlasting(self, now: float) -> float | None:
        """How long to wait after the open connection, before jitter; None where it has lasted longer."""
        if self._live_since is None:
            return self._wait
        return self._forgiven if now - self._live_since < self._forgiven else None

    def advance(self) -> float:
        """Give the wait before the next attempt, in seconds."""
        settings = self._settings
        wait = self._wait * (1.0 - settings.jitter * self._random.random())
        self._wait = min(self._wait * settings.backoff_multiplier, settings.max_backoff_seconds)
        return min(wait, settings.max_backoff_seconds)

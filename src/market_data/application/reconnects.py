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
        if self._live_since is not None and now - self._live_since < self._forgiven:
            self._wait = self._forgiven
        self._live_since = None

    def advance(self) -> float:
        """Give the wait before the next attempt, in seconds."""
        settings = self._settings
        wait = self._wait * (1.0 - settings.jitter * self._random.random())
        self._wait = min(self._wait * settings.backoff_multiplier, settings.max_backoff_seconds)
        return min(wait, settings.max_backoff_seconds)

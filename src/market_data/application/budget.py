"""How much may be asked of a venue: one purse of REST weight for all its instruments, one of connections likewise.

Weight is spent from a bucket that fills evenly over a minute, so that the start of many instruments is spread and no
burst of trouble empties the venue's own count. The venue's word (its used-weight header, a 429 or 418 with
Retry-After) always wins.
"""

import anyio

from market_data.application.ports import Clock

__all__ = ["WeightBudget"]

_MINUTE = 60.0
_HOLD_WITHOUT_WORD_SECONDS = 60.0
_BURST_SECONDS = 10.0


class WeightBudget:
    """A bucket of request weight, or of attempts to connect, refilled evenly."""

    def __init__(self, weight_per_minute: float, clock: Clock, *, burst_seconds: float = _BURST_SECONDS) -> None:
        """The bucket holds so many seconds' worth, and one at least."""
        self._limit = weight_per_minute
        self._rate = weight_per_minute / _MINUTE
        self._burst = max(self._rate * burst_seconds, 1.0)
        self._clock = clock
        self._available = self._burst
        self._counted_at = clock.now().mono
        self._held_until = 0.0
        self.spent = 0
        """All that was spent so far."""
        self.used: int | None = None
        """The venue's own count for this minute, as it was told last."""
        self._turn = anyio.Lock()
        self._urgent_turn = anyio.Lock()

    async def spend(self, weight: int, *, is_urgent: bool = False) -> None:
        """Wait until so much may be spent, first come first served; what is urgent and light goes before all others.

        Safe to cancel.
        """
        async with self._urgent_turn if is_urgent else self._turn:
            while (wait := self._wait_for(weight, is_urgent=is_urgent)) > 0.0:  # noqa: ASYNC110 - for time to pass
                await anyio.sleep(wait)
            self._available -= weight
            self.spent += weight

    @property
    def limit(self) -> float:
        """How much may be spent a minute."""
        return self._limit

    def hold(self, seconds: float | None) -> None:
        """The venue said to stop: spend nothing for so long; a minute where it gave no time."""
        wait = _HOLD_WITHOUT_WORD_SECONDS if seconds is None else seconds
        self._held_until = max(self._held_until, self._clock.now().mono + wait)

    def learn(self, used: int | None) -> None:
        """Take the venue's own count of this minute, which knows of other programs at the same address too."""
        if used is None:
            return
        self.used = used
        if used > self._limit:
            self._available = min(self._available, 0.0)

    def _wait_for(self, weight: int, *, is_urgent: bool) -> float:
        now = self._clock.now().mono
        self._available = min(self._burst, self._available + (now - self._counted_at) * self._rate)
        self._counted_at = now
        if now < self._held_until:
            return self._held_until - now
        missing = min(float(weight), self._burst) - self._available
        if missing > 0.0:
            return missing / self._rate
        return 1.0 / self._rate if self._urgent_turn.locked() and not is_urgent else 0.0

"""The pace of a recording: when each of its messages is due."""

import time

import anyio
import anyio.lowlevel
import attrs

__all__ = ["Pace"]

_YIELD_EVERY = 20
_SHORTEST_SLEEP_SECONDS = 0.001
_LONGEST_JUMP_BACK_NS = 10**9


@attrs.define
class Pace:
    """Waits until a recorded moment comes, relative to an anchor that is set anew after every interruption."""

    _speed: float | None
    _recorded_ns: int = attrs.field(default=0, init=False)
    """The latest recorded moment."""
    _anchor: tuple[int, int] | None = attrs.field(default=None, init=False)
    """A recorded moment, and the monotonic time at which it was played."""
    _count: int = attrs.field(default=0, init=False)

    @property
    def speed(self) -> float | None:
        """Tell how many times faster than recorded it goes; None is without any waiting."""
        return self._speed

    def change(self, speed: float | None) -> None:
        """Go on at another speed from here."""
        self._speed = speed
        self.restart()

    def restart(self) -> None:
        """Go on from here as if no time had passed."""
        self._anchor = None

    async def keep(self, time_ns: int) -> None:
        """Wait until this recorded moment is due; a late one is due at once, and yields now and then."""
        self._count += 1
        if self._anchor is None or time_ns < self._recorded_ns - _LONGEST_JUMP_BACK_NS:
            self._anchor = time_ns, time.monotonic_ns()
        self._recorded_ns = time_ns
        delay = 0.0
        if self._speed is not None:
            recorded, played = self._anchor
            delay = ((time_ns - recorded) / self._speed - (time.monotonic_ns() - played)) / 1e9
        if delay > _SHORTEST_SLEEP_SECONDS:
            await anyio.sleep(delay)
        elif self._count % _YIELD_EVERY == 0:
            await anyio.lowlevel.checkpoint()

    def now_ns(self) -> int:
        """Read the recording's clock: it goes on between messages and after the last one."""
        if self._anchor is None:
            return self._recorded_ns or time.time_ns()
        if self._speed is None:
            return self._recorded_ns
        recorded, played = self._anchor
        return max(self._recorded_ns, recorded + int((time.monotonic_ns() - played) * self._speed))

"""How often something may be done."""

from collections import deque

import anyio
import attrs

__all__ = ["Pacing"]


@attrs.define(eq=False)
class Pacing:
    """At most `count` times in any `seconds`."""

    count: int
    seconds: float
    _taken: deque[float] = attrs.field(factory=deque, init=False)

    def take(self) -> bool:
        """Do it once more; False where that is too often, and is not counted."""
        now = anyio.current_time()
        while self._taken and now - self._taken[0] >= self.seconds:
            self._taken.popleft()
        if len(self._taken) >= self.count:
            return False
        self._taken.append(now)
        return True

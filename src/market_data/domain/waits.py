"""How long to wait before what failed is tried again."""

__all__ = ["FREE_REBUILDS", "Backoff", "RebuildWaits"]

FREE_REBUILDS = 2
"""So often in a row a book may be rebuilt at once for a trouble of its own, where that harms nobody."""
_FIRST_REBUILD_WAIT_SECONDS = 10.0


class Backoff:
    """Growing waits between attempts, back to the first after a success."""

    def __init__(self, initial: float, limit: float) -> None:
        """Seconds; each wait is twice the one before."""
        self._initial = initial
        self._limit = limit
        self._next = initial

    def reset(self) -> None:
        """Forget all failures."""
        self._next = self._initial

    @property
    def next(self) -> float:
        """The wait before the next attempt."""
        return self._next

    def resume(self, wait: float) -> None:
        """Go on where another left."""
        self._next = min(wait, self._limit)

    def advance(self) -> float:
        """Give the wait before the next attempt."""
        wait = self._next
        self._next = min(self._next * 2, self._limit)
        return wait


class RebuildWaits:
    """How long a book waits before it is rebuilt for a trouble of its own: not at all at first, then longer and longer,
    and from the beginning again once it has been live for a minute.

    What the venue sends of this one instrument is the trouble, so that a rebuilt book most likely meets it again, while
    others pay for each attempt: with their connection, or with their share of the venue's REST budget.
    """

    def __init__(self, longest_seconds: float) -> None:
        """No wait is longer."""
        self._count = 0
        self._has_waited = False
        self._waits = Backoff(min(_FIRST_REBUILD_WAIT_SECONDS, longest_seconds), longest_seconds)

    @property
    def next_seconds(self) -> float:
        """How long the next rebuild waits, once one has waited; 0 before."""
        return self._waits.next if self._has_waited else 0.0

    def resume(self, next_seconds: float) -> None:
        """Go on where another left: what has waited does not begin again without waiting."""
        if next_seconds:
            self._count, self._has_waited = FREE_REBUILDS, True
            self._waits.resume(next_seconds)

    def advance(self, free: int) -> float:
        """Give the wait before this rebuild; the first ``free`` in a row need none."""
        self._count += 1
        if self._count <= free:
            return 0.0
        self._has_waited = True
        return self._waits.advance()

    def reset(self) -> None:
        """Forget all rebuilds."""
        self._count = 0
        self._has_waited = False
        self._waits.reset()

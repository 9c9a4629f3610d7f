"""Who has not been heard for too long: asked often, over many keys, and answered at the cost of those alone."""

import heapq
from collections.abc import Callable, Container
from typing import Generic, TypeVar

__all__ = ["Overdue"]

T = TypeVar("T", int, float)


class Overdue(Generic[T]):
    """Keys by when they were heard, by one clock; each is listed once, and its time brought up to date when it is due.

    So hearing a key that is listed costs nothing, and each key is looked at once in the time that it may be silent.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[T, str]] = []
        self.listed: set[str] = set()
        """To be read only: whoever adds often looks here first."""

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, key: str, heard: T) -> None:
        """List a key, unless it is."""
        if key not in self.listed:
            self.listed.add(key)
            heapq.heappush(self._heap, (heard, key))

    def take(self, now: T, silence: T, heard: Callable[[str], T | None]) -> list[str]:
        """Take out the keys that have been silent so long; ``heard`` tells when each last spoke, None: not to wait for.

        Those not to be waited for are taken out too, and not given.
        """
        found: list[str] = []
        heap = self._heap
        while heap and now - heap[0][0] >= silence:
            key = heap[0][1]
            last = heard(key)
            if last is not None and now - last < silence:
                heapq.heapreplace(heap, (last, key))
                continue
            heapq.heappop(heap)
            self.listed.discard(key)
            if last is not None:
                found.append(key)
        return found

    def keep(self, keys: Container[str]) -> None:
        """Take out all others."""
        self._heap = [each for each in self._heap if each[1] in keys]
        heapq.heapify(self._heap)
        self.listed = {key for _, key in self._heap}

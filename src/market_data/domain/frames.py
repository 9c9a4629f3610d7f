"""The order of a connection's frames: whether one may be believed before any book hears of it."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Protocol

import attrs

from market_data.domain.events import Change, Event, Numbered, Snapshot, Unreadable

__all__ = ["FrameCounter", "FrameOrder", "UnnumberedFrames"]


class FrameOrder(Protocol):
    """What holds for the frames of one connection; born with it."""

    expected: int
    """The number that must come next; 0 where there are none."""

    @abstractmethod
    def is_next(self, number: int) -> bool:
        """Take a frame's number; False when it is not the one that must come."""
        raise NotImplementedError

    @abstractmethod
    def find_problem(self, events: Sequence[Event]) -> str | None:
        """Say why a frame cannot be believed, None where it can."""
        raise NotImplementedError

    @abstractmethod
    def whose(self, native: str | None) -> Collection[str] | None:
        """Say whose books an unreadable frame that names ``native`` can have touched; None: anybody's."""
        raise NotImplementedError


@attrs.define
class FrameCounter(FrameOrder):
    """Frames carry 0, 1, 2, … without holes or repeats, whoever they speak of."""

    expected: int = 0

    def is_next(self, number: int) -> bool:
        if number != self.expected:
            return False
        self.expected += 1
        return True

    def find_problem(self, events: Sequence[Event]) -> str | None:
        if not events or type(events[0]) is Numbered:
            return None
        if any(isinstance(each, (Change, Snapshot, Unreadable)) for each in events):
            return "expected a numbered frame, received a book without a number"
        return None

    def whose(self, native: str | None) -> Collection[str] | None:  # noqa: ARG002 - its number is lost with it
        return None


class UnnumberedFrames(FrameOrder):
    """Frames stand for themselves; what can be proven of them, the books do."""

    expected = 0

    def is_next(self, number: int) -> bool:  # noqa: ARG002 - it means nothing
        return True

    def find_problem(self, events: Sequence[Event]) -> str | None:  # noqa: ARG002 - any may be
        return None

    def whose(self, native: str | None) -> Collection[str] | None:
        return None if native is None else (native,)

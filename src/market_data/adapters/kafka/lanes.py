"""What waits for each partition and is under way to it, in a bounded room that no partition takes from the others."""

from collections import deque
from typing import NamedTuple

import attrs

__all__ = ["Admission", "Headers", "Lane", "Room", "Waiting"]

Headers = list[tuple[str, bytes]]
"""Of a record, names and values."""


class Waiting(NamedTuple):
    """A record that was taken over."""

    time_ms: int
    key: bytes
    value: bytes
    headers: Headers


@attrs.define(eq=False)
class Lane:
    """One partition: what waits, and what is under way, which is one batch at most, so that order is held."""

    partition: int
    waiting: deque[Waiting] = attrs.field(factory=deque)
    in_flight: list[Waiting] = attrs.field(factory=list)
    moved: float = 0.0
    """When a batch was last acknowledged, or the lane stopped being empty."""
    last_offset: int = -1

    @property
    def held(self) -> int:
        """How many records were taken over and not yet acknowledged."""
        return len(self.waiting) + len(self.in_flight)

    def put(self, record: Waiting) -> None:
        """Take a record over."""
        self.waiting.append(record)

    def load(self) -> Waiting:
        """Put the next record under way."""
        record = self.waiting.popleft()
        self.in_flight.append(record)
        return record

    def unload(self) -> None:
        """Let what is under way wait again, before all else."""
        self.waiting.extendleft(reversed(self.in_flight))
        self.in_flight = []


class Room:
    """Room for so many records: one half is shared out to the lanes, the other is whoever's needs it first.

    A lane that is not emptied fills its own share and the common half; every other lane still has its share.
    """

    def __init__(self, lanes: int, max_records: int) -> None:
        self.records = 0
        """How many there are."""
        self._max_records = max_records
        self._share = max(1, max_records // (2 * lanes))
        self._common = max_records - self._share * lanes
        """Less what lanes hold beyond their shares."""

    def put(self, lane: Lane, record: Waiting) -> None:
        """Let a lane take a record over."""
        lane.put(record)
        self.records += 1
        self._common -= lane.held > self._share

    def free(self, lane: Lane) -> int:
        """Have it that what a lane had under way has arrived; give how many records that were."""
        arrived, beyond = len(lane.in_flight), lane.held - self._share
        if beyond > 0:
            self._common += min(arrived, beyond)
        self.records -= arrived
        lane.in_flight = []
        return arrived

    def admission(self) -> "Admission":
        """Judge what may come next."""
        return Admission(self._share, self._common, self._max_records - self.records)


@attrs.define
class Admission:
    """Says of one record after the other whether there is room for it, those admitted before counted."""

    _share: int
    _common: int
    _left: int
    _admitted: dict[Lane, int] = attrs.field(factory=dict)

    def admits(self, lane: Lane) -> bool:
        """Tell, and count it where there is room."""
        admitted = self._admitted.get(lane, 0)
        is_beyond = lane.held + admitted >= self._share
        if self._left <= 0 or (is_beyond and self._common <= 0):
            return False
        self._left -= 1
        self._common -= is_beyond
        self._admitted[lane] = admitted + 1
        return True

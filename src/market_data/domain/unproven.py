"""No continuity at all: every message is the whole of what the venue shows, and nothing tells whether one is missing.

    1. A message replaces the book, if it is later than the last one.
    2. What is not later is a repeat, or late itself: dropped.

How a stream begins, is renewed and is probed says ``renewed``.
"""

from market_data.domain.events import Change, Snapshot
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.renewed import RenewedSync

__all__ = ["UnprovenSync"]


class UnprovenSync(RenewedSync):
    """The rule of venues that prove nothing; the steps are those of the module's docstring."""

    def snapshot(self, snapshot: Snapshot, now: Moment) -> None:
        self._hear(now)
        if self._is_past(snapshot) or (self._stands and snapshot.sequence == self.sequence):  # step 2
            if self._stands and self.status is not BookStatus.LIVE:
                self._touched = True
            return
        if self._take_stream_book(snapshot, now):  # step 1
            self._begin()

    def change(self, change: Change, now: Moment) -> None:
        self._tell("a change came over a stream of whole books", sequence=change.last_id)
        self.refuse(Reason.MALFORMED, now, was_depth=True)

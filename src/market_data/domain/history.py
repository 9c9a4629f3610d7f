"""What the records of one instrument say over time: how much of it the book was live, and how old its data was.

All times are µs since 1970 UTC; a record counts at the time of its publishing.
"""

import attrs

from market_data.domain.following import RunFollower
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason

__all__ = ["KeyHistory"]

_RUNS_KEPT = 1000


@attrs.define
class KeyHistory:
    """Of one instrument, from its first record that was read to its last, as a reader would have followed it: what
    another run published meanwhile does not count.
    """

    stale_after: int
    """A live book without a record for longer than this, in µs, was not live from then on: its producer was silent."""
    first_time: int | None = None
    last_time: int = 0
    last_appended: int | None = None
    """Kafka's time of the last record: by the broker's clock, where the topic keeps that."""
    live_time: int = 0
    """How long it was live, between its first and its last record."""
    worst_age: int = 0
    """The longest that fresh data waited from its receipt to its publishing."""
    epochs: int = 0
    """How often it became live; where reading begins in a live book, that counts."""
    run_count: int = 0
    runs: dict[str, None] = attrs.field(factory=dict)
    """The newest of them."""
    foreign_runs: set[str] = attrs.field(factory=set)
    """Runs that published while another was followed."""
    _greatest: str = ""
    _last: NormalizedBook | None = None
    _follower: RunFollower = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._follower = RunFollower(self.stale_after)

    def add(self, book: NormalizedBook, published: int, appended: int | None = None) -> None:
        """Take the next record; ``appended`` is Kafka's time of it, the same where it is not told."""
        if self.first_time is None:
            self.first_time = self.last_time = published
        run, received = book.run, book.received_time
        if run not in self.runs and (run > self._greatest or len(self.runs) < _RUNS_KEPT):
            self._begin(book)
        self._follower.take(book, published)
        if run != self._follower.run:
            if len(self.foreign_runs) < _RUNS_KEPT:
                self.foreign_runs.add(run)
            return
        self.last_appended = published if appended is None else appended
        last, passed = self._last, published - self.last_time
        if passed > 0:
            self.last_time = published
            if last is not None and last.status is BookStatus.LIVE:
                self.live_time += min(passed, self.stale_after)
        if book.status is BookStatus.LIVE:
            if last is None or last.run != run or last.epoch != book.epoch:
                self.epochs += 1
            is_fresh = last is None or last.received_time != received
            if is_fresh and received is not None and published - received > self.worst_age:
                self.worst_age = published - received
        self._last = book

    @property
    def proof(self) -> Proof | None:
        """How the book is proven, by its last record; None before there is one."""
        return None if self._last is None else self._last.proof

    @property
    def status(self) -> BookStatus | None:
        """What the book is by its last record; None before there is one."""
        return None if self._last is None else self._last.status

    @property
    def reason(self) -> Reason | None:
        """Why it is not live, by its last record."""
        return None if self._last is None else self._last.reason

    @property
    def live_share(self) -> float | None:
        """The share of time live, 0 to 1; None before there are two records."""
        if self.first_time is None or self.last_time <= self.first_time:
            return None
        return self.live_time / (self.last_time - self.first_time)

    def _begin(self, book: NormalizedBook) -> None:
        self.run_count += 1
        self.runs[book.run] = None
        self._greatest = max(self._greatest, book.run)
        if len(self.runs) > _RUNS_KEPT:
            del self.runs[min(self.runs)]

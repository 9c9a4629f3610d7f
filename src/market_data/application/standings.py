"""What was last said of every book that is followed, and what its statuses add up to.

Every state that is published passes here: a book is what its readers are told of it, whichever connection speaks for
it. A state of the same status and reason as the last costs a look.
"""

from collections.abc import Container, Iterable, Iterator, Mapping

import attrs

from market_data.application import metrics
from market_data.application.changes import LiveChanges
from market_data.application.measures import Labels, Sample
from market_data.application.ports import Clock, Telemetry
from market_data.domain.normalized import BookState, BookStatus, Reason

__all__ = ["BookStandings", "StandingBook"]

_STARTING = "starting"
"""The reason of a book that is not live and has told none."""


@attrs.define(eq=False)
class StandingBook:
    """One instrument as its readers know it."""

    exchange: str
    instrument: str
    """Its key, ``exchange:symbol``."""
    wanted_at: float
    """Since when it is followed, seconds of the monotonic clock."""
    since: float
    """When its status or reason was last told to be another, seconds of the monotonic clock."""
    status: BookStatus = BookStatus.SYNCING
    reason: Reason | None = None
    status_since: int | None = None
    """When its status began, µs since 1970 UTC; None before it was told."""
    lost_at: float | None = None
    """When it stopped being live last; None where it never has."""
    gaps: int = 0
    epochs: int = 0
    _not_live: dict[str, float] = attrs.field(factory=dict)

    @property
    def is_live(self) -> bool:
        """Whether its levels can be relied on."""
        return self.status is BookStatus.LIVE

    @property
    def is_refused(self) -> bool:
        """Whether its venue is known not to give it: not listed, without a book, refused."""
        return not self.is_live and self.reason is Reason.REJECTED

    def turn(self, state: BookState, now: float) -> None:
        """Take a state of another status or reason."""
        self._add_up(now)
        if self.is_live and not state.is_live:
            self.lost_at = now
        if state.status is not self.status:
            self.gaps += state.status is BookStatus.GAP
            self.epochs += state.is_live
        self.status, self.reason, self.status_since, self.since = state.status, state.reason, state.status_since, now

    def not_live_seconds(self, now: float) -> Mapping[str, float]:
        """Tell how long it was not live so far, by reason."""
        self._add_up(now)
        self.since = now
        return self._not_live

    def _add_up(self, now: float) -> None:
        if not self.is_live:
            reason = self.reason or _STARTING
            self._not_live[reason] = self._not_live.get(reason, 0.0) + now - self.since


class BookStandings:
    """Of all instruments that are wanted."""

    def __init__(self, clock: Clock, telemetry: Telemetry) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self.changes = LiveChanges(clock, telemetry)
        self._books: dict[tuple[str, str], StandingBook] = {}
        """By exchange and symbol: looked up for each state, and so not by a key that would have to be put together."""

    def want(self, exchange: str, symbols: Iterable[str]) -> None:
        """Expect these of an exchange."""
        now = self._clock.now().mono
        for symbol in symbols:
            book = StandingBook(exchange, f"{exchange}:{symbol}", now, now)
            self._books.setdefault((exchange, symbol), book)

    def keep(self, keys: Container[str]) -> None:
        """Expect no others than these."""
        for name, book in list(self._books.items()):
            if book.instrument not in keys:
                del self._books[name]
                self.changes.forget(book.instrument)

    def take(self, state: BookState) -> None:
        """Take note of what is published."""
        book = self._books[state.exchange, state.symbol]
        if state.status is not book.status or state.reason is not book.reason or book.status_since is None:
            self._turn(book, state, self._clock.now().mono)

    def _turn(self, book: StandingBook, state: BookState, now: float) -> None:
        was_live, lost_at = book.is_live, book.lost_at
        book.turn(state, now)
        if was_live:
            self.changes.lost(book.exchange, book.instrument, state.status, state.reason)
        elif book.is_live and lost_at is not None:
            self._telemetry.observe(metrics.BOOK_RECOVERY, now - lost_at, exchange=state.exchange)
        if book.is_live and not was_live:
            self.changes.back(book.exchange, book.instrument, now - (book.wanted_at if lost_at is None else lost_at))

    @property
    def books(self) -> Iterable[StandingBook]:
        """All of them, as they were wanted."""
        return self._books.values()

    def measure(self) -> Iterator[Sample]:
        """Give the metrics of every book."""
        now = self._clock.now().mono
        for book in self._books.values():
            labels: Labels = (book.exchange, book.instrument)
            for status in BookStatus:
                yield metrics.BOOK_STATUS, (*labels, status), float(status is book.status)
            for reason, seconds in book.not_live_seconds(now).items():
                yield metrics.BOOK_NOT_LIVE_SECONDS, (*labels, reason), seconds
            yield metrics.BOOK_GAPS, labels, book.gaps
            yield metrics.BOOK_EPOCHS, labels, book.epochs

"""The safety that every venue shares: what one book's status is, when it may be published, and with what.

A ``BookSync`` lives as long as the program, through any number of connections. Its inputs are methods that take the
moment they happened; its effects are collected in a list that the caller drains: a ``BookState`` is to be published, a
``Fetch`` to be asked of the venue's REST interface, a ``Renew``, ``Reconnect`` or ``Isolate`` to be done to the
connection. It reads no clock and does no I/O, so the same inputs always give the same effects.

The rules of continuity build on it (``rules``): ``splice.SplicedSync`` (id ranges per instrument, snapshots fetched),
``counted.CountedSync`` (frames numbered per connection, snapshots in band), ``streamed.StreamedSync`` (chains, counters
or checksums of each instrument, snapshots in band) and ``unproven.UnprovenSync`` (whole books, nothing to prove them).
"""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress

from market_data.domain.book import Book, InvalidLevel, fill_book
from market_data.domain.effects import Fetch, Purpose
from market_data.domain.events import Change, Snapshot
from market_data.domain.levels import Ladder
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.spoken import TRUSTED_AFTER_SECONDS, SpokenBook, status_of_lost
from market_data.domain.standing import BookSetup, Said, Standing, SyncSettings

__all__ = ["BookSetup", "BookSync", "Said", "Standing", "SyncSettings"]


class BookSync(SpokenBook):
    """One instrument's book, and what is said of it."""

    def __init__(self, setup: BookSetup) -> None:
        super().__init__(setup)
        self.is_refused = False
        """The venue does not send this instrument on this connection, as far as that can be told."""
        self.shares_connection = False
        """Others lose their connection when it is closed for the sake of this book; whoever carries them sets it."""
        self._books = setup.books
        self._book = self._make_book()
        self._read_ahead: tuple[Snapshot, Book] | None = None
        self._serial = 0
        self._awaited: Purpose | None = None
        self._may_cross = setup.may_cross
        self._crossed_in_a_row = 0
        self._touched = False
        self._stands = False
        self._is_doubted = False

    # inputs that every venue has

    def opened(self, now: Moment) -> None:
        """A connection that shall carry this instrument is open: whatever was known before is void."""
        self._read_ahead = None
        self._forget(now)
        if self.status in (BookStatus.DISCONNECTED, BookStatus.STALE):
            self._become(BookStatus.SYNCING, self.reason, now)

    def closed(self, reason: Reason, now: Moment) -> None:
        """The connection is lost; or it had to be given up for what came over it, or for its silence."""
        self._forget(now)
        self._become(status_of_lost(reason), reason, now)

    def unopened(self, reason: Reason, now: Moment) -> None:
        """No connection could be opened."""
        self._forget(now)
        self._become(BookStatus.DISCONNECTED, reason, now)

    def detached(self, now: Moment) -> None:
        """The connection is being closed by our own will, for a reason that the status already tells."""
        self._forget(now)

    def stopped(self, now: Moment) -> None:
        """The program stops; this gives the last record."""
        self._become(BookStatus.DISCONNECTED, Reason.SHUTDOWN, now)

    def doubt(self, now: Moment) -> None:
        """The clock stepped, or we were not running: what is read next may be old, so that only the venue's book of
        after this moment can show a live one.
        """
        if self.status is BookStatus.LIVE:
            self._become(BookStatus.STALE, Reason.CLOCK, now)
        self._prove(now)

    @abstractmethod
    def _prove(self, now: Moment) -> None:
        """Take nothing for true that was asked for or sent before now."""

    def refuse(self, reason: Reason, now: Moment, *, was_depth: bool) -> None:
        """What came cannot be trusted; ``was_depth``: it was known to be a depth frame of this instrument."""
        if was_depth:
            self._received_time = now.received
        self._lose(reason, now)

    @abstractmethod
    def denied(self, now: Moment) -> None:
        """The venue said no to what was asked, or yes to others only: do not wait as long as for who says nothing."""

    @abstractmethod
    def accepted(self, now: Moment) -> None:
        """The venue acknowledged that it sends this instrument."""

    def asked(self, sent_at: float) -> None:
        """The messages that renew this stream leave, the last of them then (seconds of the monotonic clock)."""

    @abstractmethod
    def change(self, change: Change, now: Moment) -> None:
        """Some levels changed."""

    @abstractmethod
    def snapshot(self, snapshot: Snapshot, now: Moment) -> None:
        """The whole book came over the stream."""

    def reading(self, snapshot: Snapshot) -> Iterator[None]:
        """Make a large book in steps, for when this very snapshot comes; nothing else changes."""
        if snapshot.limit is not None:
            return
        book = self._make_book()
        with suppress(InvalidLevel):  # ``replace`` says so
            yield from fill_book(book, snapshot.bids, snapshot.asks)
            self._read_ahead = snapshot, book

    def fetched(self, serial: int, snapshot: Snapshot, now: Moment) -> None:
        """What was asked for with a ``Fetch`` came back."""
        if serial != self._serial or self._awaited is None:
            return
        purpose, self._awaited = self._awaited, None
        if purpose in (Purpose.SNAPSHOT, Purpose.RESEED):
            self._received_time = now.wall
        self._take_fetched(purpose, snapshot, now)

    def fetch_failed(self, serial: int, reason: Reason, retry_after_seconds: float | None, now: Moment) -> None:
        """What was asked for with a ``Fetch`` will not come."""
        if serial != self._serial or self._awaited is None:
            return
        purpose, self._awaited = self._awaited, None
        self._miss_fetched(purpose, reason, retry_after_seconds, now)

    @abstractmethod
    def _take_fetched(self, purpose: Purpose, snapshot: Snapshot, now: Moment) -> None:
        """Use an answer that is still awaited."""

    @abstractmethod
    def _miss_fetched(self, purpose: Purpose, reason: Reason, retry_after: float | None, now: Moment) -> None:
        """Do without an answer that is still awaited."""

    def settle(self, now: Moment) -> None:
        """A whole frame is applied: judge the book, where one stands, and publish it if it changed."""
        if self._touched and self._stands and not self._is_doubted:
            self._touched = False
            self._judge(now)

    def tick(self, now: Moment) -> None:
        """Time has passed."""
        self._watch(now)
        self.beat(now)

    @abstractmethod
    def extend(self, seconds: float) -> None:
        """Move by so much what the connection must have said by some time: it was busy with a large frame."""

    @abstractmethod
    def _watch(self, now: Moment) -> None:
        """See to deadlines."""

    # what the rules share

    def _return_to(self, sequence: int | None) -> None:
        if self._stands:
            self.sequence = sequence

    @abstractmethod
    def _forget(self, now: Moment) -> None:
        """Drop all that belongs to a connection."""

    def _take_book(self, snapshot: Snapshot) -> None:
        """Start from a snapshot. Raises InvalidLevel."""
        ahead, self._read_ahead = self._read_ahead, None
        if ahead is not None and ahead[0] is snapshot:
            self._book = ahead[1]
        else:
            self._book.replace(snapshot.bids, snapshot.asks, snapshot.limit)
        self.sequence = snapshot.sequence
        self._event_time = snapshot.event_time
        self._touched = True

    def _apply(self, change: Change) -> None:
        """Apply a change that continuity allows. Raises InvalidLevel."""
        if self._book.apply(change.bids, change.asks):
            self._touched = True
        self.sequence = change.last_id
        self._event_time = change.event_time

    def _is_readable(self, change: Change, now: Moment) -> bool:
        """Look at what is not applied all the same: a venue that sends what can be no book is not believed."""
        try:
            self._book.check(change.bids, change.asks)
        except InvalidLevel as error:
            self._refuse_change(change, error, now)
            return False
        return True

    def _refuse_change(self, change: Change, error: InvalidLevel, now: Moment) -> None:
        self._tell("a change could not be applied", problem=str(error), sequence=change.last_id)
        self._lose(Reason.MALFORMED, now)

    def _judge(self, now: Moment) -> None:
        """Decide after a whole frame whether the book as it stands may be live, and publish what changed."""
        if self._book.is_crossed:
            self._crossed(now)
            return
        if not self._book.knows(self._settings.depth):
            self._lose(Reason.DEPTH, now)
            return
        if self.status is not BookStatus.LIVE:
            self._bids, self._asks = self._top()
            self.epoch += 1
            self._live_since = now.mono
            self._become(BookStatus.LIVE, None, now)
        elif (news := self._news()) is not None:
            self._bids, self._asks = news
            self._publish(now)

    def _make_book(self) -> Book:
        return self._books(self._settings.depth)

    def _top(self) -> tuple[Ladder, Ladder]:
        """The levels that a record holds."""
        return self._book.top()

    def _news(self) -> tuple[Ladder, Ladder] | None:
        """These, where they are others than those published last."""
        return self._book.news(self._bids, self._asks)

    def _crossed(self, now: Moment) -> None:
        """Rebuild a crossed book; one that comes back crossed is in an auction: kept, but not live until it is over."""
        if self.status is BookStatus.LIVE and now.mono - self._live_since >= TRUSTED_AFTER_SECONDS:
            self._crossed_in_a_row = 0
        if self.status is not BookStatus.GAP or self.reason is not Reason.CROSSED or not self._is_held:
            self._crossed_in_a_row += 1
        if self._is_held:
            self._become(BookStatus.GAP, Reason.CROSSED, now)
        else:
            self._lose(Reason.CROSSED, now)

    @property
    def _is_held(self) -> bool:
        return self._may_cross or self._crossed_in_a_row >= self._settings.crossed_limit

    def _fetch(self, purpose: Purpose, levels: int) -> None:
        self._serial += 1
        self._awaited = purpose
        within = self._settings.probe_timeout_seconds if purpose is Purpose.PROBE else None
        self._effects.append(Fetch(self.instrument, purpose, levels, self._serial, within))

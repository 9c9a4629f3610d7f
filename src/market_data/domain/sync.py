"""The safety that every venue shares: what one book's status is, when it may be published, and with what.

A ``BookSync`` lives as long as the program, through any number of connections. Its inputs are methods that take the
moment they happened; its effects are collected in a list that the caller drains: a ``BookState`` is to be published, a
``Fetch`` to be asked of the venue's REST interface, a ``Renew``, ``Reconnect`` or ``Isolate`` to be done to the
connection. It reads no clock and does no I/O, so the same inputs always give the same effects.

The rules of continuity build on it (``rules``): ``splice.SplicedSync`` (id ranges per instrument, snapshots fetched),
``counted.CountedSync`` (frames numbered per connection, snapshots in band), ``streamed.StreamedSync`` (chains, counters
or checksums of each instrument, snapshots in band) and ``unproven.UnprovenSync`` (whole books, nothing to prove them).

    status         entered when                                                     left when
    syncing        at the start; a connection is open again                         live, or as below
    live           snapshot and stream are joined, not crossed, deep enough         any refutation below
    gap            continuity lost; content refuted; depth not known                live again, or the socket is lost
    stale          silent beyond the bound, probed in vain                          live again, or the socket is lost
    disconnected   the socket was lost, could not be opened, or the program stops   a connection is open again
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress

from market_data.domain.book import Book, InvalidLevel, fill_book
from market_data.domain.effects import Fetch, Purpose, Tell
from market_data.domain.events import Change, Snapshot
from market_data.domain.levels import EMPTY, Ladder
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.standing import BookSetup, Standing, SyncSettings
from market_data.domain.waits import RebuildWaits

__all__ = ["BookSetup", "BookSync", "Standing", "SyncSettings"]

TRUSTED_AFTER_SECONDS = 60.0
"""A book live for so long was rebuilt well: what crosses then is a new trouble, not the old one."""


class BookSync(ABC):
    """One instrument's book, status and record stream."""

    def __init__(self, setup: BookSetup) -> None:
        self._continuity = setup.continuity
        self.instrument = setup.instrument
        self.status = BookStatus.SYNCING
        self.reason: Reason | None = None
        self.epoch = 0
        self.sequence: int | None = None
        self.is_refused = False
        """The venue does not send this instrument on this connection, as far as that can be told."""
        self.shares_connection = False
        """Others lose their connection when it is closed for the sake of this book; whoever carries them sets it."""
        self._settings = setup.settings
        self._effects = setup.effects
        self._books = setup.books
        self._book = self._make_book()
        self._read_ahead: tuple[Snapshot, Book] | None = None
        self._status_since = 0
        self._event_time: int | None = None
        self._received_time: int | None = None
        self._bids: Ladder = EMPTY
        self._asks: Ladder = EMPTY
        self._published_at = 0.0
        self._serial = 0
        self._awaited: Purpose | None = None
        self._may_cross = setup.may_cross
        self._rebuild_waits = RebuildWaits(setup.settings.rebuild_max_seconds)
        self._crossed_in_a_row = 0
        self._live_since = 0.0
        self._touched = False
        self._stands = False
        self._is_doubted = False

    # inputs that every venue has

    def start(self, now: Moment) -> None:
        """The program starts: say that the instrument exists, unless another has said so."""
        if not self._status_since:
            self._status_since = now.wall
            self._publish(now)

    @property
    def standing(self) -> Standing:
        """What has been said of this book so far."""
        return Standing(
            self.instrument.key,
            self.status,
            self.reason,
            self._status_since,
            self._published_at,
            self.epoch,
            self.sequence,
            self._event_time,
            self._received_time,
            self._rebuild_waits.next_seconds,
        )

    def resume(self, standing: Standing) -> None:
        """Go on with the records of one that spoke for this book before."""
        self.status, self.reason = standing.status, standing.reason
        self._status_since, self._published_at = standing.status_since, standing.published_at
        self.epoch, self.sequence = standing.epoch, standing.sequence
        self._event_time, self._received_time = standing.event_time, standing.received_time
        self._rebuild_waits.resume(standing.rebuild_wait_seconds)

    def opened(self, now: Moment) -> None:
        """A connection that shall carry this instrument is open: whatever was known before is void."""
        self._read_ahead = None
        self._forget(now)
        if self.status in (BookStatus.DISCONNECTED, BookStatus.STALE):
            self._become(BookStatus.SYNCING, self.reason, now)

    def closed(self, reason: Reason, now: Moment) -> None:
        """The connection is lost; or it had to be given up for what came over it, or for its silence."""
        self._forget(now)
        match reason:
            case Reason.MALFORMED:
                status = BookStatus.GAP
            case Reason.SILENCE:
                status = BookStatus.STALE
            case _:
                status = BookStatus.DISCONNECTED
        self._become(status, reason, now)

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

    def explain(self, reason: Reason, now: Moment) -> None:
        """Say why a book that is not live does not become so."""
        if self.status is not BookStatus.LIVE:
            self._become(self.status, reason, now)

    @abstractmethod
    def denied(self, now: Moment) -> None:
        """The venue said no to what was asked, or yes to others only: do not wait as long as for who says nothing."""

    @abstractmethod
    def accepted(self, now: Moment) -> None:
        """The venue acknowledged that it sends this instrument."""

    def asked(self, sent_at: float) -> None:  # noqa: B027 - not every rule waits for the answer
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

    def beat(self, now: Moment) -> None:
        """Time has passed in which nothing of this connection can be late: only say that the state goes on."""
        if now.mono - self._published_at >= self._settings.heartbeat_seconds:
            self._publish(now)

    @abstractmethod
    def extend(self, seconds: float) -> None:
        """Move by so much what the connection must have said by some time: it was busy with a large frame."""

    @abstractmethod
    def _watch(self, now: Moment) -> None:
        """See to deadlines."""

    # what the rules share

    @abstractmethod
    def _lose(self, reason: Reason, now: Moment) -> None:
        """Continuity is lost or content refuted: say ``gap`` and rebuild."""

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

    def _tell(self, message: str, **fields: object) -> None:
        self._effects.append(Tell(message, {"instrument": self.instrument.key, **fields}))

    def _fetch(self, purpose: Purpose, levels: int) -> None:
        self._serial += 1
        self._awaited = purpose
        within = self._settings.probe_timeout_seconds if purpose is Purpose.PROBE else None
        self._effects.append(Fetch(self.instrument, purpose, levels, self._serial, within))

    def _become(self, status: BookStatus, reason: Reason | None, now: Moment) -> None:
        if status is self.status and reason is self.reason:
            return
        if status is not self.status:
            if self.status is BookStatus.LIVE and now.mono - self._live_since >= TRUSTED_AFTER_SECONDS:
                self._rebuild_waits.reset()
            self.status = status
            self._status_since = now.wall
        self.reason = reason
        if status is not BookStatus.LIVE:
            self._bids = self._asks = EMPTY
        self._publish(now)

    def _publish(self, now: Moment) -> None:
        self._published_at = now.mono
        self._effects.append(
            BookState(
                self.instrument.exchange,
                self.instrument.symbol,
                self.status,
                self.reason,
                self._status_since,
                self._bids,
                self._asks,
                self._event_time,
                self._received_time,
                self.sequence,
                self.epoch,
                self._continuity.proof,
                self._continuity.proven_levels,
            )
        )

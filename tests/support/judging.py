"""Judges every record as it is published: with the truth beside it, and by the rules of the stream."""

from collections import Counter, deque
from collections.abc import Callable
from decimal import Decimal

import attrs

from market_data.domain.normalized import BookStatus, NormalizedBook, Reason

__all__ = ["Judge", "Spell", "Stand"]

_MICROSECONDS = 1e6
_KEPT = 20


@attrs.frozen
class Stand:
    """What a book was said to be, and since when (wall clock, seconds)."""

    status: BookStatus
    reason: Reason | None
    at: float

    def __str__(self) -> str:
        return str(self.status) if self.reason is None else f"{self.status}/{self.reason}"


@attrs.frozen
class Spell:
    """A time in which a book was not live, after it had been."""

    key: str
    left_at: float
    live_at: float

    @property
    def seconds(self) -> float:
        return self.live_at - self.left_at


@attrs.define
class _Key:
    stands: deque[Stand] = attrs.field(factory=lambda: deque(maxlen=200))
    next_seq: int = 0
    epoch: int = 0
    records: int = 0
    live: int = 0
    live_in_a_row: int = 0
    left_at: float | None = None


@attrs.define
class Judge:
    """Takes the records of one run; its memory is bounded by the number of books.

    ``refute`` says what is wrong with the levels of a live record, None where they are true.
    """

    refute: Callable[[NormalizedBook], str | None]
    now: Callable[[], float]
    on_live_again: Callable[[Spell], object] = lambda _: None
    keys: dict[str, _Key] = attrs.field(factory=dict)
    wrong: int = 0
    examples: deque[str] = attrs.field(factory=lambda: deque(maxlen=_KEPT))
    """The newest of what was wrong, in words."""
    stands: Counter[str] = attrs.field(factory=Counter)
    longest_spell_seconds: float = 0.0
    longest_lag_seconds: float = 0.0
    """How far behind the venue's time of its last change a record was that said to be live."""

    @property
    def records(self) -> int:
        return sum(key.records for key in self.keys.values())

    @property
    def live(self) -> int:
        return sum(key.live for key in self.keys.values())

    def take(self, book: NormalizedBook) -> None:
        """Check one record against the truth and those before it."""
        key = self.keys.setdefault(book.key, _Key())
        key.records += 1
        if book.publish_seq != key.next_seq:
            self._blame(book, f"publish_seq: expected {key.next_seq}, received {book.publish_seq}")
        key.next_seq = book.publish_seq + 1
        if book.is_live:
            self._take_live(book, key)
        else:
            self._take_not_live(book, key)
        if not key.stands or (key.stands[-1].status, key.stands[-1].reason) != (book.status, book.reason):
            key.stands.append(stand := Stand(book.status, book.reason, self.now()))
            self.stands[str(stand)] += 1

    def _take_live(self, book: NormalizedBook, key: _Key) -> None:
        key.live += 1
        key.live_in_a_row += 1
        if (problem := self.refute(book)) is not None:
            self._blame(book, f"sequence {book.sequence} of {book.event_time}: {problem}")
        if book.bids and book.asks and Decimal(book.bids[0][0]) >= Decimal(book.asks[0][0]):
            self._blame(book, "crossed")
        if book.reason is not None:
            self._blame(book, "live with a reason")
        if book.event_time is not None:
            self.longest_lag_seconds = max(self.longest_lag_seconds, self.now() - book.event_time / _MICROSECONDS)
        entered = not key.stands or key.stands[-1].status is not BookStatus.LIVE
        if book.epoch != key.epoch + entered:
            self._blame(book, f"epoch: expected {key.epoch + entered}, received {book.epoch}")
        key.epoch = book.epoch
        if entered and key.left_at is not None:
            spell = Spell(book.key, key.left_at, book.status_since / _MICROSECONDS)
            key.left_at = None
            self.longest_spell_seconds = max(self.longest_spell_seconds, spell.seconds)
            self.on_live_again(spell)

    def _take_not_live(self, book: NormalizedBook, key: _Key) -> None:
        key.live_in_a_row = 0
        if book.bids or book.asks:
            self._blame(book, "levels in a record that is not live")
        if book.reason is None and not (book.status is BookStatus.SYNCING and book.epoch == 0):
            self._blame(book, "not live without a reason")
        if book.epoch != key.epoch:
            self._blame(book, f"epoch: expected {key.epoch}, received {book.epoch}")
        if key.left_at is None and key.epoch > 0:
            key.left_at = book.status_since / _MICROSECONDS

    def _blame(self, book: NormalizedBook, problem: str) -> None:
        self.wrong += 1
        self.examples.append(f"{book.key} {book.publish_seq} {book.status}: {problem}")

"""The market as a reader of the topic sees it: the latest state of every instrument, and how far it can be relied
on.
"""

from collections.abc import Collection, Iterable

import attrs

from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason
from market_data.domain.top import TopOfBook

__all__ = ["Market", "Quote"]

_RATE_SECONDS = 5.0


@attrs.frozen
class Quote:
    """One instrument's latest record as it can be relied on now."""

    book: NormalizedBook
    """The record; once its producer fell silent, the same as ``stale``, ``silence``, without its levels."""
    top: TopOfBook
    seen_at: float
    """Monotonic seconds at which the record was read; of one that was there before reading began, was published."""
    seen_wall: int
    """The same by the wall clock, µs UTC."""
    is_expired: bool = False
    """Its producer fell silent."""

    @property
    def status(self) -> BookStatus:
        """The record's own, or ``stale`` when its producer fell silent."""
        return self.book.status

    @property
    def reason(self) -> Reason | None:
        """Why it is not live."""
        return self.book.reason

    @property
    def is_live(self) -> bool:
        """Tell whether the numbers can be shown."""
        return self.status is BookStatus.LIVE


@attrs.define
class _Seen:
    quote: Quote
    updates: int = 0
    rate: float = 0.0
    counted_at: float = 0.0
    at_count: int = 0


class Market:
    """Latest quotes by key."""

    def __init__(self, stale_after_seconds: float, digits: int) -> None:
        """A book without a record for ``stale_after_seconds`` is stale, whatever its last record said."""
        self._stale_after = stale_after_seconds
        self._digits = digits
        self._seen: dict[str, _Seen] = {}

    def take(
        self, book: NormalizedBook, now: Moment, published: int | None = None, *, is_shown_as_it_was: bool = False
    ) -> Quote | None:
        """Take a record; None when it is no newer than what is known, by run and number, and is not to be shown.

        ``published``, µs UTC, is given for what was in the topic already when reading began. Where that is three
        heartbeats ago, it is stale at once: it was its producer's last word. With ``is_shown_as_it_was`` it is shown
        first, since it may be one of many that are read again, and becomes stale by ``expire``.
        """
        seen = self._seen.get(book.key)
        if seen is not None:
            known = seen.quote.book
            if book.run < known.run or (book.run == known.run and book.publish_seq <= known.publish_seq):
                return None
        age = 0.0 if published is None else max(0, now.wall - published) / 1e6
        quote = Quote(book, TopOfBook.of(book, self._digits), now.mono - age, now.wall - int(age * 1e6))
        if not is_shown_as_it_was and self._is_silent(quote, now):
            quote = self._expired(quote, now)
        if seen is None:
            seen = self._seen[book.key] = _Seen(quote, counted_at=now.mono)
        seen.quote = quote
        seen.updates += 1
        return quote

    def expire(self, now: Moment, spared: Collection[str] = ()) -> list[Quote]:
        """Mark what has fallen silent as stale; gives those that just became so.

        Spared are keys of which older records are still being read.
        """
        expired: list[Quote] = []
        for key, seen in self._seen.items():
            if key not in spared and self._is_silent(seen.quote, now):
                seen.quote = self._expired(seen.quote, now)
                expired.append(seen.quote)
        return expired

    def _is_silent(self, quote: Quote, now: Moment) -> bool:
        """Tell by whichever clock says so: the monotonic one may stand still while a machine sleeps."""
        if quote.reason is Reason.SHUTDOWN or quote.status is BookStatus.STALE:
            return False
        return max(now.mono - quote.seen_at, (now.wall - quote.seen_wall) / 1e6) >= self._stale_after

    def _expired(self, quote: Quote, now: Moment) -> Quote:
        book = attrs.evolve(
            quote.book, status=BookStatus.STALE, reason=Reason.SILENCE, status_since=now.wall, bids=(), asks=()
        )
        return Quote(book, TopOfBook.of(book, self._digits), quote.seen_at, quote.seen_wall, is_expired=True)

    def forget(self, keys: Iterable[str], now: Moment) -> list[Quote]:
        """Know nothing more of these, which another member of the group has now; gives their last words, stale."""
        gone = [self._seen.pop(key).quote for key in keys if key in self._seen]
        return [self._expired(quote, now) for quote in gone]

    def quotes(self) -> list[Quote]:
        """All quotes, by asset, then symbol, then exchange."""
        return sorted(
            (seen.quote for seen in self._seen.values()),
            key=lambda quote: (quote.book.symbol.partition("-")[0], quote.book.symbol, quote.book.exchange),
        )

    def rates(self, now: Moment) -> dict[str, float]:
        """Records a second of each key, over the last few seconds."""
        for seen in self._seen.values():
            span = now.mono - seen.counted_at
            if span >= _RATE_SECONDS or (seen.rate == 0.0 and span >= 1.0):
                seen.rate = (seen.updates - seen.at_count) / span
                seen.counted_at, seen.at_count = now.mono, seen.updates
        return {key: seen.rate for key, seen in self._seen.items()}

    def keys(self) -> Iterable[str]:
        """All keys seen."""
        return self._seen.keys()

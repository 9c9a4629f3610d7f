"""The market as a reader of the topic sees it: the latest state of every instrument, and how far it can be relied
on.

A reader keeps in mind ``MOST_KEYS`` instruments; of more, those not heard of for longest are forgotten, and counted.
Taking a record and noticing silence cost the same however many instruments there are.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, KeysView, Mapping
from enum import StrEnum
from itertools import islice, takewhile

import attrs

from market_data.domain.following import RunFollower
from market_data.domain.levels import EMPTY
from market_data.domain.moment import Moment
from market_data.domain.normalized import MOST_KEYS, BookStatus, NormalizedBook, Reason
from market_data.domain.overdue import Overdue
from market_data.domain.quote import Quote

__all__ = ["Arrival", "Market"]

_RATE_SECONDS = 5.0
_LISTED_PER_KEY = 4
"""Keys that were forgotten may wait on a little in the lists of who falls silent next."""


class Arrival(StrEnum):
    """How a record came to its reader."""

    NEW = "new"
    """It was published while the topic was being read."""
    PAST = "past"
    """It was there when reading began, one of many: shown as it was."""
    READ_BACK = "read_back"
    """The newest of its instrument before reading began: its producer's last word where it is old enough."""


@attrs.define
class _Seen:
    quote: Quote
    follower: RunFollower
    is_behind: bool = False
    """More records of before reading began are to come: silence cannot be told yet."""
    updates: int = 0
    rate: float = 0.0
    counted_at: float = 0.0
    at_count: int = 0

    @property
    def can_expire(self) -> bool:
        """Tell whether silence would be news."""
        quote = self.quote
        return not (self.is_behind or quote.reason is Reason.SHUTDOWN or quote.status is BookStatus.STALE)


class Market:
    """Latest quotes by key."""

    def __init__(self, stale_after_seconds: float, digits: int, most_keys: int = MOST_KEYS) -> None:
        """A book without a record for ``stale_after_seconds`` is stale, whatever its last record said."""
        self._stale_after = stale_after_seconds
        self._stale_after_wall = round(stale_after_seconds * 1e6)
        self._digits = digits
        self._most_keys = most_keys
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        """The one heard of last at the end."""
        self._by_mono: Overdue[float] = Overdue()
        self._by_wall: Overdue[int] = Overdue()
        self._read_until: int | None = None
        """Up to when, by the monotonic clock in µs, all was taken that was there."""
        self._troubled: dict[str, None] = {}
        """Expired while there was trouble."""
        self._untroubled_at: float | None = None
        """Since when there is none any more."""
        self.forgotten = 0
        """How many instruments were forgotten for want of room."""
        self._order: dict[str, None] = {}
        """The keys as they are shown, sorted anew only when others are seen."""

    def take(
        self, book: NormalizedBook, now: Moment, published: int | None = None, arrival: Arrival = Arrival.NEW
    ) -> Quote | None:
        """Take a record; None when it is of another run than the one followed, or no newer than what that has said.

        ``published`` is Kafka's time of the record, µs UTC: what was there already when reading began is as old as
        that. What was read back and is three heartbeats old is stale at once; else a past record is shown as it was,
        and becomes stale by ``expire`` once no more of before reading began is to come: see ``catch_up``.
        """
        key, is_new = book.key, arrival is Arrival.NEW
        seen = self._seen.get(key)
        follower = seen.follower if seen is not None else RunFollower(self._stale_after_wall)
        if is_new and seen is not None and seen.quote.is_expired:
            follower.fall_silent()
        followed = follower.run
        if not follower.take(book, published, self._read_until if is_new else None):
            return None
        age = 0 if is_new or published is None else max(0, now.wall - published)
        received = book.received_time if is_new and book.status is BookStatus.LIVE else None
        quote = Quote(
            book,
            self._digits,
            now.mono - age / 1e6,
            now.wall - age,
            is_return=book.run < followed,
            is_fresh=received is not None and (seen is None or seen.quote.book.received_time != received),
        )
        if seen is None:
            seen = self._seen[key] = _Seen(quote, follower, counted_at=now.mono)
            self._make_room()
        else:
            seen.quote = quote
            self._seen.move_to_end(key)
        if arrival is Arrival.READ_BACK and seen.can_expire and self._is_silent(quote, now):
            seen.quote = self._expired(quote, now)
        seen.is_behind = not is_new
        seen.updates += 1
        self._await(key, seen)
        return seen.quote

    def run_of(self, key: str) -> str:
        """Name the run that is followed of an instrument; empty before its first record."""
        seen = self._seen.get(key)
        return "" if seen is None else seen.follower.run

    def catch_up(self, keys: Iterable[str]) -> None:
        """Take it that of these no more records of before reading began are to come: silence counts from now on."""
        for key in keys:
            if (seen := self._seen.get(key)) is not None:
                seen.is_behind = False
                self._await(key, seen)

    def expire(self, now: Moment, trouble: str | None = None) -> list[Quote]:
        """Mark what is silent as stale, now that all was taken that is there; gives those that just became so.

        ``trouble`` is what keeps all records from coming, if anything does: it is blamed, and not the producers. Once
        it is over, those who stay silent for as long again are given once more, with the blame on their producers.
        """
        self._read_until = round(now.mono * 1e6)
        silent = [
            *self._by_mono.take(now.mono, self._stale_after, self._heard_mono),
            *self._by_wall.take(now.wall, self._stale_after_wall, self._heard_wall),
        ]
        expired: list[Quote] = []
        for key in dict.fromkeys(silent):
            seen = self._seen[key]
            seen.quote = self._expired(seen.quote, now, trouble)
            expired.append(seen.quote)
            if trouble is not None:
                self._troubled[key] = None
        return expired + self._blamed_anew(now, trouble) if self._troubled else expired

    def _blamed_anew(self, now: Moment, trouble: str | None) -> list[Quote]:
        """Give what expired in trouble that is over for long enough to blame the producers."""
        if trouble is not None:
            self._untroubled_at = None
            return []
        self._untroubled_at = now.mono if self._untroubled_at is None else self._untroubled_at
        if now.mono - self._untroubled_at < self._stale_after:
            return []
        blamed: list[Quote] = []
        for key in self._troubled:
            seen = self._seen.get(key)
            if seen is not None and seen.quote.trouble is not None:
                seen.quote = attrs.evolve(seen.quote, trouble=None)
                blamed.append(seen.quote)
        self._troubled.clear()
        self._untroubled_at = None
        return blamed

    def _await(self, key: str, seen: _Seen) -> None:
        """List a key by when it was heard, unless it is listed."""
        if key in self._by_mono.listed and key in self._by_wall.listed:
            return
        if seen.can_expire:
            self._by_mono.add(key, seen.quote.seen_at)
            self._by_wall.add(key, seen.quote.seen_wall)

    def _heard_mono(self, key: str) -> float | None:
        seen = self._seen.get(key)
        return seen.quote.seen_at if seen is not None and seen.can_expire else None

    def _heard_wall(self, key: str) -> int | None:
        seen = self._seen.get(key)
        return seen.quote.seen_wall if seen is not None and seen.can_expire else None

    def _is_silent(self, quote: Quote, now: Moment) -> bool:
        """Tell by whichever clock says so: the monotonic one may stand still while a machine sleeps."""
        is_silent_mono = now.mono - quote.seen_at >= self._stale_after
        return is_silent_mono or now.wall - quote.seen_wall >= self._stale_after_wall

    def _expired(self, quote: Quote, now: Moment, trouble: str | None = None) -> Quote:
        book = attrs.evolve(
            quote.book, status=BookStatus.STALE, reason=Reason.SILENCE, status_since=now.wall, bids=EMPTY, asks=EMPTY
        )
        return attrs.evolve(quote, book=book, is_expired=True, trouble=trouble)

    def _make_room(self) -> None:
        while len(self._seen) > self._most_keys:
            self._seen.popitem(last=False)
            self.forgotten += 1
        for awaited in (self._by_mono, self._by_wall):
            if len(awaited) > _LISTED_PER_KEY * self._most_keys:
                awaited.keep(self._seen)

    def forget(self, keys: Iterable[str], now: Moment) -> list[Quote]:
        """Know nothing more of these, which another member of the group has now; gives their last words, stale."""
        gone = [self._seen.pop(key).quote for key in keys if key in self._seen]
        return [self._expired(quote, now) for quote in gone]

    def quote(self, key: str) -> Quote | None:
        """Give the quote of an instrument; None where nothing is known of it."""
        seen = self._seen.get(key)
        return None if seen is None else seen.quote

    def ordered(self) -> Mapping[str, None]:
        """All keys by asset, then symbol, then exchange; the same object as long as they are the same."""
        if self._order.keys() != self._seen.keys():
            self._order = dict.fromkeys(sorted(self._seen, key=lambda key: _place(self._seen[key].quote.book)))
        return self._order

    def quotes(self, most: int | None = None) -> list[Quote]:
        """All quotes by asset, then symbol, then exchange; or the first so many, and all others of the last symbol."""
        keys = iter(self.ordered())
        quotes = [self._seen[key].quote for key in islice(keys, most)]
        if quotes and most is not None:
            rest = (self._seen[key].quote for key in keys)
            quotes += takewhile(lambda quote: quote.book.symbol == quotes[-1].book.symbol, rest)
        return quotes

    def count(self) -> Counter[BookStatus]:
        """Count the instruments by status."""
        return Counter(seen.quote.book.status for seen in self._seen.values())

    def count_live(self) -> int:
        """Count the instruments that are live."""
        live = 0
        for seen in self._seen.values():
            if seen.quote.book.status is BookStatus.LIVE:
                live += 1
        return live

    def rates(self, now: Moment, keys: Iterable[str]) -> dict[str, float]:
        """Records a second of each of these keys, over the last few seconds."""
        rates: dict[str, float] = {}
        for key in keys:
            seen = self._seen[key]
            span = now.mono - seen.counted_at
            if span >= _RATE_SECONDS or (seen.rate == 0.0 and span >= 1.0):
                seen.rate = (seen.updates - seen.at_count) / span
                seen.counted_at, seen.at_count = now.mono, seen.updates
            rates[key] = seen.rate
        return rates

    def keys(self) -> KeysView[str]:
        """All keys seen."""
        return self._seen.keys()


def _place(book: NormalizedBook) -> tuple[str, str, str]:
    """Say where an instrument stands among others."""
    return book.symbol.partition("-")[0], book.symbol, book.exchange

"""One instrument over time: its last minute in exact numbers, and its mid second by second for drawing.

Time goes in µs since 1970 UTC and is cut at whole seconds; between two records the book is as the earlier one says. So
every sum is exact, whatever the pace of records: what is kept is one entry a second in which something was heard, and
taking a record costs the same however many there were. The minute is the present second and the 59 before it.

Only what was live counts, and nothing is bridged: what comes after a book's last word counts as live no longer than a
reader waits for the next one (``hold``), and once it waited in vain, none of it does.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal

import attrs

from market_data.domain.curve import CURVE_SECONDS, Curve, MidBucket, bps_of, flat, mid_bucket, mid_of
from market_data.domain.prices import BPS, EXACT, ROUNDED
from market_data.domain.seconds import NOTHING, SECOND, Second

__all__ = ["MINUTE_SECONDS", "Minute", "Rolling"]

MINUTE_SECONDS = 60
_BACK = SECOND
"""A clock that goes back by less stands still for a moment; by more, all begins anew."""


@attrs.frozen
class Minute:
    """What the last minute of a book that is live now was like.

    Times of not being live count for ``live_share`` and for nothing else, and so do times without bid or ask. Where the
    mid was not there at all, numbers that need it are None. Prices are in the quote currency; means are rounded once,
    to 28 digits, all else is exact.
    """

    seconds: float
    """How much of it has been watched: 59 to 60, less in the beginning."""
    high: Decimal | None
    """The highest mid."""
    low: Decimal | None
    """The lowest mid."""
    change: Decimal | None
    """The mid now less the first of the minute; None where there is no mid now."""
    change_bps: Decimal | None
    """The same in basis points of the first."""
    mean: Decimal | None
    """The mean of the mid, each weighted by how long it stood."""
    spread: Decimal | None
    """The mean of ask - bid, each weighted by how long it stood."""
    spread_bps: Decimal | None
    """``spread`` in basis points of ``mean``."""
    updates_per_second: float
    """Records that brought something new from the venue; heartbeats do not count."""
    live_share: float
    """The share of the time watched that the book was live, 0 to 1."""


class Rolling:
    """The last fifteen minutes of one instrument. Calls go forwards in time."""

    __slots__ = ("_apart", "_at", "_began_at", "_curve", "_hold", "_is_live", "_open", "_prices", "_received",
                 "_recent", "_twice")  # fmt: skip

    def __init__(self, at: int, hold: int) -> None:
        """Watch from ``at`` on; a book counts as live no longer than ``hold`` µs after its last record."""
        self._hold = hold
        self._begin(at)

    def _begin(self, at: int) -> None:
        self._began_at = self._at = at
        self._is_live = False
        self._twice: Decimal | None = None
        self._apart = NOTHING
        self._prices: tuple[str | None, str | None] = (None, None)
        self._received: int | None = None
        self._open = Second(at // SECOND)
        self._recent: deque[Second] = deque(maxlen=MINUTE_SECONDS)
        """Closed ones: the last 59, and one that says what was before them."""
        self._curve = Curve()

    def live(self, at: int, bid: str | None, ask: str | None, received: int | None) -> None:
        """Take a record of a live book: its best prices, and when its data was received."""
        self._go_to(at)
        self._is_live = True
        prices = (bid, ask)
        if prices != self._prices or self._twice is None:
            self._prices, self._twice = prices, None
            if bid is not None and ask is not None:
                high, low = Decimal(ask), Decimal(bid)
                self._twice, self._apart = EXACT.add(high, low), EXACT.subtract(high, low)
        if self._twice is not None:
            self._open.see(self._twice, self._apart)
        if received != self._received:
            self._open.updates += self._received is not None
            self._received = received

    def stop(self, at: int) -> None:
        """Take it that the book is not live from now on."""
        self._go_to(at)
        self.lapse()

    def lapse(self) -> None:
        """Take it that the book has not been live since its last record: nobody stands for what came after."""
        self._is_live, self._twice = False, None

    def minute(self, at: int) -> Minute | None:
        """Give the minute that ends at ``at``; None where the book is not live then."""
        at = max(at, self._at)
        if not self._is_live or at - self._at >= self._hold:
            return None
        begin = at // SECOND - MINUTE_SECONDS + 1
        found = self._sums(begin)
        tail = at - max(self._at, begin * SECOND)
        now = self._twice
        found.hold(tail, now, self._apart)
        span = at - max(self._began_at, begin * SECOND)
        seconds, share, pace = span / SECOND, 1.0, 0.0
        if span:
            share, pace = found.live / span, found.updates / seconds
        if (first := found.first) is None:
            return Minute(seconds, None, None, None, None, None, None, None, pace, share)
        quoted, twice, apart = found.quoted, found.twice, found.apart
        if not quoted and now is not None:  # it has only just begun
            quoted, twice, apart = 1, now, self._apart
        change = None if now is None else EXACT.subtract(now, first)
        return Minute(
            seconds,
            _half(found.high),
            _half(found.low),
            None if change is None else _half(change),
            None if change is None or not first else ROUNDED.divide(EXACT.multiply(change, BPS), first),
            ROUNDED.divide(twice, 2 * quoted) if quoted else None,
            ROUNDED.divide(apart, quoted) if quoted else None,
            ROUNDED.divide(EXACT.multiply(apart, 2 * BPS), twice) if twice else None,
            pace,
            share,
        )

    def buckets(self, at: int, seconds: int = CURVE_SECONDS) -> list[MidBucket | None]:
        """Give the mid in the second of ``at`` and in those before it, oldest first, so many in all; None where there
        was none.
        """
        at = max(at, self._at)
        last = at // SECOND
        begin = last - seconds + 1
        found: list[MidBucket | None] = [None] * seconds
        for bucket in (*self._curve.until(self._open.second), *self._unfinished(at)):
            if begin <= bucket.second <= last:
                found[bucket.second - begin] = bucket
        return found

    def _go_to(self, at: int) -> None:
        """Count the time since the last record as what that said."""
        if at < self._at:
            if self._at - at > _BACK:
                self._begin(at)
            return
        if self._is_live and at - self._at >= self._hold:
            self.lapse()
        second = at // SECOND
        if second != self._open.second:
            self._turn(second)
        if self._is_live and at != self._at:
            self._open.hold(at - self._at, self._twice, self._apart)
        self._at = at

    def _turn(self, second: int) -> None:
        """Close the open second and open a later one; those between are held."""
        closed, twice = self._open, self._twice
        if self._is_live:
            closed.hold((closed.second + 1) * SECOND - self._at, twice, self._apart)
            closed.is_held, closed.is_mid_held = True, twice is not None
        if not (self._recent and closed.only_goes_on(self._recent[-1])):  # a heartbeat leaves nothing behind
            self._recent.append(closed)
            self._curve.add(closed)
        self._open = Second(second)
        self._at = second * SECOND

    def _unfinished(self, at: int) -> Iterator[MidBucket]:
        """Give the open second and those up to ``at``, as far as they have a mid."""
        sums, opened = Second(self._open.second), self._open
        sums.merge(opened)
        twice = self._twice if at - self._at < self._hold else None
        until = min(at, (opened.second + 1) * SECOND)
        if twice is not None:
            sums.hold(until - self._at, twice, self._apart)
        if sums.first is not None:
            yield mid_bucket(sums, until - opened.second * SECOND)
        if twice is not None:
            yield from flat(opened.second + 1, at // SECOND + 1, mid_of(twice), bps_of(self._apart, twice))

    def _sums(self, begin: int) -> Second:
        """Add up what was counted since the beginning of a second."""
        sums = Second(begin)
        before: Second | None = None
        for each in (*self._recent, self._open):
            if each.second >= begin:
                if before is not None and before.is_held:
                    held = each.second - max(before.second + 1, begin)
                    if held:
                        twice = before.last if before.is_mid_held else None
                        sums.hold(held * SECOND, twice, before.last_apart)
                sums.merge(each)
            before = each
        return sums


def _half(twice: Decimal) -> Decimal:
    return EXACT.divide(twice, 2)

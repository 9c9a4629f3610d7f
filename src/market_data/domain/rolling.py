"""One instrument over time: its last minute in exact numbers, and its mid second by second for drawing.

Time goes in µs since 1970 UTC and is cut at whole seconds; between two records the book is as the earlier one says. So
every sum is exact, whatever the pace of records: what is kept is one entry a second in which something was heard, and
taking a record costs the same however many there were. The minute is the present second and the 59 before it.

Only what was live counts, and nothing is bridged: what comes after a book's last word counts as live no longer than a
reader waits for the next one (``hold``), and once it waited in vain, none of it does.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isnan, nan

import attrs

from market_data.domain.prices import EXACT
from market_data.domain.values import value

__all__ = ["CURVE_SECONDS", "MINUTE_SECONDS", "MidBucket", "Minute", "Rolling", "merge_buckets"]

MINUTE_SECONDS = 60
CURVE_SECONDS = 900
"""Fifteen minutes."""

_SECOND = 1_000_000
_BACK = _SECOND
"""A clock that goes back by less stands still for a moment; by more, all begins anew."""
_ROUNDED = Context(prec=28, rounding=ROUND_HALF_EVEN)
_NOTHING = Decimal(0)
_FIELDS = 7
"""Of a closed second, as it is drawn: second, low, high, last, spread, spread at the end or nan, whether it is whole."""
_SLACK = 100
"""Seconds kept beyond those drawn, so that they go a hundred at a time."""


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


@value
class MidBucket:
    """The mid in one second, or a few: floats, for drawing only."""

    second: int
    """Seconds since 1970 UTC, of its beginning."""
    low: float
    high: float
    last: float
    spread_bps: float
    """The mean of the spread, weighted by time, in basis points of the mean of the mid."""
    is_whole: bool
    """There was a mid all the time; else draw it apart from its neighbours."""


class _Second:
    """The sums of one second in which something was heard; prices are bid + ask, twice the mid."""

    __slots__ = ("apart", "first", "high", "is_held", "last", "live", "low", "quoted", "second", "twice", "updates",
                 "held_apart", "held_twice")  # fmt: skip

    def __init__(self, second: int) -> None:
        self.second = second
        self.live = 0
        """µs."""
        self.quoted = 0
        """µs live with both sides."""
        self.twice = _NOTHING
        """(bid + ask) times µs."""
        self.apart = _NOTHING
        """(ask - bid) times µs."""
        self.first: Decimal | None = None
        self.low = self.high = self.last = _NOTHING
        self.updates = 0
        self.is_held = False
        """It was live at the end, and so in the seconds after it, up to the next that is kept."""
        self.held_twice: Decimal | None = None
        self.held_apart = _NOTHING

    def add(self, passed: int, twice: Decimal | None, apart: Decimal) -> None:
        """Count a time of being live."""
        self.live += passed
        if twice is not None:
            self.quoted += passed
            self.twice = EXACT.fma(twice, passed, self.twice)
            self.apart = EXACT.fma(apart, passed, self.apart)

    def see(self, twice: Decimal) -> None:
        """Take a price that stood in it, however shortly."""
        self.last = twice
        if self.first is None:
            self.first = self.low = self.high = twice
        elif twice < self.low:
            self.low = twice
        elif twice > self.high:
            self.high = twice

    def merge(self, later: "_Second") -> None:
        """Add what a later one counted."""
        self.live += later.live
        self.quoted += later.quoted
        self.twice = EXACT.add(self.twice, later.twice)
        self.apart = EXACT.add(self.apart, later.apart)
        self.updates += later.updates
        if later.first is not None:
            for twice in (later.first, later.low, later.high):
                self.see(twice)

    def hold(self, passed: int, twice: Decimal | None, apart: Decimal) -> None:
        """Add a time in which nothing changed."""
        self.add(passed, twice, apart)
        if twice is not None:
            self.see(twice)


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
        self._apart = _NOTHING
        self._prices: tuple[str | None, str | None] = (None, None)
        self._received: int | None = None
        self._open = _Second(at // _SECOND)
        self._recent: deque[_Second] = deque(maxlen=MINUTE_SECONDS)
        """Closed ones: the last 59, and one that says what was before them."""
        self._curve = array("d")
        """Closed ones for drawing, ``_FIELDS`` each."""

    def live(self, at: int, bid: str | None, ask: str | None, received: int | None) -> None:
        """Take a record of a live book: its best prices, and when its data was received."""
        self._go_to(at)
        self._is_live = True
        prices = (bid, ask)
        if prices != self._prices or self._twice is None:
            self._prices = prices
            if bid is None or ask is None:
                self._twice = None
            else:
                high, low = Decimal(ask), Decimal(bid)
                self._twice, self._apart = EXACT.add(high, low), EXACT.subtract(high, low)
                self._open.see(self._twice)
        if received != self._received:
            self._received = received
            self._open.updates += 1

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
        begin = at // _SECOND - MINUTE_SECONDS + 1
        found = self._sums(begin)
        tail = at - max(self._at, begin * _SECOND)
        found.hold(tail, self._twice, self._apart)
        now = self._twice
        span = at - max(self._began_at, begin * _SECOND)
        seconds, share, pace = span / _SECOND, 1.0, 0.0
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
            None if change is None or not first else _ROUNDED.divide(EXACT.multiply(change, 10_000), first),
            _ROUNDED.divide(twice, 2 * quoted) if quoted else None,
            _ROUNDED.divide(apart, quoted) if quoted else None,
            _ROUNDED.divide(EXACT.multiply(apart, 20_000), twice) if twice else None,
            pace,
            share,
        )

    def buckets(self, at: int, seconds: int = CURVE_SECONDS) -> list[MidBucket | None]:
        """Give the mid in the second of ``at`` and in those before it, oldest first, so many in all; None where there
        was none.
        """
        last = max(at, self._at) // _SECOND
        begin = last - seconds + 1
        found: list[MidBucket | None] = [None] * seconds
        for bucket in self._drawn(max(at, self._at)):
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
        second = at // _SECOND
        if second != self._open.second:
            self._turn(second)
        if self._is_live and at != self._at:
            self._open.add(at - self._at, self._twice, self._apart)
        self._at = at

    def _turn(self, second: int) -> None:
        """Close the open second and open a later one; those between are held."""
        closed, twice = self._open, self._twice
        if self._is_live:
            closed.add((closed.second + 1) * _SECOND - self._at, twice, self._apart)
            closed.is_held, closed.held_twice, closed.held_apart = True, twice, self._apart
        self._recent.append(closed)
        if closed.first is not None:
            self._draw(closed)
        self._open = opened = _Second(second)
        if twice is not None:
            opened.see(twice)
        self._at = second * _SECOND

    def _sums(self, begin: int) -> _Second:
        """Add up what was counted since the beginning of a second."""
        sums = _Second(begin)
        before: _Second | None = None
        for each in (*self._recent, self._open):
            if each.second >= begin:
                if before is not None and before.is_held:
                    held = each.second - max(before.second + 1, begin)
                    if held:
                        sums.hold(held * _SECOND, before.held_twice, before.held_apart)
                sums.merge(each)
            before = each
        return sums

    def _draw(self, closed: _Second) -> None:
        """Keep a closed second as floats."""
        curve = self._curve
        held = nan if closed.held_twice is None else _bps(closed.held_apart, closed.held_twice)
        bps = _bps(closed.apart, closed.twice)
        is_whole = closed.quoted == _SECOND
        curve.extend((closed.second, _mid(closed.low), _mid(closed.high), _mid(closed.last), bps, held, is_whole))
        if len(curve) > (CURVE_SECONDS + _SLACK) * _FIELDS:
            del curve[: _SLACK * _FIELDS]

    def _drawn(self, at: int) -> Iterator[MidBucket]:
        """Give every second that had a mid, oldest first."""
        curve = self._curve
        before, level, held = 0, nan, nan
        for field in range(0, len(curve), _FIELDS):
            second, low, high, last, bps, next_held, is_whole = curve[field : field + _FIELDS]
            yield from _flat(before + 1, int(second), level, held)
            yield MidBucket(int(second), low, high, last, bps, bool(is_whole))
            before, level, held = int(second), last, next_held
        opened = self._open
        yield from _flat(before + 1, opened.second, level, held)
        if opened.first is None:
            return
        until = min(at, (opened.second + 1) * _SECOND)
        sums = _Second(opened.second)
        sums.merge(opened)
        is_on = self._is_live and at - self._at < self._hold
        if is_on:
            sums.add(until - self._at, self._twice, self._apart)
        bps = _bps(sums.apart, sums.twice)
        if not sums.quoted and self._twice is not None:  # it has only just begun
            bps = _bps(self._apart, self._twice)
        is_whole = sums.quoted == until - opened.second * _SECOND
        yield MidBucket(opened.second, _mid(opened.low), _mid(opened.high), _mid(opened.last), bps, is_whole)
        if is_on and self._twice is not None:
            yield from _flat(
                opened.second + 1, at // _SECOND + 1, _mid(self._twice), _bps(self._apart, self._twice)
            )


def merge_buckets(buckets: Sequence[MidBucket | None], width: int) -> list[MidBucket | None]:
    """Put the buckets of ``width`` seconds each into one, at seconds that can be divided by it, so that a picture moves
    by whole columns as time passes; the first and the last may be of fewer. ``buckets`` are of one second each.
    """
    known = next((at for at, bucket in enumerate(buckets) if bucket is not None), None)
    if known is None:
        return [None] * -(-len(buckets) // width)
    bucket = buckets[known]
    begin = 0 if bucket is None else bucket.second - known
    merged: list[MidBucket | None] = []
    at = 0
    while at < len(buckets):
        until = at + width - (begin + at) % width
        part = buckets[at:until]
        merged.append(_one_of([each for each in part if each is not None], len(part)))
        at = until
    return merged


def _one_of(parts: Sequence[MidBucket], seconds: int) -> MidBucket | None:
    if not parts:
        return None
    return MidBucket(
        parts[0].second,
        min(each.low for each in parts),
        max(each.high for each in parts),
        parts[-1].last,
        sum(each.spread_bps for each in parts) / len(parts),
        len(parts) == seconds and all(each.is_whole for each in parts),
    )


def _flat(begin: int, end: int, mid: float, bps: float) -> Iterator[MidBucket]:
    """Give the seconds in which a mid was held; none where it was not."""
    if not isnan(bps):
        for second in range(begin, end):
            yield MidBucket(second, mid, mid, mid, bps, is_whole=True)


def _half(twice: Decimal) -> Decimal:
    return EXACT.divide(twice, 2)


def _mid(twice: Decimal) -> float:
    return float(twice) / 2


def _bps(apart: Decimal, twice: Decimal) -> float:
    """Give a spread in basis points of its mid, 0 where there is none."""
    return 20_000 * float(apart) / float(twice) if twice else 0.0

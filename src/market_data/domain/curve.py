"""The mid of one instrument second by second, for drawing: floats, few bytes each, and nothing for a second in which
nothing was heard.
"""

from array import array
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import isnan, nan

from market_data.domain.seconds import SECOND, Second
from market_data.domain.values import value

__all__ = ["CURVE_SECONDS", "Curve", "MidBucket", "bps_of", "flat", "merge_buckets", "mid_bucket", "mid_of"]

CURVE_SECONDS = 900
"""Fifteen minutes."""

_FIELDS = 7
"""Of a second: itself, low, high, last, spread, the spread at its end, whether it is whole; nan where there is none."""
_SLACK = 100
"""Seconds kept beyond those drawn, so that they go a hundred at a time."""


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


class Curve:
    """The seconds of the last fifteen minutes that are over and in which something was heard."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = array("d")

    def add(self, closed: Second) -> None:
        """Take a second that is over, later than those before it."""
        numbers = self._numbers
        if closed.first is None:  # nothing stands any more
            numbers.extend((closed.second, nan, nan, nan, nan, nan, False))
        else:
            drawn = mid_bucket(closed, SECOND)
            held = bps_of(closed.last_apart, closed.last) if closed.is_mid_held else nan
            numbers.extend((closed.second, drawn.low, drawn.high, drawn.last, drawn.spread_bps, held, drawn.is_whole))
        if len(numbers) > (CURVE_SECONDS + _SLACK) * _FIELDS:
            del numbers[: _SLACK * _FIELDS]

    def until(self, end: int) -> Iterator[MidBucket]:
        """Give every second up to ``end`` that had a mid, oldest first, those in which it only stood too."""
        numbers = self._numbers
        before, level, held = 0, nan, nan
        for at in range(0, len(numbers), _FIELDS):
            start, low, high, last, bps, next_held, is_whole = numbers[at : at + _FIELDS]
            second = int(start)
            yield from flat(before + 1, second, level, held)
            if not isnan(low):
                yield MidBucket(second, low, high, last, bps, bool(is_whole))
            before, level, held = second, last, next_held
        yield from flat(before + 1, end, level, held)


def mid_bucket(sums: Second, passed: int) -> MidBucket:
    """Draw one second that had a mid, of which so many µs have passed."""
    bps = bps_of(sums.apart, sums.twice) if sums.quoted else bps_of(sums.last_apart, sums.last)
    is_whole = sums.quoted == passed
    return MidBucket(sums.second, mid_of(sums.low), mid_of(sums.high), mid_of(sums.last), bps, is_whole)


def flat(begin: int, end: int, mid: float, bps: float) -> Iterator[MidBucket]:
    """Give the seconds in which a mid stood; none where it did not, and its spread is nan."""
    if not isnan(bps):
        for second in range(begin, end):
            yield MidBucket(second, mid, mid, mid, bps, is_whole=True)


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


def mid_of(twice: Decimal) -> float:
    """Halve bid + ask."""
    return float(twice) / 2


def bps_of(apart: Decimal, twice: Decimal) -> float:
    """Give ask - bid in basis points of the mid, half of ``twice``; 0 where that is 0."""
    return 20_000 * float(apart) / float(twice) if twice else 0.0

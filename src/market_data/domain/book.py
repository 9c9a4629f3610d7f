"""An order book that can be kept at the speed of the venues, and that knows how far it can be trusted.

Each side is a dict of levels and a sorted list of the keys of its best ones. A key is the price as a number, negated
for bids so that both sides sort best first; it only orders and identifies. What leaves the book is the venue's own
text. A key is a binary float, which is safe because decimal numbers of up to 15 significant digits never share one; a
price with more is refused as invalid.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from decimal import Decimal
from heapq import nsmallest
from itertools import chain
from math import inf
from operator import neg

import attrs

from market_data.domain.normalized import Level, Levels

__all__ = ["BookSide", "Difference", "InvalidLevel", "OrderBook", "is_same_ladder"]

_PLAIN = b"0123456789."
_SAFE_TEXT = 15
"""A text of so many characters holds at most as many digits."""
_SAFE_DIGITS = 15
_LONGEST_TEXT = 40
"""A longer text could be a number that ``float`` takes for zero or for infinity."""


class InvalidLevel(ValueError):
    """A level whose price or size is no plain decimal number, or a price that no key can tell from its neighbours."""


@attrs.frozen
class Difference:
    """The best price at which two books that should agree do not; None stands for no level there."""

    side: str
    ours: Level | None
    theirs: Level | None


class BookSide:
    """One side of a book: all levels that are known, the best of them sorted.

    Only a window of the best keys is kept sorted; it is filled again from all when deletions have worn it down, and cut
    as soon as it has grown to twice its size, so that a frame of any number of levels costs a small step for each.

    With a ``known_to`` edge (a snapshot that filled its limit says nothing of what lies beyond its worst level) levels
    beyond are not kept: between them others could be missing.
    """

    __slots__ = ("_depth", "_edge", "_keys", "_known_to", "_levels", "_sign", "_window")

    def __init__(self, sign: int, depth: int, window: int | None = None) -> None:
        """``sign`` is -1 for bids and 1 for asks; ``depth`` is how many levels must always be at hand sorted, and
        ``window``, at least as many, how many are when it is filled: the more, the more deletions it outlasts.
        """
        self._sign = sign
        self._depth = depth
        self._window = max(8 * depth, 128) if window is None else window
        self._levels: dict[float, Level] = {}
        self._keys: list[float] = []
        self._edge = inf
        self._known_to = inf

    def __len__(self) -> int:
        return len(self._levels)

    @property
    def is_whole(self) -> bool:
        """Tell whether every level of the venue's side is known, however deep."""
        return self._known_to == inf

    @property
    def best_key(self) -> float | None:
        """The key of the best level, None when the side is empty."""
        return self._keys[0] if self._keys else None

    def replace(self, levels: Sequence[Level], limit: int | None) -> None:
        """Take a snapshot's side in place of all that was known; ``limit`` is how many levels it could hold."""
        fresh: dict[float, Level] = {}
        for key, size, level in zip(*_numbers(levels, self._sign), levels, strict=True):
            if size:
                fresh[key] = level
            else:
                fresh.pop(key, None)
        self._levels = fresh
        self._known_to = max(fresh) if limit is not None and fresh and len(levels) >= limit else inf
        self._fill_window()

    def apply(self, levels: Sequence[Level]) -> bool:
        """Set and remove levels; tell whether one of the best ``depth`` may have changed."""
        if not levels:
            return False
        book, keys = self._levels, self._keys
        edge, known_to, depth = self._edge, self._known_to, self._depth
        top_edge = keys[depth - 1] if len(keys) >= depth else inf
        window = self._window
        touched = False
        for key, size, level in zip(*_numbers(levels, self._sign), levels, strict=True):
            if key > known_to:
                continue
            if size:
                if key not in book and key <= edge:
                    insort(keys, key)
                    if len(keys) > 2 * window:
                        del keys[window:]
                        edge = self._edge = keys[-1]
                book[key] = level
            elif book.pop(key, None) is None:
                continue
            elif key <= edge:
                del keys[bisect_left(keys, key)]
            if key <= top_edge:
                touched = True
        if edge != inf and len(keys) < depth:
            self._fill_window()
        return touched

    def top(self) -> Levels:
        """The best ``depth`` levels, best first."""
        levels = self._levels
        return tuple([levels[key] for key in self._keys[: self._depth]])

    def find_difference(self, other: "BookSide") -> tuple[Level | None, Level | None] | None:
        """Find the best price at which both know the truth and disagree."""
        known_to = min(self._known_to, other._known_to)  # noqa: SLF001 - one of our own
        ours, theirs = self._levels, other._levels  # noqa: SLF001
        for key in sorted(key for key in ours.keys() | theirs.keys() if key <= known_to):
            mine, yours = ours.get(key), theirs.get(key)
            if mine is None or yours is None or not _is_same_size(mine, yours):
                return mine, yours
        return None

    def _fill_window(self) -> None:
        if len(self._levels) <= 2 * self._window:
            self._keys = sorted(self._levels)
            self._edge = inf
        else:
            self._keys = nsmallest(self._window, self._levels)
            self._edge = self._keys[-1]


class OrderBook:
    """Both sides of one instrument's book."""

    __slots__ = ("_depth", "asks", "bids")

    def __init__(self, depth: int) -> None:
        """``depth`` is how many levels a side ``top`` gives."""
        self._depth = depth
        self.bids = BookSide(-1, depth)
        self.asks = BookSide(1, depth)

    def replace(self, bids: Sequence[Level], asks: Sequence[Level], limit: int | None = None) -> None:
        """Take a snapshot, in any order, in place of all that was known.

        Raises:
            InvalidLevel: the book is then not to be used any more.
        """
        self.bids.replace(bids, limit)
        self.asks.replace(asks, limit)

    def apply(self, bids: Sequence[Level], asks: Sequence[Level]) -> bool:
        """Apply one event's absolute sizes, zero removing; tell whether the top may have changed.

        Removing a level that is not there is normal and means nothing.

        Raises:
            InvalidLevel: the book is then not to be used any more.
        """
        touched = self.bids.apply(bids)
        return self.asks.apply(asks) or touched

    @property
    def is_crossed(self) -> bool:
        """Tell whether the best bid is at or above the best ask, which no whole book of these venues ever is."""
        bid, ask = self.bids.best_key, self.asks.best_key
        return bid is not None and ask is not None and -bid >= ask

    @property
    def known_levels(self) -> int | None:
        """How many levels are known on the side that knows fewer; None when both are whole."""
        bids, asks = self.bids, self.asks
        if asks._known_to == inf:  # noqa: SLF001 - one of our own, asked after every event
            return None if bids._known_to == inf else len(bids._levels)  # noqa: SLF001
        known = len(asks._levels)  # noqa: SLF001
        return known if bids._known_to == inf else min(known, len(bids._levels))  # noqa: SLF001

    def top(self) -> tuple[Levels, Levels]:
        """The best levels of both sides: bids descending, asks ascending."""
        return self.bids.top(), self.asks.top()

    def find_difference(self, other: "OrderBook") -> Difference | None:
        """Compare with another book of the same moment, as far as both know; None when they agree."""
        for name, ours, theirs in (("bid", self.bids, other.bids), ("ask", self.asks, other.asks)):
            found = ours.find_difference(theirs)
            if found is not None:
                return Difference(name, *found)
        return None


def is_same_ladder(left: Levels, right: Levels) -> bool:
    """Compare two ladders as numbers: ``1.50`` is ``1.5``."""
    if left == right:
        return True
    if len(left) != len(right):
        return False
    return all(mine == yours or _is_same_level(mine, yours) for mine, yours in zip(left, right, strict=True))


def _is_same_level(mine: Level, yours: Level) -> bool:
    if float(mine[0]) != float(yours[0]) or float(mine[1]) != float(yours[1]):  # quick, and sure where it says no
        return False
    return Decimal(mine[0]) == Decimal(yours[0]) and Decimal(mine[1]) == Decimal(yours[1])


def _is_same_size(left: Level, right: Level) -> bool:
    return left[1] == right[1] or Decimal(left[1]) == Decimal(right[1])


def _numbers(levels: Sequence[Level], sign: int) -> tuple[list[float], list[float]]:
    """Turn levels into keys and sizes, all at once.

    ``float`` alone would take 1e5, nan, -1, 1_0 and more: whatever is no plain decimal text is refused first.
    """
    if not levels:
        return [], []
    flat = list(chain.from_iterable(levels))
    text = ".".join(flat)  # an empty text, ".5" and "5." show as two points in a row
    if not text.isascii() or text.encode().translate(None, _PLAIN) or ".." in text or text[0] == "." or text[-1] == ".":
        raise _not_plain(levels)
    longest = max(map(len, flat))
    if longest > _LONGEST_TEXT:
        raise InvalidLevel(f"expected numbers of at most {_LONGEST_TEXT} characters, received longer ones")
    try:
        numbers = list(map(float, flat))
        is_safe = longest <= _SAFE_TEXT or max(map(len, flat[::2])) <= _SAFE_TEXT
        keys = numbers[::2] if is_safe else list(map(_key, flat[::2]))
    except ValueError as error:
        raise error if isinstance(error, InvalidLevel) else _not_plain(levels) from error
    return (keys if sign > 0 else list(map(neg, keys))), numbers[1::2]


def _not_plain(levels: Sequence[Level]) -> InvalidLevel:
    return InvalidLevel(f"expected plain decimal prices and sizes, received {_first_bad(levels)!r}")


def _first_bad(levels: Sequence[Level]) -> str:
    for text in chain.from_iterable(levels):
        whole, _, fraction = text.partition(".")
        if not (whole.isdecimal() and (fraction.isdecimal() or "." not in text) and text.isascii()):
            return text[:40]
    return str(levels[0])[:40]


def _key(price: str) -> float:
    """Turn a price of many characters into a number that no other price shares."""
    plain = price.strip("0") if "." in price else price.lstrip("0")
    if len(plain.replace(".", "").strip("0")) > _SAFE_DIGITS:
        raise InvalidLevel(f"expected a price of at most {_SAFE_DIGITS} significant digits, received {price!r}")
    return float(price)

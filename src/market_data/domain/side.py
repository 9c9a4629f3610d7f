"""One side of a book in pure Python: all levels that are known, those near the top sorted.

A key is the price as a number, negated for bids so that both sides sort best first; it only orders and identifies.
What leaves the side is the venue's own text. A key is a binary float, which is safe because decimal numbers of up to
15 significant digits never share one; a side that meets a price with more goes on with exact decimals.

Levels up to an edge are near: a sorted list of their keys beside a dict. Those beyond are far: only remembered, and
sorted when the near ones run short.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import inf
from typing import TypeAlias

from market_data.domain.levels import Ladder, Level, scan

__all__ = ["MOST_SAFE_DIGITS", "BookSide", "Key", "QuickRead", "Read", "negate"]

MOST_SAFE_DIGITS = 15
"""Floats tell all decimal numbers of so many digits apart."""

Key: TypeAlias = float | Decimal

Read: TypeAlias = tuple[Sequence[Level], Sequence[tuple[float, float]]]
"""Levels, and of each the price, times a sign, and the size, as numbers."""
QuickRead: TypeAlias = Callable[[bytes, int], Read | None]
"""Reads raw levels, all of which ``scan`` would take, with prices of at most ``MOST_SAFE_DIGITS`` characters; the sign
is 1 or -1. None where they are others.
"""


class BookSide:
    """One side of a book.

    With a ``known_to`` edge (a snapshot that filled its limit says nothing of what lies beyond its worst level) levels
    beyond are not kept: between them others could be missing.
    """

    __slots__ = ("_depth", "_edge", "_far", "_is_exact", "_known_to", "_near", "_read", "_sign", "_window", "keys")

    def __init__(self, sign: int, depth: int, read: QuickRead | None = None, window: int | None = None) -> None:
        """``sign`` is -1 for bids and 1 for asks; ``depth`` is how many levels must always be near, and ``window``, at
        least as many, how many are made so when they run short: the more, the more deletions they outlast.
        """
        self._sign = sign
        self._depth = depth
        self._read = read
        self._window = max(5 * depth, 64) if window is None else window
        self.keys: list[Key] = []
        """Of what is near, best first."""
        self._near: dict[Key, Level] = {}
        self._far: dict[Key, Level] = {}
        self._edge: Key = inf
        self._known_to: Key = inf
        self._is_exact = False

    def __len__(self) -> int:
        return len(self._near) + len(self._far)

    def knows(self, levels: int) -> bool:
        """Tell whether it is whole, or known as far as so many levels."""
        return self._known_to == inf or len(self._near) + len(self._far) >= levels

    @property
    def is_whole(self) -> bool:
        """Tell whether every level of the venue's side is known, however deep."""
        return self._known_to == inf

    def replace(self, raw: bytes, limit: int | None) -> None:
        """Take a snapshot's side in place of all that was known; ``limit`` is how many levels it could hold."""
        levels, numbers = self._parse(raw)
        fresh: dict[Key, Level] = {}
        for (key, size), level in zip(numbers, levels, strict=True):
            if size:
                fresh[key] = level
            else:
                fresh.pop(key, None)
        self._known_to = max(fresh) if limit is not None and fresh and len(levels) >= limit else inf
        self.keys, self._near, self._far = [], {}, fresh
        self._fill()

    def apply(self, raw: bytes) -> bool:
        """Set and remove levels; tell whether one of the best ``depth`` may have changed."""
        levels, numbers = self._parse(raw)
        keys, near, far = self.keys, self._near, self._far
        edge, known_to, depth = self._edge, self._known_to, self._depth
        top_edge = keys[depth - 1] if len(keys) >= depth else inf
        most = 2 * self._window
        is_touched = False
        for (key, size), level in zip(numbers, levels, strict=True):
            if key > edge:
                if not size:
                    far.pop(key, None)
                elif key <= known_to:
                    far[key] = level
                continue
            if size:
                if key not in near:
                    if key > known_to:
                        continue
                    insort(keys, key)
                near[key] = level
                if len(keys) > most:
                    edge = self._cut()
            elif near.pop(key, None) is None:
                continue
            else:
                del keys[bisect_left(keys, key)]
            if key <= top_edge:
                is_touched = True
        if edge != inf and len(keys) < depth:
            self._fill()
        return is_touched

    def cut(self, levels: int) -> None:
        """Forget all but the best ``levels``."""
        if len(self) <= levels:
            return
        if len(self.keys) < levels:
            self._near |= self._far
            self.keys = sorted(self._near)
        for key in self.keys[levels:]:
            del self._near[key]
        del self.keys[levels:]
        self._far, self._edge = {}, inf

    def top(self) -> Ladder:
        """The best ``depth`` levels, best first."""
        return Ladder(None, tuple(map(self._near.__getitem__, self.keys[: self._depth])))

    def find_difference(self, other: "BookSide") -> tuple[Level | None, Level | None] | None:
        """Find the best price at which both know the truth and disagree."""
        self.be_as_exact_as(other)
        known_to = min(self._known_to, other._known_to)  # noqa: SLF001 - one of our own
        ours, theirs = self._near | self._far, other._near | other._far  # noqa: SLF001
        for key in sorted([key for key in ours.keys() | theirs.keys() if key <= known_to]):
            mine, yours = ours.get(key), theirs.get(key)
            if mine is None or yours is None or not _is_same_size(mine, yours):
                return mine, yours
        return None

    # near and far

    def _cut(self) -> Key:
        """Let the worst of what is near be far, so that it stays small in a frame of any number of levels."""
        worst = self.keys[self._window :]
        del self.keys[self._window :]
        self._far.update([(key, self._near.pop(key)) for key in worst])
        self._edge = self.keys[-1]
        return self._edge

    def _fill(self) -> None:
        """Make levels near until there are enough, or all are."""
        far = self._far
        best = sorted(far)
        if len(best) <= 2 * self._window:
            self._near |= far
            self._far, self._edge = {}, inf
        else:
            del best[self._window :]
            self._near.update([(key, far.pop(key)) for key in best])
            self._edge = best[-1]
        self.keys += best

    # texts to numbers

    def _parse(self, raw: bytes) -> tuple[Sequence[Level], Sequence[tuple[Key, float]]]:
        """Give levels, and the key and size of each.

        Raises:
            InvalidLevel: they are no list of pairs of plain decimal texts.
        """
        if self._read is not None and not self._is_exact:
            read = self._read(raw, self._sign)
            if read is not None:
                return read
        return self._parse_slowly(raw)

    def _parse_slowly(self, raw: bytes) -> tuple[Sequence[Level], Sequence[tuple[Key, float]]]:
        levels = scan(raw)
        if not self._is_exact and any(_significant(price) > MOST_SAFE_DIGITS for price, _ in levels):
            self.be_exact()
        key_of = self._exact if self._is_exact else self._inexact
        return levels, [(key_of(price), float(size)) for price, size in levels]

    def _inexact(self, price: str) -> Key:
        return self._sign * float(price)

    def _exact(self, price: str) -> Key:
        return Decimal(price) if self._sign > 0 else negate(Decimal(price))

    def be_as_exact_as(self, other: "BookSide") -> None:
        """Make the keys of both comparable."""
        if self._is_exact is not other._is_exact:  # noqa: SLF001 - one of our own
            self.be_exact()
            other.be_exact()

    def be_exact(self) -> None:
        """Give every level the exact number of its text as its key."""
        if self._is_exact:
            return
        self._is_exact = True
        exact: dict[Key, Key] = {inf: inf}
        for levels in (self._near, self._far):
            exact |= {key: self._exact(price) for key, (price, _) in levels.items()}
        self._near = {exact[key]: level for key, level in self._near.items()}
        self._far = {exact[key]: level for key, level in self._far.items()}
        self.keys[:] = [exact[key] for key in self.keys]
        self._edge = exact.get(self._edge) or Decimal(repr(self._edge))
        self._known_to = exact.get(self._known_to) or Decimal(repr(self._known_to))


def negate(key: Key) -> Key:
    """Turn a key of bids into a price, and back, exactly: a minus sign would round a long one."""
    return -key if isinstance(key, float) else key.copy_negate()


def _is_same_size(mine: Level, yours: Level) -> bool:
    return mine[1] == yours[1] or Decimal(mine[1]) == Decimal(yours[1])


def _significant(price: str) -> int:
    """Count the digits of a price that say something."""
    plain = price.strip("0") if "." in price else price.lstrip("0")
    return len(plain.replace(".", "").strip("0"))

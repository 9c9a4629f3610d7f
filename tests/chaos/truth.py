"""The market as it truly is: one instrument's book, remembered at every version.

A version is the number of single changes of one level since the start. Prices are ticks of a cent and sizes whole
numbers; the venues' texts are made from them.
"""

from random import Random

from tests.chaos.wire import Ladder, Texts

__all__ = ["ASK", "BID", "MILD", "WILD", "Market"]

BID, ASK = 0, 1
MILD, WILD = 0, 1
_SIGNS = (-1, 1)
_MIDDLE = 10_000


class Market:
    """One instrument."""

    def __init__(self, texts: Texts, levels: int, draw: Random) -> None:
        """``levels`` a side is what the market tends to have."""
        self._texts = texts
        self._levels = levels
        book = (
            {_MIDDLE - step: 1 + draw.randrange(9) for step in range(levels)},
            {_MIDDLE + 1 + step: 1 + draw.randrange(9) for step in range(levels)},
        )
        self._states = [book]
        self._log: list[tuple[int, int, int]] = []
        self._ladders: dict[tuple[int, int], Ladder] = {}

    @property
    def version(self) -> int:
        """The number of changes so far."""
        return len(self._log)

    def put(self, side: int, tick: int, size: int) -> None:
        """Set one level; size 0 removes it."""
        tick = max(tick, 1)
        books = self._states[-1]
        book = dict(books[side])
        if size:
            book[tick] = size
        else:
            book.pop(tick, None)
        self._log.append((side, tick, size))
        self._states.append((book, books[ASK]) if side == BID else (books[BID], book))

    def move(self, changes: int, style: int, draw: Random) -> None:
        """Change levels: a mild market mostly sizes near the top, a wild one eats its best levels. It never crosses."""
        for _ in range(changes):
            side = draw.randrange(2)
            sign = _SIGNS[side]
            book, other = self._states[-1][side], self._states[-1][1 - side]
            if not book:
                nearest = min(other) if other and side == BID else max(other) if other else _MIDDLE
                self.put(side, nearest + sign * (1 + draw.randrange(4)), 1 + draw.randrange(9))
                continue
            best = min(book) if side == ASK else max(book)
            if style == WILD and draw.random() < 0.75:
                self.put(side, best, 0)
            elif len(book) < self._levels - 4:
                worst = max(book) if side == ASK else min(book)
                self.put(side, worst + sign * (1 + draw.randrange(3)), 1 + draw.randrange(9))
            else:
                self._change_near(side, best, draw)

    def _change_near(self, side: int, best: int, draw: Random) -> None:
        sign, other = _SIGNS[side], self._states[-1][1 - side]
        tick = best + sign * (draw.randrange(28) - 2)
        size = 0 if draw.random() < 0.45 else 1 + draw.randrange(9)
        if size and other:
            nearest = max(other) if side == ASK else min(other)
            if sign * (tick - nearest) <= 0:
                tick = nearest + sign * (1 + draw.randrange(3))
        self.put(side, tick, size)

    def leap(self, levels: int, draw: Random) -> None:
        """The price runs: so many levels of one side are eaten, the other side follows, and both are filled up."""
        side = draw.randrange(2)
        for _ in range(levels):
            book = self._states[-1][side]
            if len(book) < 2:
                break
            best = min(book) if side == ASK else max(book)
            self.put(side, best, 0)
            self.put(1 - side, best, 1 + draw.randrange(9))
        for each in (BID, ASK):
            sign = _SIGNS[each]
            while len(book := self._states[-1][each]) < self._levels:
                worst = (max(book) if each == ASK else min(book)) if book else _MIDDLE
                self.put(each, worst + sign, 1 + draw.randrange(9))
            while len(book := self._states[-1][each]) > self._levels + 8:
                self.put(each, max(book) if each == ASK else min(book), 0)

    def cross(self) -> None:
        """Bid the best ask, as in an auction."""
        asks = self._states[-1][ASK]
        if asks:
            self.put(BID, min(asks), 5)

    def uncross(self) -> None:
        """Take back what crosses."""
        bids, asks = self._states[-1]
        if asks:
            best = min(asks)
            for tick in [tick for tick in bids if tick >= best]:
                self.put(BID, tick, 0)

    def is_crossed(self, version: int) -> bool:
        """Tell whether the book of a version is crossed or locked."""
        bids, asks = self._states[version]
        return bool(bids and asks) and max(bids) >= min(asks)

    def changes(self, since: int, version: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Give what changed after one version up to another: (tick, size) of bids, descending, and asks, ascending."""
        if version == since + 1:
            side, tick, size = self._log[since]
            return ([(tick, size)], []) if side == BID else ([], [(tick, size)])
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, tick, size in self._log[since:version]:
            sides[side][tick] = size
        return sorted(sides[BID].items(), reverse=True), sorted(sides[ASK].items())

    def levels(self, version: int, limit: int | None) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Give the book of a version, or its best levels, best first."""
        bids, asks = self._states[version]
        return (
            [(tick, bids[tick]) for tick in sorted(bids, reverse=True)[:limit]],
            [(tick, asks[tick]) for tick in sorted(asks)[:limit]],
        )

    def ladder(self, version: int, depth: int) -> Ladder:
        """Give the best levels of a version as the venue writes them."""
        known = self._ladders.get((version, depth))
        if known is None:
            bids, asks = self.levels(version, depth)
            level = self._texts.level
            known = (tuple([level(*each) for each in bids]), tuple([level(*each) for each in asks]))
            self._ladders[version, depth] = known
        return known

    def size_at(self, version: int, side: int, tick: int) -> int:
        """Give the size at a price, 0 where there is none."""
        return self._states[version][side].get(tick, 0)

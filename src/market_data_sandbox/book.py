"""A true book: every level of one instrument, in the venue's own text.

Written to be obviously right rather than fast, and on its own: it is what others are compared with.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal

import attrs

__all__ = ["Book", "Level"]

Level = tuple[str, str]
"""Price and absolute size as the venue writes them; a size of zero removes the level."""


@attrs.define
class _Side:
    levels: dict[Decimal, Level] = attrs.field(factory=dict)
    prices: list[Decimal] = attrs.field(factory=list)
    """All prices of `levels`, ascending."""

    def replace(self, levels: Iterable[Level]) -> None:
        self.levels = {Decimal(level[0]): level for level in levels if Decimal(level[1])}
        self.prices = sorted(self.levels)

    def apply(self, levels: Iterable[Level]) -> None:
        for level in levels:
            price = Decimal(level[0])
            if not Decimal(level[1]):
                if self.levels.pop(price, None) is not None:
                    del self.prices[bisect_left(self.prices, price)]
                continue
            if price not in self.levels:
                insort(self.prices, price)
            self.levels[price] = level


@attrs.define
class Book:
    """The levels of one instrument after a certain change."""

    sequence: int = -1
    """Binance: the id of the last change. Coinbase: how many changes the book has seen."""
    changed_ns: int | None = None
    """The venue's time of the last change, nanoseconds since 1970 UTC; None where it told none."""
    _bids: _Side = attrs.field(factory=_Side, init=False)
    _asks: _Side = attrs.field(factory=_Side, init=False)

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Forget every level and take these instead, in any order."""
        self._bids.replace(bids)
        self._asks.replace(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set absolute sizes; zero removes, also what is not there."""
        self._bids.apply(bids)
        self._asks.apply(asks)

    def bids(self, limit: int | None = None) -> list[Level]:
        """Give the buyers' levels, best first, at most `limit`."""
        prices = self._bids.prices
        start = 0 if limit is None else max(0, len(prices) - limit)
        return [self._bids.levels[price] for price in reversed(prices[start:])]

    def asks(self, limit: int | None = None) -> list[Level]:
        """Give the sellers' levels, best first, at most `limit`."""
        return [self._asks.levels[price] for price in self._asks.prices[:limit]]

    @property
    def is_crossed(self) -> bool:
        """Tell whether the best bid reaches the best ask."""
        return bool(self._bids.prices and self._asks.prices and self._bids.prices[-1] >= self._asks.prices[0])

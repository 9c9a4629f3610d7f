"""An order book as simple as it can be: what the fast one is compared with."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from heapq import nlargest, nsmallest

from market_data.domain.normalized import Level, Levels

__all__ = ["NaiveBook", "NaiveSide", "ladder"]


class NaiveSide:
    """A dict of levels, sorted whenever somebody asks."""

    def __init__(self, *, best_is_highest: bool) -> None:
        self._best_is_highest = best_is_highest
        self.levels: dict[Decimal, Level] = {}
        self.edge: Decimal | None = None

    def replace(self, levels: Sequence[Level], limit: int | None = None) -> None:
        """Forget all, take these; with a filled limit, know nothing beyond the worst."""
        self.edge = None
        self.levels = {}
        self.apply(levels)
        if limit is not None and len(levels) >= limit and self.levels:
            self.edge = self.prices()[-1]

    def apply(self, levels: Iterable[Level]) -> None:
        """Set and remove."""
        for level in levels:
            price = Decimal(level[0])
            if self.is_beyond(price):
                continue
            if Decimal(level[1]) == 0:
                self.levels.pop(price, None)
            else:
                self.levels[price] = level

    def is_beyond(self, price: Decimal) -> bool:
        """Tell whether nothing is known of this price."""
        if self.edge is None:
            return False
        return price < self.edge if self._best_is_highest else price > self.edge

    def prices(self) -> list[Decimal]:
        """All prices, best first."""
        return sorted(self.levels, reverse=self._best_is_highest)

    def cut(self, levels: int) -> None:
        """Forget all but the best."""
        for price in self.prices()[levels:]:
            del self.levels[price]

    def find_difference(self, other: "NaiveSide") -> tuple[Level | None, Level | None] | None:
        """Give what each has at the best price where they differ, of the prices that both know of."""
        ours, theirs = self.levels, other.levels
        for price in sorted(ours.keys() | theirs.keys(), reverse=self._best_is_highest):
            if self.is_beyond(price) or other.is_beyond(price):
                return None
            mine, yours = ours.get(price), theirs.get(price)
            if mine is None or yours is None or Decimal(mine[1]) != Decimal(yours[1]):
                return mine, yours
        return None

    def top(self, depth: int) -> Levels:
        """The best levels, best first, in the text they came in."""
        best = nlargest(depth, self.levels) if self._best_is_highest else nsmallest(depth, self.levels)
        return tuple(self.levels[price] for price in best)


class NaiveBook:
    """Both sides."""

    def __init__(self) -> None:
        self.bids = NaiveSide(best_is_highest=True)
        self.asks = NaiveSide(best_is_highest=False)

    def replace(self, bids: Sequence[Level], asks: Sequence[Level], limit: int | None = None) -> None:
        """Take a snapshot."""
        self.bids.replace(bids, limit)
        self.asks.replace(asks, limit)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Apply an event."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    def cut(self, levels: int) -> None:
        """Forget all but the best of both sides."""
        self.bids.cut(levels)
        self.asks.cut(levels)

    def top(self, depth: int) -> tuple[Levels, Levels]:
        """The best levels of both sides."""
        return self.bids.top(depth), self.asks.top(depth)

    @property
    def known_levels(self) -> int | None:
        """How many levels are known on the side that knows fewer, None when both are whole."""
        return min((len(side.levels) for side in (self.bids, self.asks) if side.edge is not None), default=None)

    def find_difference(self, other: "NaiveBook") -> tuple[str, Level | None, Level | None] | None:
        """Name the side and what each has there."""
        for name, ours, theirs in (("bid", self.bids, other.bids), ("ask", self.asks, other.asks)):
            found = ours.find_difference(theirs)
            if found is not None:
                return name, *found
        return None

    @property
    def is_crossed(self) -> bool:
        """Tell whether the best bid is at or above the best ask."""
        bids, asks = self.bids.prices(), self.asks.prices()
        return bool(bids and asks) and bids[0] >= asks[0]


def ladder(levels: Iterable[Level]) -> list[tuple[Decimal, Decimal]]:
    """Levels as numbers, to compare what is written differently."""
    return [(Decimal(price), Decimal(size)) for price, size in levels]

"""The best levels of a book, as a venue keeps them for a stream: what moves in and out of them is told at once."""

from collections.abc import Iterable
from decimal import Decimal

import attrs

from market_data_sandbox.book import Book, Level

__all__ = ["Window"]


@attrs.define(eq=False)
class Window:
    """What a stream's followers hold of one book: never more than `depth` levels a side."""

    depth: int
    sequence: int
    """The number of the last message that changed it."""
    changed_ns: int | None
    """When the book changed so; None where the venue told no time."""
    bids: dict[str, str]
    """Sizes by price, best first."""
    asks: dict[str, str]

    @classmethod
    def of(cls, book: Book, depth: int, sequence: int) -> "Window":
        """Begin with a book as it is."""
        return cls(depth, sequence, book.changed_ns, dict(book.bids(depth)), dict(book.asks(depth)))

    def move(self, book: Book) -> tuple[list[Level], list[Level]]:
        """Follow a book, and give what that changed: bids descending, asks ascending, zero for what is out of it now.

        Both are empty where all that happened was beyond it.
        """
        bids, asks = dict(book.bids(self.depth)), dict(book.asks(self.depth))
        changes = _difference(self.bids, bids), _difference(self.asks, asks)
        changes[0].sort(key=_price, reverse=True)
        changes[1].sort(key=_price)
        self.bids, self.asks = bids, asks
        if any(changes):
            self.changed_ns = book.changed_ns
        return changes

    def with_absent(
        self, told: tuple[list[Level], list[Level]], bids: Iterable[Level], asks: Iterable[Level]
    ) -> tuple[list[Level], list[Level]]:
        """Add the removals among these changes that are of no level held, as a venue may tell them, too."""
        return (
            sorted([*told[0], *_absent(told[0], bids)], key=_price, reverse=True),
            sorted([*told[1], *_absent(told[1], asks)], key=_price),
        )


def _difference(before: dict[str, str], after: dict[str, str]) -> list[Level]:
    changed = [level for level in after.items() if before.get(level[0]) != level[1]]
    return changed + [(price, "0") for price in before if price not in after]


def _absent(told: list[Level], changes: Iterable[Level]) -> list[Level]:
    prices = {price for price, _ in told}
    return [(price, "0") for price, size in changes if not Decimal(size) and price not in prices]


def _price(level: Level) -> Decimal:
    return Decimal(level[0])

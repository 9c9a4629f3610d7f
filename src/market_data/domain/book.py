"""An order book that can be kept at the speed of the venues, and that knows how far it can be trusted.

``Book`` says what any engine does; ``OrderBook`` is the one of pure Python (``side``).
"""

from abc import abstractmethod
from collections.abc import Callable, Generator
from typing import Protocol, Self, TypeAlias

import attrs

from market_data.domain.levels import NONE, InvalidLevel, Ladder, Level, is_same_ladder, pieces_of, scan
from market_data.domain.side import BookSide, QuickRead, negate

__all__ = ["Book", "BookFactory", "BookSide", "Difference", "InvalidLevel", "OrderBook", "fill_book"]


@attrs.frozen
class Difference:
    """The best price at which two books that should agree do not; None stands for no level there."""

    side: str
    ours: Level | None
    theirs: Level | None


class Book(Protocol):
    """Both sides of one instrument's book, whatever keeps it. Levels come raw (``levels``)."""

    @abstractmethod
    def replace(self, bids: bytes, asks: bytes, limit: int | None = None) -> None:
        """Take a snapshot, in any order, in place of all that was known; ``limit`` is how many levels a side it could
        hold.

        Raises:
            InvalidLevel: the book is then not to be used any more.
        """
        raise NotImplementedError

    @abstractmethod
    def apply(self, bids: bytes, asks: bytes) -> bool:
        """Apply one event's absolute sizes, zero removing; tell whether the top may have changed.

        Removing a level that is not there is normal and means nothing.

        Raises:
            InvalidLevel: the book is then not to be used any more.
        """
        raise NotImplementedError

    @abstractmethod
    def cut(self, levels: int) -> None:
        """Forget what lies beyond the best ``levels`` of a side, where the venue does and does not say so."""
        raise NotImplementedError

    @property
    @abstractmethod
    def is_crossed(self) -> bool:
        """Whether the best bid is at or above the best ask, which no whole book of these venues ever is."""
        raise NotImplementedError

    @abstractmethod
    def check(self, bids: bytes, asks: bytes) -> None:
        """Read levels that are not to be applied.

        Raises:
            InvalidLevel: they could not have been.
        """
        raise NotImplementedError

    @abstractmethod
    def knows(self, levels: int) -> bool:
        """Tell whether each side is whole, or known as far as so many levels."""
        raise NotImplementedError

    @property
    @abstractmethod
    def known_levels(self) -> int | None:
        """How many levels are known on the side that knows fewer; None when both are whole."""
        raise NotImplementedError

    @abstractmethod
    def top(self) -> tuple[Ladder, Ladder]:
        """The best levels of both sides: bids descending, asks ascending."""
        raise NotImplementedError

    @abstractmethod
    def news(self, bids: Ladder, asks: Ladder) -> tuple[Ladder, Ladder] | None:
        """Give the best levels of both sides, None where they are the same numbers as these: ``1.50`` is ``1.5``."""
        raise NotImplementedError

    @abstractmethod
    def find_difference(self, other: Self) -> Difference | None:
        """Compare with another book, of the same engine and moment, as far as both know; None when they agree."""
        raise NotImplementedError


BookFactory: TypeAlias = Callable[[int], Book]
"""Makes an empty book; the argument is how many levels a side its ``top`` gives."""


def fill_book(book: Book, bids: bytes, asks: bytes) -> Generator[None]:
    """Make an empty book what ``replace`` by whole sides makes of it, in steps of about a millisecond.

    Raises:
        InvalidLevel: the book is then not to be used any more.
    """
    for piece in pieces_of(bids):
        book.apply(piece, NONE)
        yield
    for piece in pieces_of(asks):
        book.apply(NONE, piece)
        yield


class OrderBook(Book):
    """The engine of pure Python."""

    __slots__ = ("asks", "bids")

    def __init__(self, depth: int, read: QuickRead | None = None) -> None:
        """``depth`` is how many levels a side ``top`` gives; ``read`` reads at once what it can."""
        self.bids = BookSide(-1, depth, read)
        self.asks = BookSide(1, depth, read)

    def replace(self, bids: bytes, asks: bytes, limit: int | None = None) -> None:
        self.bids.replace(bids, limit)
        self.asks.replace(asks, limit)

    def apply(self, bids: bytes, asks: bytes) -> bool:
        touched = self.bids.apply(bids)
        return self.asks.apply(asks) or touched

    def cut(self, levels: int) -> None:
        self.bids.cut(levels)
        self.asks.cut(levels)

    def check(self, bids: bytes, asks: bytes) -> None:
        scan(bids)
        scan(asks)

    @property
    def is_crossed(self) -> bool:
        bids, asks = self.bids.keys, self.asks.keys
        if not bids or not asks:
            return False
        if type(bids[0]) is not type(asks[0]):
            self.bids.be_as_exact_as(self.asks)
        return negate(bids[0]) >= asks[0]

    def knows(self, levels: int) -> bool:
        return self.bids.knows(levels) and self.asks.knows(levels)

    @property
    def known_levels(self) -> int | None:
        return min((len(side) for side in (self.bids, self.asks) if not side.is_whole), default=None)

    def top(self) -> tuple[Ladder, Ladder]:
        return self.bids.top(), self.asks.top()

    def news(self, bids: Ladder, asks: Ladder) -> tuple[Ladder, Ladder] | None:
        best = best_bids, best_asks = self.bids.top(), self.asks.top()
        return None if is_same_ladder(best_bids, bids) and is_same_ladder(best_asks, asks) else best

    def find_difference(self, other: "OrderBook") -> Difference | None:
        for name, ours, theirs in (("bid", self.bids, other.bids), ("ask", self.asks, other.asks)):
            found = ours.find_difference(theirs)
            if found is not None:
                return Difference(name, *found)
        return None

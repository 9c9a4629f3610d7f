"""What can be done to the content of a venue's frames."""

from abc import abstractmethod
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any, Protocol

import attrs
import msgspec

from market_data_sandbox.book import Book

__all__ = ["Damage", "SidedDamage", "encode", "far_bid", "garbage", "padded", "truncated"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_FAR_ABOVE = Decimal("1.05")
_DEEP_LEVELS = 10

Sides = tuple[list[Any], list[Any]]
"""Bids and asks of a decoded frame, level by level, to be changed in place."""


def encode(message: object) -> str:
    """Write JSON without blanks."""
    return msgspec.json.encode(message).decode()


def truncated(text: str) -> str:
    """Give the first half."""
    return text[: len(text) // 2]


def garbage(random: Random, length: int = 200) -> str:
    """Give printable rubbish that is no JSON."""
    return "}" + "".join(chr(random.randint(33, 0x24F)) for _ in range(length))


def padded(text: str, size: int) -> str:
    """Make it longer without changing what it says."""
    return text + " " * max(0, size - len(text))


def far_bid(book: Book) -> tuple[str, str] | None:
    """Give a bid above the best ask; None where there is no ask.

    It is far above, since `book` may be ahead of a frame: a level that crosses nothing is a lie nobody sees.
    """
    asks = book.asks(1)
    if not asks:
        return None
    best, size = asks[0]
    return str((Decimal(best) * _FAR_ABOVE).quantize(Decimal(best))), size


class Damage(Protocol):
    """Spoils the frames of one venue; what gives None cannot be done to this frame, or nobody could see it."""

    @abstractmethod
    def error(self, message: str) -> str:
        """Write an error that comes unasked."""

    @abstractmethod
    def crossed(self, text: str, symbol: str, book: Book) -> str | None:
        """Let a frame also set a bid above the best ask."""

    @abstractmethod
    def wrong_sided(self, text: str, symbol: str, book: Book) -> str | None:
        """Put levels on a side where they do not belong."""

    @abstractmethod
    def enlarged(self, text: str, symbol: str, book: Book, size: int) -> str:
        """Make a snapshot this large."""

    def with_wrong_checksum(self, text: str) -> str | None:  # noqa: ARG002 - few venues have any
        """Give a frame the checksum of another book."""
        return None

    def without_level(self, text: str, book: Book) -> str | None:  # noqa: ARG002 - few venues have any checksum
        """Leave out a level that the checksum of a frame is not of."""
        return None


@attrs.frozen
class SidedDamage(Damage):
    """Of a venue whose frames have a list of bids and a list of asks, and a price as the head of each level."""

    error_of: Callable[[str], dict[str, object]]
    """Writes an error with a message."""
    sides: Callable[[dict[str, Any]], Sides | None]
    """Finds the levels of a frame about a book; None in other frames."""
    level: Callable[[str, str], list[str]] = lambda price, size: [price, size]
    """Writes a level of a price and a size."""

    def error(self, message: str) -> str:
        return encode(self.error_of(message))

    def crossed(self, text: str, symbol: str, book: Book) -> str | None:  # noqa: ARG002 - such a frame has one book
        frame = _decode(text)
        sides, bid = self.sides(frame), far_bid(book)
        if sides is None or bid is None:
            return None
        sides[0].insert(0, self.level(*bid))
        return encode(frame)

    def wrong_sided(self, text: str, symbol: str, book: Book) -> str | None:  # noqa: ARG002 - such a frame has one book
        frame = _decode(text)
        sides = self.sides(frame)
        if sides is None:
            return None
        bids, asks = sides
        bids[:], asks[:] = asks[:], bids[:]
        return encode(frame) if _has_level_deep_inside(bids, asks, book) else None

    def enlarged(self, text: str, symbol: str, book: Book, size: int) -> str:  # noqa: ARG002 - blanks are enough
        """Add blanks: such a venue keeps so many levels and no more."""
        return padded(text, size)


def _has_level_deep_inside(bids: list[Any], asks: list[Any], book: Book) -> bool:
    """Tell whether a level of the wrong side is so far on the other side that it crosses the book for sure."""
    best_bids, best_asks = book.bids(_DEEP_LEVELS), book.asks(_DEEP_LEVELS)
    if len(best_bids) < _DEEP_LEVELS or len(best_asks) < _DEEP_LEVELS:
        return False
    low, high = Decimal(best_bids[-1][0]), Decimal(best_asks[-1][0])
    return any(Decimal(level[0]) > high for level in bids if Decimal(level[1])) or any(
        Decimal(level[0]) < low for level in asks if Decimal(level[1])
    )

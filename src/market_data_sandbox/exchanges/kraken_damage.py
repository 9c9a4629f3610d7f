"""What can be done to the content of Kraken's frames.

Numbers keep their text where a frame is changed: a number that lost its zeros would break every checksum.
"""

from decimal import Decimal
from typing import Any

import attrs
import msgspec

from market_data_sandbox.book import Book
from market_data_sandbox.exchanges.damage import Damage, encode, far_bid, padded
from market_data_sandbox.exchanges.kraken_books import CHECKED_LEVELS

__all__ = ["KrakenDamage"]

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=msgspec.Raw).decode
_SAFELY_BEYOND = CHECKED_LEVELS + 5
"""What is worse than this many levels was beyond the checksum's ten, though the book may be some frames ahead."""


@attrs.frozen
class KrakenDamage(Damage):
    """Of frames that hold one book, its numbers, and their checksum."""

    def error(self, message: str) -> str:
        """Write an error that answers nothing; its shape in mid-stream is not established."""
        return encode({"error": message, "method": "error", "success": False})

    def crossed(self, text: str, symbol: str, book: Book) -> str | None:  # noqa: ARG002 - such a frame has one book
        frame, bid = _decode(text), far_bid(book)
        found = _book_of(frame)
        if found is None or bid is None:
            return None
        price, size = map(msgspec.Raw, bid)
        found["bids"].insert(0, {"price": price, "qty": size})
        return encode(frame)

    def wrong_sided(self, text: str, symbol: str, book: Book) -> str | None:  # noqa: ARG002 - a checksum sees it
        """Let bids and asks change places: any level on the other side is among the best there."""
        frame = _decode(text)
        found = _book_of(frame)
        if found is None or not any(Decimal(_level(level)[1]) for level in found["bids"] + found["asks"]):
            return None
        found["bids"], found["asks"] = found["asks"], found["bids"]
        return encode(frame)

    def enlarged(self, text: str, symbol: str, book: Book, size: int) -> str:  # noqa: ARG002 - blanks are enough
        """Add blanks: a depth is kept exactly."""
        return padded(text, size)

    def with_wrong_checksum(self, text: str) -> str | None:
        frame = _decode(text)
        found = _book_of(frame)
        if found is None:
            return None
        found["checksum"] ^= 1
        return encode(frame)

    def without_level(self, text: str, book: Book) -> str | None:
        """Leave out a removal beyond the ten levels that the checksum is of: what is gone stays, and nothing tells."""
        frame = _decode(text)
        found = _book_of(frame)
        if found is None:
            return None
        for side, best, sign in (("bids", book.bids(_SAFELY_BEYOND), 1), ("asks", book.asks(_SAFELY_BEYOND), -1)):
            if len(best) < _SAFELY_BEYOND:
                continue
            bound = Decimal(best[-1][0]) * sign
            for level in found[side]:
                price, size = map(Decimal, _level(level))
                if not size and price * sign < bound:
                    found[side].remove(level)
                    return encode(frame)
        return None


def _book_of(frame: dict[str, Any]) -> dict[str, Any] | None:
    """Give the book that a frame tells of; None in other frames."""
    return frame["data"][0] if frame.get("channel") == "book" else None


def _level(level: dict[str, Any]) -> tuple[str, str]:
    return _number(level["price"]), _number(level["qty"])


def _number(number: object) -> str:
    return bytes(number).decode() if isinstance(number, msgspec.Raw) else str(number)

"""Kraken v2's `book` channel: what a book looks like at a depth, and how its changes are told.

The venue keeps no client's window: it tells no removal of what falls out of the depth, and tells again what comes back
in. A client cuts each side to the depth after applying a message, and only then compares the checksum:

    {"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":78858.8,"qty":0.00000000},
     {"price":78857.0,"qty":0.34775324}],"asks":[],"checksum":2416540570,"timestamp":"2026-08-24T22:21:58.343688Z"}]}

Prices and sizes are JSON numbers of exactly the pair's decimals, which is what the checksum is made of.
"""

import zlib
from collections.abc import Iterable, Sequence
from decimal import Decimal

import attrs

from market_data_sandbox.book import Book, Level
from market_data_sandbox.times import format_microseconds

__all__ = ["CHECKED_LEVELS", "DEPTHS", "DepthView", "checksum"]

DEPTHS = (10, 25, 100, 500, 1000)
"""What can be subscribed; anything else is refused, and not rounded."""
CHECKED_LEVELS = 10


def checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """Compute the CRC32 of the best ten asks and the best ten bids, both best first."""
    best = (*asks[:CHECKED_LEVELS], *bids[:CHECKED_LEVELS])
    return zlib.crc32("".join(_digits(price) + _digits(size) for price, size in best).encode())


def _digits(number: str) -> str:
    return number.replace(".", "").lstrip("0")


@attrs.define(eq=False)
class DepthView:
    """One book as all who subscribed to it at one depth see it."""

    name: str
    """The pair's v2 name, as in `BTC/USD`."""
    depth: int
    _bids: list[Level]
    _asks: list[Level]
    _changed_ns: int
    """When something within the depth changed last."""

    @classmethod
    def of(cls, name: str, depth: int, book: Book) -> "DepthView":
        """See a book as it is now."""
        return cls(name, depth, book.bids(depth), book.asks(depth), book.changed_ns or 0)

    def snapshot(self) -> str:
        """Tell all levels, with the time and the checksum of the last change."""
        return self._frame("snapshot", self._bids, self._asks)

    def advance(self, book: Book) -> str | None:
        """Go on to what the book is now, and tell what changed within the depth; None when nothing did."""
        old_bids, old_asks = self._bids, self._asks
        bids, asks = book.bids(self.depth), book.asks(self.depth)
        if bids == old_bids and asks == old_asks:
            return None
        self._bids, self._asks, self._changed_ns = bids, asks, book.changed_ns or 0
        return self._frame("update", self._told(old_bids, bids), self._told(old_asks, asks))

    def _told(self, old: list[Level], new: list[Level]) -> list[Level]:
        """Give the removals, and then the new levels and sizes; what fell out of the depth is not told."""
        before, after = dict(old), dict(new)
        gone = [price for price in before if price not in after]
        if len(new) == self.depth:
            best, worst = Decimal(new[0][0]), Decimal(new[-1][0])
            are_bids = worst < best
            gone = [price for price in gone if (Decimal(price) > worst if are_bids else Decimal(price) < worst)]
        zero = _zero_like(new or old)
        return [
            *((price, zero) for price in gone),
            *((price, size) for price, size in new if before.get(price) != size),
        ]

    def _frame(self, kind: str, bids: Iterable[Level], asks: Iterable[Level]) -> str:
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{self.name}","bids":[{_levels(bids)}],'
            f'"asks":[{_levels(asks)}],"checksum":{checksum(self._bids, self._asks)},'
            f'"timestamp":"{format_microseconds(self._changed_ns)}"}}]}}'
        )


def _zero_like(levels: list[Level]) -> str:
    """Write no size at all with the decimals that these levels have."""
    decimals = len(levels[0][1].partition(".")[2]) if levels else 0
    return f"{0:.{decimals}f}"


def _levels(levels: Iterable[Level]) -> str:
    return ",".join(f'{{"price":{price},"qty":{size}}}' for price, size in levels)

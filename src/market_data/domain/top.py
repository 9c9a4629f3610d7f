"""Top of book: the best prices of both sides and what follows from them, exactly."""

from decimal import ROUND_HALF_EVEN, Decimal

import attrs

from market_data.domain.normalized import BookState
from market_data.domain.prices import EXACT, mid_of, spread_of

__all__ = ["SPREAD_PERCENT_DIGITS", "TopOfBook", "plain", "whole"]

SPREAD_PERCENT_DIGITS = 6
"""Decimals of ``spread_percent``, rounded half to even; all else is exact."""


@attrs.frozen
class TopOfBook:
    """Best bid and ask of a live book with their sizes; None where that side is empty or the book is not live.

    ``mid`` is (bid + ask) / 2 and ``spread`` ask - bid, both exact, in the quote currency; ``spread_percent`` is
    spread / mid * 100, rounded. All three are None unless both sides have a level.
    """

    best_bid: str | None
    best_bid_size: str | None
    best_ask: str | None
    best_ask_size: str | None
    mid: Decimal | None
    spread: Decimal | None
    spread_percent: Decimal | None

    @classmethod
    def of(cls, book: BookState, digits: int = SPREAD_PERCENT_DIGITS) -> "TopOfBook":
        """Read the top of a book; a book that is not live has none, whatever it carries."""
        bid, bid_size = book.bids[0] if book.is_live and book.bids else (None, None)
        ask, ask_size = book.asks[0] if book.is_live and book.asks else (None, None)
        if bid is None or ask is None:
            return cls(bid, bid_size, ask, ask_size, None, None, None)
        bid_price, ask_price = Decimal(bid), Decimal(ask)
        mid, spread = mid_of(bid_price, ask_price), spread_of(bid_price, ask_price)
        percent = None
        if mid:
            percent = EXACT.multiply(EXACT.divide(spread, mid), Decimal(100))
            percent = percent.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN, context=EXACT)
        return cls(bid, bid_size, ask, ask_size, mid, spread, percent)


def whole(number: Decimal | None) -> str | None:
    """Write a number without exponent and with all its digits: ``0.010000``."""
    return None if number is None else format(number, "f")


def plain(number: Decimal | None) -> str | None:
    """Write a number without exponent and without trailing zeros: ``61837.635``, ``0.01``, ``100``."""
    if number is None:
        return None
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"

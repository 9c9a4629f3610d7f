"""Exact arithmetic on a book's best prices."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

__all__ = ["BPS", "EXACT", "ROUNDED", "in_bps", "mid_of", "rounded", "spread_of"]

BPS = 10_000
"""Basis points in one."""
ROUNDED = Context(prec=28, rounding=ROUND_HALF_EVEN)
"""For the last step of what has no end."""

EXACT = Context(prec=80)
"""Digits enough for every sum, difference and half of two prices that a venue can write."""


def mid_of(bid: Decimal, ask: Decimal) -> Decimal:
    """Give (bid + ask) / 2, in the quote currency."""
    return EXACT.divide(EXACT.add(bid, ask), Decimal(2))


def spread_of(bid: Decimal, ask: Decimal) -> Decimal:
    """Give ask - bid, in the quote currency; below zero where the book is crossed."""
    return EXACT.subtract(ask, bid)


def rounded(fraction: Fraction) -> Decimal:
    """Write a fraction as a decimal number of 28 digits."""
    return ROUNDED.divide(Decimal(fraction.numerator), Decimal(fraction.denominator))


def in_bps(part: Decimal, whole: Decimal) -> Decimal | None:
    """Give a part in basis points of the whole, to 28 digits; None where that is 0."""
    return rounded(Fraction(part) / Fraction(whole) * BPS) if whole else None

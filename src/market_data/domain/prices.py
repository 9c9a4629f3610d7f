"""Exact arithmetic on a book's best prices."""

from decimal import Context, Decimal

__all__ = ["EXACT", "mid_of", "spread_of"]

EXACT = Context(prec=80)
"""Digits enough for every sum, difference and half of two prices that a venue can write."""


def mid_of(bid: Decimal, ask: Decimal) -> Decimal:
    """Give (bid + ask) / 2, in the quote currency."""
    return EXACT.divide(EXACT.add(bid, ask), Decimal(2))


def spread_of(bid: Decimal, ask: Decimal) -> Decimal:
    """Give ask - bid, in the quote currency; below zero where the book is crossed."""
    return EXACT.subtract(ask, bid)

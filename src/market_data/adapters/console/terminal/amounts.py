"""Amounts of money as people type them: ``50000``, ``50,000``, ``50k``, ``1.5M``. Pure and exact."""

import re
from decimal import Decimal

from market_data.domain.prices import EXACT

__all__ = ["AMOUNT_HINT", "NOTIONALS", "next_amount", "parse_amount"]

AMOUNT_HINT = "50000, 50,000, 50k or 1.5M"
NOTIONALS = (1_000, 10_000, 100_000, 1_000_000)
"""Of the quote currency."""
_AMOUNT = re.compile(r"((?:[0-9]{1,3}(?:[,_ '][0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?) ?([kKmM]?)")
_TIMES = {"": 1, "k": 1_000, "m": 1_000_000}
_MOST_LETTERS = 24


def parse_amount(text: str) -> Decimal | int | None:
    """Read an amount; None where it is none, or not above zero."""
    found = _AMOUNT.fullmatch(text.strip()) if len(text) <= _MOST_LETTERS else None
    if found is None or not found[1]:
        return None
    amount = EXACT.multiply(Decimal(re.sub(r"[,_ ']", "", found[1])), _TIMES[found[2].lower()])
    if not amount:
        return None
    return int(amount) if amount == amount.to_integral_value() else amount


def next_amount(amount: Decimal | int) -> int:
    """Give the next larger of the usual amounts, and the smallest after the largest."""
    return next((each for each in NOTIONALS if each > amount), NOTIONALS[0])

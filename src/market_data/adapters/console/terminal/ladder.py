"""One side of a book as rungs of a ladder: prices in groups, sizes added up. Pure and exact.

Of the levels that are known, at most 20 a side: what lies behind them is not guessed.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import attrs

from market_data.domain.analytics import cumulative_sizes
from market_data.domain.levels import Levels
from market_data.domain.prices import EXACT

__all__ = ["Rung", "Rungs", "group_steps", "rungs_of"]

_MULTIPLES = tuple(Decimal(digit).scaleb(power) for power in range(6) for digit in (1, 2, 5))
_ZERO = Decimal(0)
_FEWEST = 3


@attrs.frozen
class Rung:
    """All levels of a group; of one level where prices are not grouped."""

    price: Decimal
    """Of a group that which is worse for a taker: bids are rounded down, asks up."""
    size: Decimal
    """In the base currency."""
    total: Decimal
    """Of this rung and all better ones."""
    levels: int
    """How many levels of the book that is."""
    may_hold_more: bool = False
    """The last level that is known lies in this group, and who knows what behind it."""


@attrs.frozen
class Rungs:
    """The bids or the asks, best first."""

    each: Sequence[Rung]
    is_bid: bool

    def __len__(self) -> int:
        return len(self.each)

    @property
    def total(self) -> Decimal:
        """The size of all."""
        return self.each[-1].total if self.each else _ZERO


def rungs_of(levels: Levels, step: Decimal | None, *, is_bid: bool) -> Rungs:
    """Put levels in groups of so much in price; None: each stands for itself."""
    rungs: list[Rung] = []
    for at, ((text, amount), total) in enumerate(zip(levels, cumulative_sizes(levels), strict=True), start=1):
        price, size = Decimal(text), Decimal(amount)
        place = price if step is None else _rounded(price, step, is_bid=is_bid)
        if rungs and rungs[-1].price == place:
            size = EXACT.add(size, rungs.pop().size)
        rungs.append(Rung(place, size, total, at))
    if rungs and step is not None:
        rungs[-1] = attrs.evolve(rungs[-1], may_hold_more=True)
    return Rungs(rungs, is_bid)


def group_steps(bids: Levels, asks: Levels, pip: Decimal) -> Sequence[Decimal]:
    """Give the steps of price that make groups of this book: 2, 5, 10, ... pips, while groups can be told apart."""
    steps: list[Decimal] = []
    for multiple in _MULTIPLES[1:]:
        step = EXACT.multiply(pip, multiple)
        sides = (rungs_of(bids, step, is_bid=True), rungs_of(asks, step, is_bid=False))
        if all(len(side) < _FEWEST for side in sides):
            break
        steps.append(step)
    return steps


def _rounded(price: Decimal, step: Decimal, *, is_bid: bool) -> Decimal:
    groups = EXACT.divide(price, step).to_integral_value(ROUND_FLOOR if is_bid else ROUND_CEILING, EXACT)
    return EXACT.multiply(groups, step)

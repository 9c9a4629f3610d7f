"""One side of a book as rungs of a ladder: prices in groups, sizes added up, and what it costs to take them. Pure, exact.

Of the levels that are known, at most 20 a side: what lies behind them is not guessed.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import attrs

from market_data.domain.levels import Levels
from market_data.domain.prices import EXACT

__all__ = ["Fill", "Rung", "Side", "group_steps", "side_of"]

_MULTIPLES = tuple(Decimal(digit).scaleb(power) for power in range(6) for digit in (1, 2, 5))
_ZERO = Decimal(0)
_FEWEST_RUNGS = 2


@attrs.frozen
class Rung:
    """All levels of a group; of one level where prices are not grouped."""

    price: Decimal
    """Of a group that which is worse for a taker: bids are rounded down, asks up."""
    size: Decimal
    """In the base currency."""
    total: Decimal
    """Of this rung and all better ones."""
    cost: Decimal
    """What all of ``total`` is worth at the levels' own prices, in the quote currency."""
    may_hold_more: bool = False
    """The last level that is known lies in this group, and who knows what behind it."""


@attrs.frozen
class Fill:
    """What a taker gets who takes all down to a rung."""

    price: Decimal
    """The average, weighted by size; rounded to 28 digits."""
    slippage_bps: Decimal | None
    """How much worse than the mid, in basis points of the mid; None where there is no mid."""


@attrs.frozen
class Side:
    """The bids or the asks, best first."""

    rungs: Sequence[Rung]
    is_bid: bool

    @property
    def total(self) -> Decimal:
        """The size of all."""
        return self.rungs[-1].total if self.rungs else _ZERO

    def fill(self, at: int, mid: Decimal | None) -> Fill:
        """Say what taking all rungs up to the ``at``-th, from 0, comes to."""
        rung = self.rungs[at]
        price = rung.cost / rung.total
        if not mid:
            return Fill(price, None)
        worse = mid - price if self.is_bid else price - mid
        return Fill(price, worse / mid * 10_000)


def side_of(levels: Levels, step: Decimal | None, *, is_bid: bool) -> Side:
    """Put levels in groups of so much in price; None: each stands for itself."""
    rungs: list[Rung] = []
    total = cost = _ZERO
    for text, amount in levels:
        price, size = Decimal(text), Decimal(amount)
        total = EXACT.add(total, size)
        cost = EXACT.fma(price, size, cost)
        place = price if step is None else _rounded(price, step, is_bid=is_bid)
        if rungs and rungs[-1].price == place:
            size = EXACT.add(size, rungs.pop().size)
        rungs.append(Rung(place, size, total, cost))
    if rungs and step is not None:
        rungs[-1] = attrs.evolve(rungs[-1], may_hold_more=True)
    return Side(rungs, is_bid)


def group_steps(bids: Levels, asks: Levels, pip: Decimal) -> Sequence[Decimal]:
    """Give the steps of price that make groups of this book: 1, 2, 5, 10, ... pips, while groups can be told apart."""
    steps: list[Decimal] = []
    for multiple in _MULTIPLES[1:]:
        step = EXACT.multiply(pip, multiple)
        sides = (side_of(bids, step, is_bid=True), side_of(asks, step, is_bid=False))
        if all(len(side.rungs) < _FEWEST_RUNGS for side in sides):
            break
        steps.append(step)
    return steps


def _rounded(price: Decimal, step: Decimal, *, is_bid: bool) -> Decimal:
    groups = EXACT.divide(price, step).to_integral_value(ROUND_FLOOR if is_bid else ROUND_CEILING, EXACT)
    return EXACT.multiply(groups, step)

"""What follows from the levels of one book: exact fractions, rounded once at the end where a number has no end.

A question that the levels cannot answer has the answer None: a book that is not live, a side that is empty, or fewer
levels than it takes. Nothing is extrapolated beyond the last level that is known. Prices and amounts of money are in
the quote currency, sizes in the base currency.
"""

from decimal import Context, Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Literal

import attrs

from market_data.domain.levels import Levels
from market_data.domain.prices import BPS, EXACT, rounded

__all__ = [
    "Fill",
    "Side",
    "cumulative_sizes",
    "depth_within",
    "fill",
    "imbalance",
    "microprice",
    "slippage_bps",
    "spread_bps",
    "vwap",
]

Side = Literal["buy", "sell"]
"""What a taker does: who buys takes asks, who sells takes bids."""


@attrs.frozen
class Fill:
    """What a taker gets who takes the best levels of a side whole."""

    size: Decimal
    """In the base currency, exactly."""
    notional: Decimal
    """What that is worth at the levels' prices, in the quote currency, exactly."""
    price: Decimal
    """The average, weighted by volume: ``notional`` over ``size``, to 28 digits."""
    slippage_bps: Decimal | None
    """How much worse than the mid that is, in basis points of the mid, to 28 digits; None where there is no mid."""


def spread_bps(bids: Levels, asks: Levels) -> Decimal | None:
    """Give (ask - bid) / mid in basis points, to 28 digits; None unless both sides have a level."""
    if not bids or not asks or not (middle := _middle(bids, asks)):
        return None
    return rounded((_price(asks, 0) - _price(bids, 0)) / middle * BPS)


def microprice(bids: Levels, asks: Levels) -> Decimal | None:
    """Give (bid * ask size + ask * bid size) / (bid size + ask size), to 28 digits: the mid, drawn to the side that has
    less; None unless both sides have a level.

    Of the best level alone, without a model of what comes next: the weighted mid of Gatheral and Oomen (2010),
    https://doi.org/10.1007/s00780-009-0115-y.
    """
    if not bids or not asks:
        return None
    bid, ask, bid_size, ask_size = _price(bids, 0), _price(asks, 0), _size(bids, 0), _size(asks, 0)
    both = bid_size + ask_size
    return rounded((bid * ask_size + ask * bid_size) / both) if both else None


def imbalance(bids: Levels, asks: Levels, levels: int) -> Decimal | None:
    """Give (bid sizes - ask sizes) / (bid sizes + ask sizes) of the best ``levels`` a side, to 28 digits: 1 where all
    want to buy, -1 where all want to sell; None where a side has fewer levels.

    Gould and Bonart (2016), https://arxiv.org/abs/1512.03492, relate that of the best level to the next price.

    Raises:
        ValueError: ``levels`` is below 1.
    """
    if levels < 1:
        raise ValueError(f"expected at least one level, received {levels}")
    if len(bids) < levels or len(asks) < levels:
        return None
    bid = sum((_size(bids, at) for at in range(levels)), Fraction(0))
    ask = sum((_size(asks, at) for at in range(levels)), Fraction(0))
    return rounded((bid - ask) / (bid + ask)) if bid + ask else None


def depth_within(bids: Levels, asks: Levels, side: Side, bps: Decimal | int) -> Decimal | None:
    """Give the size that a taker finds no further than ``bps`` from the mid, in the base currency, exactly.

    None unless both sides have a level; and where even the last level that is known lies within, since what comes
    behind it is not known.

    Raises:
        ValueError: ``bps`` is below zero.
    """
    if bps < 0:
        raise ValueError(f"expected basis points of at least 0, received {bps}")
    if not bids or not asks:
        return None
    taken, middle = (asks, _middle(bids, asks)) if side == "buy" else (bids, _middle(bids, asks))
    reach = middle * Fraction(bps) / BPS
    within = 0
    while within < len(taken) and abs(_price(taken, within) - middle) <= reach:
        within += 1
    if within == len(taken):
        return None
    return _exact(sum((_size(taken, at) for at in range(within)), Fraction(0)))


def vwap(bids: Levels, asks: Levels, side: Side, notional: Decimal | int) -> Decimal | None:
    """Give the average price, weighted by volume, at which a taker trades for ``notional`` of the quote currency, to 28
    digits; None where the known levels hold less.

    Raises:
        ValueError: ``notional`` is not above zero.
    """
    bought = _bought(bids, asks, side, notional)
    return None if bought is None else rounded(Fraction(notional) / bought)


def slippage_bps(bids: Levels, asks: Levels, side: Side, notional: Decimal | int) -> Decimal | None:
    """Give how much worse than the mid ``vwap`` is, in basis points of the mid, to 28 digits: half of the spread at
    least; None where ``vwap`` or the mid is.

    Raises:
        ValueError: ``notional`` is not above zero.
    """
    bought = _bought(bids, asks, side, notional)
    return None if bought is None else _worse(bids, asks, side, Fraction(notional) / bought)


def cumulative_sizes(levels: Levels) -> list[Decimal]:
    """Give of each level of a side the size of it and of all better ones, in the base currency, exactly."""
    sizes = (Decimal(size) for _, size in levels)
    return list(accumulate(sizes, EXACT.add))


def fill(bids: Levels, asks: Levels, side: Side, levels: int) -> Fill | None:
    """Give what a taker gets of the best ``levels`` of the other side; None where there are fewer, or nothing in them.

    Raises:
        ValueError: ``levels`` is below 1.
    """
    if levels < 1:
        raise ValueError(f"expected at least one level, received {levels}")
    taken = asks if side == "buy" else bids
    if len(taken) < levels:
        return None
    size = sum((_size(taken, at) for at in range(levels)), Fraction(0))
    notional = sum((_price(taken, at) * _size(taken, at) for at in range(levels)), Fraction(0))
    if not size:
        return None
    return Fill(_exact(size), _exact(notional), rounded(notional / size), _worse(bids, asks, side, notional / size))


def _worse(bids: Levels, asks: Levels, side: Side, price: Fraction) -> Decimal | None:
    """Give by how much a price is worse than the mid for a taker, in basis points of it."""
    if not bids or not asks or not (middle := _middle(bids, asks)):
        return None
    worse = price - middle
    return rounded((worse if side == "buy" else -worse) / middle * BPS)


def _bought(bids: Levels, asks: Levels, side: Side, notional: Decimal | int) -> Fraction | None:
    """Give what so much money is traded for, in the base currency."""
    if notional <= 0:
        raise ValueError(f"expected a notional above 0, received {notional}")
    left, bought = Fraction(notional), Fraction(0)
    taken = asks if side == "buy" else bids
    for at in range(len(taken)):
        price, size = _price(taken, at), _size(taken, at)
        if price * size >= left:
            return bought + left / price
        left -= price * size
        bought += size
    return None


def _price(levels: Levels, at: int) -> Fraction:
    return Fraction(levels[at][0])


def _size(levels: Levels, at: int) -> Fraction:
    return Fraction(levels[at][1])


def _middle(bids: Levels, asks: Levels) -> Fraction:
    return (_price(bids, 0) + _price(asks, 0)) / 2


def _exact(fraction: Fraction) -> Decimal:
    """Write a sum of decimal numbers, whose denominator has no other factors than two and five."""
    digits = len(str(fraction.numerator)) + len(str(fraction.denominator)) * 4
    exact = Context(prec=digits)
    return exact.divide(Decimal(fraction.numerator), Decimal(fraction.denominator))

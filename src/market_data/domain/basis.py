"""What one quote currency is worth in another, as the books of one asset on one venue imply it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import attrs

from market_data.domain.normalized import BookState
from market_data.domain.prices import rounded

__all__ = ["Basis", "bases_of"]

_UNITS = ("USD", "USDT", "USDC")
"""In these, in this order, others are valued; else in the one that comes first."""


@attrs.frozen
class Basis:
    """Exact fractions, rounded once, to 28 digits; None where a book lacks the side that it takes."""

    exchange: str
    asset: str
    """``BTC``: traded for both."""
    currency: str
    """``USDT``: what is worth so much ..."""
    unit: str
    """``USD``: ... in this. ``USDT/USD`` is how it is written."""
    bid: Decimal | None
    """What ``currency`` fetches: the asset is bought for it at the ask and sold for ``unit`` at the bid."""
    ask: Decimal | None
    """What it costs: the asset is bought for ``unit`` at the ask and sold for ``currency`` at the bid."""
    mid: Decimal | None
    """The mid in ``unit`` over the mid in ``currency``."""

    @property
    def name(self) -> str:
        """``USDT/USD``."""
        return f"{self.currency}/{self.unit}"


def bases_of(books: Iterable[BookState]) -> Sequence[Basis]:
    """Compare one venue's live books of one asset, every two of them."""
    ordered = sorted(books, key=_rank)
    return [_basis(valued, in_unit) for in_unit, valued in combinations(ordered, 2)]


def _basis(valued: BookState, in_unit: BookState) -> Basis:
    asset, _, unit = in_unit.symbol.partition("-")
    return Basis(
        exchange=valued.exchange,
        asset=asset,
        currency=_currency_of(valued),
        unit=unit,
        bid=_ratio(in_unit.best_bid, valued.best_ask),
        ask=_ratio(in_unit.best_ask, valued.best_bid),
        mid=_ratio(in_unit.mid, valued.mid),
    )


def _ratio(above: Decimal | None, below: Decimal | None) -> Decimal | None:
    return rounded(Fraction(above) / Fraction(below)) if above is not None and below else None


def _currency_of(book: BookState) -> str:
    return book.symbol.partition("-")[2]


def _rank(book: BookState) -> tuple[int, str]:
    currency = _currency_of(book)
    return _UNITS.index(currency) if currency in _UNITS else len(_UNITS), currency

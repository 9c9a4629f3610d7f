"""The venues side by side: one symbol's best prices over all that quote it, one asset in all its quote currencies.

USDT is not USD, nor is USDC: symbols are compared, never assets; what one is worth in the other is told by the venues
that trade an asset for both (``Basis``). Only books that are live and have been heard of within the bound take part:
the others are named with the reason. Numbers are exact fractions, rounded once, to 28 digits.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import attrs

from market_data.domain.market import Quote
from market_data.domain.moment import Moment

__all__ = ["Across", "Basis", "Crossing", "CrossingKind", "Excluded", "SymbolView", "VenueQuote"]


class CrossingKind(StrEnum):
    """How the best bid and offer of two venues meet."""

    LOCKED = "locked"
    """One bids what another asks."""
    CROSSED = "crossed"
    """One bids more than another asks."""


@attrs.frozen
class Crossing:
    """The best bid is not below the best offer."""

    kind: CrossingKind
    since: int
    """µs since 1970 UTC: when the second of the two prices came."""
    bps: Decimal
    """By how much, in basis points of the mid; 0 where locked."""


@attrs.frozen
class VenueQuote:
    """One venue that takes part."""

    quote: Quote
    mid: Decimal | None
    """None where a side is empty."""
    from_mid_bps: Decimal | None
    """How far its mid is from that of the best bid and offer, in basis points of the latter."""


@attrs.frozen
class Excluded:
    """One venue that takes no part."""

    quote: Quote
    why: str
    """``gap: sequence``, ``unproven``, ``no record for 16 s``."""


@attrs.frozen
class SymbolView:
    """One symbol over all venues that quote it."""

    symbol: str
    bid: Quote | None
    """Whose the best prices are; None where no venue has that side. Where two are equal, that of a book whose venue can
    prove it, and the first of such."""
    ask: Quote | None
    mid: Decimal | None
    """Of the best bid and offer, exactly."""
    spread: Decimal | None
    """Best offer less best bid, exactly; below zero where crossed."""
    spread_bps: Decimal | None
    crossing: Crossing | None
    difference_bps: Decimal | None
    """The highest mid of a venue less the lowest, in basis points of the mean of both; None for fewer than two."""
    venues: Sequence[VenueQuote]
    """By name."""
    excluded: Sequence[Excluded]
    """By name."""


@attrs.frozen
class Basis:
    """What one quote currency is worth in another, as a venue's books of one asset imply it."""

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


class Across:
    """Remembers the latest quote of every venue, and since when symbols are locked or crossed."""

    def __init__(self, stale_after_seconds: float, *, proven_only: bool = False) -> None:
        """A book without a record for ``stale_after_seconds`` takes no part, as in ``Market``; nor, with
        ``proven_only``, does one of which its venue can prove nothing.
        """

    @property
    def assets(self) -> Sequence[str]:
        """All base currencies heard of, sorted."""

    @property
    def symbols(self) -> Sequence[str]:
        """All symbols heard of, by asset, sorted."""

    def take(self, quotes: Iterable[Quote], now: Moment) -> None:
        """Take what a display is shown: records that are news to the market, and what fell silent."""

    def look(self, symbol: str, now: Moment) -> SymbolView | None:
        """Compare the venues of one symbol; None where nothing was heard of it."""

    def look_at_asset(self, asset: str, now: Moment) -> Sequence[SymbolView]:
        """Compare those of every symbol of one base currency, by symbol: side by side, and apart."""

    def bases(self, asset: str, now: Moment) -> Sequence[Basis]:
        """Give what one asset's quote currencies are worth in each other, by venue: one for every two of them."""

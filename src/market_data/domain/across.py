"""The venues side by side: one symbol's best prices over all that quote it, one asset in all its quote currencies.

USDT is not USD, nor is USDC: symbols are compared, never assets; what one is worth in the other is told by the venues
that trade an asset for both (``Basis``). Only books that are live and have been heard of within the bound take part:
the others are named with the reason. Numbers are exact fractions, rounded once, to 28 digits.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import attrs

from market_data.domain.basis import Basis, bases_of
from market_data.domain.best import best_of
from market_data.domain.moment import Moment
from market_data.domain.normalized import MOST_KEYS, BookState
from market_data.domain.prices import in_bps, mid_of, spread_of
from market_data.domain.quote import Quote
from market_data.domain.spans import span

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
    bps: Decimal | None
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


class _Entry:
    """One venue's latest of a symbol; prices only of a live book."""

    __slots__ = ("ask", "bid", "quote")

    def __init__(self, quote: Quote) -> None:
        self.quote = quote
        self.bid, self.ask = quote.book.best_bid, quote.book.best_ask

    @property
    def mid(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else mid_of(self.bid, self.ask)


class Across:
    """Remembers the latest quote of every venue, and since when symbols are locked or crossed."""

    def __init__(self, stale_after_seconds: float, *, proven_only: bool = False, most_keys: int = MOST_KEYS) -> None:
        """A book without a record for ``stale_after_seconds`` takes no part, as in ``Market``; nor, with
        ``proven_only``, does one of which its venue can prove nothing. Of more than ``most_keys`` instruments, those of
        the symbol not heard of for longest are forgotten.
        """
        self._stale_after = stale_after_seconds
        self._proven_only = proven_only
        self._most_keys = most_keys
        self._count = 0
        self._symbols: OrderedDict[str, dict[str, _Entry]] = OrderedDict()
        """By symbol, then exchange; the symbol heard of last at the end."""
        self._assets: dict[str, set[str]] = {}
        self._crossed: dict[str, tuple[CrossingKind, int]] = {}
        """What is locked or crossed now, and since when."""

    def copy(self) -> "Across":
        """Give what is known now, to look at later; cheap, as quotes are never changed."""
        copied = Across(self._stale_after, proven_only=self._proven_only, most_keys=self._most_keys)
        copied._count = self._count
        copied._symbols = OrderedDict((symbol, dict(entries)) for symbol, entries in self._symbols.items())
        copied._assets = {asset: set(symbols) for asset, symbols in self._assets.items()}
        copied._crossed = dict(self._crossed)
        return copied

    @property
    def assets(self) -> Sequence[str]:
        """All base currencies heard of, sorted."""
        return sorted(self._assets)

    @property
    def symbols(self) -> Sequence[str]:
        """All symbols heard of, by asset, sorted."""
        return [symbol for asset in self.assets for symbol in sorted(self._assets[asset])]

    def take(self, quotes: Iterable[Quote]) -> None:
        """Take what a display is shown: records that are news to the market, and what fell silent."""
        for quote in quotes:
            symbol, exchange = quote.book.symbol, quote.book.exchange
            entries = self._symbols.get(symbol)
            if entries is None:
                entries = self._symbols[symbol] = {}
                self._assets.setdefault(_asset_of(symbol), set()).add(symbol)
            else:
                self._symbols.move_to_end(symbol)
            self._count += exchange not in entries
            entries[exchange] = _Entry(quote)
            among = [each for each in entries.values() if not self._proven_only or each.quote.book.can_prove]
            bids = [each.bid for each in among if each.bid is not None]
            asks = [each.ask for each in among if each.ask is not None]
            self._meet(symbol, max(bids, default=None), min(asks, default=None), quote.seen_wall)
            while self._count > self._most_keys:
                self._forget()

    def look(self, symbol: str, now: Moment) -> SymbolView | None:
        """Compare the venues of one symbol; None where nothing was heard of it."""
        if (entries := self._symbols.get(symbol)) is None:
            return None
        among: list[_Entry] = []
        excluded: list[Excluded] = []
        for _, each in sorted(entries.items()):
            if (why := self._why_not(each.quote, now)) is None:
                among.append(each)
            else:
                excluded.append(Excluded(each.quote, why))
        best = best_of([each.quote for each in among])
        bid = None if best.bid is None else best.bid.book.best_bid
        ask = None if best.ask is None else best.ask.book.best_ask
        met = self._meet(symbol, bid, ask, now.wall)
        mid = spread = spread_bps = crossing = None
        if bid is not None and ask is not None:
            mid, spread = mid_of(bid, ask), spread_of(bid, ask)
            spread_bps = in_bps(spread, mid)
            if met is not None:
                crossing = Crossing(*met, None if spread_bps is None else spread_bps.copy_abs())
        return SymbolView(
            symbol=symbol,
            bid=best.bid,
            ask=best.ask,
            mid=mid,
            spread=spread,
            spread_bps=spread_bps,
            crossing=crossing,
            difference_bps=_difference([own for each in among if (own := each.mid) is not None]),
            venues=[VenueQuote(each.quote, each.mid, _away(each.mid, mid)) for each in among],
            excluded=excluded,
        )

    def look_at_asset(self, asset: str, now: Moment) -> Sequence[SymbolView]:
        """Compare those of every symbol of one base currency, by symbol: side by side, and apart."""
        views = (self.look(symbol, now) for symbol in sorted(self._assets.get(asset, ())))
        return [view for view in views if view is not None]

    def bases(self, asset: str, now: Moment) -> Sequence[Basis]:
        """Give what one asset's quote currencies are worth in each other, by venue: one for every two of them."""
        by_exchange: dict[str, list[BookState]] = {}
        for symbol in sorted(self._assets.get(asset, ())):
            for exchange, entry in self._symbols[symbol].items():
                if self._why_not(entry.quote, now) is None:
                    by_exchange.setdefault(exchange, []).append(entry.quote.book)
        return [basis for _, books in sorted(by_exchange.items()) for basis in bases_of(books)]

    def _why_not(self, quote: Quote, now: Moment) -> str | None:
        """Say why a venue takes no part; None where it does."""
        if not quote.is_live:
            return quote.why
        if self._proven_only and not quote.book.can_prove:
            return "unproven"
        silent = max(now.mono - quote.seen_at, (now.wall - quote.seen_wall) / 1e6)
        return f"no record for {span(silent)}" if silent >= self._stale_after else None

    def _meet(self, symbol: str, bid: Decimal | None, ask: Decimal | None, at: int) -> tuple[CrossingKind, int] | None:
        """Keep in mind since when the best prices of a symbol meet: from now (``at``) on, unless they did already."""
        if bid is None or ask is None or bid < ask:
            self._crossed.pop(symbol, None)
            return None
        kind = CrossingKind.CROSSED if bid > ask else CrossingKind.LOCKED
        known = self._crossed.get(symbol)
        if known is None or known[0] is not kind:
            known = self._crossed[symbol] = kind, at
        return known

    def _forget(self) -> None:
        symbol, entries = self._symbols.popitem(last=False)
        self._count -= len(entries)
        self._crossed.pop(symbol, None)
        of_asset = self._assets[_asset_of(symbol)]
        of_asset.discard(symbol)
        if not of_asset:
            del self._assets[_asset_of(symbol)]


def _asset_of(symbol: str) -> str:
    return symbol.partition("-")[0]


def _difference(mids: Sequence[Decimal]) -> Decimal | None:
    if len(mids) < 2:
        return None
    highest, lowest = max(mids), min(mids)
    return in_bps(spread_of(lowest, highest), mid_of(lowest, highest))


def _away(mid: Decimal | None, reference: Decimal | None) -> Decimal | None:
    """Give how far a mid is from another one, in basis points of the latter."""
    return None if mid is None or reference is None else in_bps(spread_of(reference, mid), reference)

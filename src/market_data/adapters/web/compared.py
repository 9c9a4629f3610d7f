"""The venues side by side, as JSON: best prices, what takes no part and why, and what quote currencies are worth.

A venue that takes no part is named with the reason, and with no price.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import islice

import attrs

from market_data.adapters.web.rows import BPS_DIGITS, rounded, to_json
from market_data.domain.across import Across, Basis, Excluded, SymbolView, VenueQuote
from market_data.domain.moment import Moment
from market_data.domain.quote import Quote
from market_data.domain.top import plain

__all__ = ["Compared"]

_MOST_ASSETS = 200
_BASIS_DIGITS = 8


@attrs.define
class Compared:
    """What is told of all assets, made no more than once a second."""

    across: Across
    _second: int = 0
    _body: bytes = b""

    def all(self, now: Moment) -> bytes:
        """Give the assets that more than one book is of; of very many, the first."""
        second = now.wall // 1_000_000
        if second != self._second or not self._body:
            self._second = second
            told = ((asset, self.across.look_at_asset(asset, now)) for asset in self.across.assets)
            several = (each for each in told if sum(len(view.venues) + len(view.excluded) for view in each[1]) > 1)
            assets = [self._asset(asset, views, now) for asset, views in islice(several, _MOST_ASSETS)]
            self._body = to_json({"assets": assets})
        return self._body

    def one(self, asset: str, now: Moment) -> bytes | None:
        """Give one asset; None where nothing was heard of it."""
        views = self.across.look_at_asset(asset, now)
        return to_json({"assets": [self._asset(asset, views, now)]}) if views else None

    def _asset(self, asset: str, views: Sequence[SymbolView], now: Moment) -> dict[str, object]:
        bases = [_basis(basis) for basis in self.across.bases(asset, now)]
        return {"asset": asset, "symbols": [_symbol(view) for view in views], "bases": bases}


def _symbol(view: SymbolView) -> dict[str, object]:
    crossing = view.crossing
    return {
        "symbol": view.symbol,
        "bid": _side(view.bid, "bid"),
        "ask": _side(view.ask, "ask"),
        "mid": plain(view.mid),
        "spread": plain(view.spread),
        "spread_bps": _bps(view.spread_bps),
        "crossing": None if crossing is None else {"kind": crossing.kind, "since": crossing.since},
        "difference_bps": _bps(view.difference_bps),
        "venues": [_venue(venue) for venue in view.venues],
        "excluded": [_excluded(excluded) for excluded in view.excluded],
    }


def _side(quote: Quote | None, side: str) -> dict[str, object] | None:
    if quote is None:
        return None
    top = quote.top
    price, size = (top.best_bid, top.best_bid_size) if side == "bid" else (top.best_ask, top.best_ask_size)
    return {"exchange": quote.book.exchange, "price": price, "size": size}


def _venue(venue: VenueQuote) -> dict[str, object]:
    top, book = venue.quote.top, venue.quote.book
    return {
        "exchange": book.exchange,
        "bid": top.best_bid,
        "ask": top.best_ask,
        "mid": plain(venue.mid),
        "from_mid_bps": _bps(venue.from_mid_bps),
        "proof": book.proof,
    }


def _excluded(excluded: Excluded) -> dict[str, object]:
    book = excluded.quote.book
    return {"exchange": book.exchange, "why": excluded.why, "since": book.status_since}


def _basis(basis: Basis) -> dict[str, object]:
    return {
        "exchange": basis.exchange,
        "name": basis.name,
        "bid": rounded(basis.bid, _BASIS_DIGITS),
        "ask": rounded(basis.ask, _BASIS_DIGITS),
        "mid": rounded(basis.mid, _BASIS_DIGITS),
    }


def _bps(number: Decimal | None) -> str | None:
    return rounded(number, BPS_DIGITS)

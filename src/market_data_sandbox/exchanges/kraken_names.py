"""Kraken's four spellings of one pair.

`BTC/USD` is its name in WebSocket v2 and the key of `AssetPairs?assetVersion=1`; `XBT/USD` that of WebSocket v1,
`XBTUSD` its alternative name, and `XXBTZUSD` the key of REST answers, where old currencies have a letter before them.
"""

import attrs

from market_data_sandbox.source import Listing

__all__ = ["PairNames"]

_OLD_CODES = {"BTC": "XBT", "DOGE": "XDG"}
_OLD_COINS = frozenset({"ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG", "XLM", "XMR", "XRP", "ZEC"})
_OLD_MONEY = frozenset({"CAD", "EUR", "GBP", "JPY", "USD"})


@attrs.frozen
class PairNames:
    """What one pair is called."""

    display: str
    """`BTC/USD`"""
    websocket_v1: str
    """`XBT/USD`"""
    alternative: str
    """`XBTUSD`"""
    key: str
    """`XXBTZUSD`, or the alternative name where the pair is younger than that spelling."""
    base: str
    """`XXBT`"""
    quote: str
    """`ZUSD`"""

    @classmethod
    def of(cls, listing: Listing) -> "PairNames":
        """Name a listed pair."""
        base, quote = (_OLD_CODES.get(code, code) for code in (listing.base, listing.quote))
        base_asset, quote_asset = _asset(base), _asset(quote)
        is_old = base != base_asset and quote != quote_asset
        return cls(
            display=f"{listing.base}/{listing.quote}",
            websocket_v1=f"{base}/{quote}",
            alternative=f"{base}{quote}",
            key=f"{base_asset}{quote_asset}" if is_old else f"{base}{quote}",
            base=base_asset,
            quote=quote_asset,
        )

    def spellings(self) -> tuple[str, ...]:
        """Give every name that REST takes."""
        return (self.key, self.alternative, self.websocket_v1, self.display)


def _asset(code: str) -> str:
    if code in _OLD_COINS:
        return f"X{code}"
    return f"Z{code}" if code in _OLD_MONEY else code

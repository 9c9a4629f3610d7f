"""What is traded where: one symbol form for all venues, and the venue's own id beside it."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

import attrs

from market_data.domain.errors import UnknownInstrument, UsageError

__all__ = ["Instrument", "Listing", "find_listing", "key_of"]

_KEY = re.compile(r"[a-z0-9_]+:[A-Z0-9]+-[A-Z0-9]+", re.ASCII)


@attrs.frozen
class Instrument:
    """One market of one venue.

    ``symbol`` is canonical, BASE-QUOTE in upper case (``BTC-USDT``; USDT is not USD: they are never merged);
    ``native`` is the venue's own id (``BTCUSDT``), used on its wire and nowhere else.
    """

    exchange: str
    symbol: str
    native: str

    @property
    def key(self) -> str:
        """Name the instrument across venues, as the Kafka record's key does: ``binance:BTC-USDT``."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def asset(self) -> str:
        """The base currency: what several venues trade side by side."""
        return self.symbol.partition("-")[0]


@attrs.frozen
class Listing:
    """What a venue says of one market it lists; ``state`` is its own word, ``is_tradable`` what that means."""

    instrument: Instrument
    is_tradable: bool
    state: str
    aliases: tuple[str, ...] = ()
    """Other canonical symbols under which the venue accepts the same market (Coinbase: ``BTC-USDC`` for
    ``BTC-USD``)."""
    is_crossing_legitimate: bool = False
    """An auction is on: bids and asks may overlap without anything being lost."""


def key_of(text: str) -> str:
    """Read an instrument's key as a person may write it, ``Binance:btc-usdt``, into ``binance:BTC-USDT``.

    Raises:
        UsageError: it is not of that form.
    """
    venue, _, symbol = text.partition(":")
    key = f"{venue.lower()}:{symbol.upper()}"
    if _KEY.fullmatch(key) is None:
        raise UsageError(f"expected VENUE:BASE-QUOTE such as binance:BTC-USDT, received {text!r}")
    return key


def find_listing(exchange: str, symbol: str, listings: Iterable[Listing]) -> Listing:
    """Find what the venue lists under a canonical symbol or an alias of it.

    Raises:
        UnknownInstrument: nothing is listed so, or it is listed but not traded now.
    """
    by_symbol: dict[str, Listing] = {}
    for listing in listings:
        by_symbol[listing.instrument.symbol] = listing
        for alias in listing.aliases:
            by_symbol.setdefault(alias, listing)
    found = by_symbol.get(symbol)
    if found is None:
        nearest = next(iter(get_close_matches(symbol, by_symbol, n=1)), None)
        raise UnknownInstrument(exchange, symbol, nearest=nearest)
    if not found.is_tradable:
        raise UnknownInstrument(exchange, symbol, state=found.state)
    return found

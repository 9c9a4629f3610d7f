"""What is traded where: one symbol form for all venues, and the venue's own id beside it.

What a name may hold is said here and nowhere else; settings, keys, the record's JSON Schema and the readers of venues'
listings follow it. Letters and digits of scripts whose characters stand alone, each one or two cells wide, are fine
(``币安人生-USDT``). What can mislead or hurt a terminal or a log is not: spaces, punctuation, controls, combining and
zero-width characters, scripts written from right to left (they move the numbers beside them), unassigned characters.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

import attrs

from market_data.domain.errors import UnknownInstrument, UsageError
from market_data.domain.printable import shortened

__all__ = [
    "NAME_CHARACTERS",
    "SYMBOL_PATTERN",
    "Catalogue",
    "Instrument",
    "Listing",
    "find_listing",
    "index_listings",
    "is_key",
    "is_symbol",
    "key_of",
    "nearest_symbols",
]

NAME_CHARACTERS = (
    "0-9A-Z"
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"  # Latin
    "\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5"  # Greek
    "\u0400-\u0481\u048a-\u052f"  # Cyrillic
    "\u0531-\u0556\u10d0-\u10fa\u1c90-\u1cba"  # Armenian, Georgian
    "\u0904-\u0939\u0e01-\u0e30\u0e40-\u0e46"  # Devanagari and Thai, without marks
    "\u3005\u3041-\u3096\u30a1-\u30fa\u30fc-\u30fe"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"  # Chinese characters, Korean
)
"""What a base or a quote is made of, as a regular expression's class holds it, in Python and in ECMA-262 alike."""
SYMBOL_PATTERN = f"[{NAME_CHARACTERS}]+-[{NAME_CHARACTERS}]+"
_MAX_SYMBOL_CHARACTERS = 100
_SYMBOL = re.compile(SYMBOL_PATTERN)
_EXCHANGE = re.compile(r"[a-z][a-z0-9_]{0,99}")
_NEAREST = 3
_CLOSE = 0.8
"""As alike as two names are that differ in one letter; below, one guess is enough."""


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
    has_book: bool = True
    """The venue serves its book in this state, whether it trades or not."""


@attrs.frozen
class Catalogue(Collection[Listing]):
    """What a venue lists, in its order; entries that could not be read are left out and counted."""

    listings: tuple[Listing, ...]
    unreadable: int = 0
    problem: str | None = None
    """What was wrong with the first of those that could not be read."""

    def __len__(self) -> int:
        return len(self.listings)

    def __iter__(self) -> Iterator[Listing]:
        return iter(self.listings)

    def __contains__(self, listing: object) -> bool:
        return listing in self.listings


def is_symbol(text: str) -> bool:
    """Tell whether a text is a canonical symbol, BASE-QUOTE of harmless characters."""
    return len(text) <= _MAX_SYMBOL_CHARACTERS and _SYMBOL.fullmatch(text) is not None


def is_key(text: str) -> bool:
    """Tell whether a text is an instrument's key, ``binance:BTC-USDT``."""
    exchange, _, symbol = text.partition(":")
    return _EXCHANGE.fullmatch(exchange) is not None and is_symbol(symbol)


def key_of(text: str) -> str:
    """Read an instrument's key as a person may write it, ``Binance:btc-usdt``, into ``binance:BTC-USDT``.

    Raises:
        UsageError: it is not of that form.
    """
    venue, _, symbol = text.partition(":")
    key = f"{venue.lower()}:{symbol.upper()}"
    if not is_key(key):
        raise UsageError(f"expected VENUE:BASE-QUOTE such as binance:BTC-USDT, received {shortened(text)!r}")
    return key


def index_listings(listings: Iterable[Listing]) -> Mapping[str, Listing]:
    """Give what is listed by symbol, and by every alias that is no symbol itself."""
    by_symbol: dict[str, Listing] = {}
    by_alias: dict[str, Listing] = {}
    for listing in listings:
        by_symbol[listing.instrument.symbol] = listing
        for alias in listing.aliases:
            by_alias.setdefault(alias, listing)
    return {**by_alias, **by_symbol}


def nearest_symbols(symbol: str, known: Iterable[str]) -> list[str]:
    """Give the known symbols that were probably meant, the likeliest first; takes milliseconds for thousands."""
    names = list(known)
    return get_close_matches(symbol, names, n=_NEAREST, cutoff=_CLOSE) or get_close_matches(symbol, names, n=1)


def find_listing(exchange: str, symbol: str, listings: Iterable[Listing]) -> Listing:
    """Find what the venue lists under a canonical symbol or an alias of it.

    Raises:
        UnknownInstrument: nothing is listed so, or it is listed but not traded now.
    """
    by_symbol = index_listings(listings)
    found = by_symbol.get(symbol)
    if found is None:
        raise UnknownInstrument(exchange, symbol, nearest=nearest_symbols(symbol, by_symbol))
    if not found.is_tradable:
        raise UnknownInstrument(exchange, symbol, state=found.state)
    return found

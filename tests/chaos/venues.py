"""The venues that schedules are played on."""

import copy
from collections.abc import Mapping, Sequence

import attrs
from tests.chaos.exchanges import BinanceExchange, CoinbaseExchange, Exchange
from tests.chaos.judge import Judge
from tests.chaos.streamed_judge import StreamedJudge
from tests.chaos.streams import BitstampExchange, BybitExchange, KrakenExchange, OKXExchange
from tests.chaos.wire import BinanceTexts, CoinbaseTexts, KrakenTexts, Texts
from tests.support.venues import BINANCE, BITSTAMP, BYBIT, COINBASE, KRAKEN, OKX_SPOT

from market_data.application.ports import Venue
from market_data.domain.instrument import Instrument

__all__ = ["VENUES", "ChaosVenue"]

_PING_SECONDS = 2.0
_TYPED = ("binance", "coinbase", "kraken")


@attrs.frozen
class ChaosVenue:
    """One venue: as the program knows it, and as it is."""

    venue: Venue
    exchange: type[Exchange]
    texts: Texts
    judge: type[Judge]
    instruments: Sequence[Instrument]
    is_renewed: bool
    """Its streams are renewed one by one."""
    garbage_is_typed: bool = True
    """An object whose fields are of other types than the dialect knows is no frame to it."""


def _of(
    venue: Venue, exchange: type[Exchange], texts: Texts, quoted: str, judge: type[Judge] = StreamedJudge
) -> ChaosVenue:
    venue = copy.copy(venue)
    if issubclass(exchange, OKXExchange):  # whose window is smaller here, so that schedules come to its edge
        venue.continuity = attrs.evolve(venue.continuity, levels=exchange.levels)
    if venue.ping_seconds is not None:
        venue.ping_seconds = _PING_SECONDS
    symbols = [f"{base}-{quoted}" for base in ("BTC", "ETH", "SOL")]
    instruments = [Instrument(venue.name, symbol, venue.native_of(symbol)) for symbol in symbols]
    return ChaosVenue(venue, exchange, texts, judge, instruments, judge is StreamedJudge, venue.name in _TYPED)


VENUES: Mapping[str, ChaosVenue] = {
    "binance": _of(BINANCE, BinanceExchange, BinanceTexts(), "USDT", Judge),
    "coinbase": _of(COINBASE, CoinbaseExchange, CoinbaseTexts(), "USD", Judge),
    "okx": _of(OKX_SPOT, OKXExchange, CoinbaseTexts(), "USDT"),
    "bybit": _of(BYBIT, BybitExchange, CoinbaseTexts(), "USDT"),
    "kraken": _of(KRAKEN, KrakenExchange, KrakenTexts(), "USD"),
    "bitstamp": _of(BITSTAMP, BitstampExchange, KrakenTexts(), "USD"),
}

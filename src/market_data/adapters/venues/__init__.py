"""The venues' dialects, sans-I/O, and the registry that settings name them by: one line an exchange."""

from collections.abc import Mapping

from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.bitstamp import Bitstamp
from market_data.adapters.venues.bybit import Bybit
from market_data.adapters.venues.coinbase import Coinbase
from market_data.adapters.venues.kraken import Kraken
from market_data.adapters.venues.okx import OKX
from market_data.adapters.venues.wire import VenueFactory

__all__ = ["DIALECTS"]

DIALECTS: Mapping[str, VenueFactory] = {
    "binance": Binance,
    "bitstamp": Bitstamp,
    "bybit": Bybit,
    "coinbase": Coinbase,
    "kraken": Kraken,
    "okx": OKX,
}
"""Dialect name to what makes a venue of it; ``venues.NAME.dialect`` in the settings chooses one."""

"""The servers of venues whose streams are renewed one by one: OKX, Bybit, Kraken, Bitstamp."""

from tests.chaos.streams.base import StreamedExchange
from tests.chaos.streams.bitstamp import BitstampExchange
from tests.chaos.streams.bybit import BybitExchange
from tests.chaos.streams.kraken import KrakenExchange
from tests.chaos.streams.okx import OKXExchange

__all__ = ["BitstampExchange", "BybitExchange", "KrakenExchange", "OKXExchange", "StreamedExchange"]

"""Bitstamp for tests: on an address that leads nowhere, and its frames, as it writes them or made of real ones."""

import json
from collections.abc import Iterable, Iterator

from tests.support.captures import excerpt, lines

from market_data.adapters.venues.bitstamp import Bitstamp
from market_data.adapters.venues.wire import Endpoint
from market_data.domain.instrument import Instrument
from market_data.domain.levels import Level

__all__ = ["BITSTAMP", "BTC", "ETH", "acknowledgement", "book_frame", "real_frames"]

BITSTAMP = Bitstamp(
    Endpoint(
        name="bitstamp",
        websocket_url="ws://127.0.0.1:9",
        rest_url="http://127.0.0.1:9",
        instruments_per_connection=100,
        messages_per_second=20,
        request_weight_per_minute=600,
    )
)
BTC = Instrument("bitstamp", "BTC-USD", "btcusd")
ETH = Instrument("bitstamp", "ETH-USD", "ethusd")


def book_frame(native: str, microtimestamp: int, bids: Iterable[Level], asks: Iterable[Level]) -> bytes:
    """Write the best levels."""
    times = {"timestamp": str(microtimestamp // 1_000_000), "microtimestamp": str(microtimestamp)}
    book = {**times, "bids": list(bids), "asks": list(asks)}
    message = {"data": book, "channel": f"order_book_{native}", "event": "data"}
    return json.dumps(message, separators=(",", ":")).encode()


def acknowledgement(native: str) -> bytes:
    """Write what answers a subscription."""
    return b'{"event":"bts:subscription_succeeded","channel":"order_book_%b","data":{}}' % native.encode()


def real_frames() -> Iterator[bytes]:
    """Give what was received of ``diff_order_book``, text for text, as frames of ``order_book``, of which there is no
    capture.
    """
    for line in lines(excerpt("bitstamp_btcusd_excerpt.gz")):
        yield line.replace(b'"diff_order_book_', b'"order_book_')

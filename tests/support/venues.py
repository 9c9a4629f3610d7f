"""The venues for tests: on addresses that lead nowhere, and frames as they write them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.bitstamp import Bitstamp
from market_data.adapters.venues.bybit import Bybit
from market_data.adapters.venues.coinbase import Coinbase
from market_data.adapters.venues.kraken import Kraken
from market_data.adapters.venues.okx import OKX
from market_data.adapters.venues.wire import Endpoint
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import Level

__all__ = [
    "BINANCE",
    "BITSTAMP",
    "BYBIT",
    "COINBASE",
    "COINBASE_ENDPOINT",
    "KRAKEN",
    "OKX_SPOT",
    "binance_book",
    "binance_event",
    "bybit_book",
    "bybit_frame",
    "coinbase_event",
    "coinbase_frame",
    "instrument",
    "okx_book",
    "okx_frame",
]

BINANCE = Binance(
    Endpoint(
        name="binance",
        websocket_url="ws://127.0.0.1:9",
        rest_url="http://127.0.0.1:9",
        instruments_per_connection=200,
        messages_per_second=4,
        request_weight_per_minute=3000,
    )
)
COINBASE_ENDPOINT = Endpoint(
    name="coinbase",
    websocket_url="ws://127.0.0.1:9/ws",
    rest_url="http://127.0.0.1:9",
    instruments_per_connection=10,
    messages_per_second=6,
    request_weight_per_minute=240,
)
COINBASE = Coinbase(COINBASE_ENDPOINT)
OKX_SPOT = OKX(
    Endpoint(
        name="okx",
        websocket_url="ws://127.0.0.1:9",
        rest_url="http://127.0.0.1:9",
        instruments_per_connection=200,
        messages_per_second=3,
        request_weight_per_minute=600,
    )
)
BYBIT = Bybit(
    Endpoint(
        name="bybit",
        websocket_url="ws://127.0.0.1:9/v5/public/spot",
        rest_url="http://127.0.0.1:9",
        instruments_per_connection=200,
        messages_per_second=10,
        request_weight_per_minute=600,
        book_levels=50,
    )
)
_ENDPOINT = Endpoint(
    name="kraken",
    websocket_url="ws://127.0.0.1:9",
    rest_url="http://127.0.0.1:9",
    instruments_per_connection=100,
    messages_per_second=10,
    request_weight_per_minute=600,
)
KRAKEN = Kraken(_ENDPOINT)
BITSTAMP = Bitstamp(attrs.evolve(_ENDPOINT, name="bitstamp"))
_WITHOUT_DASH = ("binance", "bybit")


def instrument(key: str) -> Instrument:
    """Make an instrument of its key: ``binance:BTC-USDT``."""
    exchange, _, symbol = key.partition(":")
    return Instrument(exchange, symbol, symbol.replace("-", "") if exchange in _WITHOUT_DASH else symbol)


def binance_event(
    native: str, first: int, last: int, bids: Sequence[Level], asks: Sequence[Level], time_ms: int = 1_700_000_000_000
) -> bytes:
    """Write a diff event in the combined stream."""
    event = {"e": "depthUpdate", "E": time_ms, "s": native, "U": first, "u": last, "b": list(bids), "a": list(asks)}
    return _json({"stream": f"{native.lower()}@depth@100ms", "data": event})


def binance_book(last_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> bytes:
    """Write the body of a depth snapshot."""
    return _json({"lastUpdateId": last_id, "bids": list(bids), "asks": list(asks)})


def coinbase_event(
    kind: str,
    product: str,
    bids: Sequence[Level],
    asks: Sequence[Level],
    time: str = "2026-08-24T22:34:13.483122Z",
    *,
    ask_side: str = "offer",
) -> dict[str, Any]:
    """Make one event of an l2_data frame."""
    updates = [
        {"side": side, "event_time": time, "price_level": price, "new_quantity": size}
        for side, levels in (("bid", bids), (ask_side, asks))
        for price, size in levels
    ]
    return {"type": kind, "product_id": product, "updates": updates}


def coinbase_frame(number: int, events: Sequence[dict[str, Any]], channel: str = "l2_data") -> bytes:
    """Write one frame."""
    time = datetime(2026, 8, 24, 22, 34, 13, tzinfo=UTC).isoformat().replace("+00:00", ".793075885Z")
    return _json({"channel": channel, "timestamp": time, "sequence_num": number, "events": list(events)})


def okx_frame(
    native: str,
    previous: int,
    last: int,
    bids: Sequence[Level],
    asks: Sequence[Level],
    time_ms: int = 1_700_000_000_000,
    *,
    action: str = "update",
) -> bytes:
    """Write a frame of ``books``."""
    book = {
        "asks": [[*level, "0", "1"] for level in asks],
        "bids": [[*level, "0", "1"] for level in bids],
        "ts": str(time_ms),
        "checksum": 0,
        "seqId": last,
        "prevSeqId": previous,
    }
    return _json({"arg": {"channel": "books", "instId": native}, "action": action, "data": [book]})


def okx_book(last: int | None, bids: Sequence[Level], asks: Sequence[Level], time_ms: int = 1_700_000_000_000) -> bytes:
    """Write the body of a book; None: without its ``seqId``."""
    book: dict[str, Any] = {
        "asks": [[*level, "0", "1"] for level in asks],
        "bids": [[*level, "0", "1"] for level in bids],
        "ts": str(time_ms),
    }
    return _json({"code": "0", "msg": "", "data": [book if last is None else {**book, "seqId": last}]})


def bybit_frame(
    native: str,
    number: int,
    bids: Sequence[Level],
    asks: Sequence[Level],
    time_ms: int = 1_700_000_000_000,
    *,
    kind: str = "delta",
    levels: int = 50,
) -> bytes:
    """Write a frame of one topic."""
    book = {"s": native, "b": list(bids), "a": list(asks), "u": number, "seq": 113_099_229_623 + number}
    topic = f"orderbook.{levels}.{native}"
    return _json({"topic": topic, "ts": time_ms + 2, "type": kind, "data": book, "cts": time_ms})


def bybit_book(
    native: str, bids: Sequence[Level], asks: Sequence[Level], time_ms: int = 1_700_000_000_000, number: int = 4_711
) -> bytes:
    """Write the body of a book."""
    book = {"s": native, "b": list(bids), "a": list(asks), "ts": time_ms, "u": number, "seq": 1, "cts": time_ms}
    return _json({"retCode": 0, "retMsg": "OK", "result": book, "retExtInfo": {}, "time": time_ms})


def _json(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()

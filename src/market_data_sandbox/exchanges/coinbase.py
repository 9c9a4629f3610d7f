"""Coinbase Advanced Trade, as the sandbox plays it."""

from decimal import Decimal
from typing import Any

import attrs
import msgspec

from market_data_sandbox.book import Book
from market_data_sandbox.exchanges.coinbase_level2 import CoinbaseExchange
from market_data_sandbox.exchanges.coinbase_recording import FORMAT
from market_data_sandbox.exchanges.coinbase_rest import CoinbaseRest
from market_data_sandbox.exchanges.damage import Damage, encode, far_bid
from market_data_sandbox.exchanges.dialect import Dialect, Served
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.market import trimmed_text
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth

__all__ = ["DIALECT"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_BYTES_OF_A_LEVEL = 118


def _open(venue: Venue, source: Source, options: Options, truth: Truth, seam: Seam) -> Served:
    exchange = CoinbaseExchange(venue, source, options, truth, seam)
    return Served(exchange, [*CoinbaseRest(exchange).routes(), *exchange.routes()])


def _refusal(status: int, message: str) -> dict[str, object]:
    return {"error": f"HTTP_{status}", "error_details": message, "message": message}


@attrs.frozen
class CoinbaseDamage(Damage):
    """Of frames whose levels name their side."""

    def error(self, message: str) -> str:
        return encode({"type": "error", "message": message})

    def crossed(self, text: str, symbol: str, book: Book) -> str | None:
        bid = far_bid(book)
        if bid is None:
            return None
        frame = _decode(text)
        for event in _events(frame, symbol):
            level = {"side": "bid", "event_time": _time(frame, event), "price_level": bid[0], "new_quantity": bid[1]}
            event["updates"] = [level, *event["updates"]]
        return encode(frame)

    def wrong_sided(self, text: str, symbol: str, book: Book) -> str | None:  # noqa: ARG002 - it is seen in any book
        """Name a side that does not exist."""
        frame = _decode(text)
        updates = [update for event in _events(frame, symbol) for update in event["updates"]]
        if not updates:
            return None
        updates[0]["side"] = "middle"
        return encode(frame)

    def enlarged(self, text: str, symbol: str, book: Book, size: int) -> str:
        """Add levels so far from the best that no price comes near them."""
        frame = _decode(text)
        bids, asks = book.bids(1), book.asks(1)
        count = max(0, (size - len(text)) // _BYTES_OF_A_LEVEL // 2)
        for event in _events(frame, symbol):
            time = _time(frame, event)
            for side, best, first, last in (("bid", bids, "0.5", "0.1"), ("offer", asks, "2", "9")):
                if best:
                    event["updates"] += [
                        {"side": side, "event_time": time, "price_level": price, "new_quantity": "0.00012345"}
                        for price in _spread(Decimal(best[0][0]), Decimal(first), Decimal(last), count)
                    ]
        return encode(frame)


def _events(frame: dict[str, Any], symbol: str) -> list[dict[str, Any]]:
    return [event for event in frame.get("events", ()) if event.get("product_id") == symbol]


def _time(frame: dict[str, Any], event: dict[str, Any]) -> object:
    return event["updates"][0]["event_time"] if event["updates"] else frame["timestamp"]


def _spread(best: Decimal, first: Decimal, last: Decimal, count: int) -> list[str]:
    step = (last - first) / max(1, count)
    prices = (round(best * (first + step * number), 8) for number in range(count))
    return list(dict.fromkeys(f"{price.normalize():f}" for price in prices))


DIALECT = Dialect(
    open=_open,
    number_text=trimmed_text,
    rate=20.0,
    depth=300,
    instruments=("BTC-USD", "ETH-USD"),
    damage=CoinbaseDamage(),
    refusal=_refusal,
    recording=FORMAT,
    numbers_connections=True,
)

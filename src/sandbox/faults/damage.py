"""What is done to the content of frames and answers."""

from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from sandbox.book import Book

__all__ = ["crossed", "error_text", "garbage", "padded", "truncated", "with_far_levels", "wrong_sided"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_BYTES_OF_A_LEVEL = 118


def _encode(message: object) -> str:
    return msgspec.json.encode(message).decode()


def truncated(text: str) -> str:
    """Give the first half."""
    return text[: len(text) // 2]


def garbage(random: Random, length: int = 200) -> str:
    """Give printable rubbish that is no JSON."""
    return "}" + "".join(chr(random.randint(33, 0x24F)) for _ in range(length))


def padded(text: str, size: int) -> str:
    """Make it longer without changing what it says."""
    return text + " " * max(0, size - len(text))


def error_text(venue: str, message: str) -> str:
    """Write an error as a venue does."""
    return _encode({"code": 2, "msg": message} if venue == "binance" else {"type": "error", "message": message})


def crossed(text: str, symbol: str, book: Book) -> str | None:
    """Let a frame also set a bid above the best ask; None where that can not be."""
    asks = book.asks(2)
    if not asks:
        return None
    price, size = asks[-1]
    frame = _decode(text)
    if (levels := _binance_levels(frame)) is not None:
        levels["b"] = [[price, size], *(level for level in levels["b"] if level[0] != price)]
        return _encode(frame)
    for event in _events(frame, symbol):
        time = event["updates"][0]["event_time"] if event["updates"] else frame["timestamp"]
        level = {"side": "bid", "event_time": time, "price_level": price, "new_quantity": size}
        event["updates"] = [level, *event["updates"]]
    return _encode(frame)


def wrong_sided(text: str, symbol: str) -> str | None:
    """Put levels on a side where they do not belong; None where there are none."""
    frame = _decode(text)
    if (levels := _binance_levels(frame)) is not None:
        levels["b"], levels["a"] = levels["a"], levels["b"]
        return _encode(frame)
    updates = [update for event in _events(frame, symbol) for update in event["updates"]]
    if not updates:
        return None
    updates[0]["side"] = "middle"
    return _encode(frame)


def with_far_levels(text: str, symbol: str, book: Book, size: int) -> str:
    """Add levels to Coinbase's snapshot, so far from the best that no price comes near them."""
    frame = _decode(text)
    bids, asks = book.bids(1), book.asks(1)
    count = max(0, (size - len(text)) // _BYTES_OF_A_LEVEL // 2)
    for event in _events(frame, symbol):
        time = event["updates"][0]["event_time"] if event["updates"] else frame["timestamp"]
        for side, best, first, last in (("bid", bids, "0.5", "0.1"), ("offer", asks, "2", "9")):
            if best:
                event["updates"] += [
                    {"side": side, "event_time": time, "price_level": price, "new_quantity": "0.00012345"}
                    for price in _spread(Decimal(best[0][0]), Decimal(first), Decimal(last), count)
                ]
    return _encode(frame)


def _spread(best: Decimal, first: Decimal, last: Decimal, count: int) -> list[str]:
    step = (last - first) / max(1, count)
    prices = (round(best * (first + step * number), 8) for number in range(count))
    return list(dict.fromkeys(f"{price.normalize():f}" for price in prices))


def _binance_levels(frame: dict[str, Any]) -> dict[str, Any] | None:
    update = frame.get("data", frame)
    return update if isinstance(update, dict) and update.get("e") == "depthUpdate" else None


def _events(frame: dict[str, Any], symbol: str) -> list[dict[str, Any]]:
    return [event for event in frame.get("events", ()) if event.get("product_id") == symbol]

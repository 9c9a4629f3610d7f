"""What is done to the content of frames and answers."""

from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from market_data_sandbox.book import Book

__all__ = ["crossed", "error_text", "garbage", "padded", "truncated", "with_far_levels", "wrong_sided"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_BYTES_OF_A_LEVEL = 118
_FAR_ABOVE = Decimal("1.05")
_DEEP_LEVELS = 10


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
    """Let a frame also set a bid above the best ask; None where there is no ask.

    It is far above, since `book` may be ahead of the frame: a level that crosses nothing is a lie nobody sees.
    """
    asks = book.asks(1)
    if not asks:
        return None
    best, size = asks[0]
    price = str((Decimal(best) * _FAR_ABOVE).quantize(Decimal(best)))
    frame = _decode(text)
    if (levels := _binance_levels(frame)) is not None:
        levels["b"] = [[price, size], *levels["b"]]
        return _encode(frame)
    for event in _events(frame, symbol):
        time = event["updates"][0]["event_time"] if event["updates"] else frame["timestamp"]
        level = {"side": "bid", "event_time": time, "price_level": price, "new_quantity": size}
        event["updates"] = [level, *event["updates"]]
    return _encode(frame)


def wrong_sided(text: str, symbol: str, book: Book) -> str | None:
    """Put levels on a side where they do not belong; None where nobody could see that."""
    frame = _decode(text)
    if (levels := _binance_levels(frame)) is not None:
        levels["b"], levels["a"] = levels["a"], levels["b"]
        return _encode(frame) if _has_level_deep_inside(levels, book) else None
    updates = [update for event in _events(frame, symbol) for update in event["updates"]]
    if not updates:
        return None
    updates[0]["side"] = "middle"
    return _encode(frame)


def _has_level_deep_inside(levels: dict[str, Any], book: Book) -> bool:
    """Tell whether a level of the wrong side is so far on the other side that it crosses the book for sure."""
    bids, asks = book.bids(_DEEP_LEVELS), book.asks(_DEEP_LEVELS)
    if len(bids) < _DEEP_LEVELS or len(asks) < _DEEP_LEVELS:
        return False
    low, high = Decimal(bids[-1][0]), Decimal(asks[-1][0])
    return any(Decimal(price) > high for price, size in levels["b"] if Decimal(size)) or any(
        Decimal(price) < low for price, size in levels["a"] if Decimal(size)
    )


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

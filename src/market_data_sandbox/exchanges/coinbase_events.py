"""Coinbase's `l2_data` events: what a book and its changes look like on the wire."""

import msgspec

from market_data_sandbox.book import Book, Level
from market_data_sandbox.source import Change
from market_data_sandbox.times import format_rfc3339

__all__ = ["catch_up_event", "encode", "snapshot_event", "update_event"]


def encode(message: object) -> str:
    """Write JSON without blanks."""
    return msgspec.json.encode(message).decode()


def snapshot_event(product: str, book: Book) -> str:
    """Tell a whole book."""
    return _event("snapshot", product, book.changed_ns, book.bids(), book.asks())


def update_event(change: Change) -> str:
    """Tell a change."""
    return _event("update", change.symbol, change.time_ns, change.bids, change.asks)


def catch_up_event(product: str, before: tuple[dict[str, str], dict[str, str]], book: Book) -> str:
    """Tell everything that has changed since the sizes of bids and asks were these."""
    bids, asks = _difference(before[0], book.bids()), _difference(before[1], book.asks())
    return _event("update", product, book.changed_ns, bids, asks)


def _difference(before: dict[str, str], after: list[Level]) -> list[Level]:
    changed = [level for level in after if before.get(level[0]) != level[1]]
    return changed + [(price, "0") for price in before.keys() - dict(after)]


def _event(
    kind: str,
    product: str,
    time_ns: int | None,
    bids: list[Level] | tuple[Level, ...],
    asks: list[Level] | tuple[Level, ...],
) -> str:
    event_time = format_rfc3339(time_ns or 0, digits=6)
    updates = [
        {"side": side, "event_time": event_time, "price_level": price, "new_quantity": quantity}
        for side, levels in (("bid", bids), ("offer", asks))
        for price, quantity in levels
    ]
    return encode({"type": kind, "product_id": product, "updates": updates})

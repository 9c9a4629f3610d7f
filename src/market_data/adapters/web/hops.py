"""How long what is shown was on its way, hop by hop, over the newest records of each exchange.

From the exchange's own time of a change to our receipt of it (two clocks: it may be below zero), and from there to when
this reader had it. What the page adds, it measures itself.
"""

from collections import deque
from collections.abc import Sequence

from market_data.domain.quote import Quote

__all__ = ["Hops"]

_KEPT = 500
_MOST_EXCHANGES = 50


class Hops:
    """The newest measurements, µs."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[deque[int], deque[int]]] = {}

    def take(self, quotes: Sequence[Quote]) -> None:
        """Measure what holds something new."""
        for quote in quotes:
            book = quote.book
            if not quote.is_fresh or book.received_time is None:
                continue
            kept = self._kept.get(book.exchange)
            if kept is None:
                if len(self._kept) >= _MOST_EXCHANGES:
                    continue
                kept = self._kept[book.exchange] = (deque(maxlen=_KEPT), deque(maxlen=_KEPT))
            if book.event_time is not None:
                kept[0].append(book.received_time - book.event_time)
            kept[1].append(quote.seen_wall - book.received_time)

    def summed(self) -> list[dict[str, object]]:
        """Give the quantiles of each exchange."""
        return [
            {"exchange": exchange, "event_to_received": _quantiles(first), "received_to_seen": _quantiles(second)}
            for exchange, (first, second) in sorted(self._kept.items())
        ]


def _quantiles(values: Sequence[int]) -> dict[str, int] | None:
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    return {"p50": ordered[last // 2], "p99": ordered[last * 99 // 100], "most": ordered[last], "count": len(ordered)}

"""Counts what a display is shown: what a run can say of itself at its end."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio

from market_data.application.ports import Display, Reading
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.quote import Quote

__all__ = ["Tally"]


class Tally(Display):
    """A display in front of another one; everything goes on to it."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._statuses: dict[str, BookStatus] = {}
        self._received: dict[str, int] = {}
        self._ended: set[str] = set()
        self.entries: Counter[BookStatus] = Counter()
        """How often a book entered each status, but for the end of its producer."""
        self.worst_age_seconds = 0.0
        """The longest that fresh data of a live book was old, from its receipt by the producer, when it was shown."""
        self.has_begun = anyio.Event()
        """Set once anything was shown."""
        self.all_ended = anyio.Event()
        """Set once the producer has said of every instrument that it stops."""

    @property
    def instruments(self) -> int:
        """How many instruments were seen."""
        return len(self._statuses)

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:
        for quote in quotes:
            self._count(quote, reading)
        if self._statuses:
            self.has_begun.set()
        if self._ended and len(self._ended) == len(self._statuses):
            self.all_ended.set()
        self._display.show(quotes, market, reading)

    def refresh(self, market: Market, reading: Reading) -> None:
        self._display.refresh(market, reading)

    @asynccontextmanager
    async def open(self, market: Market, reading: Reading, leave: Callable[[], None]) -> AsyncGenerator[None]:
        async with self._display.open(market, reading, leave):
            yield

    def _count(self, quote: Quote, reading: Reading) -> None:
        key = quote.book.key
        if quote.reason is Reason.SHUTDOWN:
            self._ended.add(key)
        elif quote.status is not self._statuses.get(key):
            self.entries[quote.status] += 1
        self._statuses[key] = quote.status
        received = quote.book.received_time
        if quote.is_live and received is not None and reading.now is not None and received != self._received.get(key):
            self.worst_age_seconds = max(self.worst_age_seconds, (reading.now.wall - received) / 1e6)
            self._received[key] = received

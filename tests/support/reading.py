"""A topic to read from and a display to show it on, in memory."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs

from market_data.application.ports import Delivered, Display, Reading, Start, Subscriber, Subscription, Trouble
from market_data.domain.errors import BrokerError
from market_data.domain.market import Market
from market_data.domain.normalized import NormalizedBook
from market_data.domain.quote import Quote

__all__ = ["FakeDisplay", "FakeSubscriber"]


@attrs.define
class FakeSubscriber(Subscriber, Subscription):
    """Gives what the test delivers."""

    failure: BrokerError | None = None
    is_open: bool = False
    ours: frozenset[int] = frozenset({0})
    behind_now: frozenset[int] = frozenset()
    reading: int = 1
    asked: list[tuple[Start, str | None]] = attrs.field(factory=list)
    unreadable: Mapping[str, int] = attrs.field(factory=dict)
    troubled_since: Callable[[], float] | None = None
    """Gives the seconds that the broker is away."""
    told_lags: Mapping[int, int] | None = None
    """What the broker says; None: what was delivered and not yet received."""
    unused: list[Delivered] = attrs.field(factory=list)
    """What was said to be unused at the end."""
    waiting: deque[Delivered] = attrs.field(factory=deque)
    _offset: int = 0
    _position: int = 0
    _changed: anyio.Event = attrs.field(factory=anyio.Event)

    def deliver(self, *books: NormalizedBook, offset: int | None = None) -> None:
        """Append records; with an offset, deliver those from there on again."""
        for number, book in enumerate(books):
            at = self._offset if offset is None else offset + number
            self._offset = max(self._offset, at + 1)
            self.waiting.append(Delivered(book, 0, at, 0, self.reading))
        self._changed.set()

    def fail(self, failure: BrokerError) -> None:
        """Make reading impossible."""
        self.failure = failure
        self._changed.set()

    @property
    def partitions(self) -> Collection[int]:
        return self.ours

    @property
    def behind(self) -> Collection[int]:
        return self.behind_now

    @property
    def trouble(self) -> Trouble | None:
        return None if self.troubled_since is None else Trouble("broker unreachable", self.troubled_since())

    @property
    def lags(self) -> Mapping[int, int]:
        return {0: len(self.waiting)} if self.told_lags is None else self.told_lags

    @property
    def positions(self) -> Mapping[int, int]:
        return {0: self._position}

    @property
    def is_reading_back(self) -> bool:
        return False

    def open(self, start: Start, group: str | None) -> AbstractAsyncContextManager[Subscription]:
        self.asked.append((start, group))
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Subscription]:
        self.is_open = True
        try:
            yield self
        finally:
            self.is_open = False

    def leave(self, unused: Iterable[Delivered]) -> None:
        self.unused.extend(unused)

    async def receive(self) -> Sequence[Delivered]:
        if not self.waiting:
            self._changed = anyio.Event()
            if self.failure is None:
                with anyio.move_on_after(0.5):
                    await self._changed.wait()
            if self.failure is not None and not self.waiting:
                raise self.failure
        taken = list(self.waiting)
        self.waiting.clear()
        self._position = self._offset
        return taken


@attrs.define
class FakeDisplay(Display):
    """Remembers what it was shown."""

    shown: list[Quote] = attrs.field(factory=list)
    batches: int = 0
    refreshed: int = 0
    is_open: bool = False
    failure: OSError | None = None
    leave: Callable[[], None] | None = None
    """Who is told that the person in front of it has seen enough."""

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:
        if self.failure is not None:
            raise self.failure
        assert quotes
        assert reading.now is not None
        assert {quote.book.key for quote in quotes} <= set(market.keys())
        self.shown += quotes
        self.batches += 1

    def refresh(self, market: Market, reading: Reading) -> None:  # noqa: ARG002
        self.refreshed += 1

    @asynccontextmanager
    async def open(self, market: Market, reading: Reading, leave: Callable[[], None]) -> AsyncGenerator[None]:  # noqa: ARG002
        self.is_open, self.leave = True, leave
        try:
            yield
        finally:
            self.is_open = False

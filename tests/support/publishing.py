"""A topic in memory, and what keeps records from it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs

from market_data.application.ports import Publication, Publisher
from market_data.domain.errors import DeliveryFailed
from market_data.domain.normalized import NormalizedBook

__all__ = ["FakePublisher"]


@attrs.define
class FakePublisher(Publisher, Publication):
    """Delivers into a list; a broker that hangs acknowledges nothing, and then there is only so much room."""

    room: int = 1000
    is_hanging: bool = False
    failure: DeliveryFailed | None = None
    delivered: list[NormalizedBook] = attrs.field(factory=list)
    waiting: list[NormalizedBook] = attrs.field(factory=list)
    is_open: bool = False
    _changed: anyio.Event = attrs.field(factory=anyio.Event)

    def open(self) -> AbstractAsyncContextManager[Publication]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Publication]:
        self.is_open = True
        try:
            yield self
        finally:
            self.is_open = False

    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        for book in books:
            while self.undelivered >= self.room and self.failure is None:
                await self._changed.wait()
            if self.failure is not None:
                raise self.failure
            self.waiting.append(book)
            self._acknowledge()
        await anyio.lowlevel.checkpoint()

    def admission(self) -> Callable[[str], bool]:
        return self._has_room

    def _has_room(self, _key: str) -> bool:
        return True

    def linger(self) -> float:
        return 0.0

    async def until_freed(self) -> None:
        await anyio.sleep_forever()

    async def flush(self) -> None:
        while self.waiting and self.failure is None:
            await self._changed.wait()
        if self.failure is not None:
            raise self.failure

    @property
    def undelivered(self) -> int:
        return len(self.waiting)

    @property
    def stalled_seconds(self) -> float:
        return 1.0 if self.is_hanging and self.waiting else 0.0

    def recover(self) -> None:
        """Answer again."""
        self.is_hanging = False
        self._acknowledge()

    def fail(self, failure: DeliveryFailed) -> None:
        """Refuse for good."""
        self.failure = failure
        self._changed.set()

    def _acknowledge(self) -> None:
        if self.is_hanging:
            return
        self.delivered += self.waiting
        self.waiting.clear()
        self._changed.set()
        self._changed = anyio.Event()

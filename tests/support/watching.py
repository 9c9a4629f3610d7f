"""The real network and a publisher in memory, with somebody who looks on."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs
from tests.support.recovery import Attempt

from market_data.application.ports import Connection, Network, Publication, Publisher, Request, Response, Transport
from market_data.domain.normalized import NormalizedBook

__all__ = ["MemoryPublisher", "WatchedTransport"]

_BOOK = re.compile(r"/(?:depth\?symbol|product_book\?product_id)=([A-Z0-9-]+)")


@attrs.define
class _WatchedNetwork(Network):
    network: Network
    exchange_of: Callable[[str], str]
    now: Callable[[], float]
    accepted: Callable[[Attempt], None]
    connections: list[Connection]

    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        return self._connected(url)

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncGenerator[Connection]:
        begun = self.now()
        async with self.network.connect(url) as connection:
            self.accepted(Attempt(self.exchange_of(url), None, begun))
            self.connections.append(connection)
            try:
                yield connection
            finally:
                self.connections.remove(connection)

    async def get(self, request: Request) -> Response:
        begun = self.now()
        response = await self.network.get(request)
        if found := _BOOK.search(request.url):
            self.accepted(Attempt(self.exchange_of(request.url), found.group(1), begun))
        return response


@attrs.define
class WatchedTransport(Transport):
    """Passes everything on, and tells of every attempt that a venue accepted."""

    transport: Transport
    exchange_of: Callable[[str], str]
    """Names the exchange of an address."""
    now: Callable[[], float]
    accepted: Callable[[Attempt], None]
    connections: list[Connection] = attrs.field(factory=list)
    """Those that are open."""

    def open(self) -> AbstractAsyncContextManager[Network]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Network]:
        async with self.transport.open() as network:
            yield _WatchedNetwork(network, self.exchange_of, self.now, self.accepted, self.connections)


@attrs.define
class _MemoryPublication(Publication):
    take: Callable[[NormalizedBook], None]

    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        for book in books:
            self.take(book)

    def admission(self) -> Callable[[str], bool]:
        return lambda _key: True

    def linger(self) -> float:
        return 0.0

    async def until_freed(self) -> None:
        await anyio.sleep_forever()

    async def flush(self) -> None:
        """Do nothing: all was delivered at once."""

    @property
    def undelivered(self) -> int:
        return 0


@attrs.define
class MemoryPublisher(Publisher):
    """Hands every record to whoever wants it, at once and in order."""

    take: Callable[[NormalizedBook], None]

    def open(self) -> AbstractAsyncContextManager[Publication]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Publication]:
        yield _MemoryPublication(self.take)

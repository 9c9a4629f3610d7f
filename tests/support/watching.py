"""The real network and a publisher in memory, with somebody who looks on."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs
from tests.support.recovery import Attempt

from market_data.application.ports import (
    Connection,
    Network,
    Publication,
    Publisher,
    Received,
    Request,
    Response,
    Transport,
)
from market_data.domain.normalized import NormalizedBook

__all__ = ["MemoryPublisher", "WatchedConnection", "WatchedTransport", "natives_of"]

_BOOK = re.compile(r"/(?:depth\?symbol|product_book\?product_id|books\?instId)=([A-Z0-9-]+)")
_SUBSCRIBES = re.compile(r'"(?:bts:)?subscribe"')
_STREAM = re.compile(r'"instId":"([^"]+)"|orderbook\.\d+\.([^"]+)"|"channel":"order_book_([^"]+)"')
_STREAMS = re.compile(r'"channel":"book","symbol":\[([^\]]+)\]')
"""OKX, Bybit and Bitstamp; Kraken. Where another's book begins, an answer over REST tells."""


@attrs.define(eq=False)
class WatchedConnection(Connection):
    """A connection that tells of each stream that is asked for."""

    connection: Connection
    subscribed: Callable[[str], None]

    async def receive(self) -> Received:
        return await self.connection.receive()

    async def send(self, message: str) -> None:
        if _SUBSCRIBES.search(message):
            for native in natives_of(message):
                self.subscribed(native)
        await self.connection.send(message)


def natives_of(message: str) -> list[str]:
    """Give the instruments whose books a message asks for."""
    if (found := _STREAMS.search(message)) is not None:
        return [native.strip('"') for native in found.group(1).split(",")]
    return ["".join(groups) for groups in _STREAM.findall(message)]


@attrs.define
class _WatchedNetwork(Network):
    network: Network
    exchange_of: Callable[[str], str]
    now: Callable[[], float]
    accepted: Callable[[Attempt], None]
    connections: list[WatchedConnection]

    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        return self._connected(url)

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncGenerator[Connection]:
        begun = self.now()
        async with self.network.connect(url) as opened:
            connection = WatchedConnection(opened, self._subscribed(self.exchange_of(url)))
            self.accepted(Attempt(self.exchange_of(url), None, begun))
            self.connections.append(connection)
            try:
                yield connection
            finally:
                self.connections.remove(connection)

    def _subscribed(self, exchange: str) -> Callable[[str], None]:
        return lambda native: self.accepted(Attempt(exchange, native, self.now()))

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
    connections: list[WatchedConnection] = attrs.field(factory=list)
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

    @property
    def stalled_seconds(self) -> float:
        return 0.0


@attrs.define
class MemoryPublisher(Publisher):
    """Hands every record to whoever wants it, at once and in order."""

    take: Callable[[NormalizedBook], None]

    def open(self) -> AbstractAsyncContextManager[Publication]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Publication]:
        yield _MemoryPublication(self.take)

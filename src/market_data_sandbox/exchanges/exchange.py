"""What all venues' exchanges share: connections come and go, and a source is told who listens to what."""

from abc import abstractmethod
from typing import Generic, TypeVar

import attrs
from starlette.websockets import WebSocket

from market_data_sandbox.book import Book
from market_data_sandbox.exchanges.connection import Connection
from market_data_sandbox.exchanges.outlet import Outlet
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Listener, Source
from market_data_sandbox.truth import Truth

__all__ = ["Exchange"]

C = TypeVar("C", bound=Connection)


@attrs.define(eq=False)
class Exchange(Listener, Generic[C]):
    """One venue: its source, its connections, and the truth about what it told them."""

    venue: Venue
    source: Source
    options: Options
    truth: Truth
    seam: Seam
    connections: dict[str, C] = attrs.field(factory=dict, init=False)
    """Open connections by name."""
    connection_count: int = attrs.field(default=0, init=False)
    """How many connections there ever were."""

    @abstractmethod
    def connection(self, name: str, websocket: WebSocket, outlet: Outlet) -> C:
        """Make a venue's connection of an accepted WebSocket."""

    def restarted(self, symbol: str, book: Book) -> None:
        self.applied(symbol, book)

    async def ready(self) -> None:
        for connection in tuple(self.connections.values()):
            await connection.outlet.has_room()

    async def attend(self, websocket: WebSocket) -> None:
        """Serve one client from its handshake to its end."""
        if (refusal := self.seam.handshake(self.venue)) is not None:
            await websocket.send_denial_response(refusal)
            return
        self.connection_count += 1
        name = f"{self.venue}-{self.connection_count}"
        await websocket.accept(headers=[(b"x-sandbox-connection", name.encode())])
        outlet = Outlet(self.options.outlet_frames, self.options.overflow_frames)
        connection = self.connection(name, websocket, outlet)
        self.connections[name] = connection
        self.tell_source()
        try:
            await connection.serve()
        finally:
            del self.connections[name]
            self.tell_source()

    def tell_source(self) -> None:
        """Tell the source which instruments somebody listens to now."""
        self.source.subscribed(frozenset().union(*(connection.symbols for connection in self.connections.values())))

"""Where all that an exchange says passes through, so that something can be done about it.

Frames have their sequence numbers already, and the truth is written: whatever happens here, the truth is what the venue
means.
"""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.responses import Response
from starlette.websockets import WebSocket

from market_data_sandbox.exchanges.outlet import Frame, Outlet
from market_data_sandbox.exchanges.protocol import SandboxProtocol
from market_data_sandbox.options import Venue
from market_data_sandbox.source import Depth

__all__ = ["Client", "Passage", "Responder", "Seam"]

Responder = Callable[[Depth | None], Awaitable[Response]]
"""Answers a request, with a past book instead of the present one where one is given."""


class Client(Protocol):
    """A connection, seen from the seam."""

    @property
    def venue(self) -> Venue:
        """Give the venue that it is a client of."""

    @property
    def name(self) -> str:
        """Give the sandbox's name of it."""

    @property
    def symbols(self) -> frozenset[str]:
        """Give the instruments that it listens to."""

    @property
    def websocket(self) -> WebSocket:
        """Give its WebSocket."""

    @property
    def outlet(self) -> Outlet:
        """Give what waits to be sent to it."""

    @property
    def protocol(self) -> SandboxProtocol:
        """Give its socket's protocol."""

    def mute(self, symbol: str) -> bool:
        """Tell nothing of an instrument from here on; False where that takes holding its frames back on their way."""

    def unmute(self, symbol: str) -> None:
        """Go on with an instrument."""

    def restart_numbers(self) -> None:
        """Number the frames of this connection from the beginning again, where they are numbered."""

    def announce_end(self) -> None:
        """Say that the connection will be closed soon, where the venue says so."""


class Passage(Protocol):
    """The way of one connection's frames to its socket."""

    @abstractmethod
    async def send(self, frame: Frame) -> None:
        """Send a frame, or do something else about it."""


class Seam(Protocol):
    """What comes between an exchange and its clients."""

    @abstractmethod
    def handshake(self, venue: Venue) -> Response | None:
        """Refuse a WebSocket's handshake with this answer, or accept it."""

    @abstractmethod
    def passage(self, connection: Client) -> Passage:
        """Give a new connection its way out."""

    @abstractmethod
    def gone(self, connection: Client) -> None:
        """Take note that a connection has ended."""

    @abstractmethod
    def withholds_reply(self, connection: Client) -> bool:
        """Tell whether a client's subscription goes without a reply this time."""

    @abstractmethod
    async def answer(self, venue: Venue, symbol: str | None, respond: Responder, *, is_book: bool = False) -> Response:
        """Answer a REST request by `respond`, or otherwise; `is_book` is one that asks for a book."""

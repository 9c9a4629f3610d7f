"""What to do wrong and when: where outgoing frames, REST answers and handshakes pass through."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs
from starlette.responses import Response
from starlette.websockets import WebSocket

from sandbox.exchanges.outlet import Frame
from sandbox.exchanges.protocol import SandboxProtocol
from sandbox.options import Venue

__all__ = ["Faults", "Passage"]


class Passage(Protocol):
    """The way of one connection's frames to its socket."""

    async def send(self, frame: Frame, websocket: WebSocket, protocol: SandboxProtocol) -> None:
        """Send a frame, or do something else about it."""


class StraightPassage(Passage):
    """Sends every frame as it is."""

    async def send(self, frame: Frame, websocket: WebSocket, protocol: SandboxProtocol) -> None:  # noqa: ARG002
        await websocket.send({"type": "websocket.send", "text": frame.text})


@attrs.define(eq=False)
class Faults:
    """No faults at all."""

    def handshake(self, venue: Venue) -> Response | None:  # noqa: ARG002
        """Refuse a WebSocket's handshake with this answer, or accept it."""
        return None

    def passage(self, venue: Venue, connection: str) -> Passage:  # noqa: ARG002
        """Give a new connection its way out."""
        return StraightPassage()

    async def answer(
        self,
        venue: Venue,  # noqa: ARG002
        endpoint: str,  # noqa: ARG002
        symbol: str | None,  # noqa: ARG002
        respond: Callable[[], Awaitable[Response]],
    ) -> Response:
        """Answer a REST request by `respond`, or otherwise."""
        return await respond()

"""The web server's WebSocket protocol, and a way to what ASGI cannot say.

ASGI hides pings and pongs, and an application can neither fall silent on an open socket nor cut one. Binance counts
pings and pongs as messages, and both venues' sockets die in these ways, so that a connection finds its protocol in
the scope.
"""

from collections.abc import Callable
from typing import Self

from starlette.websockets import WebSocket
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from market_data_sandbox.errors import SandboxError

__all__ = ["SandboxProtocol"]

_EXTENSION = "market_data_sandbox.protocol"


class SandboxProtocol(WebSocketsSansIOProtocol):
    """One socket."""

    on_control_frame: Callable[[], None] | None = None
    """Called for each PING and PONG of the client."""
    _is_silent = False

    @classmethod
    def of(cls, websocket: WebSocket) -> Self:
        """Find the protocol that an accepted WebSocket runs over."""
        found = websocket.scope["extensions"].get(_EXTENSION, {}).get("protocol")
        if not isinstance(found, cls):
            message = "this WebSocket is not served by the sandbox's protocol"
            raise SandboxError(message)
        return found

    def fall_silent(self) -> None:
        """Keep the socket open, but read nothing, answer no ping and send nothing anymore."""
        self._is_silent = True
        self.stop_keepalive()
        self.transport.pause_reading()

    def cut(self) -> None:
        """End the socket without a close frame, losing what was not sent yet."""
        self.transport.abort()

    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent and self.conn.state is not State.OPEN:
            # The client has begun to end the socket meanwhile, which the server does not expect.
            self.stop_keepalive()
            self.transport.close()
            return
        super().shutdown()

    async def run_asgi(self) -> None:
        extensions = self.scope["extensions"]
        extensions[_EXTENSION] = {"protocol": self}
        await super().run_asgi()

    async def send(self, message) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a private type of uvicorn
        if self._is_silent:
            return
        if self.handshake_complete and (self.close_sent or self.disconnected):
            # The server has ended the socket by itself meanwhile: after an unanswered ping, or at its end.
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # A refusal completes a handshake, too; the server would complain that none was made.
            self.handshake_complete = True

    async def receive(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a private type of uvicorn
        message = await super().receive()
        if self._is_silent:
            self.transport.pause_reading()
        return message

    def handle_ping(self) -> None:
        super().handle_ping()
        if self.on_control_frame is not None:
            self.on_control_frame()

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        if self.on_control_frame is not None:
            self.on_control_frame()

"""What the connections of all venues share: frames go out in order, messages come in, either end ends both."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable

import anyio
import attrs
from starlette.websockets import WebSocket, WebSocketDisconnect

from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Goodbye, Outlet
from market_data_sandbox.exchanges.protocol import SandboxProtocol
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.options import Venue

__all__ = ["Connection"]


@attrs.define(eq=False)
class Connection:
    """One client's WebSocket, already accepted."""

    venue: Venue
    name: str
    """What the sandbox calls it, as in `coinbase-2`: told in the handshake's answer and in the truth."""
    websocket: WebSocket
    outlet: Outlet
    seam: Seam

    @property
    @abstractmethod
    def symbols(self) -> frozenset[str]:
        """Give the instruments that its client listens to, canonical."""

    @abstractmethod
    def handle(self, text: str) -> None:
        """Answer one message of the client."""

    @property
    def protocol(self) -> SandboxProtocol:
        """Give the socket's protocol, for what ASGI cannot say."""
        return SandboxProtocol.of(self.websocket)

    async def background(self) -> None:
        """Do what a venue does of itself; nothing by default."""

    def mute(self, symbol: str) -> bool:  # noqa: ARG002 - what it would do depends on it
        """Tell nothing of an instrument from here on; False where that takes holding its frames back on their way."""
        return False

    def unmute(self, symbol: str) -> None:
        """Go on with an instrument."""

    def restart_numbers(self) -> None:
        """Number the frames of this connection from the beginning again, where they are numbered."""

    def announce_end(self) -> None:
        """Say that the connection will be closed soon, where the venue says so."""

    def reply(self, text: str) -> None:
        """Put an answer to the client's message behind what waits already."""
        self.outlet.put(Frame(text, FrameKind.REPLY))

    def hang_up(self, code: int, reason: str) -> None:
        """End the connection after what waits already."""
        self.outlet.put(Goodbye(code, reason))

    async def serve(self) -> None:
        """Talk until either side ends it."""
        try:
            async with anyio.create_task_group() as tasks:

                async def run(task: Callable[[], Awaitable[None]]) -> None:
                    await task()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(self.background, name=f"{self.name} background")
                tasks.start_soon(run, self._receive, name=f"{self.name} receive")
                tasks.start_soon(run, self._send, name=f"{self.name} send")
        finally:
            self.outlet.close()
            self.seam.gone(self)

    async def _receive(self) -> None:
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            self.handle(message.get("text") or (message.get("bytes") or b"").decode(errors="replace"))

    async def _send(self) -> None:
        passage = self.seam.passage(self)
        try:
            while True:
                for frame in await self.outlet.take():
                    if isinstance(frame, Goodbye):
                        await self.websocket.close(frame.code, frame.reason)
                        return
                    await passage.send(frame)
        except WebSocketDisconnect:
            return

"""HTTP servers in the event loop of whoever runs them, by uvicorn: bound, started, bounded and ended the same way.

Who connects is held to bounds: so many connections, so long until a request is whole, so long until an answer is read.
Nobody keeps others out by opening many and saying nothing, or by asking and not reading.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import anyio
import attrs
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["Bounds", "bound", "serving", "url_of"]

_STOP_SECONDS = 1.0
_UNREAD_BYTES = 262_144
"""What the kernel keeps of a connection that does not read, so that it is soon noticed; else it takes megabytes."""


@attrs.frozen
class Bounds:
    """What one server allows."""

    connections: int
    """One more closes the oldest that asks for nothing; where all do, itself."""
    request_seconds: float
    """A connection that has not sent a whole head of a request for so long is closed, the first as any later one."""
    unread_seconds: float = 30.0
    """A connection that leaves unread what it was sent, so long that no more can be written, is closed."""


@contextmanager
def bound(host: str, port: int, refused: Callable[[OSError], Exception]) -> Iterator[socket.socket]:
    """Listen at an address, port 0 for any that is free; ``refused`` makes the error where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD_BYTES)  # of each connection
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            raise refused(error) from error
        yield listener


def url_of(listener: socket.socket) -> str:
    """Give the address of what listens there."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(
    application: ASGIApp,
    listener: socket.socket,
    bounds: Bounds,
    name: str,
    alongside: Callable[[], Coroutine[object, object, None]] = anyio.sleep_forever,
    ending: Callable[[], None] = lambda: None,
) -> AsyncGenerator[None]:
    """Serve while the context is open, and do ``alongside``; at its end ``ending`` is called and every connection is
    closed.
    """
    opened: dict[_BoundedProtocol, asyncio.Transport] = {}
    server = _Server(_config(application, bounds, opened))
    stopped = anyio.Event()

    async def serve() -> None:
        # A server that is cancelled would leave its connections open: it is told to stop, and then waited for.
        try:
            with anyio.CancelScope(shield=True):
                await server.serve(sockets=[listener])
                for transport in list(opened.values()):
                    transport.abort()
                while opened:
                    await anyio.lowlevel.checkpoint()
        finally:
            stopped.set()

    failure: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve, name=name)
            tasks.start_soon(alongside, name=f"{name}, alongside")
            try:
                await server.is_started.wait()
                yield
            finally:
                ending()
                server.stop.set()
                with anyio.CancelScope(shield=True):
                    await stopped.wait()
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        failure = group.exceptions[0] if len(group.exceptions) == 1 else group
    if failure is not None:
        raise failure  # out here, so that it keeps its own cause and gets no other


def _config(
    application: ASGIApp, bounds: Bounds, opened: "dict[_BoundedProtocol, asyncio.Transport]"
) -> uvicorn.Config:
    class Protocol(_BoundedProtocol):
        pass

    Protocol.bounds, Protocol.opened = bounds, opened
    return uvicorn.Config(
        application,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=round(bounds.request_seconds),
    )


class _BoundedProtocol(H11Protocol):
    """One connection of a server; those of one server know each other."""

    bounds: Bounds
    opened: "dict[_BoundedProtocol, asyncio.Transport]"
    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @property
    def is_asking(self) -> bool:
        """Tell whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.opened[self] = transport
        self._await_request()
        if len(self.opened) > self.bounds.connections:
            idle = next((each for each in self.opened if not each.is_asking), self)
            idle.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.opened.pop(self, None)
        for timer in (self._timer, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.is_asking:
            self._stop_waiting()
        else:
            self._await_request()

    def send_400_response(self, msg: str) -> None:
        """Say so once: what answers the request that was broken off has nobody to answer any more."""
        super().send_400_response(msg)
        if self.is_asking:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing of who asks for what is not offered."""

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.is_asking:
            self._stop_waiting()  # from here on uvicorn's own timer runs, until the next byte

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.bounds.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _await_request(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.bounds.request_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Server(uvicorn.Server):
    """Starts and ends at once, in the tasks of whoever runs it, and leaves signals to the program."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_started = anyio.Event()
        self.stop = anyio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.is_started.set()
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - the caller's
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(self.server_state.tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()

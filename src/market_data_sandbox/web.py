"""Web servers on loopback, in the tasks of whoever runs them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import anyio
import uvicorn
from anyio.abc import TaskGroup
from starlette.applications import Starlette

from market_data_sandbox.errors import PortError
from market_data_sandbox.exchanges.protocol import SandboxProtocol
from market_data_sandbox.options import Options

__all__ = ["listen", "web_server"]

_STOP_SECONDS = 2


@contextmanager
def listen(port: int) -> Iterator[socket.socket]:
    """Take a port of 127.0.0.1, 0 for any free one.

    Raises:
        PortError: Somebody else has it.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with closing(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortError(port, error.strerror) from error
        yield listener


@asynccontextmanager
async def web_server(
    tasks: TaskGroup, application: Starlette, listener: socket.socket, options: Options
) -> AsyncIterator[None]:
    """Serve an application while the context is open; at its end every connection is closed with 1012."""
    server = _Server(
        uvicorn.Config(
            application,
            http="h11",
            ws=SandboxProtocol,
            ws_ping_interval=options.ping_interval_seconds,
            ws_ping_timeout=options.ping_timeout_seconds,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
        )
    )
    stopped = anyio.Event()

    async def run() -> None:
        # A server that is cancelled would leave its connections open: it is told to stop, and then waited for.
        try:
            with anyio.CancelScope(shield=True):
                await server.serve(sockets=[listener])
        finally:
            stopped.set()

    tasks.start_soon(run, name="web server")
    try:
        await server.is_started.wait()
        yield
    finally:
        server.stop.set()
        with anyio.CancelScope(shield=True):
            await stopped.wait()


class _Server(uvicorn.Server):
    """A web server that starts and ends at once, and leaves signals to whoever runs it."""

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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(self.server_state.tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()

"""Where metrics and health can be asked for: three paths over HTTP, by Starlette and uvicorn, in the same event loop.

``/metrics`` for Prometheus; ``/healthz`` and ``/readyz`` for whoever restarts or routes: 200 where it is well, else
503, with JSON that says what is not. That the answers come from the loop that does the work is the point: if that
stands still, there are none.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager

import anyio
import attrs
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from market_data.adapters.telemetry.metrics import Exposition
from market_data.application.measures import Measures
from market_data.application.ports import Health, Listener, Report, Telemetry
from market_data.domain.errors import AppError

__all__ = ["HttpListener", "NoListener"]

_MOST_CONNECTIONS = 32
"""One more closes the oldest, so that whoever opens many and says nothing keeps nobody out."""
_IDLE_SECONDS = 75
"""A connection that says nothing for so long is closed; Prometheus asks four times a minute."""
_STOP_SECONDS = 1.0


class NoListener(Listener):
    """Where nobody is to ask."""

    def open(self, health: Health) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - nobody asks
        return _nothing()


@attrs.frozen
class HttpListener(Listener):
    """Answers on one address."""

    host: str
    port: int
    setting: str
    """Which setting says so, for the error where the address cannot be had."""
    measures: Measures
    telemetry: Telemetry

    def open(self, health: Health) -> AbstractAsyncContextManager[None]:
        return self._opened(health)

    @asynccontextmanager
    async def _opened(self, health: Health) -> AsyncGenerator[None]:
        with self._bound() as listener:
            server = _Server(_config(_application(Exposition(self.measures), health)))
            stopped = anyio.Event()

            async def serve() -> None:
                # A server that is cancelled would leave its connections open: it is told to stop, and then waited for.
                try:
                    with anyio.CancelScope(shield=True):
                        await server.serve(sockets=[listener])
                finally:
                    stopped.set()

            failure: BaseException | None = None
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(serve, name="metrics and health")
                    try:
                        await server.is_started.wait()
                        host, port = listener.getsockname()[:2]
                        where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
                        self.telemetry.note("metrics and health can be asked for", address=where)
                        yield
                    finally:
                        server.stop.set()
                        with anyio.CancelScope(shield=True):
                            await stopped.wait()
            except BaseExceptionGroup as group:
                failure = group.exceptions[0] if len(group.exceptions) == 1 else group
            if failure is not None:
                raise failure  # out here, so that it keeps its own cause and gets no other

    @contextmanager
    def _bound(self) -> Iterator[socket.socket]:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((self.host, self.port))
                listener.listen()
            except OSError as error:
                raise self._refused(error) from error
            yield listener

    def _refused(self, error: OSError) -> AppError:
        problem = (error.strerror or str(error)).lower()
        return AppError(
            f"metrics and health cannot be offered at {self.host}:{self.port}: {problem}. Each program of a machine "
            f"needs an address of its own: set {self.setting} to another one, or to null for none"
        )


@asynccontextmanager
async def _nothing() -> AsyncGenerator[None]:
    yield


def _application(exposition: Exposition, health: Health) -> Starlette:
    async def give_metrics(request: Request) -> Response:
        text, content_type = await exposition.write(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    def route(path: str, ask: Callable[[], Report]) -> Route:
        async def answer(_: Request) -> Response:
            report = ask()
            return JSONResponse(dict(report.says), 200 if report.is_well else 503)

        return Route(path, answer)

    return Starlette(
        routes=[
            Route("/metrics", give_metrics),
            route("/healthz", health.liveness),
            route("/readyz", health.readiness),
        ]
    )


def _config(application: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=_bounded_protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_IDLE_SECONDS,
    )


def _bounded_protocol() -> type[asyncio.Protocol]:
    """Make the protocol of one server's connections, of which there are only so many at a time."""
    opened: dict[H11Protocol, asyncio.Transport] = {}

    class BoundedProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            opened[self] = transport
            if len(opened) > _MOST_CONNECTIONS:
                opened.pop(next(iter(opened))).abort()

        def connection_lost(self, exc: Exception | None) -> None:
            opened.pop(self, None)
            super().connection_lost(exc)

    return BoundedProtocol


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

"""Where metrics and health can be asked for: three paths over HTTP, by Starlette and uvicorn, in the same event loop.

``/metrics`` for Prometheus; ``/healthz`` and ``/readyz`` for whoever restarts or routes: 200 where it is well, else
503, with JSON that says what is not. That the answers come from the loop that does the work is the point: if that
stands still, there are none.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_data.adapters.telemetry.metrics import Exposition
from market_data.application.measures import Measures
from market_data.application.ports import Health, Listener, Report, Telemetry
from market_data.domain.errors import AppError
from market_data.serving import Bounds, bound, serving, url_of

__all__ = ["HttpListener", "NoListener"]

_BOUNDS = Bounds(connections=32, request_seconds=75)
"""Prometheus asks four times a minute, on one connection."""


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
        application = _application(Exposition(self.measures), health)
        with bound(self.host, self.port, self._refused) as listener:
            async with serving(application, listener, _BOUNDS, "metrics and health"):
                self.telemetry.note("metrics and health can be asked for", address=url_of(listener))
                yield

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

"""The display that any number of browsers look at."""

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import attrs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_data import __version__
from market_data.adapters.web.addresses import is_loopback
from market_data.adapters.web.answers import Answers
from market_data.adapters.web.books import BookWriter
from market_data.adapters.web.compared import Compared
from market_data.adapters.web.gate import Access, Gate
from market_data.adapters.web.heat import Heats
from market_data.adapters.web.history import History
from market_data.adapters.web.hops import Hops
from market_data.adapters.web.hub import Hub
from market_data.adapters.web.losses import Losses
from market_data.adapters.web.pages import page_routes
from market_data.adapters.web.problems import problem
from market_data.adapters.web.room import make_room
from market_data.adapters.web.stream import PULSE_SECONDS, open_stream
from market_data.application.ports import Clock, Display, Reading, Telemetry
from market_data.domain.across import Across
from market_data.domain.errors import AppError
from market_data.domain.market import Market
from market_data.domain.proof import OrderProof
from market_data.domain.quote import Quote
from market_data.domain.watch import Watch
from market_data.serving import Bounds, bound, serving, url_of

__all__ = ["WebDisplay", "WebPlace"]

_STATUS_SECONDS = 1.0
_SPARE_CONNECTIONS = 100
"""Beside the streams: pages being loaded, questions to the API."""
_REQUEST_SECONDS = 20


@attrs.frozen
class WebPlace:
    """Where the page is offered, and to how many."""

    port: int
    access: Access
    """With the host."""
    max_clients: int
    """Streams that may be open at a time."""
    unread_seconds: float = 30.0
    """Who reads nothing for so long is cut off."""


class WebDisplay(Display):
    """Starts a server with ``open``; what is shown goes to all who look."""

    def __init__(
        self,
        place: WebPlace,
        title: str,
        watch: Watch,
        across: Across,
        clock: Clock,
        telemetry: Telemetry,
        tell: Callable[[str], None],
    ) -> None:
        """``watch`` and ``across`` are fed here; ``tell`` is called with the page's address once it can be opened."""
        self._place = place
        self._title = title
        self._clock = clock
        self._telemetry = telemetry
        self._tell = tell
        self._watch = watch
        self._across = across
        self._writer = BookWriter(OrderProof(), watch, clock)
        self._hub = Hub(secrets.token_hex(4), Losses(), self._writer.write)
        self._heats = Heats()
        self._hops = Hops()
        self._told_at = 0.0

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:  # noqa: ARG002
        self._watch.take(quotes)
        self._across.take(quotes)
        self._hub.take(quotes)
        self._heats.take(quotes)
        self._hops.take(quotes)

    def refresh(self, market: Market, reading: Reading) -> None:
        now = reading.now or self._clock.now()
        if now.mono - self._told_at < _STATUS_SECONDS:
            return
        self._told_at = now.mono
        self._hub.keep(market.keys())
        self._hub.tell(self._status(market, reading))

    @asynccontextmanager
    async def open(
        self,
        market: Market,
        reading: Reading,
        leave: Callable[[], None],  # noqa: ARG002 - whoever closes a page leaves the others to it
    ) -> AsyncGenerator[None]:
        place, hub = self._place, self._hub
        self._writer.proof = reading.proof
        hub.tell(self._status(market, reading))
        connections = make_room(place.max_clients + _SPARE_CONNECTIONS, self._telemetry)
        bounds = Bounds(connections, _REQUEST_SECONDS, place.unread_seconds)
        pulse = partial(hub.run_pulse, PULSE_SECONDS)
        with bound(place.access.host, place.port, self._refused) as listener:
            async with serving(self._application(), listener, bounds, "web", pulse, hub.close):
                address = url_of(listener)
                self._telemetry.note("the page can be opened", address=address)
                if not is_loopback(place.access.host):
                    guard = "without a token" if place.access.token is None else "to whoever has web.token"
                    self._telemetry.warn("the page is open to other machines", address=address, open=guard)
                self._tell(f"{address}/")
                yield

    def _application(self) -> Gate:
        async def stream(request: Request) -> Response:
            return open_stream(request, self._hub, self._place.max_clients)

        history = History(self._watch, self._heats, self._clock)
        answers = Answers(self._hub, history, Compared(self._across), self._clock)
        routes = [Route("/stream", stream), *answers.routes, *page_routes()]
        application = Starlette(routes=routes, exception_handlers={HTTPException: _explain})
        application.router.redirect_slashes = False
        return Gate(application, self._place.access)

    def _status(self, market: Market, reading: Reading) -> dict[str, object]:
        proof, now = reading.proof, reading.now or self._clock.now()
        trouble = reading.trouble
        counts = market.count()
        return {
            "title": self._title,
            "version": __version__,
            "run": self._hub.run,
            "source": reading.source,
            "now": now.wall,
            "started": reading.started_at.wall,
            "records": reading.records,
            "lag": reading.lag,
            "trouble": None if trouble is None else {"what": trouble.what, "seconds": round(trouble.seconds, 3)},
            "instruments": len(market.keys()),
            "statuses": {str(status): count for status, count in sorted(counts.items())},
            "proof": {
                "is_proven": proof.is_proven,
                "holes": proof.holes,
                "doubled": proof.doubles,
                "out_of_order": proof.disorder,
                "foreign": proof.foreign,
                "returns": proof.returns,
                "forgotten": proof.forgotten,
            },
            "hops": self._hops.summed(),
            "clients": self._hub.clients,
        }

    def _refused(self, error: OSError) -> AppError:
        host, port = self._place.access.host, self._place.port
        why = (error.strerror or str(error)).lower()
        return AppError(f"the page cannot be offered at {host}:{port}: {why}. Set web.listen to another address")


async def _explain(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        said = f"{request.method} is not offered here: this reads and never trades"
        return problem(request, 405, said, {"allow": "GET, HEAD"})
    return problem(request, status, f"{request.url.path[:200]} is no page and no question: see /openapi.json")

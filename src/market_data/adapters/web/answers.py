"""``/api``: what is known now, for a program that asks now and then; whoever wants all of it reads the topic.

Every answer has an ETag of its content: who sends it back as ``If-None-Match`` is told 304 while it is the same.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib import resources
from itertools import islice
from typing import TypeAlias

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_data.adapters.web.heat import COLUMN_SECONDS, Heats
from market_data.adapters.web.hub import Hub
from market_data.adapters.web.problems import problem
from market_data.adapters.web.rows import to_json
from market_data.application.ports import Clock, Reading
from market_data.domain.best import best_across
from market_data.domain.market import Market, Quote

__all__ = ["Answers", "answer", "unknown"]

_NEAREST = 5
_MOST_COMPARED = 2000
_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def answer(request: Request, body: bytes, media_type: str = "application/json", cache: str = "no-cache") -> Response:
    """Answer with a body, or with 304 where the client has it."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": tag, "cache-control": cache}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def unknown(request: Request, key: str, keys: Iterable[str]) -> Response:
    """Answer that there is no such instrument, and which ones have a name like it."""
    asked = key.lower()
    exchange, _, symbol = asked.partition(":")
    known = {each.lower(): each for each in keys}
    alike = [each for each in known if each.startswith(f"{exchange}:") or each.endswith(f":{symbol}")] or list(known)
    nearest = get_close_matches(asked, islice(alike, _MOST_COMPARED), _NEAREST, 0.4)
    names = [known[each] for each in nearest]
    hint = f"; did you mean {', '.join(names)}?" if names else ""
    detail = f"no record of {key[:200]} was seen{hint}"
    return problem(request, 404, detail, nearest=names)


@attrs.frozen
class Answers:
    """What is asked under ``/api``."""

    hub: Hub
    heats: Heats
    market: Market
    reading: Reading
    clock: Clock

    @property
    def routes(self) -> Sequence[Route]:
        """All of them; the description of the whole stands beside them."""
        document = resources.files(__package__).joinpath("openapi.json").read_bytes()

        async def describe(request: Request) -> Response:
            return answer(request, document)

        return [
            Route("/openapi.json", describe),
            Route("/api/books", self._books),
            Route("/api/books/{exchange}/{symbol}", self._of_one(self._book)),
            Route("/api/history/{exchange}/{symbol}", self._of_one(self._history)),
            Route("/api/status", self._status),
            Route("/api/best", self._best),
        ]

    async def _books(self, request: Request) -> Response:
        return answer(request, b'{"books":%b}' % self.hub.rows())

    async def _status(self, request: Request) -> Response:
        return answer(request, to_json(self.hub.status))

    async def _best(self, request: Request) -> Response:
        return answer(request, to_json({"symbols": list(_best_of(self.market))}))

    def _of_one(self, tell: Callable[[str, Quote], bytes]) -> _Endpoint:
        async def endpoint(request: Request) -> Response:
            key = f"{request.path_params['exchange']}:{request.path_params['symbol']}"
            quote = self.hub.quote(key)
            if quote is None:
                return unknown(request, key, self.hub.keys)
            return answer(request, tell(key, quote))

        return endpoint

    def _book(self, key: str, _: Quote) -> bytes:
        return self.hub.book(key, self.reading.proof) or b"null"

    def _history(self, key: str, quote: Quote) -> bytes:
        first, columns = self.heats.of(key, quote).columns(self.clock.now().wall)
        return to_json({"depth": {"first": first, "seconds": COLUMN_SECONDS, "columns": columns}})


def _best_of(market: Market) -> Iterable[dict[str, object]]:
    for symbol, best in best_across(market.quotes()).items():
        yield {"symbol": symbol, "bid": _side(best.bid, "bid"), "ask": _side(best.ask, "ask")}


def _side(quote: Quote | None, side: str) -> dict[str, object] | None:
    if quote is None:
        return None
    price = quote.top.best_bid if side == "bid" else quote.top.best_ask
    return {"exchange": quote.book.exchange, "price": price}

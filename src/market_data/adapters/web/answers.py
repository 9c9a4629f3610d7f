"""``/api``: what is known now, for a program that asks now and then; whoever wants all of it reads the topic.

Every answer has an ETag of its content: who sends it back as ``If-None-Match`` is told 304 while it is the same.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import resources
from itertools import islice

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_data.adapters.web.compared import Compared
from market_data.adapters.web.history import History
from market_data.adapters.web.hub import Hub
from market_data.adapters.web.problems import problem
from market_data.adapters.web.rows import to_json
from market_data.application.ports import Clock
from market_data.domain.instrument import is_key

__all__ = ["Answers", "answer", "unknown"]

_NEAREST = 5
_MOST_COMPARED = 200
"""To compare a name with one other takes some 20 µs."""
_TIME = re.compile(r"[0-9]{1,18}", re.ASCII)


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
    known = {each.lower(): each for each in keys} if is_key(f"{exchange}:{symbol.upper()}") else {}
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
    history: History
    compared: Compared
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
            Route("/api/books/{exchange}/{symbol}", self._book),
            Route("/api/history/{exchange}/{symbol}", self._history),
            Route("/api/status", self._status),
            Route("/api/best", self._best),
        ]

    async def _books(self, request: Request) -> Response:
        return answer(request, b'{"books":%b}' % self.hub.rows())

    async def _status(self, request: Request) -> Response:
        return answer(request, to_json(self.hub.status))

    async def _book(self, request: Request) -> Response:
        key = _key_of(request)
        body = self.hub.book(key)
        return unknown(request, key, self.hub.keys) if body is None else answer(request, body)

    async def _history(self, request: Request) -> Response:
        key, since = _key_of(request), request.query_params.get("since", "0")
        if (quote := self.hub.quote(key)) is None:
            return unknown(request, key, self.hub.keys)
        if not _TIME.fullmatch(since):
            return problem(request, 400, f"expected since=µs since 1970, received {since[:100]}")
        return answer(request, self.history.write(quote, int(since)))

    async def _best(self, request: Request) -> Response:
        asset, now = request.query_params.get("asset"), self.clock.now()
        if asset is None:
            return answer(request, self.compared.all(now))
        body = self.compared.one(asset, now)
        if body is None:
            known = [each for each in self.compared.across.assets if each.casefold() == asset.casefold()]
            hint = f"; did you mean {known[0]}?" if known else ""
            return problem(request, 404, f"no record of {asset[:100]} was seen{hint}", nearest=known)
        return answer(request, body)


def _key_of(request: Request) -> str:
    return f"{request.path_params['exchange']}:{request.path_params['symbol']}"

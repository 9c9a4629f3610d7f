"""The page itself: the files of ``page/``, read once, each with the address that its name says; and its words."""

import json
from collections.abc import Iterable
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_data.adapters.web.answers import answer
from market_data.domain.meanings import REASONS, STATUSES

__all__ = ["page_routes"]

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_routes() -> list[Route]:
    """Give a route for every file; ``index.html`` is ``/``."""
    folder = resources.files(__package__).joinpath("page")
    routes = [_route("/words.js", _words(), _TYPES[".js"])]
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        _, dot, ending = file.name.rpartition(".")
        if (media_type := _TYPES.get(dot + ending)) is None:
            continue
        path = "/" if file.name == "index.html" else f"/{file.name}"
        routes.append(_route(path, file.read_bytes(), media_type))
    return routes


def _words() -> bytes:
    """Write a module of what statuses and reasons mean: the page says what every other screen says."""
    tables = {"STATUSES": STATUSES.items(), "REASONS": REASONS.items()}
    return "".join(f"export const {name} = {_object(words)};\n" for name, words in tables.items()).encode()


def _object(words: Iterable[tuple[str, str]]) -> str:
    return json.dumps(dict(words))


def _route(path: str, body: bytes, media_type: str) -> Route:
    async def give(request: Request) -> Response:
        return answer(request, body, media_type)

    return Route(path, give)

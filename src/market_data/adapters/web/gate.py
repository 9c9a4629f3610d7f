"""Who is let in: the right host, the right origin, and where one is set, the token; and what each answer says to a
browser about itself.

    1. The host that is asked for must be one that this server is known by: else a page elsewhere, whose name was made
       to lead here, could read what is here (DNS rebinding).
    2. A request that a browser sends for a page of another origin is refused, unless ``cors_origins`` names it.
    3. Where there is a token, it is asked for: ``Authorization: Bearer``, or the cookie that ``?token=`` gives once.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from urllib.parse import parse_qsl, quote, urlencode

import attrs
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from market_data.adapters.web.addresses import is_address, is_any
from market_data.adapters.web.problems import problem

__all__ = ["Access", "Gate"]

_COOKIE = "market_data"
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_FOREIGN = ("cross-site", "same-site")
"""As a browser says where a request comes from; another port of this machine is the same site."""
_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9._-]{1,253}))(?::[0-9]{1,5})?", re.ASCII)
_LOCAL = ("localhost", "127.0.0.1", "::1")


@attrs.frozen
class Access:
    """Who may ask."""

    host: str
    """Where the server listens."""
    allowed_hosts: Collection[str] = ()
    """Other names that it is known by."""
    cors_origins: Collection[str] = ()
    token: str | None = attrs.field(default=None, repr=False)


class Gate:
    """In front of all that is answered."""

    def __init__(self, application: ASGIApp, access: Access) -> None:
        self._application = application
        self._access = access
        self._hosts = {*_LOCAL, *map(str.lower, access.allowed_hosts)}
        if not is_any(access.host):
            self._hosts.add(access.host.lower())
        token = access.token
        self._token = None if token is None else token.encode()
        self._cookie = None if token is None else hmac.digest(token.encode(), b"market data page", hashlib.sha256).hex()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        origin = request.headers.get("origin", "")
        is_shared = origin in self._access.cors_origins

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._access.cors_origins:
                    headers.add_vary_header("Origin")
                if is_shared:
                    headers["access-control-allow-origin"] = origin
                    headers["access-control-expose-headers"] = "ETag, Retry-After"
                    headers["cross-origin-resource-policy"] = "cross-origin"
            await send(message)

        answer = self._answer(request, origin, is_shared=is_shared)
        await (answer or self._application)(scope, receive, send_with_headers)

    def _answer(self, request: Request, origin: str, *, is_shared: bool) -> Response | None:
        """Answer who is not let in, and what only asks whether it would be."""
        host = request.headers.get("host", "")
        if not self._is_known(host, request):
            said = f"nothing is known here as {host[:100]!r}: add it to web.allowed_hosts"
            return problem(request, 421, said)
        if not is_shared:
            site = request.headers.get("sec-fetch-site", "")
            is_visit = request.headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
            is_visit &= request.headers.get("sec-fetch-dest", "document") == "document"  # and no frame
            if (origin and origin not in _origins_of(request, host)) or (site in _FOREIGN and not is_visit):
                said = "a page of another origin may ask here where web.cors_origins names its origin"
                return problem(request, 403, said)
        elif request.method == "OPTIONS":
            return Response(
                status_code=204,
                headers={
                    "access-control-allow-methods": "GET, HEAD",
                    "access-control-allow-headers": "Authorization, If-None-Match, Last-Event-ID",
                    "access-control-max-age": "600",
                },
            )
        return None if self._token is None else self._ask_for_token(request, self._token)

    def _is_known(self, host: str, request: Request) -> bool:
        if (found := _HOST.fullmatch(host.lower())) is None:
            return False
        name = found["address"] or found["name"]
        server = request.scope.get("server") or ("", 0)
        return name in self._hosts or (is_address(name) and name == server[0])

    def _ask_for_token(self, request: Request, token: bytes) -> Response | None:
        query = parse_qsl(request.url.query, keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None:
            if not hmac.compare_digest(given.encode(), token):
                return _refused(request, "the token is another one")
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            # One slash, and nothing that a browser may read as another: what follows two names another host.
            path = "/" + quote(request.url.path.lstrip("/"))
            answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(_COOKIE, self._cookie or "", httponly=True, samesite="strict", path="/")
            return answer
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(bearer.strip().encode(), token):
            return None
        cookie = request.cookies.get(_COOKIE, "")
        if hmac.compare_digest(cookie.encode(), (self._cookie or "").encode()):
            return None
        return _refused(request, "open the page once with ?token=..., or send Authorization: Bearer ...")


def _refused(request: Request, detail: str) -> Response:
    return problem(request, 401, detail, {"www-authenticate": 'Bearer realm="market data"'})


def _origins_of(request: Request, host: str) -> Collection[str]:
    """Give the page's own origin; a proxy in front may speak TLS."""
    return {f"{request.url.scheme}://{host}", f"https://{host}"}

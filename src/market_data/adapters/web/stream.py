"""``GET /stream``: Server-Sent Events, a snapshot first, then what is new.

    retry: 1000

    id: 0f3a9c-17
    event: snapshot
    data: {"run":"0f3a9c","rows":[{"exchange":"binance","symbol":"BTC-USDT",...}],"losses":[...],"status":{...}}

    event: book
    data: {"record":{...},"analytics":{...},"proof":{...},"seen_time":...}

    id: 0f3a9c-42
    event: change
    data: {"rows":[...],"gone":["binance:OLD-USDT"],"losses":[...],"status":{...}}

``?book=exchange:symbol``, a few times, adds ``book`` events of these instruments. An event says all that changed since
the one before it, and the newest of it: what was overtaken is not sent. Who reads slower than it comes is told less
often, and nobody else is. ``Last-Event-ID`` (or ``?last=``) goes on from there; where that cannot be, because it is of
another run of the server or too old, there is a snapshot anew. The status comes once a second, so that who hears
nothing for a few knows that the connection is dead.
"""

from collections.abc import Sequence

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from market_data.adapters.web.hub import Hub
from market_data.adapters.web.problems import problem
from market_data.domain.instrument import is_key

__all__ = ["MOST_BOOKS", "PULSE_SECONDS", "open_stream"]

PULSE_SECONDS = 0.1
MOST_BOOKS = 4
_RETRY = b"retry: 1000\n\n"


def open_stream(request: Request, hub: Hub, most_clients: int) -> Response:
    """Answer with a stream, or with why there is none."""
    keys = request.query_params.getlist("book")
    if len(keys) > MOST_BOOKS or not all(map(is_key, keys)):
        said = (
            f"expected at most {MOST_BOOKS} of book=exchange:BASE-QUOTE, received {len(keys)}: {','.join(keys)[:200]}"
        )
        return problem(request, 400, said)
    if hub.clients >= most_clients:
        said = f"{most_clients} streams are open already (web.max_clients): try again"
        return problem(request, 503, said, {"retry-after": "5"})
    last = request.headers.get("last-event-id") or request.query_params.get("last", "")
    return _Stream(hub, keys, _number_of(last, hub))


def _number_of(last: str, hub: Hub) -> int | None:
    """Tell from where a client goes on; None where it begins anew."""
    run, _, number = last.rpartition("-")
    if run != hub.run or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return int(number) if hub.can_go_on(int(number)) else None


class _Stream(Response):
    """One client's events, for as long as it listens."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, keys: Sequence[str], have: int | None) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._keys = keys
        self._have = have

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._hub.clients += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._until_gone, receive, tasks.cancel_scope, name="gone")
                await self._send(send)
                tasks.cancel_scope.cancel()
        finally:
            self._hub.clients -= 1

    async def _send(self, send: Send) -> None:
        hub, have, is_first = self._hub, self._have or 0, self._have is None
        body, knows_books = _RETRY, -1
        while not hub.is_closed:
            pulses = hub.pulses
            frame = hub.frame(have, is_first=is_first)
            books = self._books(knows_books)
            if frame is not None:
                # a snapshot begins all anew; else the number comes last, so that who was cut off before is told again
                books = frame.event + books if is_first else books + frame.event
                have, is_first = frame.until, False
            knows_books = have
            if body := body + books:
                await send({"type": "http.response.body", "body": body, "more_body": True})
                body = b""
            await hub.wait(pulses)
        await send({"type": "http.response.body", "body": b""})

    def _books(self, have: int) -> bytes:
        if not self._keys:
            return b""
        found = [self._hub.book_after(key, have) for key in self._keys]
        return b"".join([b"event: book\ndata: %b\n\n" % book for book in found if book is not None])

    @staticmethod
    async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

"""Questions over REST by httpx: one answer each, no larger than what was asked for, whatever the venue sends."""

import math
import zlib
from contextlib import aclosing, suppress

import anyio
import anyio.lowlevel
import httpx

from market_data.adapters.transport.refusals import FAILED, refusal_of, say
from market_data.adapters.transport.settings import TransportSettings
from market_data.application.ports import Clock, Request, Response
from market_data.domain.errors import RequestFailed
from market_data.domain.normalized import Reason

__all__ = ["Rest"]

_MICROSECONDS = 1e6
_SLICE_BYTES = 262_144
"""So much is decoded before others get their turn, and time its chance to be up."""
_GZIP = 16 + zlib.MAX_WBITS
_MAX_WORDS_BYTES = 4096
_WORDS_SECONDS = 1.0
_SHOWN_BYTES = 200
_DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Rest:
    """Asks, over connections that are kept alive."""

    def __init__(
        self, client: httpx.AsyncClient, fresh: httpx.AsyncClient, settings: TransportSettings, clock: Clock
    ) -> None:
        """``fresh`` keeps no connection alive."""
        self._client = client
        self._fresh = fresh
        self._settings = settings
        self._clock = clock

    async def get(self, request: Request) -> Response:
        """As the port has it."""
        url, body = request.url, bytearray()
        forbidden = self._settings.forbids(url)
        if forbidden is not None:
            raise RequestFailed(url, forbidden, reason=Reason.REJECTED)
        try:
            with anyio.fail_after(self._settings.request_timeout_seconds) as scope:
                async with aclosing(await self._ask(request)) as response:
                    if response.status_code != httpx.codes.OK:
                        scope.deadline = math.inf  # that is an answer; its words have a time of their own
                        raise await self._refused(url, response)
                    await _read_body(response, body, request.max_bytes)
        except TimeoutError as error:
            problem = f"no answer within {self._settings.request_timeout_seconds:g} s"
            raise RequestFailed(url, problem, reason=Reason.UNAVAILABLE) from error
        except FAILED as error:
            raise RequestFailed(url, say(error), reason=Reason.UNAVAILABLE) from error
        return Response(bytes(body), {name.lower(): value for name, value in response.headers.items()})

    async def _ask(self, request: Request) -> httpx.Response:
        """Ask, and ask once more over a new connection where one that was kept alive ends without an answer: the venue
        had closed it, or was about to, and swallowed the question.
        """
        is_new = False

        async def trace(event: str, _: object) -> None:
            nonlocal is_new
            is_new = is_new or event == "connection.connect_tcp.started"

        headers = {"accept-encoding": "gzip", **request.headers}
        asking = self._client.build_request("GET", request.url, headers=headers, extensions={"trace": trace})
        try:
            return await self._client.send(asking, stream=True)
        except _DROPPED:
            if is_new:
                raise
        again = self._fresh.build_request("GET", request.url, headers=headers)
        return await self._fresh.send(again, stream=True)

    async def _refused(self, url: str, response: httpx.Response) -> RequestFailed:
        """Say why, with the venue's own words as far as they can be read."""
        refusal = refusal_of(response, self._settings, self._clock.now().wall / _MICROSECONDS)
        words = bytearray()
        with anyio.move_on_after(_WORDS_SECONDS), suppress(httpx.HTTPError):
            await _read_body(response, words, _MAX_WORDS_BYTES)
        said = bytes(words[:_SHOWN_BYTES]).decode("utf-8", "replace").replace("\n", " ")
        problem = f"{refusal.problem}: {said}" if said else refusal.problem
        return RequestFailed(
            url,
            problem,
            reason=refusal.reason,
            retry_after_seconds=refusal.retry_after_seconds,
            status=response.status_code,
        )


async def _read_body(response: httpx.Response, body: bytearray, limit: int) -> None:
    """Add the answer's bytes to ``body``: as they are, or out of one layer of gzip, which is what we ask for.

    Raises:
        httpx.HTTPError: the connection broke, or the answer is larger than ``limit``, on the line or decoded, or no
            such encoding; ``body`` then holds how it begins, and hardly more than ``limit``.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        problem = f"the answer is encoded as {encoding[:40]!a}; gzip, once, was asked for"
        raise httpx.DecodingError(problem)
    decoder = None if encoding == "identity" else zlib.decompressobj(_GZIP)
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if decoder is None:
            body += chunk
        else:
            await _decode(decoder, chunk, body, limit)
        if max(received, len(body)) > limit:
            problem = f"the answer is larger than the {limit:,} bytes that what was asked for can have"
            raise httpx.DecodingError(problem)
    if decoder is not None and not decoder.eof:
        problem = "the answer is no whole gzip stream"
        raise httpx.DecodingError(problem)


async def _decode(decoder: "zlib._Decompress", chunk: bytes, body: bytearray, limit: int) -> None:
    """Decode in slices until the chunk is done or ``limit`` is passed."""
    while not decoder.eof and len(body) <= limit:
        try:
            decoded = decoder.decompress(chunk, _SLICE_BYTES)
        except zlib.error as error:
            problem = f"the answer is no gzip stream: {error}"
            raise httpx.DecodingError(problem) from error
        body += decoded
        chunk = decoder.unconsumed_tail
        await anyio.lowlevel.checkpoint()
        if len(decoded) < _SLICE_BYTES and not chunk:
            break

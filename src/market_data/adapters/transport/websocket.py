"""The venues over the network: WebSocket by httpx-ws, REST by httpx.

httpx-ws hands frames over one by one and stops answering pings while its reader is slow. The session here takes every
complete frame out of a read at once and answers pings in the task that reads, whatever the consumer does.
"""

import math
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import attrs
import httpcore
import httpx
import wsproto.events
from httpx_ws import AsyncWebSocketClient, AsyncWebSocketSession, HTTPXWSException, WebSocketUpgradeError
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from market_data.application.ports import Clock, Connection, Network, Received, Request, Response, Transport
from market_data.domain.errors import AppError, ConnectionFailed, ConnectionLost, RequestFailed, UsageError
from market_data.domain.normalized import Reason

__all__ = ["HttpNetwork", "HttpTransport", "TransportSettings"]

_READ_BYTES = 262_144
_CLOSE_SECONDS = 2.0
_MAX_BODY_BYTES = 128 * 1024 * 1024
_LONGEST_WAIT_DIGITS = 9
_BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, anyio.ClosedResourceError, OSError)


@attrs.frozen
class TransportSettings:
    """Bounds of the network."""

    connect_timeout_seconds: float
    request_timeout_seconds: float
    max_frame_bytes: int
    """A larger frame ends the connection."""
    max_pending_frames: int
    """Frames read and not yet taken; beyond, the socket is not read: the sender waits, nothing is dropped."""
    max_pending_bytes: int
    ping_interval_seconds: float
    """We ping so often; a pong must come within ``ping_timeout_seconds``, or the connection is dead."""
    ping_timeout_seconds: float


class _Session(AsyncWebSocketSession):
    """httpx-ws's session with a receiving side of our own: all frames of a read at once, pings answered at once."""

    settings: TransportSettings
    clock: Clock

    def prepare(self, settings: TransportSettings, clock: Clock) -> None:
        """Set up before the session is entered."""
        self.settings = settings
        self.clock = clock
        self.pending: list[bytes] = []
        self.pending_bytes = 0
        self.has_part = False
        self.read_at = clock.now()
        self.failure: ConnectionLost | None = None
        self.filled = anyio.Event()
        self.emptied = anyio.Event()
        self.ponged = anyio.Event()

    def fail(self, problem: str, reason: Reason = Reason.CONNECTION) -> None:
        """Note why nothing more will come, and wake the consumer."""
        if self.failure is None:
            self.failure = ConnectionLost(problem, reason=reason)
        self._should_close.set()
        self.filled.set()

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close, without waiting for ever on a peer that does not read."""
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                await super().close(code, reason)
            except (*_BROKEN, LocalProtocolError):
                await self.stream.aclose()

    async def _background_receive(self, max_bytes: int) -> None:
        partial: list[bytes] = []
        partial_bytes = 0
        try:
            while self.failure is None:
                data = await self.stream.read(max_bytes)
                self.read_at = self.clock.now()
                if not data:
                    self.fail("the peer closed the socket without a word")
                    break
                self.connection.receive_data(data)
                for event in self.connection.events():
                    if isinstance(event, wsproto.events.TextMessage):
                        part = event.data.encode()
                        partial_bytes += len(part)
                        if partial_bytes > self.settings.max_frame_bytes:
                            self.fail(f"a frame is larger than {self.settings.max_frame_bytes} bytes", Reason.MALFORMED)
                            break
                        if not event.message_finished:
                            partial.append(part)
                            self.has_part = True
                            continue
                        frame = b"".join([*partial, part]) if partial else part
                        partial.clear()
                        partial_bytes = 0
                        self.pending.append(frame)
                        self.pending_bytes += len(frame)
                    else:
                        await self._act(event)
                        if self.failure is not None:  # what came behind it is not to be trusted
                            break
                if self.pending or self.has_part:
                    self.filled.set()
                await self._wait_for_room()
        except RemoteProtocolError as error:
            self.fail(f"the peer broke the WebSocket protocol: {error}", Reason.MALFORMED)
        except (*_BROKEN, LocalProtocolError) as error:
            self.fail(f"the socket broke: {_say(error)}")

    async def _act(self, event: wsproto.events.Event) -> None:
        match event:
            case wsproto.events.Ping():
                answer = self.connection.send(event.response())
                async with self._write_lock:
                    await self.stream.write(answer)
            case wsproto.events.Pong():
                self.ponged.set()
            case wsproto.events.CloseConnection() if self.connection.state is ConnectionState.OPEN:
                self.fail(f"the peer broke the WebSocket protocol: {event.reason}", Reason.MALFORMED)
            case wsproto.events.CloseConnection():
                said = f": {event.reason}" if event.reason else ""
                self.fail(f"the peer closed the connection with code {int(event.code)}{said}")
            case wsproto.events.BytesMessage():
                self.fail("a binary frame came where text is spoken", Reason.MALFORMED)
            case _:
                pass

    async def _wait_for_room(self) -> None:
        while (
            len(self.pending) > self.settings.max_pending_frames or self.pending_bytes > self.settings.max_pending_bytes
        ) and self.failure is None:
            self.emptied = anyio.Event()
            await self.emptied.wait()

    async def _background_keepalive_ping(self, interval_seconds: float, timeout_seconds: float | None = None) -> None:
        try:
            while self.failure is None:
                await anyio.sleep(interval_seconds)
                self.ponged = anyio.Event()
                await self._ping(timeout_seconds)
        except (HTTPXWSException, LocalProtocolError, *_BROKEN) as error:
            self.fail(f"the socket broke: {_say(error)}")

    async def _ping(self, timeout_seconds: float | None) -> None:
        """Send a ping; as long as anything is read, its pong may be on its way behind a large frame."""
        is_sent = False
        while not self.ponged.is_set() and self.failure is None:
            asked_at = self.clock.now().mono
            with anyio.move_on_after(timeout_seconds) as scope:
                if not is_sent:
                    await self.send(wsproto.events.Ping(b"?"))
                    is_sent = True
                await self.ponged.wait()
            if scope.cancelled_caught and (not is_sent or self.read_at.mono < asked_at):
                self.fail(f"no answer to a ping within {timeout_seconds} s", Reason.SILENCE)


class _WebSocketConnection(Connection):
    """An open session as the port has it."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    async def receive(self) -> Received:
        session = self._session
        while not session.pending and not session.has_part:
            if session.failure is not None:
                raise session.failure
            session.filled = anyio.Event()
            await session.filled.wait()
        frames, session.pending = session.pending, []
        session.pending_bytes = 0
        session.has_part = False
        session.emptied.set()
        return Received(frames, session.read_at)

    async def send(self, message: str) -> None:
        try:
            await self._session.send_text(message)
        except (HTTPXWSException, LocalProtocolError, *_BROKEN) as error:
            raise self._session.failure or ConnectionLost(f"the socket broke: {_say(error)}") from error


class HttpNetwork(Network):
    """One pool of connections for all venues; proxies from the usual environment variables, TLS verified."""

    def __init__(self, client: httpx.AsyncClient, settings: TransportSettings, clock: Clock) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock

    @asynccontextmanager
    async def connect(self, url: str) -> AsyncGenerator[Connection]:
        settings, clock = self._settings, self._clock

        class Session(_Session):
            def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - httpx-ws's own arguments
                super().__init__(*args, **kwargs)
                self.prepare(settings, clock)

        opener = AsyncWebSocketClient(
            client=self._client,
            max_message_size_bytes=_READ_BYTES,
            keepalive_ping_interval_seconds=settings.ping_interval_seconds,
            keepalive_ping_timeout_seconds=settings.ping_timeout_seconds,
            session_class=Session,
        )
        is_open = False
        try:
            with anyio.CancelScope(deadline=anyio.current_time() + settings.connect_timeout_seconds) as opening:
                async with opener.connect(url.replace("ws", "http", 1)) as session:
                    is_open, opening.deadline = True, math.inf
                    yield _WebSocketConnection(session)
        except BaseExceptionGroup as group:
            raise _single(group) from None
        except WebSocketUpgradeError as error:
            raise self._refused(url, error.response) from error
        except httpx.HTTPError as error:
            if is_open:
                raise ConnectionLost(f"the socket broke: {_say(error)}") from error
            raise ConnectionFailed(url, _say(error), reason=Reason.UNAVAILABLE) from error
        if not is_open:
            problem = f"no answer within {settings.connect_timeout_seconds:g} s"
            raise ConnectionFailed(url, problem, reason=Reason.UNAVAILABLE)

    @staticmethod
    def _refused(url: str, response: httpx.Response) -> ConnectionFailed:
        reason, problem = _judge(response.status_code)
        return ConnectionFailed(url, problem, reason=reason, retry_after_seconds=_retry_after(response.headers))

    async def get(self, request: Request) -> Response:
        url = request.url
        try:
            with anyio.fail_after(self._settings.request_timeout_seconds):
                async with self._client.stream("GET", url, headers=dict(request.headers)) as response:
                    body = bytearray()
                    async for chunk in response.aiter_bytes():
                        body += chunk
                        if len(body) > _MAX_BODY_BYTES:
                            problem = f"the answer is larger than {_MAX_BODY_BYTES} bytes"
                            raise RequestFailed(url, problem, reason=Reason.UNAVAILABLE)
        except TimeoutError as error:
            problem = f"no answer within {self._settings.request_timeout_seconds:g} s"
            raise RequestFailed(url, problem, reason=Reason.UNAVAILABLE) from error
        except httpx.HTTPError as error:
            raise RequestFailed(url, _say(error), reason=Reason.UNAVAILABLE) from error
        if response.status_code != httpx.codes.OK:
            reason, problem = _judge(response.status_code)
            said = bytes(body[:200]).decode("utf-8", "replace").replace("\n", " ")
            raise RequestFailed(
                url,
                f"{problem}: {said}" if said else problem,
                reason=reason,
                retry_after_seconds=_retry_after(response.headers),
            )
        return Response(bytes(body), {name.lower(): value for name, value in response.headers.items()})


class HttpTransport(Transport):
    """The network behind the port."""

    def __init__(self, settings: TransportSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Network]:
        timeout = httpx.Timeout(None, connect=self._settings.connect_timeout_seconds)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=10)
        try:
            client = httpx.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False)
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            problem = str(error).partition(" Make sure")[0]
            raise UsageError(
                f"the proxy of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) can not be used: {problem}"
            ) from error
        async with client:
            yield HttpNetwork(client, self._settings, self._clock)

    def open(self) -> AbstractAsyncContextManager[Network]:
        return self._open()


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Undo the wrapping of what was raised inside a session: a group of one is that one."""
    errors = list(_leaves(group))
    chosen = next((error for error in errors if isinstance(error, AppError)), None)
    if chosen is not None and all(isinstance(error, AppError) for error in errors):
        return chosen
    return errors[0] if len(errors) == 1 else group


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


def _judge(status: int) -> tuple[Reason, str]:
    """Say what a refusing HTTP status means here, and what to do."""
    match status:
        case 429 | 418:
            meaning = "too many requests" if status == 429 else "banned for too many requests"
            return Reason.RATE_LIMITED, f"HTTP {status}, {meaning}"
        case 451:
            return (
                Reason.REJECTED,
                "HTTP 451, not served in this region; set another host in venues.*.{websocket_url,rest_url}",
            )
        case 403:
            return Reason.REJECTED, "HTTP 403, refused by the venue's firewall"
        case _ if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Reason.UNAVAILABLE, f"HTTP {status}"
        case _:
            return Reason.REJECTED, f"HTTP {status}"


def _retry_after(headers: httpx.Headers) -> float | None:
    """Read how long to wait, in seconds: as a number, or as a time beside the answer's own."""
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdecimal():
        return float(text[:_LONGEST_WAIT_DIGITS])
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())


def _say(error: BaseException) -> str:
    """Say what went wrong in words: the innermost cause that has any."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"TLS certificate not trusted: {seen.verify_message}"
        if isinstance(seen, ssl.SSLError):
            return f"TLS failed: {seen.reason or seen}"
        if isinstance(seen, socket.gaierror):
            return "its name is not known"
        if isinstance(seen, OSError) and seen.errno:
            return os.strerror(seen.errno).lower()
        seen = seen.__cause__ or seen.__context__
    return str(error) or type(error).__name__

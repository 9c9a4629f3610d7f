"""WebSockets by httpx-ws: how one is opened, and what becomes of a refusal."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from httpx_ws import AsyncWebSocketClient, HTTPXWSException, WebSocketUpgradeError
from wsproto.utilities import LocalProtocolError, generate_accept_token

from market_data.adapters.transport.refusals import FAILED, refusal_of, say
from market_data.adapters.transport.session import BROKEN, Session
from market_data.adapters.transport.settings import TransportSettings
from market_data.application.ports import Clock, Connection, Received
from market_data.domain.errors import AppError, ConnectionFailed, ConnectionLost
from market_data.domain.normalized import Reason

__all__ = ["open_websocket"]

_READ_BYTES = 262_144
_MICROSECONDS = 1e6


class _WebSocketConnection(Connection):
    """An open session as the port has it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def receive(self) -> Received:
        session = self._session
        while not session.pending and not session.has_part:
            if session.failure is not None:
                raise session.failure
            session.filled.clear()
            await session.filled.wait()
        frames, session.pending = session.pending, []
        session.pending_bytes = 0
        session.has_part = False
        session.emptied.set()
        return Received(frames, session.read_at, len(session.partial) + session.cutter.kept_bytes)

    async def send(self, message: str) -> None:
        try:
            await self._session.send_text(message)
        except (HTTPXWSException, LocalProtocolError, *BROKEN) as error:
            raise self._session.failure or ConnectionLost(f"the socket broke: {say(error)}") from error


@asynccontextmanager
async def open_websocket(
    client: httpx.AsyncClient, url: str, settings: TransportSettings, clock: Clock
) -> AsyncGenerator[Connection]:
    """As the port has it."""
    forbidden = settings.forbids(url)
    if forbidden is not None:
        raise ConnectionFailed(url, forbidden, reason=Reason.REJECTED)

    class Prepared(Session):
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - httpx-ws's own arguments
            super().__init__(*args, **kwargs)
            self.prepare(settings, clock)

    opener = AsyncWebSocketClient(
        client=client,
        max_message_size_bytes=_READ_BYTES,
        keepalive_ping_interval_seconds=settings.ping_interval_seconds,
        keepalive_ping_timeout_seconds=settings.ping_timeout_seconds,
        session_class=Prepared,
    )
    is_open = False
    try:
        with anyio.CancelScope(deadline=anyio.current_time() + settings.connect_timeout_seconds) as opening:
            async with opener.connect(url.replace("ws", "http", 1)) as session:
                if not _is_accepted(session.response):
                    problem = "the answer accepts another handshake than ours (Sec-WebSocket-Accept)"
                    raise ConnectionFailed(url, problem, reason=Reason.UNAVAILABLE)
                is_open, opening.deadline = True, math.inf
                yield _WebSocketConnection(session)
    except BaseExceptionGroup as group:
        raise _single(group) from None
    except WebSocketUpgradeError as error:
        refusal = refusal_of(error.response, settings, clock.now().wall / _MICROSECONDS)
        raise ConnectionFailed(
            url, refusal.problem, reason=refusal.reason, retry_after_seconds=refusal.retry_after_seconds
        ) from error
    except FAILED as error:
        if is_open:
            raise ConnectionLost(f"the socket broke: {say(error)}") from error
        raise ConnectionFailed(url, say(error), reason=Reason.UNAVAILABLE) from error
    if not is_open:
        problem = f"no answer within {settings.connect_timeout_seconds:g} s"
        raise ConnectionFailed(url, problem, reason=Reason.UNAVAILABLE)


def _is_accepted(response: httpx.Response | None) -> bool:
    """Tell whether the answer proves that it is one to our key (RFC 6455, 4.1)."""
    if response is None:
        return False
    expected = generate_accept_token(response.request.headers["sec-websocket-key"].encode())
    accepted: str = response.headers.get("sec-websocket-accept", "")
    return accepted.strip() == expected.decode()


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

"""Answers of REST requests and handshakes that go wrong."""

from collections.abc import Awaitable, Callable

import anyio
from starlette.responses import JSONResponse, Response

from market_data_sandbox.exchanges.dialect import dialect_of
from market_data_sandbox.exchanges.seam import Responder
from market_data_sandbox.faults.script import Fault, FaultKind
from market_data_sandbox.options import Venue
from market_data_sandbox.source import Depth

__all__ = ["refusal", "snapshot_answer"]

_LATE_SECONDS = 30.0
_MESSAGES = {
    403: "Forbidden.",
    418: "Way too much request weight used; IP banned.",
    429: "Too much request weight used; please use WebSocket Streams for live updates to avoid polling the API.",
    451: "Service unavailable from a restricted location.",
    500: "An unknown error occurred while processing the request.",
    503: "Service unavailable.",
}


def refusal(venue: Venue, status: int, retry_after_seconds: int | None) -> Response:
    """Write a refusal as a venue does."""
    message = _MESSAGES.get(status, "error")
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return JSONResponse(dialect_of(venue).refusal(status, message), status, headers=headers)


async def snapshot_answer(
    fault: Fault, respond: Responder, past: Depth | None, closing: Callable[[], Awaitable[object]]
) -> Response:
    """Answer a request of a snapshot wrongly. What hangs ends with `closing`."""
    match fault.fault:
        case FaultKind.STALE_SNAPSHOT:
            return await respond(past)
        case FaultKind.SNAPSHOT_STATUS:
            return refusal(fault.venue, fault.status or 429, fault.retry_after)
        case FaultKind.SNAPSHOT_TIMEOUT:
            response = await respond(None)
            with anyio.move_on_after(_LATE_SECONDS if fault.seconds is None else fault.seconds):
                await closing()
            return response
        case FaultKind.SNAPSHOT_NEVER:
            await closing()
            return refusal(fault.venue, 503, None)
        case _:
            return refusal(fault.venue, 500, None)

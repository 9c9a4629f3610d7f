"""What went wrong with a request, as RFC 9457 has it: one JSON object that says what and what to do."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from market_data.adapters.web.rows import to_json

__all__ = ["problem"]

_TITLES = {
    400: "The request cannot be understood",
    401: "A token is needed",
    403: "Another origin may not ask here",
    404: "There is nothing here",
    405: "Nothing but reading is offered",
    421: "This is not the host that was asked for",
    500: "The server failed",
    503: "There are too many clients",
}


def problem(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> Response:
    """Answer with a problem; ``members`` are what it says beyond the words."""
    content = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **members,
    }
    return Response(to_json(content), status, headers=headers, media_type="application/problem+json")

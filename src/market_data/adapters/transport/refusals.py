"""What an answer that refuses means, how long it asks to wait, and what a failure is called in one line."""

import math
from datetime import datetime
from email.utils import parsedate_to_datetime

import attrs
import httpx

from market_data.adapters.transport.settings import TransportSettings
from market_data.domain.causes import say_cause
from market_data.domain.normalized import Reason
from market_data.domain.printable import shortened

__all__ = ["FAILED", "Refusal", "refusal_of", "say"]

FAILED = (httpx.HTTPError, httpx.InvalidURL)
"""What httpx raises where there is no answer: the second for a redirection to what is no address, followed or not."""

_LEAST_TIME = 1_000_000_000
"""A larger number of seconds, 31 years, is meant as a time: in seconds since 1970, or in ms."""
_LEAST_TIME_MILLISECONDS = 1_000_000_000_000
_LONGEST_TEXT = 64


@attrs.frozen
class Refusal:
    """An answer of HTTP that is no success."""

    reason: Reason
    problem: str
    """What was answered and, where a wait is asked for, how long it is and how long we wait."""
    retry_after_seconds: float | None
    """How long to wait at least, within the settings' bounds; None: nothing (readable) was asked for."""


def refusal_of(response: httpx.Response, settings: TransportSettings, now: float) -> Refusal:
    """Judge an answer's status and headers; ``now`` is our own wall clock in seconds since 1970."""
    reason, problem = _judge(response.status_code)
    text = response.headers.get("retry-after")
    if text is None:
        return Refusal(reason, problem, None)
    asked = _read_wait(text, response.headers.get("date", ""), now)
    if asked is None:
        said = shortened(ascii(text[:_LONGEST_TEXT]))
        return Refusal(reason, f"{problem}; its Retry-After of {said} is no time: ignored", None)
    longest, setting = settings.max_wait_seconds, "reconnect.max_backoff_seconds"
    if reason is Reason.RATE_LIMITED:
        longest, setting = settings.max_ban_seconds, "reconnect.max_ban_seconds"
    if asked <= longest:
        return Refusal(reason, f"{problem}; it asks for a wait of {asked:,.0f} s", asked)
    bounded = f"it asks for a wait of {asked:,.0f} s, {longest:g} s is the longest ({setting})"
    return Refusal(reason, f"{problem}; {bounded}", longest)


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


def _read_wait(text: str, date: str, now: float) -> float | None:
    """Read how long to wait, in seconds: as a number, or as a time beside the answer's own or else ours."""
    if len(text) > _LONGEST_TEXT or not text.isascii():
        return None
    if text.isdecimal():
        number = float(text)
        if number < _LEAST_TIME:
            return number
        until = number if number < _LEAST_TIME_MILLISECONDS else number / 1000
    else:
        moment = _read_date(text)
        if moment is None:
            return None
        until = moment
    return max(0.0, until - (_read_date(date) or now))


def _read_date(text: str) -> float | None:
    """Read an HTTP date: seconds since 1970; None when it is none."""
    try:
        moment: datetime = parsedate_to_datetime(text)
        seconds = moment.timestamp() if moment.tzinfo is not None else math.nan
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return seconds if math.isfinite(seconds) else None


def say(error: BaseException) -> str:
    """Say what went wrong in words."""
    return say_cause(error, {httpx.InvalidURL: "it redirects to what is no address"})

"""Times as a person or a program says them: where reading begins and ends, by a word, a time or a span before now; and
how long something may take.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from market_data.application.ports import Start
from market_data.domain.errors import UsageError
from market_data.domain.printable import shortened

__all__ = ["When", "end_of", "seconds_of", "start_of"]

When: TypeAlias = str | datetime | timedelta
"""A word, an ISO time or a span such as ``-15m``; a datetime, local time where it has no zone; a timedelta before now,
with either sign.
"""

_SPAN = re.compile(r"-(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)", re.ASCII)
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FUTURE_MICROSECONDS = 60_000_000
"""Another clock may be ahead by so much."""
_NO_ZONE = " (without a zone it is local time: add Z for UTC)"


def start_of(when: When, now: int) -> Start:
    """Read where reading begins: ``latest``, ``earliest``, or a time that has been. ``now`` is µs since 1970 UTC.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(when, str) and when in ("latest", "earliest"):
        return Start(when)
    at, has_zone = _time_of(when, now, "latest, earliest, an ISO time or a span such as -15m")
    if at > now + _FUTURE_MICROSECONDS:
        raise UsageError(f"expected a time that has been, received {_shown(when)}" + ("" if has_zone else _NO_ZONE))
    return Start(at)


def end_of(when: When, now: int) -> int:
    """Read where reading ends, in µs since 1970 UTC: ``latest`` is now, a time may still be to come.

    Raises:
        UsageError: it is none of these.
    """
    if when == "latest":
        return now
    return _time_of(when, now, "latest, an ISO time or a span such as -15m")[0]


def seconds_of(text: str) -> float:
    """Read how long: ``30s``, ``5m``, ``1h``, ``2d``, or a plain number of seconds.

    Raises:
        UsageError: it is none of these, or no time at all.
    """
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _SPAN_SECONDS[found[2] or "s"] if found is not None else 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"expected a time above 0 such as 30s, 5m or 1h, received {_shown(text)}")
    return seconds


def _time_of(when: When, now: int, expected: str) -> tuple[int, bool]:
    """Give µs since 1970 UTC, and whether it says in which zone it is meant."""
    span = _SPAN.fullmatch(when) if isinstance(when, str) else None
    has_zone = True
    try:
        if span is not None:
            at = now - int(float(span[1]) * _SPAN_SECONDS[span[2]] * 1_000_000)
        elif isinstance(when, timedelta):
            at = now - abs(when) // timedelta(microseconds=1)
        else:
            moment = datetime.fromisoformat(when) if isinstance(when, str) else when
            has_zone = moment.tzinfo is not None
            at = (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except (ValueError, OverflowError, OSError) as error:
        hint = f" (did you mean -{shortened(when)}?)" if isinstance(when, str) and _SPAN.fullmatch(f"-{when}") else ""
        raise UsageError(f"expected {expected}, received {_shown(when)}{hint}") from error
    if at < 0:
        raise UsageError(f"expected a time after 1970, received {_shown(when)}")
    return at, has_zone


def _shown(when: When) -> str:
    return repr(when[:60]) if isinstance(when, str) else str(when)

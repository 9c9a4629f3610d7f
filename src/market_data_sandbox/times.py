"""Times as the venues write them: nanoseconds since 1970 UTC on the inside, RFC 3339 and Go's text on the wire."""

import re
from datetime import UTC, datetime

__all__ = ["format_go_time", "format_microseconds", "format_rfc3339", "parse_rfc3339"]

_SECOND = 1_000_000_000
_PATTERN = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?\d*(Z|[+-]\d\d:\d\d)")


def format_rfc3339(time_ns: int, *, digits: int = 9) -> str:
    """Write a time in UTC as Go does: at most `digits` fractional digits, without trailing zeros."""
    seconds, fraction = divmod(time_ns, _SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f"{fraction:09d}"[:digits].rstrip("0")
    return f"{text}.{decimals}Z" if decimals else f"{text}Z"


def format_microseconds(time_ns: int) -> str:
    """Write a time in UTC as Kraken does: always six fractional digits."""
    seconds, fraction = divmod(time_ns, _SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction // 1000:06d}Z"


def parse_rfc3339(text: str) -> int:
    """Read an RFC 3339 time to the nanosecond.

    Raises:
        ValueError: The text is no such time.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        message = f"expected an RFC 3339 time, received {text!r}"
        raise ValueError(message)
    whole, decimals, zone = found.groups()
    moment = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone))
    return int(moment.timestamp()) * _SECOND + int((decimals or "").ljust(9, "0"))


def format_go_time(time_ns: int, uptime_seconds: float) -> str:
    """Write a time as Go's `time.String()` does, with the monotonic reading that Coinbase's heartbeats carry."""
    seconds, fraction = divmod(time_ns, _SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{fraction:09d} +0000 UTC m=+{uptime_seconds:.9f}"

"""The producer's own time of publishing, as a header of the record.

Kafka's timestamp of a record is the broker's (``LogAppendTime``): what retention and ``--from`` go by, so that a
producer whose clock is wrong has no record refused or deleted early. What is compared with other times of the record
(``received_time``, the start of its run) is the producer's.
"""

from collections.abc import Sequence

__all__ = ["PUBLISHED_AT", "published_at", "stamp"]

PUBLISHED_AT = "published_at"
"""Its value: µs since 1970 UTC in decimal digits."""

_MOST_DIGITS = 18


def stamp(time: int) -> tuple[str, bytes]:
    """Make the header of a time, µs since 1970 UTC."""
    return PUBLISHED_AT, b"%d" % time


def published_at(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    """Read it, the last where there are several; None where it is missing or no time before the year 10000."""
    for name, value in reversed(headers):  # our producer writes it last
        if name == PUBLISHED_AT and value is not None and value.isdigit() and len(value) <= _MOST_DIGITS:
            time = int(value)
            return time if time < _YEAR_10000 else None
    return None


_YEAR_10000 = 253_402_300_800_000_000

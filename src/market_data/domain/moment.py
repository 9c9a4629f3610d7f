"""One reading of the clocks. The domain never reads a clock: every input brings its moment along."""

from datetime import UTC, datetime, timedelta

import attrs

__all__ = ["Moment", "utc_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Moment:
    """When something happened, by both clocks."""

    wall: int
    """µs since 1970 UTC, as records carry it; may step."""
    mono: float
    """Seconds of a clock that never steps; deadlines are kept in it."""
    read: int | None = None
    """When what happens now was read from the socket, µs since 1970 UTC, where that was earlier."""

    @property
    def received(self) -> int:
        """When what happens was read from the socket, µs since 1970 UTC."""
        return self.wall if self.read is None else self.read


def utc_of(microseconds: int) -> datetime:
    """Give the calendar's word for µs since 1970 UTC, exactly, up to the end of the year 9999 (``LATEST_TIME``)."""
    return _EPOCH + timedelta(microseconds=microseconds)

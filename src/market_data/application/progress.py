"""Tells of a large frame on a slow line, so that nobody takes it for silence."""

from market_data.application.ports import Received, Telemetry

__all__ = ["FrameProgress"]

_FIRST_SECONDS = 3.0
_MEGABYTE = 1e6


class FrameProgress:
    """Watches one connection's frames arrive; says how far one has come after 3 s, and then ever more rarely."""

    def __init__(self, telemetry: Telemetry, exchange: str) -> None:
        self._telemetry = telemetry
        self._exchange = exchange
        self._began_at: float | None = None
        self._tell_after = _FIRST_SECONDS

    def saw(self, received: Received) -> None:
        """Take what was just received."""
        now = received.moment.mono
        if not received.partial_bytes:
            self._began_at = None
            return
        if self._began_at is None or received.frames:
            self._began_at, self._tell_after = now, _FIRST_SECONDS
        seconds = now - self._began_at
        if seconds >= self._tell_after:
            self._tell_after = 2 * seconds
            megabytes = round(received.partial_bytes / _MEGABYTE, 2)
            self._telemetry.note(
                "a large frame is arriving", exchange=self._exchange, megabytes=megabytes, seconds=round(seconds, 1)
            )

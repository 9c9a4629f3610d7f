"""The bounds of everything that comes from a venue."""

import attrs

__all__ = ["TransportSettings"]


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
    max_wait_seconds: float
    """A venue may ask for no longer wait (``reconnect.max_backoff_seconds``)."""
    max_ban_seconds: float
    """But by HTTP 429 or 418 for one of so long (``reconnect.max_ban_seconds``)."""
    read_turn_seconds: float = 0.0
    """While data keeps coming it is read in turns, at multiples of so many seconds, the same for all connections.

    One wake-up then takes all that came since, and one request publishes it. What comes after a pause is read at once;
    with 0 everything is.
    """

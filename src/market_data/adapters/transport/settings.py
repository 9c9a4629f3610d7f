"""The bounds of everything that comes from a venue."""

from ipaddress import ip_address
from urllib.parse import urlsplit

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
    loopback_only: bool = False
    """Nothing outside of this machine is reached, whatever the settings of a venue say."""
    read_turn_seconds: float = 0.0
    """While data keeps coming it is read in turns, at multiples of so many seconds, the same for all connections.

    One wake-up then takes all that came since, and one request publishes it. What comes after a pause is read at once;
    with 0 everything is.
    """

    def forbids(self, url: str) -> str | None:
        """Say why an address may not be reached; None where it may."""
        if not self.loopback_only or _is_loopback(urlsplit(url).hostname or ""):
            return None
        return "not an address of this machine, and transport.loopback_only is true: set the address, or turn that off"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""systemd as the one who started us: its notify protocol, one datagram a message.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from market_data.application.ports import Supervisor

__all__ = ["NotifySupervisor", "Unsupervised", "make_supervisor"]

_ALIVE_SHARE = 0.5
"""Of the time after which systemd takes us for hung."""


class Unsupervised(Supervisor):
    """Nobody listens."""

    alive_seconds = None

    def ready(self) -> None:
        pass

    def reloading(self) -> None:
        pass

    def alive(self) -> None:
        pass

    def stopping(self) -> None:
        pass


class NotifySupervisor(Supervisor):
    """Speaks to the socket that systemd names."""

    def __init__(self, address: str, alive_seconds: float | None) -> None:
        """``address`` is a path, or with ``@`` in front a name in the abstract namespace."""
        self.alive_seconds = alive_seconds
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        """Tell it; what cannot be told is no reason to fail, and systemd notices by itself."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagrams:
            datagrams.setblocking(False)
            datagrams.sendto(message.encode(), self._address)


def make_supervisor(environ: Mapping[str, str]) -> Supervisor:
    """Find who started us, by the variables that systemd sets."""
    address, within = environ.get("NOTIFY_SOCKET", ""), environ.get("WATCHDOG_USEC", "")
    if not address.startswith(("/", "@")):
        return Unsupervised()
    return NotifySupervisor(address, int(within) / 1e6 * _ALIVE_SHARE if within.isdecimal() and int(within) else None)

"""Which event loop a command runs on: uvloop where it is installed, for less CPU, else Python's own."""

from importlib import metadata
from importlib.util import find_spec

import attrs

from market_data.config import EventLoop
from market_data.domain.errors import UsageError

__all__ = ["Loop", "choose_loop"]

_UVLOOP = "uvloop"


@attrs.frozen
class Loop:
    """The one that runs."""

    is_uvloop: bool

    @property
    def backend_options(self) -> dict[str, bool]:
        """Say it to ``anyio.run``."""
        return {"use_uvloop": self.is_uvloop}

    def __str__(self) -> str:
        return f"{_UVLOOP} {metadata.version(_UVLOOP)}" if self.is_uvloop else "asyncio"


def choose_loop(wanted: EventLoop) -> Loop:
    """Find it.

    Raises:
        UsageError: uvloop is asked for and not installed.
    """
    is_installed = find_spec(_UVLOOP) is not None
    if wanted is EventLoop.UVLOOP and not is_installed:
        raise UsageError("event_loop: uvloop is not installed: pip install uvloop, or set auto or asyncio")
    return Loop(is_installed and wanted is not EventLoop.ASYNCIO)

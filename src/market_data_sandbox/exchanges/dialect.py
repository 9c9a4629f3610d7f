"""What the sandbox must know of a venue to play it, and where it finds it.

A venue is one line, its name in `Venue`, and one file beside this one that is called as it is and holds `DIALECT`.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

import attrs
from starlette.routing import BaseRoute

from market_data_sandbox.errors import SandboxError
from market_data_sandbox.exchanges.damage import Damage
from market_data_sandbox.exchanges.exchange import Exchange
from market_data_sandbox.exchanges.seam import Seam
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.recording import Format
from market_data_sandbox.source import Source
from market_data_sandbox.truth import Truth

__all__ = ["Dialect", "Open", "Served", "dialect_of"]


@attrs.frozen
class Served:
    """A venue that is ready to answer."""

    exchange: Exchange[Any]
    routes: Sequence[BaseRoute]
    """Its WebSocket and its REST endpoints; the first that fits is taken."""


class Open(Protocol):
    """Makes a venue over a source."""

    @abstractmethod
    def __call__(self, venue: Venue, source: Source, options: Options, truth: Truth, seam: Seam) -> Served:
        """Make it; nothing runs yet."""


@attrs.frozen(kw_only=True)
class Dialect:
    """One venue's ways."""

    open: Open
    number_text: Callable[[int, int], str]
    """Writes a whole number of ticks, or steps, of so many decimals as the venue does."""
    rate: float
    """Changes per second and instrument of its market."""
    depth: int
    """Levels a side of its market, at least."""
    instruments: tuple[str, ...]
    """Canonical symbols of its market where none are chosen."""
    size_decimals: int = 5
    """Of every instrument of its market."""
    damage: Damage
    """How its frames are spoiled."""
    refusal: Callable[[int, str], dict[str, object]]
    """Writes the JSON body of an HTTP refusal of this status and with this message."""
    recording: Format | None = None
    """How its recorded frames are played; None where they are not."""
    websocket_path: str = ""
    """What its WebSocket's address has behind host and port."""
    has_snapshots_by_rest: bool = False
    """A book begins with an answer over REST, rather than in the stream."""
    numbers_connections: bool = False
    """It numbers the frames of each connection, rather than the changes of each instrument."""


def dialect_of(venue: Venue) -> Dialect:
    """Give a venue's dialect."""
    found = import_module(f"market_data_sandbox.exchanges.{venue}").DIALECT
    if not isinstance(found, Dialect):
        message = f"market_data_sandbox.exchanges.{venue} holds no DIALECT"
        raise SandboxError(message)
    return found

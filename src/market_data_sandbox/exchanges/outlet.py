"""What waits to be sent to one connection."""

from collections import deque
from enum import StrEnum

import anyio
import attrs

__all__ = ["Frame", "FrameKind", "Goodbye", "Outlet"]


class FrameKind(StrEnum):
    """What an outgoing frame is to its client."""

    UPDATE = "update"
    SNAPSHOT = "snapshot"
    TICKER = "ticker"
    OTHER = "other"
    REPLY = "reply"
    PONG = "pong"
    """An answer to a ping of the client that is no ping of the protocol."""
    HEARTBEAT = "heartbeat"


@attrs.frozen
class Frame:
    """One outgoing text frame, and what it is about."""

    text: str
    kind: FrameKind
    symbols: tuple[str, ...] = ()
    """Canonical symbols of what it tells about."""


@attrs.frozen
class Goodbye:
    """The end of a connection, after all that was put before it."""

    code: int
    reason: str


@attrs.define(eq=False)
class Outlet:
    """A queue that never makes its writer wait: a source asks for room first, or the connection is given up.

    At `capacity` frames there is no room; beyond `limit` everything is thrown away, a goodbye takes its place, and what
    comes later is lost, as it is after any goodbye.
    """

    capacity: int
    limit: int
    _frames: deque[Frame | Goodbye] = attrs.field(factory=deque, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    _arrived: anyio.Event = attrs.field(factory=anyio.Event, init=False)
    _emptied: anyio.Event = attrs.field(factory=anyio.Event, init=False)

    def put(self, frame: Frame | Goodbye) -> None:
        """Add a frame, or the end of all frames."""
        if self._ended:
            return
        if len(self._frames) >= self.limit:
            self._frames.clear()
            frame = Goodbye(1008, "too slow")
        self._frames.append(frame)
        self._ended = isinstance(frame, Goodbye)
        self._arrived.set()
        if self._ended:
            self._emptied.set()

    async def take(self) -> list[Frame | Goodbye]:
        """Wait for frames and take all of them."""
        while not self._frames:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        frames = list(self._frames)
        self._frames.clear()
        self._emptied.set()
        return frames

    async def has_room(self) -> None:
        """Wait until fewer than `capacity` frames wait, or nobody takes them anymore."""
        while len(self._frames) >= self.capacity and not self._ended:
            self._emptied = anyio.Event()
            await self._emptied.wait()

    def close(self) -> None:
        """Forget what waits: the connection is gone."""
        self._ended = True
        self._frames.clear()
        self._emptied.set()

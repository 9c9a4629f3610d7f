"""The way to the exchanges: sockets and requests."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from market_data.application.ports.venues import Request
from market_data.domain.moment import Moment

__all__ = ["Connection", "Network", "Received", "Response", "Transport"]


@attrs.frozen
class Response:
    """What came back, status 200; header names in lower case."""

    body: bytes
    headers: Mapping[str, str]


@attrs.frozen
class Received:
    """Whole text frames, oldest first, and when they were read; none where a part of a large one was.

    ``partial_bytes`` is how much of a frame that is not whole yet has come so far, 0 when there is none: while it
    grows, the venue speaks.
    """

    frames: Sequence[bytes]
    moment: Moment
    partial_bytes: int = 0


class Connection(Protocol):
    """An open socket."""

    @abstractmethod
    async def receive(self) -> Received:
        """Wait for frames and take all that are there. Safe to cancel: nothing is lost.

        Raises:
            ConnectionLost: the socket is not usable any more (closed, broken, silent, binary or oversized frame).
        """
        raise NotImplementedError

    @abstractmethod
    async def send(self, message: str) -> None:
        """Send one text message.

        Raises:
            ConnectionLost: as above.
        """
        raise NotImplementedError


class Network(Protocol):
    """An open way to the venues."""

    @abstractmethod
    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        """Open a socket; leaving closes it.

        Raises:
            ConnectionFailed: on entering, with the reason that a status will carry.
        """
        raise NotImplementedError

    @abstractmethod
    async def get(self, request: Request) -> Response:
        """Fetch one answer; asked once more where a connection that was kept alive ends without one.

        Raises:
            RequestFailed: no answer with status 200 within the configured time, or not one that was asked for.
        """
        raise NotImplementedError


class Transport(Protocol):
    """What reaches the venues."""

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Network]:
        """Make ready; leaving closes all that is left."""
        raise NotImplementedError

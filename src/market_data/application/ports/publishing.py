"""The way of records to the topic."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from market_data.domain.normalized import NormalizedBook

__all__ = ["Publication", "Publisher"]


class Publication(Protocol):
    """An open way to the topic."""

    @abstractmethod
    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        """Take records over for delivery; each key's records arrive in the order given, each once.

        Returns as soon as they fit in the bounded room in flight, so that deliveries overlap. What was taken over is
        delivered through whatever the broker does, as long as it comes back within the configured ride-out.

        Raises:
            DeliveryFailed: the broker refuses for good; what is in flight is not delivered.
        """
        raise NotImplementedError

    @abstractmethod
    def admission(self) -> Callable[[str], bool]:
        """Give what says, of one instrument after the other, whether one more record of it has room in flight.

        No partition takes the room of the others. What was admitted is counted, for one call of ``publish``, which
        then does not wait.
        """
        raise NotImplementedError

    @abstractmethod
    def linger(self) -> float:
        """Say how many seconds the next records may wait for others before they are published, to share a request."""
        raise NotImplementedError

    @abstractmethod
    async def until_freed(self) -> None:
        """Wait until there may be room again for what was not admitted. Safe to cancel.

        Raises:
            DeliveryFailed: as above.
        """
        raise NotImplementedError

    @abstractmethod
    async def flush(self) -> None:
        """Wait until all that was taken over is delivered. Safe to cancel.

        Raises:
            DeliveryFailed: as above.
        """
        raise NotImplementedError

    @property
    @abstractmethod
    def undelivered(self) -> int:
        """How many records were taken over and not yet acknowledged by the broker."""
        raise NotImplementedError

    @property
    @abstractmethod
    def stalled_seconds(self) -> float:
        """For how long the broker has acknowledged nothing of some partition; 0 while it does, or has nothing to."""
        raise NotImplementedError


class Publisher(Protocol):
    """What delivers records."""

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Publication]:
        """Connect and see to the topic. Leaving drops what is undelivered at once: ``flush`` first, with a bound.

        Raises:
            BrokerUnavailable: no broker within the configured time.
            TopicMismatch: the topic is not as configured.
        """
        raise NotImplementedError

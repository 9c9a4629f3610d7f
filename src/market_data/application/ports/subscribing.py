"""The way of records from the topic."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

import attrs

from market_data.domain.normalized import NormalizedBook
from market_data.domain.values import value

__all__ = ["Delivered", "Start", "Subscriber", "Subscription", "Trouble"]


@attrs.frozen
class Start:
    """Where reading begins: ``latest``, ``earliest``, or the first record of a time (µs UTC)."""

    at: str | int

    def __str__(self) -> str:
        if isinstance(self.at, str):
            return self.at
        return datetime.fromtimestamp(self.at / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@value
class Delivered:
    """One record as it was read: what the proof of order needs to know beside the book."""

    book: NormalizedBook
    partition: int
    offset: int
    timestamp: int
    """The record's Kafka timestamp, µs UTC: when it was published, by the broker's clock if the topic keeps that."""
    reading: int = 0
    """Counts how often reading of the partition began: between two of them, another of the group may have read."""
    is_read_back: bool = False
    """It comes from before where reading begins, to show its instrument at once."""
    is_past: bool = False
    """It was there already when reading began."""
    stamp: int | None = None
    """When it was published by its producer's clock, µs UTC; None where it does not say."""

    @property
    def published_at(self) -> int:
        """When it was published, µs UTC, by the clock that its other times are of, as far as is known."""
        return self.timestamp if self.stamp is None else self.stamp


@attrs.frozen
class Trouble:
    """What keeps records from coming, when it is not their producers."""

    what: str
    """In few words: ``broker unreachable``."""
    seconds: float
    """For how long."""


class Subscription(Protocol):
    """An open way from the topic."""

    @property
    @abstractmethod
    def partitions(self) -> Collection[int]:
        """Those that are ours now: all of them, or our share of a group's."""
        raise NotImplementedError

    @property
    @abstractmethod
    def positions(self) -> Mapping[int, int]:
        """The offset that comes next, by partition: all before it were handed out, or could not be read."""
        raise NotImplementedError

    @property
    @abstractmethod
    def is_reading_back(self) -> bool:
        """Whether the newest records of before where reading begins are still to be handed out."""
        raise NotImplementedError

    @property
    @abstractmethod
    def unreadable(self) -> Mapping[str, int]:
        """How many records could not be read, by what their keys say; ``?`` stands for keys that say nothing."""
        raise NotImplementedError

    @property
    @abstractmethod
    def behind(self) -> Collection[int]:
        """Partitions of which we have not yet handed out all that was there when their reading began."""
        raise NotImplementedError

    @property
    @abstractmethod
    def lags(self) -> Mapping[int, int]:
        """How many records are between us and the end, of each partition whose end a broker has told, as of then."""
        raise NotImplementedError

    @property
    @abstractmethod
    def trouble(self) -> Trouble | None:
        """What keeps records from coming now; None where nothing is known to."""
        raise NotImplementedError

    @abstractmethod
    async def receive(self) -> Sequence[Delivered]:
        """Take the records that are there, each partition's in order; nothing after half a second without any.

        Records that cannot be read are counted, told and skipped. Safe to cancel; but whoever wants to do something
        else meanwhile does it between two calls, since some trouble is only looked for when nothing comes.

        Raises:
            BrokerError: reading cannot go on.
        """
        raise NotImplementedError

    @abstractmethod
    def leave(self, unused: Iterable[Delivered]) -> None:
        """Say that nothing more will be received, and what was handed out and not used: a group reads it again.

        Without this, all was used by who leaves in peace, and by who leaves with an error what came before the last.
        """
        raise NotImplementedError


class Subscriber(Protocol):
    """What reads records."""

    @abstractmethod
    def open(self, start: Start, group: str | None) -> AbstractAsyncContextManager[Subscription]:
        """Connect. Without a group all partitions are read and nothing is committed.

        Raises:
            BrokerUnavailable: no broker within the configured time.
        """
        raise NotImplementedError

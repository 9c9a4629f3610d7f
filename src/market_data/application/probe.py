"""The port for a look at the topic without reading or making it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Protocol

import attrs

__all__ = ["Newest", "TopicProbe", "TopicReport"]


@attrs.frozen
class Newest:
    """The times of the newest record, µs since 1970 UTC."""

    appended: int
    """By the broker's clock."""
    published: int | None
    """By its producer's clock, some time before; None where it does not say."""


@attrs.frozen
class TopicReport:
    """How the topic was found, by number of partition; empty where there is no such topic."""

    beginnings: Mapping[int, int]
    """Offset of the oldest record."""
    ends: Mapping[int, int]
    """Offset after the newest record."""
    newest: Newest | None = None
    """None where there is no record, or the topic does not keep the broker's time."""

    @property
    def partitions(self) -> int:
        """How many there are; 0: there is no such topic."""
        return len(self.ends)

    @property
    def records(self) -> int:
        """How many records there are at most."""
        return sum(end - self.beginnings[partition] for partition, end in self.ends.items())


class TopicProbe(Protocol):
    """Looks at the topic."""

    @abstractmethod
    async def look(self) -> TopicReport:
        """Ask the broker, once.

        Raises:
            BrokerUnavailable: none answers.
            BrokerError: one answers, and does not let us in or not see the topic.
        """
        raise NotImplementedError

    @abstractmethod
    async def ends_at(self, time: int) -> Mapping[int, int]:
        """Ask, once, where each partition's records from a time (µs UTC) on begin; its end where there are none.

        A broker that cannot look up times gives the end as it is now.

        Raises:
            BrokerUnavailable: none answers.
            BrokerError: one answers, and does not let us in or not see the topic.
        """
        raise NotImplementedError

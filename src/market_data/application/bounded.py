"""The end of a reading that shall end: the topic as it is at one time, partition by partition."""

from collections.abc import Mapping

import attrs

from market_data.application.ports import Clock, Delivered
from market_data.application.probe import TopicProbe

__all__ = ["ReadingEnd"]


@attrs.define
class ReadingEnd:
    """Says when all was read that was published before a time, which may still be to come."""

    probe: TopicProbe
    clock: Clock
    until: int
    """µs since 1970 UTC, by the records' Kafka timestamps."""
    _offsets: Mapping[int, int] | None = attrs.field(default=None, init=False)

    def holds(self, delivered: Delivered) -> bool:
        """Tell whether a record comes before the end."""
        if self._offsets is not None and delivered.offset >= self._offsets.get(delivered.partition, 0):
            return False
        return delivered.timestamp < self.until

    @property
    def is_past(self) -> bool:
        """Tell whether nothing that is published now belongs to it: silence is no news any more."""
        return self.clock.now().wall >= self.until

    async def is_reached(self, positions: Mapping[int, int]) -> bool:
        """Tell whether reading that has come to these offsets, those that come next, is over in every partition.

        Raises:
            BrokerError: the broker does not say where the end is.
        """
        if self._offsets is None:
            if not self.is_past:
                return False
            self._offsets = await self.probe.ends_at(self.until)
        return all(partition in positions and positions[partition] >= end for partition, end in self._offsets.items())

"""Records that cannot be read: counted by what their keys say, and told."""

from collections import Counter

from market_data.adapters.kafka.consumer import Message
from market_data.adapters.kafka.records import NAMELESS, name_of
from market_data.application import metrics
from market_data.application.ports import Telemetry
from market_data.domain.errors import MalformedRecord

__all__ = ["UnreadableRecords"]

_MOST_NAMES = 1000
"""Of instruments; the others are counted together."""


class UnreadableRecords:
    """Of one topic; never grows beyond its bound."""

    def __init__(self, topic: str, telemetry: Telemetry) -> None:
        self.counts: Counter[str] = Counter()
        """By name; ``NAMELESS`` stands for keys that say nothing."""
        self._topic = topic
        self._telemetry = telemetry

    def add(self, message: Message, partition: int, error: MalformedRecord) -> None:
        """Count and tell one."""
        name = name_of(message.key)
        is_named = name in self.counts or len(self.counts) < _MOST_NAMES
        self.counts[name if is_named else NAMELESS] += 1
        self._telemetry.count(metrics.CONSUMER_UNREADABLE, partition=str(partition))
        self._telemetry.warn(
            "a record cannot be read, skipping it",
            topic=self._topic,
            partition=partition,
            offset=message.offset,
            problem=str(error),
        )

"""A look at the topic without reading or making it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import attrs

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.consumer import Consumer
from market_data.adapters.kafka.reading import find_beginnings
from market_data.application.ports import Start
from market_data.application.probe import TopicProbe, TopicReport

__all__ = ["KafkaProbe"]


@attrs.frozen
class KafkaProbe(TopicProbe):
    """Looks by a consumer that reads nothing."""

    cluster: KafkaCluster
    topic: str

    async def look(self) -> TopicReport:
        async with self._looking() as (consumer, numbers):
            if not numbers:
                return TopicReport({}, {})
            beginnings = await self.cluster.attempt(lambda: consumer.beginnings(numbers))
            ends = await self.cluster.attempt(lambda: consumer.ends(numbers))
            return TopicReport(beginnings, ends)

    async def ends_at(self, time: int) -> Mapping[int, int]:
        async with self._looking() as (consumer, numbers):
            found = await self.cluster.attempt(lambda: find_beginnings(consumer, numbers, Start(time)))
            return {partition: beginning.old_below or beginning.offset for partition, beginning in found.items()}

    @asynccontextmanager
    async def _looking(self) -> AsyncGenerator[tuple[Consumer, range]]:
        """Give a consumer to which all partitions are assigned, and their numbers."""
        if (failure := await self.cluster.look()) is not None:
            raise failure
        consumer = Consumer.of(self.cluster, self.topic)
        try:
            await self.cluster.attempt(consumer.open)
            numbers = range(await self.cluster.attempt(consumer.partitions))
            if numbers:
                consumer.assign(numbers)
            yield consumer, numbers
        finally:
            await consumer.close()

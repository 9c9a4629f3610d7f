"""A look at the topic without reading or making it."""

import attrs

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.consumer import Consumer
from market_data.application.probe import TopicProbe, TopicReport

__all__ = ["KafkaProbe"]


@attrs.frozen
class KafkaProbe(TopicProbe):
    """Looks by a consumer that reads nothing."""

    cluster: KafkaCluster
    topic: str

    async def look(self) -> TopicReport:
        if (problem := await self.cluster.problem()) is not None:
            raise self.cluster.unavailable(problem)
        consumer = Consumer.of(self.cluster, self.topic)
        try:
            await self.cluster.attempt(consumer.open)
            numbers = range(await self.cluster.attempt(consumer.partitions))
            if not numbers:
                return TopicReport({}, {})
            consumer.assign(numbers)
            beginnings = await self.cluster.attempt(lambda: consumer.beginnings(numbers))
            ends = await self.cluster.attempt(lambda: consumer.ends(numbers))
            return TopicReport(beginnings, ends)
        finally:
            await consumer.close()

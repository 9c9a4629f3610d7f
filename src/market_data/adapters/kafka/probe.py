"""A look at the topic without reading or making it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import attrs

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.consumer import Consumer
from market_data.adapters.kafka.reading import find_beginnings
from market_data.adapters.kafka.stamps import published_at
from market_data.application.ports import Start
from market_data.application.probe import Newest, TopicProbe, TopicReport

__all__ = ["KafkaProbe"]

_NEWEST_SECONDS = 2.0
_BROKERS = 1


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
            return TopicReport(beginnings, ends, await self._newest(consumer, beginnings, ends))

    async def ends_at(self, time: int) -> Mapping[int, int]:
        async with self._looking() as (consumer, numbers):
            found = await self.cluster.attempt(lambda: find_beginnings(consumer, numbers, Start(time)))
            return {partition: beginning.old_below or beginning.offset for partition, beginning in found.items()}

    async def _newest(
        self, consumer: Consumer, beginnings: Mapping[int, int], ends: Mapping[int, int]
    ) -> Newest | None:
        """Read the last record of each partition, and take the newest; what does not come soon is not waited for."""
        wanted = {partition for partition, end in ends.items() if end > beginnings[partition]}
        for partition, end in ends.items():
            consumer.seek(partition, max(end - 1, 0))
        newest: Newest | None = None
        with anyio.move_on_after(_NEWEST_SECONDS):
            while wanted:
                taken = await consumer.take(max_records=len(ends), timeout_seconds=_NEWEST_SECONDS)
                wanted -= taken.keys()
                for message in (messages[-1] for messages in taken.values()):
                    appended = message.timestamp * 1000
                    if message.timestamp_type == _BROKERS and (newest is None or appended > newest.appended):
                        newest = Newest(appended, published_at(message.headers))
        return newest

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

"""Reads books from the topic: alone, all of it; as a member of a group, a share of it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.consumer import Consumer
from market_data.adapters.kafka.subscription import KafkaSubscription
from market_data.application.ports import Start, Subscriber, Subscription, Telemetry

__all__ = ["KafkaSubscriber"]

_TOPIC_SECONDS = 0.5


@attrs.define(eq=False)
class KafkaSubscriber(Subscriber):
    """Reads one topic with aiokafka.

    Without a group every partition is read from ``start`` and nothing is committed, so that any number of readers see
    everything.

    In a group the partitions are shared out, and every record is handed to a member at least once: what a ``receive``
    handed out is committed once the next one is called or the subscription is left in peace: every second, before
    partitions are given up, and at the end. After a crash, and with a partition that comes from another member, up to a
    second of records come once more, with the same offsets. ``start`` counts where the group has committed nothing;
    where it has, it goes on from there.

    Warm start: where reading begins at the end of a partition (``latest``) or where the group left off, the last
    ``warm_records_per_partition`` records before are read back, and the newest of each key comes first, with its old
    offset, so that every instrument is there at once and not at its next change.
    """

    cluster: KafkaCluster
    topic: str
    telemetry: Telemetry
    max_poll_records: int = 2000
    """Taken at a time."""
    fetch_wait_milliseconds: float = 500.0
    """How long a broker may hold a request open while nothing is new."""
    session_timeout_seconds: float = 10.0
    """A member of a group this long silent loses its partitions."""
    warm_records_per_partition: int = 0
    """Read back at the start; 0 is none."""
    stall_seconds: float = 5.0
    """A broker that answers nothing for so long is in trouble."""

    def open(self, start: Start, group: str | None) -> AbstractAsyncContextManager[Subscription]:
        """Connect; wait, without a bound, until the topic is there.

        Raises:
            BrokerError: a broker answers, and does not let us in or not read.
            UsageError: a certificate or key cannot be used.
        """
        return self._opened(start, group)

    @asynccontextmanager
    async def _opened(self, start: Start, group: str | None) -> AsyncIterator[Subscription]:
        await self.cluster.reach(self.telemetry)
        consumer = Consumer.of(
            self.cluster,
            self.topic,
            group=group,
            session_timeout_seconds=self.session_timeout_seconds,
            fetch_wait_milliseconds=self.fetch_wait_milliseconds,
        )
        try:
            await self.cluster.attempt(consumer.open)
            partitions = await self._find(consumer)
            subscription = KafkaSubscription(
                self.cluster,
                consumer,
                start,
                self.telemetry,
                is_member=group is not None,
                max_poll_records=self.max_poll_records,
                warm_records=self.warm_records_per_partition,
                stall_seconds=self.stall_seconds,
            )
            await subscription.begin(range(partitions))
            try:
                yield subscription
                subscription.end()
            finally:
                await subscription.commit()
        finally:
            await consumer.close()

    async def _find(self, consumer: Consumer) -> int:
        told = False
        while not (partitions := await self.cluster.attempt(consumer.partitions)):
            if not told:
                self.telemetry.note("the topic does not exist yet, waiting for a producer to make it", topic=self.topic)
                told = True
            await anyio.sleep(_TOPIC_SECONDS)
        return partitions

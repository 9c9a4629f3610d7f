"""Delivers books to the topic: every record once, each key's in order, through whatever the broker does."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import attrs

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.producer import IdempotentProducer
from market_data.adapters.kafka.publication import KafkaPublication
from market_data.adapters.kafka.topics import KafkaTopic, see_to
from market_data.application.opening import tasks_beside
from market_data.application.ports import Clock, Publication, Publisher, Telemetry

__all__ = ["KafkaPublisher"]

_RIDE_OUT_MARGIN_SECONDS = 30.0
_BATCH_OVERHEAD_BYTES = 512


@attrs.define(eq=False)
class KafkaPublisher(Publisher):
    """Publishes to one topic with aiokafka's idempotent producer.

    A lost, paused or restarted broker is ridden out for ``ride_out_seconds``: batches are sent again, with the same
    sequence numbers and before their successors. A stall is told once, and once that it is over. What cannot be ridden
    out ends the publication with DeliveryFailed: a record too large, a missing permission, a topic deleted or made anew
    meanwhile, acknowledged records lost by the broker.
    """

    cluster: KafkaCluster
    topic: KafkaTopic
    clock: Clock
    telemetry: Telemetry
    compression: str = "lz4"
    """none, gzip, snappy, lz4 or zstd."""
    linger_milliseconds: float = 0.0
    """How long a record may wait for others to share its request."""
    max_batch_bytes: int = 262144
    """Of one partition, before compression; capped by what the topic takes."""
    max_in_flight_records: int = 20000
    """Taken over and not yet acknowledged; above, ``publish`` waits."""
    ride_out_seconds: float = 300.0
    max_clock_skew_seconds: float = 10.0
    """Between the broker's clock and ours, above which there is a warning."""

    def open(self) -> AbstractAsyncContextManager[Publication]:
        """Connect, see to the topic, and start delivering.

        Raises:
            BrokerError: a broker answers, and does not let us in or not write.
            UsageError: a certificate or key cannot be used.
        """
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Publication]:
        await self.cluster.reach(self.telemetry)
        max_message_bytes = await self.cluster.attempt(partial(see_to, self.cluster, self.topic, self.telemetry))
        max_batch_bytes = min(self.max_batch_bytes, max_message_bytes - _BATCH_OVERHEAD_BYTES)
        producer = IdempotentProducer.of(
            self.cluster,
            self.topic.name,
            compression=self.compression,
            max_batch_bytes=max_batch_bytes,
            batch_timeout_seconds=self.ride_out_seconds + _RIDE_OUT_MARGIN_SECONDS,
        )
        try:
            await self.cluster.attempt(producer.open)
            publication = KafkaPublication(
                self.cluster,
                self.topic,
                self.clock,
                self.telemetry,
                producer,
                linger_seconds=self.linger_milliseconds / 1000,
                max_batch_bytes=max_batch_bytes,
                max_in_flight_records=self.max_in_flight_records,
                ride_out_seconds=self.ride_out_seconds,
                max_clock_skew_seconds=self.max_clock_skew_seconds,
            )
            self.telemetry.watch(publication.measure)
            async with tasks_beside() as tasks:
                tasks.start_soon(publication.pump, name=f"pump of {self.topic.name}")
                tasks.start_soon(publication.watch, name=f"watch of {self.topic.name}")
                yield publication
        finally:
            await producer.close()

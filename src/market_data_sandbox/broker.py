"""An embedded broker that speaks Kafka's protocol on loopback: the mock cluster inside librdkafka.

Enough for a demo and for quick tests: topics come into being on first use, with 4 partitions; about 5 MiB of a
partition are kept; consumer groups work with one member. Everything else wants a real broker.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio.to_thread
from confluent_kafka import KafkaException, Producer

from market_data_sandbox.errors import BrokerError

__all__ = ["open_broker"]

_START_SECONDS = 15.0


@asynccontextmanager
async def open_broker() -> AsyncIterator[str]:
    """Run a broker, and give its address as `host:port`; it ends with the last reference to it.

    Raises:
        BrokerError: It did not come up in time.
    """
    try:
        cluster = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        metadata = await anyio.to_thread.run_sync(partial(cluster.list_topics, timeout=_START_SECONDS))
    except KafkaException as error:
        raise BrokerError(error) from error
    (broker,) = metadata.brokers.values()
    yield f"{broker.host}:{broker.port}"

"""The topic: made where it is missing, compared with the settings where it is there."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

import anyio
import attrs
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    InvalidReplicationFactorError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)

from market_data.adapters.kafka.client import UNAUTHORIZED, KafkaCluster, explain
from market_data.application.ports import Telemetry
from market_data.domain.errors import BrokerError, TopicMismatch

__all__ = ["Admin", "KafkaTopic", "make_or_check", "see_to"]

_POLL_SECONDS = 0.1
_APPEAR_SECONDS = 5.0
_BROKER_TIME = "LogAppendTime"
"""The broker gives the time of a record, which retention goes by: no clock of ours makes records expire early."""
_BYTES = re.compile("[0-9]{1,18}")
_UNSUPPORTED = (IncompatibleBrokerVersion, NotImplementedError)


@attrs.frozen
class KafkaTopic:
    """What the topic shall be like."""

    name: str
    create: bool = True
    """Make it where it is missing, or where the broker cannot be asked to, let it do so at the first use."""
    partitions: int = 12
    """For the topic's life: another number sends keys to other partitions."""
    replication_factor: int = 1
    min_insync_replicas: int = 1
    """Copies that must be written before a record counts as delivered."""
    retention_hours: float = 24.0
    retention_bytes_per_partition: int = 1 << 30
    max_message_bytes: int = 1 << 20
    compression: str = "none"
    """What batches are sent with: the broker shall keep them so."""

    @property
    def configuration(self) -> Mapping[str, tuple[str, str]]:
        """Kafka's name of each topic setting, with its value and the setting of ours that it comes from."""
        return {
            "cleanup.policy": ("delete", "kafka.topics.books"),
            "retention.ms": (str(int(self.retention_hours * 3_600_000)), "kafka.retention_hours"),
            "retention.bytes": (str(self.retention_bytes_per_partition), "kafka.retention_bytes_per_partition"),
            "min.insync.replicas": (str(self.min_insync_replicas), "kafka.min_insync_replicas"),
            "max.message.bytes": (str(self.max_message_bytes), "kafka.max_message_bytes"),
            "compression.type": ("producer" if self.compression == "none" else self.compression, "kafka.compression"),
            "message.timestamp.type": (_BROKER_TIME, "kafka.topics.books"),
        }


class Admin(Protocol):
    """What is used of aiokafka's admin client, whose answers have no types."""

    async def describe_topics(self, topics: list[str] | None = None) -> list[Any]:
        """Describe these topics, or all; one that is asked for by name may be made by that."""

    async def create_topics(self, new_topics: list[NewTopic]) -> Any:  # noqa: ANN401
        """Make topics; the answer holds an error code for each."""

    async def describe_configs(self, config_resources: list[ConfigResource]) -> list[Any]:
        """Tell the configuration of topics."""


class _AdminClient(AIOKafkaAdminClient):  # type: ignore[misc]  # aiokafka has no types
    """Knows a cluster without a controller, which the embedded broker is: nobody there can make a topic."""

    async def create_topics(self, new_topics: list[NewTopic]) -> Any:  # noqa: ANN401
        metadata = await self._client.fetch_all_metadata()
        if metadata.controller is None:
            raise IncompatibleBrokerVersion
        return await super().create_topics(new_topics)


async def see_to(cluster: KafkaCluster, topic: KafkaTopic, telemetry: Telemetry) -> int:
    """Make the topic or check it; give the largest message that it takes, in bytes.

    A number of partitions other than configured is an error. Anything else that differs is told and lived with, for it
    was decided by whoever made the topic. Nothing is checked that the broker does not tell, or not to us.

    Raises:
        TopicMismatch: it has another number of partitions.
        BrokerError: it is missing and cannot be made.
    """
    arguments: dict[str, Any] = cluster.arguments()
    admin = _AdminClient(**arguments)
    try:
        await admin.start()
        return await make_or_check(admin, topic, telemetry, min(_APPEAR_SECONDS, cluster.connect_timeout_seconds / 2))
    finally:
        with anyio.move_on_after(1, shield=True):
            await admin.close()


async def make_or_check(admin: Admin, topic: KafkaTopic, telemetry: Telemetry, appear_seconds: float) -> int:
    """Do the same through an open admin client; a topic that was just made has so long to appear.

    Raises:
        KafkaError: the broker does not answer, or not well.
    """
    partitions = await _partitions(admin, topic.name)
    if not partitions and not topic.create:
        raise BrokerError(_missing(topic.name))
    if not partitions:
        await _create(admin, topic, telemetry)
    if not partitions:
        partitions = await _appearing(admin, topic.name, appear_seconds)
    if partitions != topic.partitions:
        raise TopicMismatch(_mismatch(topic, partitions))
    return await _compare(admin, topic, telemetry)


async def _create(admin: Admin, topic: KafkaTopic, telemetry: Telemetry) -> None:
    configuration = {name: value for name, (value, _) in topic.configuration.items()}
    new = NewTopic(topic.name, topic.partitions, topic.replication_factor, topic_configs=configuration)
    try:
        answer = await admin.create_topics([new])
    except _UNSUPPORTED:
        telemetry.note("the broker cannot be asked to make a topic, leaving it to the first use", topic=topic.name)
        return
    _, code, *said = answer.topic_errors[0]
    error = for_code(code)
    if error in UNAUTHORIZED:
        hint = "create it, or allow the user to Create and Describe it"
        raise BrokerError(f"topic {topic.name} does not exist and may not be made by this user: {hint}")
    if error not in {NoError, TopicAlreadyExistsError}:
        where = " (kafka.replication_factor)" if error is InvalidReplicationFactorError else ""
        raise BrokerError(f"topic {topic.name} cannot be made: {(said and said[0]) or explain(error())}{where}")
    if error is NoError:
        telemetry.note("topic made", topic=topic.name, partitions=topic.partitions)


async def _partitions(admin: Admin, name: str) -> int:
    """Count the partitions; 0 where there is no such topic: asking for all topics makes none, asking by name may."""
    found = next((topic for topic in await admin.describe_topics() if topic["topic"] == name), None)
    return len(found["partitions"]) if found is not None else 0


async def _appearing(admin: Admin, name: str, seconds: float) -> int:
    """Wait until the topic is there with the same number of partitions twice; asking by name may make it."""
    seen = -1
    with anyio.move_on_after(seconds):
        while True:
            (found,) = await admin.describe_topics([name])
            error = for_code(found["error_code"])
            if error in UNAUTHORIZED:
                raise BrokerError(f"topic {name} may not be seen by this user: allow it to Describe and Write it")
            partitions: int = sum(partition["leader"] >= 0 for partition in found["partitions"])
            if partitions and partitions == len(found["partitions"]) == seen:
                return partitions
            seen = partitions
            await anyio.sleep(_POLL_SECONDS)
    raise BrokerError(_missing(name))


def _missing(name: str) -> str:
    return (
        f"topic {name} does not exist: create it, or set kafka.create_topic to true "
        "(if it is there, allow the user to Describe it)"
    )


async def _compare(admin: Admin, topic: KafkaTopic, telemetry: Telemetry) -> int:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=dict.fromkeys(topic.configuration))
    try:
        (answer,) = await admin.describe_configs([resource])
    except _UNSUPPORTED:
        return topic.max_message_bytes
    except KafkaError as error:
        telemetry.warn("the topic's configuration cannot be read", topic=topic.name, problem=explain(error))
        return topic.max_message_bytes
    _, _, _, _, entries = answer.resources[0]
    found = {name: value for name, value, *_ in entries}
    largest = _bytes_in(found.get("max.message.bytes"), topic.max_message_bytes)
    for name, (expected, setting) in topic.configuration.items():
        received = found.get(name, expected)
        is_enough = (name == "max.message.bytes" and largest >= int(expected)) or received == "producer"
        if received != expected and name == "message.timestamp.type":
            telemetry.warn(
                "the topic keeps the time of the producer's clock: where that is wrong, records are refused or deleted "
                "early, untold. Alter the topic to the broker's time",
                topic=topic.name,
                kafka_setting=name,
                expected=expected,
                received=received,
            )
        elif received != expected and not is_enough:
            telemetry.warn(
                "the topic is not as configured, and stays so",
                topic=topic.name,
                setting=setting,
                kafka_setting=name,
                expected=expected,
                received=received,
            )
    return largest


def _bytes_in(said: str | None, otherwise: int) -> int:
    """Read a number of bytes; a broker that says none, or what is none, is taken to be as configured."""
    return int(said) if said is not None and _BYTES.fullmatch(said) else otherwise


def _mismatch(topic: KafkaTopic, partitions: int) -> str:
    return (
        f"topic {topic.name} has {partitions} partitions, kafka.partitions says {topic.partitions}: "
        f"set kafka.partitions to {partitions}, or delete the topic or name another in kafka.topics.books "
        "(its number of partitions cannot change without moving keys)"
    )

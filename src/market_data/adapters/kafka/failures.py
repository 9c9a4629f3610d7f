"""What cannot be ridden out, as one line that says what to do: foreign errors end here."""

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownProducerId,
)

from market_data.adapters.kafka.client import KafkaCluster, explain
from market_data.domain.errors import BrokerError, DeliveryFailed, MessageTooLarge

__all__ = ["TOO_LARGE", "given_up", "made_anew", "not_readable", "refused"]

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
"""What the topic says of a batch that is too large, or of a record."""


def refused(cluster: KafkaCluster, topic: str, error: BaseException, batch_bytes: int) -> DeliveryFailed:
    """Say that a batch was refused for good."""
    match error:
        case MessageSizeTooLargeError() | RecordListTooLargeError():
            hint = "raise the topic's max.message.bytes, or lower kafka.max_batch_bytes or book.depth"
            what = f"refuses {batch_bytes} bytes as too large: {hint}"
            return MessageTooLarge(f"topic {topic}: Kafka at {cluster.brokers} {what}")
        case TopicAuthorizationFailedError() | ClusterAuthorizationFailedError():
            what = f"does not allow {cluster.user} to write: give it Write and Describe on the topic"
        case InvalidTimestampError():
            what = (
                "refuses the time that this machine's clock gives to records, which is too far from the broker's: set "
                "both clocks by NTP, or let the topic keep the broker's time (message.timestamp.type=LogAppendTime), "
                "then start again"
            )
        case OutOfOrderSequenceNumber() | UnknownProducerId():
            what = "has lost records that it had acknowledged: see to its disks, then start again"
        case _:
            what = f"refuses records for good ({explain(error)}): see the broker's log, then start again"
    return DeliveryFailed(f"topic {topic}: Kafka at {cluster.brokers} {what}")


def given_up(cluster: KafkaCluster, ride_out_seconds: float, undelivered: int) -> DeliveryFailed:
    """Say that the broker stayed away for too long."""
    return DeliveryFailed(
        f"Kafka at {cluster.brokers} acknowledged nothing for {ride_out_seconds:g} s (kafka.ride_out_seconds), "
        f"{undelivered} records are not delivered: see to the broker, then start again"
    )


def made_anew(topic: str, found: str) -> DeliveryFailed:
    """Say that the topic is not the one that the first records went to."""
    return DeliveryFailed(
        f"topic {topic} was deleted or made anew while records were sent ({found}): "
        "start again to go on with the topic as it is; where the broker made one by itself "
        "(auto.create.topics.enable), delete that first or set kafka.partitions"
    )


def not_readable(cluster: KafkaCluster, topic: str, error: BaseException) -> BrokerError:
    """Say that reading cannot go on."""
    match error:
        case TopicAuthorizationFailedError():
            what = f"does not allow {cluster.user} to read topic {topic}: give it Read and Describe on the topic"
        case GroupAuthorizationFailedError():
            what = f"does not allow {cluster.user} to use the group: give it Read on the group (kafka.consumer.group)"
        case _:
            what = f"cannot be read from ({explain(error)}): see the broker's log, then start again"
    return BrokerError(f"Kafka at {cluster.brokers} {what}")

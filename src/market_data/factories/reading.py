"""What reads the topic: the cluster, the topic, its reader, the market that a reader keeps."""

from market_data.adapters.clock import SystemClock
from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.probe import KafkaProbe
from market_data.adapters.kafka.security import Security
from market_data.adapters.kafka.subscriber import KafkaSubscriber
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.application.overtime import OverTime
from market_data.application.ports import Clock, Subscriber, Telemetry
from market_data.application.probe import TopicProbe
from market_data.config import Settings
from market_data.domain.across import Across
from market_data.domain.market import Market
from market_data.domain.watch import Watch

__all__ = ["make_clock", "make_cluster", "make_market", "make_over_time", "make_probe", "make_subscriber", "make_topic"]

_LEAST_STALL_SECONDS, _MOST_STALL_SECONDS = 1.0, 5.0
"""A broker that answers nothing for so long is looked at: before its silence is taken for that of the producers."""


def make_cluster(settings: Settings) -> KafkaCluster:
    """Say where the brokers are and how they are spoken to."""
    kafka, security = settings.kafka, settings.kafka.security
    return KafkaCluster(
        brokers=",".join(kafka.brokers),
        client_id=kafka.client_id,
        security=Security(
            protocol=security.protocol,
            mechanism=security.mechanism,
            username=security.username,
            password=security.password.reveal() if security.password else None,
            ca_file=security.ca_file,
            certificate_file=security.certificate_file,
            key_file=security.key_file,
            key_password=security.key_password.reveal() if security.key_password else None,
        ),
        connect_timeout_seconds=kafka.connect_timeout_seconds,
    )


def make_topic(settings: Settings) -> KafkaTopic:
    """Say what the topic shall be like."""
    kafka = settings.kafka
    return KafkaTopic(
        name=kafka.topics.books,
        create=kafka.create_topic,
        partitions=kafka.partitions,
        replication_factor=kafka.replication_factor,
        min_insync_replicas=kafka.min_insync_replicas,
        retention_hours=kafka.retention_hours,
        retention_bytes_per_partition=kafka.retention_bytes_per_partition,
        max_message_bytes=kafka.max_message_bytes,
        compression=kafka.compression,
    )


def make_subscriber(settings: Settings, cluster: KafkaCluster, topic: KafkaTopic, telemetry: Telemetry) -> Subscriber:
    """Read from Kafka."""
    consumer = settings.kafka.consumer
    stale_after = settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds
    fetch_wait = consumer.fetch_wait_milliseconds / 1000
    return KafkaSubscriber(
        cluster=cluster,
        topic=topic.name,
        telemetry=telemetry,
        max_poll_records=consumer.max_poll_records,
        fetch_wait_milliseconds=consumer.fetch_wait_milliseconds,
        session_timeout_seconds=consumer.session_timeout_seconds,
        warm_records_per_partition=consumer.warm_start_records,
        stall_seconds=max(_LEAST_STALL_SECONDS, min(_MOST_STALL_SECONDS, stale_after / 3), 2 * fetch_wait),
    )


def make_market(settings: Settings) -> Market:
    """Keep what a reader sees."""
    return Market(
        stale_after_seconds=settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds,
        digits=settings.market.spread_percent_digits,
    )


def make_over_time(settings: Settings, clock: Clock) -> OverTime:
    """Keep what minutes and venues side by side say."""
    stale_after = settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds
    return OverTime(Watch(stale_after), Across(stale_after), clock)


def make_clock() -> Clock:
    """Read the system's clocks."""
    return SystemClock()


def make_probe(cluster: KafkaCluster, topic: KafkaTopic) -> TopicProbe:
    """Look at the topic."""
    return KafkaProbe(cluster, topic.name)

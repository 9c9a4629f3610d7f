"""What a run of ``produce`` is made of."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs

from market_data import __version__
from market_data.adapters.inputlog import FileInputLog, LoggedCore
from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.publisher import KafkaPublisher
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.adapters.processes import ProcessChildren
from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.wire import Endpoint
from market_data.application.children import Children
from market_data.application.core import FeedCore
from market_data.application.feeds import ReconnectSettings
from market_data.application.inputlog import NO_INPUT_LOG, InputLog, make_core
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.application.ports import Clock, Publisher, Supervisor, Telemetry, Transport
from market_data.application.produce import Producer, ProduceSettings, VenuePlan
from market_data.application.registering import RegisteringPublisher
from market_data.config import Settings
from market_data.domain.errors import UsageError
from market_data.factories.schemas import make_registry
from market_data.factories.venues import make_endpoint

__all__ = [
    "make_children",
    "make_input_log",
    "make_logged_core",
    "make_outbox",
    "make_producer",
    "make_publisher",
    "make_run",
]

_INPUT_LOG_BYTES = 4 * 2**30
"""What one file of the input log may hold, before compression."""
_CHILD_STOP_MARGIN_SECONDS = 5.0


def make_run(clock: Clock) -> str:
    """Name a run: sortable as text by its start, unique by chance."""
    started = datetime.fromtimestamp(clock.now().wall / 1e6, UTC)
    return f"{started:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(4)}"


def make_publisher(
    settings: Settings, cluster: KafkaCluster, topic: KafkaTopic, clock: Clock, telemetry: Telemetry
) -> Publisher:
    """Deliver to Kafka, with the schema in the registry where there is one."""
    kafka = settings.kafka
    publisher = KafkaPublisher(
        cluster=cluster,
        topic=topic,
        clock=clock,
        telemetry=telemetry,
        compression=kafka.compression,
        linger_milliseconds=0.0 if kafka.linger_milliseconds == "auto" else kafka.linger_milliseconds,
        max_batch_bytes=kafka.max_batch_bytes,
        max_in_flight_records=kafka.max_in_flight_records,
        ride_out_seconds=kafka.ride_out_seconds,
        max_clock_skew_seconds=settings.book.max_clock_skew_seconds,
    )
    registry = make_registry(settings)
    return publisher if registry is None else RegisteringPublisher(publisher, registry, telemetry)


def make_outbox(settings: Settings, run: str) -> Outbox:
    """Make room between the books and the broker."""
    outbox = settings.outbox
    if outbox.policy is OutboxPolicy.BLOCK:
        raise UsageError(
            "outbox.policy: block is for replays; live feeds cannot wait, choose keep_until_full or latest_only"
        )
    return Outbox(run, policy=outbox.policy, max_records=outbox.max_records, max_bytes=outbox.max_bytes)


def make_input_log(settings: Settings, folder: Path | None, run: str, telemetry: Telemetry) -> InputLog:
    """Write down what the cores are given, where a folder for it is named."""
    if folder is None:
        return NO_INPUT_LOG
    venues = {
        name: {"dialect": venue.dialect, **attrs.asdict(make_endpoint(name, venue))}
        for name, venue in settings.venues.items()
    }
    return FileInputLog(
        folder,
        venues,
        program=__version__,
        run=run,
        max_bytes=_INPUT_LOG_BYTES,
        telemetry=telemetry,
    )


def make_logged_core(logged: LoggedCore) -> FeedCore:
    """Make a core as it stood before the first input of a log, to be given to ``inputlog.replay``."""
    stanza = dict(logged.venue)
    return make_core(logged.setup, DIALECTS[stanza.pop("dialect")](Endpoint(**stanza)))


def make_producer(
    settings: Settings,
    plans: list[VenuePlan],
    transport: Transport,
    publisher: Publisher,
    outbox: Outbox,
    clock: Clock,
    telemetry: Telemetry,
    supervisor: Supervisor,
    input_log: InputLog,
) -> Producer:
    """Make one run of ``produce``."""
    reconnect = settings.reconnect
    return Producer(
        plans,
        transport,
        publisher,
        outbox,
        clock,
        telemetry,
        supervisor,
        ProduceSettings(
            reconnect=ReconnectSettings(
                initial_backoff_seconds=reconnect.initial_backoff_seconds,
                max_backoff_seconds=reconnect.max_backoff_seconds,
                backoff_multiplier=reconnect.backoff_multiplier,
                jitter=reconnect.jitter,
            ),
            connection_silence_seconds=settings.book.connection_silence_seconds,
            shutdown_timeout_seconds=settings.shutdown_timeout_seconds,
        ),
        input_log,
    )


def make_children(settings: Settings, folder: Path, environ: Mapping[str, str]) -> Children:
    """Start programs as processes, with their logs in a folder; each may take as long to end as it promises itself."""
    return ProcessChildren(folder, environ, settings.shutdown_timeout_seconds + _CHILD_STOP_MARGIN_SECONDS)

"""The composition root: the only module that knows every other, and the only one that imports dependency_injector.

It constructs and does nothing else: what must be opened is opened by the application, inside its own scopes.
Providers are typed functions, so that mypy sees what is handed to whom, and one test builds every provider for every
settings file.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import attrs
from dependency_injector import containers, providers

from market_data import __version__
from market_data.adapters.clock import SystemClock
from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.lines import JsonDisplay, LinesDisplay
from market_data.adapters.console.screen import TableDisplay
from market_data.adapters.inputlog import FileInputLog, LoggedCore
from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.probe import KafkaProbe
from market_data.adapters.kafka.publisher import KafkaPublisher
from market_data.adapters.kafka.security import Security
from market_data.adapters.kafka.subscriber import KafkaSubscriber
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.adapters.processes import ProcessChildren
from market_data.adapters.telemetry.logs import LogTelemetry
from market_data.adapters.transport.websocket import HttpTransport, TransportSettings
from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.wire import Endpoint
from market_data.application.check import Check, CheckSettings
from market_data.application.children import Children
from market_data.application.consume import Consumer
from market_data.application.core import FeedCore
from market_data.application.feeds import ReconnectSettings
from market_data.application.inputlog import NO_INPUT_LOG, InputLog, make_core
from market_data.application.listing import Listings
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.application.ports import Clock, Display, Publisher, Subscriber, Telemetry, Transport, Venue
from market_data.application.probe import TopicProbe
from market_data.application.produce import Producer, ProduceSettings, VenuePlan
from market_data.application.shard import Shard
from market_data.application.verify import Verification
from market_data.config import Settings, VenueSettings
from market_data.domain.errors import UsageError
from market_data.domain.market import Market
from market_data.domain.sync import SyncSettings

__all__ = ["Container", "make_children", "make_listings"]

_UNWEIGHED_PER_MINUTE = 60
_DEFAULT_SNAPSHOT_LIMIT = 1000
_INPUT_LOG_BYTES = 4 * 2**30
"""What one file of the input log may hold, before compression."""
_CHILD_STOP_MARGIN_SECONDS = 5.0


def make_run(clock: Clock) -> str:
    """Name a run: sortable as text by its start, unique by chance."""
    started = datetime.fromtimestamp(clock.now().wall / 1e6, UTC)
    return f"{started:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(4)}"


def make_venue(name: str, settings: VenueSettings) -> Venue:
    """Make one venue of its stanza."""
    return DIALECTS[settings.dialect](make_endpoint(name, settings))


def make_endpoint(name: str, settings: VenueSettings) -> Endpoint:
    """Say where a venue is and how much of it may be used."""
    weight = settings.request_weight_per_minute
    if weight is None:
        weight = int((settings.requests_per_second or 1.0) * _UNWEIGHED_PER_MINUTE)
    return Endpoint(
        name=name,
        websocket_url=settings.websocket_url,
        rest_url=settings.rest_url,
        instruments_per_connection=settings.instruments_per_connection,
        messages_per_second=settings.messages_per_second,
        request_weight_per_minute=weight,
    )


def make_plans(settings: Settings, shard: Shard | None) -> list[VenuePlan]:
    """Plan every enabled venue that has instruments, of this shard where there are several.

    Raises:
        UsageError: there is none.
    """
    wanted = {name: venue.instruments for name, venue in settings.venues.items() if venue.enabled}
    ours = {name: [each for each in symbols if _is_of(shard, f"{name}:{each}")] for name, symbols in wanted.items()}
    plans = [
        VenuePlan(
            make_venue(name, venue),
            ours[name],
            make_sync_settings(settings, venue),
            venue.connections_per_second,
        )
        for name, venue in settings.venues.items()
        if ours.get(name)
    ]
    count = sum(map(len, wanted.values()))
    if shard is not None and count and not plans:
        raise UsageError(f"--shard {shard}: none of the {count} instruments falls to it, use fewer shards")
    if not plans:
        raise UsageError("nothing to follow: see venues.*.enabled and venues.*.instruments")
    return plans


def _is_of(shard: Shard | None, key: str) -> bool:
    return shard is None or partition_of(key.encode(), shard.count) == shard.number - 1


def make_sync_settings(settings: Settings, venue: VenueSettings) -> SyncSettings:
    """Give the bounds of trust for one venue's books."""
    book, longest = settings.book, settings.reconnect.max_backoff_seconds
    return SyncSettings(
        depth=book.depth,
        heartbeat_seconds=book.heartbeat_seconds,
        first_data_timeout_seconds=book.first_data_timeout_seconds,
        stream_silence_seconds=book.stream_silence_seconds,
        join_quiet_seconds=book.join_quiet_seconds,
        max_buffered_events=book.max_buffered_events,
        reseed_below_levels=book.reseed_below_levels,
        snapshot_limit=venue.snapshot_limit or _DEFAULT_SNAPSHOT_LIMIT,
        snapshot_retry_initial_seconds=min(book.snapshot_retry_initial_seconds, longest),
        snapshot_retry_max_seconds=min(book.snapshot_retry_max_seconds, longest),
        crossed_limit=book.crossed_limit,
        audit_seconds=book.audit_seconds,
        probe_timeout_seconds=book.probe_timeout_seconds,
        rebuild_max_seconds=longest,
        clock_step_seconds=book.clock_step_seconds,
        max_clock_skew_seconds=book.max_clock_skew_seconds,
    )


def make_transport(settings: Settings, clock: Clock) -> Transport:
    """Reach venues over the network."""
    transport = settings.transport
    return HttpTransport(
        TransportSettings(
            connect_timeout_seconds=transport.connect_timeout_seconds,
            request_timeout_seconds=transport.request_timeout_seconds,
            max_frame_bytes=transport.max_frame_bytes,
            max_pending_frames=transport.max_pending_frames,
            max_pending_bytes=transport.max_pending_bytes,
            ping_interval_seconds=transport.ping_interval_seconds,
            ping_timeout_seconds=transport.ping_timeout_seconds,
        ),
        clock,
    )


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


def make_publisher(
    settings: Settings, cluster: KafkaCluster, topic: KafkaTopic, clock: Clock, telemetry: Telemetry
) -> Publisher:
    """Deliver to Kafka."""
    kafka = settings.kafka
    return KafkaPublisher(
        cluster=cluster,
        topic=topic,
        clock=clock,
        telemetry=telemetry,
        compression=kafka.compression,
        linger_milliseconds=kafka.linger_milliseconds,
        max_batch_bytes=kafka.max_batch_bytes,
        max_in_flight_records=kafka.max_in_flight_records,
        ride_out_seconds=kafka.ride_out_seconds,
    )


def make_subscriber(settings: Settings, cluster: KafkaCluster, topic: KafkaTopic, telemetry: Telemetry) -> Subscriber:
    """Read from Kafka."""
    consumer = settings.kafka.consumer
    return KafkaSubscriber(
        cluster=cluster,
        topic=topic.name,
        telemetry=telemetry,
        max_poll_records=consumer.max_poll_records,
        fetch_wait_milliseconds=consumer.fetch_wait_milliseconds,
        session_timeout_seconds=consumer.session_timeout_seconds,
        warm_records_per_partition=consumer.warm_start_records,
    )


def make_outbox(settings: Settings, run: str) -> Outbox:
    """Make room between the books and the broker."""
    outbox = settings.outbox
    if outbox.policy is OutboxPolicy.BLOCK:
        raise UsageError(
            "outbox.policy: block is for replays; live feeds can not wait, choose keep_until_full or latest_only"
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


def make_market(settings: Settings) -> Market:
    """Keep what a reader sees."""
    return Market(
        stale_after_seconds=settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds,
        digits=settings.market.spread_percent_digits,
    )


def make_consumer(
    settings: Settings,
    subscriber: Subscriber,
    market: Market,
    display: Display,
    clock: Clock,
    telemetry: Telemetry,
) -> Consumer:
    """Make one run of ``consume``."""
    return Consumer(
        subscriber,
        market,
        display,
        clock,
        telemetry,
        source=f"{','.join(settings.kafka.brokers)} {settings.kafka.topics.books}",
        refresh_seconds=1.0 / settings.view.refresh_per_second,
    )


def make_probe(cluster: KafkaCluster, topic: KafkaTopic) -> TopicProbe:
    """Look at the topic."""
    return KafkaProbe(cluster, topic.name)


def make_verification(settings: Settings, subscriber: Subscriber, probe: TopicProbe) -> Verification:
    """Make one run of ``verify``."""
    stale_after = settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds
    return Verification(subscriber, probe, settings.kafka.topics.books, stale_after)


def make_check(
    settings: Settings, plans: list[VenuePlan], transport: Transport, probe: TopicProbe, clock: Clock
) -> Check:
    """Make one run of ``check``."""
    kafka = settings.kafka
    return Check(
        plans,
        transport,
        probe,
        clock,
        CheckSettings(
            brokers=",".join(kafka.brokers),
            topic=kafka.topics.books,
            partitions=kafka.partitions,
            creates_topic=kafka.create_topic,
            first_data_timeout_seconds=settings.book.first_data_timeout_seconds,
            max_clock_skew_seconds=settings.book.max_clock_skew_seconds,
        ),
    )


def make_listings(settings: Settings, transport: Transport, exchange: str | None) -> Listings:
    """Ask one venue, or all that are enabled.

    Raises:
        UsageError: there is no such venue.
    """
    if exchange is not None and exchange not in settings.venues:
        nearest = get_close_matches(exchange, settings.venues, n=1)
        hint = (
            f" (did you mean {nearest[0]}?)" if nearest else f", expected one of {', '.join(sorted(settings.venues))}"
        )
        raise UsageError(f"the settings know no exchange {exchange}{hint}")
    wanted = {
        name: venue
        for name, venue in settings.venues.items()
        if (venue.enabled if exchange is None else name == exchange)
    }
    return Listings([make_venue(name, venue) for name, venue in wanted.items()], transport)


def make_children(settings: Settings, folder: Path, environ: Mapping[str, str]) -> Children:
    """Start programs as processes, with their logs in a folder; each may take as long to end as it promises itself."""
    return ProcessChildren(folder, environ, settings.shutdown_timeout_seconds + _CHILD_STOP_MARGIN_SECONDS)


class Container(containers.DeclarativeContainer):
    """All there is, by role. ``settings``, ``view``, ``title``, ``shard`` and ``input_log_folder`` come from the
    command line.
    """

    settings = providers.Dependency(instance_of=Settings)
    view = providers.Object("lines")
    title = providers.Object("Market data")
    shard: providers.Object[Shard | None] = providers.Object(None)
    input_log_folder: providers.Object[Path | None] = providers.Object(None)

    clock = providers.Singleton(SystemClock)
    telemetry = providers.Singleton(LogTelemetry)
    run = providers.Singleton(make_run, clock)

    plans = providers.Singleton(make_plans, settings, shard)
    transport = providers.Singleton(make_transport, settings, clock)
    cluster = providers.Singleton(make_cluster, settings)
    topic = providers.Singleton(make_topic, settings)
    publisher = providers.Singleton(make_publisher, settings, cluster, topic, clock, telemetry)
    subscriber = providers.Singleton(make_subscriber, settings, cluster, topic, telemetry)
    outbox = providers.Singleton(make_outbox, settings, run)
    input_log = providers.Singleton(make_input_log, settings, input_log_folder, run, telemetry)
    producer = providers.Factory(
        make_producer, settings, plans, transport, publisher, outbox, clock, telemetry, input_log
    )

    board = providers.Singleton(MessageBoard)
    display = providers.Selector(
        view,
        lines=providers.Singleton(LinesDisplay),
        json=providers.Singleton(JsonDisplay),
        table=providers.Singleton(TableDisplay, title, board, clock),
    )
    market = providers.Singleton(make_market, settings)
    probe = providers.Singleton(make_probe, cluster, topic)
    check = providers.Factory(make_check, settings, plans, transport, probe, clock)
    verification = providers.Factory(make_verification, settings, subscriber, probe)
    consumer = providers.Factory(make_consumer, settings, subscriber, market, display, clock, telemetry)

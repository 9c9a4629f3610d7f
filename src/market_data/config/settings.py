"""The tree of settings, one plain record a section.

Defaults, units and meanings stand in `config/base.yaml`; there are none here, so that a key missing there is told when
the tree is built. None means that there is no such thing. `relations` yields what is wrong between values that are each
good, as (path below the record, message).
"""

import re
from collections.abc import Iterator, Mapping

import attrs

from market_data.adapters.venues import DIALECTS
from market_data.adapters.web.addresses import is_loopback, split
from market_data.config.kinds import (
    Address,
    Brokers,
    Bytes,
    Count,
    Depth,
    Digits,
    ExistingFile,
    Factor,
    HostName,
    Hours,
    HttpUrl,
    Linger,
    Milliseconds,
    Origin,
    Rate,
    Seconds,
    Secret,
    Share,
    SnapshotLimit,
    Start,
    Symbol,
    Text,
    TopicName,
    WarmStart,
    WebSocketUrl,
    Word,
    did_you_mean,
)
from market_data.config.words import (
    BookEngine,
    Compression,
    EventLoop,
    LogFormat,
    LogLevel,
    OutboxPolicy,
    SaslMechanism,
    SecurityProtocol,
)
from market_data.domain.printable import shortened

__all__ = [
    "BookSettings",
    "ConsumerSettings",
    "KafkaSettings",
    "LogSettings",
    "MarketSettings",
    "MetricsSettings",
    "OutboxSettings",
    "ReconnectSettings",
    "SchemaRegistrySettings",
    "SecuritySettings",
    "Settings",
    "TopicSettings",
    "TransportSettings",
    "VenueSettings",
    "ViewSettings",
    "WebSettings",
]

_SHORTEST_TOKEN = 16


@attrs.frozen
class VenueSettings:
    """One exchange. Only what not every exchange has may be left out of its stanza."""

    enabled: bool
    dialect: Word
    websocket_url: WebSocketUrl
    rest_url: HttpUrl
    instruments: tuple[Symbol, ...]
    instruments_per_connection: Count
    messages_per_second: Rate
    listings_refresh_seconds: Seconds | None = None
    connections_per_second: Rate | None = None
    requests_per_second: Rate | None = None
    request_weight_per_minute: Count | None = None
    snapshot_limit: SnapshotLimit | None = None
    book_levels: Count | None = None

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require a dialect that there is, levels that it offers, and each instrument once."""
        dialect = DIALECTS.get(self.dialect)
        if dialect is None:
            known, hint = ", ".join(DIALECTS), did_you_mean(self.dialect, DIALECTS)
            yield "dialect", f"expected one of {known}, received {shortened(self.dialect)}{hint}"
        elif self.book_levels is not None and self.book_levels not in dialect.offered_levels:
            offered = ", ".join(map(str, dialect.offered_levels))
            expected = f"expected one of {offered}, or null" if offered else f"{self.dialect} has no choice, use null"
            yield "book_levels", f"{expected}, received {self.book_levels}"
        twice = sorted({symbol for symbol in self.instruments if self.instruments.count(symbol) > 1})
        if twice:
            yield "instruments", f"expected each instrument once, received {shortened(', '.join(twice))} more than once"


@attrs.frozen
class ReconnectSettings:
    """Waiting before a lost connection is tried again."""

    initial_backoff_seconds: Seconds
    max_backoff_seconds: Seconds
    max_ban_seconds: Seconds
    backoff_multiplier: Factor
    jitter: Share

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require waits in their order."""
        yield from _at_most(self, "initial_backoff_seconds", "max_backoff_seconds")
        yield from _at_most(self, "max_backoff_seconds", "max_ban_seconds")


@attrs.frozen
class TransportSettings:
    """Connections to exchanges and the frames that wait behind them."""

    connect_timeout_seconds: Seconds
    request_timeout_seconds: Seconds
    max_frame_bytes: Bytes
    max_pending_frames: Count
    max_pending_bytes: Bytes
    ping_interval_seconds: Seconds
    ping_timeout_seconds: Seconds
    loopback_only: bool

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require room for the largest frame."""
        yield from _at_most(self, "max_frame_bytes", "max_pending_bytes")


@attrs.frozen
class BookSettings:
    """Keeping a book true, and finding out when it is not."""

    engine: BookEngine
    depth: Depth
    heartbeat_seconds: Seconds
    first_data_timeout_seconds: Seconds
    connection_silence_seconds: Seconds
    stream_silence_seconds: Seconds
    probe_timeout_seconds: Seconds
    join_quiet_seconds: Seconds
    max_buffered_events: Count
    reseed_below_levels: Count
    snapshot_retry_initial_seconds: Seconds
    snapshot_retry_max_seconds: Seconds
    crossed_limit: Count
    audit_seconds: Seconds
    max_clock_skew_seconds: Seconds
    clock_step_seconds: Seconds

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require bounds in their order."""
        yield from _at_most(self, "depth", "reseed_below_levels")
        yield from _at_most(self, "snapshot_retry_initial_seconds", "snapshot_retry_max_seconds")


@attrs.frozen
class OutboxSettings:
    """What waits for the broker."""

    policy: OutboxPolicy
    max_records: Count
    max_bytes: Bytes


@attrs.frozen
class TopicSettings:
    """Names of topics."""

    books: TopicName


@attrs.frozen
class SecuritySettings:
    """How the broker is spoken to in private."""

    protocol: SecurityProtocol
    mechanism: SaslMechanism | None
    username: Text | None
    password: Secret | None
    ca_file: ExistingFile | None
    certificate_file: ExistingFile | None
    key_file: ExistingFile | None
    key_password: Secret | None

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require all that the protocol needs, and nothing that it would not use."""
        for name in ("mechanism", "username", "password"):
            if self.protocol.is_authenticated and getattr(self, name) is None:
                variable = (
                    "; set APP__KAFKA__SECURITY__PASSWORD in the environment or .env" if name == "password" else ""
                )
                yield name, f"missing, protocol {self.protocol} needs it{variable}"
            if not self.protocol.is_authenticated and getattr(self, name) is not None:
                yield name, f"expected protocol SASL_SSL or SASL_PLAINTEXT beside it, received {self.protocol}"
        for name in ("ca_file", "certificate_file", "key_file", "key_password"):
            if not self.protocol.is_encrypted and getattr(self, name) is not None:
                yield name, f"expected protocol SSL or SASL_SSL beside it, received {self.protocol}"
        if self.key_file is not None and self.certificate_file is None:
            yield "certificate_file", "missing, key_file needs it"
        if self.key_password is not None and self.certificate_file is None:
            yield "certificate_file", "missing, key_password needs it"


@attrs.frozen
class SchemaRegistrySettings:
    """Where the record's schema is registered, for other programs to find."""

    url: HttpUrl | None
    username: Text | None
    password: Secret | None
    timeout_seconds: Seconds

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require both halves of a login, or none."""
        if self.username is not None and self.password is None:
            variable = "APP__KAFKA__SCHEMA_REGISTRY__PASSWORD"
            yield "password", f"missing, username needs it; set {variable} in the environment or .env"
        if self.password is not None and self.username is None:
            yield "username", "missing, password needs it"


@attrs.frozen
class ConsumerSettings:
    """Reading books back."""

    group: Text | None
    start: Start
    max_poll_records: Count
    fetch_wait_milliseconds: Milliseconds
    session_timeout_seconds: Seconds
    warm_start_records: WarmStart


@attrs.frozen
class KafkaSettings:
    """The broker, the topic and the way there and back."""

    brokers: Brokers
    client_id: Text
    topics: TopicSettings
    create_topic: bool
    partitions: Count
    replication_factor: Count
    min_insync_replicas: Count
    retention_hours: Hours
    retention_bytes_per_partition: Bytes
    compression: Compression
    linger_milliseconds: Linger
    max_batch_bytes: Bytes
    max_message_bytes: Bytes
    max_in_flight_records: Count
    connect_timeout_seconds: Seconds
    ride_out_seconds: Seconds
    security: SecuritySettings
    schema_registry: SchemaRegistrySettings
    consumer: ConsumerSettings

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require that records can be written and a batch can be sent."""
        yield from _at_most(self, "min_insync_replicas", "replication_factor")
        yield from _at_most(self, "max_batch_bytes", "max_message_bytes")


@attrs.frozen
class MarketSettings:
    """The view of the market that a consumer keeps."""

    stale_after_heartbeats: Rate
    proven_only: bool
    spread_percent_digits: Digits


@attrs.frozen
class ViewSettings:
    """What is drawn on a terminal."""

    refresh_per_second: Rate
    reduced_motion: bool


@attrs.frozen
class WebSettings:
    """The page and its API."""

    listen: Address
    allowed_hosts: tuple[HostName, ...]
    cors_origins: tuple[Origin, ...]
    max_clients: Count
    token: Secret | None
    allow_without_token: bool

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require a token that cannot be guessed, and one where others than this machine can ask."""
        if self.token is not None and len(self.token.reveal()) < _SHORTEST_TOKEN:
            yield "token", f"expected {_SHORTEST_TOKEN} characters or more, received fewer"
        if self.token is not None and not re.fullmatch(r"[!-~]*", self.token.reveal()):
            yield "token", "expected visible ASCII characters without spaces: a header takes no others"
        host, _ = split(self.listen)
        if self.token is None and not self.allow_without_token and not is_loopback(host):
            remedy = "set APP__WEB__TOKEN in the environment or .env, or web.allow_without_token where all may look"
            yield "listen", f"other machines reach {shortened(host)}: {remedy}"


@attrs.frozen
class MetricsSettings:
    """Where metrics and health can be asked for."""

    listen: Address | None
    consume_listen: Address | None


@attrs.frozen
class LogSettings:
    """What is written to stderr."""

    level: LogLevel
    format: LogFormat
    repeat_seconds: Seconds
    summary_seconds: Seconds | None


@attrs.frozen
class Settings:
    """All of it."""

    venues: Mapping[Word, VenueSettings]
    reconnect: ReconnectSettings
    transport: TransportSettings
    book: BookSettings
    outbox: OutboxSettings
    kafka: KafkaSettings
    market: MarketSettings
    view: ViewSettings
    web: WebSettings
    metrics: MetricsSettings
    log: LogSettings
    event_loop: EventLoop
    shutdown_timeout_seconds: Seconds

    def relations(self) -> Iterator[tuple[str, str]]:
        """Require that a fresh snapshot does not call for the next one."""
        for name, venue in self.venues.items():
            limit, reseed = venue.snapshot_limit, self.book.reseed_below_levels
            if venue.enabled and limit is not None and reseed >= limit:
                yield (
                    "book.reseed_below_levels",
                    f"expected below venues.{name}.snapshot_limit ({limit}), received {reseed}",
                )


def _at_most(record: attrs.AttrsInstance, name: str, bound: str) -> Iterator[tuple[str, str]]:
    value, limit = getattr(record, name), getattr(record, bound)
    if value > limit:
        yield name, f"expected at most {bound} ({limit:.15g}), received {value:.15g}"

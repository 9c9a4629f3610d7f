"""What knows the exchanges: each of its stanza, and which instruments of it are followed here."""

from difflib import get_close_matches

from market_data.adapters.books import Engine, choose_engine
from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.transport.network import HttpTransport
from market_data.adapters.transport.settings import TransportSettings
from market_data.adapters.venues import DIALECTS
from market_data.adapters.venues.wire import Endpoint
from market_data.application.listing import Listings
from market_data.application.ports import Clock, Transport, Venue
from market_data.application.produce import VenuePlan
from market_data.application.shard import Shard
from market_data.config import Settings, VenueSettings
from market_data.domain.errors import UsageError
from market_data.domain.sync import SyncSettings

__all__ = [
    "make_endpoint",
    "make_engine",
    "make_listings",
    "make_plans",
    "make_sync_settings",
    "make_transport",
    "make_venue",
]

_UNWEIGHED_PER_MINUTE = 60
_MINUTES_BURST_SECONDS = 10.0
"""What an exchange counts by the minute may go in bursts."""
_SECONDS_BURST_SECONDS = 1.0
"""What it counts by the second, or a few of them, may not."""
_DEFAULT_SNAPSHOT_LIMIT = 1000
_LISTINGS_REFRESH_SECONDS = 60.0
_READ_TURN_SECONDS = 0.005
"""Timers add up to a millisecond to it."""


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
        book_levels=settings.book_levels,
    )


def make_engine(settings: Settings) -> Engine:
    """Choose what keeps the books.

    Raises:
        UsageError: it is not installed.
    """
    return choose_engine(settings.book.engine)


def make_plans(settings: Settings, shard: Shard | None, engine: Engine) -> list[VenuePlan]:
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
            _MINUTES_BURST_SECONDS if venue.request_weight_per_minute is not None else _SECONDS_BURST_SECONDS,
            venue.listings_refresh_seconds or _LISTINGS_REFRESH_SECONDS,
            engine.books,
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
            loopback_only=transport.loopback_only,
            max_wait_seconds=settings.reconnect.max_backoff_seconds,
            max_ban_seconds=settings.reconnect.max_ban_seconds,
            read_turn_seconds=_READ_TURN_SECONDS if settings.kafka.linger_milliseconds == "auto" else 0.0,
        ),
        clock,
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

"""What ``consume``, ``verify`` and ``check`` are made of."""

from market_data.adapters.histograms import SignedHistogram
from market_data.application.check import Check, CheckSettings
from market_data.application.consume import Consumer
from market_data.application.latency import LatencyMeasurement
from market_data.application.ports import Clock, Display, Subscriber, Telemetry, Transport
from market_data.application.probe import TopicProbe
from market_data.application.produce import VenuePlan
from market_data.application.verify import Verification
from market_data.config import Settings
from market_data.domain.market import Market
from market_data.factories.schemas import make_registry
from market_data.factories.venues import make_venue

__all__ = ["make_check", "make_consumer", "make_latency", "make_verification"]


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
        configured=[f"{name}:{symbol}" for name, venue in settings.venues.items() for symbol in venue.instruments],
    )


def make_verification(settings: Settings, subscriber: Subscriber, probe: TopicProbe, clock: Clock) -> Verification:
    """Make one run of ``verify``."""
    stale_after = settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds
    return Verification(subscriber, probe, settings.kafka.topics.books, stale_after, clock)


def make_latency(settings: Settings, subscriber: Subscriber, transport: Transport, clock: Clock) -> LatencyMeasurement:
    """Make one run of ``latency``."""
    venues = [make_venue(name, venue) for name, venue in settings.venues.items() if venue.enabled]
    return LatencyMeasurement(subscriber, venues, transport, clock, SignedHistogram)


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
        make_registry(settings),
    )

"""What lets a run be looked at: where it listens, what it says of itself, what the log sums up."""

from market_data.adapters.telemetry.listener import HttpListener, NoListener
from market_data.application.consume import Consumer
from market_data.application.health import ConsumerHealth, ProducerHealth
from market_data.application.measures import Measures
from market_data.application.monitored import Monitored
from market_data.application.ports import Clock, Listener, Telemetry
from market_data.application.produce import Producer
from market_data.application.summary import CONSUMED, PRODUCED, Summary
from market_data.config import Settings

__all__ = ["make_consume_monitored", "make_listener", "make_produce_monitored"]


def make_produce_monitored(
    settings: Settings, producer: Producer, measures: Measures, clock: Clock, telemetry: Telemetry
) -> Monitored:
    """Let a run of ``produce`` be looked at."""
    return Monitored(
        make_listener(settings.metrics.listen, "metrics.listen", measures, telemetry),
        ProducerHealth(producer, clock),
        Summary(PRODUCED, measures, clock, telemetry, settings.log.summary_seconds),
    )


def make_consume_monitored(
    settings: Settings, consumer: Consumer, measures: Measures, clock: Clock, telemetry: Telemetry, *, is_drawn: bool
) -> Monitored:
    """Let a run of ``consume`` be looked at; ``is_drawn``: a person does, so that no line has to sum it up."""
    return Monitored(
        make_listener(settings.metrics.consume_listen, "metrics.consume_listen", measures, telemetry),
        ConsumerHealth(consumer, clock),
        Summary(CONSUMED, measures, clock, telemetry, None if is_drawn else settings.log.summary_seconds),
    )


def make_listener(address: str | None, setting: str, measures: Measures, telemetry: Telemetry) -> Listener:
    """Listen at ``host:port``, as this setting has it; None: nowhere."""
    if address is None:
        return NoListener()
    host, _, port = address.rpartition(":")
    return HttpListener(host.strip("[]"), int(port), setting, measures, telemetry)

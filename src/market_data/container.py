"""The composition root: what is made once, what each time, and what is handed to whom.

It alone imports dependency_injector. It constructs and does nothing else: what must be opened is opened by the
application, inside its own scopes. Providers are the typed functions of ``factories``, so that mypy sees what is handed
to whom, and one test builds every provider for every settings file.
"""

import os
from pathlib import Path

from dependency_injector import containers, providers

from market_data.adapters.clock import SystemClock
from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.lines import JsonDisplay, LinesDisplay
from market_data.adapters.supervisor import make_supervisor
from market_data.adapters.telemetry.logs import LogTelemetry
from market_data.application.measures import Measures
from market_data.application.shard import Shard
from market_data.config import Settings
from market_data.factories.asking import make_check, make_consumer, make_latency, make_verification
from market_data.factories.producing import make_input_log, make_outbox, make_producer, make_publisher, make_run
from market_data.factories.reading import make_cluster, make_market, make_probe, make_subscriber, make_topic
from market_data.factories.showing import make_screen, make_web_display
from market_data.factories.venues import make_engine, make_plans, make_sync_settings, make_transport

__all__ = ["Container", "make_sync_settings"]


class Container(containers.DeclarativeContainer):
    """All there is, by role. ``settings``, ``view``, ``title``, ``depth``, ``tell_address``, ``shard`` and
    ``input_log_folder`` come from the command line.
    """

    settings = providers.Dependency(instance_of=Settings)
    view = providers.Object("lines")
    title = providers.Object("Market data")
    depth = providers.Object(0)
    tell_address = providers.Object(print)
    shard: providers.Object[Shard | None] = providers.Object(None)
    input_log_folder: providers.Object[Path | None] = providers.Object(None)

    clock = providers.Singleton(SystemClock)
    measures = providers.Singleton(Measures)
    telemetry = providers.Singleton(LogTelemetry, measures)
    supervisor = providers.Singleton(make_supervisor, providers.Object(os.environ))
    run = providers.Singleton(make_run, clock)

    engine = providers.Singleton(make_engine, settings)
    plans = providers.Singleton(make_plans, settings, shard, engine)
    transport = providers.Singleton(make_transport, settings, clock)
    cluster = providers.Singleton(make_cluster, settings)
    topic = providers.Singleton(make_topic, settings)
    publisher = providers.Singleton(make_publisher, settings, cluster, topic, clock, telemetry)
    subscriber = providers.Singleton(make_subscriber, settings, cluster, topic, telemetry)
    outbox = providers.Singleton(make_outbox, settings, run)
    input_log = providers.Singleton(make_input_log, settings, input_log_folder, run, telemetry)
    producer = providers.Factory(
        make_producer, settings, plans, transport, publisher, outbox, clock, telemetry, supervisor, input_log
    )

    board = providers.Singleton(MessageBoard)
    display = providers.Selector(
        view,
        lines=providers.Singleton(LinesDisplay),
        json=providers.Singleton(JsonDisplay, depth=depth),
        table=providers.Singleton(make_screen, settings, title, board),
        web=providers.Singleton(make_web_display, settings, title, clock, telemetry, tell_address),
    )
    market = providers.Singleton(make_market, settings)
    probe = providers.Singleton(make_probe, cluster, topic)
    check = providers.Factory(make_check, settings, plans, transport, probe, clock)
    verification = providers.Factory(make_verification, settings, subscriber, probe, clock)
    latency = providers.Factory(make_latency, settings, subscriber, transport, clock)
    consumer = providers.Factory(make_consumer, settings, subscriber, market, display, clock, telemetry)

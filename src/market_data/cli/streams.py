"""The two halves of the river: ``produce`` and ``consume``."""

from pathlib import Path

import click

from market_data import __version__
from market_data.application import metrics
from market_data.application.bounded import ReadingEnd
from market_data.application.consume import ConsumeRequest
from market_data.application.ports import Start, Telemetry
from market_data.cli.browsing import tell_address
from market_data.cli.options import (
    Program,
    examples,
    load,
    motion,
    only_instruments,
    parse_duration,
    parse_end,
    parse_instruments,
    parse_number,
    parse_shard,
    parse_start,
    view_or_default,
    with_settings,
    with_view,
)
from market_data.cli.reloading import Reloading
from market_data.cli.running import run
from market_data.config import load_settings
from market_data.domain.errors import AppError, UsageError
from market_data.domain.printable import few, shortened
from market_data.factories.monitoring import make_consume_monitored, make_produce_monitored
from market_data.factories.venues import make_plans

__all__ = ["consume", "produce"]

_NAMED = 5
"""Instruments that a line names."""


@click.command(
    epilog=examples(
        "python -m app produce",
        "python -m app produce --env production",
        "python -m app produce --instruments binance:BTC-USDT,binance:SOL-USDT,coinbase:SOL-USD",
        "python -m app produce --set reconnect.max_backoff_seconds=10",
        "python -m app produce --shard 1/2",
    )
)
@with_settings
@click.option(
    "--instruments", metavar="VENUE:SYMBOL,...", help="These and no others, instead of those in the settings."
)
@click.option(
    "--shard", metavar="I/N", help="Only the I-th of N shares of the instruments, I from 1: one producer for each."
)
@click.option(
    "--input-log",
    "input_log_folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Record everything the books are made of in this folder, for troubleshooting.",
)
def produce(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    instruments: str | None,
    shard: str | None,
    input_log_folder: Path | None,
) -> None:
    """Follow the venues and publish their books until Ctrl-C.

    SIGHUP, where no terminal has a hold of it, makes it read the settings again: instruments that were added or removed
    follow without a gap for the others; whatever else has changed is named, and waits for the next start.

    With --shard, several producers share the instruments: which of them follows one is decided by a hash of its key
    (exchange:symbol), so that each falls to exactly one, and adding one moves no other.
    """
    share, keys = parse_shard(shard), parse_instruments(instruments)
    if keys is not None:
        overrides = (*overrides, *only_instruments(keys, load_settings(env, config_files, overrides).settings))
    program = load(env, config_files, overrides)
    program.container.shard.override(share)
    program.container.input_log_folder.override(input_log_folder)
    producer = program.container.producer()
    settings, telemetry, engine = program.loaded.settings, program.container.telemetry(), program.container.engine()
    if engine.advice is not None:
        telemetry.warn(engine.advice)
    about = {
        "run": program.container.run(),
        "engine": str(engine),
        **_about(program),
        "shard": "1/1" if share is None else str(share),
    }
    ours = [f"{plan.venue.name}:{symbol}" for plan in program.container.plans() for symbol in plan.symbols]
    telemetry.note("producing", **about, instruments=few(ours, _NAMED), count=len(ours))
    _tell_info(telemetry, program="produce", **about)
    measures, clock = program.container.measures(), program.container.clock()
    monitored = make_produce_monitored(settings, producer, measures, clock, telemetry)
    reloading = Reloading(
        program.loaded,
        lambda: load_settings(env, config_files, overrides),
        lambda settings: make_plans(settings, share, engine),
        producer.follow,
        telemetry,
        program.container.supervisor(),
    )
    undelivered = run(lambda stop: monitored.run(producer.run, stop), program.log, program.loop, reloading.reload)
    if undelivered:
        seconds = settings.shutdown_timeout_seconds
        raise AppError(f"{undelivered} records could not be delivered within {seconds:g} s (shutdown_timeout_seconds)")


@click.command(
    epilog=examples(
        "python -m app consume",
        "python -m app consume --view json --instruments coinbase:BTC-USD",
        "python -m app consume --from -15m --until latest --view json --depth 5 > books.jsonl",
        "python -m app consume --view web --open",
    )
)
@with_settings
@with_view
@click.option("--from", "start", metavar="WHEN", help="latest, earliest, an ISO time, or a span such as -15m.")
@click.option("--until", metavar="WHEN", help="End there: latest (as it is now), an ISO time, or a span such as -5m.")
@click.option("--count", metavar="N", help="End after N records.")
@click.option("--seconds", metavar="N", help="End after N seconds.")
@click.option("--depth", metavar="N", help="With --view json: N levels of each side.  [default: 0]")
@click.option("--instruments", metavar="VENUE:SYMBOL,...", help="Only these: binance:BTC-USDT,coinbase:BTC-USD.")
@click.option("--group", metavar="NAME", help="Share the topic with other members of this consumer group.")
@click.option("--proven-only", is_flag=True, help="Leave out what its exchange cannot prove.  [market.proven_only]")
def consume(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    view: str | None,
    start: str | None,
    until: str | None,
    count: str | None,
    seconds: str | None,
    depth: str | None,
    instruments: str | None,
    group: str | None,
    *,
    opens: bool,
    proven_only: bool,
    reduced_motion: bool,
) -> None:
    """Read the topic and show best bid and ask, mid and spread of every instrument.

    Without --group all partitions are read and nothing is committed: two terminals both show the whole market. A book
    of which its exchange can prove nothing is marked by a ?.
    """
    view, levels = view_or_default(view, opens=opens), parse_number("--depth", depth, 0)
    if levels and view != "json":
        raise UsageError("--depth: levels are shown by --view json alone")
    program = load(env, config_files, (*overrides, *motion(reduced_motion=reduced_motion)), view)
    program.container.depth.override(levels or 0)
    program.container.tell_address.override(tell_address(opens=opens))
    settings, market = program.loaded.settings.kafka.consumer, program.loaded.settings.market
    begin, group = parse_start(start or settings.start), group or settings.group
    request = ConsumeRequest(
        begin,
        group,
        parse_instruments(instruments),
        proven_only=proven_only or market.proven_only,
        end=_end_of(program, begin, until, group),
        most_records=parse_number("--count", count, 1),
        seconds=parse_duration("--seconds", seconds),
    )
    consumer, tell = program.container.consumer(), program.container.telemetry()
    about = _about(program)
    tell.note("consuming", **about, group=group, view=view)
    _tell_info(tell, program="consume", **about)
    measures, clock = program.container.measures(), program.container.clock()
    monitored = make_consume_monitored(
        program.loaded.settings, consumer, measures, clock, tell, is_drawn=view == "table"
    )
    run(lambda stop: monitored.run(lambda stopped: consumer.run(request, stopped), stop), program.log, program.loop)
    proof = consumer.reading.proof
    counts = {"records": consumer.reading.records, "holes": proof.holes, "foreign": proof.foreign}
    if not consumer.reading.records:
        return
    if proof.is_proven:
        tell.note("order proven", **counts)
    else:
        tell.warn("ORDER NOT PROVEN: see verify", **counts, doubled=proof.doubles, out_of_order=proof.disorder)


def _end_of(program: Program, begin: Start, until: str | None, group: str | None) -> ReadingEnd | None:
    """Say where reading ends.

    Raises:
        UsageError: that is no time, or not after the beginning; or nobody can tell when it is reached.
    """
    if until is None:
        return None
    if group is not None:
        raise UsageError("--until: a group shares the reading, so no member knows when it has come to an end")
    end = parse_end(until)
    if isinstance(begin.at, int) and end <= begin.at:
        raise UsageError(f"--until: expected a time after --from ({begin}), received {shortened(until)!r}")
    return ReadingEnd(program.container.probe(), program.container.clock(), end)


def _about(started: Program) -> dict[str, str]:
    """Say what runs, as far as both commands have it."""
    return {
        "version": __version__,
        "event_loop": str(started.loop),
        "client_id": started.loaded.settings.kafka.client_id,
    }


def _tell_info(telemetry: Telemetry, **about: str) -> None:
    labels = tuple(about.get(name, "") for name in metrics.INFO.labels)
    telemetry.watch(lambda: [(metrics.INFO, labels, 1)])

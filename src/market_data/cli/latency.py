"""How long records are on their way, hop by hop."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from market_data.adapters.console.plain import in_columns
from market_data.adapters.console.progress import progress
from market_data.application.latency import VenueLatency
from market_data.cli.options import SECONDS, examples, load, parse_instruments, with_settings
from market_data.cli.output import say
from market_data.cli.running import run
from market_data.domain.errors import AppError
from market_data.domain.latency import Hop

__all__ = ["latency"]

_SHARES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
_USEFUL_DOUBT_SECONDS = 0.05
"""A clock that is known no better says nothing about a hop."""
_WITH_VENUES_CLOCK = (Hop.RECEIVED, Hop.WHOLE)


@click.command(
    epilog=examples(
        "python -m app latency",
        "python -m app latency --seconds 60 --instruments binance:BTC-USDT",
        "python -m app latency --json | jq 'select(.hop == \"venue to reader\") | .p99'",
    )
)
@with_settings
@click.option("--seconds", type=SECONDS, metavar="N", default=10.0, show_default=True, help="How long to measure.")
@click.option("--instruments", metavar="VENUE:SYMBOL,...", help="Only these: binance:BTC-USDT,coinbase:BTC-USD.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a venue and hop, in µs.")
def latency(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    seconds: float,
    instruments: str | None,
    *,
    is_json: bool,
) -> None:
    """Measure what is published from now on: from the venue to the socket, the topic, and this reader, in ms.

    Live records with news count. Nothing below zero is hidden: there two clocks differ. The venues are asked the time,
    and what is left once that difference is allowed for is told beside. Status 1 if nothing live was published.
    """
    program = load(env, config_files, overrides)
    keys = parse_instruments(instruments)
    job = program.container.latency()
    with progress(f"measuring for {seconds:g} s"):
        measured = run(lambda stop: job.run(seconds, keys, stop), program.log, program.loop)
    lines = _in_json(measured) if is_json else _in_columns(measured)
    for line in lines:
        say(line)
    if not any(hop.count for each in measured for hop in each.hops.values()):
        raise AppError(f"nothing live was published within {seconds:g} s: is a producer running?")


def _in_json(measured: Sequence[VenueLatency]) -> Iterator[str]:
    for each in measured:
        clock = None
        if each.offset is not None:
            clock = {"ahead": round(each.offset.seconds * 1e6), "doubt": round(each.offset.doubt_seconds * 1e6)}
        for hop, values in each.hops.items():
            if values.count:
                shares = {name: values.percentile(share) for name, share in _SHARES.items()}
                yield json.dumps(
                    {"exchange": each.exchange, "hop": hop, "count": values.count, **shares, "venue_clock": clock}
                )


def _in_columns(measured: Sequence[VenueLatency]) -> Iterator[str]:
    rows = [row for each in measured for row in _rows(each)]
    if rows:
        yield from in_columns([("exchange", "hop, ms", "records", *_SHARES), *rows], right=range(2, 8))
    for each in measured:
        if each.offset is not None:
            offset, doubt = each.offset.seconds * 1e3, each.offset.doubt_seconds * 1e3
            way = "ahead of" if offset > 0 else "behind"
            yield f"{each.exchange}: its clock is {abs(offset):,.1f} ms {way} ours, give or take {doubt:,.1f} ms"
        else:
            why = each.problem or "it is not enabled in the settings, or gave no answer in time"
            yield f"{each.exchange}: its clock could not be compared with ours: {why}"


def _rows(each: VenueLatency) -> Iterator[tuple[str, ...]]:
    for hop, values in each.hops.items():
        if not values.count:
            continue
        shares = [values.percentile(share) for share in _SHARES.values()]
        yield (each.exchange, hop, f"{values.count:,}", *map(_ms, shares))
        if each.offset is not None and each.offset.doubt_seconds < _USEFUL_DOUBT_SECONDS and hop in _WITH_VENUES_CLOCK:
            moved = [share + each.offset.seconds * 1e6 for share in shares]
            yield (each.exchange, f"{hop}, by one clock", "", *map(_ms, moved))


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1e3:,.2f}"

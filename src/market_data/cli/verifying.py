"""``verify``: what the topic proves, and whether it is as required, for people and for what watches."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
import click

from market_data.adapters.console.plain import counted, in_columns
from market_data.adapters.console.progress import progress
from market_data.application.reports import KeyReport, ProducerState, Requirements, share_in_words
from market_data.application.verify import VerifyRequest
from market_data.cli.options import (
    SECONDS,
    examples,
    load,
    parse_duration,
    parse_instruments,
    parse_share,
    parse_start,
    with_settings,
)
from market_data.cli.output import say
from market_data.cli.running import run
from market_data.domain.errors import AppError
from market_data.domain.spans import span

__all__ = ["verify"]

_NAMED = 20
"""Instruments that are named where they fail; of more it says how many."""
_NOTHING = "nothing was read, nothing is proven"


@click.command(
    epilog=examples(
        "python -m app verify",
        "python -m app verify --from -15m --instruments coinbase:BTC-USD",
        "python -m app verify --from latest --seconds 60 --json",
        "python -m app verify --from -15m --max-age 30s --require-live 99.9% --no-foreign",
    )
)
@with_settings
@click.option(
    "--from", "start", metavar="WHEN", default="earliest", show_default=True, help="Where to begin: as consume."
)
@click.option(
    "--seconds",
    type=SECONDS,
    metavar="N",
    help="Read for so long, what comes too.  [default: to the end as it is now]",
)
@click.option(
    "--instruments",
    metavar="VENUE:SYMBOL,...",
    help="Only these, and one without a record fails: binance:BTC-USDT,coinbase:BTC-USD.",
)
@click.option("--max-age", metavar="TIME", help="Fail where the last record is older: 30s, 5m, 1h or seconds.")
@click.option("--require-live", metavar="SHARE", help="Fail where a book was live for less of the time: 99.9%.")
@click.option("--no-foreign", is_flag=True, help="Fail where another producer published the same instrument.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object an instrument.")
def verify(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    start: str,
    seconds: float | None,
    instruments: str | None,
    max_age: str | None,
    require_live: str | None,
    *,
    no_foreign: bool,
    is_json: bool,
) -> None:
    """Read the topic and prove that nothing is missing, doubled or out of order, instrument by instrument.

    Status 1 if anything is unexplained or unreadable, if nothing was read, or if it is ended early. What was merged
    under pressure is counted (conflated) and explained; so is another producer of the same instrument (foreign).

    Of each instrument it says whether its producer still speaks, has ended, or fell silent. A topic whose producer
    ended may be proven all the same: to watch one, say by --max-age how old the last record may be.
    """
    program = load(env, config_files, overrides)
    requirements = Requirements(
        max_age_seconds=parse_duration("--max-age", max_age),
        live_share=parse_share("--require-live", require_live),
        is_alone=no_foreign,
        max_clock_skew_seconds=program.loaded.settings.book.max_clock_skew_seconds,
    )
    request = VerifyRequest(parse_start(start), seconds, parse_instruments(instruments), requirements)
    job = program.container.verification()
    with progress("reading the topic"):
        reports = run(lambda stop: job.run(request, stop), program.log, program.loop)
    for line in map(_as_json, reports) if is_json else _in_columns(reports):
        say(line)
    if job.is_cut_short:
        raise AppError("ended early: what was not read is not proven")
    if not reports:
        raise AppError(_NOTHING)
    if failed := [report for report in reports if not report.is_ok]:
        raise AppError(*_failures(failed))


_TITLES = (
    *("instrument", "records", "holes", "doubled", "disorder", "conflated", "epochs", "runs", "foreign"),
    *("live", "worst age", "last", "book by", "verdict"),
)


def _as_json(report: KeyReport) -> str:
    said = attrs.asdict(report, filter=attrs.filters.exclude("unmet"))
    summary = {"is_proven": report.is_proven, "is_ok": report.is_ok, "failures": report.failures}
    return json.dumps({**said, **summary, "verdict": report.verdict})


def _in_columns(reports: Sequence[KeyReport]) -> Iterable[str]:
    if not reports:
        return []
    rows = [
        (
            report.instrument,
            *(str(count) for count in (report.records, report.holes, report.doubles, report.disorder)),
            *(str(count) for count in (report.conflated, report.epochs, report.runs, report.foreign_runs)),
            "-" if report.live_share is None else share_in_words(report.live_share, 2),
            f"{report.worst_age_seconds:.3f} s",
            _last(report.age_seconds),
            report.proof or "-",
            report.verdict,
        )
        for report in reports
    ]
    return [*in_columns([_TITLES, *rows], right=range(1, len(_TITLES) - 2)), _summary(reports)]


def _last(age_seconds: float | None) -> str:
    if age_seconds is None:
        return "-"
    return f"{span(age_seconds)} ago" if age_seconds >= 0 else f"{span(-age_seconds)} ahead"


def _summary(reports: Sequence[KeyReport]) -> str:
    """Say it of all: ``1,234 records of 4 instruments (1 ended), order proven by contiguous publish_seq``."""
    records, unproven = sum(each.records for each in reports), sum(not each.is_proven for each in reports)
    states = Counter(each.state for each in reports if each.state not in (None, ProducerState.RUNNING))
    gone = f" ({', '.join(f'{count:,} {state}' for state, count in sorted(states.items()))})" if states else ""
    verdict = f"{unproven} of them NOT PROVEN" if unproven else "order proven by contiguous publish_seq"
    failed = sum(not each.is_ok for each in reports) - unproven
    required = f", {failed} NOT AS REQUIRED" if failed else ""
    return f"{counted(records, 'record')} of {counted(len(reports), 'instrument')}{gone}, {verdict}{required}"


def _failures(failed: Sequence[KeyReport]) -> list[str]:
    lines = [f"{report.instrument}: {', '.join(report.failures)}" for report in failed[:_NAMED]]
    more = len(failed) - _NAMED
    return [*lines, f"and {counted(more, 'instrument')} more, see the report"] if more > 0 else lines

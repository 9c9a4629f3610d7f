"""Commands that answer a question and end: ``instruments``, ``check`` and ``verify``."""

import json
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import attrs
import click

from market_data.adapters.console.plain import counted, in_columns
from market_data.adapters.console.progress import progress
from market_data.application.check import Finding
from market_data.application.verify import KeyReport, VerifyRequest
from market_data.cli.options import SECONDS, examples, load, parse_instruments, parse_start, with_settings
from market_data.cli.output import say
from market_data.cli.running import run, run_briefly
from market_data.domain.errors import AppError
from market_data.domain.instrument import Listing
from market_data.factories.venues import make_listings

__all__ = ["check", "instruments", "verify"]


@click.command(
    epilog=examples(
        "python -m app instruments",
        "python -m app instruments --exchange coinbase --search eth",
        "python -m app instruments --search btc --json | jq -r .symbol",
    )
)
@with_settings
@click.option("--exchange", metavar="NAME", help="Only this one, enabled or not.  [default: all that are enabled]")
@click.option("--search", metavar="TEXT", default="", help="Only symbols that contain this, in any case of letters.")
@click.option("--all", "is_all", is_flag=True, help="Also what is not traded now.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
def instruments(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    exchange: str | None,
    search: str,
    *,
    is_all: bool,
    is_json: bool,
) -> None:
    """List what the venues offer, asked now: exchange, symbol, the venue's own name, state, other names of the same."""
    program = load(env, config_files, overrides)
    listings = make_listings(program.loaded.settings, program.container.transport(), exchange)
    with progress("asking the venues"):
        offers = run_briefly(listings.ask, program.log, program.loop)
    found = [listing for offer in offers for listing in offer.listings if _matches(listing, search)]
    shown = [listing for listing in found if is_all or listing.is_tradable]
    if is_json:
        for line in map(_as_json, shown):
            say(line)
    else:
        _say_columns(shown)
    if sys.stdout.isatty() and not is_json and shown:
        say(_counted(shown, found))
    for offer in offers:
        if offer.unreadable:
            say(f"{offer.exchange}: {offer.unreadable:,} of its entries could not be read", err=True)
    problems = [f"{offer.exchange}: {offer.problem}" for offer in offers if offer.problem is not None]
    if not shown and not problems:
        problems = [_nothing(search, len(found))]
    if problems:
        raise AppError(*problems)


def _nothing(search: str, hidden: int) -> str:
    what = f"nothing matches {search!r}" if search else "nothing is listed"
    return f"{what} that is traded now: --all shows {hidden:,} more" if hidden else what


def _matches(listing: Listing, search: str) -> bool:
    names = (listing.instrument.symbol, listing.instrument.native, *listing.aliases)
    return any(search.upper() in name.upper() for name in names)


def _as_json(listing: Listing) -> str:
    instrument = listing.instrument
    return json.dumps(
        {
            "exchange": instrument.exchange,
            "symbol": instrument.symbol,
            "native": instrument.native,
            "is_tradable": listing.is_tradable,
            "state": listing.state,
            "aliases": listing.aliases,
        }
    )


def _say_columns(listings: Sequence[Listing]) -> None:
    rows = [
        (each.instrument.exchange, each.instrument.symbol, each.instrument.native, each.state, ",".join(each.aliases))
        for each in listings
    ]
    if not rows or not sys.stdout.isatty():
        for line in in_columns(rows):
            say(line)
        return
    titles, *lines = in_columns([("exchange", "symbol", "native", "state", "also"), *rows])
    say(titles, adorn=partial(click.style, underline=True))
    for line, each in zip(lines, listings, strict=True):
        say(line, adorn=str if each.is_tradable else partial(click.style, dim=True))


def _counted(shown: Sequence[Listing], found: Sequence[Listing]) -> str:
    hidden = len(found) - len(shown)
    return counted(len(shown), "instrument") + (
        f", {hidden:,} more are not traded now: --all shows them" if hidden else ""
    )


@click.command(
    epilog=examples(
        "python -m app check",
        "python -m app check --env production",
        "python -m app check && python -m app produce",
    )
)
@with_settings
def check(env: str | None, config_files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Test what a run needs: settings, each venue's REST, WebSocket and clock, broker and topic.

    One line each, with what to do where something is wrong; status 1 if anything is. Nothing is changed anywhere.
    """
    program = load(env, config_files, overrides)
    settings = program.loaded
    _tell(Finding("settings", is_ok=True, said=f"{settings.environment}, {len(settings.origins)} values, all good"))
    _tell(Finding("event loop", is_ok=True, said=str(program.loop)))
    engine = program.container.engine()
    _tell(Finding("book engine", is_ok=True, said=f"{engine}; {engine.advice}" if engine.advice else str(engine)))
    job = program.container.check()
    with progress("asking venues and broker"):
        is_well = run_briefly(lambda: job.run(_tell), program.log, program.loop)
    if not is_well:
        raise click.exceptions.Exit(1)


def _tell(finding: Finding) -> None:
    mark = click.style("ok  ", fg="green") if finding.is_ok else click.style("FAIL", fg="red", bold=True)
    say(f"{finding.subject:<18}  {finding.said}", adorn=f"{mark}  {{}}".format)


@click.command(
    epilog=examples(
        "python -m app verify",
        "python -m app verify --from -15m --instruments coinbase:BTC-USD",
        "python -m app verify --from latest --seconds 60 --json",
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
@click.option("--instruments", metavar="VENUE:SYMBOL,...", help="Only these: binance:BTC-USDT,coinbase:BTC-USD.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object an instrument.")
def verify(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    start: str,
    seconds: float | None,
    instruments: str | None,
    *,
    is_json: bool,
) -> None:
    """Read the topic and prove that nothing is missing, doubled or out of order, instrument by instrument.

    Status 1 if anything is unexplained or unreadable, if nothing was read, or if it is ended early. What was merged
    under pressure is counted (conflated) and explained; so is another producer of the same instrument (foreign).
    """
    program = load(env, config_files, overrides)
    request = VerifyRequest(parse_start(start), seconds, parse_instruments(instruments))
    job = program.container.verification()
    with progress("reading the topic"):
        reports = run(lambda stop: job.run(request, stop), program.log, program.loop)
    for line in map(_report_as_json, reports) if is_json else _reports_in_columns(reports):
        say(line)
    if job.is_cut_short:
        raise AppError("ended early: what was not read is not proven")
    if not reports or not all(report.is_proven for report in reports):
        raise click.exceptions.Exit(1)


_REPORT_TITLES = (
    *("instrument", "records", "holes", "doubled", "disorder", "conflated", "epochs", "runs", "foreign"),
    *("live", "worst age", "book by", "verdict"),
)


def _report_as_json(report: KeyReport) -> str:
    return json.dumps({**attrs.asdict(report), "is_proven": report.is_proven, "verdict": report.verdict})


def _reports_in_columns(reports: Sequence[KeyReport]) -> Iterable[str]:
    if not reports:
        return ["nothing was read, nothing is proven"]
    rows = [
        (
            report.instrument,
            *(str(count) for count in (report.records, report.holes, report.doubles, report.disorder)),
            *(str(count) for count in (report.conflated, report.epochs, report.runs, report.foreign_runs)),
            "-" if report.live_share is None else f"{report.live_share:.2%}",
            f"{report.worst_age_seconds:.3f} s",
            report.proof or "-",
            report.verdict,
        )
        for report in reports
    ]
    lines = in_columns([_REPORT_TITLES, *rows], right=range(1, len(_REPORT_TITLES) - 2))
    records, unproven = sum(each.records for each in reports), sum(not each.is_proven for each in reports)
    verdict = f"{unproven} of them NOT PROVEN" if unproven else "order proven by contiguous publish_seq"
    return [*lines, f"{counted(records, 'record')} of {counted(len(reports), 'instrument')}, {verdict}"]

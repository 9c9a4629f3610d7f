"""Commands that answer a question and end: ``instruments`` and ``check``."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs
import click

from market_data.adapters.console.plain import counted, in_columns
from market_data.adapters.console.progress import progress
from market_data.application.check import Finding
from market_data.cli.options import examples, load, with_settings
from market_data.cli.output import say
from market_data.cli.running import run_briefly
from market_data.domain.errors import AppError
from market_data.domain.instrument import Listing
from market_data.factories.venues import make_listings

__all__ = ["check", "instruments"]


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
        "python -m app check --json | jq -r 'select(.is_ok | not).said'",
    )
)
@with_settings
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line: subject, is_ok, said.")
def check(env: str | None, config_files: tuple[Path, ...], overrides: tuple[str, ...], *, is_json: bool) -> None:
    """Test what a run needs: settings, each venue's REST, WebSocket and clock, broker, topic, and its schema.

    One line each, with what to do where something is wrong; status 1 if anything is. Nothing is changed anywhere.
    """
    tell = _tell_as_json if is_json else _tell
    program = load(env, config_files, overrides)
    settings = program.loaded
    tell(Finding("settings", is_ok=True, said=f"{settings.environment}, {len(settings.origins)} values, all good"))
    tell(Finding("event loop", is_ok=True, said=str(program.loop)))
    engine = program.container.engine()
    tell(Finding("book engine", is_ok=True, said=f"{engine}; {engine.advice}" if engine.advice else str(engine)))
    job = program.container.check()
    with progress("asking venues and broker"):
        is_well = run_briefly(lambda: job.run(tell), program.log, program.loop)
    if not is_well:
        raise click.exceptions.Exit(1)


def _tell(finding: Finding) -> None:
    mark = click.style("ok  ", fg="green") if finding.is_ok else click.style("FAIL", fg="red", bold=True)
    say(f"{finding.subject:<18}  {finding.said}", adorn=f"{mark}  {{}}".format)


def _tell_as_json(finding: Finding) -> None:
    say(json.dumps(attrs.asdict(finding)))

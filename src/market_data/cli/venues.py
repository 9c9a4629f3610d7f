"""``venues``: what each exchange can prove of its books, what stays undetectable, and what it allows."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import click

from market_data.adapters.console.plain import in_columns
from market_data.application.ports import Venue
from market_data.cli.options import examples, with_settings
from market_data.cli.output import say
from market_data.config import VenueSettings, load_settings
from market_data.domain.continuity import Continuity, Proof
from market_data.factories.venues import make_venue

__all__ = ["venues"]

_TITLES = (
    *("exchange", "followed", "a loss refutes", "check", "size of a loss", "snapshot", "depth", "keepalive"),
    *("books/socket", "messages/s", "an hour", "REST"),
)


@attrs.frozen
class _Known:
    """One stanza, and the exchange that is made of it."""

    name: str
    settings: VenueSettings
    venue: Venue

    @property
    def continuity(self) -> Continuity:
        return self.venue.continuity


@click.command(
    epilog=examples(
        "python -m app venues",
        "python -m app venues --json | jq -r 'select(.proof == \"none\").exchange'",
    )
)
@with_settings
@click.option("--json", "is_json", is_flag=True, help="One JSON object an exchange.")
def venues(env: str | None, config_files: tuple[Path, ...], overrides: tuple[str, ...], *, is_json: bool) -> None:
    """Say of each exchange, followed or not, what it can prove, what stays undetectable, and its limits.

    From what is known of their protocols and from the settings; nobody is asked.
    """
    settings = load_settings(env, config_files, overrides).settings
    known = [_Known(name, stanza, make_venue(name, stanza)) for name, stanza in settings.venues.items()]
    for line in map(_as_json, known) if is_json else (*_table(known), "", *_blind_spots(known)):
        say(line)


def _as_json(known: _Known) -> str:
    continuity, settings = known.continuity, known.settings
    return json.dumps(
        {
            "exchange": known.name,
            "dialect": settings.dialect,
            "is_followed": settings.enabled,
            "loss_scope": continuity.scope,
            "proof": continuity.proof,
            "proven_levels": continuity.proven_levels,
            "is_loss_counted": continuity.is_loss_counted,
            "snapshot": continuity.seed,
            "window": continuity.window,
            "levels": continuity.levels,
            "keepalive_message_seconds": known.venue.ping_seconds,
            "blind_spots": list(continuity.blind_spots),
            "instruments_per_connection": settings.instruments_per_connection,
            "messages_per_second": settings.messages_per_second,
            "messages_per_hour": known.venue.requests_per_hour,
            "connections_per_second": settings.connections_per_second,
            "requests_per_second": settings.requests_per_second,
            "request_weight_per_minute": settings.request_weight_per_minute,
        }
    )


def _table(known: Sequence[_Known]) -> list[str]:
    return in_columns([_TITLES, *map(_row, known)], right=range(8, len(_TITLES)))


def _row(known: _Known) -> Sequence[str]:
    continuity, settings = known.continuity, known.settings
    return (
        known.name,
        "yes" if settings.enabled else "no",
        continuity.scope,
        _check(continuity),
        "known" if continuity.is_loss_counted else "unknown",
        continuity.seed,
        continuity.window if continuity.levels is None else f"{continuity.levels}, {continuity.window}",
        "protocol" if known.venue.ping_seconds is None else f"message every {known.venue.ping_seconds:g} s",
        str(settings.instruments_per_connection),
        f"{settings.messages_per_second:g}",
        "any" if known.venue.requests_per_hour is None else f"{known.venue.requests_per_hour:,}",
        _rest(known),
    )


def _check(continuity: Continuity) -> str:
    if continuity.proof is Proof.CHECKSUM and continuity.proven_levels is not None:
        return f"{continuity.proof} of {continuity.proven_levels} levels"
    return continuity.proof


def _rest(known: _Known) -> str:
    settings = known.settings
    if settings.request_weight_per_minute is None and settings.requests_per_second is not None:
        return f"{settings.requests_per_second:g} requests/s"
    return f"{known.venue.weight_per_minute:,} weight/min"


def _blind_spots(known: Sequence[_Known]) -> Iterator[str]:
    yield "undetectable:"
    rows = [
        (each.name if at == 0 else "", spot)
        for each in known
        for at, spot in enumerate(each.continuity.blind_spots or ("nothing known",))
    ]
    yield from (f"  {line}" for line in in_columns(rows))

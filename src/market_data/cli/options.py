"""Options that several commands share, and what the words given to them mean."""

import math
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from market_data.application.ports import Start
from market_data.application.shard import Shard
from market_data.application.times import end_of, seconds_of, start_of
from market_data.cli.loops import Loop, choose_loop
from market_data.cli.output import say
from market_data.config import LoadedSettings, Settings, load_settings
from market_data.container import Container
from market_data.domain.errors import UsageError
from market_data.domain.instrument import key_of
from market_data.domain.printable import shortened
from market_data.logs import LogOutput, configure_logging

__all__ = [
    "SECONDS",
    "Program",
    "examples",
    "load",
    "motion",
    "only_instruments",
    "parse_duration",
    "parse_end",
    "parse_instruments",
    "parse_number",
    "parse_shard",
    "parse_share",
    "parse_start",
    "start_log",
    "view_or_default",
    "with_settings",
    "with_view",
]

F = TypeVar("F", bound=Callable[..., Any])

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?) ?(%?)", re.ASCII)
_SHARD = re.compile(r"^([1-9][0-9]{0,5})/([1-9][0-9]{0,5})$", re.ASCII)


@attrs.frozen
class Program:
    """What every command starts from."""

    loaded: LoadedSettings
    container: Container
    log: LogOutput
    loop: Loop


def examples(*commands: str) -> str:
    """Write what stands below a command's options: one line an example."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])


def with_settings(command: F) -> F:
    """Give a command the options that choose its settings."""
    for option in (
        click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="One setting, above all else."),
        click.option(
            "--config",
            "config_files",
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A settings file laid over the environment's; may be given again.",
        ),
        click.option("--env", metavar="NAME", help="Which config/NAME.yaml; default APP_ENV, else local."),
    ):
        command = option(command)
    return command


def with_view(command: F) -> F:
    """Give a command the choice of how the market is shown."""
    for option in (
        click.option("--open", "opens", is_flag=True, help="With --view web: open the page in a browser, too."),
        click.option(
            "--reduced-motion", is_flag=True, help="With --view table: nothing flashes.  [view.reduced_motion]"
        ),
        click.option(
            "--view",
            type=click.Choice(["table", "lines", "json", "web"]),
            help="How to show it; web is a page for browsers.  [default: table on a terminal, else lines]",
        ),
    ):
        command = option(command)
    return command


def motion(*, reduced_motion: bool) -> tuple[str, ...]:
    """Say in ``--set`` terms that nothing shall flash, where that is asked for."""
    return ("view.reduced_motion=true",) if reduced_motion else ()


def view_or_default(view: str | None, *, opens: bool = False) -> str:
    """Choose the view: a table needs a terminal that can be drawn on; anything else gets lines.

    Raises:
        UsageError: there is nothing to open.
    """
    if opens and view != "web":
        raise UsageError("--open: opens the page of --view web, add that")
    can_draw = sys.stdout.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    if view == "table" and not can_draw:
        say("stdout is not a terminal that a table can be drawn on: showing lines instead", err=True)
    return "lines" if view in (None, "table") and not can_draw else view or "table"


def load(env: str | None, config_files: Sequence[Path], overrides: Sequence[str], view: str = "lines") -> Program:
    """Read the settings, start the log, and make the container.

    Raises:
        SettingsError: with every fault of every source.
        UsageError: the event loop asked for is not installed.
    """
    loaded = load_settings(env, config_files, overrides)
    loop = choose_loop(loaded.settings.event_loop)
    container = Container(settings=loaded.settings)
    container.view.override(view)
    return Program(loaded, container, start_log(loaded, container, view), loop)


def start_log(loaded: LoadedSettings, container: Container, view: str) -> LogOutput:
    """Write the log to stderr; where a table is drawn on the same terminal, by way of it."""
    log = loaded.settings.log
    stream = container.board() if view == "table" and sys.stderr.isatty() else sys.stderr
    return configure_logging(log.level, log.format, stream, repeat_seconds=log.repeat_seconds)


def parse_instruments(text: str | None) -> tuple[str, ...] | None:
    """Read ``binance:BTC-USDT,coinbase:BTC-USD``, in any case of letters.

    Raises:
        UsageError: it is not of that form.
    """
    if text is None:
        return None
    try:
        keys = [key_of(part) for part in filter(None, map(str.strip, text.split(",")))]
    except UsageError as error:
        raise UsageError(f"--instruments: {error}") from error
    if not keys:
        raise UsageError("--instruments: expected VENUE:BASE-QUOTE, several with commas, received nothing")
    return tuple(dict.fromkeys(keys))


def only_instruments(keys: Sequence[str], settings: Settings) -> list[str]:
    """Say in ``--set`` terms that these instruments are followed and no others, their venues enabled or not.

    Raises:
        UsageError: there is no such venue.
    """
    wanted: dict[str, list[str]] = {name: [] for name in settings.venues}
    for key in keys:
        venue, _, symbol = key.partition(":")
        if venue not in wanted:
            nearest = get_close_matches(venue, wanted, n=1)
            hint = f" (did you mean {nearest[0]}?)" if nearest else f", expected one of {', '.join(sorted(wanted))}"
            raise UsageError(f"--instruments: the settings know no venue {venue}{hint}")
        wanted[venue].append(symbol)
    overrides = []
    for venue, symbols in wanted.items():
        overrides.append(f"venues.{venue}.enabled={'true' if symbols else 'false'}")
        if symbols:
            overrides.append(f"venues.{venue}.instruments=[{', '.join(symbols)}]")
    return overrides


def parse_shard(text: str | None) -> Shard | None:
    """Read ``1/3``: the first of three.

    Raises:
        UsageError: it is not of that form, or there is no such shard.
    """
    if text is None:
        return None
    found = _SHARD.match(text)
    if found is None or int(found.group(1)) > int(found.group(2)):
        raise UsageError(f"--shard: expected I/N with I from 1 to N, such as 1/3, received {shortened(text)!r}")
    return Shard(int(found.group(1)), int(found.group(2)))


class _Seconds(click.FloatRange):
    """A number of seconds above 0 that ends."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


SECONDS = _Seconds(min=0, min_open=True)
"""The type of an option that says how long."""


@contextmanager
def _naming(option: str) -> Generator[None]:
    """Say of which option it is what is said of its value."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error


def parse_start(text: str) -> Start:
    """Read where reading begins: ``latest``, ``earliest``, an ISO time, or a span such as ``-15m``.

    Raises:
        UsageError: it is none of these.
    """
    with _naming("--from"):
        return start_of(text, time.time_ns() // 1000)


def parse_end(text: str) -> int:
    """Read where reading ends, µs since 1970 UTC: ``latest`` (as it is now), an ISO time, or a span such as ``-15m``.

    Raises:
        UsageError: it is none of these.
    """
    with _naming("--until"):
        return end_of(text, time.time_ns() // 1000)


def parse_duration(option: str, text: str | None) -> float | None:
    """Read how long, in seconds: ``30s``, ``5m``, ``1h``, or a plain number of seconds.

    Raises:
        UsageError: it is none of these.
    """
    if text is None:
        return None
    with _naming(option):
        return seconds_of(text)


def parse_number(option: str, text: str | None, least: int) -> int | None:
    """Read how many.

    Raises:
        UsageError: it is no whole number, or below the least.
    """
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None or int(text) < least:
        raise UsageError(f"{option}: expected a whole number from {least}, received {shortened(text)!r}")
    return int(text)


def parse_share(option: str, text: str | None) -> float | None:
    """Read a share, 0 to 1: ``99.9%`` or ``0.999``.

    Raises:
        UsageError: it is no share.
    """
    if text is None:
        return None
    found = _SHARE.fullmatch(text)
    share = Decimal(found[1]) / (100 if found[2] else 1) if found is not None else Decimal(-1)
    if not 0 <= share <= 1:
        hint = f" (did you mean {text}%?)" if found is not None and not found[2] and 1 < share <= 100 else ""
        raise UsageError(f"{option}: expected a share such as 99.9% or 0.999, received {shortened(text)!r}{hint}")
    return float(share)

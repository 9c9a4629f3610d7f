"""The command line: options in, one line of JSON out, and then it runs until it is told to stop."""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
import click

from market_data_sandbox.errors import SandboxError
from market_data_sandbox.faults import ready_made_scripts
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.server import serve

__all__ = ["main"]

_EXAMPLES = """
\b
Examples:
  python -m sandbox
      a random market of two instruments a venue, and a broker
  python -m sandbox --instruments binance:SOL-USDT,coinbase:SOL-USD --rate 50 --seed 7
  python -m sandbox --capture btcusdt_20240808.gz btcusdt_20240809.gz --speed max
      recorded frames, as fast as they are taken
  python -m sandbox --faults mixed --truth-file truth.jsonl
      a market with something going wrong every few seconds, and the true books to compare with

It prints its addresses as one line of JSON, and the path of a settings file that leads an application to them.
Ctrl-C or SIGTERM ends it.
"""


class _Speed(click.ParamType[float | str]):
    name = "N|max"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "max":
            return "max"
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if speed <= 0:
            self.fail(f"expected a number above 0, or max, received {value!r}", param, ctx)
        return speed


class _Venues(click.ParamType[tuple[Venue, ...]]):
    name = "VENUE,...|all"

    def convert(
        self, value: str | tuple[Venue, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Venue, ...]:
        if isinstance(value, tuple):
            return value
        if value == "all":
            return tuple(Venue)
        names = [name.strip() for name in value.split(",")]
        if unknown := [name for name in names if name not in set(Venue)]:
            self.fail(f"expected all, or some of {', '.join(Venue)}, received {unknown[0]!r}", param, ctx)
        return tuple(dict.fromkeys(map(Venue, names)))


class _Instruments(click.ParamType[dict[Venue, tuple[str, ...]]]):
    name = "VENUE:SYMBOL,..."

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[Venue, tuple[str, ...]]:
        chosen: dict[Venue, tuple[str, ...]] = {}
        for text in value.split(","):
            name, _, symbol = text.strip().partition(":")
            base, _, quote = symbol.partition("-")
            if name not in set(Venue) or not base or not quote:
                known = ", ".join(Venue)
                self.fail(f"expected VENUE:BASE-QUOTE, a venue of {known}, received {text!r}", param, ctx)
            chosen[Venue(name)] = (*chosen.get(Venue(name), ()), symbol.upper())
        return chosen


_PATH = click.Path(path_type=Path, dir_okay=False)
_RECORDING = click.Path(path_type=Path, dir_okay=False, exists=True)


C = TypeVar("C", bound=Callable[..., object])


def _of_each_venue(command: C) -> C:
    """Add what can be chosen of each venue."""
    for venue in reversed(Venue):
        depth = click.option(
            f"--{venue}-depth", type=click.IntRange(50), help=f"Levels a side of {venue}'s market.  [its own]"
        )
        port = click.option(f"--{venue}-port", type=click.IntRange(0, 65535), default=0, help="0 is any free one.")
        command = depth(port(command))
    return command


@click.command(
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120, "show_default": True},
)
@click.option("--venues", type=_Venues(), default="all", help="Exchanges that run; those of --instruments do, too.")
@click.option(
    "--capture",
    "captures",
    type=_RECORDING,
    multiple=True,
    metavar="FILE...",
    help="Play these files of recorded frames, plain or gzip, in order. Their venue is recognised.",
)
@click.option(
    "--speed", type=_Speed(), default="1", help="How many times faster than recorded; max: as they are taken."
)
@click.option(
    "--wait-for", type=click.IntRange(1), default=1, help="Play when so many of its instruments are subscribed."
)
@click.option(
    "--snapshot-wait",
    type=click.FloatRange(0),
    default=5.0,
    help="Seconds that a recording waits at a recorded snapshot until somebody asks for it.",
)
@click.option("--seed", type=int, default=1, help="Seed of the random market.")
@click.option(
    "--instruments",
    type=_Instruments(),
    help="Instruments of the market, or which of a recording to tell of in the settings file.",
)
@click.option("--rate", type=click.FloatRange(0.01, 10_000), help="Changes per second and instrument.  [10 and 20]")
@click.option(
    "--faults",
    multiple=True,
    metavar="NAME|FILE",
    help=f"Do wrong what this script says; repeatable. Ready-made: {', '.join(ready_made_scripts())}.",
)
@click.argument("more_captures", nargs=-1, type=_RECORDING, metavar="[FILE]...")
@click.option("--settings-file", type=_PATH, help="Where to write the settings.  [a temporary folder]")
@click.option("--truth-file", type=_PATH, help="Append the true book at every sequence to this file, as JSON lines.")
@click.option("--broker/--no-broker", default=True, help="Run the embedded Kafka-protocol broker.")
@click.option("--clock-offset", type=float, default=0.0, help="Seconds that the exchanges' clocks are ahead of ours.")
@click.option("--ping-interval", type=click.FloatRange(0.1), default=20.0, help="Seconds between the servers' pings.")
@_of_each_venue
def main(
    *,
    venues: tuple[Venue, ...],
    captures: tuple[Path, ...],
    more_captures: tuple[Path, ...],
    speed: float | str,
    wait_for: int,
    snapshot_wait: float,
    seed: int,
    instruments: dict[Venue, tuple[str, ...]] | None,
    rate: float | None,
    faults: tuple[str, ...],
    settings_file: Path | None,
    truth_file: Path | None,
    broker: bool,
    clock_offset: float,
    ping_interval: float,
    **of_venues: int | None,
) -> None:
    """Run the outside world on loopback: exchanges and a broker, with a random market or recorded frames."""
    options = Options(
        venues=tuple(dict.fromkeys((*venues, *(instruments or ())))),
        captures=captures + more_captures,
        speed=None if isinstance(speed, str) else speed,
        wait_for=wait_for,
        snapshot_wait_seconds=snapshot_wait,
        seed=seed,
        instruments=instruments,
        rate=rate,
        depth={venue: depth for venue in Venue if (depth := of_venues[f"{venue}_depth"]) is not None},
        faults=faults,
        settings_file=settings_file,
        clock_offset_seconds=clock_offset,
        truth_file=truth_file,
        broker=broker,
        ports={venue: of_venues[f"{venue}_port"] or 0 for venue in Venue},
        ping_interval_seconds=ping_interval,
    )
    try:
        anyio.run(_run, options)
    except SandboxError as error:
        raise _failure(error) from error
    except BaseExceptionGroup as group:
        found: BaseException | None = group.subgroup(SandboxError)
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        if not isinstance(found, SandboxError):
            raise
        raise _failure(found) from group


class _Misuse(click.ClickException):
    exit_code = 2


def _failure(error: SandboxError) -> click.ClickException:
    return (_Misuse if error.is_misuse else click.ClickException)(str(error))


async def _run(options: Options) -> None:
    ignored = signal.SIG_IGN  # as nohup has it
    hang_up = [signal.SIGHUP] if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not ignored else []
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, *hang_up) as signals:
        async with serve(options) as running:
            sys.stdout.write(json.dumps(running.addresses()) + "\n")
            sys.stdout.flush()
            async for _ in signals:
                return

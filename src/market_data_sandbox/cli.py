"""The command line: options in, one line of JSON out, and then it runs until it is told to stop."""

import json
import signal
import sys
from pathlib import Path

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
                self.fail(f"expected binance:BASE-QUOTE or coinbase:BASE-QUOTE, received {text!r}", param, ctx)
            chosen[Venue(name)] = (*chosen.get(Venue(name), ()), symbol.upper())
        return chosen


_PATH = click.Path(path_type=Path, dir_okay=False)
_RECORDING = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120, "show_default": True},
)
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
@click.option("--binance-depth", type=click.IntRange(50), default=1200, help="Levels a side of Binance's market.")
@click.option("--coinbase-depth", type=click.IntRange(50), default=300, help="Levels a side of Coinbase's market.")
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
@click.option("--binance-port", type=click.IntRange(0, 65535), default=0, help="0 is any free one.")
@click.option("--coinbase-port", type=click.IntRange(0, 65535), default=0, help="0 is any free one.")
@click.option("--ping-interval", type=click.FloatRange(0.1), default=20.0, help="Seconds between the servers' pings.")
def main(
    *,
    captures: tuple[Path, ...],
    more_captures: tuple[Path, ...],
    speed: float | str,
    wait_for: int,
    snapshot_wait: float,
    seed: int,
    instruments: dict[Venue, tuple[str, ...]] | None,
    rate: float | None,
    binance_depth: int,
    coinbase_depth: int,
    faults: tuple[str, ...],
    settings_file: Path | None,
    truth_file: Path | None,
    broker: bool,
    binance_port: int,
    coinbase_port: int,
    ping_interval: float,
) -> None:
    """Run the outside world on loopback: Binance, Coinbase, and a broker, with a random market or recorded frames."""
    options = Options(
        captures=captures + more_captures,
        speed=None if isinstance(speed, str) else speed,
        wait_for=wait_for,
        snapshot_wait_seconds=snapshot_wait,
        seed=seed,
        instruments=instruments,
        rate=rate,
        depth={Venue.BINANCE: binance_depth, Venue.COINBASE: coinbase_depth},
        faults=faults,
        settings_file=settings_file,
        truth_file=truth_file,
        broker=broker,
        ports={Venue.BINANCE: binance_port, Venue.COINBASE: coinbase_port},
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

"""The front door: arguments to settings to container to ``anyio.run``; signals, and what each ending means.

Status 0: done, or ended by Ctrl-C, SIGTERM or a closed pipe. 1: it could not go on, or records could not be delivered.
2: what was asked for is wrong: a setting, an argument, an instrument that no venue lists.
"""

import math
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import anyio
import attrs
import click
from anyio.abc import TaskStatus

from app import __version__
from app.application.consume import ConsumeRequest
from app.application.ports import Start
from app.config import LoadedSettings, load_settings, render
from app.container import Container
from app.domain.errors import AppError, UsageError
from app.logs import LogOutput, configure_logging

__all__ = ["main"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_STOPPING_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_SECOND_SIGNAL_SECONDS = 1.0
_INSTRUMENT = re.compile(r"^[a-z0-9_]+:[A-Z0-9]+-[A-Z0-9]+$")
_SPAN = re.compile(r"^-(\d+(?:\.\d+)?)([smhd])$")
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@attrs.frozen
class _Program:
    """What every command starts from."""

    loaded: LoadedSettings
    container: Container
    log: LogOutput


def _with_settings(command: F) -> F:
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


def _load(env: str | None, config_files: Sequence[Path], overrides: Sequence[str]) -> _Program:
    loaded = load_settings(env, config_files, overrides)
    log = configure_logging(
        loaded.settings.log.level, loaded.settings.log.format, repeat_seconds=loaded.settings.log.repeat_seconds
    )
    return _Program(loaded, Container(settings=loaded.settings), log)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Settings: python -m app config --help.")
@click.version_option(__version__, prog_name="market-data")
def cli() -> None:
    """Order books of Binance and Coinbase, checked, normalised, and delivered in order through Kafka."""


@cli.command()
@_with_settings
def produce(env: str | None, config_files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Follow the venues and publish their books until Ctrl-C.

    \b
    Examples:
      python -m app produce
      python -m app produce --env production
      python -m app produce --set 'venues.binance.instruments=[BTC-USDT, SOL-USDT]'
    """
    program = _load(env, config_files, overrides)
    producer = program.container.producer()
    undelivered = _run(producer.run, program.log)
    if undelivered:
        seconds = program.loaded.settings.shutdown_timeout_seconds
        raise AppError(f"{undelivered} records could not be delivered within {seconds:g} s")


@cli.command()
@_with_settings
@click.option("--view", type=click.Choice(["lines", "json"]), default="lines", show_default=True, help="How to show it.")
@click.option("--from", "start", metavar="WHEN", help="latest, earliest, an ISO time, or a span such as -15m.")
@click.option("--instruments", metavar="VENUE:SYMBOL,…", help="Only these: binance:BTC-USDT,coinbase:BTC-USD.")
@click.option("--group", metavar="NAME", help="Share the topic with other members of this consumer group.")
def consume(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    view: str,
    start: str | None,
    instruments: str | None,
    group: str | None,
) -> None:
    """Read the topic and show best bid and ask, mid and spread of every instrument.

    Without --group all partitions are read and nothing is committed: two terminals both show the whole market.

    \b
    Examples:
      python -m app consume
      python -m app consume --view json --instruments coinbase:BTC-USD
      python -m app consume --from -15m --view lines
    """
    program = _load(env, config_files, overrides)
    container = program.container
    container.view.override(view)
    settings = program.loaded.settings.kafka.consumer
    request = ConsumeRequest(
        _parse_start(start or settings.start), group or settings.group, _parse_instruments(instruments)
    )
    consumer = container.consumer()
    _run(lambda stop: consumer.run(request, stop), program.log)


@cli.command()
@_with_settings
def config(env: str | None, config_files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Print the settings in effect, each with its origin; secrets are masked.

    \b
    Examples:
      python -m app config --env production
      python -m app config --set kafka.compression=zstd | grep compression
    """
    for line in render(load_settings(env, config_files, overrides)):
        click.echo(line)


def _parse_instruments(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    keys = frozenset(part.strip() for part in text.split(",") if part.strip())
    for key in keys:
        if not _INSTRUMENT.match(key):
            raise UsageError(f"--instruments: expected VENUE:BASE-QUOTE such as binance:BTC-USDT, received {key!r}")
    return keys


def _parse_start(text: str) -> Start:
    if text in ("latest", "earliest"):
        return Start(text)
    span = _SPAN.match(text)
    if span:
        seconds = float(span.group(1)) * _SPAN_SECONDS[span.group(2)]
        return Start(int((datetime.now(UTC).timestamp() - seconds) * 1_000_000))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        problem = f"--from: expected latest, earliest, an ISO time or a span such as -15m, received {text!r}"
        raise UsageError(problem) from error
    return Start(int((moment if moment.tzinfo else moment.astimezone()).timestamp() * 1_000_000))


def _run(job: Callable[[anyio.Event], Awaitable[T]], log: LogOutput) -> T:
    """Run until it is done or a signal asks it to stop; a second signal, a moment later, ends it at once.

    One Ctrl-C may reach a process twice, by its terminal and by a wrapper that passes it on: that is one wish, not two.
    """
    results: list[T] = []

    async def run() -> None:
        stop = anyio.Event()
        async with anyio.create_task_group() as tasks:

            async def watch(*, task_status: TaskStatus[None]) -> None:
                with anyio.open_signal_receiver(*_STOPPING_SIGNALS) as signals:
                    task_status.started()
                    stopped_at = math.inf
                    async for _ in signals:
                        if not stop.is_set():
                            stopped_at = anyio.current_time()
                            stop.set()
                        elif anyio.current_time() - stopped_at > _SECOND_SIGNAL_SECONDS:
                            tasks.cancel_scope.cancel()

            await tasks.start(watch)
            results.append(await job(stop))
            tasks.cancel_scope.cancel()

    try:
        anyio.run(run)
    except BaseExceptionGroup as group:
        raise _single(group) from group
    finally:
        log.close()
    if not results:
        raise AppError("ended by a second signal before the end was clean")
    return results[0]


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Find the one error that a person can do something about; a bug stays what it is."""
    leaves: list[BaseException] = [group]
    while any(isinstance(leaf, BaseExceptionGroup) for leaf in leaves):
        leaves = [
            part for leaf in leaves for part in (leaf.exceptions if isinstance(leaf, BaseExceptionGroup) else (leaf,))
        ]
    ours = [leaf for leaf in leaves if isinstance(leaf, (AppError, BrokenPipeError))]
    return ours[0] if len(ours) == len(leaves) else group


def _close_stdout() -> None:
    """Nobody reads any more: leave nothing for the interpreter's last flush to fail on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; what a person can mend is one line on stderr, never a traceback."""
    signal.signal(signal.SIGTERM, _end)
    try:
        cli.main(args=None if arguments is None else list(arguments), prog_name="python -m app", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 0
    except BrokenPipeError:
        _close_stdout()
        return 0
    except AppError as error:
        click.echo(str(error), err=True)
        return error.exit_status
    return 0

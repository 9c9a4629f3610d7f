"""All commands, and the one place where an error becomes a line and a status."""

import os
import signal
import sys
from collections.abc import Sequence

import click

from app import __version__
from app.cli.demo import demo
from app.cli.settings import config
from app.cli.streams import consume, produce
from app.domain.errors import AppError

__all__ = ["main"]

_EXAMPLES = """
\b
Examples:
  python -m app demo
  python -m app produce
  python -m app consume --view lines

What a setting is and where it comes from: python -m app config --help.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120}, epilog=_EXAMPLES)
@click.version_option(__version__, prog_name="market-data")
def cli() -> None:
    """Order books of Binance and Coinbase, checked, normalised, and delivered in order through Kafka."""


for _command in (config, consume, demo, produce):
    cli.add_command(_command)


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


def _close_stdout() -> None:
    """Nobody reads any more: leave nothing for the interpreter's last flush to fail on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(*_: object) -> None:
    raise KeyboardInterrupt

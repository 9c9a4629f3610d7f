"""All commands, and the one place where an error becomes a line and a status."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.shell_completion import shell_complete

from market_data import __version__
from market_data.adapters.books import choose_engine
from market_data.cli.demo import demo
from market_data.cli.health import health
from market_data.cli.latency import latency
from market_data.cli.output import close_stdout, open_streams, say
from market_data.cli.questions import check, instruments
from market_data.cli.running import advice_on, end_on_signals
from market_data.cli.sandbox import sandbox
from market_data.cli.settings import COMPLETION_VARIABLE, SCRIPT, completion, config
from market_data.cli.streams import consume, produce
from market_data.cli.venues import venues
from market_data.cli.verifying import verify
from market_data.domain.errors import AppError

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
@click.version_option(
    __version__,
    prog_name="market-data",
    message=f"%(prog)s, version %(version)s (book engine: {choose_engine('auto')})",
)
def cli() -> None:
    """Order books of crypto exchanges, checked, normalised, and delivered in order through Kafka."""


for _command in (
    check,
    completion,
    config,
    consume,
    demo,
    health,
    instruments,
    latency,
    produce,
    sandbox,
    venues,
    verify,
):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; what a person can mend is one line on stderr, never a traceback."""
    status = 0
    try:
        end_on_signals()
        open_streams()
        status = _invoke(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        status = ending.exit_code
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        pass
    except BrokenPipeError:
        close_stdout()
    except OSError as error:
        advice = advice_on(error)
        if advice is None:
            raise
        say(advice, err=True)
        close_stdout()
        status = 1
    except AppError as error:
        for line in error.lines:
            say(line, err=True)
        status = error.exit_status
    return status


def _invoke(arguments: Sequence[str]) -> int:
    """Do what ``cli.main()`` does, to which a closed pipe would be an error."""
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(cli, {}, SCRIPT, COMPLETION_VARIABLE, instruction)
    is_script = Path(sys.argv[0]).name.removesuffix(".exe") == SCRIPT
    with cli.make_context(SCRIPT if is_script else "python -m app", list(arguments)) as context:
        cli.invoke(context)
    return 0

"""``sandbox``: the exchanges and a broker on loopback, for tests of one's own."""

import os
import sys

import click

__all__ = ["sandbox"]


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run invented exchanges and a broker on loopback until Ctrl-C, for tests of one's own.

    It shares no code with this program, so it takes this process over: see sandbox --help.
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "market_data_sandbox", *arguments])  # noqa: S606 - no shell is meant

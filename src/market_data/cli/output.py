"""What the commands write: the one way to a terminal or a pipe, by which nothing from outside acts on either.

Text that stdout or stderr cannot encode is escaped as JSON escapes it, so that a symbol of another script is readable
as ASCII, and JSON stays JSON.
"""

import codecs
import json
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

import click

from market_data.domain.printable import printable

__all__ = ["close_stdout", "open_streams", "say"]

_ESCAPED = "market_data.escaped"


def say(text: str, *, err: bool = False, adorn: Callable[[str], str] = str) -> None:
    """Write one line to stdout or stderr, made printable; what ``adorn`` puts around it, such as colour, is kept."""
    click.echo(adorn(printable(text)), err=err)


def open_streams() -> None:
    """Have somewhere to write to, also where whoever started this has closed it, whatever it can encode."""
    codecs.register_error(_ESCAPED, _escape)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as we run
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)


def close_stdout() -> None:
    """Nobody reads any more: leave nothing for the interpreter's last flush to fail on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end

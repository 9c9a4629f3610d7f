"""Says that something is going on, where it takes longer than two seconds and somebody looks."""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["progress"]

_PATIENCE_SECONDS = 2.0


@contextmanager
def progress(what: str) -> Generator[None]:
    """Show what is being done, on stderr if that is a terminal, from two seconds after the beginning to the end."""
    if not sys.stderr.isatty():
        yield
        return
    status = Console(stderr=True).status(what)
    timer = threading.Timer(_PATIENCE_SECONDS, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()

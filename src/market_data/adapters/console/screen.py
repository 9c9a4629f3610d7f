"""The table on a terminal: the alternate screen, drawn anew a few times a second, and given back as it was found."""

import errno
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.table import Picture, draw
from market_data.application.ports import Clock, Display, Reading
from market_data.domain.market import Market, Quote

__all__ = ["TableDisplay"]

if sys.platform != "win32":
    import termios

    @contextmanager
    def _without_echo(stream: TextIO) -> Generator[None]:
        """Keep what is typed off the screen, and from the shell afterwards; Ctrl-C works as ever."""
        try:
            descriptor = stream.fileno()
            before = termios.tcgetattr(descriptor)
        except (OSError, ValueError, termios.error):  # no terminal there
            yield
            return
        quiet = [*before]
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
        try:
            yield
        finally:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)

else:

    @contextmanager
    def _without_echo(_stream: TextIO) -> Generator[None]:
        yield


class _Console(Console):
    """Leaves a closed pipe to whoever runs the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class TableDisplay(Display):
    """Draws only when ``refresh`` is called; lines of the log that come meanwhile are shown below the table."""

    def __init__(self, title: str, board: MessageBoard, clock: Clock, stream: TextIO | None = None) -> None:
        """``board`` is where the log writes to."""
        self._title = title
        self._board = board
        self._clock = clock
        self._stream = stream or sys.stdout
        self._live: Live | None = None

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:
        """Nothing yet: the market holds it for the next ``refresh``."""

    def refresh(self, market: Market, reading: Reading) -> None:
        """Draw the whole picture.

        Raises:
            BrokenPipeError: the terminal was closed.
        """
        if self._live is None:
            return
        now = reading.now or self._clock.now()
        console = self._live.console
        picture = Picture(
            self._title,
            market.quotes(),
            market.rates(now),
            reading,
            now,
            tuple(self._board.lines),
            "-" if console.options.ascii_only else "─",
        )
        with _closed_terminal_as_pipe():
            self._live.update(Group(*draw(picture, *console.size)), refresh=True)

    @contextmanager
    def open(self) -> Generator[None]:
        console = _Console(file=self._stream, highlight=False, emoji=False, markup=False)
        live = Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        with _without_echo(sys.stdin), self._board.held(), _closed_terminal_as_pipe(), live:
            self._live = live
            try:
                yield
            finally:
                self._live = None


@contextmanager
def _closed_terminal_as_pipe() -> Generator[None]:
    """Say of a terminal that was closed what is said of a pipe."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EIO:
            raise BrokenPipeError(errno.EPIPE, "the terminal was closed") from error
        raise

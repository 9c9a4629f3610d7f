"""The table on a terminal: the alternate screen, drawn anew a few times a second, and given back as it was found."""

import errno
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.table import Picture, draw
from market_data.adapters.console.terminal import borrowed
from market_data.application.ports import Clock, Display, Reading
from market_data.domain.market import Market, Quote
from market_data.domain.moment import Moment

__all__ = ["TableDisplay"]

_RATE_SECONDS = 5.0


class _Console(Console):
    """Leaves a closed pipe to whoever runs the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class TableDisplay(Display):
    """Draws only when ``refresh`` is called; lines of the log that come meanwhile are shown below the table.

    What a picture costs depends on the window, not on how many instruments there are.
    """

    def __init__(self, title: str, board: MessageBoard, clock: Clock, stream: TextIO | None = None) -> None:
        """``board`` is where the log writes to."""
        self._title = title
        self._board = board
        self._clock = clock
        self._stream = stream or sys.stdout
        self._live: Live | None = None
        self._counted_at: float | None = None
        self._counted = 0
        self._rate = 0.0

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
        width, height = console.size
        quotes = market.quotes(height)
        picture = Picture(
            self._title,
            quotes,
            len(market.keys()),
            market.count_live(),
            self._records_a_second(reading, now),
            market.rates(now, [quote.book.key for quote in quotes]),
            reading,
            now,
            tuple(self._board.lines),
            "-" if console.options.ascii_only else "─",
        )
        with _closed_terminal_as_pipe():
            self._live.update(Group(*draw(picture, width, height)), refresh=True)

    def _records_a_second(self, reading: Reading, now: Moment) -> float:
        """Count over the last few seconds."""
        if self._counted_at is None:
            self._counted_at = reading.started_at.mono
        span = now.mono - self._counted_at
        if span >= _RATE_SECONDS or (self._rate == 0.0 and span >= 1.0):
            self._rate = (reading.records - self._counted) / span
            self._counted_at, self._counted = now.mono, reading.records
        return self._rate

    @asynccontextmanager
    async def open(
        self,
        market: Market,  # noqa: ARG002
        reading: Reading,  # noqa: ARG002
        leave: Callable[[], None],  # noqa: ARG002
    ) -> AsyncGenerator[None]:
        console = _Console(file=self._stream, highlight=False, emoji=False, markup=False)
        live = Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        with borrowed(sys.stdin, self._stream), self._board.held(), _closed_terminal_as_pipe(), live:
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

"""The view ``table``: opens the screen on a terminal, and tells it when there is something new."""

import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TextIO

import anyio

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.terminal.scene import Scene, Symbols
from market_data.application.ports import Display, Reading
from market_data.domain.across import Across
from market_data.domain.market import Market
from market_data.domain.quote import Quote
from market_data.domain.watch import Watch

__all__ = ["TerminalDisplay"]

_END_SECONDS = 5.0


class _App(Protocol):
    """What is needed of the app."""

    failure: BaseException | None

    def picture(self) -> None: ...
    def exit(self) -> None: ...
    async def run_async(self) -> None: ...


class TerminalDisplay(Display):
    """Draws when ``refresh`` is called or a key is pressed; lines of the log that come meanwhile are among the events.

    What a picture costs depends on the window, not on how many instruments there are.
    """

    def __init__(
        self,
        title: str,
        board: MessageBoard,
        watch: Watch,
        across: Across,
        *,
        reduced_motion: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        """``board`` is where the log writes to; ``watch`` and ``across`` remember what is shown; with
        ``reduced_motion`` nothing flashes.
        """
        self._title = title
        self._board = board
        self._watch = watch
        self._across = across
        self._reduced_motion = reduced_motion
        self._stream = stream
        self._scene: Scene | None = None
        self._app: _App | None = None

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:  # noqa: ARG002
        """Take note of what happened; the market holds the rest for the next ``refresh``."""
        self._watch.take(quotes)
        self._across.take(quotes)

    def refresh(self, market: Market, reading: Reading) -> None:  # noqa: ARG002
        """Draw what has changed."""
        if self._app is not None and self._scene is not None:
            for line in self._board.take():
                self._watch.tell(line, self._scene.present)
            self._app.picture()

    @asynccontextmanager
    async def open(self, market: Market, reading: Reading, leave: Callable[[], None]) -> AsyncGenerator[None]:
        """As ``Display.open``.

        Raises:
            BrokenPipeError: the terminal was closed.
        """
        from market_data.adapters.console.terminal.app import TerminalApp  # noqa: PLC0415 - takes a third of a second

        stream = self._stream or sys.stdout
        self._scene = scene = Scene(
            self._title,
            market,
            reading,
            self._watch,
            self._across,
            symbols=Symbols.of(stream.encoding or "utf-8"),
            reduced_motion=self._reduced_motion,
        )
        ready = anyio.Event()
        app = TerminalApp(scene, leave, ready.set, stream)
        own_end = anyio.CancelScope(shield=True)
        with self._board.held():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_run, app, ready, own_end, name="screen")
                try:
                    await ready.wait()
                    self._app = app
                    yield
                finally:
                    self._app = None
                    app.exit()
                    own_end.deadline = anyio.current_time() + _END_SECONDS


async def _run(app: _App, ready: anyio.Event, own_end: anyio.CancelScope) -> None:
    """Run it to its end, which it comes to by itself, so that the terminal is given back in any case."""
    with own_end:
        try:
            await app.run_async()
        finally:
            ready.set()
    if app.failure is not None:
        raise app.failure

"""The screen as a Textual app: which view is seen, and the keys that hold for all of them."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import ClassVar, TextIO

from textual.app import App
from textual.binding import Binding, BindingType

from market_data.adapters.console.terminal.acrossscreen import AcrossScreen
from market_data.adapters.console.terminal.eventscreen import EventScreen
from market_data.adapters.console.terminal.help import HelpScreen
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.view import View
from market_data.adapters.console.terminal.watchscreen import WatchScreen

if sys.platform != "win32":
    from market_data.adapters.console.terminal.driver import TerminalDriver
    from market_data.adapters.console.terminal.modes import Terminal

__all__ = ["TerminalApp"]


_BASE = 2
"""Textual's own screen, and the watchlist on it."""
_VIEWS: Mapping[str, Callable[[Scene], View]] = {"across": AcrossScreen, "events": EventScreen, "help": HelpScreen}


class TerminalApp(App[None]):
    """One run of the screen. Its colours are the terminal's own, so that it can be read on light and dark ones."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    CSS = """
    Screen { layout: vertical; overflow: hidden; }
    LinePane { width: 1fr; height: 1; }
    #header { height: 3; }
    #list, #book, #ladder, #side, #detail { height: 1fr; }
    #ladder { width: 1fr; max-width: 84; }
    #side { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "quit"),
        Binding("ctrl+c", "leave", "quit", priority=True),
        Binding("space", "pause", "pause"),
        Binding("u", "zone", "UTC or local time"),
        Binding("x", "show('across')", "venues side by side"),
        Binding("e", "show('events')", "events"),
        Binding("question_mark", "show('help')", "help"),
    ]

    def __init__(
        self, scene: Scene, leave: Callable[[], None], on_ready: Callable[[], None], stream: TextIO | None = None
    ) -> None:
        """``leave`` is called when somebody has seen enough; ``on_ready`` once the first picture can be drawn."""
        super().__init__(ansi_color=True)
        if sys.platform != "win32" and stream is not None:
            self.terminal = Terminal.of(sys.__stdin__, stream)
            self.driver_class = TerminalDriver
        self.scene = scene
        self.failure: BaseException | None = None
        """What ended it, but for who looked."""
        self._owes_picture = False
        self._is_drawing = False
        """Parts of the last picture are yet to be written."""
        self._leave = leave
        self._tell_ready = on_ready
        self.theme = "ansi-dark"

    def on_load(self) -> None:
        """Leave the loop's tasks as they were: from Python 3.12 on Textual makes all of them eager, ours too."""
        asyncio.get_running_loop().set_task_factory(None)

    def on_mount(self) -> None:
        self.push_screen(WatchScreen(self.scene))
        self.call_after_refresh(self._tell_ready)

    def picture(self) -> None:
        """Draw what is seen anew, or once the terminal has taken the last picture."""
        self._owes_picture = bool(getattr(self._driver, "is_behind", False))
        if self.is_running and not self._owes_picture and isinstance(view := self.screen, View):
            if self.scene.pause is None:
                self.scene.reading.pictures.begin()
                self._is_drawing = True
                self.call_after_refresh(self._has_drawn)
            view.picture()

    def _has_drawn(self) -> None:
        """All parts of the picture are written, or wait for the terminal."""
        self._is_drawing = False
        if not getattr(self._driver, "is_behind", False):
            self.has_all()

    def has_all(self) -> None:
        """Take it that the terminal has all that was drawn."""
        if not self._is_drawing:
            self.scene.reading.pictures.end()

    def catch_up(self) -> None:
        """Draw what was left out while the terminal was behind."""
        if self._owes_picture:
            self.picture()

    def action_leave(self) -> None:
        self._leave()

    def action_show(self, name: str) -> None:
        """Open a view that is one of all instruments, on top of the list."""
        while len(self.screen_stack) > _BASE:
            self.pop_screen()
        self.push_screen(_VIEWS[name](self.scene))

    def action_pause(self) -> None:
        self.scene.turn_pause()
        self.picture()

    def action_zone(self) -> None:
        self.scene.is_utc = not self.scene.is_utc
        self.picture()

    def _handle_exception(self, error: Exception) -> None:
        """Leave it to whoever runs the program; Textual would print it, and what every variable held."""
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End with this."""
        if self.failure is None:
            self.failure = error
        self._close_messages_no_wait()

"""The view of all venues side by side."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from market_data.adapters.console.terminal.acrossview import AcrossView
from market_data.adapters.console.terminal.bookscreen import BookScreen
from market_data.adapters.console.terminal.header import HEADER_LINES
from market_data.adapters.console.terminal.panes import LinePane, ScrollPane
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.view import BACK, View

__all__ = ["AcrossScreen"]


class AcrossScreen(View):
    """Opened by ``x``."""

    HINTS = (
        ("Esc", "back"),
        ("?", "help"),
        ("up down", "symbol"),
        ("Enter", "book"),
        ("e", "events"),
        ("space", "pause"),
        ("q", "quit"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *BACK,
        Binding("up,k", "move(-1)"),
        Binding("down,j", "move(1)"),
        Binding("pageup", "move(-10)"),
        Binding("pagedown", "move(10)"),
        Binding("home", "move(-1000000)"),
        Binding("end", "move(1000000)"),
        Binding("enter,right", "open"),
    ]

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.view = AcrossView(scene)
        self._listed = 0

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        return [("venues by symbol: USD, USDT and USDC are never one", "bold cyan")]

    def body(self) -> Sequence[Widget]:
        return [
            LinePane(lambda *_: [self.view.titles], id="titles"),
            ScrollPane(self.view.update, self.view.draw, id="list"),
            LinePane(self.view.detail, id="detail"),
        ]

    def picture(self) -> None:
        """Give the list what it needs, up to half, and the symbol under the cursor the rest."""
        wanted = max(min(self.view.update(), (self.size.height - HEADER_LINES) // 2), 1)
        if wanted != self._listed:  # each time costs a layout
            self._listed = wanted
            self.query_one("#list").styles.height = wanted
        super().picture()

    def action_move(self, by: int) -> None:
        self.view.move(by)
        self.picture()
        if self.view.cursor is not None:
            self.query_one(ScrollPane).show_line(list(self.view.symbols).index(self.view.cursor))

    def action_open(self) -> None:
        """Open the book of the venue whose bid is the best, or else whose ask."""
        view = self.scene.across.look(self.view.cursor or "", self.scene.now)
        if view is not None and (best := view.bid or view.ask) is not None:
            self.app.push_screen(BookScreen(self.scene, best.book.key))

    def on_scroll_pane_pressed(self, event: ScrollPane.Pressed) -> None:
        if event.is_double:  # the first click has chosen
            self.action_open()
        elif event.line < len(self.view.symbols):
            self.view.cursor = self.view.symbols[event.line]
            self.picture()

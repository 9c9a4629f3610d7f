"""The view of one instrument: its ladder, what follows from it, and what it went through."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from market_data.adapters.console.terminal.analysis import NOTIONALS, draw_side
from market_data.adapters.console.terminal.ladderview import LadderView
from market_data.adapters.console.terminal.lines import Line
from market_data.adapters.console.terminal.panes import LinePane
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.view import BACK, View

__all__ = ["BookScreen"]


class BookScreen(View):
    """Opened by Enter."""

    HINTS = (
        ("Esc", "back"),
        ("?", "help"),
        ("up down", "levels"),
        ("g G", "group prices"),
        ("n", "amount"),
        ("0", "to the spread"),
        ("space", "pause"),
        ("x", "venues"),
        ("q", "quit"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *BACK,
        Binding("up,k", "move(1)"),
        Binding("down,j", "move(-1)"),
        Binding("pageup", "move(10)"),
        Binding("pagedown", "move(-10)"),
        Binding("home", "move(1000)"),
        Binding("end", "move(-1000)"),
        Binding("0,enter", "middle"),
        Binding("g,plus", "group(1)"),
        Binding("G,minus", "group(-1)"),
        Binding("n", "notional"),
    ]

    def __init__(self, scene: Scene, key: str) -> None:
        super().__init__(scene)
        self.view = LadderView(scene, key)
        self._notional = NOTIONALS[2]

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        return self.view.notes

    def body(self) -> Sequence[Widget]:
        return [Horizontal(LinePane(self.view.draw, id="ladder"), LinePane(self._draw_side, id="side"), id="book")]

    def _draw_side(self, width: int, height: int) -> list[Line]:
        return draw_side(self.scene, self.view.key, self._notional, width, height)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(1)

    def on_mouse_scroll_down(self) -> None:
        self.action_move(-1)

    def action_move(self, by: int) -> None:
        self.view.move(by)
        self.picture()

    def action_middle(self) -> None:
        self.view.cursor = 0
        self.picture()

    def action_group(self, by: int) -> None:
        self.view.regroup(by)
        self.picture()

    def action_notional(self) -> None:
        self._notional = NOTIONALS[(NOTIONALS.index(self._notional) + 1) % len(NOTIONALS)]
        self.picture()

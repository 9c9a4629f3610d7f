"""The view of one instrument: its ladder, what follows from it, and what it went through."""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from market_data.adapters.console.terminal.amounts import AMOUNT_HINT, NOTIONALS, next_amount, parse_amount
from market_data.adapters.console.terminal.analysis import draw_side
from market_data.adapters.console.terminal.footer import Hints
from market_data.adapters.console.terminal.ladderview import LadderView
from market_data.adapters.console.terminal.lines import Line, cut, line
from market_data.adapters.console.terminal.panes import LinePane
from market_data.adapters.console.terminal.prompt import Prompt
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.view import View

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
        ("x", "venues"),
        ("space", "pause"),
        ("q", "quit"),
    )
    HINTS_BROKEN = (
        ("Esc", "back"),
        ("?", "help"),
        ("x", "venues"),
        ("e", "events"),
        ("space", "pause"),
        ("q", "quit"),
    )
    HINTS_AMOUNT = (("Enter", "takes it"), ("Esc", "leaves it"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left,backspace", "back"),
        Binding("up,k", "move(1)"),
        Binding("down,j", "move(-1)"),
        Binding("pageup", "move(10)"),
        Binding("pagedown", "move(-10)"),
        Binding("home", "move(1000)"),
        Binding("end", "move(-1000)"),
        Binding("0,enter", "middle"),
        Binding("g,plus", "group(1)"),
        Binding("G,minus", "group(-1)"),
        Binding("n", "amount"),
        Binding("N", "next_amount"),
    ]

    def __init__(self, scene: Scene, key: str) -> None:
        super().__init__(scene)
        self.view = LadderView(scene, key)
        self._notional: Decimal | int = NOTIONALS[2]
        self._is_refused = False
        """What was typed is no amount."""

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        return self.view.notes

    def body(self) -> Sequence[Widget]:
        return [
            Horizontal(LinePane(self.view.draw, id="ladder"), LinePane(self._draw_side, id="side"), id="book"),
            LinePane(lambda width, _: [cut(self.view.filled(), width)], id="filled"),
            Prompt("amount", AMOUNT_HINT),
        ]

    @property
    def hints(self) -> Hints:
        if self._prompt.is_open:
            return self.HINTS_AMOUNT
        quote = self.view.quote
        return self.HINTS if quote is not None and quote.is_live else self.HINTS_BROKEN

    def aside(self) -> Line:
        return line((f"no amount: say {AMOUNT_HINT}", "bold yellow")) if self._is_refused else []

    @property
    def _prompt(self) -> Prompt:
        return self.query_one(Prompt)

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

    def action_amount(self) -> None:
        self._prompt.open("")
        self.picture()

    def action_next_amount(self) -> None:
        self._notional = next_amount(self._notional)
        self.picture()

    def action_back(self) -> None:
        if self._prompt.is_open:
            self._end_amount()
        else:
            self.app.pop_screen()

    def on_input_changed(self) -> None:
        self._is_refused = False
        self.picture()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the amount; nothing typed leaves it as it was."""
        amount = parse_amount(event.value)
        if amount is None and event.value.strip():
            self._is_refused = True
            self.picture()
            return
        self._notional = self._notional if amount is None else amount
        self._end_amount()

    def _end_amount(self) -> None:
        self._is_refused = False
        self._prompt.close()
        self.picture()

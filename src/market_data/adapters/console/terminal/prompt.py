"""A line to type a word into, with its name before it; Enter and Esc are its view's."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from market_data.adapters.console.terminal.lines import line
from market_data.adapters.console.terminal.panes import LinePane

__all__ = ["Prompt"]


class Prompt(Horizontal):
    """Not there until it is opened."""

    DEFAULT_CSS: ClassVar[str] = "Prompt { height: 1; }"

    def __init__(self, name: str, placeholder: str) -> None:
        """``name`` stands before what is typed."""
        super().__init__(id="prompt")
        self._label = LinePane(lambda *_: [line((f" {name}: ", "bold cyan"))], id="label")
        self._label.styles.width = len(name) + 3
        self._field = Input(placeholder=placeholder, compact=True)
        self.display = False

    def compose(self) -> ComposeResult:
        yield self._label
        yield self._field

    @property
    def is_open(self) -> bool:
        """Tell whether keys go into it."""
        return bool(self.display) and self.screen.focused is self._field

    def open(self, text: str | None = None) -> None:
        """Let keys go into it, with this text to begin with; None: with what it has."""
        if text is not None:
            self._field.value = text
        self.display = True
        self.screen.set_focus(self._field)

    def close(self) -> None:
        """Let keys be the view's again."""
        self.display = False
        self.screen.set_focus(None)

    def clear(self) -> None:
        """Forget what was typed."""
        self._field.value = ""

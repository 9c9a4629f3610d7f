"""What all views have: the header that is honest in each of them, and the keys at the foot."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from market_data.adapters.console.terminal.footer import Hints, draw_footer
from market_data.adapters.console.terminal.header import draw_header
from market_data.adapters.console.terminal.lines import Line
from market_data.adapters.console.terminal.panes import LinePane, ScrollPane
from market_data.adapters.console.terminal.scene import Scene

__all__ = ["BACK", "View"]

BACK: Sequence[BindingType] = (Binding("escape,left,backspace", "app.pop_screen", "back"),)


class View(Screen[None]):
    """One of the screens."""

    AUTO_FOCUS = "ScrollPane"  # and never a field that is not there yet
    HINTS: ClassVar[Hints] = ()

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene

    def compose(self) -> ComposeResult:
        yield LinePane(lambda width, _: draw_header(self.scene, self.notes, width), id="header")
        yield from self.body()
        yield LinePane(lambda width, _: draw_footer(self.hints, self.aside(), width), id="footer")

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        """What stands in the rule of the header."""
        return ()

    @property
    def hints(self) -> Hints:
        """The keys that do something here."""
        return self.HINTS

    def body(self) -> Sequence[Widget]:
        """Give what is between header and footer."""
        raise NotImplementedError

    def aside(self) -> Line:
        """Give what stands behind the keys."""
        return []

    def picture(self) -> None:
        """Draw all of it anew."""
        for pane in self.query(ScrollPane):
            pane.picture()
        for line in self.query(LinePane):
            line.picture()

    def on_screen_resume(self) -> None:
        self.picture()

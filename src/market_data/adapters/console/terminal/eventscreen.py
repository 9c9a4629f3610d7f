"""The view of what happened: every loss and recovery, and what the log said, the newest at the end."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from market_data.adapters.console.terminal.happenings import draw_event
from market_data.adapters.console.terminal.lines import Line, cut, line
from market_data.adapters.console.terminal.panes import TextPane
from market_data.adapters.console.terminal.view import BACK, View

__all__ = ["EventScreen"]


class EventScreen(View):
    """Opened by ``e``; stays at the end as long as nobody scrolls up."""

    HINTS = (("Esc", "back"), ("?", "help"), ("up down PageUp End", "scroll"), ("u", "local time"), ("q", "quit"))
    BINDINGS: ClassVar[list[BindingType]] = [*BACK]
    _seen = -1

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        return [(f"{self.scene.watch.told:,} events, the newest last", "bold cyan")]

    def body(self) -> Sequence[Widget]:
        return [TextPane(self._count, self._draw, id="list")]

    def picture(self) -> None:
        pane = self.query_one(TextPane)
        is_at_end = pane.scroll_offset.y >= pane.max_scroll_y
        super().picture()
        if self._seen != self.scene.watch.told:
            self._seen = self.scene.watch.told
            if is_at_end:
                pane.scroll_end(animate=False)

    def _count(self, _height: int) -> int:
        return max(len(self.scene.watch.events), 1)

    def _draw(self, first: int, width: int, height: int) -> list[Line]:
        events = list(self.scene.watch.events)[first : first + height]
        if not events:
            return [line((" nothing yet: every book that was seen has been live", "grey54"))]
        return [cut(draw_event(event, self.scene), width) for event in events]

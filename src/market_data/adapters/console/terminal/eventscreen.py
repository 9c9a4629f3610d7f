"""The view of what happened: every loss and recovery, and what the log said, the newest at the end."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from market_data.adapters.console.terminal.happenings import EVENT_INDENT, draw_event
from market_data.adapters.console.terminal.lines import Line, line, wrapped
from market_data.adapters.console.terminal.panes import TextPane
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.view import BACK, View
from market_data.domain.watch import Event

__all__ = ["EventScreen"]


class EventScreen(View):
    """Opened by ``e``; stays at the end as long as nobody scrolls up."""

    HINTS = (("Esc", "back"), ("?", "help"), ("up down PageUp End", "scroll"), ("u", "local time"), ("q", "quit"))
    BINDINGS: ClassVar[list[BindingType]] = [*BACK]

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._seen = -1
        self._of: tuple[int, int, bool] | None = None
        """How many events there were, in which width and zone they are drawn."""
        self._drawn: dict[Event, list[Line]] = {}
        self._lines: list[Line] = []

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
        """Draw those that are new."""
        width, scene = self.query_one(TextPane).scrollable_content_region.width, self.scene
        before, self._of = self._of, (scene.watch.told, width, scene.is_utc)
        if self._of != before:
            drawn = self._drawn if before is not None and before[1:] == self._of[1:] else {}
            self._drawn = {
                event: drawn.get(event) or wrapped(draw_event(event, scene), width, EVENT_INDENT)
                for event in scene.watch.events
            }
            self._lines = [each for event in scene.watch.events for each in self._drawn[event]]
        return max(len(self._lines), 1)

    def _draw(self, first: int, _width: int, height: int) -> list[Line]:
        if not self._lines:
            return [line((" nothing yet: every book that was seen has been live", "grey54"))]
        return self._lines[first : first + height]

"""The widgets of the screen: lines that are made once a picture, and written only where they changed."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.containers import ScrollableContainer
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from market_data.adapters.console.terminal.lines import Line, length

__all__ = ["LinePane", "ScrollPane", "TextPane"]


def _strip(segments: Line, width: int) -> Strip:
    return Strip(segments, length(segments)).adjust_cell_length(width)


class LinePane(Widget):
    """A few lines that do not scroll."""

    class Pressed(Message):
        """Somebody clicked on a place of it."""

        def __init__(self, pane: "LinePane", x: int, y: int) -> None:
            super().__init__()
            self.pane, self.x, self.y = pane, x, y

    def __init__(self, draw: Callable[[int, int], Sequence[Line]], *, id: str) -> None:  # noqa: A002 - Textual's name
        """``draw`` is given width and height."""
        super().__init__(id=id)
        self._draw = draw
        self._strips: list[Strip] = []

    def picture(self) -> None:
        """Draw it anew."""
        width, height = self.size
        strips = [_strip(segments, width) for segments in self._draw(width, height)[:height]]
        _refresh_changed(self, self._strips, strips)
        self._strips = strips

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def on_resize(self) -> None:
        self.picture()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Pressed(self, event.x, event.y))


class ScrollPane(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines of which a part is seen; only that part is made. Keys are those of its screen."""

    DEFAULT_CSS: ClassVar[str] = """
    ScrollPane { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    class Pressed(Message):
        """Somebody clicked on a line."""

        def __init__(self, pane: "ScrollPane", line: int, *, is_double: bool) -> None:
            super().__init__()
            self.pane, self.line, self.is_double = pane, line, is_double

    def __init__(
        self,
        count: Callable[[int], int],
        draw: Callable[[int, int, int], Sequence[Line]],
        *,
        id: str,  # noqa: A002
    ) -> None:
        """``count`` gives the number of lines, and is given the height; ``draw`` those from the first one seen on, and
        is given that, width and height.
        """
        super().__init__(id=id)
        self._count = count
        self._draw = draw
        self._strips: list[Strip] = []

    def picture(self) -> None:
        """Draw it anew."""
        width, height = self.scrollable_content_region.size
        size = Size(width, self._count(self.size.height))
        if size != self.virtual_size:
            self.virtual_size = size
        first = min(self.scroll_offset.y, max(size.height - height, 0))
        strips = [_strip(segments, width) for segments in self._draw(first, width, height)[:height]]
        _refresh_changed(self, self._strips, strips)
        self._strips = strips

    def show_line(self, number: int) -> None:
        """Scroll as little as it takes to see a line."""
        height = self.scrollable_content_region.height
        first = self.scroll_offset.y
        if number < first:
            self.scroll_to(y=number, animate=False)
        elif number >= first + height:
            self.scroll_to(y=number - height + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.picture()

    def on_resize(self) -> None:
        self.picture()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Pressed(self, self.scroll_offset.y + event.y, is_double=event.chain > 1))


class TextPane(ScrollPane):
    """Lines to read: keys scroll them."""

    BINDINGS = ScrollableContainer.BINDINGS


def _refresh_changed(pane: Widget, before: Sequence[Strip], after: Sequence[Strip]) -> None:
    width = pane.size.width
    changed = [
        Region(0, y, width, 1)
        for y in range(max(len(before), len(after)))
        if y >= len(before) or y >= len(after) or before[y] != after[y]
    ]
    if changed:
        pane.refresh(*changed)

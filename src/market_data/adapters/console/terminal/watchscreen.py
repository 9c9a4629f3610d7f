"""The view that all begins with: the watchlist, the last events below it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from market_data.adapters.console.terminal.bookscreen import BookScreen
from market_data.adapters.console.terminal.happenings import draw_event
from market_data.adapters.console.terminal.lines import Line
from market_data.adapters.console.terminal.panes import LinePane, ScrollPane
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.view import View
from market_data.adapters.console.terminal.watching import WatchView

__all__ = ["WatchScreen"]


class WatchScreen(View):
    """The watchlist: where it begins."""

    HINTS = (
        ("q", "quit"),
        ("?", "help"),
        ("Enter", "order book"),
        ("/", "filter"),
        ("s", "sort"),
        ("p", "not live first"),
        ("space", "pause"),
        ("f", "favourite"),
        ("u", "local time"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)"),
        Binding("down,j", "move(1)"),
        Binding("pageup", "page(-1)"),
        Binding("pagedown", "page(1)"),
        Binding("home", "move(-1000000)"),
        Binding("end", "move(1000000)"),
        Binding("enter,right", "open"),
        Binding("slash", "filter"),
        Binding("escape", "all"),
        Binding("s", "sort(1)"),
        Binding("S", "sort(-1)"),
        Binding("r", "reverse"),
        Binding("o", "unsorted"),
        Binding("p", "broken_first"),
        Binding("f", "favourite"),
        Binding("F", "favourites"),
    ]

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.view = WatchView(scene)

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        return self.view.notes

    def body(self) -> Sequence[Widget]:
        field = Input(placeholder="part of an exchange's or a symbol's name", id="filter", compact=True)
        field.display = False
        return [
            LinePane(lambda *_: [self.view.titles], id="titles"),
            ScrollPane(self.view.update, self.view.draw, id="list"),
            LinePane(self._draw_events, id="events"),
            field,
        ]

    @property
    def rows(self) -> ScrollPane:
        """The rows."""
        return self.query_one("#list", ScrollPane)

    def picture(self) -> None:
        events, wanted = self.query_one("#events", LinePane), self._event_lines()
        if events.styles.height is None or events.styles.height.value != wanted:
            events.styles.height = wanted
        super().picture()

    def _event_lines(self) -> int:
        """Give the last events three lines, and what the list leaves empty."""
        return min(len(self.scene.watch.events), 3)

    def _draw_events(self, _width: int, height: int) -> list[Line]:
        events = self.scene.watch.events
        return [draw_event(event, self.scene) for event in list(events)[max(len(events) - height, 0) :]]

    def aside(self) -> Line:
        return self.view.hint() if self.view.has_unproven else []

    def _changed(self) -> None:
        """Draw what a key has changed, and see that the cursor can be seen."""
        self.picture()
        if self.view.watchlist.cursor in self.view.lines:
            self.rows.show_line(list(self.view.lines).index(self.view.watchlist.cursor))

    def action_move(self, by: int) -> None:
        self.view.watchlist.move(by)
        self._changed()

    def action_page(self, by: int) -> None:
        self.action_move(by * max(self.rows.size.height - 1, 1))

    def action_open(self) -> None:
        if (key := self.view.watchlist.cursor) is not None:
            self.app.push_screen(BookScreen(self.scene, key))

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_all(self) -> None:
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.rows.focus()
        self.view.watchlist.change(needle="")
        self._changed()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.view.watchlist.change(needle=event.value)
        self._changed()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.display = False
        self.rows.focus()

    def action_sort(self, by: int) -> None:
        columns, watchlist = self.view.columns(), self.view.watchlist
        at = columns.index(watchlist.sort) + by if watchlist.sort in columns else (0 if by > 0 else -1)
        watchlist.change(sort=columns[at % len(columns)])
        self._changed()

    def action_reverse(self) -> None:
        watchlist = self.view.watchlist
        watchlist.change(is_reversed=not watchlist.is_reversed)
        self._changed()

    def action_unsorted(self) -> None:
        self.view.watchlist.change(sort=None, is_reversed=False)
        self._changed()

    def action_broken_first(self) -> None:
        watchlist = self.view.watchlist
        watchlist.change(is_broken_first=not watchlist.is_broken_first)
        self.rows.scroll_to(y=0, animate=False)
        self.picture()

    def action_favourite(self) -> None:
        if (key := self.view.watchlist.cursor) is not None:
            self.scene.favourites ^= {key}
            self.view.watchlist.change()
            self._changed()

    def action_favourites(self) -> None:
        watchlist = self.view.watchlist
        watchlist.change(only_favourites=not watchlist.only_favourites)
        self._changed()

    def on_scroll_pane_pressed(self, event: ScrollPane.Pressed) -> None:
        if event.line < len(self.view.lines) and (key := self.view.lines[event.line]) is not None:
            self.view.watchlist.cursor = key
            self._changed()
            if event.is_double:
                self.action_open()

    def on_line_pane_pressed(self, event: LinePane.Pressed) -> None:
        layout, watchlist = self.view.layout, self.view.watchlist
        if event.pane.id == "titles" and layout is not None and (column := layout.column_at(event.x)) is not None:
            is_again = column is watchlist.sort
            watchlist.change(sort=column, is_reversed=is_again and not watchlist.is_reversed)
            self._changed()

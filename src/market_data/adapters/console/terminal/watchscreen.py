"""The view that all begins with: the watchlist, the last events below it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from market_data.adapters.console.terminal.amounts import NOTIONALS
from market_data.adapters.console.terminal.analysis import draw_side
from market_data.adapters.console.terminal.bookscreen import BookScreen
from market_data.adapters.console.terminal.footer import Hints
from market_data.adapters.console.terminal.happenings import draw_event
from market_data.adapters.console.terminal.header import HEADER_LINES, rule
from market_data.adapters.console.terminal.ladderview import LadderView
from market_data.adapters.console.terminal.lines import Line, cut
from market_data.adapters.console.terminal.panes import LinePane, ScrollPane
from market_data.adapters.console.terminal.prompt import Prompt
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.view import View
from market_data.adapters.console.terminal.watching import WatchView

__all__ = ["WatchScreen"]

_TITLES_AND_FOOTER = 2
_EVENTS = 3
_LEAST_BOOK = 13
"""Lines that a book takes to be worth its room."""
_MOST_BOOK = 44
"""20 levels a side, and what belongs to them."""


class WatchScreen(View):
    """The watchlist: where it begins."""

    HINTS = (
        ("q", "quit"),
        ("?", "help"),
        ("Enter", "book"),
        ("/", "filter"),
        ("x", "venues"),
        ("e", "events"),
        ("p", "not live first"),
        ("s", "sort"),
        ("space", "pause"),
        ("f", "favourite"),
        ("u", "local time"),
    )
    HINTS_FILTER = (("Enter", "keeps it"), ("Esc", "clears it"))
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
        self._arrangement: tuple[int | None, int] | None = None
        """Lines of the list, None: what is left; and of the events."""

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        return self.view.notes

    def body(self) -> Sequence[Widget]:
        return [
            LinePane(lambda *_: [self.view.titles], id="titles"),
            ScrollPane(self.view.update, self.view.draw, id="list"),
            LinePane(self._draw_divider, id="divider"),
            Horizontal(LinePane(self._draw_ladder, id="ladder"), LinePane(self._draw_side, id="side"), id="book"),
            LinePane(self._draw_events, id="events"),
            Prompt("filter", "part of an exchange's or a symbol's name"),
        ]

    @property
    def hints(self) -> Hints:
        return self.HINTS_FILTER if self._prompt.is_open else self.HINTS

    @property
    def _prompt(self) -> Prompt:
        return self.query_one(Prompt)

    @property
    def rows(self) -> ScrollPane:
        """The rows."""
        return self.query_one("#list", ScrollPane)

    def picture(self) -> None:
        self._arrange()
        super().picture()

    def _arrange(self) -> None:
        """Give the list what it needs; what that leaves goes to the book under the cursor, and to the last events."""
        room = self.size.height - HEADER_LINES - _TITLES_AND_FOOTER
        listed = max(self.view.update(room), 1)
        told = len(self.scene.watch.events)
        events = min(told, _EVENTS)
        has_book = bool(self.view.watchlist.cursor) and room - listed - events - 2 >= _LEAST_BOOK
        if has_book:
            events = min(told, max(_EVENTS, room - listed - _MOST_BOOK - 2))
        arrangement = (listed if has_book else None, events + 1 if events else 0)
        if arrangement == self._arrangement:  # each time costs a layout
            return
        self._arrangement = arrangement
        self.query_one("#list").styles.height = "1fr" if arrangement[0] is None else arrangement[0]
        self.query_one("#events").styles.height = arrangement[1]
        for part in ("#divider", "#book"):
            self.query_one(part).display = has_book

    def _draw_divider(self, width: int, _height: int) -> list[Line]:
        name = " ".join((self.view.watchlist.cursor or "").split(":"))
        return [rule(self.scene, [(f"{name}, Enter opens it", "bold cyan")], width)]

    def _draw_ladder(self, width: int, height: int) -> list[Line]:
        return LadderView(self.scene, self.view.watchlist.cursor or "", None).draw(width, height)

    def _draw_side(self, width: int, height: int) -> list[Line]:
        return draw_side(self.scene, self.view.watchlist.cursor or "", NOTIONALS[2], width, height)

    def _draw_events(self, width: int, height: int) -> list[Line]:
        events = list(self.scene.watch.events)
        shown = [draw_event(event, self.scene) for event in events[max(len(events) - height + 1, 0) :]]
        return [rule(self.scene, [("events, e shows all", "grey54")], width), *(cut(each, width) for each in shown)]

    def _changed(self) -> None:
        """Draw what a key has changed, and see that the cursor can be seen."""
        self.picture()
        if self._arrangement is not None and self._arrangement[0] is not None:  # all of it is seen
            self.rows.scroll_to(y=0, animate=False)
        elif self.view.watchlist.cursor in self.view.lines:
            self.rows.show_line(list(self.view.lines).index(self.view.watchlist.cursor))

    def action_move(self, by: int) -> None:
        self.view.watchlist.move(by)
        self._changed()

    def action_page(self, by: int) -> None:
        self.action_move(by * max(self.rows.size.height - 1, 1))

    def action_open(self) -> None:
        if (key := self.view.watchlist.cursor) is not None:
            self.view.watchlist.choose(key)
            self.app.push_screen(BookScreen(self.scene, key))

    def action_filter(self) -> None:
        self._prompt.open()
        self.picture()

    def action_all(self) -> None:
        self._prompt.clear()
        self._prompt.close()
        self.view.watchlist.change(needle="")
        self._changed()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.view.watchlist.change(needle=event.value)
        self._changed()

    def on_input_submitted(self) -> None:
        self._prompt.close()
        self.picture()

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
            self.view.watchlist.choose(key)
            self.view.watchlist.change()
            self._changed()

    def action_favourites(self) -> None:
        watchlist = self.view.watchlist
        watchlist.change(only_favourites=not watchlist.only_favourites)
        self._changed()

    def on_scroll_pane_pressed(self, event: ScrollPane.Pressed) -> None:
        if event.is_double:  # the first click has chosen
            self.action_open()
        elif event.line < len(self.view.lines) and (key := self.view.lines[event.line]) is not None:
            self.view.watchlist.choose(key)
            self._changed()

    def on_line_pane_pressed(self, event: LinePane.Pressed) -> None:
        layout, watchlist = self.view.layout, self.view.watchlist
        if event.pane.id == "titles" and layout is not None and (column := layout.column_at(event.x)) is not None:
            is_again = column is watchlist.sort
            watchlist.change(sort=column, is_reversed=is_again and not watchlist.is_reversed)
            self._changed()

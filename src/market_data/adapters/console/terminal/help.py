"""The help: all keys, and what the words on the screen mean."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from market_data.adapters.console.terminal.lines import Line, cut, line
from market_data.adapters.console.terminal.panes import TextPane
from market_data.adapters.console.terminal.rows import STATUS_STYLES
from market_data.adapters.console.terminal.view import BACK, View
from market_data.domain.meanings import REASONS, STATUSES

__all__ = ["HelpScreen"]

_KEYS: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (
    (
        "everywhere",
        (
            ("q, Ctrl-C", "end"),
            ("Esc", "back to the list"),
            ("x", "the venues side by side, by symbol"),
            ("e", "events: what broke, why, since when, and what the log said"),
            ("space", "stop the picture; what is read, counted and proven goes on"),
            ("u", "times in UTC, or in local time"),
            ("?", "this"),
        ),
    ),
    (
        "list",
        (
            ("up, down, PageUp, PageDown, Home, End", "move; the wheel and a click do it, too"),
            ("Enter, double click", "the order book of an instrument"),
            ("/", "only what has these words in its name; Esc shows all"),
            ("s, S", "sort by the next column, or the one before; a click on a title does it, too"),
            ("r", "the other way round"),
            ("o", "by asset, symbol and exchange, as in the beginning"),
            ("p", "list what is not live first"),
            ("f, F", "mark a favourite; show only those"),
        ),
    ),
    (
        "order book",
        (
            ("up, down", "a level: what taking all down to it costs"),
            ("0", "back to the spread"),
            ("g, G", "prices in wider groups, or narrower: bids are rounded down, asks up"),
            ("n", "another amount of money to buy or sell for"),
        ),
    ),
)
_WORDS: Sequence[tuple[str, str]] = (
    ("order proven", "every record since the start was read once and in order, by its publish_seq"),
    ("age", "since the last data of the book was received from the exchange"),
    ("upd/s", "records a second"),
    ("bps", "the spread in hundredths of a percent of the mid; beside venues negative where they cross"),
    ("apart", "how far the venues' mids are from each other, in bps of their mean"),
    ("best", "whose price is the best where several exchanges quote one symbol; USDT is not USD"),
    ("?", "unproven: this exchange gives nothing to notice a lost change by"),
    ("> 20 levels", "more than the record holds: what lies behind is not guessed"),
    ("imbalance", "bids against asks of the best levels: +1 all bid, -1 all ask"),
    ("microprice", "the mid, drawn to the side that has less"),
    ("+", "the last group of a ladder: levels that are not known may belong to it"),
    ("bright digits", "where bid and ask differ, or what changed last; the ground flashes up or down"),
)


class HelpScreen(View):
    """Opened by ``?``."""

    HINTS = (("Esc", "back"), ("up down", "scroll"), ("q", "quit"))
    BINDINGS: ClassVar[list[BindingType]] = [*BACK, Binding("question_mark", "app.pop_screen")]
    _lines: Sequence[Line] = ()

    def body(self) -> Sequence[Widget]:
        return [TextPane(self._count, self._draw, id="list")]

    def _count(self, _height: int) -> int:
        self._lines = _help()
        return len(self._lines)

    def _draw(self, first: int, width: int, height: int) -> list[Line]:
        return [cut(each, width) for each in self._lines[first : first + height]]


def _help() -> list[Line]:
    drawn: list[Line] = []
    for title, keys in _KEYS:
        drawn.append(line((f" {title}", "bold cyan")))
        for key, what in keys:
            drawn.append(line((f"   {key:<12} ", "bold"), (what, "")))
        drawn.append([])
    drawn.append(line((" words", "bold cyan")))
    drawn += [line((f"   {word:<12} ", "bold"), (what, "")) for word, what in _WORDS]
    drawn += [[], line((" statuses of a book", "bold cyan"))]
    drawn += [line((f"   {status:<12} ", str(STATUS_STYLES[status])), (what, "")) for status, what in STATUSES.items()]
    drawn += [[], line((" why it is not live", "bold cyan"))]
    drawn += [line((f"   {reason:<12} ", "bold"), (what, "")) for reason, what in REASONS.items()]
    return drawn

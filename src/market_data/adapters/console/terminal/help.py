"""The help: all keys, and what the words on the screen mean."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from market_data.adapters.console.terminal.lines import Line, line, wrapped
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
            ("p", "list what is not live first, as soon as it is not"),
            ("f, F", "mark a favourite; show only those"),
        ),
    ),
    (
        "venues",
        (
            ("up, down", "another symbol: its venues are below"),
            ("Enter", "the order book of the venue with the best bid"),
        ),
    ),
    (
        "order book",
        (
            ("up, down", "a level: what taking all down to it costs"),
            ("0", "back to the spread"),
            ("g, G", "prices in wider groups, or narrower: bids are rounded down, asks up"),
            ("n", "type an amount of money to buy or sell for: 50000, 50,000, 50k, 1.5M"),
            ("N", "the next of the usual amounts"),
        ),
    ),
)
_WORDS: Sequence[tuple[str, str]] = (
    ("order proven", "every record since the start was read once and in order, by its publish_seq"),
    ("holes", "records that never came, by the same numbers: with one, the order is not proven"),
    ("epoch", "how many times the book has become live since its producer was started"),
    ("age", "since the last data of the book was received from the exchange"),
    ("upd/s", "records a second"),
    ("spread %", "the spread in percent of the mid"),
    ("bps", "the spread in hundredths of a percent of the mid; beside venues negative where they cross"),
    ("apart", "how far the venues' mids are from each other, in bps of their mean"),
    ("crossed", "of venues: one bids more than another asks; of a book: a fault, see below"),
    ("locked", "one venue bids exactly what another asks"),
    ("best", "whose price is the best where several exchanges quote one symbol; USDT is not USD"),
    ("?", "unproven: this exchange gives nothing to notice a lost change by"),
    ("> 20 levels", "more than the record holds: what lies behind is not guessed"),
    ("imbalance", "bids against asks of the best levels: +1 all bid, -1 all ask"),
    ("microprice", "the mid, drawn to the side that has less"),
    ("+", "the last group of a ladder: levels that are not known may belong to it"),
    ("bright digits", "where bid and ask differ, or what changed last; the ground flashes up or down"),
)
_WORD = 16
"""Before what a key does or a word means."""


class HelpScreen(View):
    """Opened by ``?``."""

    HINTS = (("Esc", "back"), ("up down", "scroll"), ("q", "quit"))
    BINDINGS: ClassVar[list[BindingType]] = [*BACK, Binding("question_mark", "app.pop_screen")]
    _lines: list[Line]

    @property
    def notes(self) -> Sequence[tuple[str, str]]:
        return [("keys, statuses, words, reasons: scroll for more", "bold cyan")]

    def body(self) -> Sequence[Widget]:
        return [TextPane(self._count, self._draw, id="list")]

    def _count(self, _height: int) -> int:
        width = self.query_one(TextPane).scrollable_content_region.width
        self._lines = [part for each in _help() for part in wrapped(each, width, _WORD)]
        return len(self._lines)

    def _draw(self, first: int, _width: int, height: int) -> list[Line]:
        return self._lines[first : first + height]


def _help() -> list[Line]:
    drawn: list[Line] = []
    for title, keys in _KEYS:
        drawn.append(line((f" {title}", "bold cyan")))
        for key, what in keys:
            drawn.append(line((f"   {key:<12} ", "bold"), (what, "")))
        drawn.append([])
    drawn.append(line((" statuses of a book", "bold cyan")))
    drawn += [line((f"   {status:<12} ", str(STATUS_STYLES[status])), (what, "")) for status, what in STATUSES.items()]
    drawn += [[], line((" words", "bold cyan"))]
    drawn += [line((f"   {word:<12} ", "bold"), (what, "")) for word, what in _WORDS]
    drawn += [[], line((" why it is not live", "bold cyan"))]
    drawn += [line((f"   {reason:<12} ", "bold"), (what, "")) for reason, what in REASONS.items()]
    return drawn

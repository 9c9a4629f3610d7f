"""The depth of the last fifteen minutes, for drawing: what stood on each level, a column every few seconds.

Columns are floats, of which no number is shown. One in which the book was not live at any time is empty: a gap is not
bridged. All room is taken at the beginning, so that memory does not grow while it fills; of more instruments than there
is room for, those that nobody asked for longest go.
"""

from array import array
from collections import OrderedDict
from collections.abc import Sequence

import attrs

from market_data.domain.levels import Levels
from market_data.domain.quote import Quote

__all__ = ["COLUMN_SECONDS", "HEAT_COLUMNS", "Heat", "Heats"]

COLUMN_SECONDS = 3
HEAT_COLUMNS = 300
_MOST_INSTRUMENTS = 250
_LEVELS = 20
_FLOATS = 4 * _LEVELS
_SILENT_COLUMNS = 20
"""A minute: who is live says something every few seconds."""
_EMPTY = array("f", bytes(4 * _FLOATS))


class Heat:
    """Of one instrument."""

    def __init__(self) -> None:
        self._cells = array("f", bytes(4 * _FLOATS * HEAT_COLUMNS))
        """Of a column, price and size of each bid, then of each ask; prices from ``_begins`` on."""
        self._begins = array("d", bytes(8 * HEAT_COLUMNS))
        self._is_whole = bytearray(HEAT_COLUMNS)
        self._column = -1
        """The one that is open: how many there were since 1970."""
        self._quote: Quote | None = None
        self._is_broken = False

    def take(self, quote: Quote) -> None:
        """Take what the book is now."""
        at = quote.book.status_since if quote.is_expired else quote.seen_wall
        self._go_to(at // (COLUMN_SECONDS * 1_000_000))
        self._quote = quote
        if not quote.is_live:
            self._is_broken = True

    def columns(self, now: int, since: int = 0) -> tuple[int, Sequence[Sequence[float] | None]]:
        """Give when the first column begins, in µs since 1970, and price and size of each level of each: of the bids,
        then of the asks, as many a side as there were, sizes of bids negative. None where it was not live throughout.

        Columns that begin before ``since`` are left out.
        """
        column = now // (COLUMN_SECONDS * 1_000_000)
        if column - self._column <= _SILENT_COLUMNS:  # else what is read is of the past, or nothing comes
            self._go_to(column)
        first = max(0, self._column - HEAT_COLUMNS, min(-(-since // (COLUMN_SECONDS * 1_000_000)), self._column))
        found = [self._read(column % HEAT_COLUMNS) for column in range(first, self._column)]
        return first * COLUMN_SECONDS * 1_000_000, found

    def _read(self, at: int) -> Sequence[float] | None:
        if not self._is_whole[at]:
            return None
        cells, begin = self._cells[at * _FLOATS : (at + 1) * _FLOATS], self._begins[at]
        found: list[float] = []
        for index in range(0, _FLOATS, 2):
            if size := cells[index + 1]:
                found += (round(begin + cells[index], 9), -size if index < _FLOATS // 2 else size)
        return found

    def _go_to(self, column: int) -> None:
        """Close the open column, and those after it in which nothing changed."""
        if column <= self._column:
            return
        if self._column >= 0:
            self._close(self._column, is_broken=self._is_broken)
            for later in range(max(self._column + 1, column - HEAT_COLUMNS), column):
                self._close(later, is_broken=self._quote is None or not self._quote.is_live)
        self._is_broken = self._column < 0 or self._quote is None or not self._quote.is_live
        self._column = column

    def _close(self, column: int, *, is_broken: bool) -> None:
        at = column % HEAT_COLUMNS
        book = None if self._quote is None else self._quote.book
        self._is_whole[at] = is_whole = not (is_broken or book is None or not (book.bids and book.asks))
        cells = _EMPTY[:]
        if is_whole and book is not None:
            begin = self._begins[at] = float(book.bids[0][0])
            _write(cells, 0, book.bids, begin)
            _write(cells, 2 * _LEVELS, book.asks, begin)
        self._cells[at * _FLOATS : (at + 1) * _FLOATS] = cells


def _write(cells: "array[float]", at: int, levels: Levels, begin: float) -> None:
    for price, size in levels[:_LEVELS]:
        cells[at], cells[at + 1] = float(price) - begin, float(size)
        at += 2


@attrs.define
class Heats:
    """Of many instruments."""

    most: int = _MOST_INSTRUMENTS
    _kept: OrderedDict[str, Heat] = attrs.field(factory=OrderedDict)
    """The one asked for last at the end."""

    def take(self, quotes: Sequence[Quote]) -> None:
        """Take what just changed."""
        for quote in quotes:
            key = quote.book.key
            heat = self._kept.get(key)
            if heat is None:
                if len(self._kept) >= self.most:
                    continue
                heat = self._kept[key] = Heat()
            heat.take(quote)

    def of(self, key: str, quote: Quote) -> Heat:
        """Give what is kept of an instrument; from now on, where nothing was."""
        heat = self._kept.pop(key, None)
        if heat is None:
            if len(self._kept) >= self.most:
                self._kept.popitem(last=False)
            heat = Heat()
            heat.take(quote)
        self._kept[key] = heat
        return heat

"""The columns of the watchlist: what each shows of a quote, how important it is where room is short, how it is aligned,
and what it is sorted by.

Pure: text in, text out. Prices and sizes are the venue's own text, but for zeros at their end: a book's levels tell how
many digits its prices and sizes need, so that a column does not jump when a digit happens to be 0.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import attrs
from rich.cells import cell_len, set_cell_size

from market_data.adapters.console.numbers import digits_of, padded_to
from market_data.domain.best import Best
from market_data.domain.normalized import Levels
from market_data.domain.printable import printable
from market_data.domain.quote import Quote
from market_data.domain.spans import span
from market_data.domain.top import plain

__all__ = ["ASK", "BEST", "BID", "COLUMNS", "MID", "STATUS", "UNPROVEN", "Column", "Digits", "Row", "age", "aligned"]


@attrs.frozen
class Digits:
    """How many digits the numbers of an instrument need."""

    price: int = 0
    """Behind the point of a price."""
    size: int = 0
    """Behind the point of a size."""
    whole: int = 1
    """Before the point of a size."""

    def with_levels(self, *sides: Levels) -> "Digits":
        """Make room for these as well."""
        levels = [level for side in sides for level in side]
        if not levels:
            return self
        return Digits(
            max(self.price, *(digits_of(price) for price, _ in levels)),
            max(self.size, *(digits_of(size) for _, size in levels)),
            max(self.whole, *(len(size.partition(".")[0].lstrip("0") or "0") for _, size in levels)),
        )

    def price_text(self, text: str | None, more: int = 0) -> str:
        """Show a price, with so many more digits than prices need."""
        return _padded(text, self.price + more)

    def size_text(self, text: str | None) -> str:
        """Show a size."""
        shown = _padded(text, self.size)
        return " " * (self.whole - len(shown.partition(".")[0])) + shown


@attrs.frozen
class Row:
    """One instrument as it is drawn."""

    quote: Quote
    asset: str
    """Empty but in the first row of its group."""
    rate: float
    """Records a second."""
    age_seconds: float | None
    """How long ago the last data of the book was received; None before the first."""
    records: int
    holes: int
    digits: Digits
    best: Best | None = None
    """Whose the best prices of its symbol are, where several venues quote it."""


@attrs.frozen(eq=False)
class Column:
    """One column; the least important ones go first where room is short. Each is equal to itself alone."""

    title: str
    importance: int
    cell: Callable[[Row], str]
    style: str = ""
    is_number: bool = True
    """Aligned on the decimal point, the title at the right."""
    least_width: int = 0
    most_width: int = 32
    """Longer texts are cut, so that one of them does not cost the others a column."""
    order: Callable[[Row], Decimal | float | str | None] | None = None
    """What rows are sorted by; by default the number that is shown, or the text. None: behind all others."""

    def text(self, row: Row) -> str:
        """Give what is shown of a row, printable."""
        text = printable(self.cell(row))
        if len(text) <= self.most_width and text.isascii():
            return text
        return text if cell_len(text) <= self.most_width else set_cell_size(text, self.most_width - 1).rstrip() + "…"

    def rank(self, row: Row) -> Decimal | float | str | None:
        """Give what a row is sorted by."""
        if self.order is not None:
            return self.order(row)
        text = self.cell(row).strip()
        if not self.is_number:
            return text
        return None if text in ("", "-") else Decimal(text.replace(",", ""))


def _status(row: Row) -> str:
    return str(row.quote.status) + ("" if row.quote.book.can_prove else f" {UNPROVEN}")


def _best(row: Row) -> str:
    """Say of which side it is the best."""
    best = row.best
    sides = [] if best is None else [side for side, of in (("bid", best.bid), ("ask", best.ask)) if of is row.quote]
    if not sides:
        return ""
    side = "both" if len(sides) > 1 else sides[0]
    return side if row.quote.book.can_prove else side + UNPROVEN


UNPROVEN = "?"
"""Marks a book of which its venue can prove nothing."""

STATUS = Column("status", 9, _status, "green", is_number=False, least_width=6)
"""Where a row that is not live says why, over all columns that follow."""

BEST = Column("best", 2, _best, "bold", is_number=False)
"""There only where several venues quote one symbol. The best prices themselves stay bold."""

BID = Column("bid", 10, lambda row: row.digits.price_text(row.quote.top.best_bid), "green")
ASK = Column("ask", 10, lambda row: row.digits.price_text(row.quote.top.best_ask), "red")
MID = Column("mid", 8, lambda row: row.digits.price_text(plain(row.quote.top.mid), 1), "bold")

COLUMNS: Sequence[Column] = (
    Column("asset", 3, lambda row: row.asset, "bold", is_number=False, least_width=5, most_width=12),
    Column("exchange", 11, lambda row: row.quote.book.exchange, is_number=False, least_width=8, most_width=12),
    Column("symbol", 11, lambda row: row.quote.book.symbol, "bold", is_number=False, least_width=8, most_width=20),
    STATUS,
    Column("bid size", 6, lambda row: row.digits.size_text(row.quote.top.best_bid_size), "grey54"),
    BID,
    ASK,
    Column("ask size", 6, lambda row: row.digits.size_text(row.quote.top.best_ask_size), "grey54"),
    MID,
    Column("spread", 8, lambda row: row.digits.price_text(plain(row.quote.top.spread))),
    BEST,
    Column("bps", 7, lambda row: _bps(row.quote.top.spread_percent), least_width=4),
    Column("spread %", 2, lambda row: _text(row.quote.top.spread_percent), least_width=8),
    Column("age", 7, lambda row: age(row.age_seconds), least_width=5, order=lambda row: row.age_seconds),
    Column("upd/s", 5, lambda row: f"{row.rate:.1f}", least_width=5, order=lambda row: row.rate),
    Column("records", 1, lambda row: f"{row.records:,}", "grey54", least_width=9),
    Column("holes", 1, lambda row: str(row.holes), "grey54", least_width=5),
    Column("epoch", 1, lambda row: str(row.quote.book.epoch), "grey54", least_width=5),
)


def aligned(cells: Sequence[str], least_width: int) -> list[str]:
    """Bring texts to one width with their decimal points below each other."""
    parts = [cell.partition(".") for cell in cells]
    whole = max((len(left) for left, _, _ in parts), default=0)
    rest = max((len(point) + len(right) for _, point, right in parts), default=0)
    return [f"{left:>{whole}}{point + right:<{rest}}".rjust(least_width) for left, point, right in parts]


def age(seconds: float | None) -> str:
    """Say how old something is; nothing of what never was."""
    return "" if seconds is None else span(seconds)


def _padded(text: str | None, digits: int) -> str:
    return "-" if text is None else padded_to(text, digits)


def _text(number: Decimal | None) -> str:
    return "-" if number is None else f"{number:f}"


def _bps(percent: Decimal | None) -> str:
    return "-" if percent is None else f"{percent * 100:.2f}"

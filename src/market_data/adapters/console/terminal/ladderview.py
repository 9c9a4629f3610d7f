"""The ladder as it is drawn: asks above, bids below, the spread pinned between them, bars of one scale."""

from collections.abc import Sequence
from decimal import Decimal

import attrs
from rich.segment import Segment
from rich.style import Style

from market_data.adapters.console.columns import Digits
from market_data.adapters.console.terminal.ladder import Rung, Rungs, group_steps, rungs_of
from market_data.adapters.console.terminal.lines import Line, cut, line
from market_data.adapters.console.terminal.rows import GREY, STATUS_STYLES, why
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.meanings import REASONS, STATUSES
from market_data.domain.quote import Quote
from market_data.domain.top import plain

__all__ = ["LadderView"]

_BID, _ASK = Style.parse("green"), Style.parse("red")
_BID_BAR, _ASK_BAR = Style.parse("color(65)"), Style.parse("color(131)")
"""Softer than prices, and to be seen on light and on dark."""
_BID_TOP, _ASK_TOP = Style.parse("bold bright_green"), Style.parse("bold bright_red")
_REVERSE, _BOLD = Style(reverse=True), Style(bold=True)
_TITLES = ("total", "size", "price")
_LEAST_BAR = 6
_CENTS, _MANY = 2, 1_000
"""Digits of money, from which amount on no more of them."""


@attrs.define
class LadderView:
    """Draws the book of one instrument."""

    scene: Scene
    key: str
    cursor: int | None = 0
    """0: on the spread; above, counts the asks from the best one, from 1; below, the bids. None: there is none."""
    step: Decimal | None = None
    """Prices in groups of so much; None: each level for itself."""

    @property
    def quote(self) -> Quote | None:
        """What is known of it."""
        return self.scene.quote(self.key)

    def move(self, by: int) -> None:
        """Move the cursor up, to higher prices, or down."""
        asks, bids = self._sides()
        self.cursor = min(max((self.cursor or 0) + by, -len(bids)), len(asks))

    def regroup(self, by: int) -> None:
        """Take the next wider groups, or the next narrower ones."""
        if (quote := self.quote) is None or not quote.is_live:
            return
        pip = Decimal(1).scaleb(-self._digits(quote).price)
        steps: list[Decimal | None] = [None, *group_steps(quote.book.bids, quote.book.asks, pip)]
        at = steps.index(self.step) if self.step in steps else 0
        self.step = steps[min(max(at + by, 0), len(steps) - 1)]
        self.move(0)

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Say how it is drawn."""
        name = " ".join(self.key.split(":"))
        step = "" if self.step is None else f" by {plain(self.step)}"
        return [(f"{name}{step}", "bold cyan")]

    def draw(self, width: int, height: int) -> list[Line]:
        """Draw titles and rungs."""
        quote = self.quote
        if quote is None:
            return [line((" not known any more", "grey54"))]
        if not quote.is_live:
            return self._broken(quote)
        asks, bids = self._sides()
        cursor = min(max(self.cursor or 0, -len(bids)), len(asks))
        table = _Table.of(asks, bids, self._digits(quote), width)
        room = max(height - 2, 2)
        above = room // 2
        drawn = [table.titles()]
        upper = self._part(table, asks, above, cursor)
        drawn += [[] for _ in range(above - len(upper))] + upper[::-1]
        drawn.append(self._spread(quote, table))
        lower = self._part(table, bids, room - above, -cursor)
        drawn += lower + [[] for _ in range(room - above - len(lower))]
        return [cut(each, width) for each in drawn]

    def _part(self, table: "_Table", side: Rungs, room: int, cursor: int) -> list[Line]:
        """Draw so many rungs of a side, best first: the best ones, or down to the cursor's."""
        first = max(cursor - room, 0)
        return [
            table.rung(side, at, is_cursor=at + 1 == cursor, symbols=self.scene.symbols.bars)
            for at in range(first, min(first + room, len(side)))
        ]

    def _sides(self) -> tuple[Rungs, Rungs]:
        quote = self.quote
        asks, bids = ((), ()) if quote is None or not quote.is_live else (quote.book.asks, quote.book.bids)
        return rungs_of(asks, self.step, is_bid=False), rungs_of(bids, self.step, is_bid=True)

    def _digits(self, quote: Quote) -> Digits:
        return self.scene.marks.of(self.key, quote, self.scene.now.mono).digits.with_levels(
            quote.book.bids, quote.book.asks
        )

    def _spread(self, quote: Quote, table: "_Table") -> Line:
        top = quote.top
        if top.spread is None:
            return line((" no spread: a side is empty", "grey54"))
        style = _REVERSE if self.cursor == 0 else Style.null()
        bps = "" if top.spread_percent is None else f" ({top.spread_percent * 100:.2f} bps)"
        said = f"spread {plain(top.spread)}{bps}  mid {plain(top.mid)}"
        rule = self.scene.symbols.rule
        before = rule * max(min(table.end - len(said) - 1, 8), 2)
        return [
            Segment(f" {before} ", GREY),
            Segment(said, _BOLD + style),
            Segment(f" {rule * table.width}", GREY),
        ]

    def filled(self) -> Line:
        """Say what taking all down to the cursor comes to; nothing of a book that is not live."""
        if (quote := self.quote) is None or not quote.is_live:
            return []
        asks, bids = self._sides()
        cursor = min(max(self.cursor or 0, -len(bids)), len(asks))
        if cursor == 0:
            return line((f" {len(quote.book.asks)} asks, {len(quote.book.bids)} bids", "grey54"))
        is_sale = cursor < 0
        rung = bids.each[-cursor - 1] if is_sale else asks.each[cursor - 1]
        fill = quote.book.fill("sell" if is_sale else "buy", rung.levels)
        if fill is None:
            return []
        digits = self._digits(quote)
        slippage = "" if fill.slippage_bps is None else f"  {fill.slippage_bps:.2f} bps"
        cents = _CENTS if fill.notional >= _MANY else max(digits.price, _CENTS)
        money = quote.book.symbol.partition("-")[2]
        return line(
            (" sell " if is_sale else " buy ", "bold red" if is_sale else "bold green"),
            (f"{digits.size_text(plain(fill.size)).strip()} at ", ""),
            (f"{fill.price:.{digits.price + 1}f}", "bold"),
            (slippage, ""),
            ("  for " if is_sale else "  costs ", "grey54"),
            (f"{fill.notional:,.{cents}f} {money}", "bold"),
        )

    def _broken(self, quote: Quote) -> list[Line]:
        """Say why there are no prices."""
        reason = REASONS.get(quote.reason) if quote.reason is not None and quote.trouble is None else None
        said = [
            [],
            [Segment(" "), *why(quote, self.scene.now, self.scene)],
            [],
            line((f" {quote.status}: {STATUSES[quote.status]}", "grey54")),
        ]
        if reason:
            said.append(line((f" {quote.reason}: {reason}", "grey54")))
        said += [[], line((" No price is shown of a book that is not live.", ""))]
        said[1][1] = Segment(f"{quote.status}", STATUS_STYLES[quote.status])
        return said


@attrs.frozen
class _Table:
    """The columns of a ladder."""

    digits: Digits
    widths: Sequence[int]
    scale: Decimal
    """What a whole bar stands for."""
    width: int

    @classmethod
    def of(cls, asks: Rungs, bids: Rungs, digits: Digits, width: int) -> "_Table":
        rungs = [*asks.each, *bids.each]
        cells = [_cells(rung, digits) for rung in rungs] or [("", "", "")]
        widths = [max(len(title), *(len(cell[at]) for cell in cells)) for at, title in enumerate(_TITLES)]
        return cls(digits, widths, max(asks.total, bids.total), width)

    @property
    def end(self) -> int:
        """Where the bars begin."""
        return sum(self.widths) + 2 * len(self.widths) + 1

    def titles(self) -> Line:
        said = "  ".join(title.rjust(width) for title, width in zip(_TITLES, self.widths, strict=True))
        return line((f"  {said}", "grey54"))

    def rung(self, side: Rungs, at: int, *, is_cursor: bool, symbols: str) -> Line:
        rung = side.each[at]
        total, size, price = (
            cell.rjust(width) for cell, width in zip(_cells(rung, self.digits), self.widths, strict=True)
        )
        colour, top = (_BID, _BID_TOP) if side.is_bid else (_ASK, _ASK_TOP)
        style = (top if at == 0 else colour) + (_REVERSE if is_cursor else Style.null())
        bar = _bar(rung.total, self.scale, self.width - self.end, symbols)
        return [
            Segment(f"  {total}  ", GREY),
            Segment(f"{size}  "),
            Segment(price, style),
            Segment("  "),
            Segment(bar, _BID_BAR if side.is_bid else _ASK_BAR),
        ]


def _cells(rung: Rung, digits: Digits) -> tuple[str, str, str]:
    more = "+" if rung.may_hold_more else ""
    return (
        digits.size_text(plain(rung.total)).strip(),
        digits.size_text(plain(rung.size)).strip() + more,
        digits.price_text(plain(rung.price)),
    )


def _bar(part: Decimal, whole: Decimal, width: int, symbols: str) -> str:
    """Draw a bar in steps of a part of a cell."""
    if width < _LEAST_BAR or not whole:
        return ""
    steps = len(symbols) - 1
    filled, rest = divmod(int(part / whole * width * steps), steps)
    return symbols[-1] * filled + (symbols[rest].strip() if rest else "")

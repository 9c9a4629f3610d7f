"""The venues side by side: a line for each symbol, and of the one under the cursor every venue, and who is left out."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import attrs
from rich.segment import Segment

from market_data.adapters.console.columns import UNPROVEN, Digits, aligned
from market_data.adapters.console.plain import padded, widest
from market_data.adapters.console.terminal.lines import Line, cut, line, style_of
from market_data.adapters.console.terminal.rows import GREY
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.across import Basis, SymbolView, VenueQuote
from market_data.domain.moment import Moment
from market_data.domain.quote import Quote
from market_data.domain.spans import span

__all__ = ["AcrossView"]

_TITLES = ("symbol", "bid", "of", "ask", "of", "bps", "apart", "venues", "")
_STYLES = tuple(map(style_of, ("bold", "green", "grey54", "red", "grey54", "", "", "grey54", "bold red")))
_NUMBERS, _VENUES = (1, 3, 5, 6), (2, 4)
_SPARED = (6, 7)
"""What goes first where room is short: it is said of the symbol under the cursor, too."""
_RATIO_DIGITS = 6


@attrs.define
class AcrossView:
    """Draws them. Only symbols that are seen are compared."""

    scene: Scene
    cursor: str | None = None
    """A symbol."""
    titles: Line = attrs.field(factory=list)
    symbols: Sequence[str] = ()
    _source: Mapping[str, object] | None = None

    def update(self, _room: int = 0) -> int:
        """Take note of what symbols there are; give how many."""
        if (source := self.scene.keys()) is not self._source:
            self._source = source
            self.symbols = list(dict.fromkeys(key.partition(":")[2] for key in source))
        if self.cursor not in self.symbols:
            self.cursor = self.symbols[0] if self.symbols else None
        return len(self.symbols)

    def move(self, by: int) -> None:
        """Move the cursor by so many symbols, as far as there are any."""
        if self.cursor is not None:
            at = self.symbols.index(self.cursor) + by
            self.cursor = self.symbols[min(max(at, 0), len(self.symbols) - 1)]

    def draw(self, first: int, width: int, height: int) -> list[Line]:
        """Draw so many symbols from the ``first`` one on; their titles are in ``titles``."""
        seen = self.symbols[first : first + height]
        across, now = self.scene.across, self.scene.now
        views = [view for symbol in seen if (view := across.look(symbol, now)) is not None]
        table = [self._cells(view) for view in views]
        columns = {at: _column(at, [cells[at] for cells in table]) for at in range(len(_TITLES))}
        quotes = [each.quote for view in views for each in view.venues]
        quotes += [each.quote for view in views for each in view.excluded]
        named = widest(map(_venue, quotes))
        for at in _VENUES:  # as wide whoever is the best just now
            columns[at] = [padded(text, named) for text in columns[at]]
        gap = _fit(columns, width - 2)
        self.titles = cut([Segment("  "), Segment(gap.join(column[0] for column in columns.values()), GREY)], width)
        drawn: list[Line] = []
        for row, view in enumerate(views, start=1):
            is_cursor = view.symbol == self.cursor
            parts: Line = [Segment(f"{self.scene.symbols.cursor} " if is_cursor else "  ")]
            for at, column in columns.items():
                style = _STYLES[at] + style_of("reverse") if is_cursor and at == 0 else _STYLES[at]
                parts += [Segment(column[row], style), Segment(gap)]
            drawn.append(cut(parts, width))
        return drawn or [cut(line(("  waiting for the first record ...", "grey54")), width)]

    def detail(self, width: int, height: int) -> list[Line]:
        """Draw every venue of the cursor's symbol, who is left out, and what its currencies are worth in each other."""
        if self.cursor is None or (view := self.scene.across.look(self.cursor, self.scene.now)) is None:
            return []
        now = self.scene.now
        drawn = [[], line((f" {view.symbol}", "bold cyan"), *self._crossing(view, now))]
        names = [
            *(each.quote.book.exchange for each in view.venues),
            *(each.quote.book.exchange for each in view.excluded),
        ]
        wide = widest(names)
        drawn += self._venues(view.venues, view, wide)
        drawn += [
            line((f"   {padded(each.quote.book.exchange, wide)}  ", "grey54"), (f"left out: {each.why}", "yellow"))
            for each in view.excluded
        ]
        bases = self.scene.across.bases(self.cursor.partition("-")[0], now)
        if bases:
            drawn += [[], *map(_basis, bases)]
        return [cut(each, width) for each in drawn[:height]]

    def _crossing(self, view: SymbolView, now: Moment) -> list[tuple[str, str]]:
        if view.crossing is None:
            apart = "" if view.difference_bps is None else f"  mids {view.difference_bps:.2f} bps apart"
            return [(apart, "grey54")]
        since, by = view.crossing.since, view.crossing.bps
        lasts = span((now.wall - since) / 1e6)
        how = f" by {by:.2f} bps" if by else ""
        return [(f"  {view.crossing.kind}{how} since {self.scene.time(since)} ({lasts})", "bold red")]

    def _venues(self, venues: Sequence[VenueQuote], view: SymbolView, wide: int) -> list[Line]:
        digits = self._digits(view)
        tops = [each.quote.top for each in venues]
        bids = aligned([digits.price_text(top.best_bid) for top in tops], 8)
        asks = aligned([digits.price_text(top.best_ask) for top in tops], 8)
        drawn: list[Line] = []
        for each, bid, ask in zip(venues, bids, asks, strict=True):
            away = "" if each.from_mid_bps is None else f"mid {each.from_mid_bps:+z.2f} bps"
            drawn.append(
                line(
                    (f"   {padded(each.quote.book.exchange, wide)}  ", ""),
                    (bid, "bold bright_green" if each.quote is view.bid else "green"),
                    ("  ", ""),
                    (ask, "bold bright_red" if each.quote is view.ask else "red"),
                    (f"  {away}", "grey54"),
                    ("" if each.quote.book.can_prove else f"  {UNPROVEN} unproven", "yellow"),
                )
            )
        return drawn

    def _cells(self, view: SymbolView) -> tuple[str, ...]:
        digits = self._digits(view)
        return (
            view.symbol,
            digits.price_text(None if view.bid is None else view.bid.top.best_bid),
            _venue(view.bid),
            digits.price_text(None if view.ask is None else view.ask.top.best_ask),
            _venue(view.ask),
            _bps(view.spread_bps),
            _bps(view.difference_bps),
            f"{len(view.venues)}/{len(view.venues) + len(view.excluded)}",
            "" if view.crossing is None else str(view.crossing.kind),
        )

    def _digits(self, view: SymbolView) -> Digits:
        """Give what all venues of a symbol need, so that its prices do not jump."""
        now = self.scene.now.mono
        needed = (self.scene.marks.of(each.quote.book.key, each.quote, now).digits.price for each in view.venues)
        return Digits(max(needed, default=0))


def _fit(columns: dict[int, list[str]], width: int) -> str:
    """Leave out what there is no room for; give what stands between the others."""
    for at in (None, *_SPARED):
        if at is not None:
            del columns[at]
        used = sum(widest(column) for column in columns.values())
        for gap in (2, 1):
            if used + gap * (len(columns) - 1) <= width:
                return " " * gap
    return " "


def _column(at: int, cells: Sequence[str]) -> list[str]:
    title = _TITLES[at]
    if at in _NUMBERS:
        texts = aligned(cells, len(title))
        return [title.rjust(widest(texts) or len(title)), *texts]
    wide = max(len(title), widest(cells))
    return [padded(text, wide) for text in (title, *cells)]


def _basis(basis: Basis) -> Line:
    return line(
        (f" implied {basis.name} ", "bold"),
        (f"by {basis.asset} on {basis.exchange}: ", "grey54"),
        (_ratio(basis.mid), "bold"),
        (f"  bid {_ratio(basis.bid)}  ask {_ratio(basis.ask)}", ""),
    )


def _ratio(number: Decimal | None) -> str:
    return "-" if number is None else f"{number:.{_RATIO_DIGITS}f}"


def _venue(quote: Quote | None) -> str:
    return "" if quote is None else quote.book.exchange + ("" if quote.book.can_prove else UNPROVEN)


def _bps(number: Decimal | None) -> str:
    return "-" if number is None else f"{number:z.2f}"

"""The watchlist as it is drawn: only the rows that are seen are worked out, however many instruments there are."""

from collections.abc import Mapping, Sequence

from rich.segment import Segment

from market_data.adapters.console.columns import COLUMNS, UNPROVEN, Column, Row
from market_data.adapters.console.terminal.lines import Line, cut, line, style_of
from market_data.adapters.console.terminal.rows import GREY, MARGIN, Layout, draw_row, lay_out
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.watchlist import Watchlist, asset_of
from market_data.domain.best import Best, best_across
from market_data.domain.quote import Quote

__all__ = ["WatchView"]

_SORTED = style_of("bold underline")


class WatchView:
    """Draws the watchlist."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.watchlist = Watchlist(self._row_of)
        self.layout: Layout | None = None
        """Of the last picture."""
        self.titles: Line = []
        self.lines: Sequence[str | None] = ()
        """Keys line by line, as ``Watchlist.lines``."""
        self.has_unproven = False
        self._venues: Mapping[str, list[str]] = {}
        self._source: Mapping[str, object] | None = None

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Say what is not as it is without a key pressed."""
        watchlist, scene = self.watchlist, self.scene
        notes = []
        broken = len(scene.market.keys()) - scene.market.count_live()
        if broken:
            hint = "listed first" if watchlist.is_broken_first else "p lists them first"
            notes.append((f"{broken:,} not live: {hint}", "bold yellow"))
        elif watchlist.is_broken_first:
            notes.append(("not live first, p as before", "cyan"))
        if watchlist.needle:
            notes.append((f"only {watchlist.needle!r}: {len(watchlist.keys):,}, Esc shows all", "yellow"))
        if watchlist.only_favourites:
            notes.append((f"only favourites: {len(watchlist.keys):,}, F shows all", "yellow"))
        if watchlist.sort is not None:
            way = scene.symbols.down if watchlist.is_reversed else scene.symbols.up
            notes.append((f"by {watchlist.sort.title} {way}, o as before", "cyan"))
        if self.has_unproven:
            notes.append((f"status {UNPROVEN}: a loss would go unnoticed", "yellow"))
        return notes

    def update(self, room: int) -> int:
        """Make the order anew where it is time to; give the number of lines."""
        scene = self.scene
        if (source := scene.keys()) is not self._source:
            self._source, venues = source, dict[str, list[str]]()
            for key in source:
                venues.setdefault(key.partition(":")[2], []).append(key)
            self._venues = venues
        self.watchlist.update(scene)
        self.lines = self.watchlist.lines(room)
        return len(self.lines)

    def draw(self, first: int, width: int, height: int) -> list[Line]:
        """Draw so many lines from the ``first`` one on; their titles are in ``titles``."""
        seen = self.lines[first : first + height]
        keys = [key for key in seen if key is not None]
        quotes = {quote.book.key: quote for quote in self.scene.quotes(keys)}
        rows, asset = dict[str, Row](), ""
        rates, best = self.scene.rates(list(quotes)), self._best(keys)
        for key, quote in quotes.items():
            shown = asset_of(key) if not self.watchlist.is_grouped or asset_of(key) != asset else ""
            asset = asset_of(key)
            rows[key] = self._row(quote, shown, rates.get(key, 0.0), best.get(quote.book.symbol))
        self.has_unproven = any(quote.is_live and not quote.book.can_prove for quote in quotes.values())
        self.layout = layout = lay_out(list(rows.values()), width, self.watchlist.sort)
        self.titles = self._titles(layout, width)
        at = {key: number for number, key in enumerate(rows)}
        drawn: list[Line] = []
        for each in seen:
            if each is None or each not in rows:
                drawn.append([])
                continue
            is_cursor = each == self.watchlist.cursor
            drawn.append(cut(draw_row(rows[each], at[each], layout, self.scene, is_cursor=is_cursor), width))
        if not self.lines:
            drawn = [cut(line((self._nothing(), "grey54")), width)]
        return drawn

    def columns(self) -> list[Column]:
        """Give the columns to sort by, in their order."""
        return list(self.layout.columns if self.layout is not None else COLUMNS)

    def _nothing(self) -> str:
        if self.scene.keys():
            return "  nothing here: no instrument is listed"
        return "  waiting for the first record ..."

    def _titles(self, layout: Layout, width: int) -> Line:
        parts: Line = [Segment(" " * MARGIN)]
        for number, (column, title) in enumerate(zip(layout.columns, layout.titles, strict=True)):
            if number:
                parts.append(Segment(" " * layout.gap))
            if column is not self.watchlist.sort:
                parts.append(Segment(title, GREY))
                continue
            bare = title.strip()
            before, _, after = title.partition(bare)
            parts += [Segment(before), Segment(bare, _SORTED), Segment(after)]
        return cut(parts, width)

    def _row_of(self, key: str) -> Row | None:
        quote = self.scene.quote(key)
        return None if quote is None else self._row(quote, asset_of(key), self.scene.rates([key]).get(key, 0.0), None)

    def _row(self, quote: Quote, asset: str, rate: float, best: Best | None) -> Row:
        book, now = quote.book, self.scene.now
        records, holes = self.scene.counts(book.key)
        return Row(
            quote,
            asset,
            rate,
            None if book.received_time is None else (now.wall - book.received_time) / 1e6,
            records,
            holes,
            self.scene.marks.of(book.key, quote, now.mono).digits,
            best,
        )

    def _best(self, keys: Sequence[str]) -> Mapping[str, Best]:
        """Compare the venues of each symbol that is seen."""
        symbols = dict.fromkeys(key.partition(":")[2] for key in keys)
        return best_across(quote for symbol in symbols for quote in self.scene.quotes(self._venues.get(symbol, [])))

"""How the watchlist's rows are drawn: columns that fit, numbers below each other, a reason where there is no price."""

from collections.abc import Mapping, Sequence

import attrs
from rich.segment import Segment
from rich.style import Style

from market_data.adapters.console.columns import ASK, BEST, BID, COLUMNS, STATUS, Column, Row, aligned
from market_data.adapters.console.plain import padded, widest
from market_data.adapters.console.terminal.marks import Direction, Mark
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus
from market_data.domain.quote import Quote
from market_data.domain.spans import span

__all__ = ["FLASHES", "GREY", "MARGIN", "STATUS_STYLES", "Layout", "draw_row", "lay_out", "why"]

GREY = Style.parse("grey54")
STATUS_STYLES: Mapping[BookStatus, Style] = {
    BookStatus.LIVE: Style.parse("green"),
    BookStatus.SYNCING: Style.parse("yellow"),
    BookStatus.STALE: Style.parse("yellow"),
    BookStatus.GAP: Style.parse("bold red"),
    BookStatus.DISCONNECTED: Style.parse("bold red"),
}
FLASHES = {Direction.UP: Style.parse("black on green"), Direction.DOWN: Style.parse("white on red")}
MARGIN = 2
"""The cursor's and the favourite's mark."""
_UNPROVEN = Style.parse("yellow")
_BOLD, _REVERSE = Style(bold=True), Style(reverse=True)
_STYLES = {column: Style.parse(column.style) for column in COLUMNS}
_BRIGHT = {BID: Style.parse("bold bright_green"), ASK: Style.parse("bold bright_red")}
_LEAST_GAP, _GAP, _WIDEST_GAP = 1, 2, 4
_COMFORT = 5
"""Columns up to this importance are shown only where the gaps stay comfortable."""
_NAMES = ("asset", "exchange", "symbol")


@attrs.define
class Layout:
    """The columns of a picture, and the text of each cell of its rows."""

    columns: Sequence[Column]
    gap: int
    titles: Sequence[str]
    cells: Mapping[Column, Sequence[str]]

    def column_at(self, x: int) -> Column | None:
        """Find the column that is drawn at this place of a line."""
        at = MARGIN
        for column, title in zip(self.columns, self.titles, strict=True):
            at += len(title) + self.gap
            if x < at:
                return column
        return None


def lay_out(rows: Sequence[Row], width: int, sort: Column | None = None) -> Layout:
    """Choose columns, and bring their cells to one width; the one that is sorted by is among them."""
    possible = [column for column in COLUMNS if column is not BEST or any(row.best for row in rows)]
    live = [row.quote.is_live for row in rows]
    cells = {column: _cells(column, rows, live) for column in possible}
    widths = {column: widest(texts) for column, texts in cells.items()}
    columns = _chosen(possible, widths, width - MARGIN, sort)
    used = sum(widths[column] for column in columns)
    gap = min(max((width - MARGIN - used) // max(len(columns) - 1, 1), _LEAST_GAP), _WIDEST_GAP)
    return Layout(
        columns,
        gap,
        [cells[column][0] for column in columns],
        {column: cells[column][1:] for column in columns},
    )


def _cells(column: Column, rows: Sequence[Row], live: Sequence[bool]) -> list[str]:
    """Give a column's title and its cells, of one width; a row that is not live has none to align."""
    is_of_all = not (column.is_number or column is STATUS)
    texts = [column.text(row) if is_of_all or is_live else "" for row, is_live in zip(rows, live, strict=True)]
    width = max(column.least_width, len(column.title))
    if column.is_number:
        texts = aligned(texts, width)
        return [column.title.rjust(widest(texts) or width), *texts]
    width = max(width, widest(texts))
    return [padded(text, width) for text in (column.title, *texts)]


def _chosen(
    possible: Sequence[Column], widths: Mapping[Column, int], room: int, sort: Column | None
) -> Sequence[Column]:
    """Take columns by importance as long as they fit, those of one importance together or not at all."""
    chosen: list[Column] = []
    for importance in sorted({column.importance for column in possible}, reverse=True):
        more = [column for column in possible if column in chosen or column.importance == importance or column is sort]
        gap = _GAP if importance <= _COMFORT else _LEAST_GAP
        if not chosen or sum(widths[column] for column in more) + gap * (len(more) - 1) <= room:
            chosen = more
    return chosen


def draw_row(row: Row, at: int, layout: Layout, scene: Scene, *, is_cursor: bool) -> list[Segment]:
    """Draw the row whose cells are the ``at``-th of the layout."""
    quote, key = row.quote, row.quote.book.key
    cursor = scene.symbols.cursor if is_cursor else " "
    segments = [
        Segment(cursor, _BOLD),
        Segment(scene.symbols.favourite if key in scene.favourites else " ", _UNPROVEN),
    ]
    gap = Segment(" " * layout.gap)
    now = scene.now
    mark = scene.marks.of(key, quote, now.mono)
    for number, column in enumerate(layout.columns):
        if number:
            segments.append(gap)
        if column is STATUS and not quote.is_live:
            return segments + why(quote, scene.present if scene.pause is None else now, scene)
        text = layout.cells[column][at]
        style = _STYLES[column] if quote.is_live or column.title == "asset" else GREY
        if is_cursor and column.title in _NAMES[1:]:
            style += _REVERSE
        if (column is BID or column is ASK) and quote.is_live:
            segments += _price(column, text, row, mark, scene)
        elif column in (STATUS, BEST) and not quote.book.can_prove:
            segments.append(Segment(text, _UNPROVEN))
        else:
            segments.append(Segment(text, style))
    return segments


def _price(column: Column, text: str, row: Row, mark: Mark, scene: Scene) -> list[Segment]:
    """Draw a price: what moves bright, which way it went just now as its ground; of several venues' the best bold."""
    side, best = (mark.bid, row.best and row.best.bid) if column is BID else (mark.ask, row.best and row.best.ask)
    plain = _STYLES[column]
    blanks = len(text) - len(text.lstrip())
    flash = None if scene.reduced_motion else mark.flash(side, scene.now.mono)
    if flash is not None:
        cut = blanks + side.changed_from
        shown = text.rstrip()
        return [
            Segment(text[:cut], plain),
            Segment(shown[cut:], FLASHES[flash]),
            Segment(text[len(shown) :], plain),
        ]
    if best is not None and best is not row.quote:  # another venue's is better
        return [Segment(text, plain)]
    cut = blanks + mark.bright_from()
    return [Segment(text[:cut], plain + _BOLD if best is not None else plain), Segment(text[cut:], _BRIGHT[column])]


def why(quote: Quote, now: Moment, scene: Scene) -> list[Segment]:
    """Say what a row that is not live is, why, and since when."""
    since, reason = quote.book.status_since, quote.reason or ""
    if quote.is_expired:
        trouble, since = scene.trouble, now.wall - int((now.mono - quote.seen_at) * 1e6)
        reason = quote.trouble or "silence of the producer"
        if trouble is not None and quote.trouble is not None:
            since = now.wall - int(trouble.seconds * 1e6)
    said = f"{reason}, since" if reason else "since"
    return [
        Segment(str(quote.status).ljust(STATUS.least_width), STATUS_STYLES.get(quote.status, GREY)),
        Segment(f"  {said} {scene.time(since)} ({span((now.wall - since) / 1e6)})", GREY),
    ]

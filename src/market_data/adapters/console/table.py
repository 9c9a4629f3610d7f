"""The table: a pure function from what is known to the lines of a screen."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import attrs
from rich.text import Text

from market_data.adapters.console.columns import ASK, BEST, BID, COLUMNS, STATUS, UNPROVEN, Column, Row, aligned, span
from market_data.adapters.console.plain import counted, padded, widest
from market_data.application.ports import Reading, Trouble
from market_data.domain.best import Best, best_across
from market_data.domain.market import Quote
from market_data.domain.moment import Moment, utc_of

__all__ = ["Picture", "draw"]

_GREY = "grey54"
_RULE = "grey35"
_UNPROVEN_STYLE = "yellow"
_STATUS_STYLES = {"syncing": "yellow", "stale": "yellow", "gap": "red", "disconnected": "red"}
_MARGIN = 1
_LEAST_GAP, _GAP, _WIDEST_GAP = 1, 2, 4
_COMFORT = 5
"""Columns up to this importance are shown only where the gaps stay comfortable."""
_HEADER_LINES = 4
_FOOTER_LINES = 2
_MESSAGES = 3


@attrs.frozen
class Picture:
    """All that is drawn, at one moment."""

    title: str
    quotes: Sequence[Quote]
    """The first ones in the order in which they are shown, instruments of one asset next to each other: as many as the
    window has lines are enough, and the others of the last one's symbol.
    """
    count: int
    """How many instruments there are."""
    live: int
    """How many of them are live."""
    rate: float
    """Records a second, of all."""
    rates: Mapping[str, float]
    """Records a second, by key, of those that are shown."""
    reading: Reading
    now: Moment
    messages: Sequence[str] = ()
    """What the log said last, oldest first."""
    rule: str = "─"
    """What lines are drawn with."""


def draw(picture: Picture, width: int, height: int) -> list[Text]:
    """Draw the screen: at most ``height`` lines of at most ``width`` letters."""
    messages = list(picture.messages)[-_MESSAGES:]
    room = max(height - _HEADER_LINES - _FOOTER_LINES - len(messages), 1)
    shown = picture.quotes[:room]
    titles, rows = _rows(picture, shown, width)
    body, hidden = _fitted(rows, room, picture.count)
    if not picture.quotes:
        body = [Text(" waiting for the first record ...", _GREY)]
    body += [Text()] * (room - len(body))
    rule = Text(picture.rule * width, _RULE)
    lines = [*_header(picture, width), rule, titles, *body, rule]
    lines += [Text(" ").append_text(Text.from_ansi(message)) for message in messages]
    lines.append(
        _footer(hidden, width, has_unproven=any(quote.is_live and not quote.book.can_prove for quote in shown))
    )
    for line in lines:
        line.no_wrap = True
        line.truncate(width)
    return lines[:height]


def _header(picture: Picture, width: int) -> list[Text]:
    reading, proof = picture.reading, picture.reading.proof
    first = Text.assemble(" ", (picture.title, "bold cyan"), "  ", reading.source)
    rate = Text.assemble((f"{picture.rate:,.0f}", "bold"), " records/s ")
    said = Text(" ")
    if proof.is_proven:
        said.append("order proven", "green").append(f": {counted(reading.records, 'record')}, 0 holes")
    else:
        said.append("ORDER NOT PROVEN", "bold red").append(f": {counted(reading.records, 'record')}, ")
        said.append(f"{counted(proof.holes, 'hole')}, {proof.doubles:,} doubled, {proof.disorder:,} out of order")
    if proof.foreign:
        said.append(f", {proof.foreign:,} of another producer", "yellow")
    if reading.trouble is not None:
        since = utc_of(_began(reading.trouble, picture.now))
        said.append(f", {reading.trouble.what} since {since:%H:%M:%S} UTC", "bold red")
    style = "green" if picture.live == picture.count else "yellow"
    time = utc_of(picture.now.wall)
    right = Text.assemble((f"{picture.live:,}", style), f" of {picture.count:,} live  {time:%H:%M:%S} UTC ")
    return [_ends(first, rate, width), _ends(said, right, width)]


def _footer(hidden: int, width: int, *, has_unproven: bool) -> Text:
    hint = Text.assemble(" ", ("Ctrl-C", "bold"), (" ends", _GREY))
    if has_unproven:
        hint.append("   ").append(UNPROVEN, _UNPROVEN_STYLE)
        hint.append(" unproven: a lost change would not be noticed", _GREY)
    if not hidden:
        return hint
    return _ends(hint, Text(f"{counted(hidden, 'more instrument')}: a taller window shows them ", "yellow"), width)


def _ends(left: Text, right: Text, width: int) -> Text:
    """Put one text at each end of a line; the left one is cut where they meet."""
    room = max(width - right.cell_len - 1, 0)
    left.truncate(room, overflow="ellipsis", pad=True)
    return left.append(" ").append_text(right)


# the rows


def _rows(picture: Picture, quotes: Sequence[Quote], width: int) -> tuple[Text, list[list[Text]]]:
    """Draw the titles, and the instruments in groups of one asset."""
    best = best_across(picture.quotes)
    rows = [_row(quote, picture, best.get(quote.book.symbol)) for quote in quotes]
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.quote.book.symbol.partition("-")[0])]
    groups = [
        [attrs.evolve(row, asset=row.asset if at == 0 else "") for at, row in enumerate(group)] for group in groups
    ]
    rows = [row for group in groups for row in group]
    possible = [column for column in COLUMNS if column is not BEST or any(row.best for row in rows)]
    cells = {column.title: _cells(column, rows) for column in possible}
    columns = _chosen(possible, {title: widest(texts) for title, texts in cells.items()}, width - _MARGIN)
    gap = _gap(sum(widest(cells[column.title]) for column in columns), len(columns), width - _MARGIN)
    titles = _joined([Text(cells[column.title][0], _GREY) for column in columns], gap)
    lines = iter(
        _drawn(row, [(column, cells[column.title][at]) for column in columns], gap, picture)
        for at, row in enumerate(rows, start=1)
    )
    return titles, [[next(lines) for _ in group] for group in groups]


def _row(quote: Quote, picture: Picture, best: Best | None) -> Row:
    book = quote.book
    age = None if book.received_time is None else (picture.now.wall - book.received_time) / 1e6
    proof = picture.reading.proof.keys.get(book.key)
    return Row(
        quote,
        book.symbol.partition("-")[0],
        picture.rates.get(book.key, 0.0),
        age,
        proof.records if proof else 0,
        proof.holes if proof else 0,
        best,
    )


def _cells(column: Column, rows: Sequence[Row]) -> list[str]:
    """Give a column's title and its cells, of one width; a row that is not live has none to align."""
    live = [column.text(row) if row.quote.is_live or not column.is_number else "" for row in rows]
    if column is STATUS:
        live = [text if row.quote.is_live else "" for text, row in zip(live, rows, strict=True)]
    width = max(column.least_width, len(column.title))
    if column.is_number:
        texts = aligned(live, width)
        return [column.title.rjust(widest(texts) or width), *texts]
    width = max(width, widest(live))
    return [padded(text, width) for text in (column.title, *live)]


def _chosen(possible: Sequence[Column], widths: Mapping[str, int], room: int) -> list[Column]:
    """Take columns by importance as long as they fit, those of one importance together or not at all."""
    chosen: list[Column] = []
    for importance in sorted({column.importance for column in possible}, reverse=True):
        more = [column for column in possible if column in chosen or column.importance == importance]
        gap = _GAP if importance <= _COMFORT else _LEAST_GAP
        if not chosen or sum(widths[column.title] for column in more) + gap * (len(more) - 1) <= room:
            chosen = more
    return chosen


def _gap(used: int, columns: int, room: int) -> int:
    return min(max((room - used) // max(columns - 1, 1), _LEAST_GAP), _WIDEST_GAP)


def _joined(parts: Sequence[Text], gap: int) -> Text:
    return Text(" " * _MARGIN).append_text(Text(" " * gap).join(parts))


def _drawn(row: Row, cells: Sequence[tuple[Column, str]], gap: int, picture: Picture) -> Text:
    if row.quote.is_live:
        return _joined([Text(text, _style(column, row)) for column, text in cells], gap)
    names: list[Text] = []
    for column, text in cells:
        if column is STATUS:
            break
        names.append(Text(text, "bold" if column.title == "asset" else _GREY))
    return _joined([*names, _why(row.quote, picture.now, picture.reading.trouble)], gap)


def _style(column: Column, row: Row) -> str:
    """Colour what is unproven as a warning, and keep bold, of several venues' prices, the best ones."""
    quote, best = row.quote, row.best
    if column in (STATUS, BEST) and not quote.book.can_prove:
        return _UNPROVEN_STYLE
    if best is not None and ((column is BID and best.bid is not quote) or (column is ASK and best.ask is not quote)):
        return column.style.removeprefix("bold ")
    return column.style


def _began(trouble: Trouble, now: Moment) -> int:
    return now.wall - int(trouble.seconds * 1e6)


def _why(quote: Quote, now: Moment, trouble: Trouble | None) -> Text:
    """Say what a row that is not live is, why, and since when."""
    if trouble is not None and quote.is_expired and quote.book.status_since >= _began(trouble, now):
        # It fell silent only after nothing could be read any more.
        since, reason = _began(trouble, now), trouble.what
    elif not quote.is_expired:
        since, reason = quote.book.status_since, quote.reason or ""
    else:
        since, reason = now.wall - int((now.mono - quote.seen_at) * 1e6), "silence of the producer"
    time = utc_of(since)
    said = f"{reason}, since" if reason else "since"
    return Text.assemble(
        (str(quote.status).ljust(STATUS.least_width), _STATUS_STYLES.get(quote.status, _GREY)),
        "  ",
        (f"{said} {time:%H:%M:%S} UTC ({span((now.wall - since) / 1e6)})", _GREY),
    )


def _fitted(groups: Sequence[Sequence[Text]], room: int, count: int) -> tuple[list[Text], int]:
    """Put an empty line between the groups where there is room for all; tell how many rows are left out."""
    if count + len(groups) - 1 <= room:
        spaced: list[Text] = []
        for group in groups:
            spaced += [Text(), *group] if spaced else group
        return spaced, 0
    rows = [line for group in groups for line in group]
    return rows, count - len(rows)

"""A market made by hand, and what the screen's views draw of it."""

from collections.abc import Iterable, Sequence

import attrs
from rich.cells import cell_len

from market_data.adapters.console.terminal.header import draw_header
from market_data.adapters.console.terminal.lines import Line
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.watching import WatchView
from market_data.application.ports import Reading
from market_data.domain.across import Across
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Level, NormalizedBook, Proof, Reason
from market_data.domain.proof import OrderProof
from market_data.domain.watch import Watch

__all__ = ["NOON", "NOW", "book", "colours", "header", "plain", "scene", "take", "titles", "unproven", "watch"]

NOON = 1_790_251_200_000_000
NOW = Moment(NOON + 340_000, 100.34)
_BEFORE = Moment(NOON, 98.34)


def book(
    exchange: str,
    symbol: str,
    bids: Sequence[Level] = (("61836.80000000", "0.09092000"),),
    asks: Sequence[Level] = (("61836.98000000", "0.03122000"),),
    status: BookStatus = BookStatus.LIVE,
    reason: Reason | None = None,
) -> NormalizedBook:
    """Make a record, received at noon; one that is not live is so since 63 seconds before."""
    is_live = status is BookStatus.LIVE
    return NormalizedBook(
        exchange,
        symbol,
        status,
        reason,
        NOON - 63_000_000,
        tuple(bids) if is_live else (),
        tuple(asks) if is_live else (),
        NOON,
        NOON,
        5,
        1,
        "20260924T120000Z-1",
        0,
        0,
    )


def unproven(each: NormalizedBook) -> NormalizedBook:
    """Make it one of a venue that can prove nothing."""
    return attrs.evolve(each, proof=Proof.NONE, proven_levels=0)


def scene(*books: NormalizedBook, now: Moment = NOW) -> Scene:
    """Show these, read two seconds before."""
    market, proof = Market(15.0, 6), OrderProof()
    made = Scene(
        "Market data",
        market,
        Reading("broker:9092 market.books.v1", proof, _BEFORE, 0, now),
        Watch(15.0),
        Across(15.0),
    )
    take(made, *books, now=_BEFORE)
    return made


def take(made: Scene, *books: NormalizedBook, now: Moment | None = None) -> None:
    """Let more be read, by default now."""
    at = now or made.present
    for given in books:
        seen = made.reading.proof.keys.get(given.key)
        each = attrs.evolve(given, publish_seq=seen.records if seen else 0)
        made.reading.proof.check(each, made.reading.records)
        made.reading.records += 1
        if (quote := made.market.take(each, at)) is not None:
            made.watch.take([quote])
            made._across.take([quote])


def plain(lines: Iterable[Line]) -> list[str]:
    """Leave out colours, and blanks at the end."""
    return ["".join(segment.text for segment in each).rstrip() for each in lines]


def colours(each: Line) -> dict[str, str]:
    """Give the style of each part that is no blank."""
    return {segment.text.strip(): str(segment.style or "") for segment in each if segment.text.strip()}


def header(made: Scene, width: int = 120) -> list[str]:
    """Draw the header of the watchlist."""
    return plain(draw_header(made, WatchView(made).notes, width))


def watch(made: Scene | WatchView, width: int = 120, height: int = 18, first: int = 0) -> list[str]:
    """Draw the rows of the watchlist."""
    view = made if isinstance(made, WatchView) else WatchView(made)
    view.update(height)
    lines = view.draw(first, width, height)
    assert all(sum(cell_len(segment.text) for segment in each) <= width for each in [view.titles, *lines])
    return plain(lines)


def titles(made: Scene, width: int) -> str:
    """Draw the titles of the columns."""
    view = WatchView(made)
    view.update(18)
    view.draw(0, width, 18)
    return " ".join(plain([view.titles])[0].split())

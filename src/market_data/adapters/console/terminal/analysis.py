"""What follows from a book, beside its ladder: how it leans, how deep it is, what an amount of money costs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from market_data.adapters.console.terminal.lines import Line, line
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.analytics import Side
from market_data.domain.market import Quote
from market_data.domain.normalized import NormalizedBook

__all__ = ["NOTIONALS", "draw_analysis"]

NOTIONALS = (1_000, 10_000, 100_000, 1_000_000)
"""Of the quote currency."""
_DEPTHS = (1, 5, 20)
_BPS = 10
_LABEL = 14

_Part: TypeAlias = tuple[str, str]


def draw_analysis(scene: Scene, quote: Quote, notional: int) -> list[Line]:
    """Draw it; nothing of a book that is not live."""
    if not quote.is_live:
        return []
    book = quote.book
    base, _, money = book.symbol.partition("-")
    digits = scene.marks.of(book.key, quote, scene.now.mono).digits
    lines = [
        _said("microprice", [(_number(book.microprice, digits.price + 2), "bold")]),
        _said("imbalance", _imbalances(book)),
        [],
        _title(f"within {_BPS} bps, {base}"),
        *(_said(f" to {side}", [_depth(book, side, digits.size)]) for side in ("buy", "sell")),
        [],
        _title(f"for {notional:,} {money}"),
        *(_said(f" {side} at", _cost(book, side, notional, digits.price + 1)) for side in ("buy", "sell")),
    ]
    return [line((" ", "")) + each if each else [] for each in lines]


def _title(text: str) -> Line:
    return line((text, "grey54"))


def _said(label: str, parts: Sequence[_Part]) -> Line:
    return line((label.ljust(_LABEL), "grey54"), *parts)


def _imbalances(book: NormalizedBook) -> list[_Part]:
    parts: list[_Part] = []
    for depth in _DEPTHS:
        lean = book.imbalance(depth)
        style = "" if not lean else "green" if lean > 0 else "red"
        parts += [(f"{depth}: ", "grey54"), (_number(lean, 2, sign="+"), style), ("  ", "")]
    return parts


def _depth(book: NormalizedBook, side: Side, digits: int) -> _Part:
    depth = book.depth_within(side, _BPS)
    levels = book.asks if side == "buy" else book.bids
    if depth is None:
        return f"all {len(levels)} levels and more", "grey54"
    return _number(depth, digits), ""


def _cost(book: NormalizedBook, side: Side, notional: int, digits: int) -> list[_Part]:
    price, slippage = book.vwap(side, notional), book.slippage_bps(side, notional)
    if price is None:
        return [("not enough depth", "yellow")]
    worse = "" if slippage is None else f"  {slippage:.2f} bps"
    return [(_number(price, digits), ""), (worse, "bold")]


def _number(number: Decimal | None, digits: int, *, sign: str = "") -> str:
    return "-" if number is None else f"{number:{sign}.{digits}f}"

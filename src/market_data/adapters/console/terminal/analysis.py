"""What follows from a book, beside its ladder: how it leans, how deep it is, what an amount of money costs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from rich.segment import Segment

from market_data.adapters.console.terminal.happenings import draw_change
from market_data.adapters.console.terminal.lines import Line, cut, line
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.spark import SPARK_SECONDS, sparkline
from market_data.domain.analytics import Side
from market_data.domain.normalized import NormalizedBook
from market_data.domain.prices import BPS
from market_data.domain.quote import Quote

__all__ = ["draw_analysis", "draw_side"]

_DEPTHS = (1, 5, 20)
_BPS = tuple(map(Decimal, ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "25", "50", "100")))
_FEW = 2
"""Rows of depth."""
_LABEL, _COLUMN = 14, 13
_COMFORT = 22
"""Lines from which on parts stand apart."""
_WHOLE_MINUTE = 59

_Part: TypeAlias = tuple[str, str]
_SIDES: Sequence[Side] = ("buy", "sell")


def draw_side(scene: Scene, key: str, notional: Decimal | int, width: int, height: int) -> list[Line]:
    """Draw the figures, and below them as much of the past as there is room for."""
    quote = scene.quote(key)
    drawn = [] if quote is None else draw_analysis(scene, quote, notional, width, height)
    changes = scene.watch.history(key)
    room = height - len(drawn) - 2
    if changes and room > 0:
        drawn += [[], line((" statuses, the newest last", "grey54"))]
        drawn += [draw_change(change, scene) for change in list(changes)[-room:]]
    return [cut(each, width) for each in drawn]


def draw_analysis(scene: Scene, quote: Quote, notional: Decimal | int, width: int, height: int) -> list[Line]:
    """Draw it: the most important first, and no more than there is room for; nothing of a book that is not live."""
    if not quote.is_live:
        return []
    book = quote.book
    base, _, money = book.symbol.partition("-")
    digits = scene.marks.of(book.key, quote, scene.now.mono).digits
    parts = [
        [
            _said("microprice", [(_number(book.microprice, digits.price + 2), "bold")]),
            *(_said(f"imbalance {depth}", [_lean(book.imbalance(depth))]) for depth in _DEPTHS),
        ],
        [
            _title(f"for {notional:,} {money}"),
            *(_said(f" {side} at", _cost(book, side, notional, digits.price + 1)) for side in _SIDES),
        ],
        _curve(scene, book, digits.price + 1, width),
        [
            _title(f"{f'{base} within':{_LABEL}}{'to buy':{_COLUMN}}to sell"),
            *(
                _said(f" {bps} bps", [_depth(book, side, bps, digits.size) for side in _SIDES])
                for bps in _answered(book)
            ),
        ],
        _minute(scene, book, digits.price + 1),
    ]
    drawn: list[Line] = []
    for part in parts:
        if part and len(drawn) + 1 + len(part) <= height:
            drawn += [[], *part] if drawn and height > _COMFORT else part
    return [[Segment(" "), *each] if each else [] for each in drawn]


def _curve(scene: Scene, book: NormalizedBook, digits: int, width: int) -> list[Line]:
    drawn = sparkline(
        scene.watch.buckets(book.key, scene.now, SPARK_SECONDS), min(width - 2, SPARK_SECONDS), scene.symbols.sparks
    )
    if drawn is None:
        return []
    bars, low, high = drawn
    return [_title(f"mid, 5 minutes: {low:.{digits}f} to {high:.{digits}f}"), line((bars, "cyan"))]


def _minute(scene: Scene, book: NormalizedBook, digits: int) -> list[Line]:
    minute = scene.watch.minute(book.key, scene.now)
    if minute is None:
        return []
    change = "-" if minute.change_bps is None else f"{minute.change_bps:+z.2f} bps"
    style = "" if not minute.change_bps else "green" if minute.change_bps > 0 else "red"
    spread = "-" if minute.spread_bps is None else f"{minute.spread_bps:.2f} bps"
    return [
        _title("last minute" if minute.seconds >= _WHOLE_MINUTE else f"last {minute.seconds:.0f} s"),
        _said(" highest mid", [(_number(minute.high, digits), "")]),
        _said(" lowest mid", [(_number(minute.low, digits), "")]),
        _said(" mean mid", [(_number(minute.mean, digits), "")]),
        _said(" mid change", [(change, style)]),
        _said(" mean spread", [(spread, "")]),
        _said(" updates", [(f"{minute.updates_per_second:.1f} a second", "")]),
        _said(" live", [(f"{minute.live_share * 100:.1f} %", "")]),
    ]


def _title(text: str) -> Line:
    return line((text, "grey54"))


def _said(label: str, parts: Sequence[_Part]) -> Line:
    return line((label.ljust(_LABEL), "grey54"), *parts)


def _lean(lean: Decimal | None) -> _Part:
    return _number(lean, 2, sign="+"), "" if not lean else "green" if lean > 0 else "red"


def _answered(book: NormalizedBook) -> Sequence[Decimal]:
    """Give the widest bps that the known levels of both sides can answer, and of one side where that reaches further;
    the least of all where there is none.
    """
    if (mid := book.mid) is None:
        return _BPS[:1]
    near, far = sorted(abs(Decimal(side[-1][0]) - mid) * BPS for side in (book.bids, book.asks))
    both, either = ([bps for bps in _BPS if bps * mid < reach] for reach in (near, far))
    return sorted({*both[-_FEW:], *either[-1:]})[-_FEW:] or _BPS[:1]


def _depth(book: NormalizedBook, side: Side, bps: Decimal, digits: int) -> _Part:
    depth = book.depth_within(side, bps)
    levels = book.asks if side == "buy" else book.bids
    if depth is None:
        return f"{f'> {len(levels)} levels':{_COLUMN}}", "grey54"
    return f"{_number(depth, digits):{_COLUMN}}", ""


def _cost(book: NormalizedBook, side: Side, notional: Decimal | int, digits: int) -> list[_Part]:
    price, slippage = book.vwap(side, notional), book.slippage_bps(side, notional)
    if price is None:
        return [("not enough depth", "yellow")]
    worse = "" if slippage is None else f"  {slippage:.2f} bps"
    return [(_number(price, digits), ""), (worse, "bold")]


def _number(number: Decimal | None, digits: int, *, sign: str = "") -> str:
    return "-" if number is None else f"{number:{sign}z.{digits}f}"

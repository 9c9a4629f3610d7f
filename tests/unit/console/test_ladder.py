"""One instrument's book as a ladder, and what is said beside it."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.support.scenes import NOON, book, plain, scene, take

from market_data.adapters.console.terminal.analysis import draw_side
from market_data.adapters.console.terminal.ladder import group_steps, rungs_of
from market_data.adapters.console.terminal.ladderview import LadderView
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.spark import sparkline
from market_data.domain.curve import MidBucket
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Level, Reason

KEY = "binance:BTC-USDT"
BIDS = tuple((f"{100 - at * 0.03:.2f}", f"{1 + at}") for at in range(20))
ASKS = tuple((f"{100.01 + at * 0.03:.2f}", f"{1 + at}") for at in range(20))

_price = st.decimals(Decimal("0.00000001"), Decimal(10) ** 18, allow_nan=False, places=8)
_size = st.decimals(Decimal("0.00000001"), Decimal(10) ** 12, allow_nan=False, places=8)
_side = st.lists(st.tuples(_price, _size), max_size=20, unique_by=lambda level: level[0])
_step = st.none() | st.tuples(st.sampled_from((1, 2, 5)), st.integers(-8, 12)).map(
    lambda of: Decimal(of[0]).scaleb(of[1])
)


def _levels(side: list[tuple[Decimal, Decimal]], *, is_bid: bool) -> list[Level]:
    return [(f"{price:f}", f"{size:f}") for price, size in sorted(side, reverse=is_bid)]


@given(_side, _step, st.booleans())
def test_groups_hold_all_levels_and_never_make_a_price_look_better(
    side: list[tuple[Decimal, Decimal]],
    step: Decimal | None,
    is_bid: bool,  # noqa: FBT001
) -> None:
    levels = _levels(side, is_bid=is_bid)
    rungs = rungs_of(levels, step, is_bid=is_bid)
    assert sum((rung.size for rung in rungs.each), Decimal(0)) == sum((size for _, size in side), Decimal(0))
    begin = 0
    for rung in rungs.each:
        held = levels[begin : rung.levels]
        begin = rung.levels
        assert rung.size == sum(Decimal(size) for _, size in held)
        assert rung.total == sum(Decimal(size) for _, size in levels[:begin])
        for price, _ in held:
            away = Decimal(price) - rung.price if is_bid else rung.price - Decimal(price)
            assert 0 <= away < (step or Decimal("1e-99"))
        assert step is None or rung.price % step == 0
    assert begin == len(levels)
    prices = [rung.price for rung in rungs.each]
    assert prices == sorted(set(prices), reverse=is_bid)
    assert [rung.may_hold_more for rung in rungs.each] == [False] * (len(rungs) - 1) + [step is not None] * bool(rungs)


def test_steps_go_on_while_groups_can_be_told_apart() -> None:
    steps = group_steps(BIDS, ASKS, Decimal("0.01"))
    assert [str(step) for step in steps] == ["0.02", "0.05", "0.1", "0.2", "0.5"]


def _view(cursor: int | None = 0, step: str | None = None) -> LadderView:
    made = scene(book("binance", "BTC-USDT", BIDS, ASKS))
    return LadderView(made, KEY, cursor, None if step is None else Decimal(step))


def _prices(lines: list[str]) -> list[str]:
    return [found[1] for line in lines if (found := re.match(r"  +[\d.]+ +[\d.]+\+? +([\d.]+)", line))]


@pytest.mark.parametrize("height", [8, 19, 20, 35, 60])
@pytest.mark.parametrize("cursor", [-20, -3, 0, 1, 20])
def test_the_spread_is_pinned_in_the_middle_and_the_cursor_is_always_seen(height: int, cursor: int) -> None:
    view = _view(cursor)
    lines = plain(view.draw(60, height))
    assert len(lines) == height
    (at,) = [number for number, line in enumerate(lines) if "spread 0.01 (1.00 bps)  mid 100.005" in line]
    assert at == 1 + (height - 2) // 2
    prices = _prices(lines)
    assert prices == sorted(prices, key=Decimal, reverse=True)
    if cursor:
        assert (ASKS[cursor - 1] if cursor > 0 else BIDS[-cursor - 1])[0] in prices


def test_what_taking_all_down_to_the_cursor_costs_is_exact() -> None:
    view = _view(2)
    assert plain([view.filled()]) == [" buy 3 at 100.030  2.50 bps  costs 300.09 USDT"]
    view.move(-4)
    assert plain([view.filled()]) == [" sell 3 at 99.980  2.50 bps  for 299.94 USDT"]
    view.move(2)
    assert plain([view.filled()]) == [" 20 asks, 20 bids"]


def test_what_it_costs_has_cents_and_more_digits_only_where_it_is_little() -> None:
    book_of_btc = book("binance", "ETH-BTC", [("0.03", "1")], [("0.04337", "1"), ("0.05", "50000")])
    view = LadderView(scene(book_of_btc), "binance:ETH-BTC", 1)
    assert plain([view.filled()])[0].endswith("costs 0.04337 BTC")
    view.move(1)
    assert plain([view.filled()])[0].endswith("costs 2,500.04 BTC")


def test_what_is_no_live_book_costs_nothing() -> None:
    made = scene(book("binance", "BTC-USDT", status=BookStatus.GAP))
    assert LadderView(made, KEY, 2).filled() == []
    assert LadderView(made, "who:knows", 2).filled() == []


def test_bids_are_grouped_down_and_asks_up_and_the_last_group_may_hold_more() -> None:
    view = _view(step="0.1")
    lines = plain(view.draw(60, 20))
    assert _prices(lines)[:1] == ["100.60"]
    assert [line.split()[1] for line in lines if line.split()[2:3] == ["100.60"]] == ["57+"]
    assert [line.split()[:3] for line in lines if line.split()[2:3] == ["100.10"]] == [["10", "10", "100.10"]]
    assert [line.split()[:3] for line in lines if line.split()[2:3] == ["99.90"]] == [["10", "9", "99.90"]]
    assert view.notes == [("binance BTC-USDT by 0.1", "bold cyan")]


def test_bars_have_one_scale_for_both_sides() -> None:
    made = scene(book("binance", "BTC-USDT", [("99", "1"), ("98", "1")], [("101", "2"), ("102", "6")]))
    lines = plain(LadderView(made, KEY, None).draw(30, 8))
    bars = {line.split()[2]: line.split()[3] for line in lines if len(line.split()) == 4 and "█" in line}
    assert {price: len(bar) for price, bar in bars.items()} == {"102": 8, "101": 3, "99": 2, "98": 3}
    assert bars["101"] == "██▎"


def test_a_book_that_is_not_live_has_a_reason_and_no_price() -> None:
    made = scene(book("binance", "BTC-USDT", BIDS, ASKS))
    take(made, book("binance", "BTC-USDT", status=BookStatus.GAP, reason=Reason.SEQUENCE))
    lines = plain(LadderView(made, KEY).draw(70, 20))
    assert lines[1] == " gap  sequence, since 11:58:57 UTC (1 m)"
    assert "a message was lost" in lines[4]
    assert not re.search(r"\d\.\d\d\b", "".join(lines[2:]))
    side = plain(draw_side(made, KEY, 1000, 40, 20))
    assert side[1] == " statuses, the newest last"
    assert re.fullmatch(r" 11:58:57  live +1 m", side[2])
    assert re.fullmatch(r" 12:00:00  gap +0.0 s  sequence", side[3])
    assert len(side) == 4


def test_what_follows_from_the_book_is_beside_it_and_what_it_cannot_answer_is_said() -> None:
    lines = [" ".join(line.split()) for line in plain(draw_side(_view().scene, KEY, 1000, 44, 40))]
    for said in (
        "microprice 100.0050",
        "imbalance 1 +0.00",
        "imbalance 20 +0.00",
        "BTC within to buy to sell",
        "25 bps 45 45",
        "50 bps 153 153",
        "for 1,000 USDT",
        "buy at 100.070 6.50 bps",
        "sell at 99.940 6.50 bps",
    ):
        assert said in lines, said
    poor = [" ".join(line.split()) for line in plain(draw_side(_view().scene, KEY, 1_000_000, 44, 40))]
    assert "buy at not enough depth" in poor


def test_the_last_minute_and_the_curve_are_there_once_there_is_something_to_say() -> None:
    made = scene(book("binance", "BTC-USDT", BIDS, ASKS))
    for second in range(1, 31):
        made.reading.now = Moment(NOON + second * 1_000_000, 98.34 + second)
        bid, ask = f"{100 + second}", f"{101 + second}"
        take(made, book("binance", "BTC-USDT", [(bid, "1")], [(ask, "1")]))
    lines = [" ".join(line.split()) for line in plain(draw_side(made, KEY, 1000, 60, 60))]
    for said in ("last 30 s", "highest mid 130.5", "lowest mid 100.0", "live 100.0 %"):
        assert any(line.startswith(said) for line in lines), (said, lines)
    (title,) = [line for line in lines if line.startswith("mid, 5 minutes: ")]
    assert title == "mid, 5 minutes: 100.0 to 130.5", "no less than what the last minute went through"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("0.0001", ["0.1 bps 10 10", "BTC within"]),
        ("0.001", ["1 bps 10 10", "0.5 bps 5 5"]),
        ("1", ["100 bps 1 1"]),
        ("0.00001", ["0.1 bps > 20 levels > 20 levels"]),
    ],
)
def test_the_depth_is_asked_for_as_far_as_the_known_levels_reach(step: str, said: list[str]) -> None:
    bids = [(f"{Decimal(100) - Decimal(step) * at}", "1") for at in range(1, 21)]
    asks = [(f"{Decimal(100) + Decimal(step) * at}", "1") for at in range(1, 21)]
    made = scene(book("binance", "BTC-USDT", bids, asks))
    lines = [" ".join(line.split()) for line in plain(draw_side(made, KEY, 1000, 44, 40))]
    for each in said:
        assert any(line.startswith(each) for line in lines), (each, lines)
    assert len([line for line in lines if " bps " in line and not line.startswith(("buy", "sell"))]) <= 2


def test_where_one_side_reaches_further_its_number_is_there_too() -> None:
    bids = [(f"{Decimal(100) - Decimal('0.05') * at}", "1") for at in range(1, 21)]
    asks = [(f"{Decimal(100) + Decimal('0.01') * at}", "1") for at in range(1, 21)]
    made = scene(book("binance", "BTC-USDT", bids, asks))
    lines = [" ".join(line.split()) for line in plain(draw_side(made, KEY, 1000, 44, 40))]
    assert any(re.match(r"10 bps \d+ 2$", line) for line in lines), lines
    assert "50 bps > 20 levels 10" in lines


def _bucket(second: int, mid: float) -> MidBucket:
    return MidBucket(second, mid, mid, mid, 1.0, is_whole=True)


def test_a_gap_of_the_curve_is_blank_and_a_flat_one_is_in_the_middle() -> None:
    buckets = [_bucket(1, 1.0), None, _bucket(3, 3.0), _bucket(4, 2.0)]
    assert sparkline(buckets, 10, "01234") == ("0 42", 1.0, 3.0)
    assert sparkline([_bucket(1, 5.0)], 10, "01234") == ("2", 5.0, 5.0)
    assert sparkline([None, None], 10, "01234") is None
    drawn = sparkline([_bucket(second, second) for second in range(300)], 40, "01234")
    assert drawn is not None
    assert len(drawn[0]) <= 40


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 70),
    cursor=st.none() | st.integers(-30, 30),
    bids=_side,
    asks=_side,
    step=_step,
)
def test_it_never_leaves_its_room(
    width: int,
    height: int,
    cursor: int | None,
    bids: list[tuple[Decimal, Decimal]],
    asks: list[tuple[Decimal, Decimal]],
    step: Decimal | None,
) -> None:
    made: Scene = scene(book("binance", "BTC-USDT", _levels(bids, is_bid=True), _levels(asks, is_bid=False)))
    view = LadderView(made, KEY, cursor, step)
    view.move(0)
    for lines in (plain(view.draw(width, height)), plain(draw_side(made, KEY, 1000, width, height))):
        assert all(cell_len(line) <= width for line in lines)

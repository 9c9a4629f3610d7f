"""Each analytic beside a naive one of its own, on ten thousand random books and on real ones; what has no answer."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from random import Random

import attrs
import pytest
from tests.support.captured import CAPTURED, captured_books
from tests.support.records import record

from market_data.domain.analytics import (
    Side,
    cumulative_sizes,
    depth_within,
    fill,
    imbalance,
    microprice,
    slippage_bps,
    spread_bps,
    vwap,
)
from market_data.domain.normalized import BookStatus, Level, NormalizedBook, Reason
from market_data.domain.top import TopOfBook

WIDE = Context(prec=2000)
SIDES: tuple[Side, Side] = ("buy", "sell")


def rounded(number: Decimal) -> Decimal:
    """Round as promised: once, to 28 digits."""
    return Context(prec=28, rounding=ROUND_HALF_EVEN).plus(number)


def over(above: Decimal, below: Decimal) -> Decimal:
    """Divide with far more digits than are asked for, then round."""
    return rounded(WIDE.divide(above, below))


def random_side(random: Random, best: Decimal, step: int, levels: int) -> list[Level]:
    tick = Decimal(random.choice(["0.01", "1", "0.00000001"]))
    prices = [best + step * tick * sum(random.randint(1, 9) for _ in range(at + 1)) for at in range(levels)]
    ordered = sorted({each for each in prices if each > 0}, reverse=step < 0)
    scale = Decimal(10) ** -random.randint(0, 8)
    return [(format(price, "f"), format(random.randint(1, 10**9) * scale, "f")) for price in ordered]


def random_book(random: Random) -> tuple[list[Level], list[Level]]:
    best = Decimal(random.randint(1000, 10**8)) / random.choice([1, 100, 1000])
    return (
        random_side(random, best, -1, random.randint(0, 20)),
        random_side(random, best, 1, random.randint(0, 20)),
    )


def naive_bought(taken: list[Level], notional: Decimal) -> tuple[Decimal, Decimal] | None:
    """Give what is bought as a fraction, above and below its line."""
    spent, bought = Decimal(0), Decimal(0)
    for price, size in taken:
        worth = WIDE.multiply(Decimal(price), Decimal(size))
        if WIDE.add(spent, worth) >= notional:
            rest = WIDE.subtract(notional, spent)
            return WIDE.add(WIDE.multiply(bought, Decimal(price)), rest), Decimal(price)
        spent, bought = WIDE.add(spent, worth), WIDE.add(bought, Decimal(size))
    return None


def check_fills(bids: list[Level], asks: list[Level], side: Side, levels: int) -> None:
    """Compare what taking whole levels yields."""
    taken = asks if side == "buy" else bids
    sizes = [Decimal(size) for _, size in taken]
    summed = [sum(sizes[: at + 1], Decimal(0)) for at in range(len(sizes))]
    assert cumulative_sizes(taken) == summed
    told = fill(bids, asks, side, levels)
    if len(taken) < levels:
        assert told is None
        return
    assert told is not None
    worth = [WIDE.multiply(Decimal(price), Decimal(size)) for price, size in taken[:levels]]
    notional = Decimal(0)
    for each in worth:
        notional = WIDE.add(notional, each)
    assert (told.size, told.notional) == (summed[levels - 1], notional)
    assert told.price == over(notional, told.size)
    if not (bids and asks):
        assert told.slippage_bps is None
        return
    mid = WIDE.divide(Decimal(bids[0][0]) + Decimal(asks[0][0]), Decimal(2))
    worse = WIDE.subtract(notional, WIDE.multiply(mid, told.size))
    worse = worse if side == "buy" else worse.copy_negate()
    assert told.slippage_bps == over(WIDE.multiply(worse, Decimal(10_000)), WIDE.multiply(mid, told.size))


def check_top(bids: list[Level], asks: list[Level]) -> None:
    """Compare the best prices, their middle and their distance, exact and in percent."""
    book = record(bids=tuple(bids), asks=tuple(asks))
    assert book.best_bid == max((Decimal(price) for price, _ in bids), default=None)
    assert book.best_ask == min((Decimal(price) for price, _ in asks), default=None)
    if not (bids and asks):
        assert (book.mid, book.spread, TopOfBook.of(book).spread_percent) == (None, None, None)
        return
    bid, ask = Decimal(bids[0][0]), Decimal(asks[0][0])
    assert book.mid == WIDE.divide(WIDE.add(bid, ask), Decimal(2))
    assert book.spread == WIDE.subtract(ask, bid)
    percent = WIDE.divide(WIDE.multiply(WIDE.subtract(ask, bid), Decimal(200)), WIDE.add(bid, ask))
    assert TopOfBook.of(book).spread_percent == percent.quantize(Decimal("1e-6"), ROUND_HALF_EVEN, WIDE)


def check(bids: list[Level], asks: list[Level], random: Random) -> int:
    """Compare all of them on one book; gives how many had an answer."""
    answers: list[object] = []
    both = bool(bids and asks)
    check_top(bids, asks)
    for side in SIDES:
        check_fills(bids, asks, side, random.randint(1, 20))
    if both:
        bid, ask, bid_size, ask_size = (Decimal(text) for text in (bids[0][0], asks[0][0], bids[0][1], asks[0][1]))
        mid = WIDE.divide(bid + ask, Decimal(2))
        assert spread_bps(bids, asks) == over(WIDE.multiply(ask - bid, Decimal(10_000)), mid)
        weighted = WIDE.add(WIDE.multiply(bid, ask_size), WIDE.multiply(ask, bid_size))
        assert microprice(bids, asks) == over(weighted, bid_size + ask_size)
        assert bid <= microprice(bids, asks) <= ask  # type: ignore[operator]
    else:
        assert spread_bps(bids, asks) is None
        assert microprice(bids, asks) is None
    for levels in (1, 5, 20):
        told = imbalance(bids, asks, levels)
        if len(bids) < levels or len(asks) < levels:
            assert told is None
            continue
        more = sum(Decimal(size) for _, size in bids[:levels]), sum(Decimal(size) for _, size in asks[:levels])
        assert told == over(more[0] - more[1], more[0] + more[1])  # type: ignore[arg-type]
        answers.append(told)
    for side in SIDES:
        taken = asks if side == "buy" else bids
        bps = random.choice([0, 1, 10, 100, Decimal("2.5")])
        told = depth_within(bids, asks, side, bps)
        if both:
            reach = WIDE.divide(WIDE.multiply(mid, Decimal(bps)), Decimal(10_000))
            within = [Decimal(size) for price, size in taken if abs(WIDE.subtract(Decimal(price), mid)) <= reach]
            assert told == (None if len(within) == len(taken) else sum(within, Decimal(0)))
        else:
            assert told is None
        notional = Decimal(random.randint(1, 10 ** random.randint(1, 16))) / 100
        bought = naive_bought(taken, notional)
        if bought is None:
            assert vwap(bids, asks, side, notional) is None
            assert slippage_bps(bids, asks, side, notional) is None
            continue
        above, below = bought
        paid = WIDE.multiply(notional, below)
        assert vwap(bids, asks, side, notional) == over(paid, above)
        if both:
            worse = WIDE.subtract(paid, WIDE.multiply(mid, above))
            worse = worse if side == "buy" else worse.copy_negate()
            expected = over(WIDE.multiply(worse, Decimal(10_000)), WIDE.multiply(mid, above))
            assert slippage_bps(bids, asks, side, notional) == expected
            assert expected >= 0
        answers.append(above)
    return len(answers)


def test_each_equals_a_naive_one_on_ten_thousand_random_books() -> None:
    random = Random(15)
    assert sum(check(*random_book(random), random) for _ in range(10_000)) > 20_000


@pytest.mark.parametrize("exchange", CAPTURED)
def test_each_equals_a_naive_one_on_the_real_captures(exchange: str) -> None:
    random, books, answers = Random(15), 0, 0
    for _, bids, asks in captured_books(exchange, every=5):
        books += 1
        answers += check(list(bids), list(asks), random)
    print(f"{books} books of {exchange}, {answers} answers")
    assert books > 50
    assert answers > books


def test_by_hand() -> None:
    bids: list[Level] = [("99", "3"), ("98", "5"), ("90", "100")]
    asks: list[Level] = [("101", "1"), ("102", "2"), ("110", "100")]
    assert spread_bps(bids, asks) == 200
    assert microprice(bids, asks) == Decimal("100.5")
    assert imbalance(bids, asks, 1) == Decimal("0.5")
    assert depth_within(bids, asks, "buy", 200) == 3
    assert depth_within(bids, asks, "sell", 99) == 0
    assert depth_within(bids, asks, "buy", 1000) is None, "what comes behind 110 is not known"
    assert vwap(bids, asks, "buy", 101) == 101
    assert vwap(bids, asks, "buy", 101 + 204) == over(Decimal(305), Decimal(3))
    assert slippage_bps(bids, asks, "sell", 99) == 100
    assert vwap(bids, asks, "buy", 10**9) is None, "not enough depth is an answer"
    assert cumulative_sizes(bids) == [3, 8, 108]
    taken = fill(bids, asks, "buy", 2)
    assert taken is not None
    assert (taken.size, taken.notional, taken.price) == (3, 305, over(Decimal(305), Decimal(3)))
    assert taken.slippage_bps == over(Decimal(500), Decimal(3))
    assert fill(bids, asks, "buy", 4) is None
    assert fill([("1", "0")], asks, "sell", 1) is None


@pytest.mark.parametrize("levels", [0, -1])
def test_an_imbalance_of_no_levels_makes_no_sense(levels: int) -> None:
    with pytest.raises(ValueError, match="at least one level"):
        imbalance([("1", "1")], [("2", "1")], levels)
    with pytest.raises(ValueError, match="at least one level"):
        fill([("1", "1")], [("2", "1")], "buy", levels)


@pytest.mark.parametrize("notional", [0, -1, Decimal("-0.01")])
def test_trading_for_nothing_makes_no_sense(notional: Decimal) -> None:
    with pytest.raises(ValueError, match="above 0"):
        vwap([("1", "1")], [("2", "1")], "buy", notional)
    with pytest.raises(ValueError, match="at least 0"):
        depth_within([("1", "1")], [("2", "1")], "buy", -1)


def all_of(book: NormalizedBook) -> list[Decimal | None]:
    return [
        book.spread_bps,
        book.microprice,
        book.imbalance(),
        book.depth_within("buy", 1),
        book.vwap("sell", 1),
        book.slippage_bps("buy", 1),
        book.best_bid,
        book.best_ask,
        book.mid,
        book.spread,
        *(book.cumulative_sizes("sell") or [None]),
        None if (taken := book.fill("buy", 1)) is None else taken.price,
    ]


def test_a_live_book_answers_and_one_that_is_not_answers_nothing() -> None:
    live = record()
    assert None not in all_of(live)
    assert live.imbalance(1) == over(Decimal(-1), Decimal(3))
    for status in BookStatus:
        if status is not BookStatus.LIVE:
            lying = attrs.evolve(live, status=status, reason=Reason.SILENCE)  # levels that it should not have
            assert all_of(lying) == [None] * 12

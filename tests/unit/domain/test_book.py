"""The fast order book against a naive one, and what it refuses."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.naive import NaiveBook, NaiveSide
from tests.support.raw import TupleBook, TupleSide

from market_data.domain.book import Difference, InvalidLevel
from market_data.domain.levels import Ladder, Level, is_same_ladder

DEPTH = 4


def forms(number: Decimal) -> list[str]:
    """Write one number in the ways that venues do: with and without trailing zeros, a leading one."""
    text = format(number, "f")
    plain = (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    padded = plain + ("00" if "." in plain else ".00")
    return [plain, padded, f"0{plain}", padded + "000000000000"]


prices = st.integers(1, 40).map(lambda ticks: Decimal(ticks) / 4).flatmap(lambda price: st.sampled_from(forms(price)))
sizes = st.integers(0, 3).map(Decimal).flatmap(lambda size: st.sampled_from(forms(size)))
levels = st.lists(st.tuples(prices, sizes), max_size=12)
snapshots = st.tuples(levels, levels, st.one_of(st.none(), st.integers(1, 12)))
events = st.tuples(levels, levels)


@given(snapshots, st.lists(events, max_size=20))
def test_a_book_is_always_what_a_naive_book_is(
    snapshot: tuple[list[Level], list[Level], int | None], changes: list[tuple[list[Level], list[Level]]]
) -> None:
    book, naive = TupleBook(DEPTH), NaiveBook()
    book.replace(*snapshot)
    naive.replace(*snapshot)
    for bids, asks in changes:
        before = book.top()
        has_changed = book.apply(bids, asks)
        naive.apply(bids, asks)
        assert book.top() == naive.top(DEPTH)
        assert book.is_crossed == naive.is_crossed
        assert len(book.bids) == len(naive.bids.levels)
        assert len(book.asks) == len(naive.asks.levels)
        assert has_changed or book.top() == before
        known = [len(side.levels) for side in (naive.bids, naive.asks) if side.edge is not None]
        assert book.known_levels == (min(known) if known else None)


@given(snapshots, snapshots, levels)
def test_a_snapshot_leaves_nothing_of_what_was_before(
    first: tuple[list[Level], list[Level], int | None],
    second: tuple[list[Level], list[Level], int | None],
    between: list[Level],
) -> None:
    book, fresh = TupleBook(DEPTH), TupleBook(DEPTH)
    book.replace(*first)
    book.apply(between, between)
    book.replace(*second)
    fresh.replace(*second)
    assert book.top() == fresh.top()
    assert book.known_levels == fresh.known_levels
    assert book.find_difference(fresh) is None


@pytest.mark.parametrize("sign", [pytest.param(-1, id="bids"), pytest.param(1, id="asks")])
@pytest.mark.parametrize(
    ("count", "limit"),
    [
        pytest.param(300, None, id="a few hundred levels"),
        pytest.param(20_000, None, id="twenty thousand levels"),
        pytest.param(5000, 5000, id="five thousand known levels"),
    ],
)
def test_a_side_of_many_levels_keeps_its_best_ones_sorted_whatever_comes(
    sign: int, count: int, limit: int | None
) -> None:
    random = Random(f"{sign} {count}")
    side, naive = TupleSide(sign, 20), NaiveSide(best_is_highest=sign < 0)
    middle = 100_000 + 10 * count
    whole = [(f"{middle + sign * ticks}.0", "1") for ticks in random.sample(range(count * 4), count)]
    side.replace(whole, limit)
    naive.replace(whole, limit)
    for number in range(60):
        near = naive.prices()[: random.choice((5, 60, 400))]
        wave: list[Level] = []
        match number % 4:
            case 0:  # eat the best away
                wave = [(str(price), "0") for price in near]
            case 1:  # a flood of better ones
                best = int(near[0]) if near else middle
                wave = [(str(best - sign * step), "2") for step in random.sample(range(1, 900), 400)]
            case 2:  # anywhere, redundant deletes too
                spread = range(-50, 5 * count)
                wave = [(str(middle + sign * random.choice(spread)), random.choice("0123")) for _ in range(200)]
            case _:  # one price again and again
                price = str(near[0]) if near else str(middle)
                wave = [(price, "0"), (price, "5"), (price, "0"), (price, "6.0")]
        before = side.top()
        assert side.apply(wave) or side.top() == before
        naive.apply(wave)
        assert side.top() == naive.top(20)
        assert len(side) == len(naive.levels)
    assert side.top()


def test_applying_says_no_when_only_what_lies_below_the_top_changed() -> None:
    book = TupleBook(2)
    book.replace([("10", "1"), ("9", "1"), ("8", "1")], [("11", "1"), ("12", "1"), ("13", "1")])
    assert not book.apply([("8", "2"), ("7", "1"), ("6", "0")], [("13", "0")])
    assert book.apply([("9", "2")], [])
    assert book.apply([], [("11", "0")])


def test_levels_beyond_a_filled_snapshot_are_not_kept_since_others_may_be_missing_before_them() -> None:
    book = TupleBook(3)
    book.replace([("10", "1"), ("9", "1")], [("11", "1"), ("12", "1")], limit=2)
    book.apply([("8", "1"), ("9", "2")], [("13", "1"), ("12.5", "0"), ("11.5", "1")])
    assert book.top() == ((("10", "1"), ("9", "2")), (("11", "1"), ("11.5", "1"), ("12", "1")))
    assert book.known_levels == 2
    book.apply([("9", "0")], [])
    book.apply([("8.5", "1"), ("9", "3")], [])
    assert book.top()[0] == (("10", "1"), ("9", "3"))


def test_a_snapshot_shorter_than_its_limit_makes_that_side_whole() -> None:
    book = TupleBook(3)
    book.replace([("10", "1")], [("11", "1"), ("12", "1")], limit=2)
    assert book.bids.is_whole
    assert not book.asks.is_whole
    book.apply([("1", "1")], [])
    assert book.top()[0] == (("10", "1"), ("1", "1"))
    assert book.known_levels == 2


def test_an_empty_snapshot_makes_an_empty_book_that_is_whole() -> None:
    book = TupleBook(3)
    book.replace([("10", "1")], [])
    book.replace([], [], limit=1000)
    assert book.top() == ((), ())
    assert book.known_levels is None
    assert not book.is_crossed
    assert not book.bids.keys


@pytest.mark.parametrize(
    ("bids", "asks", "is_crossed"),
    [
        pytest.param([("10", "1")], [("10.5", "1")], False, id="apart"),
        pytest.param([("10", "1")], [("10.00", "1")], True, id="locked"),
        pytest.param([("10.5", "1"), ("9", "1")], [("10", "1")], True, id="crossed"),
        pytest.param([("10", "1")], [], False, id="no asks"),
        pytest.param([], [("10", "1")], False, id="no bids"),
    ],
)
def test_a_book_is_crossed_when_its_best_bid_reaches_its_best_ask(
    bids: list[Level], asks: list[Level], *, is_crossed: bool
) -> None:
    book = TupleBook(5)
    book.replace(bids, asks)
    assert book.is_crossed is is_crossed


NOT_PLAIN = [
    "1e5", "1E5", "nan", "NaN", "inf", "Infinity", "-1", "+1", "", ".5", "5.", ".", "1..2", "1.2.3", "1_0", "1,5",
    "\uff11", "\u0663", "1|2", "|", " 1", "1 ", "1\n", "0x10", "²", "1\x00", "½",
]  # fmt: skip


@pytest.mark.parametrize("bad", NOT_PLAIN, ids=repr)
@pytest.mark.parametrize("where", ["price", "size"])
@pytest.mark.parametrize("side", ["bid", "ask"])
@pytest.mark.parametrize("how", ["snapshot", "change", "change beyond what is known"])
def test_text_that_is_no_plain_decimal_is_refused_by_name(bad: str, where: str, side: str, how: str) -> None:
    book = TupleBook(5)
    book.replace([("10", "1")], [("11", "1")], limit=1 if how.endswith("known") else None)
    far = "1" if side == "bid" else "100"
    wrong = [("10.5", "1"), (bad, "1") if where == "price" else (far, bad), ("10.6", "1")]
    bids, asks = (wrong, []) if side == "bid" else ([], wrong)
    with pytest.raises(InvalidLevel) as refusal:
        (book.replace if how == "snapshot" else book.apply)(bids, asks)
    assert repr(bad) in str(refusal.value)


def test_a_level_is_refused_alike_whether_it_is_kept_or_lies_beyond_what_is_known() -> None:
    near, far = TupleBook(5), TupleBook(5)
    near.replace([("10", "1")], [("11", "1")], limit=1)
    far.replace([("10", "1"), ("1", "1")], [("11", "1")], limit=2)
    for book in (near, far):
        with pytest.raises(InvalidLevel):
            book.apply([("2", "0." + "0" * 60)], [])


@given(st.text(max_size=12), st.text(max_size=12))
@example("0", "0")
@example("000.000", "1")
@example("1" * 40, "1")
@example("1" + "0" * 400, "1")
@example("0." + "0" * 400 + "1", "1")
@example("1", "0." + "0" * 400 + "1")
def test_any_text_is_a_level_or_refused_and_nothing_else(price: str, size: str) -> None:
    book = TupleBook(5)
    book.replace([], [])
    try:
        book.apply([(price, size)], [(price, size)])
    except InvalidLevel:
        return
    naive = NaiveBook()
    naive.apply([(price, size)], [(price, size)])
    assert book.top() == naive.top(5)


@given(st.from_regex(r"[0-9]{1,19}(\.[0-9]{1,20})?", fullmatch=True), st.data())
def test_two_prices_are_one_level_only_if_they_are_the_same_number(price: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(price) - 1))
    other = price[:at] + data.draw(st.sampled_from("0123456789" if price[at] != "." else ".")) + price[at + 1 :]
    other += data.draw(st.sampled_from(["", "0", "00"])) if "." in other else ""
    book, naive = TupleBook(5), NaiveBook()
    try:
        book.apply([], [(price, "1"), (other, "2")])
    except InvalidLevel:
        assert max(len(price), len(other)) > 40
        return
    naive.apply([], [(price, "1"), (other, "2")])
    assert book.top() == naive.top(5)


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param(("123456789012345", "123456789012346"), id="fifteen digits"),
        pytest.param(("12345678901234567", "12345678901234568"), id="seventeen digits, one for a float"),
        pytest.param(("0.1", "0.1000000000000000001", "0.1000000000000000002"), id="short and long ones"),
        pytest.param(("0000000000061737.63000000", "61737.64"), id="zeros that say nothing"),
        pytest.param(("0.000000000000000000012345", "0.000000000000000000012346"), id="very small"),
        pytest.param(("1234500000000000000", "1234500000000000001"), id="very large"),
        pytest.param(("0." + "9" * 38, "9" * 19), id="as many digits as are told apart"),
    ],
)
def test_prices_of_any_length_are_told_apart_and_sorted(prices: tuple[str, ...]) -> None:
    book = TupleBook(5)
    book.replace([], [])
    for number, price in enumerate(reversed(prices), 1):
        book.apply([], [(price, str(number))])
        book.apply([("0.000000000000000000000000000001", "1")], [])
        assert not book.is_crossed
    assert [price for price, _ in book.top()[1]] == list(prices)
    book.apply([], [(prices[1], "0")])
    assert prices[1] not in [price for price, _ in book.top()[1]]
    book.apply([(prices[-1], "1")], [])
    assert book.is_crossed


@pytest.mark.parametrize("price", ["1" * 20, f"0.{'1' * 38}1"[:40] + "1", "1" * 41])
def test_prices_without_end_are_refused(price: str) -> None:
    with pytest.raises(InvalidLevel, match="at most"):
        TupleBook(5).apply([(price, "1")], [])


@given(snapshots, snapshots)
def test_two_books_differ_at_the_best_price_where_they_do(
    ours: tuple[list[Level], list[Level], int | None], others: tuple[list[Level], list[Level], int | None]
) -> None:
    mine, theirs = TupleBook(DEPTH), TupleBook(DEPTH)
    naive, other = NaiveBook(), NaiveBook()
    for book in (mine, naive):
        book.replace(*ours)
    for book in (theirs, other):
        book.replace(*others)
    expected = None
    for name, left, right in (("bid", naive.bids, other.bids), ("ask", naive.asks, other.asks)):
        both = sorted(left.levels.keys() | right.levels.keys(), reverse=name == "bid")
        known = [price for price in both if not left.is_beyond(price) and not right.is_beyond(price)]
        pairs = [(left.levels.get(price), right.levels.get(price)) for price in known]
        found = next((pair for pair in pairs if not _is_same(*pair)), None)
        if found is not None:
            expected = Difference(name, *found)
            break
    assert mine.find_difference(theirs) == expected


def _is_same(left: Level | None, right: Level | None) -> bool:
    return left is not None and right is not None and Decimal(left[1]) == Decimal(right[1])


def test_two_books_are_compared_only_as_far_as_both_know() -> None:
    deep, shallow = TupleBook(5), TupleBook(5)
    deep.replace([("10", "1"), ("9", "1"), ("8", "7")], [("11", "1"), ("12", "1"), ("13", "1")])
    shallow.replace([("10.0", "1.0"), ("9", "1")], [("11", "1"), ("12", "1")], limit=2)
    assert deep.find_difference(shallow) is None
    assert shallow.find_difference(deep) is None
    deep.apply([("9.5", "3")], [])
    assert deep.find_difference(shallow) == Difference("bid", ("9.5", "3"), None)
    assert shallow.find_difference(deep) == Difference("bid", None, ("9.5", "3"))


def test_two_books_are_compared_at_the_last_level_that_both_know_too() -> None:
    deep, shallow = TupleBook(5), TupleBook(5)
    deep.replace([("10", "1"), ("9", "1")], [("11", "1"), ("12", "3")])
    shallow.replace([("10", "1"), ("9", "1")], [("11", "1"), ("12", "1")], limit=2)
    assert deep.find_difference(shallow) == Difference("ask", ("12", "3"), ("12", "1"))


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        pytest.param((), (), True, id="both empty"),
        pytest.param((("1.50", "2"),), (("1.5", "2.000"),), True, id="trailing zeros"),
        pytest.param((("1.5", "2"),), (("1.5", "2.0000001"),), False, id="another size"),
        pytest.param((("1.5", "2"),), (("1.51", "2"),), False, id="another price"),
        pytest.param((("1.5", "2"),), (), False, id="one is empty"),
        pytest.param((("1.5", "2"), ("1", "1")), (("1.5", "2"),), False, id="one is longer"),
        pytest.param(
            (("0.1", "0.12345678901234567891"),), (("0.1", "0.12345678901234567892"),), False, id="beyond a float"
        ),
    ],
)
def test_ladders_are_compared_as_numbers(left: tuple[Level, ...], right: tuple[Level, ...], *, is_same: bool) -> None:
    assert is_same_ladder(Ladder.of(left), Ladder.of(right)) is is_same
    assert is_same_ladder(Ladder.of(right), Ladder.of(left)) is is_same

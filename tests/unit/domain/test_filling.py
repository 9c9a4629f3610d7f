"""Books filled piece by piece: what comes of it is what taking the whole snapshot makes, with every engine."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.engines import book_engine
from tests.support.raw import raw_levels

from market_data.domain.book import Book, InvalidLevel, fill_book
from market_data.domain.levels import NONE, Level, join_levels, pieces_of

FORMS = ("{}", "0{}", "{}.0", "{}.000000000000000000")
SIZES = ("0", "0.00", "1", "1.0", "2.5", "0.00000000000000000000000000000000000001")
BAD = ("", "1e5", "-1", "1" * 20, "1" * 41, '1"],["2', '1","1"],["2', "].[", "\\u0031")


def made(seed: int, count: int, span: int) -> list[Level]:
    random = Random(seed)
    return [(random.choice(FORMS).format(random.randint(1, span)), random.choice(SIZES)) for _ in range(count)]


def whole(raw_bids: bytes, raw_asks: bytes) -> Book | str:
    book = book_engine()(20)
    try:
        book.replace(raw_bids, raw_asks)
    except InvalidLevel as error:
        return str(error)
    return book


def filled(raw_bids: bytes, raw_asks: bytes) -> Book | None:
    book = book_engine()(20)
    try:
        for _ in fill_book(book, raw_bids, raw_asks):
            pass
    except InvalidLevel:
        return None
    return book


counts = st.sampled_from([0, 1, 2, 500, 3000, 6000])
sides = st.builds(made, st.integers(0, 10**9), counts, st.sampled_from([40, 3000, 10**6]))


@effort(60)
@given(sides, sides, st.lists(sides, max_size=2))
def test_a_book_filled_in_pieces_is_the_book_of_the_whole(
    bids: list[Level], asks: list[Level], changes: list[list[Level]]
) -> None:
    one, other = whole(raw_levels(bids), raw_levels(asks)), filled(raw_levels(bids), raw_levels(asks))
    assert other is not None
    assert not isinstance(one, str)
    for change in [[], *changes]:
        raw = raw_levels(change)
        assert one.apply(raw, NONE) is other.apply(raw, NONE) or change == []
        assert one.top() == other.top()
        assert one.find_difference(other) is None
        assert other.find_difference(one) is None
        assert (one.known_levels, one.is_crossed) == (other.known_levels, other.is_crossed)


@effort(60)
@given(st.integers(0, 10**9), st.integers(0, 2999), st.sampled_from(BAD), st.booleans())
def test_levels_that_the_whole_refuses_are_not_filled_in_pieces(seed: int, at: int, bad: str, is_size: bool) -> None:  # noqa: FBT001
    levels = made(seed, 3000, 10**6)
    price, size = levels[at]
    levels[at] = (price, bad) if is_size else (bad, size)
    raw = raw_levels(levels)
    one, other = whole(NONE, raw), filled(NONE, raw)
    assert (other is None) is isinstance(one, str)
    if other is not None and not isinstance(one, str):
        assert one.top() == other.top()
        assert one.find_difference(other) is None


@effort(60)
@given(st.binary(max_size=3), st.integers(0, 2999), st.integers(0, 90_000), st.integers(0, 9))
def test_spoilt_bytes_are_refused_in_pieces_where_the_whole_refuses_them(
    put: bytes, seed: int, at: int, removed: int
) -> None:
    raw = raw_levels(made(seed, 3000, 10**6))
    raw = raw[:at] + put + raw[at + removed :]
    one, other = whole(raw, NONE), filled(raw, NONE)
    assert (other is None) is isinstance(one, str)
    if other is not None and not isinstance(one, str):
        assert one.find_difference(other) is None


@pytest.mark.parametrize("count", [0, 1, 1000, 10_000])
def test_pieces_are_small_and_together_the_whole(count: int) -> None:
    raw = raw_levels(made(1, count, 10**6))
    pieces = list(pieces_of(raw))
    assert max(map(len, pieces)) < 33_000
    assert join_levels(pieces) == raw
    assert len(pieces) > len(raw) // 33_000

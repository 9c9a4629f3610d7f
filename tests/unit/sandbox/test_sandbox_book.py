"""The true book."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sandbox.sandbox_clients import NaiveBook

from market_data_sandbox.book import Book

_PRICES = st.integers(1, 40).map(lambda ticks: f"{ticks / 4:.2f}")
_LEVELS = st.lists(st.tuples(_PRICES, st.sampled_from(["0.00000000", "0", "1.5", "2.00"])), max_size=12)


def test_a_level_is_found_by_its_number_whatever_its_text() -> None:
    book = Book()
    book.replace([("64110.00", "1")], [("64111", "2")])
    book.apply([("64110", "3.0")], [("64111.0", "0.000")])
    assert book.bids() == [("64110", "3.0")]
    assert book.asks() == []


def test_removing_what_is_not_there_changes_nothing() -> None:
    book = Book()
    book.replace([("1", "1")], [("2", "1")])
    book.apply([("0.5", "0")], [("3", "0")])
    assert (book.bids(), book.asks()) == ([("1", "1")], [("2", "1")])


def test_a_new_snapshot_leaves_nothing_of_the_old_book() -> None:
    book = Book()
    book.replace([("1", "1"), ("0.9", "1")], [("2", "1")])
    book.replace([("1.1", "1")], [])
    assert (book.bids(), book.asks()) == ([("1.1", "1")], [])


@given(st.lists(st.tuples(_LEVELS, _LEVELS), max_size=8))
def test_the_book_equals_a_naive_one_after_any_changes(changes: list[tuple[list[tuple[str, str]], ...]]) -> None:
    book, naive = Book(), NaiveBook()
    for bids, asks in changes:
        book.apply(bids, asks)
        naive.apply(bids, asks)
    assert (book.bids(20), book.asks(20)) == naive.top()
    assert [Decimal(price) for price, _ in book.asks()] == sorted(naive.asks)
    assert book.is_crossed == naive.is_crossed

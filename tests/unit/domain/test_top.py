"""Best prices, mid and spread: exact, and none where there is none."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.records import record

from market_data.domain.normalized import BookStatus, Level
from market_data.domain.top import SPREAD_PERCENT_DIGITS, TopOfBook, plain

prices = st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,8})?", fullmatch=True)


@given(prices, prices)
def test_mid_and_spread_are_exact_and_the_percentage_is_rounded_to_its_digits(one: str, other: str) -> None:
    bid, ask = sorted((one, other), key=Decimal)
    assume(Decimal(ask) > 0)
    book = record(bids=((bid, "1"),), asks=((ask, "2"),))
    top = TopOfBook.of(book)
    assert (book.best_bid, book.best_ask, book.mid, book.spread) == (Decimal(bid), Decimal(ask), top.mid, top.spread)
    assert (top.best_bid, top.best_bid_size, top.best_ask, top.best_ask_size) == (bid, "1", ask, "2")
    assert top.mid is not None
    assert top.spread is not None
    assert top.spread_percent is not None
    assert Fraction(top.mid) == (Fraction(bid) + Fraction(ask)) / 2
    assert Fraction(top.spread) == Fraction(ask) - Fraction(bid)
    exact = Fraction(top.spread) / Fraction(top.mid) * 100
    assert abs(Fraction(top.spread_percent) - exact) <= Fraction(1, 2 * 10**SPREAD_PERCENT_DIGITS)
    assert top.spread_percent.as_tuple().exponent == -SPREAD_PERCENT_DIGITS
    assert Fraction(plain(top.mid) or "") == Fraction(top.mid)


@pytest.mark.parametrize(
    ("bid", "ask", "digits", "mid", "spread", "percent"),
    [
        pytest.param("61837.63000000", "61837.64000000", 6, "61837.635", "0.01", "0.000016", id="Bitcoin"),
        pytest.param("100", "100", 6, "100", "0", "0.000000", id="locked"),
        pytest.param("99.5", "100.5", 2, "100", "1", "1.00", id="two digits"),
        pytest.param("199.99", "200.01", 2, "200", "0.02", "0.01", id="exactly one hundredth"),
        pytest.param("1999.75", "2000.25", 2, "2000", "0.5", "0.02", id="half to even, down"),
        pytest.param("1999.25", "2000.75", 2, "2000", "1.5", "0.08", id="half to even, up"),
        pytest.param("0.00001234", "0.00001235", 6, "0.000012345", "0.00000001", "0.081004", id="very small"),
        pytest.param("0", "1", 0, "0.5", "1", "200", id="no digits"),
        pytest.param("100000000.1", "100000000.2", 8, "100000000.15", "0.1", "0.00000010", id="eight digits"),
    ],
)
def test_mid_spread_and_percentage(bid: str, ask: str, digits: int, mid: str, spread: str, percent: str) -> None:
    top = TopOfBook.of(record(bids=((bid, "1"),), asks=((ask, "2"),)), digits)
    assert (plain(top.mid), plain(top.spread)) == (mid, spread)
    assert top.spread_percent is not None
    assert format(top.spread_percent, "f") == percent


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        pytest.param((), (("1", "1"),), id="no bids"),
        pytest.param((("1", "1"),), (), id="no asks"),
        pytest.param((), (), id="neither"),
    ],
)
def test_a_book_with_an_empty_side_has_no_mid(bids: tuple[Level, ...], asks: tuple[Level, ...]) -> None:
    book = record(bids=bids, asks=asks)
    top = TopOfBook.of(book)
    assert (top.mid, top.spread, top.spread_percent, book.mid, book.spread) == (None,) * 5
    assert (book.best_bid is None, book.best_ask is None) == (not bids, not asks)
    assert top.best_bid == (bids[0][0] if bids else None)
    assert top.best_ask == (asks[0][0] if asks else None)


def test_a_book_of_prices_of_zero_has_no_percentage() -> None:
    top = TopOfBook.of(record(bids=(("0", "1"),), asks=(("0.00", "1"),)))
    assert (top.mid, top.spread, top.spread_percent) == (Decimal(0), Decimal(0), None)


@pytest.mark.parametrize("status", [status for status in BookStatus if status is not BookStatus.LIVE])
def test_a_book_that_is_not_live_has_no_numbers_whatever_it_carries(status: BookStatus) -> None:
    book = record()
    object.__setattr__(book, "status", status)
    assert book.bids
    assert TopOfBook.of(book) == TopOfBook(None, None, None, None, None, None, None)
    assert (book.best_bid, book.best_ask, book.mid, book.spread) == (None,) * 4


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E+3", "1000"), ("1E-8", "0.00000001"), ("1.500", "1.5"), ("0.00", "0"), ("100", "100"), ("0E+2", "0")],
)
def test_numbers_are_written_without_exponent_and_without_zeros_that_say_nothing(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
    assert plain(None) is None

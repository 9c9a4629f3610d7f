"""Amounts of money as they are typed, and lines that are broken to be read whole."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.support.scenes import plain

from market_data.adapters.console.terminal.amounts import next_amount, parse_amount
from market_data.adapters.console.terminal.lines import line, wrapped


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("50000", 50_000),
        (" 50,000 ", 50_000),
        ("1_000_000", 1_000_000),
        ("50 000", 50_000),
        ("50k", 50_000),
        ("1.5M", 1_500_000),
        ("1.5 m", 1_500_000),
        ("0.25", Decimal("0.25")),
        (".5k", 500),
        ("1.2345k", Decimal("1234.5")),
        *((text, None) for text in ("", "k", "0", "0.00", "-5", "5e3", "1,5", "50,00", "5kk", "nan", "inf", ".", "5x")),
        ("9" * 40, None),
        ("\u0665", None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(text: str, amount: Decimal | int | None) -> None:
    read = parse_amount(text)
    assert read == amount
    assert type(read) is type(amount)


def test_the_next_amount_is_the_next_larger_of_the_usual_ones() -> None:
    assert [next_amount(amount) for amount in (1, 1_000, Decimal("50000.5"), 1_000_000)] == [
        1_000,
        10_000,
        100_000,
        1_000,
    ]


@given(st.text(st.sampled_from("ab \u5e01"), max_size=60), st.integers(2, 30), st.integers(0, 20))
def test_a_line_that_is_broken_loses_no_letter_and_never_leaves_its_width(text: str, width: int, indent: int) -> None:
    drawn = plain(wrapped(line((text[:20], "bold"), (text[20:], "")), width, indent))
    assert all(cell_len(each) <= width for each in drawn)
    assert "".join("".join(drawn).split()) == "".join(text.split())


def test_a_line_is_broken_between_words() -> None:
    assert plain(wrapped(line(("one two three four", "")), 9, 2)) == ["one two", "  three", "  four"]


@pytest.mark.parametrize("width", [0, 1, 2, 3])
def test_a_window_that_is_hardly_there_is_drawn_all_the_same(width: int) -> None:
    assert all(cell_len(each) <= width for each in plain(wrapped(line(("\u5e01 two", "")), width, 11)))

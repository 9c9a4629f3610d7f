"""Text from outside, as it may be shown."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.domain.printable import printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("BTC-USDT", "BTC-USDT", id="plain"),
        pytest.param("币安人生-USDT é ½", "币安人生-USDT é ½", id="any script"),
        pytest.param("\x1b]0;title\x07", "\\u001b]0;title\\u0007", id="the terminal's title"),
        pytest.param("\x1b[2J\x9b2J", "\\u001b[2J\\u009b2J", id="clear screen"),
        pytest.param("a\nb\rc\td\x85e\u2028f\u2029g", "a\\nb\\rc\\td\\u0085e\\u2028f\\u2029g", id="lines"),
        pytest.param("\x7f\x00\u202eTDSU\u2066\u200f", "\\u007f\\u0000\\u202eTDSU\\u2066\\u200f", id="marks"),
        pytest.param("\ud800 \U000e0001", "\\ud800 \\udb40\\udc01", id="surrogates and tags"),
    ],
)
def test_what_could_act_on_a_terminal_is_escaped_and_all_else_stands(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_any_text_becomes_letters_and_spaces_and_once_is_enough(text: str) -> None:
    shown = printable(text)
    assert all(unicodedata.category(letter)[0] != "C" and letter.isprintable() for letter in shown)
    assert printable(shown) == shown


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_stays_json_and_says_the_same(value: object) -> None:
    text = printable(json.dumps(value, ensure_ascii=False))
    assert text.isprintable()
    assert json.loads(text) == value


def test_of_a_long_text_both_ends_are_shown() -> None:
    assert shortened("x" * 200) == "x" * 200
    assert shortened("a" * 100 + "-" * 5000 + "z" * 100) == "a" * 100 + "…" + "z" * 100

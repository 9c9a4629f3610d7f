"""Names: what may stand in a symbol, said once, and the same for all who read or write one."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from market_data.adapters.kafka.records import NAMELESS, decode, encode, json_schema, name_of
from market_data.config.kinds import Symbol
from market_data.domain.errors import MalformedRecord, UnknownInstrument, UsageError
from market_data.domain.instrument import (
    NAME_CHARACTERS,
    SYMBOL_PATTERN,
    Instrument,
    Listing,
    find_listing,
    is_key,
    is_symbol,
    key_of,
)
from market_data.domain.normalized import BookStatus, NormalizedBook

ALLOWED = [letter for code in range(0x110000) if re.fullmatch(f"[{NAME_CHARACTERS}]", letter := chr(code)) is not None]
HARMFUL = [
    pytest.param("\x07", id="bell"),
    pytest.param("\x1b", id="escape"),
    pytest.param("\x7f", id="delete"),
    pytest.param("\x9b", id="C1"),
    pytest.param("\n", id="newline"),
    pytest.param(" ", id="blank"),
    pytest.param("\u00a0", id="no-break space"),
    pytest.param("\u00ad", id="soft hyphen"),
    pytest.param("\u0301", id="combining"),
    pytest.param("\u034f", id="grapheme joiner"),
    pytest.param("\u05d0", id="right to left"),
    pytest.param("\u115f", id="Hangul filler"),
    pytest.param("\u180e", id="vowel separator"),
    pytest.param("\u200b", id="zero width"),
    pytest.param("\u200d", id="joiner"),
    pytest.param("\u200f", id="right-to-left mark"),
    pytest.param("\u2028", id="line separator"),
    pytest.param("\u202e", id="right-to-left override"),
    pytest.param("\u2066", id="isolate"),
    pytest.param("\u2800", id="blank Braille"),
    pytest.param("\u3164", id="Hangul filler, letter"),
    pytest.param("\ud800", id="surrogate"),
    pytest.param("\ue000", id="private"),
    pytest.param("\ufe0f", id="variation selector"),
    pytest.param("\ufeff", id="byte order mark"),
    pytest.param("\uff21", id="full-width A"),
    pytest.param("\U000e0041", id="tag"),
    pytest.param("\U0001f680", id="picture"),
    pytest.param("\u0378", id="unassigned"),
    pytest.param(":", id="colon"),
    pytest.param("-", id="second hyphen"),
    pytest.param("/", id="slash"),
    pytest.param('"', id="quote"),
    pytest.param("a", id="lower case"),
]
GOOD = [
    "BTC-USDT",
    "1000SATS-USDT",
    "币安人生-USDT",
    "这是测试币-456",
    "ÄÖÜ-EUR",
    "ДОГ-USDT",
    "ラーメン-JPY",
    "도지-KRW",
]


def record(symbol: str, exchange: str = "binance") -> NormalizedBook:
    return NormalizedBook(
        exchange, symbol, BookStatus.SYNCING, None, 1, (), (), None, None, None, 0, "run", 0, 0, 1
    )  # fmt: skip


def test_every_allowed_character_is_an_assigned_letter_or_digit_of_one_or_two_cells_that_moves_nothing() -> None:
    assert len(ALLOWED) > 30_000
    assert {unicodedata.category(letter)[0] for letter in ALLOWED} == {"L", "N"}
    assert {cell_len(letter) for letter in ALLOWED} == {1, 2}
    assert {unicodedata.bidirectional(letter) for letter in ALLOWED} == {"L", "EN"}
    assert [letter for letter in ALLOWED if unicodedata.normalize("NFC", letter) != letter] == []
    assert "".join(ALLOWED).isprintable()


@pytest.mark.parametrize("letter", HARMFUL)
def test_what_can_mislead_or_hurt_a_terminal_is_in_no_symbol(letter: str) -> None:
    for symbol in (f"BTC{letter}-USDT", f"{letter}-USDT", f"BTC-USDT{letter}"):
        assert not is_symbol(symbol)
        assert not is_key(f"binance:{symbol}")
        if letter.isascii() or letter.isprintable() is False:
            assert name_of(f"binance:{symbol}".encode("utf-8", "surrogatepass")) == NAMELESS
        if not "\ud800" <= letter <= "\udfff":
            with pytest.raises(MalformedRecord):
                decode(encode(record(symbol)))


@pytest.mark.parametrize("symbol", GOOD)
def test_a_symbol_of_harmless_letters_is_one_for_all_who_read_or_write_it(symbol: str) -> None:
    (kind,) = Symbol.__metadata__
    assert kind.read(symbol) == symbol
    assert key_of(f"Binance:{symbol.lower()}") == f"binance:{symbol}"
    assert name_of(f"binance:{symbol}".encode()) == f"binance:{symbol}"
    assert decode(encode(record(symbol))).symbol == symbol
    assert re.search(json.loads(json_schema())["properties"]["symbol"]["pattern"], symbol)


def test_the_json_schema_and_the_program_have_one_pattern() -> None:
    symbol = json.loads(json_schema())["properties"]["symbol"]
    assert symbol["pattern"] == f"^{SYMBOL_PATTERN}$"
    assert is_symbol("A" * (symbol["maxLength"] - 2) + "-B")
    assert not is_symbol("A" * (symbol["maxLength"] - 1) + "-B")


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_a_key_that_prints_as_itself_or_a_mistake_that_is_told(exchange: str, symbol: str) -> None:
    try:
        key = key_of(f"{exchange}:{symbol}")
    except UsageError:
        return
    assert is_key(key)
    assert key.isprintable()


def test_the_nearest_names_are_told_where_a_symbol_is_not_listed() -> None:
    listings = [
        Listing(Instrument("binance", symbol, symbol.replace("-", "")), is_tradable=True, state="TRADING")
        for symbol in ("BTC-USDT", "BTC-USDC", "ETH-USDT", "币安人生-USDT")
    ]
    with pytest.raises(UnknownInstrument, match=r"lists no BTC-USDX \(did you mean BTC-USD[TC] or BTC-USD[TC]\?\)"):
        find_listing("binance", "BTC-USDX", listings)
    with pytest.raises(UnknownInstrument, match=r"\(did you mean 币安人生-USDT"):
        find_listing("binance", "币安人-USDT", listings)

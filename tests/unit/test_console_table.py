"""The table's pure part: from what is known to lines."""

import io
import re
import sys
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.support.bounds import HandClock

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.columns import aligned, span
from market_data.adapters.console.screen import TableDisplay
from market_data.adapters.console.table import Picture, draw
from market_data.application.ports import Reading, Trouble
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Level, NormalizedBook, Proof, Reason
from market_data.domain.proof import OrderProof

NOON = 1_790_251_200_000_000
NOW = Moment(NOON + 340_000, 100.34)


def _book(
    exchange: str,
    symbol: str,
    bids: Sequence[Level] = (("61836.80000000", "0.09092000"),),
    asks: Sequence[Level] = (("61836.98000000", "0.03122000"),),
    status: BookStatus = BookStatus.LIVE,
    reason: Reason | None = None,
) -> NormalizedBook:
    is_live = status is BookStatus.LIVE
    return NormalizedBook(
        exchange,
        symbol,
        status,
        reason,
        NOON - 63_000_000,
        tuple(bids) if is_live else (),
        tuple(asks) if is_live else (),
        NOON,
        NOON,
        5,
        1,
        "20260924T120000Z-1",
        0,
        0,
    )


def _picture(*books: NormalizedBook, **changes: object) -> Picture:
    market, proof = Market(15.0, 6), OrderProof()
    for book in books:
        market.take(book, Moment(NOON, 98.34))
        proof.check(book, 0)
    reading = Reading("broker:9092 market.books.v1", proof, Moment(NOON, 98.34), len(books), NOW)
    return attrs.evolve(_picture_of(market, reading, NOW), **changes)  # type: ignore[arg-type]


def _picture_of(market: Market, reading: Reading, now: Moment) -> Picture:
    rates = market.rates(now, market.keys())
    counts = len(market.keys()), market.count_live()
    return Picture("Market data", market.quotes(), *counts, sum(rates.values()), rates, reading, now)


def _lines(picture: Picture, width: int = 120, height: int = 24) -> list[str]:
    return [line.plain.rstrip() for line in draw(picture, width, height)]


TWO = (_book("binance", "BTC-USDT"), _book("coinbase", "BTC-USD", [("61837.63", "12.5")], [("61838", "0.29081111")]))


def test_header_has_source_rate_proof_live_count_and_time() -> None:
    lines = _lines(_picture(*TWO))
    assert re.fullmatch(r" Market data  broker:9092 market.books.v1 +1 records/s", lines[0])
    assert re.fullmatch(r" order proven: 2 records, 0 holes +2 of 2 live  12:00:00 UTC", lines[1])


def test_prices_and_sizes_are_the_venues_but_for_zeros_at_their_end_and_aligned_on_the_point() -> None:
    coinbase, binance = _lines(_picture(*TWO), 130)[4:6]
    assert coinbase.split() == [
        *("BTC", "coinbase", "BTC-USD", "live", "12.50000000", "61837.63", "61838.00", "0.29081111"),
        *("61837.815", "0.37", "0.000598", "0.3", "s", "0.5"),
    ]
    assert binance.split() == [
        *("binance", "BTC-USDT", "live", "0.09092", "61836.80", "61836.98", "0.03122"),
        *("61836.890", "0.18", "0.000291", "0.3", "s", "0.5"),
    ]
    points = [[match.end() for match in re.finditer(r"\d+(?=\.)", line)] for line in (coinbase, binance)]
    assert points[0] == points[1]


def test_instruments_of_one_asset_stand_together_with_an_empty_line_between_assets() -> None:
    books = [_book(exchange, f"{asset}-USD") for asset in ("ETH", "ADA") for exchange in ("kraken", "coinbase")]
    body = [line.partition(" live")[0].split() for line in _lines(_picture(*books))[4:9]]
    assert body == [
        ["ADA", "coinbase", "ADA-USD"],
        ["kraken", "ADA-USD"],
        [],
        ["ETH", "coinbase", "ETH-USD"],
        ["kraken", "ETH-USD"],
    ]


def test_a_side_without_levels_is_a_dash_and_there_is_no_mid() -> None:
    line = _lines(_picture(_book("binance", "NEW-USDT", asks=())), 115)[4]
    assert line.split()[4:] == ["0.09092", "61836.8", "-", "-", "-", "-", "-", "0.3", "s", "0.5"]


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (BookStatus.GAP, Reason.SEQUENCE, "gap     sequence, since 11:58:57 UTC (1 m)"),
        (BookStatus.DISCONNECTED, Reason.RATE_LIMITED, "disconnected  rate_limited, since 11:58:57 UTC (1 m)"),
        (BookStatus.SYNCING, None, "syncing  since 11:58:57 UTC (1 m)"),
    ],
)
@pytest.mark.parametrize("width", [80, 200])
def test_what_is_not_live_says_why_and_since_when_instead_of_numbers(
    status: BookStatus, reason: Reason | None, said: str, width: int
) -> None:
    bad = _book("coinbase", "BTC-USD", status=status, reason=reason)
    line = _lines(_picture(_book("binance", "BTC-USDT"), bad), width)[4]
    assert "coinbase" in line
    assert line.endswith(said)


def test_what_a_silent_producer_last_said_counts_as_stale_since_then() -> None:
    market = Market(2.0, 6)
    market.take(TWO[0], Moment(NOON, 98.34))
    market.expire(NOW)
    picture = _picture(TWO[0], quotes=market.quotes(), live=market.count_live())
    assert _lines(picture)[4].endswith("stale   silence of the producer, since 11:59:58 UTC (2.0 s)")
    assert "0 of 1 live" in _lines(picture)[1]


def test_an_unproven_order_is_said_with_numbers_and_so_is_another_producer() -> None:
    proof = OrderProof()
    for offset, (run, seq) in enumerate([("b", 0), ("b", 3), ("b", 3), ("b", 1), ("a", 7)]):
        proof.check(attrs.evolve(TWO[0], run=run, publish_seq=seq), offset)
    proof.leave_out(TWO[0].key)
    reading = Reading("broker:9092 market.books.v1", proof, NOW, 5, NOW)
    lines = _lines(_picture(TWO[0], reading=reading))
    said = " ORDER NOT PROVEN: 5 records, 2 holes, 1 doubled, 1 out of order, 1 of another producer"
    assert lines[1].startswith(said)


def test_before_the_first_record_it_says_that_it_waits() -> None:
    lines = _lines(_picture())
    assert lines[4] == " waiting for the first record ..."
    assert lines[-1] == " Ctrl-C ends"


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (
            200,
            "asset exchange symbol status bid size bid ask ask size mid spread spread % age upd/s records holes epoch",
        ),
        (130, "asset exchange symbol status bid size bid ask ask size mid spread spread % age upd/s"),
        (100, "asset exchange symbol status bid size bid ask ask size spread % age upd/s"),
        (80, "exchange symbol status bid size bid ask ask size spread % age"),
        (60, "exchange symbol status bid ask spread % age"),
        (44, "exchange symbol status bid ask"),
    ],
)
def test_the_least_important_columns_go_first(width: int, titles: str) -> None:
    assert " ".join(_lines(_picture(TWO[0]), width)[3].split()) == titles


def test_when_rows_do_not_fit_the_empty_lines_go_first_and_then_the_rest_is_told() -> None:
    books = [_book("binance", f"A{number:02d}-USD") for number in range(12)]
    assert "" in _lines(_picture(*books), height=29)[4:27]
    lines = _lines(_picture(*books), height=18)
    assert "" not in lines[4:16]
    assert lines[-1] == " Ctrl-C ends"
    lines = _lines(_picture(*books), height=16)
    assert lines[-1].endswith("2 more instruments: a taller window shows them")


def test_the_last_lines_of_the_log_stand_below_the_table() -> None:
    messages = [f"\x1b[33mWARNING\x1b[0m number {number}" for number in range(5)]
    lines = _lines(_picture(*TWO, messages=messages))
    assert lines[-4:-1] == [f" WARNING number {number}" for number in (2, 3, 4)]


@pytest.mark.parametrize("width", [80, 200])
def test_a_record_with_long_names_costs_the_others_no_column(width: int) -> None:
    long = _book("x" * 100, f"{'y' * 49}-{'z' * 50}")
    titles, rows = _lines(_picture(TWO[0], long), width)[3], _lines(_picture(TWO[0], long), width)[4:7]
    assert {"exchange", "symbol", "status", "bid", "ask"} <= set(titles.split())
    assert any("xxxxxxxxxxx… yyyyyyyyyyyyyyyyyyy… live" in " ".join(row.split()) for row in rows)
    assert any("binance BTC-USDT live" in " ".join(row.split()) for row in rows)


def test_names_that_would_act_on_the_terminal_are_escaped() -> None:
    harmful = _book("a\x1b[2J\x9b", "B\u202e\n-USD")
    row = _lines(_picture(harmful))[4]
    assert row.isprintable()
    assert "a\\u001b[2J" in row


@pytest.mark.anyio
@pytest.mark.parametrize("count", [1_000, 100_000])
async def test_what_a_picture_costs_depends_on_the_window_and_not_on_the_instruments(count: int) -> None:
    few, many = await _calls_of_a_picture(100), await _calls_of_a_picture(count)
    assert many < few * 1.1


async def _calls_of_a_picture(count: int) -> int:
    """Count the calls that a picture takes once the instruments are known."""
    market = Market(15.0, 6, most_keys=count)
    for number in range(count):
        market.take(_book("binance", f"A{number:06d}-USD"), NOW)
    stream = Window()
    display = TableDisplay("Market data", MessageBoard(io.StringIO()), HandClock(), stream)
    reading = Reading("broker:9092", OrderProof(), NOW, count, NOW)
    calls = 0

    def on_event(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    async with display.open(market, reading, lambda: None):
        display.refresh(market, reading)
        sys.setprofile(on_event)
        try:
            display.refresh(market, reading)
        finally:
            sys.setprofile(None)
    assert f"{count:,} live" in stream.getvalue()
    return calls


class Window(io.StringIO):
    """A terminal to draw on."""

    def isatty(self) -> bool:
        return True


@given(
    width=st.integers(1, 250),
    height=st.integers(1, 70),
    count=st.integers(0, 30),
    status=st.sampled_from(BookStatus),
    price=st.from_regex(r"[1-9][0-9]{0,8}(\.[0-9]{1,10})?", fullmatch=True),
)
def test_it_never_leaves_the_window(width: int, height: int, count: int, status: BookStatus, price: str) -> None:
    books = [_book(f"venue{at % 3}", f"A{at // 2}-USD", [(price, price)], [], status) for at in range(count)]
    lines = draw(_picture(*books, messages=["a long message " * 20]), width, height)
    assert len(lines) == min(height, max(height, 1)) or height < 8
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)


def test_numbers_are_aligned_on_the_point_and_texts_without_one_before_it() -> None:
    assert aligned(["1.5", "-", "100", "0.00001", ""], 0) == [
        "  1.5    ",
        "  -      ",
        "100      ",
        "  0.00001",
        " " * 9,
    ]
    assert aligned(["1"], 5) == ["    1"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (-3.0, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.9, "60 s"),
        (60, "1 m"),
        (7199, "1 h"),
        (999_999, "11 d"),
    ],
)
def test_a_span_is_short(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


def test_with_the_broker_away_rows_and_header_say_so_and_since_when() -> None:
    """Who fell silent before is still the producer's matter."""
    market, reading = Market(15.0, 6), Reading("broker:9092 market.books.v1", OrderProof(), Moment(NOON, 0.0))
    market.take(_book("binance", "BTC-USDT"), Moment(NOON, 0.0))
    market.expire(Moment(NOON + 16_000_000, 16.0))
    market.take(_book("coinbase", "BTC-USD"), Moment(NOON + 40_000_000, 40.0))
    now = Moment(NOON + 60_000_000, 60.0)
    reading.trouble = Trouble("broker unreachable", 19.0)
    market.expire(now)
    lines = _lines(_picture_of(market, reading, now), 140)
    assert ", broker unreachable since 12:00:41 UTC" in lines[1]
    coinbase, binance = lines[4:6]
    assert coinbase.endswith("stale   broker unreachable, since 12:00:41 UTC (19 s)")
    assert binance.endswith("stale   silence of the producer, since 12:00:00 UTC (1 m)")


def test_a_name_of_wide_characters_leaves_the_columns_after_it_where_they_are() -> None:
    lines = [line.plain for line in draw(_picture(_book("binance", "\u5e01\u5b89\u4eba\u751f-USDT"), *TWO), 120, 24)]
    rows = [line for line in lines if "USD" in line]
    assert len({cell_len(line.partition(" live ")[0]) for line in rows}) == 1
    assert len({cell_len(line) for line in rows}) == 1


def _unproven(book: NormalizedBook) -> NormalizedBook:
    return attrs.evolve(book, proof=Proof.NONE, proven_levels=0)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_book_of_which_nothing_is_proven_is_marked_and_the_mark_is_explained(width: int) -> None:
    lines = _lines(_picture(_book("kraken", "BTC-USD"), _unproven(_book("bitstamp", "BTC-USD"))), width)
    bitstamp, kraken = lines[4:6]
    assert " live ? " in bitstamp
    assert " live " in kraken
    assert "?" not in kraken
    assert lines[-1] == " Ctrl-C ends   ? unproven: a lost change would not be noticed"[:width]
    assert "?" not in "".join(_lines(_picture(*TWO), width))


def test_several_venues_of_one_symbol_show_whose_the_best_prices_are() -> None:
    picture = _picture(
        _book("coinbase", "BTC-USD", [("100.0", "1")], [("101.5", "1")]),
        _book("kraken", "BTC-USD", [("99", "1")], [("101", "1")]),
        _unproven(_book("bitstamp", "BTC-USD", [("100", "9")], [("100.5", "1")])),
        _book("gemini", "BTC-USD", status=BookStatus.GAP, reason=Reason.SEQUENCE),
        _book("binance", "BTC-USDT", [("500", "1")], [("501", "1")]),
    )
    lines = _lines(picture, 140)
    at = lines[3].index("best")
    bitstamp, coinbase, gemini, kraken, binance = lines[4:9]
    assert bitstamp[at : at + 4] == "ask?", "the best price may be that of an unproven book, and says so"
    assert coinbase[at : at + 4] == "bid ", "of equal ones that of a book that its venue can prove"
    assert gemini.endswith("gap     sequence, since 11:58:57 UTC (1 m)")
    assert (kraken[at : at + 4], binance[at : at + 4]) == ("    ", "    "), "USDT is not USD"


def test_only_the_best_of_several_prices_stay_bold_whatever_the_width() -> None:
    picture = _picture(
        _book("coinbase", "BTC-USD", [("100", "1")], [("102", "1")]),
        _book("kraken", "BTC-USD", [("99", "1")], [("101", "1")]),
    )
    for line, bold, plain in zip(draw(picture, 70, 24)[4:6], ("100", "101"), ("102", "99"), strict=True):
        styles = {line.plain[span.start : span.end].strip(): str(span.style) for span in line.spans}
        assert styles[bold].startswith("bold")
        assert not styles[plain].startswith("bold")


def test_whose_the_best_price_is_does_not_hang_on_the_height_of_the_window() -> None:
    market = Market(15.0, 6)
    for number in range(40):
        market.take(_book(f"venue{number:02d}", "BTC-USD", [(f"{100 + number}", "1")], [("900", "1")]), NOW)
        market.take(_book("venue", f"Z{number}-USD"), NOW)
    assert len(market.quotes(3)) == 40
    picture = attrs.evolve(_picture(), quotes=market.quotes(3), count=80)
    (row,) = [line for line in _lines(picture, 140, 10) if "venue00" in line]
    assert "bid" not in row
    assert " ask " in row, "the first of equal ones"

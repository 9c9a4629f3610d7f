"""The watchlist as it is drawn: from what is known to lines, without a terminal."""

import re
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.support.scenes import NOON, NOW, book, colours, header, scene, take, titles, unproven, watch

from market_data.adapters.console.columns import COLUMNS, Column, aligned
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.watching import WatchView
from market_data.application.ports import Trouble
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason

TWO = (book("binance", "BTC-USDT"), book("coinbase", "BTC-USD", [("61837.63", "12.5")], [("61838", "0.29081111")]))
GAP = BookStatus.GAP
SPREAD = next(column for column in COLUMNS if column.title == "spread")


def _names(lines: list[str]) -> list[str]:
    return [":".join(found.groups()) for line in lines if (found := re.search(r"(\w+) +(\w+-USDT?) ", line))]


# the header


def test_header_has_source_rate_proof_live_count_and_time() -> None:
    lines = header(scene(*TWO))
    assert re.fullmatch(r" Market data  broker:9092 market.books.v1 +1 records/s", lines[0])
    assert re.fullmatch(r" order proven: 2 records, 0 holes +2 of 2 live  12:00:00 UTC", lines[1])
    assert set(lines[2]) == {"─"}


def test_an_unproven_order_is_said_with_numbers_and_so_is_another_producer() -> None:
    made = scene()
    proof = made.reading.proof
    for offset, (run, seq) in enumerate([("b", 0), ("b", 3), ("b", 3), ("b", 1), ("a", 7)]):
        proof.check(attrs.evolve(TWO[0], run=run, publish_seq=seq), offset)
    proof.leave_out(TWO[0].key)
    made.reading.records = 5
    said = " ORDER NOT PROVEN: 5 records, 2 holes, 1 doubled, 1 out of order, 1 of another producer"
    assert header(made)[1].startswith(said)


def test_what_is_not_live_is_counted_where_it_is_seen_whatever_the_list_shows() -> None:
    books = [book("binance", f"A{number:02d}-USD") for number in range(38)]
    broken = [book("binance", f"Z{number}-USD", status=BookStatus.GAP) for number in range(2)]
    made = scene(*books, *broken)
    lines = header(made, 80)
    assert "38 of 40 live" in lines[1]
    assert "2 not live: p lists them first" in lines[2]
    view = WatchView(made)
    view.watchlist.change(is_broken_first=True)
    assert _names(watch(view))[:2] == ["binance:Z0-USD", "binance:Z1-USD"]


def test_a_stopped_picture_says_since_when_and_stays_while_the_header_goes_on() -> None:
    made = scene(*TWO)
    before = watch(made, 200)
    made.turn_pause()
    made.reading.now = Moment(NOON + 9_000_000, 109.0)
    take(made, book("binance", "BTC-USDT", [("5", "1")], [("6", "1")]), book("binance", "NEW-USDT"))
    lines = header(made)
    assert "PAUSED since 12:00:00 UTC, space goes on" in lines[2]
    assert "4 records" in lines[1]
    assert "3 of 3 live  12:00:09 UTC" in lines[1]
    assert watch(made, 200) == before
    made.turn_pause()
    assert "PAUSED" not in header(made)[2]
    assert "61836.80" not in "".join(watch(made)[:3])


# rows


def test_prices_and_sizes_are_the_venues_but_for_zeros_at_their_end_and_aligned_on_the_point() -> None:
    coinbase, binance = watch(scene(*TWO), 122)[:2]
    assert coinbase.split() == [
        *("▸", "BTC", "coinbase", "BTC-USD", "live", "12.50000000", "61837.63", "61838.00", "0.29081111"),
        *("61837.815", "0.37", "0.06", "0.3", "s", "0.5"),
    ]
    assert binance.split() == [
        *("binance", "BTC-USDT", "live", "0.09092", "61836.80", "61836.98", "0.03122"),
        *("61836.890", "0.18", "0.03", "0.3", "s", "0.5"),
    ]
    points = [[match.end() for match in re.finditer(r"\d+(?=\.)", line)] for line in (coinbase, binance)]
    assert points[0] == points[1]


def test_instruments_of_one_asset_stand_together_with_an_empty_line_between_assets() -> None:
    books = [book(exchange, f"{asset}-USD") for asset in ("ETH", "ADA") for exchange in ("kraken", "coinbase")]
    body = [line.strip("▸ ").partition(" live")[0].split() for line in watch(scene(*books))]
    assert body == [
        ["ADA", "coinbase", "ADA-USD"],
        ["kraken", "ADA-USD"],
        [],
        ["ETH", "coinbase", "ETH-USD"],
        ["kraken", "ETH-USD"],
    ]


def test_a_side_without_levels_is_a_dash_and_there_is_no_mid() -> None:
    line = watch(scene(book("binance", "NEW-USDT", asks=())), 112)[0]
    assert line.split()[5:] == ["0.09092", "61836.8", "-", "-", "-", "-", "-", "-", "0.3", "s", "0.5"]


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
    bad = book("coinbase", "BTC-USD", status=status, reason=reason)
    line = watch(scene(book("binance", "BTC-USDT"), bad), width)[0]
    assert "coinbase" in line
    assert line.endswith(said)


def test_what_a_silent_producer_last_said_counts_as_stale_since_then() -> None:
    made = scene(TWO[0])
    made.market.expire(Moment(NOON + 16_000_000, 114.34))
    made.reading.now = Moment(NOON + 16_000_000, 114.34)
    assert watch(made)[0].endswith("stale   silence of the producer, since 12:00:00 UTC (16 s)")
    assert "0 of 1 live" in header(made)[1]


def test_with_the_broker_away_rows_and_header_say_so_and_since_when() -> None:
    """Who fell silent before is still the producer's matter."""
    made = scene(now=Moment(NOON, 0.0))
    take(made, book("binance", "BTC-USDT"))
    made.market.expire(Moment(NOON + 16_000_000, 16.0))
    take(made, book("coinbase", "BTC-USD"), now=Moment(NOON + 40_000_000, 40.0))
    made.reading.now = Moment(NOON + 60_000_000, 60.0)
    made.reading.trouble = Trouble("broker unreachable", 19.0)
    made.market.expire(made.reading.now, made.reading.trouble.what)
    assert header(made, 80)[2].startswith("── broker unreachable since 12:00:41 UTC ──")
    coinbase, binance = watch(made, 140)
    assert coinbase.endswith("stale   broker unreachable, since 12:00:41 UTC (19 s)")
    assert binance.endswith("stale   silence of the producer, since 12:00:00 UTC (1 m)")


def test_before_the_first_record_it_says_that_it_waits() -> None:
    assert watch(scene()) == ["  waiting for the first record ..."]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (200, "asset exchange symbol status bid size bid ask ask size mid spread bps spread % age upd/s"),
        (110, "exchange symbol status bid size bid ask ask size mid spread bps age upd/s"),
        (100, "exchange symbol status bid size bid ask ask size mid spread bps age"),
        (80, "exchange symbol status bid ask mid spread bps age"),
        (60, "exchange symbol status bid ask bps age"),
        (44, "exchange symbol status bid ask"),
    ],
)
def test_the_least_important_columns_go_first_and_mid_and_spread_are_there_at_80(width: int, shown: str) -> None:
    assert titles(scene(TWO[0]), width).startswith(shown)


@pytest.mark.parametrize("width", [80, 200])
def test_a_record_with_long_names_costs_the_others_no_column(width: int) -> None:
    made = scene(TWO[0], book("x" * 100, f"{'y' * 49}-{'z' * 50}"))
    assert {"exchange", "symbol", "status", "bid", "ask"} <= set(titles(made, width).split())
    rows = [" ".join(line.split()) for line in watch(made, width)]
    assert any("xxxxxxxxxxx… yyyyyyyyyyyyyyyyyyy… live" in row for row in rows)
    assert any("binance BTC-USDT live" in row for row in rows)


def test_names_that_would_act_on_the_terminal_are_escaped() -> None:
    row = watch(scene(book("a\x1b[2J\x9b", "B\u202e\n-USD")))[0]
    assert row.isprintable()
    assert "a\\u001b[2J" in row


def test_a_name_of_wide_characters_leaves_the_columns_after_it_where_they_are() -> None:
    rows = [line for line in watch(scene(book("binance", "\u5e01\u5b89\u4eba\u751f-USDT"), *TWO)) if "USD" in line]
    assert len({cell_len(line.partition(" live ")[0]) for line in rows}) == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_book_of_which_nothing_is_proven_is_marked_and_the_mark_is_explained(width: int) -> None:
    view = WatchView(scene(book("kraken", "BTC-USD"), unproven(book("bitstamp", "BTC-USD"))))
    bitstamp, kraken = watch(view, width)[:2]
    assert " live ? " in bitstamp
    assert "?" not in kraken
    assert view.has_unproven
    assert view.notes == [("status ?: a loss would go unnoticed", "yellow")]
    other = WatchView(scene(*TWO))
    assert "?" not in "".join(watch(other, width))
    assert not other.has_unproven


def _line_of(view: WatchView, name: str, width: int = 140) -> str:
    return next(line for line in watch(view, width) if name in line)


def test_several_venues_of_one_symbol_show_whose_the_best_prices_are() -> None:
    view = WatchView(
        scene(
            book("coinbase", "BTC-USD", [("100.0", "1")], [("101.5", "1")]),
            book("kraken", "BTC-USD", [("99", "1")], [("101", "1")]),
            unproven(book("bitstamp", "BTC-USD", [("100", "9")], [("100.5", "1")])),
            book("gemini", "BTC-USD", status=BookStatus.GAP, reason=Reason.SEQUENCE),
            book("binance", "BTC-USDT", [("500", "1")], [("501", "1")]),
        )
    )
    watch(view, 140)
    at = "".join(segment.text for segment in view.titles).index("best")
    assert _line_of(view, "bitstamp")[at : at + 4] == "ask?", "the best price may be that of an unproven book"
    assert _line_of(view, "coinbase")[at : at + 4] == "bid ", "of equal ones that of a book that its venue can prove"
    assert _line_of(view, "gemini").endswith("gap     sequence, since 11:58:57 UTC (1 m)")
    assert _line_of(view, "kraken")[at : at + 4].strip() == ""
    assert _line_of(view, "binance")[at : at + 4].strip() == "", "USDT is not USD"


def test_only_the_best_of_several_prices_are_bold() -> None:
    view = WatchView(
        scene(
            book("coinbase", "BTC-USD", [("100", "1")], [("102", "1")]),
            book("kraken", "BTC-USD", [("99", "1")], [("101", "1")]),
        )
    )
    view.update(10)
    coinbase, kraken = view.draw(0, 70, 10)
    assert (colours(coinbase)["10"], colours(coinbase)["0"]) == ("bold green", "bold bright_green")
    assert colours(coinbase)["102"] == "red"
    assert colours(kraken)["101"] == "bold bright_red"
    assert colours(kraken)["99"] == "green"


def test_whose_the_best_price_is_does_not_hang_on_the_height_of_the_window() -> None:
    books = [book(f"venue{number:02d}", "BTC-USD", [(f"{100 + number}", "1")], [("900", "1")]) for number in range(40)]
    row = watch(scene(*books), 140, 3)[0]
    assert "bid" not in row
    assert " ask " in row, "the first of equal ones"


def test_the_digits_in_which_bid_and_ask_differ_are_bright_and_a_change_flashes_once() -> None:
    made = scene(TWO[0])
    view = WatchView(made)
    view.update(5)
    first = colours(view.draw(0, 80, 5)[0])
    assert (first["61836."], first["80"], first["98"]) == ("red", "bold bright_green", "bold bright_red")
    take(made, book("binance", "BTC-USDT", [("61836.90", "1")], [("61836.95", "1")]))
    second = colours(view.draw(0, 80, 5)[0])
    assert (second["90"], second["5"]) == ("black on green", "white on red")
    made.reading.now = Moment(NOON + 2_000_000, 102.0)
    assert "on green" not in " ".join(colours(view.draw(0, 80, 5)[0]).values())


def test_with_reduced_motion_nothing_flashes() -> None:
    made = scene(TWO[0])
    made.reduced_motion = True
    view = WatchView(made)
    view.update(5)
    view.draw(0, 80, 5)
    take(made, book("binance", "BTC-USDT", [("61836.90", "1")], [("61836.95", "1")]))
    assert " on " not in " ".join(colours(view.draw(0, 80, 5)[0]).values())


# order, filter, favourites


def _many(count: int = 12) -> Scene:
    return scene(
        *(book("binance", f"A{at:02d}-USD", [(f"{100 + at * 7 % 5}", "1")], [("110", "1")]) for at in range(count))
    )


def test_it_is_sorted_by_a_column_and_the_other_way_round() -> None:
    view = WatchView(_many(5))
    view.watchlist.change(sort=SPREAD)
    assert _names(watch(view)) == [f"binance:A0{at}-USD" for at in (2, 4, 1, 3, 0)]
    view.watchlist.change(is_reversed=True)
    assert _names(watch(view)) == [f"binance:A0{at}-USD" for at in (0, 3, 1, 4, 2)]
    assert ("by spread ▼, o as before", "cyan") in view.notes


def test_every_column_can_be_sorted_by_and_what_has_no_number_comes_last() -> None:
    made = _many(4)
    take(made, book("binance", "ZZZ-USD", status=BookStatus.GAP), book("binance", "YYY-USD", asks=()))
    for column in COLUMNS:
        view = WatchView(made)
        view.watchlist.change(sort=column)
        names = _names(watch(view, 200))
        assert len(names) == 6, column.title
        if column.title in ("ask", "mid", "spread", "bps", "spread %"):
            assert set(names[-2:]) == {"binance:ZZZ-USD", "binance:YYY-USD"}, column.title


def test_rows_stay_where_they_are_for_seconds_while_what_they_are_sorted_by_moves() -> None:
    made = _many(3)
    view = WatchView(made)
    view.watchlist.change(sort=SPREAD)
    before = _names(watch(view))
    take(made, book("binance", "A00-USD", [("109", "1")], [("110", "1")]))
    made.reading.now = Moment(NOON + 2_000_000, NOW.mono + 2)
    assert _names(watch(view)) == before
    made.reading.now = Moment(NOON + 3_100_000, NOW.mono + 3.1)
    assert _names(watch(view))[0] == "binance:A00-USD"


@pytest.mark.parametrize("sort", [None, SPREAD])
def test_what_breaks_is_listed_first_at_once_and_nothing_else_moves(sort: Column | None) -> None:
    made = _many(5)
    view = WatchView(made)
    view.watchlist.change(sort=sort, is_broken_first=True)
    before = _names(watch(view))
    assert ("not live first, p as before", "cyan") in view.notes
    take(made, book("binance", "A00-USD", [("109.9", "1")], [("110", "1")]), book("binance", "A03-USD", status=GAP))
    after = _names(watch(view))
    assert after == ["binance:A03-USD", *(name for name in before if name != "binance:A03-USD")]
    assert ("1 not live: listed first", "bold yellow") in view.notes
    made.watch.tell("something else", made.present)
    assert _names(watch(view)) == after
    take(made, book("binance", "A03-USD", [("101", "1")], [("110", "1")]))
    assert _names(watch(view)) == before


def test_only_what_has_all_the_words_is_listed() -> None:
    view = WatchView(scene(*TWO, book("kraken", "ETH-USD")))
    view.watchlist.change(needle="usd COIN")
    assert _names(watch(view, 60)) == ["coinbase:BTC-USD"]
    assert view.notes == [("only 'usd COIN': 1, Esc shows all", "yellow")]
    view.watchlist.change(needle="nothing")
    assert watch(view) == ["  nothing here: no instrument is listed"]


def test_a_favourite_is_marked_and_can_be_shown_alone() -> None:
    made = scene(*TWO)
    made.favourites.add("binance:BTC-USDT")
    view = WatchView(made)
    assert watch(view, 60)[1].startswith(" ★")
    view.watchlist.change(only_favourites=True)
    assert _names(watch(view, 60)) == ["binance:BTC-USDT"]


def test_the_cursor_stays_on_its_instrument_wherever_that_moves_to() -> None:
    view = WatchView(_many(5))
    watch(view)
    view.watchlist.move(2)
    assert view.watchlist.cursor == "binance:A02-USD"
    view.watchlist.change(sort=SPREAD)
    assert watch(view)[0].startswith("▸")
    view.watchlist.move(-100)
    view.watchlist.move(100)
    assert view.watchlist.cursor == "binance:A00-USD"


def test_a_cursor_that_nobody_has_moved_is_on_the_first_instrument_whatever_comes_before_it() -> None:
    made = scene(book("binance", "B-USDT"))
    view = WatchView(made)
    watch(view)
    take(made, book("binance", "A-USDT"))
    watch(view)
    assert view.watchlist.cursor == "binance:A-USDT"
    view.watchlist.move(0)
    take(made, book("binance", "AA-USDT"), book("aaa", "A-USDT"))
    watch(view)
    assert view.watchlist.cursor == "binance:A-USDT"


def test_what_does_not_fit_is_drawn_from_any_line_on_and_empty_lines_go_first() -> None:
    view = WatchView(_many(12))
    assert "" in watch(view, height=25)
    assert "" not in watch(view, height=12)
    assert len(watch(view, height=5)) == 5
    assert _names(watch(view, 60, height=5, first=7)) == [f"binance:A{at:02d}-USD" for at in range(7, 12)]


@pytest.mark.parametrize("count", [1_000, 100_000])
def test_what_a_picture_costs_depends_on_the_window_and_not_on_the_instruments(count: int) -> None:
    few, many = _calls_of_a_picture(100), _calls_of_a_picture(count)
    assert many < few * 1.1


def _calls_of_a_picture(count: int) -> int:
    """Count the calls that a picture takes once the instruments are known."""
    made = scene()
    made.market = Market(15.0, 6, most_keys=count)
    for number in range(count):
        made.market.take(book("binance", f"A{number:06d}-USD"), NOW)
    view, calls = WatchView(made), 0
    watch(view)

    def on_event(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(on_event)
    try:
        watch(view)
        lines = header(made)
    finally:
        sys.setprofile(None)
    assert f"{count:,} live" in lines[1]
    return calls


@given(
    width=st.integers(1, 250),
    height=st.integers(1, 70),
    count=st.integers(0, 30),
    status=st.sampled_from(BookStatus),
    price=st.from_regex(r"[1-9][0-9]{0,8}(\.[0-9]{1,10})?", fullmatch=True),
)
def test_it_never_leaves_the_window(width: int, height: int, count: int, status: BookStatus, price: str) -> None:
    books: list[NormalizedBook] = [
        book(f"venue{at % 3}", f"A{at // 2}-USD", [(price, price)], [], status) for at in range(count)
    ]
    made = scene(*books)
    assert len(watch(made, width, height)) <= max(height, 1)
    assert all(cell_len(line) <= width for line in header(made, width))


# numbers


def test_numbers_are_aligned_on_the_point_and_texts_without_one_before_it() -> None:
    assert aligned(["1.5", "-", "100", "0.00001", ""], 0) == [
        "  1.5    ",
        "  -      ",
        "100      ",
        "  0.00001",
        " " * 9,
    ]
    assert aligned(["1"], 5) == ["    1"]

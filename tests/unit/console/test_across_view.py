"""The venues side by side, as they are drawn."""

import re

import pytest
from rich.cells import cell_len
from tests.support.scenes import NOON, book, plain, scene, take, unproven

from market_data.adapters.console.terminal.acrossview import AcrossView
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason


def _drawn(view: AcrossView, width: int = 110) -> list[str]:
    view.update()
    lines = plain(view.draw(0, width, 20))
    assert all(cell_len(line) <= width for line in lines)
    return lines


def _made() -> AcrossView:
    return AcrossView(
        scene(
            book("coinbase", "BTC-USD", [("100", "1")], [("101", "1")]),
            book("kraken", "BTC-USD", [("101.5", "1")], [("102", "1")]),
            unproven(book("bitstamp", "BTC-USD", [("99", "1")], [("103", "1")])),
            book("gemini", "BTC-USD", status=BookStatus.GAP, reason=Reason.SEQUENCE),
            book("kraken", "BTC-USDT", [("100", "1")], [("102", "1")]),
        )
    )


def test_each_symbol_has_its_best_bid_and_offer_with_whose_they_are() -> None:
    usd, usdt = _drawn(_made())
    assert usd.split() == ["▸", "BTC-USD", "101.5", "kraken", "101.0", "coinbase", "-49.38", "123.61", "3/4", "crossed"]
    assert usdt.split() == ["BTC-USDT", "100", "kraken", "102", "kraken", "198.02", "-", "1/1"]


def test_at_80_columns_nothing_is_cut() -> None:
    view = _made()
    assert _drawn(view, 80)[0].endswith("crossed")


@pytest.mark.parametrize("width", [70, 76, 80, 84])
def test_what_is_crossed_is_said_whole_however_long_the_prices_are(width: int) -> None:
    view = AcrossView(
        scene(
            unproven(book("bitstamp", "BTC-USDT", [("61838.455", "1")], [("61839.25", "1")])),
            book("coinbase", "BTC-USDT", [("61830.5", "1")], [("61831.125", "1")]),
        )
    )
    (row,) = _drawn(view, width)
    assert row.endswith(" crossed")
    assert "61838.455 bitstamp? " in " ".join(row.split()), "of an unproven venue, said so"


def test_a_mid_that_is_hardly_away_has_no_minus_sign() -> None:
    books = [
        book("binance", "BTC-USD", [("61838.00", "1")], [("61838.01", "1")]),
        book("kraken", "BTC-USD", [("61837.99999", "1")], [("61838.02", "1")]),
        book("okx", "BTC-USD", [("61837.99", "1")], [("61838.01999", "1")]),
    ]
    view = AcrossView(scene(*books))
    _drawn(view)
    said = "\n".join(plain(view.detail(100, 20)))
    assert "mid +0.00 bps" in said
    assert "-0.00" not in said


def test_the_symbol_under_the_cursor_says_every_venue_who_is_left_out_and_since_when_it_is_crossed() -> None:
    view = _made()
    view.update()
    view.scene.reading.now = Moment(NOON + 5_000_000, 103.34)
    lines = plain(view.detail(100, 20))[1:]
    assert lines[0] == " BTC-USD  crossed by 49.38 bps since 12:00:00 UTC (5.0 s)"
    assert [" ".join(line.split()) for line in lines[1:5]] == [
        "bitstamp 99.0 103.0 mid -24.69 bps ? unproven",
        "coinbase 100.0 101.0 mid -74.07 bps",
        "kraken 101.5 102.0 mid +49.38 bps",
        "gemini left out: gap: sequence",
    ]
    assert re.search(r"implied USDT/USD by BTC on kraken: +1.007426 +bid 0.995098 +ask 1.020000", "\n".join(lines))


def test_the_cursor_moves_from_symbol_to_symbol() -> None:
    view = _made()
    _drawn(view)
    view.move(1)
    assert _drawn(view)[1].startswith("▸ BTC-USDT")
    view.move(5)
    view.move(-9)
    assert _drawn(view)[0].startswith("▸ BTC-USD ")


def test_a_venue_that_falls_silent_leaves_the_best_prices_by_itself() -> None:
    view = _made()
    view.scene.reading.now = Moment(NOON + 16_000_000, 114.4)
    take(view.scene, book("coinbase", "BTC-USD", [("100", "1")], [("101", "1")]))
    assert _drawn(view)[0].split()[2:6] == ["100", "coinbase", "101", "coinbase"]
    assert any("kraken    left out: no record for 16 s" in line for line in plain(view.detail(100, 20)))


def test_a_stopped_picture_keeps_the_venues_as_they_were() -> None:
    view = _made()
    before = _drawn(view)
    view.scene.turn_pause()
    view.scene.reading.now = Moment(NOON + 16_000_000, 114.4)
    take(view.scene, book("coinbase", "BTC-USD", [("5", "1")], [("6", "1")]))
    assert _drawn(view) == before

"""What is kept of the depth: a column every few seconds, blank where it was not live throughout."""

from collections.abc import Sequence

import attrs
from tests.support.records import record

from market_data.adapters.web.heat import COLUMN_SECONDS, HEAT_COLUMNS, Heat, Heats
from market_data.domain.normalized import BookStatus, Reason
from market_data.domain.quote import Quote

START = 1_723_075_200_000_000
COLUMN = COLUMN_SECONDS * 1_000_000


def quote(seconds: float, *, is_live: bool = True, is_expired: bool = False, symbol: str = "BTC-USDT") -> Quote:
    status = {} if is_live else {"status": BookStatus.GAP, "reason": Reason.SEQUENCE}
    book = record(bids=(("100", "1"), ("99.5", "2")), asks=(("101", "3"),), symbol=symbol, **status)  # type: ignore[arg-type]
    at = START + round(seconds * 1e6)
    return Quote(attrs.evolve(book, status_since=at), 6, seconds, at, is_expired=is_expired)


def columns(heat: Heat, seconds: float, since: float | None = None) -> Sequence[Sequence[float] | None]:
    begin = 0 if since is None else START + round(since * 1e6)
    return heat.columns(START + round(seconds * 1e6), begin)[1]


FULL = [100.0, -1.0, 99.5, -2.0, 101.0, 3.0]


def test_a_book_that_stands_is_in_every_column_but_the_first_that_was_not_seen_whole() -> None:
    heat = Heat()
    heat.take(quote(0))
    assert [column for column in columns(heat, 12.5) if column] == [FULL] * 3
    assert heat.columns(START + 12_500_000)[0] + len(columns(heat, 12.5)) * COLUMN == START + 12_000_000


def test_a_column_in_which_it_was_not_live_for_a_moment_is_blank() -> None:
    heat = Heat()
    for at, is_live in ((0.0, True), (7.0, False), (7.2, True)):
        heat.take(quote(at, is_live=is_live))
    assert columns(heat, 12.5)[-4:] == [None, FULL, None, FULL]


def test_from_its_producers_silence_on_all_is_blank() -> None:
    heat = Heat()
    heat.take(quote(0))
    heat.take(quote(7, is_live=False, is_expired=True))
    assert columns(heat, 30)[-10:] == [None, FULL, *[None] * 8]


def test_only_what_is_new_is_given_to_who_has_the_rest() -> None:
    heat = Heat()
    heat.take(quote(0))
    assert columns(heat, 12.5, since=6) == [FULL, FULL]
    assert columns(heat, 12.5, since=6.1) == [FULL]
    assert columns(heat, 12.5, since=99) == []


def test_there_are_only_so_many_columns_and_a_long_pause_costs_no_more() -> None:
    heat = Heat()
    heat.take(quote(0))
    heat.take(quote(1e6))
    assert len(columns(heat, 1e6)) == HEAT_COLUMNS
    assert set(map(str, columns(heat, 1e6))) == {str(FULL)}


def test_the_past_is_not_put_after_what_came_later() -> None:
    heat = Heat()
    heat.take(quote(60))
    heat.take(quote(0, is_live=False))
    heat.take(quote(60.5))
    assert len(columns(heat, 1000)) == len(columns(heat, 60))


def test_of_more_instruments_those_not_asked_for_go() -> None:
    heats = Heats(most=2)
    heats.take([quote(0, symbol=symbol) for symbol in ("A-USD", "B-USD", "C-USD")])
    kept = heats.of("binance:A-USD", quote(1, symbol="A-USD"))
    heats.of("binance:C-USD", quote(1, symbol="C-USD"))
    assert heats.of("binance:A-USD", quote(1, symbol="A-USD")) is kept
    assert set(heats._kept) == {"binance:A-USD", "binance:C-USD"}

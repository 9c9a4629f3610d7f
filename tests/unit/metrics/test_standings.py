"""What the statuses of books add up to, while they last and when they change."""

import pytest
from tests.support.bounds import HandClock
from tests.support.network import FakeTelemetry

from market_data.application import metrics
from market_data.application.measures import Measures
from market_data.application.standings import BookStandings
from market_data.domain.levels import EMPTY
from market_data.domain.normalized import BookState, BookStatus, Reason

KEY = "binance:BTC-USDT"


def state(status: BookStatus, reason: Reason | None = None, symbol: str = "BTC-USDT") -> BookState:
    return BookState("binance", symbol, status, reason, 1, EMPTY, EMPTY, None, None, None, 0)


class World:
    def __init__(self, *symbols: str) -> None:
        self.clock, self.telemetry, self.measures = HandClock(), FakeTelemetry(), Measures()
        self.standings = BookStandings(self.clock, self.telemetry)
        self.standings.want("binance", symbols or ("BTC-USDT",))
        self.measures.watch(self.standings.measure)

    def become(self, status: BookStatus, reason: Reason | None = None, *, after: float = 0.0) -> None:
        self.clock.advance(after)
        self.standings.take(state(status, reason))

    def not_live(self) -> dict[str, float]:
        series = self.measures.read().get(metrics.BOOK_NOT_LIVE_SECONDS, {})
        return {reason: round(seconds, 6) for (_, _, reason), seconds in series.items()}

    def value(self, metric: metrics.Metric, *more: str) -> float:
        return self.measures.read()[metric]["binance", KEY, *more]


def test_a_book_that_has_said_nothing_is_syncing_and_its_seconds_count() -> None:
    world = World()
    world.clock.advance(3)
    assert world.value(metrics.BOOK_STATUS, "syncing") == 1
    assert world.not_live() == {"starting": 3}


def test_exactly_one_status_is_1() -> None:
    world = World()
    for status in BookStatus:
        world.become(status, None if status is BookStatus.LIVE else Reason.SILENCE)
        assert {each: world.value(metrics.BOOK_STATUS, each) for each in BookStatus} == {
            each: float(each is status) for each in BookStatus
        }


def test_seconds_that_are_not_live_count_by_reason_while_they_last_and_never_twice() -> None:
    world = World()
    world.become(BookStatus.LIVE, after=2)
    world.clock.advance(100)
    world.become(BookStatus.GAP, Reason.SEQUENCE)
    world.clock.advance(0.5)
    assert world.not_live() == {"starting": 2, "sequence": 0.5}
    assert world.not_live() == {"starting": 2, "sequence": 0.5}
    world.become(BookStatus.DISCONNECTED, Reason.CONNECTION, after=0.25)
    world.become(BookStatus.LIVE, after=4)
    world.clock.advance(50)
    assert world.not_live() == {"starting": 2, "sequence": 0.75, "connection": 4}


def test_gaps_and_epochs_are_entries_and_heartbeats_are_none() -> None:
    world = World()
    for status, reason in (
        (BookStatus.SYNCING, None),
        (BookStatus.LIVE, None),
        (BookStatus.LIVE, None),
        (BookStatus.GAP, Reason.SEQUENCE),
        (BookStatus.GAP, Reason.SEQUENCE),
        (BookStatus.GAP, Reason.MALFORMED),
        (BookStatus.LIVE, None),
    ):
        world.become(status, reason, after=1)
    assert (world.value(metrics.BOOK_GAPS), world.value(metrics.BOOK_EPOCHS)) == (1, 2)


def test_the_way_from_loss_to_live_is_observed_whatever_lies_between_and_not_the_first() -> None:
    world = World()
    world.become(BookStatus.LIVE, after=9)
    world.become(BookStatus.GAP, Reason.AUDIT, after=9)
    world.become(BookStatus.DISCONNECTED, Reason.CONNECTION, after=1)
    world.become(BookStatus.SYNCING, Reason.CONNECTION, after=2)
    assert world.telemetry.observed == []
    world.become(BookStatus.LIVE, after=0.5)
    ((name, seconds, labels),) = world.telemetry.observed
    assert (name, seconds, labels) == (metrics.BOOK_RECOVERY.name, pytest.approx(3.5), {"exchange": "binance"})


def test_a_book_that_its_venue_refuses_is_known_to_be_refused() -> None:
    world = World()
    (book,) = world.standings.books
    world.become(BookStatus.DISCONNECTED, Reason.REJECTED)
    assert book.is_refused
    world.become(BookStatus.LIVE)
    assert not book.is_refused


def test_series_are_those_that_are_wanted() -> None:
    world = World("BTC-USDT", "ETH-USDT")
    assert {labels[1] for labels in world.measures.read()[metrics.BOOK_STATUS]} == {KEY, "binance:ETH-USDT"}

"""What the metrics of a reader say: exact sums whatever keys a topic holds, and a bounded number of series."""

import itertools
from typing import Any

import attrs
import pytest
from tests.support.bounds import HandClock
from tests.support.network import FakeTelemetry
from tests.support.reading import FakeSubscriber
from tests.support.records import LATER_RUN, record

from market_data.application import metrics
from market_data.application.consumed import Consumed, Passages
from market_data.application.measures import Measures
from market_data.application.metrics import MOST_INSTRUMENTS, OTHER, SAMPLED, Metric
from market_data.application.ports import Delivered, Trouble
from market_data.domain.market import Arrival, Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason
from market_data.domain.proof import OrderProof

FINDINGS = (
    metrics.CONSUMER_RECORDS,
    metrics.CONSUMER_HOLES,
    metrics.CONSUMER_DOUBLES,
    metrics.CONSUMER_DISORDER,
    metrics.CONSUMER_FOREIGN,
)


class World:
    def __init__(self, *configured: str, most_keys: int = 20_000) -> None:
        self.clock, self.proof, self.market = HandClock(), OrderProof(most_keys), Market(15.0, 6, most_keys)
        self.consumed = Consumed(self.proof, self.market, configured)
        self.subscriber: FakeSubscriber | None = FakeSubscriber()
        self.measures = Measures()
        self.measures.watch(lambda: self.consumed.measure(self.subscriber, self.clock.now()))
        self._offset = 0

    def read(self, *books: NormalizedBook, arrival: Arrival = Arrival.NEW) -> None:
        now = self.clock.now()
        for book in books:
            self.proof.check(book, self._offset)
            self._offset += 1
        quotes = [self.market.take(book, now, arrival=arrival) for book in books]
        self.consumed.worst_age.saw([quote for quote in quotes if quote is not None], now)

    def sum(self, metric: Metric) -> float:
        return sum(self.measures.read()[metric].values())

    def series(self, metric: Metric) -> dict[str, float]:
        return {labels[-1]: value for labels, value in self.measures.read()[metric].items()}


def test_findings_are_told_by_instrument() -> None:
    world = World()
    world.read(record(0), record(1), record(5), record(5), record(3), record(0, symbol="ETH-USDT"))
    assert world.series(metrics.CONSUMER_RECORDS) == {"binance:BTC-USDT": 5, "binance:ETH-USDT": 1, OTHER: 0}
    assert world.series(metrics.CONSUMER_HOLES) == {"binance:BTC-USDT": 3, "binance:ETH-USDT": 0, OTHER: 0}
    assert world.series(metrics.CONSUMER_DOUBLES)["binance:BTC-USDT"] == 1
    assert world.series(metrics.CONSUMER_DISORDER)["binance:BTC-USDT"] == 1


def test_ten_thousand_strange_keys_make_a_bounded_number_of_series_and_no_record_is_lost() -> None:
    world = World("binance:BTC-USDT")
    for number in range(10_000):
        world.read(record(0, symbol=f"S{number}-USD"), record(4, symbol=f"S{number}-USD"))
        if number % 2500 == 0:
            world.measures.read()
    world.read(record(0), record(2))
    for metric in FINDINGS:
        assert len(world.measures.read()[metric]) == MOST_INSTRUMENTS + 2, "the configured one, and the others together"
    assert world.series(metrics.CONSUMER_RECORDS)["binance:BTC-USDT"] == 2
    assert world.series(metrics.CONSUMER_HOLES)["binance:BTC-USDT"] == 1
    assert world.sum(metrics.CONSUMER_RECORDS) == 20_002
    assert world.sum(metrics.CONSUMER_HOLES) == 30_001 == world.proof.holes
    assert world.series(metrics.CONSUMER_RECORDS)[OTHER] == 2 * (10_000 - MOST_INSTRUMENTS)


def test_what_was_found_of_an_instrument_that_is_forgotten_and_comes_back_goes_on_to_count() -> None:
    world = World(most_keys=2)
    before: dict[str, float] = {}
    for number in range(20):
        for symbol in ("A-B", "C-D", "E-F", "G-H")[: 2 + number % 3]:
            world.read(record(2 * number, symbol=symbol))
        now = world.series(metrics.CONSUMER_RECORDS)
        assert all(now[key] >= count for key, count in before.items()), "a counter never falls"
        before = now
        assert world.sum(metrics.CONSUMER_RECORDS) == world._offset
        assert world.sum(metrics.CONSUMER_HOLES) == world.proof.holes
    assert world.sum(metrics.CONSUMER_FORGOTTEN) == world.proof.forgotten > 10


def test_records_of_another_producer_are_foreign() -> None:
    world = World()
    world.read(record(0, run=LATER_RUN))
    world.proof.leave_out("binance:BTC-USDT")
    assert world.series(metrics.CONSUMER_FOREIGN)["binance:BTC-USDT"] == 1


def test_books_are_counted_by_the_status_in_which_a_reader_sees_them() -> None:
    world = World()
    world.read(record(0), record(0, symbol="ETH-USDT", status=BookStatus.GAP, reason=Reason.SEQUENCE))
    assert world.series(metrics.CONSUMER_BOOKS) == {"live": 1, "gap": 1, "syncing": 0, "stale": 0, "disconnected": 0}
    world.clock.advance(20)
    world.market.expire(world.clock.now())
    assert world.series(metrics.CONSUMER_BOOKS) == {"live": 0, "gap": 0, "syncing": 0, "stale": 2, "disconnected": 0}


def test_lag_and_trouble_are_those_of_the_subscription_and_absent_without_one() -> None:
    world = World()
    assert world.subscriber is not None
    world.subscriber.waiting.extend([None] * 3)  # type: ignore[list-item]
    world.subscriber.troubled_since = lambda: 7.5
    assert world.series(metrics.CONSUMER_LAG) == {"0": 3}
    assert world.sum(metrics.CONSUMER_TROUBLE) == 7.5
    assert world.subscriber.trouble == Trouble("broker unreachable", 7.5)
    world.subscriber = None
    assert metrics.CONSUMER_LAG not in world.measures.read()


def fresh(world: World, publish_seq: int, age_seconds: float, **more: Any) -> NormalizedBook:
    received = world.clock.now().wall - round(age_seconds * 1e6)
    return attrs.evolve(record(publish_seq, **more), received_time=received)


def test_the_worst_age_is_that_of_fresh_data_and_lasts_for_a_minute_or_two() -> None:
    world = World()
    world.read(fresh(world, 0, 0.25))
    world.read(fresh(world, 1, 3.0), fresh(world, 0, 0.5, symbol="ETH-USDT"))
    assert world.sum(metrics.CONSUMER_WORST_AGE) == pytest.approx(3.0)
    world.clock.advance(70)
    assert world.sum(metrics.CONSUMER_WORST_AGE) == pytest.approx(3.0)
    world.clock.advance(70)
    assert world.sum(metrics.CONSUMER_WORST_AGE) == 0


def test_where_nothing_was_read_or_asked_for_minutes_the_worst_age_is_none() -> None:
    world = World()
    world.read(fresh(world, 0, 3.0))
    world.clock.advance(130)
    assert world.sum(metrics.CONSUMER_WORST_AGE) == 0


@pytest.mark.parametrize(
    ("arrival", "more"),
    [
        pytest.param(Arrival.PAST, {}, id="it was there before reading began"),
        pytest.param(Arrival.READ_BACK, {}, id="it was read back"),
        pytest.param(Arrival.NEW, {"status": BookStatus.GAP}, id="its book is not live"),
    ],
)
def test_what_is_not_fresh_and_live_has_no_age(arrival: Arrival, more: dict[str, Any]) -> None:
    world = World()
    world.read(fresh(world, 0, 60, **more), arrival=arrival)
    assert world.sum(metrics.CONSUMER_WORST_AGE) == 0


def test_a_heartbeat_that_repeats_a_quiet_book_has_no_age() -> None:
    world = World()
    book = fresh(world, 0, 0.1)
    world.read(book)
    world.clock.advance(30)
    world.read(attrs.evolve(book, publish_seq=1))
    assert world.sum(metrics.CONSUMER_WORST_AGE) == pytest.approx(0.1)


def test_each_hop_of_a_live_record_with_news_is_observed_and_none_is_clamped() -> None:
    world, telemetry = World(), FakeTelemetry()
    passages, now = Passages(telemetry, world.clock), world.clock.now()
    live = attrs.evolve(record(0), event_time=now.wall + 5_000, received_time=now.wall - 40_000)
    same = attrs.evolve(live, publish_seq=1)
    gone = record(2, status=BookStatus.GAP, reason=Reason.SEQUENCE)
    for offset, book in enumerate((live, same, gone)):
        quote = world.market.take(book, now)
        assert quote is not None
        passages.saw([(quote, Delivered(book, 0, offset, now.wall - 20_000, stamp=now.wall - 30_000))], now)
    assert {labels["exchange"] for _, _, labels in telemetry.observed} == {"binance"}
    assert {labels["hop"]: round(seconds, 6) for _, seconds, labels in telemetry.observed} == {
        "received": -0.045,
        "published": 0.01,
        "appended": 0.01,
        "seen": 0.03,
        "whole": -0.005,
    }
    assert len(telemetry.observed) == 5, "a heartbeat and what is not live have been on no way"


def test_what_a_picture_has_is_shown_once_it_is_out_and_what_came_meanwhile_with_the_next() -> None:
    world, telemetry = World(), FakeTelemetry()
    passages, count = Passages(telemetry, world.clock), itertools.count()

    def read() -> None:
        now = world.clock.now()
        for at in range(SAMPLED):
            book = attrs.evolve(record(0), symbol=f"S{at}", received_time=now.wall, publish_seq=next(count))
            quote = world.market.take(book, now)
            assert quote is not None
            passages.saw([(quote, Delivered(book, 0, at, now.wall))], now)

    def shown() -> list[float]:
        return [round(seconds, 6) for _, seconds, labels in telemetry.observed if labels["hop"] == "shown"]

    read()
    world.clock.advance(0.25)
    passages.begin()
    read()
    world.clock.advance(0.125)
    passages.end()
    assert shown() == [0.375]
    passages.end()
    assert shown() == [0.375], "each is shown once"
    passages.begin()
    passages.end()
    assert shown() == [0.375, 0.125]
    for _ in range(1100):
        world.clock.advance(0.001)
        read()
    passages.begin()
    passages.end()
    assert len(shown()) == 1002, "a picture that stands still for long is not waited for with all that comes"


def test_strange_exchanges_share_a_label() -> None:
    world, telemetry = World(), FakeTelemetry()
    passages, now = Passages(telemetry, world.clock), world.clock.now()
    for number in range(100 * SAMPLED):
        book = attrs.evolve(record(0), exchange=f"e{number}", received_time=now.wall)
        quote = world.market.take(book, now)
        assert quote is not None
        passages.saw([(quote, Delivered(book, 0, number, now.wall))], now)
    assert len({labels["exchange"] for _, _, labels in telemetry.observed}) == 65

"""What a reader remembers: statuses and events as they were, figures of live books only, bounded."""

import attrs
from tests.support.bounds import HandClock
from tests.support.records import LATER_RUN, record

from market_data.domain.market import Arrival, Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason
from market_data.domain.watch import MOST_CHANGES, MOST_EVENTS, StatusChange, Watch

KEY = record().key
LIVE, GAP, STALE, SYNCING = BookStatus.LIVE, BookStatus.GAP, BookStatus.STALE, BookStatus.SYNCING


@attrs.define
class Bench:
    """A market and what is remembered of it, by a clock that is moved by hand."""

    clock: HandClock = attrs.field(factory=HandClock)
    market: Market = attrs.field(factory=lambda: Market(15.0, 6))
    watch: Watch = attrs.field(factory=lambda: Watch(15.0))
    seq: int = 0

    def say(self, status: BookStatus = LIVE, reason: Reason | None = None, *, epoch: int = 1, since: int = 0,
            **changes: object) -> None:  # fmt: skip
        """Publish a record; ``since`` is 0 for now."""
        now = self.clock.now()
        book = record(self.seq, status=status, reason=reason, epoch=epoch)
        book = attrs.evolve(book, status_since=since or now.wall, received_time=now.wall, **changes)
        self.seq += 1
        self.give(book)

    def give(self, book: NormalizedBook, age_seconds: float = 0.0, arrival: Arrival = Arrival.NEW) -> None:
        now = self.clock.now()
        quote = self.market.take(book, now, now.wall - round(age_seconds * 1e6), arrival)
        self.watch.take([] if quote is None else [quote])

    def wait(self, seconds: float) -> int:
        """Let time pass, and take what fell silent; gives the time."""
        self.clock.advance(seconds)
        self.watch.take(self.market.expire(self.clock.now()))
        return self.clock.now().wall

    @property
    def told(self) -> list[str]:
        return [event.what for event in self.watch.events]


def test_a_gap_and_its_end_are_told_with_their_times() -> None:
    bench = Bench()
    began = bench.wait(0)
    bench.say()
    broke = bench.wait(10)
    bench.say(GAP, Reason.SEQUENCE)
    back = bench.wait(1.25)
    bench.say(epoch=2)
    assert [(each.at, each.key, each.status, each.what) for each in bench.watch.events] == [
        (broke, KEY, GAP, "gap: sequence"),
        (back, KEY, LIVE, "live again after 1.2 s"),
    ]
    assert list(bench.watch.history(KEY)) == [
        StatusChange(began, LIVE, None, broke),
        StatusChange(broke, GAP, Reason.SEQUENCE, back),
        StatusChange(back, LIVE, None),
    ]
    assert bench.watch.told == 2


def test_a_book_that_comes_up_is_told_from_its_first_word_on() -> None:
    bench = Bench()
    bench.say(SYNCING, epoch=0)
    bench.wait(0.5)
    bench.say()
    assert bench.told == ["syncing", "live after 0.5 s"]


def test_a_reason_that_changes_alone_is_told_at_its_own_time_and_recovery_counts_from_the_first() -> None:
    bench = Bench()
    bench.say()
    broke = bench.wait(1)
    bench.say(BookStatus.DISCONNECTED, Reason.CONNECTION)
    refused = bench.wait(2)
    bench.say(BookStatus.DISCONNECTED, Reason.REJECTED, since=broke)
    bench.wait(5)
    bench.say(BookStatus.DISCONNECTED, Reason.REJECTED, since=broke)
    bench.wait(3)
    bench.say(epoch=2)
    assert bench.told == ["disconnected: connection", "disconnected: rejected", "live again after 10 s"]
    assert [each.since for each in bench.watch.history(KEY)][1:3] == [broke, refused]


def test_a_producer_that_falls_silent_and_is_heard_again() -> None:
    bench = Bench()
    bench.say()
    last = bench.clock.now().wall
    noticed = bench.wait(15)
    assert bench.watch.events[-1].at == last
    assert bench.watch.history(KEY)[-1] == StatusChange(last, STALE, Reason.SILENCE, is_silence=True)
    assert bench.watch.minute(KEY, bench.clock.now()) is None
    assert bench.watch.buckets(KEY, bench.clock.now(), 15) == [None] * 15, "nobody stands for what came after"
    heard = bench.wait(5)
    bench.say(since=last - 1)
    assert bench.told == ["stale: silence of the producer", "live again after 20 s"]
    assert bench.watch.history(KEY)[-1].since == heard > noticed


def test_a_broker_that_cannot_be_reached_is_no_silence_of_a_producer() -> None:
    bench = Bench()
    bench.say()
    bench.clock.advance(15)
    bench.watch.take(bench.market.expire(bench.clock.now(), "broker unreachable"))
    bench.wait(0)
    bench.wait(15)
    assert bench.told == ["stale: broker unreachable", "stale: silence of the producer"]
    assert [each.trouble for each in bench.watch.history(KEY)] == [None, "broker unreachable", None]


def test_a_heartbeat_is_no_event_and_another_producer_is_one() -> None:
    bench = Bench()
    bench.say()
    bench.wait(5)
    bench.say()
    assert bench.told == []
    bench.say(run=LATER_RUN)
    assert bench.told == ["another producer"]
    assert len(bench.watch.history(KEY)) == 1


def test_a_gap_that_was_merged_away_is_told_by_the_epoch() -> None:
    bench = Bench()
    bench.say()
    bench.wait(1)
    bench.say(epoch=3)
    assert bench.told == ["live again: the break was not seen"]
    assert [each.status for each in bench.watch.history(KEY)] == [LIVE, LIVE]


def test_what_no_record_tells_can_be_told() -> None:
    bench = Bench()
    bench.watch.tell("broker unreachable", bench.clock.now())
    (event,) = bench.watch.events
    assert (event.at, event.key, event.status) == (bench.clock.now().wall, "", None)


def test_figures_are_there_while_it_is_live_and_only_then() -> None:
    bench = Bench()
    assert bench.watch.minute(KEY, bench.clock.now()) is None
    assert bench.watch.buckets(KEY, bench.clock.now(), 3) == [None] * 3
    assert list(bench.watch.history(KEY)) == []
    bench.say(bids=(("100", "1"),), asks=(("102", "1"),))
    bench.wait(2)
    bench.say(bids=(("104", "1"),), asks=(("106", "1"),))
    bench.wait(2)
    minute = bench.watch.minute(KEY, bench.clock.now())
    assert minute is not None
    assert (minute.high, minute.low, minute.change, minute.mean, minute.spread) == (105, 101, 4, 103, 2)
    assert minute.updates_per_second == 0.25
    bench.say(GAP, Reason.CROSSED)
    bench.wait(1)
    assert bench.watch.minute(KEY, bench.clock.now()) is None
    bench.say(epoch=2)
    bench.wait(1)
    minute = bench.watch.minute(KEY, bench.clock.now())
    assert minute is not None
    assert minute.live_share == 5 / 6


def test_records_of_the_past_stand_at_their_own_times() -> None:
    bench = Bench()
    for at, age in enumerate([300.0, 240.0, 230.0, 226.0]):
        bench.give(record(at), age, Arrival.PAST)
    drawn = bench.watch.buckets(KEY, bench.clock.now(), 301)
    there = [300 - at for at, each in enumerate(drawn) if each is not None]
    assert there[:2] == [300, 240], "a minute without a record is bridged by nothing"
    assert 231 in there
    assert 226 in there
    assert 220 not in there, "it is too old to vouch for what came later"


def test_memory_is_bounded_and_the_least_recently_heard_go_first() -> None:
    clock, market, watch = HandClock(), Market(15.0, 6), Watch(15.0, most_keys=3)
    for symbol in ("A-USD", "B-USD", "C-USD", "A-USD", "D-USD"):
        quote = market.take(record(0, symbol=symbol), clock.now()) or market.take(record(1, symbol=symbol), clock.now())
        assert quote is not None
        watch.take([quote])
    assert [bool(watch.history(f"binance:{name}-USD")) for name in "ABCD"] == [True, False, True, True]
    bench = Bench()
    for number in range(MOST_EVENTS):
        bench.say(GAP, Reason.SEQUENCE, epoch=number)
        bench.wait(0.1)
        bench.say(epoch=number + 1)
    assert len(bench.watch.events) == MOST_EVENTS
    assert len(bench.watch.history(KEY)) == MOST_CHANGES

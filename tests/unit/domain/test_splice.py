"""The splice of a fetched snapshot and a stream of id ranges, step by step as its docstring numbers them."""

from collections.abc import Sequence
from math import ceil
from typing import TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.raw import change_of, snapshot_of
from tests.support.rules import RecordRules

from market_data.domain.effects import Effect, Fetch, Purpose, Reconnect, Renew, Tell
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, BookStatus, Level, Reason
from market_data.domain.splice import SplicedSync
from market_data.domain.sync import BookSetup, SyncSettings

BTC = Instrument("binance", "BTC-USDT", "BTCUSDT")
BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
T = TypeVar("T")


@attrs.define
class Bench:
    """One book under the rule, its inputs as short commands, its effects since the last look."""

    settings: SyncSettings = attrs.field(factory=bounds)
    clock: HandClock = attrs.field(factory=HandClock)
    effects: list[Effect] = attrs.field(factory=list)
    may_cross: bool = False
    sync: SplicedSync = attrs.field(init=False)
    rules: RecordRules = attrs.field(init=False)
    fetches: list[Fetch] = attrs.field(factory=list)
    seen: list[Effect] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.sync = SplicedSync(
            BookSetup(BTC, self.settings, self.effects, may_cross=self.may_cross, books=book_engine())
        )
        self.rules = RecordRules(self.settings.depth, self.settings.heartbeat_seconds)

    def drain(self) -> None:
        self.rules.take_all(self.effects, self.clock.moment)
        self.fetches += [effect for effect in self.effects if isinstance(effect, Fetch)]
        self.seen += self.effects
        self.effects.clear()

    def look(self, kind: type[T]) -> list[T]:
        """Take the effects of one kind since the last look; forget the others."""
        found = [effect for effect in self.seen if isinstance(effect, kind)]
        self.seen.clear()
        return found

    def open(self, *, is_accepted: bool = True) -> None:
        self.sync.start(self.clock.moment)
        self.sync.opened(self.clock.moment)
        if is_accepted:
            self.sync.accepted(self.clock.moment)
        self.drain()

    def change(
        self,
        first: int,
        last: int,
        bids: Sequence[Level] = (),
        asks: Sequence[Level] = (),
        *,
        time: int | None = None,
    ) -> None:
        time = 1_000_000 * last if time is None else time
        self.sync.change(change_of("BTCUSDT", first, last, bids, asks, time), self.clock.moment)
        self.sync.settle(self.clock.moment)
        self.drain()

    def answer(
        self,
        sequence: int | None,
        bids: Sequence[Level] = BIDS,
        asks: Sequence[Level] = ASKS,
        *,
        fetch: Fetch | None = None,
        limit: int | None = 10,
    ) -> None:
        asked = fetch or self.fetches[-1]
        snapshot = snapshot_of("BTCUSDT", sequence, bids, asks, None, limit)
        self.sync.fetched(asked.serial, snapshot, self.clock.moment)
        self.drain()

    def fail(self, reason: Reason = Reason.UNAVAILABLE, retry_after: float | None = None) -> None:
        self.sync.fetch_failed(self.fetches[-1].serial, reason, retry_after, self.clock.moment)
        self.drain()

    def wait(self, seconds: float) -> None:
        """Let at least so much time pass, in ticks of an eighth of a second."""
        for _ in range(ceil(seconds * 8)):
            self.sync.tick(self.clock.advance(0.125))
            self.drain()

    def go_live(self, sequence: int = 100) -> None:
        self.open()
        self.answer(sequence)
        self.change(sequence + 1, sequence + 1)
        assert self.status == (BookStatus.LIVE, None)
        self.look(object)

    @property
    def status(self) -> tuple[BookStatus, Reason | None]:
        return self.sync.status, self.sync.reason

    @property
    def last(self) -> BookState:
        return self.rules.keys[BTC.key].last


@pytest.fixture
def bench() -> Bench:
    return Bench()


# step 3: when the snapshot is fetched


def test_a_snapshot_is_fetched_when_the_venue_acknowledges(bench: Bench) -> None:
    bench.open(is_accepted=False)
    assert bench.look(Fetch) == []
    bench.sync.accepted(bench.clock.moment)
    bench.drain()
    assert bench.look(Fetch) == [Fetch(BTC, Purpose.SNAPSHOT, 10, serial=1)]


def test_a_snapshot_is_fetched_when_an_event_comes_before_the_acknowledgement(bench: Bench) -> None:
    bench.open(is_accepted=False)
    bench.change(5, 6)
    bench.sync.accepted(bench.clock.moment)
    bench.change(7, 8)
    assert len(bench.look(Fetch)) == 1


def test_a_book_says_syncing_from_the_start_and_nothing_more_until_it_is_live(bench: Bench) -> None:
    bench.open()
    (first,) = bench.look(BookState)
    assert (first.status, first.reason, first.sequence, first.epoch) == (BookStatus.SYNCING, None, None, 0)
    bench.change(101, 102)
    bench.answer(100)
    (live,) = bench.look(BookState)
    assert (live.status, live.sequence, live.epoch) == (BookStatus.LIVE, 102, 1)
    assert live.bids == (("100", "1"), ("99", "1"), ("98", "1"))
    assert live.event_time == 102_000_000


# steps 4 to 6: where a snapshot and the stream meet


@pytest.mark.parametrize(
    ("event", "joins"),
    [
        pytest.param((90, 99), False, id="ends before the snapshot: dropped"),
        pytest.param((95, 100), False, id="ends with the snapshot: dropped"),
        pytest.param((95, 101), True, id="holds the snapshot's id: applied"),
        pytest.param((100, 105), True, id="begins with the snapshot's id: applied"),
        pytest.param((101, 101), True, id="is the very next id: applied"),
        pytest.param((101, 140), True, id="begins with the next id: applied"),
        pytest.param((102, 140), None, id="begins one later: an id is missing"),
        pytest.param((500, 501), None, id="begins far later: ids are missing"),
    ],
)
@pytest.mark.parametrize("order", ["event first", "snapshot first"])
def test_an_event_joins_a_snapshot_only_if_it_holds_the_next_id(
    bench: Bench, event: tuple[int, int], order: str, *, joins: bool | None
) -> None:
    bench.open()
    if order == "event first":
        bench.change(*event, bids=[("100", "7")])
        bench.answer(100)
    else:
        bench.answer(100)
        bench.change(*event, bids=[("100", "7")])
    if joins is None:
        assert bench.status[0] is not BookStatus.LIVE
        bench.wait(1)
        assert len(bench.fetches) == 2
        bench.answer(event[1])
        bench.change(event[1] + 1, event[1] + 1)
        assert bench.status == (BookStatus.LIVE, None)
    elif joins:
        assert bench.status == (BookStatus.LIVE, None)
        assert bench.last.bids[0] == ("100", "7")
        assert bench.last.sequence == event[1]
    else:
        assert bench.status == (BookStatus.SYNCING, None)
        bench.change(101, 103)
        assert bench.status == (BookStatus.LIVE, None)
        assert bench.last.bids[0] == ("100", "1")


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(101, 105, "applied", id="the next id"),
        pytest.param(100, 105, "applied", id="overlaps by one"),
        pytest.param(50, 101, "applied", id="overlaps by many, ends with the next"),
        pytest.param(90, 100, "dropped", id="ends with the local id"),
        pytest.param(10, 20, "dropped", id="long ago"),
        pytest.param(102, 105, "gap", id="one id is missing"),
        pytest.param(102, 102, "gap", id="one id after the next"),
        pytest.param(999, 1005, "gap", id="many ids are missing"),
    ],
)
def test_a_live_book_takes_an_event_only_if_it_holds_the_next_id(
    bench: Bench, first: int, last: int, expected: str
) -> None:
    bench.go_live(99)
    bench.change(first, last, asks=[("101", "9")])
    if expected == "applied":
        assert bench.last.asks[0] == ("101", "9")
        assert bench.last.sequence == last
    elif expected == "dropped":
        assert bench.look(BookState) == []
        bench.change(101, 101)
        assert bench.last.asks[0] == ("101", "1")
    else:
        (state,) = (effect for effect in bench.seen if isinstance(effect, BookState))
        assert (state.status, state.reason, state.sequence) == (BookStatus.GAP, Reason.SEQUENCE, 100)
        (told,) = (effect for effect in bench.seen if isinstance(effect, Tell))
        assert told.fields["missing"] == first - 101
        assert bench.look(Fetch) == [Fetch(BTC, Purpose.SNAPSHOT, 10, serial=2)]


@given(st.lists(st.integers(1, 5), min_size=3, max_size=30), st.data())
def test_every_split_of_a_stream_around_every_snapshot_gives_the_same_book(
    lengths: list[int], data: st.DataObject
) -> None:
    """Ids 1 to N, each sets one price; whatever the cut and the order of arrival, the book is the last state."""
    total = sum(lengths)
    at = data.draw(st.integers(0, total), label="id of the snapshot")
    arrived = data.draw(st.integers(0, len(lengths)), label="events that come before it")

    def levels(upto: int) -> list[Level]:
        return [(str(50 + number % 7), str(number)) for number in range(1, upto + 1)]

    bench = Bench(bounds(depth=20, reseed_below_levels=0))
    bench.open()
    first = 1
    for number, length in enumerate(lengths):
        if number == arrived:
            bench.answer(at, levels(at), ASKS, limit=None)
        bench.change(first, first + length - 1, bids=levels(first + length - 1)[first - 1 :])
        first += length
    if arrived == len(lengths):
        bench.answer(at, levels(at), ASKS, limit=None)
    is_complete = at < total
    if is_complete and arrived:
        assert bench.status == (BookStatus.LIVE, None)
        assert dict(bench.last.bids) == dict(levels(total))
        assert bench.last.sequence == total
    elif bench.status[0] is BookStatus.LIVE:
        assert dict(bench.last.bids) == dict(levels(total))


@pytest.mark.parametrize(
    ("snapshot", "is_too_old"),
    [
        pytest.param(198, True, id="an id is missing between"),
        pytest.param(199, False, id="ends where the buffer begins"),
        pytest.param(200, False, id="holds the first buffered id"),
    ],
)
def test_a_snapshot_is_too_old_when_it_ends_before_the_buffer_begins(
    bench: Bench, snapshot: int, *, is_too_old: bool
) -> None:
    bench.open()
    bench.change(200, 205)
    bench.answer(snapshot)
    assert (bench.status[0] is BookStatus.LIVE) is not is_too_old


def test_after_a_snapshot_that_is_too_old_another_is_fetched_and_the_buffer_kept(bench: Bench) -> None:
    bench.open()
    bench.change(200, 205)
    bench.change(206, 210, bids=[("100", "3")])
    bench.answer(150)
    assert bench.status == (BookStatus.SYNCING, None)
    bench.wait(0.375)
    assert len(bench.fetches) == 1
    bench.wait(0.2)
    assert len(bench.fetches) == 2
    bench.answer(203)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.sequence == 210
    assert bench.last.bids[0] == ("100", "3")


def test_snapshots_that_stay_too_old_are_fetched_at_growing_intervals_up_to_a_bound(bench: Bench) -> None:
    bench.open()
    bench.change(200, 205)
    waits: list[float] = []
    for _ in range(7):
        asked_at, count = bench.clock.moment.mono, len(bench.fetches)
        bench.answer(100)
        while len(bench.fetches) == count:
            bench.wait(0.1)
        waits.append(bench.clock.moment.mono - asked_at)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_snapshot_newer_than_all_that_is_buffered_waits_for_the_event_that_joins_it(bench: Bench) -> None:
    bench.open()
    bench.change(200, 205, bids=[("100", "8")])
    bench.answer(300)
    assert bench.status == (BookStatus.SYNCING, None)
    bench.change(206, 300, bids=[("100", "9")])
    assert bench.status == (BookStatus.SYNCING, None)
    bench.change(301, 301)
    assert bench.last.bids[0] == ("100", "1")
    assert bench.last.sequence == 301


@pytest.mark.parametrize("trouble", ["crossed", "malformed"])
def test_a_snapshot_older_than_what_the_stream_has_shown_is_too_old_however_often_it_comes(trouble: str) -> None:
    bench = Bench(bounds(crossed_limit=9))
    bench.go_live()
    bench.change(102, 110, bids=[("101", "1" if trouble == "crossed" else "one")])
    for _ in range(4):
        bench.answer(109)
        bench.wait(10)
        assert bench.status[0] is BookStatus.GAP
    bench.answer(110)
    bench.change(111, 111)
    assert bench.status == (BookStatus.LIVE, None)


def test_a_book_older_than_what_the_last_connection_showed_needs_an_event_that_joins_it(bench: Bench) -> None:
    bench.go_live(5000)
    bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
    bench.sync.opened(bench.clock.moment)
    bench.sync.accepted(bench.clock.moment)
    bench.drain()
    for _ in range(4):
        bench.answer(100)
        bench.wait(2)
        assert bench.status == (BookStatus.SYNCING, Reason.CONNECTION), "a cache, or a venue that counts anew?"
    bench.change(101, 101)
    bench.wait(10)
    bench.answer(100)
    assert bench.status == (BookStatus.LIVE, None)


def test_a_snapshot_older_than_the_first_event_is_no_gap(bench: Bench) -> None:
    bench.open()
    bench.sync.accepted(bench.clock.moment)
    bench.drain()
    bench.answer(900)
    bench.change(1001, 1005)
    assert bench.status == (BookStatus.SYNCING, None)
    bench.change(1006, 1010)
    bench.wait(0.5)
    bench.answer(1005)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.sequence == 1010


def test_events_missing_behind_ones_that_the_snapshot_holds_are_a_gap(bench: Bench) -> None:
    bench.open()
    bench.change(895, 899)
    bench.answer(900)
    bench.change(1001, 1005)
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)


def test_a_stream_that_speaks_without_joining_is_not_quiet(bench: Bench) -> None:
    """The venue counts anew, and its REST interface does not know yet."""
    bench.open()
    bench.change(11, 12)
    for number in range(13, 1000):
        if bench.fetches:
            bench.answer(1000)
        bench.wait(0.5)
        bench.change(number, number)
        assert bench.status[0] is not BookStatus.LIVE
    bench.wait(10)
    bench.answer(999)
    bench.change(1000, 1000)
    assert bench.status == (BookStatus.LIVE, None)


def test_an_event_before_the_snapshot_after_a_quiet_join_refutes_it(bench: Bench) -> None:
    bench.open()
    bench.sync.accepted(bench.clock.moment)
    bench.drain()
    bench.answer(1000)
    bench.wait(1)
    bench.answer(1000)
    assert bench.status == (BookStatus.LIVE, None)
    bench.change(11, 12)
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)


def test_a_stale_event_with_a_later_time_is_dropped_and_the_book_probed(bench: Bench) -> None:
    bench.go_live()
    asked = len(bench.fetches)
    for _ in range(2):
        bench.change(95, 99, time=102_000_000)
        assert bench.status == (BookStatus.LIVE, None)
    assert [fetch.purpose for fetch in bench.fetches[asked:]] == [Purpose.PROBE]
    bench.change(102, 102)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 1


def test_a_hole_inside_the_buffer_starts_it_anew_behind_the_hole(bench: Bench) -> None:
    bench.open()
    bench.change(200, 205)
    bench.change(208, 210)
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)
    bench.answer(205)
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE), "a book of before the hole cannot be continued"
    bench.wait(0.5)
    bench.answer(207)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.sequence == 210


def test_events_that_come_again_or_overlap_are_buffered_once(bench: Bench) -> None:
    bench.open()
    bench.change(200, 205)
    bench.change(200, 205)
    bench.change(203, 208, bids=[("100", "4")])
    bench.change(201, 202)
    bench.answer(201)
    assert bench.status == (BookStatus.LIVE, None)
    assert (bench.last.sequence, bench.last.bids[0]) == (208, ("100", "4"))


def test_a_buffer_that_is_full_loses_its_oldest_and_never_has_a_hole() -> None:
    bench = Bench(bounds(max_buffered_events=3))
    bench.open()
    for first in range(200, 210):
        bench.change(first, first)
    bench.answer(205)
    assert bench.status[0] is BookStatus.SYNCING, "206 is lost, so 205 is too old"
    bench.wait(0.5)
    bench.answer(206)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.sequence == 209


# step 7: a quiet market


def test_a_quiet_book_is_live_when_the_venue_gives_the_same_id_again_a_second_later(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.wait(0.875)
    assert len(bench.fetches) == 1
    bench.wait(0.2)
    assert bench.fetches[1].purpose is Purpose.PROBE
    assert bench.status == (BookStatus.SYNCING, None)
    bench.answer(100)
    assert bench.status == (BookStatus.LIVE, None)
    assert (bench.last.event_time, bench.last.sequence, bench.last.epoch) == (None, 100, 1)


def test_an_event_that_comes_while_the_quiet_book_is_confirmed_joins_it(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.wait(1.1)
    bench.change(101, 104, bids=[("100", "5")])
    assert bench.status == (BookStatus.LIVE, None)
    bench.answer(102, [("100", "3"), *BIDS[1:]])
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.bids[0] == ("100", "5")


def test_a_quiet_book_is_stale_when_the_venue_is_ahead_and_nothing_comes(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.wait(1.1)
    bench.answer(107)
    assert bench.status == (BookStatus.SYNCING, None)
    bench.wait(0.75)
    assert bench.status == (BookStatus.SYNCING, None)
    bench.wait(0.25)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    assert bench.look(Renew) == [Renew(BTC)]
    bench.wait(0.5)
    assert bench.fetches[-1].purpose is Purpose.SNAPSHOT


def test_a_quiet_book_that_the_venue_is_ahead_of_is_live_when_the_event_reaches_it_in_time(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.wait(1.1)
    bench.answer(107, [("100", "5"), *BIDS[1:]])
    bench.wait(0.5)
    bench.change(101, 107, bids=[("100", "5")])
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(3)
    assert bench.status == (BookStatus.LIVE, None)


# answers that fail


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.RATE_LIMITED, Reason.REJECTED, Reason.MALFORMED])
def test_a_snapshot_that_can_not_be_had_gives_its_reason_and_keeps_the_status(bench: Bench, reason: Reason) -> None:
    bench.open()
    bench.clock.advance(2)
    bench.look(object)
    bench.fail(reason)
    (state,) = bench.look(BookState)
    assert (state.status, state.reason) == (BookStatus.SYNCING, reason)
    bench.wait(0.5)
    bench.answer(100)
    bench.change(101, 101)
    assert bench.status == (BookStatus.LIVE, None)


def test_the_venues_own_word_on_when_to_try_again_is_obeyed(bench: Bench) -> None:
    bench.open()
    bench.fail(Reason.RATE_LIMITED, retry_after=30.0)
    bench.wait(29.5)
    assert len(bench.fetches) == 1
    bench.wait(1)
    assert len(bench.fetches) == 2


def test_answers_to_requests_of_the_past_are_ignored(bench: Bench) -> None:
    bench.open()
    (old,) = bench.fetches
    bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
    bench.sync.opened(bench.clock.moment)
    bench.drain()
    bench.change(300, 301)
    bench.answer(299, [("1", "1")], [("2", "1")], fetch=old)
    bench.sync.fetch_failed(old.serial, Reason.REJECTED, None, bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.SYNCING, Reason.CONNECTION)
    bench.answer(300)
    assert bench.status == (BookStatus.LIVE, None)
    bench.answer(400, [("1", "1")], [("2", "1")])
    assert bench.last.bids[0] == ("100", "1"), "an answer counts once"


@pytest.mark.parametrize("where", ["in the snapshot", "in a change", "in the buffer"])
def test_a_number_that_is_none_refutes_the_book(bench: Bench, where: str) -> None:
    bench.open()
    if where == "in the buffer":
        bench.change(101, 101, bids=[("1e5", "1")])
    bench.answer(100, [("nan", "1")] if where == "in the snapshot" else BIDS)
    if where == "in a change":
        bench.change(101, 101)
        bench.change(102, 102, asks=[("101", "-1")])
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
    bench.wait(0.6)
    bench.answer(110)
    bench.change(111, 111)
    assert bench.status == (BookStatus.LIVE, None)


def test_a_snapshot_without_an_id_is_asked_for_again(bench: Bench) -> None:
    bench.open()
    bench.answer(None)
    bench.wait(0.5)
    assert len(bench.fetches) == 2


def test_a_snapshot_that_comes_over_the_stream_is_refused(bench: Bench) -> None:
    bench.go_live()
    bench.sync.snapshot(snapshot_of("BTCUSDT", 500, BIDS, ASKS, None), bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)


# what is known, and the re-seed


def deep(count: int, *, from_bid: int = 1000) -> tuple[list[Level], list[Level]]:
    return (
        [(str(from_bid - step), "1") for step in range(count)],
        [(str(from_bid + 1 + step), "1") for step in range(count)],
    )


def worn(**changes: object) -> Bench:
    """Make a live book of which five levels a side are known, below the six that ask for a re-seed."""
    bench = Bench(bounds(**changes))
    bench.open()
    bench.answer(100, *deep(10))
    bench.change(101, 101)
    bench.look(object)
    bench.change(102, 102, bids=[(str(price), "0") for price in range(996, 1001)])
    return bench


def test_a_book_of_few_known_levels_is_seeded_again_without_leaving_live() -> None:
    bench = worn()
    assert bench.look(Fetch) == [Fetch(BTC, Purpose.RESEED, 10, serial=2)]
    bench.change(103, 104, bids=[("994", "4")])
    bench.answer(103, deep(10, from_bid=995)[0], [(str(1001 + step), "1") for step in range(10)])
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 1
    for number, price in enumerate(range(995, 990, -1)):
        bench.change(105 + number, 105 + number, bids=[(str(price), "0")])
    assert bench.status == (BookStatus.LIVE, None), "levels below the first snapshot's are known by the second"
    assert bench.last.bids == (("990", "1"), ("989", "1"), ("988", "1"))
    assert all(isinstance(effect, BookState) and effect.is_live for effect in bench.look(BookState))


def test_a_second_snapshot_that_lies_ahead_waits_until_the_stream_is_there() -> None:
    bench = worn()
    bench.answer(106, [("995", "6"), *deep(10, from_bid=994)[0]], deep(10)[1])
    assert bench.last.bids[0] == ("995", "1")
    bench.change(103, 108, bids=[("995", "6"), ("990", "2")])
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.bids == (("995", "6"), ("994", "1"), ("993", "1"))
    assert bench.last.sequence == 108


def test_a_book_that_differs_from_the_second_snapshot_is_refuted() -> None:
    bench = worn()
    bench.answer(102, [("995", "6"), *deep(9, from_bid=994)[0]], deep(10)[1])
    assert bench.status == (BookStatus.GAP, Reason.AUDIT)
    (told,) = (effect for effect in bench.look(Tell))
    assert (told.fields["ours"], told.fields["theirs"]) == (("995", "1"), ("995", "6"))
    assert bench.fetches[-1].purpose is Purpose.SNAPSHOT


def test_a_second_snapshot_is_asked_for_again_when_it_fails(bench: Bench) -> None:
    bench = worn()
    bench.fail(retry_after=3.0)
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(2.5)
    bench.change(103, 103)
    assert len(bench.fetches) == 2
    bench.wait(1)
    bench.change(104, 104)
    assert [fetch.purpose for fetch in bench.fetches] == [Purpose.SNAPSHOT, Purpose.RESEED, Purpose.RESEED]


def test_a_second_snapshot_older_than_the_question_is_asked_for_again_with_changes_collected_before() -> None:
    bench = worn()
    bench.answer(50, *deep(10))
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(0.5)
    bench.change(103, 103)
    assert len(bench.fetches) == 2, "changes are collected first"
    bench.change(104, 106)
    bench.wait(1)
    assert bench.fetches[-1].purpose is Purpose.RESEED
    assert len(bench.fetches) == 3
    bench.answer(103, deep(10, from_bid=995)[0], deep(10)[1])
    assert bench.status == (BookStatus.LIVE, None)
    bench.change(107, 107, bids=[(str(price), "0") for price in range(991, 996)])
    assert bench.last.bids[0] == ("990", "1"), "known by the second one only"
    assert bench.last.epoch == 1


def test_a_book_of_which_too_little_is_known_leaves_live_at_once() -> None:
    bench = worn()
    bench.change(103, 103, bids=[("995", "0"), ("994", "0")])
    assert bench.status == (BookStatus.LIVE, None), "three levels a side are known, and three are published"
    bench.change(104, 104, bids=[("993", "0")])
    assert bench.status == (BookStatus.GAP, Reason.DEPTH)
    bench.answer(110, *deep(10, from_bid=992))
    bench.change(111, 111)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 2


def test_a_thin_book_is_live_when_the_snapshot_says_that_there_is_no_more(bench: Bench) -> None:
    bench.open()
    bench.answer(100, [("100", "1")], [], limit=10)
    bench.change(101, 101)
    assert bench.status == (BookStatus.LIVE, None)
    assert (bench.last.bids, bench.last.asks) == ((("100", "1"),), ())
    assert len(bench.fetches) == 1


# silence, probes and audits


def test_a_silent_live_book_is_probed_and_stays_live_when_the_venue_is_quiet_too(bench: Bench) -> None:
    bench.go_live()
    for round_number in range(1, 5):
        bench.wait(15.2)
        assert len(bench.fetches) == 1 + round_number
        assert (bench.fetches[-1].purpose, bench.fetches[-1].levels) == (Purpose.PROBE, 100)
        bench.answer(101)
        assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 1


def test_a_silent_live_book_is_stale_when_the_venue_is_ahead_and_nothing_comes(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15.1)
    bench.answer(110)
    bench.wait(0.875)
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(0.2)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    assert bench.look(Renew) == [Renew(BTC)]
    bench.answer(112)
    bench.change(113, 113)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 2


def test_a_silent_live_book_is_stale_when_the_probe_fails_and_live_when_one_agrees(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15.1)
    bench.fail()
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    bench.wait(0.6)
    assert bench.fetches[-1].purpose is Purpose.PROBE
    bench.answer(101)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 2


def test_a_stale_book_is_live_again_when_its_stream_goes_on(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15.1)
    bench.fail()
    bench.change(102, 103, bids=[("100", "2")])
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.bids[0] == ("100", "2")


def test_a_stream_that_never_speaks_is_asked_for_anew_and_says_so(bench: Bench) -> None:
    bench.open(is_accepted=False)
    bench.wait(9.5)
    assert bench.look(Renew) == []
    bench.wait(1)
    assert bench.status == (BookStatus.SYNCING, Reason.SILENCE)
    assert bench.look(Renew) == [Renew(BTC)]
    bench.wait(10)
    assert bench.look(Renew) == [Renew(BTC)]


def test_a_stream_that_is_refused_is_asked_for_anew_without_waiting_for_it_to_speak(bench: Bench) -> None:
    bench.open(is_accepted=False)
    bench.sync.denied(bench.clock.moment)
    bench.wait(0.25)
    assert bench.look(Renew) == []
    bench.wait(0.5)
    assert bench.look(Renew) == [Renew(BTC)]


def test_a_stream_renewed_twice_in_vain_is_tried_on_another_connection_once(bench: Bench) -> None:
    bench.go_live()
    asked: list[Effect] = []
    ahead = 110
    for _ in range(1000):
        bench.wait(0.125)
        if bench.sync._awaited is not None:
            ahead += 1
            bench.answer(ahead)
        asked += [effect for effect in bench.look(object) if isinstance(effect, Renew | Reconnect)]
    assert asked[:4] == [Renew(BTC), Renew(BTC), Reconnect(Reason.SILENCE), Renew(BTC)]
    assert asked.count(Reconnect(Reason.SILENCE)) == 1
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)


def test_a_live_book_is_audited_now_and_then_and_refuted_when_its_content_is_false() -> None:
    bench = Bench(bounds(audit_seconds=40.0, stream_silence_seconds=1e9))
    bench.go_live()
    bench.wait(65)
    (audit,) = bench.look(Fetch)
    assert audit.purpose is Purpose.AUDIT
    bench.answer(101)
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(41)
    assert bench.fetches[-1].purpose is Purpose.AUDIT
    bench.answer(101, [("100", "1.5"), *BIDS[1:]])
    assert bench.status == (BookStatus.GAP, Reason.AUDIT)


def test_an_audit_that_fails_changes_nothing_and_is_tried_again() -> None:
    bench = Bench(bounds(audit_seconds=40.0, stream_silence_seconds=1e9))
    bench.go_live()
    bench.wait(65)
    bench.fail()
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(1)
    assert bench.fetches[-1].purpose is Purpose.AUDIT
    assert len(bench.fetches) == 3


def test_many_changes_while_a_check_is_awaited_drop_the_check_not_the_book() -> None:
    bench = Bench(bounds(max_buffered_events=5, stream_silence_seconds=2.0))
    bench.go_live()
    bench.wait(2.1)
    asked = bench.fetches[-1]
    assert asked.purpose is Purpose.PROBE
    for number in range(102, 112):
        bench.change(number, number)
    bench.answer(105, [("1", "1")], fetch=asked)
    assert bench.status == (BookStatus.LIVE, None)


# crossing


CROSS: list[Level] = [("101", "1")]


def test_a_crossed_book_is_rebuilt_until_it_has_crossed_three_times_in_a_row(bench: Bench) -> None:
    bench.go_live()
    bench.change(102, 102, bids=CROSS)
    assert bench.status == (BookStatus.GAP, Reason.CROSSED)
    assert bench.last.bids == ()
    for number in (2, 3):
        bench.wait(10)
        assert len(bench.fetches) == number
        bench.answer(100 * number, [*CROSS, *BIDS])
        bench.change(100 * number + 1, 100 * number + 1)
        assert bench.status == (BookStatus.GAP, Reason.CROSSED)
    bench.wait(20)
    assert len(bench.fetches) == 4, "a silent book is probed"
    bench.answer(301, [*CROSS, *BIDS])
    assert bench.status == (BookStatus.GAP, Reason.CROSSED)
    bench.change(302, 302, bids=[("101", "0")])
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 2
    bench.change(303, 303, bids=CROSS)
    assert bench.status == (BookStatus.GAP, Reason.CROSSED)
    bench.change(304, 304, bids=[("101", "0")])
    assert bench.status == (BookStatus.LIVE, None)
    assert [fetch.purpose for fetch in bench.fetches].count(Purpose.SNAPSHOT) == 3


def test_a_book_that_may_cross_is_kept_and_is_live_as_soon_as_it_does_not() -> None:
    bench = Bench(may_cross=True)
    bench.open()
    bench.answer(100, [*CROSS, *BIDS])
    bench.change(101, 101)
    assert bench.status == (BookStatus.GAP, Reason.CROSSED)
    bench.change(102, 102, bids=[("101", "0")])
    assert bench.status == (BookStatus.LIVE, None)
    assert len(bench.fetches) == 1


def test_a_book_that_was_live_for_long_is_rebuilt_again_when_it_crosses() -> None:
    bench = Bench(bounds(crossed_limit=1, stream_silence_seconds=1e9))
    bench.go_live()
    bench.change(102, 102, bids=CROSS)
    assert len(bench.fetches) == 1, "held at once, by that limit"
    bench.change(103, 103, bids=[("101", "0")])
    assert bench.status == (BookStatus.LIVE, None)


# connections, heartbeats and the end


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        pytest.param(Reason.CONNECTION, BookStatus.DISCONNECTED, id="closed by the peer"),
        pytest.param(Reason.SILENCE, BookStatus.STALE, id="no answer to pings"),
        pytest.param(Reason.MALFORMED, BookStatus.GAP, id="said what cannot be read"),
    ],
)
def test_a_lost_connection_is_told_at_once_and_nothing_of_before_is_used_again(
    bench: Bench, reason: Reason, status: BookStatus
) -> None:
    bench.go_live()
    bench.sync.closed(reason, bench.clock.moment)
    bench.drain()
    assert bench.status == (status, reason)
    assert (bench.last.sequence, bench.last.epoch) == (101, 1)
    bench.sync.opened(bench.clock.advance(1))
    bench.drain()
    rebuilt = (BookStatus.GAP if status is BookStatus.GAP else BookStatus.SYNCING, reason)
    assert bench.status == rebuilt
    bench.change(102, 103)
    assert bench.status == rebuilt, "the next id alone makes no book live"
    bench.answer(102, [("90", "1")], [("91", "1")])
    assert bench.status == (BookStatus.LIVE, None)
    assert (bench.last.bids, bench.last.epoch) == ((("90", "1"),), 2)


def test_a_connection_closed_for_a_gap_leaves_the_gap_as_it_is(bench: Bench) -> None:
    bench.go_live()
    bench.change(110, 110)
    since = bench.last.status_since
    bench.clock.advance(1)
    bench.sync.detached(bench.clock.moment)
    bench.sync.opened(bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)
    assert bench.last.status_since == since


def test_a_state_is_published_again_every_heartbeat_live_or_not(bench: Bench) -> None:
    bench.open()
    bench.look(object)
    bench.wait(12)
    states = bench.look(BookState)
    assert [state.status for state in states] == [BookStatus.SYNCING] * 2
    bench.answer(100)
    bench.change(101, 101)
    bench.look(object)
    bench.wait(14.5)
    beats = bench.look(BookState)
    assert [beat.status for beat in beats] == [BookStatus.LIVE] * 2
    assert {beat.received_time for beat in beats} == {bench.last.received_time}


def test_a_change_below_the_top_is_not_published(bench: Bench) -> None:
    bench.go_live()
    bench.change(102, 102, bids=[("97", "5"), ("50", "1")])
    bench.change(103, 103, bids=[("100", "1.000")])
    assert bench.look(BookState) == []
    bench.change(104, 104, bids=[("100", "1.1")])
    assert [state.sequence for state in bench.look(BookState)] == [104]


def test_received_time_is_that_of_the_last_depth_frame_or_snapshot_refused_ones_included(bench: Bench) -> None:
    bench.go_live()
    heard = bench.clock.advance(1)
    bench.change(90, 95)
    bench.wait(6)
    assert bench.last.received_time == heard.wall, "a stale event is a depth frame too"
    heard = bench.clock.advance(1)
    bench.sync.refuse(Reason.MALFORMED, heard, was_depth=True)
    bench.drain()
    assert bench.last.received_time == heard.wall
    bench.clock.advance(1)
    bench.sync.refuse(Reason.SEQUENCE, bench.clock.moment, was_depth=False)
    bench.drain()
    assert bench.last.received_time == heard.wall
    taken = bench.clock.advance(1)
    bench.wait(3)
    asked = bench.clock.moment
    bench.answer(200)
    bench.wait(6)
    assert taken.wall < asked.wall == bench.last.received_time
    bench.change(201, 201)
    live = bench.clock.moment
    bench.wait(15.2)
    bench.answer(201)
    bench.wait(6)
    assert bench.last.received_time == live.wall, "a probe is no depth frame"


def test_the_last_record_says_that_the_program_stops(bench: Bench) -> None:
    bench.go_live()
    bench.sync.stopped(bench.clock.advance(1))
    bench.drain()
    (last,) = bench.look(BookState)
    assert (last.status, last.reason) == (BookStatus.DISCONNECTED, Reason.SHUTDOWN)
    assert (last.bids, last.sequence, last.epoch) == ((), 101, 1)


def test_the_reason_of_a_book_that_does_not_become_live_may_change_and_the_status_stays(bench: Bench) -> None:
    bench.go_live()
    bench.change(110, 110)
    since = bench.last.status_since
    bench.clock.advance(1)
    bench.fail(Reason.RATE_LIMITED)
    assert bench.status == (BookStatus.GAP, Reason.RATE_LIMITED)
    assert bench.last.status_since == since
    bench.sync.explain(Reason.REJECTED, bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.GAP, Reason.REJECTED)


# what must not outlive what it belongs to


def reopen(bench: Bench, sequence: int) -> None:
    """Lose the connection, and be live over the next one."""
    bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
    bench.sync.opened(bench.clock.moment)
    bench.sync.accepted(bench.clock.moment)
    bench.drain()
    bench.answer(sequence)
    bench.change(sequence + 1, sequence + 1)


def test_a_doubt_does_not_outlive_its_connection(bench: Bench) -> None:
    bench.go_live()
    bench.sync.doubt(bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.STALE, Reason.CLOCK)
    reopen(bench, 200)
    assert bench.status == (BookStatus.LIVE, None), "all of it is of after the doubt"


def test_the_id_of_an_old_stream_does_not_outlive_its_connection(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.change(90, 95)
    bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
    bench.sync.opened(bench.clock.moment)
    bench.sync.accepted(bench.clock.moment)
    bench.drain()
    bench.answer(100)
    bench.wait(1.1)
    assert bench.fetches[-1].purpose is Purpose.PROBE
    bench.answer(100)
    assert bench.status == (BookStatus.LIVE, None), "this stream has not said that it is behind"


def test_the_id_of_a_stream_does_not_outlive_the_join(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.change(90, 95)
    bench.change(96, 101)
    assert bench.status == (BookStatus.LIVE, None)
    bench.sync.refuse(Reason.MALFORMED, bench.clock.moment, was_depth=True)
    bench.drain()
    bench.wait(0.5)
    bench.answer(110)
    bench.wait(1.1)
    assert bench.fetches[-1].purpose is Purpose.PROBE
    bench.answer(110)
    assert bench.status == (BookStatus.LIVE, None), "nothing has been heard since that would say that it is behind"


def test_the_waits_between_checks_do_not_outlive_their_book() -> None:
    bench = Bench(bounds(audit_seconds=40.0, stream_silence_seconds=1e9))
    bench.go_live()
    bench.wait(65)
    for wait in (0.5, 1.0, 2.0, 4.0):
        assert bench.look(Fetch)[-1].purpose is Purpose.AUDIT
        bench.fail()
        bench.wait(wait)
    bench.fail()
    reopen(bench, 200)
    bench.look(object)
    bench.wait(65)
    asked = len(bench.fetches)
    bench.fail()
    bench.wait(0.5)
    assert len(bench.fetches) == asked + 1, "as after a first failure"


@pytest.mark.parametrize(("first", "is_hole"), [(206, False), (207, True), (208, True)])
def test_a_hole_of_one_id_in_the_buffer_is_a_hole(bench: Bench, first: int, *, is_hole: bool) -> None:
    bench.open()
    bench.change(200, 205)
    bench.change(first, 210)
    assert (bench.status == (BookStatus.GAP, Reason.SEQUENCE)) is is_hole
    bench.answer(205)
    assert (bench.status[0] is BookStatus.LIVE) is not is_hole


@pytest.mark.parametrize("is_before", [True, False], ids=["before it was asked", "after it was asked"])
def test_a_stream_answers_for_itself_by_what_it_says_after_it_was_asked(bench: Bench, *, is_before: bool) -> None:
    """Even in the same moment."""
    bench.go_live()
    bench.wait(1)
    if is_before:
        bench.change(102, 102)
    for _ in range(2):  # so late that the venue may count anew: the book is probed
        bench.change(95, 99, time=200_000_000)
    (probe,) = bench.look(Fetch)
    assert probe.purpose is Purpose.PROBE
    if not is_before:
        bench.change(102, 102)
    bench.fail()
    assert bench.status[0] is (BookStatus.STALE if is_before else BookStatus.LIVE)


# events without a time, and events that cannot be read


def test_an_event_without_a_time_joins_and_a_late_one_behind_it_is_no_gap(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.sync.change(change_of("BTCUSDT", 101, 101, [("100", "3")], [], None), bench.clock.moment)
    bench.sync.settle(bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.event_time is None
    for _ in range(5):
        bench.sync.change(change_of("BTCUSDT", 90, 100, [("100", "9")], [], None), bench.clock.moment)
        bench.sync.settle(bench.clock.moment)
        bench.drain()
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.bids[0] == ("100", "3")


def test_a_book_whose_events_can_not_be_read_again_and_again_waits_longer_and_longer() -> None:
    bench = Bench(bounds(stream_silence_seconds=1e9))
    bench.go_live(100)
    waits: list[float] = []
    for turn in range(1, 7):
        failed, asked = bench.clock.moment.mono, len(bench.fetches)
        bench.sync.refuse(Reason.MALFORMED, bench.clock.moment, was_depth=True)
        bench.drain()
        assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
        while len(bench.fetches) == asked:
            bench.sync.refuse(Reason.MALFORMED, bench.clock.moment, was_depth=True)
            bench.wait(0.125)
        waits.append(bench.clock.moment.mono - failed)
        bench.answer(1000 * turn)
        bench.change(1000 * turn + 1, 1000 * turn + 1)
        assert bench.status == (BookStatus.LIVE, None)
    assert waits[2:] == [10.0, 20.0, 30.0, 30.0], "the others share the venue's budget with it"
    assert max(waits[:2]) <= 1.0


# time in which the connection was busy


def test_a_silent_book_is_probed_later_by_the_time_in_which_the_line_was_busy(bench: Bench) -> None:
    bench.go_live()
    bench.wait(10)
    bench.sync.extend(20.0)
    bench.wait(24.875)
    assert len(bench.fetches) == 1
    bench.wait(0.125)
    assert len(bench.fetches) == 2


def test_a_quiet_second_is_one_in_which_the_line_was_free(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.sync.extend(5.0)
    bench.wait(5.875)
    assert len(bench.fetches) == 1
    bench.wait(0.125)
    assert len(bench.fetches) == 2


def test_an_event_that_joins_has_the_time_in_which_the_line_was_busy_as_well(bench: Bench) -> None:
    bench.open()
    bench.answer(100)
    bench.change(90, 95)
    bench.sync.extend(20.0)
    bench.wait(29.875)
    assert bench.look(Renew) == []
    bench.wait(0.125)
    assert bench.look(Renew) == [Renew(BTC)]


def test_a_stream_that_the_venue_is_ahead_of_may_be_behind_for_as_long_as_the_line_was_busy(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15.1)
    bench.answer(110)
    bench.sync.extend(5.0)
    bench.wait(5.875)
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(0.125)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)

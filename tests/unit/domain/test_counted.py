"""The rule of numbered frames for one book: snapshots in band, rebuilding by a new connection, probes of silence."""

from collections.abc import Sequence
from math import ceil
from typing import TypeVar

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.raw import change_of, snapshot_of
from tests.support.rules import RecordRules

from market_data.domain.counted import CountedSync
from market_data.domain.effects import Effect, Fetch, Isolate, Purpose, Reconnect, Renew
from market_data.domain.events import Change, Snapshot
from market_data.domain.frames import FrameCounter
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, BookStatus, Level, Reason
from market_data.domain.sync import BookSetup, SyncSettings

BTC = Instrument("coinbase", "BTC-USD", "BTC-USD")
BIDS: Sequence[Level] = [("100", "1"), ("99.5", "1"), ("99", "1"), ("98", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("101.5", "1"), ("102", "1"), ("103", "1")]
T = TypeVar("T")


@attrs.define
class Bench:
    """One book under the rule, its inputs as short commands, its effects since the last look."""

    settings: SyncSettings = attrs.field(factory=bounds)
    may_cross: bool = False
    shares_connection: bool = False
    clock: HandClock = attrs.field(factory=HandClock)
    effects: list[Effect] = attrs.field(factory=list)
    sync: CountedSync = attrs.field(init=False)
    rules: RecordRules = attrs.field(init=False)
    seen: list[Effect] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.sync = CountedSync(
            BookSetup(BTC, self.settings, self.effects, may_cross=self.may_cross, books=book_engine())
        )
        self.sync.shares_connection = self.shares_connection
        self.rules = RecordRules(self.settings.depth, self.settings.heartbeat_seconds)

    def drain(self) -> None:
        self.rules.take_all(self.effects, self.clock.moment)
        self.seen += self.effects
        self.effects.clear()

    def look(self, kind: type[T]) -> list[T]:
        """Take the effects of one kind since the last look; forget the others."""
        found = [effect for effect in self.seen if isinstance(effect, kind)]
        self.seen.clear()
        return found

    def open(self) -> None:
        self.sync.opened(self.clock.moment)
        self.drain()

    def frame(self, *events: Change | Snapshot) -> None:
        for event in events:
            if isinstance(event, Change):
                self.sync.change(event, self.clock.moment)
            else:
                self.sync.snapshot(event, self.clock.moment)
        self.sync.settle(self.clock.moment)
        self.drain()

    def wait(self, seconds: float) -> None:
        """Let at least so much time pass, in ticks of an eighth of a second."""
        for _ in range(ceil(seconds * 8)):
            self.sync.tick(self.clock.advance(0.125))
            self.drain()

    def go_live(self, number: int = 0) -> None:
        self.sync.start(self.clock.moment)
        self.open()
        self.frame(snapshot(number))
        assert self.status == (BookStatus.LIVE, None)
        self.look(object)

    def probe(self) -> Fetch:
        """Let the book be silent until it is probed."""
        self.look(object)
        self.wait(self.settings.stream_silence_seconds)
        (fetch,) = self.look(Fetch)
        assert fetch.purpose is Purpose.PROBE
        return fetch

    def answer(self, fetch: Fetch, bids: Sequence[Level] = BIDS, asks: Sequence[Level] = ASKS) -> None:
        self.sync.fetched(fetch.serial, snapshot_of("BTC-USD", None, bids, asks, None, fetch.levels), self.clock.moment)
        self.drain()

    @property
    def status(self) -> tuple[BookStatus, Reason | None]:
        return self.sync.status, self.sync.reason

    @property
    def last(self) -> BookState:
        return self.rules.keys[BTC.key].last


@pytest.fixture
def bench() -> Bench:
    return Bench()


def snapshot(
    number: int, bids: Sequence[Level] = BIDS, asks: Sequence[Level] = ASKS, time: int | None = 1_000
) -> Snapshot:
    return snapshot_of("BTC-USD", number, bids, asks, time)


def change(number: int, bids: Sequence[Level] = (), asks: Sequence[Level] = (), time: int | None = 2_000) -> Change:
    return change_of("BTC-USD", number, number, bids, asks, time)


@pytest.mark.parametrize(
    ("numbers", "is_next"),
    [
        pytest.param([0, 1, 2, 3], [True] * 4, id="one by one from zero"),
        pytest.param([1], [False], id="does not begin at zero"),
        pytest.param([0, 1, 3], [True, True, False], id="hole"),
        pytest.param([0, 1, 1], [True, True, False], id="repeat"),
        pytest.param([0, 1, 2, 1], [True, True, True, False], id="step back"),
        pytest.param([0, 1, 0], [True, True, False], id="begins again"),
    ],
)
def test_frames_count_from_zero_and_by_one(numbers: list[int], is_next: list[bool]) -> None:
    counter = FrameCounter()
    assert [counter.is_next(number) for number in numbers] == is_next


def test_a_snapshot_makes_a_book_live_whether_it_was_acknowledged_or_not(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    assert bench.status == (BookStatus.SYNCING, None)
    bench.frame(snapshot(0))
    assert (bench.last.status, bench.last.sequence, bench.last.epoch) == (BookStatus.LIVE, 0, 1)
    assert bench.last.bids == (("100", "1"), ("99.5", "1"), ("99", "1"))
    assert bench.last.event_time == 1_000


def test_changes_before_the_first_snapshot_mean_nothing_but_that_the_venue_speaks(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    heard = bench.clock.advance(1)
    bench.frame(change(0, [("50", "1")]))
    assert bench.status == (BookStatus.SYNCING, None)
    bench.wait(5)
    assert (bench.last.sequence, bench.last.event_time) == (None, None)
    assert bench.last.received_time == heard.wall
    bench.frame(snapshot(1, [("10", "1")], []))
    assert bench.last.bids == (("10", "1"),)


def test_a_second_snapshot_replaces_the_book_without_leaving_live(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, [("100.5", "4")]))
    bench.frame(snapshot(2, [("90", "1"), ("95.0", "2")], [("96", "1")]))
    assert (bench.last.bids, bench.last.asks) == ((("95.0", "2"), ("90", "1")), (("96", "1"),))
    assert (bench.last.status, bench.last.epoch, bench.last.sequence) == (BookStatus.LIVE, 1, 2)


def test_a_snapshot_in_any_order_is_sorted(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    bench.frame(snapshot(0, BIDS[::-1], [*ASKS[2:], *ASKS[:2]]))
    assert (bench.last.bids, bench.last.asks) == (tuple(BIDS[:3]), tuple(ASKS[:3]))


def test_a_frame_of_several_events_is_one_record_with_the_largest_time_among_them(bench: Bench) -> None:
    bench.go_live()
    bench.frame(
        change(1, [("100", "2")], time=5_000),
        change(1, [("100", "3")], [("101", "0")], time=9_000),
        change(1, [("100.5", "1")], time=7_000),
        change(1, time=None),
    )
    (state,) = bench.look(BookState)
    assert state.bids[:2] == (("100.5", "1"), ("100", "3"))
    assert (state.sequence, state.event_time) == (1, 9_000)


def test_the_time_of_a_frame_is_its_own_even_when_the_venues_clock_goes_back(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, [("100", "2")], time=9_000))
    bench.frame(change(2, [("100", "3")], time=7_000))
    assert bench.last.event_time == 7_000


def test_a_frame_without_levels_is_taken_and_changes_neither_the_book_nor_its_time(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, time=None))
    assert bench.look(BookState) == []
    bench.wait(5)
    assert (bench.last.sequence, bench.last.event_time) == (1, 1_000)
    assert bench.last.status is BookStatus.LIVE


def test_levels_without_a_time_make_the_time_unknown(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, [("100", "2")], time=None))
    assert bench.last.event_time is None


def test_sequence_is_that_of_the_last_frame_that_held_the_book(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(7, [("100", "2")]))
    bench.frame(change(12, [("50", "2")]))
    bench.wait(5)
    assert bench.last.sequence == 12


@pytest.mark.parametrize("kind", ["snapshot", "change"])
def test_a_number_that_is_none_refutes_the_book_and_wants_a_new_connection(bench: Bench, kind: str) -> None:
    bench.go_live()
    bad: list[Level] = [("1e5", "1")]
    bench.frame(snapshot(1, bad) if kind == "snapshot" else change(1, bad))
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
    assert bench.look(Reconnect) == [Reconnect(Reason.MALFORMED)]
    bench.frame(change(2, [("100", "2")]))
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
    assert bench.last.bids == ()


def test_a_refuted_book_stays_a_gap_through_the_reconnect_and_is_live_by_the_next_snapshot(bench: Bench) -> None:
    bench.go_live()
    bench.sync.refuse(Reason.SEQUENCE, bench.clock.moment, was_depth=False)
    bench.drain()
    assert bench.look(Reconnect) == [Reconnect(Reason.SEQUENCE)]
    bench.sync.detached(bench.clock.advance(1))
    bench.open()
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)
    bench.frame(change(0, [("100", "7")]))
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)
    bench.frame(snapshot(1, [("60", "1")], [("61", "1")]))
    assert bench.status == (BookStatus.LIVE, None)
    assert (bench.last.bids, bench.last.epoch, bench.last.sequence) == ((("60", "1"),), 2, 1)


# crossing


CROSS: list[Level] = [("101.5", "1")]


def test_a_crossed_book_is_rebuilt_twice_and_the_third_time_it_is_held_until_it_uncrosses(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, CROSS))
    for _ in range(2):
        assert bench.status == (BookStatus.GAP, Reason.CROSSED)
        assert bench.look(Reconnect) == [Reconnect(Reason.CROSSED)]
        bench.sync.detached(bench.clock.advance(1))
        bench.open()
        bench.frame(snapshot(0, [*BIDS, *CROSS]))
    assert bench.status == (BookStatus.GAP, Reason.CROSSED)
    assert bench.look(Reconnect) == [], "the others of the connection go on"
    bench.frame(change(1, [("100", "3")]))
    assert bench.look(BookState) == []
    bench.frame(change(2, [("101.5", "0")]))
    assert bench.status == (BookStatus.LIVE, None)
    assert (bench.last.bids[0], bench.last.epoch) == (("100", "3"), 2)


def test_a_book_in_an_auction_is_held_from_the_first_crossing() -> None:
    bench = Bench(may_cross=True)
    bench.sync.start(bench.clock.moment)
    bench.open()
    bench.frame(snapshot(0, [*BIDS, *CROSS]))
    assert bench.status == (BookStatus.GAP, Reason.CROSSED)
    assert bench.look(Reconnect) == []
    bench.frame(change(1, [("101.5", "0")]))
    assert bench.status == (BookStatus.LIVE, None)


def test_crossing_between_the_levels_of_one_frame_is_none(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, CROSS), change(1, [], [("101", "0"), ("101.5", "0")]))
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.bids[0] == CROSS[0]


def test_crossings_are_counted_anew_after_a_minute_of_being_live(bench: Bench) -> None:
    bench.go_live()
    for number in (1, 2):
        bench.frame(change(number, CROSS))
        bench.sync.detached(bench.clock.moment)
        bench.open()
        bench.frame(snapshot(0))
        assert bench.status == (BookStatus.LIVE, None)
    for step in range(61):
        bench.clock.advance(1)
        bench.frame(change(1 + step, [("50", str(1 + step))]))
    bench.look(object)
    bench.frame(change(100, CROSS))
    assert bench.look(Reconnect) == [Reconnect(Reason.CROSSED)]


# silence


def test_a_silent_book_that_equals_the_venues_own_stays_live(bench: Bench) -> None:
    bench.go_live()
    for _ in range(3):
        bench.answer(bench.probe())
        assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 1


def test_a_silent_book_that_differs_and_hears_nothing_for_a_second_is_stale_and_rebuilt(bench: Bench) -> None:
    bench.go_live()
    bench.answer(bench.probe(), [("100", "2"), *BIDS[1:]])
    bench.wait(0.875)
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(0.125)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    assert bench.look(Reconnect) == [Reconnect(Reason.SILENCE)]
    bench.sync.detached(bench.clock.moment)
    bench.open()
    assert bench.status == (BookStatus.SYNCING, Reason.SILENCE)


def test_a_silent_book_that_differs_and_then_hears_its_frame_stays_live(bench: Bench) -> None:
    bench.go_live()
    bench.answer(bench.probe(), [("100", "2"), *BIDS[1:]])
    bench.frame(change(1, [("100", "2")]))
    bench.wait(5)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.look(Reconnect) == []


def test_an_old_answer_that_differs_is_a_failed_probe_and_disturbs_no_connection(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, [("100", "2")], time=2_000))
    old = snapshot_of("BTC-USD", None, BIDS, ASKS, 1_000, 20)
    bench.sync.fetched(bench.probe().serial, old, bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    bench.wait(5)
    assert bench.look(Reconnect) == []
    bench.answer(Fetch(BTC, Purpose.PROBE, 20, bench.sync._serial), [("100", "2"), *BIDS[1:]])
    assert bench.status == (BookStatus.LIVE, None)


def test_an_answer_older_than_what_the_stream_said_meanwhile_proves_nothing(bench: Bench) -> None:
    bench.go_live()
    probe = bench.probe()
    bench.frame(change(1, [("100", "2")]))
    bench.answer(probe)
    bench.wait(5)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.look(Reconnect) == []


def test_a_silent_book_is_stale_when_its_probe_fails_and_live_again_when_one_agrees(bench: Bench) -> None:
    bench.go_live()
    probe = bench.probe()
    bench.sync.fetch_failed(probe.serial, Reason.UNAVAILABLE, None, bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    bench.look(object)
    bench.wait(0.5)
    (again,) = bench.look(Fetch)
    bench.answer(again)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.last.epoch == 2


def test_a_stale_book_is_live_again_when_its_frame_comes(bench: Bench) -> None:
    bench.go_live()
    probe = bench.probe()
    bench.sync.fetch_failed(probe.serial, Reason.RATE_LIMITED, 60.0, bench.clock.moment)
    bench.drain()
    bench.frame(change(1, [("50", "2")]))
    assert bench.status == (BookStatus.LIVE, None)


def test_a_probe_that_can_not_be_read_counts_as_failed(bench: Bench) -> None:
    bench.go_live()
    bench.answer(bench.probe(), [("ten", "2")])
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)


def test_a_failed_probe_is_repeated_when_the_venue_allows_it(bench: Bench) -> None:
    bench.go_live()
    probe = bench.probe()
    bench.sync.fetch_failed(probe.serial, Reason.RATE_LIMITED, 4.0, bench.clock.moment)
    bench.drain()
    bench.wait(3.875)
    assert bench.look(Fetch) == []
    bench.wait(0.125)
    assert len(bench.look(Fetch)) == 1


# a snapshot that does not come


def test_an_accepted_instrument_without_a_snapshot_is_tried_on_another_connection(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    waits: list[float] = []
    for _ in range(4):
        bench.open()
        bench.sync.accepted(bench.clock.moment)
        opened = bench.clock.moment.mono
        while not bench.look(Reconnect):
            bench.wait(0.125)
        waits.append(bench.clock.moment.mono - opened)
        assert bench.status == (BookStatus.SYNCING, Reason.SILENCE)
        bench.sync.detached(bench.clock.moment)
    assert waits == [10.0, 20.0, 30.0, 30.0], "not every few seconds: the others of the connection pay for it"
    bench.open()
    bench.frame(snapshot(0))
    bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
    bench.open()
    bench.sync.accepted(bench.clock.moment)
    bench.look(object)
    bench.wait(10)
    assert bench.look(Reconnect) == [Reconnect(Reason.SILENCE)]


def test_an_instrument_that_was_not_accepted_is_said_to_be_rejected_and_the_others_go_on(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    bench.wait(30)
    assert bench.status == (BookStatus.SYNCING, Reason.REJECTED)
    assert bench.look(Reconnect) == []


def test_an_instrument_that_was_left_out_is_asked_for_again_after_growing_waits_until_it_comes(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    denied_at = bench.clock.moment.mono
    bench.sync.denied(bench.clock.moment)
    asked: list[float] = []
    while len(asked) < 8:
        bench.wait(0.125)
        if bench.look(Renew):
            asked.append(bench.clock.moment.mono - denied_at)
            bench.sync.denied(bench.clock.moment)  # the answer is no again
    assert asked == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 62.0], "at most rebuild_max_seconds apart"
    assert bench.status == (BookStatus.SYNCING, Reason.REJECTED)
    bench.sync.accepted(bench.clock.moment)
    assert not bench.sync.is_refused
    bench.frame(snapshot(7))
    assert bench.status == (BookStatus.LIVE, None)
    bench.look(object)
    bench.wait(14)
    assert bench.look(Renew) == []


def test_an_instrument_that_is_accepted_after_a_no_has_all_the_time_that_others_have(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    bench.sync.denied(bench.clock.moment)
    bench.wait(0.25)
    bench.sync.accepted(bench.clock.moment)
    bench.look(object)
    bench.wait(9.5)
    assert [effect for effect in bench.seen if isinstance(effect, Renew | Reconnect)] == []
    bench.wait(1)
    assert bench.look(Reconnect) == [Reconnect(Reason.SILENCE)]


def test_a_no_to_something_else_does_not_disturb_a_book(bench: Bench) -> None:
    bench.go_live()
    bench.sync.denied(bench.clock.moment)
    bench.wait(4)
    assert bench.status == (BookStatus.LIVE, None)
    assert bench.look(Renew) == []


@pytest.mark.parametrize("end", ["closed", "silent", "stopped"])
def test_the_end_of_a_connection_empties_the_book_and_keeps_its_numbers(bench: Bench, end: str) -> None:
    bench.go_live()
    bench.frame(change(9, [("100", "2")]))
    match end:
        case "closed":
            bench.sync.closed(Reason.CONNECTION, bench.clock.advance(1))
        case "silent":
            bench.sync.closed(Reason.SILENCE, bench.clock.advance(1))
        case _:
            bench.sync.stopped(bench.clock.advance(1))
    bench.drain()
    expected = {
        "closed": (BookStatus.DISCONNECTED, Reason.CONNECTION),
        "silent": (BookStatus.STALE, Reason.SILENCE),
        "stopped": (BookStatus.DISCONNECTED, Reason.SHUTDOWN),
    }
    assert bench.status == expected[end]
    assert (bench.last.bids, bench.last.sequence, bench.last.epoch) == ((), 9, 1)
    if end != "stopped":
        bench.open()
        assert bench.status == (BookStatus.SYNCING, expected[end][1])
        bench.frame(change(0, [("100", "2")]))
        assert bench.last.status is BookStatus.SYNCING


def test_what_was_accepted_or_refused_on_one_connection_says_nothing_of_the_next(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    bench.sync.accepted(bench.clock.moment)
    bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
    bench.open()
    bench.look(object)
    bench.wait(20)
    assert bench.status == (BookStatus.SYNCING, Reason.REJECTED), "the new connection was not acknowledged"
    assert bench.sync.is_refused
    assert not bench.look(Reconnect)
    bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
    bench.open()
    assert not bench.sync.is_refused


def test_waits_between_subscriptions_begin_anew_on_each_connection(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    for _ in range(2):
        bench.open()
        bench.frame(snapshot(0))  # so that a snapshot is awaited for as long as the first time
        bench.sync.closed(Reason.CONNECTION, bench.clock.moment)
        bench.open()
        bench.sync.denied(bench.clock.moment)
        asked: list[float] = []
        began = bench.clock.moment.mono
        while len(asked) < 3:
            bench.wait(0.125)
            if bench.look(Renew):
                asked.append(bench.clock.moment.mono - began)
        assert asked == [0.5, 1.0, 2.0]
        bench.sync.closed(Reason.CONNECTION, bench.clock.moment)


def test_a_snapshot_is_due_as_long_after_a_late_acknowledgement_as_after_an_early_one(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    bench.wait(9)
    bench.sync.accepted(bench.clock.moment)
    bench.look(object)
    bench.wait(9.875)
    assert not [effect for effect in bench.seen if isinstance(effect, Renew | Reconnect)]
    bench.wait(0.125)
    assert bench.look(Reconnect) == [Reconnect(Reason.SILENCE)]


def test_an_answer_of_the_very_time_of_our_book_is_no_cache(bench: Bench) -> None:
    bench.go_live()
    bench.frame(change(1, [("100", "2")], time=2_000))
    theirs = snapshot_of("BTC-USD", None, BIDS, ASKS, 2_000, 20)
    bench.sync.fetched(bench.probe().serial, theirs, bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(1)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    assert bench.look(Reconnect) == [Reconnect(Reason.SILENCE)]


def test_waits_between_probes_begin_anew_once_one_has_agreed(bench: Bench) -> None:
    bench.go_live()
    for _ in range(2):
        probe = bench.probe()
        for wait in (0.5, 1.0, 2.0):
            bench.sync.fetch_failed(probe.serial, Reason.UNAVAILABLE, None, bench.clock.moment)
            bench.drain()
            bench.wait(wait - 0.125)
            assert bench.look(Fetch) == []
            bench.wait(0.125)
            (probe,) = bench.look(Fetch)
        bench.answer(probe)
        assert bench.status == (BookStatus.LIVE, None)


# a trouble of one book's own


@pytest.mark.parametrize(
    ("longest", "expected"), [(30.0, [0.0, 0.0, 10.0, 20.0, 30.0, 30.0]), (0.25, [0.0, 0.0, 0.25, 0.25, 0.25, 0.25])]
)
def test_a_book_that_fails_alone_again_and_again_waits_within_the_bound(longest: float, expected: list[float]) -> None:
    bench = Bench(bounds(rebuild_max_seconds=longest))
    bench.sync.start(bench.clock.moment)
    waits = []
    for _ in expected:
        bench.open()
        bench.frame(snapshot(0))
        assert bench.status == (BookStatus.LIVE, None)
        failed = bench.clock.moment.mono
        bench.frame(change(1, [("ten", "1")]))
        assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
        while not bench.look(Reconnect):
            bench.wait(0.125)
        waits.append(bench.clock.moment.mono - failed)
        assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
        bench.sync.detached(bench.clock.moment)
    assert waits == expected


def fail_alone(bench: Bench) -> float:
    """Break a live book by what it says itself, and open another connection; give how long that took."""
    failed = bench.clock.moment.mono
    bench.frame(change(1, [("ten", "1")]))
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
    while not bench.look(Isolate if bench.shares_connection else Reconnect):
        bench.wait(0.125)
    waited = bench.clock.moment.mono - failed
    bench.sync.detached(bench.clock.moment)
    bench.open()
    return waited


def test_a_book_that_shares_its_connection_waits_from_the_first_time_on_and_spares_the_others() -> None:
    bench = Bench(shares_connection=True)
    bench.go_live()
    waits = []
    for _ in range(4):
        waits.append(fail_alone(bench))
        bench.frame(snapshot(0))
        assert bench.look(Reconnect) == []
    assert waits == [10.0, 20.0, 30.0, 30.0]


def test_another_goes_on_with_the_records_and_the_waits_of_a_book_that_moves() -> None:
    first = Bench(shares_connection=True)
    first.go_live()
    first.frame(change(1, [("100", "4")], time=3_000))
    for _ in range(2):
        fail_alone(first)
        first.frame(snapshot(0))
    bench = Bench(clock=first.clock)
    first.frame(change(4, [("100", "4")], time=4_000), change(4, [("ten", "1")]))
    first.wait(7)  # so that a heartbeat is the last that was said
    bench.sync.resume(first.sync.standing)
    last, bench.rules = first.last, first.rules
    bench.sync.start(bench.clock.moment)
    bench.drain()
    assert bench.look(BookState) == [], "it has been said"
    bench.open()
    bench.wait(4.5)
    (heartbeat,) = bench.look(BookState)
    assert heartbeat == last
    assert None not in (heartbeat.event_time, heartbeat.received_time)
    assert (heartbeat.epoch, heartbeat.sequence, heartbeat.status) == (3, 4, BookStatus.GAP)
    bench.frame(snapshot(0))
    assert (bench.last.status, bench.last.epoch, bench.last.sequence) == (BookStatus.LIVE, 4, 0)
    assert [fail_alone(bench), fail_alone_unread(bench)] == [30.0, 30.0], "none is free for being alone now"


def fail_alone_unread(bench: Bench) -> float:
    """Fail again before having been live."""
    failed = bench.clock.moment.mono
    bench.frame(snapshot(0, [("ten", "1")]))
    while not bench.look(Reconnect):
        bench.wait(0.125)
    return bench.clock.moment.mono - failed


def test_a_book_that_falls_silent_alone_again_and_again_moves_after_two_new_connections_of_all() -> None:
    bench = Bench(shares_connection=True)
    bench.go_live()
    done: list[Effect] = []
    for _ in range(3):
        bench.answer(bench.probe(), [("100", "2"), *BIDS[1:]])
        while not (effects := [each for each in bench.look(object) if isinstance(each, Reconnect | Isolate)]):
            bench.wait(0.125)
        done += effects
        bench.sync.detached(bench.clock.moment)
        bench.open()
        bench.frame(snapshot(0))
    assert done == [Reconnect(Reason.SILENCE), Reconnect(Reason.SILENCE), Isolate(BTC, Reason.SILENCE)]


@pytest.mark.parametrize(
    ("live_seconds", "expected"), [(60, [0.0, 0.0, 10.0]), (59, [30.0, 30.0, 30.0])], ids=["a minute", "not quite"]
)
def test_rebuilds_begin_anew_once_a_book_has_been_live_for_a_minute(live_seconds: int, expected: list[float]) -> None:
    bench = Bench(bounds(stream_silence_seconds=1e9))
    bench.go_live()
    for wait in (0.0, 0.0, 10.0, 20.0):
        assert fail_alone(bench) == wait
        bench.frame(snapshot(0))
    bench.wait(live_seconds)
    for wait in expected:
        assert fail_alone(bench) == wait
        bench.frame(snapshot(0))


def test_a_book_that_never_becomes_live_again_is_not_taken_for_one_that_was_live_for_long(bench: Bench) -> None:
    bench.go_live()
    waits = []
    for _ in range(6):
        began = bench.clock.moment.mono
        bench.frame(snapshot(0, [("ten", "1")]))
        while not bench.look(Reconnect):
            bench.wait(0.125)
        waits.append(bench.clock.moment.mono - began)
        bench.sync.detached(bench.clock.moment)
        bench.open()
    assert waits == [0.0, 0.0, 10.0, 20.0, 30.0, 30.0]


def test_what_a_book_says_while_it_waits_to_be_rebuilt_neither_hastens_nor_delays_it() -> None:
    bench = Bench(shares_connection=True)
    bench.go_live()
    bench.frame(change(1, [("ten", "1")]))
    for _ in range(9):
        bench.wait(1)
        bench.sync.refuse(Reason.MALFORMED, bench.clock.moment, was_depth=True)
        bench.drain()
        bench.frame(change(2, [("ten", "1")]), change(2, [("100", "4")]))
    assert bench.look(Isolate) == []
    bench.wait(1)
    assert bench.look(Isolate) == [Isolate(BTC, Reason.MALFORMED)]


def test_a_snapshot_that_comes_after_all_makes_the_rebuild_needless() -> None:
    bench = Bench(shares_connection=True)
    bench.go_live()
    bench.frame(change(1, [("ten", "1")]))
    bench.wait(5)
    bench.frame(snapshot(2))
    assert bench.status == (BookStatus.LIVE, None)
    bench.look(object)
    bench.wait(10)
    assert not [effect for effect in bench.seen if isinstance(effect, Reconnect | Isolate)]


# time in which the connection was busy


def test_what_an_acknowledgement_allows_is_extended_by_the_time_in_which_the_line_was_busy(bench: Bench) -> None:
    bench.sync.start(bench.clock.moment)
    bench.open()
    bench.sync.extend(20.0)
    bench.wait(1)
    bench.sync.accepted(bench.clock.moment)
    bench.look(object)
    bench.wait(28.875)
    assert not [effect for effect in bench.seen if isinstance(effect, Renew | Reconnect)]
    bench.wait(0.125)
    assert bench.look(Reconnect) == [Reconnect(Reason.SILENCE)]


def test_a_difference_is_waited_out_for_as_long_as_the_line_was_busy(bench: Bench) -> None:
    bench.go_live()
    bench.answer(bench.probe(), [("100", "2"), *BIDS[1:]])
    bench.sync.extend(5.0)
    bench.wait(5.875)
    assert bench.status == (BookStatus.LIVE, None)
    bench.wait(0.125)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)

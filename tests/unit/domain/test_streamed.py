"""The streams that prove themselves one by one, step by step as the docstrings of ``streamed`` and ``renewed`` number
them.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any, TypeVar
from zlib import crc32

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.raw import change_of, snapshot_of
from tests.support.rules import RecordRules

from market_data.domain.continuity import Continuity, Proof, Quietness, Scope, Seed, Window
from market_data.domain.effects import Effect, Fetch, Purpose, Reconnect, Renew, Tell
from market_data.domain.instrument import Instrument
from market_data.domain.levels import Ladder
from market_data.domain.normalized import BookState, BookStatus, Level, Reason
from market_data.domain.renewed import RenewedSync
from market_data.domain.rules import rule_of
from market_data.domain.sync import BookSetup, SyncSettings

BTC = Instrument("okx", "BTC-USDT", "BTC-USDT")
BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
LIVE = (BookStatus.LIVE, None)
T = TypeVar("T")


def digest(bids: Ladder, asks: Ladder) -> int:
    return crc32(repr((bids.levels[:4], asks.levels[:4])).encode())


CHAIN = Continuity(Proof.SEQUENCE, Scope.INSTRUMENT, Seed.IN_BAND, Window.VENUE, levels=4)
EITHER = attrs.evolve(CHAIN, seed=Seed.EITHER)
SUMMED = Continuity(
    Proof.CHECKSUM,
    Scope.INSTRUMENT,
    Seed.IN_BAND,
    Window.CLIENT,
    levels=4,
    proven_levels=4,
    digest=digest,
    quietness=Quietness.RENEWED,
)
NOTHING = Continuity(Proof.NONE, Scope.INSTRUMENT, Seed.IN_BAND, proven_levels=0)


@attrs.define
class Bench:
    """One book under its rule, its inputs as short commands, its effects since the last look."""

    continuity: Continuity = CHAIN
    settings: SyncSettings = attrs.field(factory=bounds)
    clock: HandClock = attrs.field(factory=HandClock)
    effects: list[Effect] = attrs.field(factory=list)
    sync: RenewedSync = attrs.field(init=False)
    rules: RecordRules = attrs.field(init=False)
    fetches: list[Fetch] = attrs.field(factory=list)
    seen: list[Effect] = attrs.field(factory=list)
    is_paced: bool = True
    """What is asked for anew is asked for at once."""

    def __attrs_post_init__(self) -> None:
        sync = rule_of(self.continuity)(
            BookSetup(BTC, self.settings, self.effects, self.continuity, books=book_engine())
        )
        assert isinstance(sync, RenewedSync)
        self.sync = sync
        self.rules = RecordRules(
            self.settings.depth, self.settings.heartbeat_seconds, is_numbered=self.continuity.digest is None
        )

    def drain(self) -> None:
        self.rules.take_all(self.effects, self.clock.moment)
        self.fetches += [effect for effect in self.effects if isinstance(effect, Fetch)]
        self.seen += self.effects
        is_asked = any(isinstance(effect, Renew) for effect in self.effects)
        self.effects.clear()
        if is_asked and self.is_paced:
            self.sync.asked(self.clock.moment.mono)

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

    def accept(self) -> None:
        self.sync.accepted(self.clock.moment)
        self.drain()

    def change(
        self, first: int, last: int, bids: Sequence[Level] = (), asks: Sequence[Level] = (), **more: Any
    ) -> None:
        time = more.pop("time", 1_000_000 * max(last, 1))
        change = attrs.evolve(change_of("BTC-USDT", first, last, bids, asks, time), **more)
        self.sync.change(change, self.clock.moment)
        self.sync.settle(self.clock.moment)
        self.drain()

    def snapshot(
        self, sequence: int | None, bids: Sequence[Level] = BIDS, asks: Sequence[Level] = ASKS, **more: Any
    ) -> None:
        time = more.pop("time", 1_000_000 * (sequence or 1))
        self.sync.snapshot(attrs.evolve(snapshot_of("BTC-USDT", sequence, bids, asks, time), **more), self.clock.moment)
        self.sync.settle(self.clock.moment)
        self.drain()

    def answer(
        self, sequence: int | None, bids: Sequence[Level] = BIDS, asks: Sequence[Level] = ASKS, time: int | None = None
    ) -> None:
        snapshot = snapshot_of("BTC-USDT", sequence, bids, asks, time, 4)
        self.sync.fetched(self.fetches[-1].serial, snapshot, self.clock.moment)
        self.drain()

    def fail(self) -> None:
        self.sync.fetch_failed(self.fetches[-1].serial, Reason.UNAVAILABLE, None, self.clock.moment)
        self.drain()

    def wait(self, seconds: float) -> None:
        """Let at least so much time pass, in ticks of an eighth of a second."""
        for _ in range(ceil(seconds * 8)):
            self.sync.tick(self.clock.advance(0.125))
            self.drain()

    def go_live(self, sequence: int = 100) -> "Bench":
        self.open()
        self.snapshot(sequence)
        assert self.status == LIVE
        self.look(object)
        return self

    @property
    def status(self) -> tuple[BookStatus, Reason | None]:
        return self.sync.status, self.sync.reason

    @property
    def last(self) -> BookState:
        return self.rules.keys[BTC.key].last


@pytest.fixture
def bench() -> Bench:
    return Bench()


# streamed, step 1: snapshots


@pytest.mark.parametrize("time", [100_000_000, 200_000_000])
def test_a_snapshot_makes_a_book_live_and_a_later_one_replaces_it_without_an_epoch(bench: Bench, time: int) -> None:
    bench.go_live()
    bench.snapshot(1, [("100", "2")], [("101", "1")], time=time)  # the venue counts anew
    assert bench.status == LIVE
    assert (bench.last.sequence, bench.last.epoch, bench.last.bids) == (1, 1, (("100", "2"),))
    bench.change(2, 2, [("100", "3")], time=201_000_000)
    assert bench.last.bids == (("100", "3"),)


@pytest.mark.parametrize("sequence", [99, 100])
def test_a_snapshot_from_before_refutes_the_book_and_is_not_shown(bench: Bench, sequence: int) -> None:
    bench.go_live()
    bench.change(101, 101, [("100", "2")])
    bench.snapshot(sequence)
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)
    assert bench.look(Renew) == [Renew(BTC)]
    bench.snapshot(sequence)
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE), "nor is it a book to begin from"
    bench.snapshot(102)
    assert bench.status == LIVE


def test_a_venue_that_keeps_to_an_older_book_is_believed_in_the_end(bench: Bench) -> None:
    bench.go_live(100)
    bench.change(105, 105)
    bench.accept()
    bench.snapshot(90)
    assert bench.status[0] is BookStatus.GAP
    bench.wait(10.1)
    bench.snapshot(90)
    assert bench.status[0] is BookStatus.GAP
    bench.wait(60)
    bench.snapshot(90)
    assert bench.status == LIVE


def test_an_unreadable_snapshot_is_malformed_and_asked_for_again(bench: Bench) -> None:
    bench.open()
    bench.snapshot(5, [("abc", "1")])
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
    assert bench.look(Renew) == [Renew(BTC)]


# step 2: what comes before a snapshot


def test_changes_before_the_first_snapshot_mean_nothing(bench: Bench) -> None:
    bench.open()
    bench.change(5, 5, [("100", "1")])
    assert bench.status == (BookStatus.SYNCING, None)
    assert not bench.fetches


def test_a_stream_that_begins_with_changes_is_joined_to_a_fetched_book() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110, [("100", "2")])
    bench.change(111, 115, [("100", "3")])
    (fetch,) = bench.look(Fetch)
    assert fetch.purpose is Purpose.SNAPSHOT
    assert bench.status == (BookStatus.SYNCING, None)
    bench.answer(110)
    assert bench.status == LIVE
    assert (bench.last.sequence, bench.last.bids[0]) == (115, ("100", "3"))
    bench.change(116, 120, [("96", "1")])
    bench.change(121, 125, [("100", "0"), ("99", "0"), ("98", "0")])
    assert bench.last.bids == (("97", "1"), ("96", "1")), "what entered the venue's window is kept"


def test_a_fetched_book_waits_for_the_change_that_joins_it() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(120)
    bench.change(111, 118, [("100", "9")])
    assert bench.status == (BookStatus.SYNCING, None)
    bench.change(119, 125, [("99", "7")])
    assert bench.status == LIVE
    assert bench.last.bids[:2] == (("100", "1"), ("99", "7"))


def test_a_fetched_book_of_the_middle_of_a_change_is_not_known_beyond_its_last_level() -> None:
    """What had left the window by then, and was in it before and after, no change tells: 96 may have been there."""
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(115)
    bench.change(111, 120, [("100", "0"), ("100.5", "2")])
    assert (bench.status, bench.last.sequence) == (LIVE, 120)
    bench.change(121, 125, [("95", "1")])
    assert bench.status == LIVE
    bench.change(126, 130, [("100.5", "0"), ("99", "0"), ("98", "0")])
    assert bench.status == (BookStatus.GAP, Reason.DEPTH), "rather than 97, 95"


def test_a_fetched_book_that_waits_while_ids_step_back_is_fetched_anew() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(120)
    bench.look(Fetch)
    bench.change(111, 30, [("100", "8")])
    bench.change(31, 40, [("100", "9")])
    bench.wait(1.0)
    assert [fetch.purpose for fetch in bench.look(Fetch)] == [Purpose.SNAPSHOT]
    bench.answer(40)
    assert (bench.status, bench.last.sequence) == (LIVE, 40)


def test_a_fetched_book_stands_where_the_stream_ends() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(110)
    assert (bench.status, bench.last.sequence) == (LIVE, 110)
    bench.change(111, 120, [("100", "4")])
    assert (bench.status, bench.last.sequence) == (LIVE, 120)


def test_a_sign_of_life_joins_a_fetched_book() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(120)
    bench.change(111, 120)
    assert bench.status == LIVE
    other = Bench(EITHER)
    other.open()
    other.change(101, 100)
    other.answer(100)
    assert other.status == LIVE


def test_a_stream_that_does_not_reach_the_fetched_book_is_renewed() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(120)
    bench.wait(9.875)
    assert bench.look(Renew) == []
    bench.wait(0.25)
    assert bench.look(Renew) == [Renew(BTC)]
    assert bench.status == (BookStatus.SYNCING, Reason.SILENCE)


def test_a_fetched_book_from_before_the_stream_is_too_old() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(99)
    assert bench.status == (BookStatus.SYNCING, None)
    bench.look(object)
    bench.wait(0.5)
    assert [fetch.purpose for fetch in bench.look(Fetch)] == [Purpose.SNAPSHOT]
    bench.answer(100)
    assert bench.status == LIVE


def test_a_fetched_book_of_ids_that_never_come_is_not_waited_for() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.answer(9_000)
    for number in range(12):
        bench.change(111 + number, 111 + number)
        bench.wait(1)
    assert bench.look(Renew) == [Renew(BTC)]
    bench.accept()
    bench.change(123, 130)
    bench.wait(0.5)
    bench.answer(130)
    assert (bench.status, bench.last.sequence) == (LIVE, 130)


def test_a_snapshot_in_band_is_taken_though_a_book_was_asked_for() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.snapshot(115)
    assert bench.status == LIVE
    bench.answer(110, [("1", "1")])
    assert bench.last.sequence == 115
    bench.change(116, 118)
    assert bench.status == LIVE


def test_a_hole_among_what_is_kept_begins_it_anew() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.change(115, 120)
    bench.answer(112)
    assert bench.status == (BookStatus.SYNCING, None)
    bench.wait(0.5)
    bench.answer(114)
    assert bench.status == LIVE


def test_a_book_that_cannot_be_fetched_says_why_and_is_asked_for_again() -> None:
    bench = Bench(EITHER)
    bench.open()
    bench.change(101, 110)
    bench.fail()
    assert bench.status == (BookStatus.SYNCING, Reason.UNAVAILABLE)
    bench.look(object)
    bench.wait(0.5)
    assert bench.look(Fetch)


# step 3: the chain


def test_a_chain_may_step_back_as_long_as_it_holds(bench: Bench) -> None:
    bench.go_live()
    bench.change(101, 7, [("100", "2")], time=200_000_000)
    assert (bench.status, bench.last.sequence) == (LIVE, 7)
    bench.change(8, 30, [("100", "3")], time=201_000_000)
    assert (bench.status, bench.last.sequence) == (LIVE, 30)


@pytest.mark.parametrize("first", [102, 100, 1])
def test_a_broken_chain_is_told_before_its_levels_and_only_this_stream_is_renewed(bench: Bench, first: int) -> None:
    bench.go_live()
    bench.change(first, 110, [("100", "9")])
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)
    assert bench.look(Reconnect) == []
    bench.change(111, 112)
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)
    bench.accept()
    bench.snapshot(200)
    assert (bench.status, bench.last.epoch) == (LIVE, 2)


def test_a_repeat_changes_nothing(bench: Bench) -> None:
    bench.go_live()
    bench.change(101, 105, [("100", "2")])
    bench.look(object)
    bench.change(101, 105, [("100", "7")])
    assert bench.status == LIVE
    assert bench.look(BookState) == []


def test_a_repeat_that_is_no_book_is_not_passed_over(bench: Bench) -> None:
    bench.go_live()
    bench.change(101, 105)
    bench.change(101, 105, [("x", "7")])
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)


def test_a_sign_of_life_keeps_the_time_of_the_last_change(bench: Bench) -> None:
    bench.go_live()
    bench.change(101, 105, [("100", "2")])
    bench.look(object)
    bench.wait(4.875)
    bench.change(106, 105, time=999_000_000)
    bench.wait(0.125)
    (state,) = bench.look(BookState)
    assert (state.event_time, state.sequence) == (105_000_000, 105)
    bench.wait(10.1)
    assert not bench.fetches, "and the stream has spoken"


# step 4: checksums


def full(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    return digest(Ladder.of(bids), Ladder.of(asks))


def test_each_message_is_held_against_its_checksum_after_it_is_applied_and_cut() -> None:
    bench = Bench(SUMMED)
    bench.open()
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    assert (bench.status, bench.last.sequence) == (LIVE, None)
    bids = [("100.5", "1"), *BIDS[:3]]
    bench.change(0, 0, [("100.5", "1")], checksum=full(bids, ASKS))
    assert bench.last.bids == tuple(bids[:3])
    bench.change(0, 0, [("100.5", "0")], checksum=full(BIDS[:3], ASKS))
    assert bench.status == LIVE, "what was cut is not there any more"


def test_a_wrong_checksum_is_told_before_anything_is_published() -> None:
    bench = Bench(SUMMED)
    bench.open()
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    bench.look(object)
    bench.change(0, 0, [("100.5", "1")], checksum=full(BIDS, ASKS))
    assert bench.status == (BookStatus.GAP, Reason.AUDIT)
    assert [state.is_live for state in bench.look(BookState)] == [False]


def test_a_change_older_than_the_book_is_out_of_order_though_its_checksum_may_agree() -> None:
    bench = Bench(SUMMED)
    bench.open()
    bench.snapshot(None, checksum=full(BIDS, ASKS), time=5)
    bench.change(0, 0, time=5, checksum=full(BIDS, ASKS))
    assert bench.status == LIVE
    bench.change(0, 0, time=4, checksum=full(BIDS, ASKS))
    assert bench.status == (BookStatus.GAP, Reason.SEQUENCE)


@pytest.mark.parametrize("checksum", [None, 0])
def test_a_snapshot_without_its_checksum_is_no_book(checksum: int | None) -> None:
    bench = Bench(SUMMED)
    bench.open()
    bench.snapshot(None, checksum=checksum)
    assert bench.status == (BookStatus.GAP, Reason.AUDIT)
    assert bench.last.epoch == 0


def test_more_levels_are_proven_than_are_published() -> None:
    bench = Bench(SUMMED, bounds(depth=2))
    bench.open()
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    assert bench.last.bids == tuple(BIDS[:2])
    bench.look(object)
    bench.change(0, 0, [("98", "5")], checksum=full([*BIDS[:2], ("98", "5"), BIDS[3]], ASKS))
    assert bench.look(BookState) == [], "which says nothing new"
    bench.change(0, 0, [("99", "5")], checksum=full([BIDS[0], ("99", "5"), ("98", "5"), BIDS[3]], ASKS))
    assert bench.last.bids == (("100", "1"), ("99", "5"))


# step 5: audits


def audited() -> Bench:
    bench = Bench(attrs.evolve(CHAIN, is_comparable=True), bounds(audit_seconds=8.0)).go_live()
    last = 100
    while not bench.fetches:
        last += 5
        bench.change(last - 4, last)
        bench.wait(1)
    assert [fetch.purpose for fetch in bench.fetches] == [Purpose.AUDIT]
    bench.change(last + 1, last + 10, [("100", "2")])
    bench.look(object)
    return bench


def test_a_live_book_is_compared_with_the_venues_own_at_the_same_id() -> None:
    bench = audited()
    last = bench.sync.sequence
    assert last is not None
    bench.answer(last - 10)
    assert (bench.status, bench.look(Tell)) == (LIVE, [])
    assert bench.sync._check is None


def test_a_book_that_differs_at_the_same_id_is_refuted() -> None:
    bench = audited()
    last = bench.sync.sequence
    assert last is not None
    bench.answer(last - 10, [("100", "1"), ("99", "5"), *BIDS[2:]])
    assert bench.status == (BookStatus.GAP, Reason.AUDIT)
    assert bench.look(Renew) == [Renew(BTC)]


def test_a_book_from_ahead_waits_for_the_stream_and_proves_nothing_without_it() -> None:
    bench = audited()
    last = bench.sync.sequence
    assert last is not None
    bench.answer(last + 5, [("100", "3"), *BIDS[1:]])
    assert bench.status == LIVE
    bench.wait(0.875)
    assert bench.sync._check is not None
    bench.wait(0.25)
    assert bench.sync._check is None
    assert bench.status == LIVE


def test_an_audit_does_not_outlive_ids_that_step_back() -> None:
    bench = audited()
    last = bench.sync.sequence
    assert last is not None
    bench.change(last + 1, 7, time=999_000_000)
    bench.answer(last, [("1", "1")])
    bench.wait(2)
    assert bench.status == LIVE


def test_an_audit_that_is_not_answered_does_not_keep_a_silent_stream_from_being_probed() -> None:
    bench = audited()
    bench.wait(15.1)
    assert bench.fetches[-1].purpose is Purpose.PROBE


# renewed, step 1: asking


def test_a_stream_that_says_nothing_is_asked_for_again_and_then_on_another_connection(bench: Bench) -> None:
    bench.open()
    bench.wait(10.1)
    assert bench.status == (BookStatus.SYNCING, Reason.SILENCE)
    assert bench.look(Renew) == [Renew(BTC)]
    bench.wait(21)
    assert bench.look(Renew) == [Renew(BTC)]
    bench.wait(31)
    assert bench.look(Reconnect) == [Reconnect(Reason.SILENCE)]


def test_a_refused_instrument_says_so_and_is_asked_for_again_after_growing_waits(bench: Bench) -> None:
    bench.open(is_accepted=False)
    bench.sync.explain(Reason.REJECTED, bench.clock.moment)
    bench.sync.denied(bench.clock.moment)
    bench.drain()
    bench.wait(0.5)
    assert bench.look(Renew) == [Renew(BTC)]
    assert bench.status == (BookStatus.SYNCING, Reason.REJECTED)
    assert bench.sync.is_refused
    bench.wait(60)
    renewals = len(bench.look(Renew))
    assert 2 <= renewals <= 8
    bench.accept()
    bench.snapshot(5)
    assert bench.status == LIVE
    assert not bench.sync.is_refused


# step 3: losing


def test_what_does_not_last_waits_longer_and_longer_and_what_lasts_does_not_wait(bench: Bench) -> None:
    bench.go_live(100)
    waits = []
    for number in range(4):
        bench.change(7_000 + number, 7_000 + number)
        waited = 0.0
        while not bench.look(Renew):
            bench.wait(0.125)
            waited += 0.125
        waits.append(waited)
        bench.snapshot(200 + number)
        assert bench.status == LIVE
    assert waits == [0.0, 0.5, 1.0, 2.0]
    bench.wait(4)
    bench.change(9_000, 9_000)
    assert bench.look(Renew) == [Renew(BTC)]


def test_what_cannot_be_read_while_a_snapshot_is_awaited_may_have_been_that(bench: Bench) -> None:
    bench.open()
    bench.sync.refuse(Reason.MALFORMED, bench.clock.moment, was_depth=True)
    bench.drain()
    assert bench.look(Renew) == [Renew(BTC)]


def test_after_a_leap_of_the_clock_nothing_of_the_connection_is_believed(bench: Bench) -> None:
    bench.go_live()
    bench.sync.doubt(bench.clock.moment)
    bench.drain()
    assert bench.status == (BookStatus.STALE, Reason.CLOCK)
    assert bench.look(Reconnect) == [Reconnect(Reason.CLOCK)]


# step 4: silence


def test_a_quiet_book_is_compared_with_the_venues_own(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15)
    assert [fetch.purpose for fetch in bench.look(Fetch)] == [Purpose.PROBE]
    bench.answer(100)
    assert bench.status == LIVE
    bench.wait(15)
    bench.answer(None)
    assert bench.status == LIVE


def test_another_book_of_the_same_moment_refutes_the_content(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15)
    bench.answer(100, [("100", "2"), *BIDS[1:]])
    assert bench.status == (BookStatus.GAP, Reason.AUDIT)
    assert bench.look(Renew) == [Renew(BTC)]


def test_a_stream_that_does_not_say_what_the_venue_knows_is_dead_after_a_second(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15)
    bench.answer(101, [("100", "2"), *BIDS[1:]])
    bench.look(object)
    bench.wait(0.875)
    assert bench.status == LIVE
    bench.wait(0.125)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    assert bench.look(Renew) == [Renew(BTC)]


def test_where_the_venues_own_book_is_not_to_be_had_the_stream_is_renewed(bench: Bench) -> None:
    bench.go_live()
    bench.wait(15)
    bench.fail()
    assert bench.status == LIVE
    assert bench.look(Renew) == [Renew(BTC, even_if_live=True)]
    bench.snapshot(100)
    bench.wait(5)
    assert (bench.status, bench.last.epoch) == (LIVE, 1)


def test_a_stream_that_does_not_answer_a_renewal_is_stale() -> None:
    bench = Bench(SUMMED)
    bench.open()
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    bench.look(object)
    bench.wait(15)
    assert not bench.fetches
    assert bench.look(Renew) == [Renew(BTC, even_if_live=True)]
    bench.wait(4.875)
    assert bench.status == LIVE
    bench.wait(0.125)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    bench.accept()
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    assert (bench.status, bench.last.epoch) == (LIVE, 2)


def test_a_silent_stream_whose_turn_does_not_come_is_stale_until_it_is_seen() -> None:
    bench = Bench(SUMMED, is_paced=False)
    bench.open()
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    bench.wait(15 + 9.875)
    assert bench.status == LIVE
    bench.look(object)
    bench.wait(0.125)
    assert bench.status == (BookStatus.STALE, Reason.SILENCE)
    bench.wait(30)
    assert bench.look(Renew) == [], "it waits for its turn"
    bench.sync.asked(bench.clock.moment.mono)
    bench.wait(1)
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    assert (bench.status, bench.last.epoch) == (LIVE, 2)


def test_a_silent_stream_whose_turn_did_not_come_is_looked_at_again_when_it_is_silent_again() -> None:
    bench = Bench(is_paced=False)
    bench.go_live()
    for _ in range(2):
        bench.wait(15)
        bench.fail()
        assert bench.look(Renew) == [Renew(BTC, even_if_live=True)]
        assert bench.status == LIVE
        bench.wait(10)
        assert bench.status == (BookStatus.STALE, Reason.SILENCE)
        bench.wait(15)
        bench.answer(100)
        assert bench.status == LIVE


def test_a_connection_that_is_busy_makes_nobody_late() -> None:
    bench = Bench(SUMMED)
    bench.open()
    bench.snapshot(None, checksum=full(BIDS, ASKS))
    bench.wait(15)
    bench.sync.extend(100)
    bench.wait(50)
    assert bench.status == LIVE


# unproven


def test_a_whole_book_replaces_the_last_and_a_late_one_is_dropped() -> None:
    bench = Bench(NOTHING)
    bench.go_live(100)
    bench.snapshot(101, [("100", "2")])
    assert bench.last.bids == (("100", "2"),)
    bench.look(object)
    for late in (101, 100, 99):
        bench.snapshot(late, [("100", "9")])
    assert bench.look(BookState) == []
    assert bench.status == LIVE


def test_a_change_has_no_place_among_whole_books() -> None:
    bench = Bench(NOTHING)
    bench.go_live()
    bench.change(101, 101)
    assert bench.status == (BookStatus.GAP, Reason.MALFORMED)
    assert [tell.message for tell in bench.look(Tell)] == ["a change came over a stream of whole books"]

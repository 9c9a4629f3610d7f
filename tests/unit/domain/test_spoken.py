"""Going on with a book that was spoken for over another connection: what is older than what was shown never is."""

import attrs
import pytest
from tests.support.bounds import HandClock, bounds

from market_data.domain.effects import Effect, Fetch
from market_data.domain.events import Change, Snapshot
from market_data.domain.instrument import Instrument
from market_data.domain.levels import Ladder
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.splice import SplicedSync
from market_data.domain.standing import BookSetup, Said, Standing
from market_data.domain.unproven import UnprovenSync

BTC = Instrument("bitstamp", "BTC-USD", "btcusd")
ETH = Instrument("binance", "ETH-USDT", "ETHUSDT")
BIDS, ASKS = b'[["100","1"]]', b'[["101","1"]]'
SHOWN = Standing(BTC.key, BookStatus.LIVE, None, 1_700_000_000_000_000, 99.5, 7, 500, 5_000, 6_000)
SAID = Said(SHOWN, Ladder(BIDS), Ladder(ASKS))


class Over:
    """A book of a second connection."""

    def __init__(self, sequence: int | None = 500, time: int | None = 5_000, *, is_live: bool = True) -> None:
        self.clock, self.effects = HandClock(), list[Effect]()
        self.sync = UnprovenSync(BookSetup(BTC, bounds(depth=1), self.effects))
        self.sync.start(self.clock.moment)
        self.sync.opened(self.clock.moment)
        if is_live:
            self.sync.snapshot(Snapshot("btcusd", sequence, BIDS, ASKS, time), self.clock.moment)
            self.sync.settle(self.clock.moment)
            assert self.sync.status is BookStatus.LIVE
        self.effects.clear()

    def take_over(self, said: Said, reason: Reason = Reason.CONNECTION, *, is_open: bool = True) -> list[BookState]:
        self.sync.take_over(said, reason, self.clock.advance(0.25), is_open=is_open)
        return [effect for effect in self.effects if isinstance(effect, BookState)]


@pytest.mark.parametrize(
    ("ours", "theirs", "is_abreast"),
    [
        ((500, None), (500, 9_000), True),
        ((501, None), (500, None), True),
        ((499, None), (500, None), False),
        ((None, 5_000), (None, 5_000), True),
        ((None, 4_999), (None, 5_000), False),
        ((501, 4_999), (500, 5_000), False),
        ((499, 5_001), (500, 5_000), False),
        ((501, 5_000), (500, 5_000), True),
        ((501, None), (None, 5_000), False),
        ((501, 5_000), (None, None), True),
    ],
)
def test_where_number_and_time_are_known_both_must_say_that_a_book_is_not_behind(
    ours: tuple[int | None, int | None], theirs: tuple[int | None, int | None], *, is_abreast: bool
) -> None:
    other = attrs.evolve(SHOWN, sequence=theirs[0], event_time=theirs[1])
    assert Over(*ours).sync.is_abreast(other) is is_abreast


def test_what_is_not_live_is_never_abreast() -> None:
    assert not Over(is_live=False).sync.is_abreast(attrs.evolve(SHOWN, sequence=None, event_time=None))


def test_a_book_that_is_live_in_both_goes_on_without_a_word() -> None:
    over = Over(501, 5_001)
    assert over.take_over(SAID) == []
    standing = over.sync.standing
    assert (standing.status, standing.epoch, standing.status_since) == (BookStatus.LIVE, 7, SHOWN.status_since)
    assert (standing.sequence, standing.event_time, standing.published_at) == (501, 5_001, 99.5)


def test_other_levels_than_those_shown_are_said_at_once() -> None:
    (state,) = Over(501, 5_001).take_over(attrs.evolve(SAID, bids=Ladder(b'[["100","2"]]')))
    assert (state.status, state.epoch, state.status_since) == (BookStatus.LIVE, 7, SHOWN.status_since)
    assert (state.bids[0], state.sequence) == (("100", "1"), 501)


def test_a_book_that_is_behind_is_a_gap_and_takes_no_older_one() -> None:
    over = Over(499, 4_999)
    (state,) = over.take_over(SAID)
    assert (state.status, state.reason, state.sequence) == (BookStatus.GAP, Reason.SEQUENCE, 500)
    assert not state.bids
    over.sync.snapshot(Snapshot("btcusd", 499, BIDS, ASKS, 4_999), over.clock.moment)
    over.sync.settle(over.clock.moment)
    assert over.sync.status is BookStatus.GAP
    over.sync.snapshot(Snapshot("btcusd", 502, BIDS, ASKS, 5_002), over.clock.moment)
    over.sync.settle(over.clock.moment)
    assert (over.sync.status, over.sync.epoch) == (BookStatus.LIVE, 8)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.CONNECTION, BookStatus.DISCONNECTED),
        (Reason.SILENCE, BookStatus.STALE),
        (Reason.MALFORMED, BookStatus.GAP),
    ],
)
def test_what_is_not_live_here_is_lost_with_the_other_connection(reason: Reason, status: BookStatus) -> None:
    first, *rest = Over(is_live=False).take_over(SAID, reason)
    assert (first.status, first.reason, first.sequence, first.epoch) == (status, reason, 500, 7)
    assert [each.status for each in rest] == ([] if status is BookStatus.GAP else [BookStatus.SYNCING])


def test_a_book_that_was_lost_here_repeats_the_number_shown_elsewhere_and_becomes_no_older_one() -> None:
    clock, effects = HandClock(), list[Effect]()
    sync = SplicedSync(BookSetup(ETH, bounds(depth=1), effects))
    sync.start(clock.moment)
    sync.opened(clock.moment)
    sync.change(Change(ETH.native, 498, 498, BIDS, ASKS, 498), clock.moment)
    answer(sync, effects, 497, clock)
    assert (sync.status, sync.sequence) == (BookStatus.LIVE, 498)
    sync.change(Change(ETH.native, 501, 501, BIDS, ASKS, 501), clock.moment)
    assert (sync.status, sync.sequence) == (BookStatus.GAP, 498)
    sync.take_over(SAID, Reason.CONNECTION, clock.advance(0.25), is_open=True)
    assert [each.sequence for each in effects if isinstance(each, BookState)][-2:] == [500, 500]
    assert sync.sequence == 500
    sync.closed(Reason.CONNECTION, clock.moment)
    sync.opened(clock.moment)
    sync.accepted(clock.moment)
    answer(sync, effects, 499, clock)
    assert sync.sequence == 500, "it is too old"


def answer(sync: SplicedSync, effects: list[Effect], sequence: int, clock: HandClock) -> None:
    fetch = next(each for each in reversed(effects) if isinstance(each, Fetch))
    sync.fetched(fetch.serial, Snapshot(ETH.native, sequence, BIDS, ASKS, None), clock.moment)


def test_without_an_open_connection_nothing_is_said_to_begin() -> None:
    (state,) = Over(is_live=False).take_over(SAID, is_open=False)
    assert state.status is BookStatus.DISCONNECTED


@pytest.mark.parametrize("status", [BookStatus.DISCONNECTED, BookStatus.STALE, BookStatus.GAP, BookStatus.SYNCING])
def test_what_was_not_live_becomes_so_in_an_epoch_of_its_own(status: BookStatus) -> None:
    before = attrs.evolve(SHOWN, status=status, reason=Reason.CONNECTION)
    *_, last = said = Over(501, 5_001).take_over(Said(before))
    assert (last.status, last.epoch, last.reason, last.bids[0]) == (BookStatus.LIVE, 8, None, ("100", "1"))
    assert len(said) == (2 if status in (BookStatus.DISCONNECTED, BookStatus.STALE) else 1)

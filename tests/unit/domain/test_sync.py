"""What both rules share, where the rule does not matter."""

import pytest
from tests.support.bounds import HandClock, bounds

from market_data.domain.counted import CountedSync
from market_data.domain.effects import Effect
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.splice import SplicedSync
from market_data.domain.sync import BookSetup, BookSync, Standing
from market_data.domain.waits import RebuildWaits

BTC = Instrument("binance", "BTC-USDT", "BTCUSDT")


@pytest.mark.parametrize("rule", [CountedSync, SplicedSync])
def test_one_that_goes_on_for_another_keeps_the_time_of_its_last_record(rule: type[BookSync]) -> None:
    clock, effects = HandClock(), list[Effect]()
    sync = rule(BookSetup(BTC, bounds(), effects))
    said_at = clock.moment
    standing = Standing(BTC.key, BookStatus.DISCONNECTED, Reason.UNAVAILABLE, said_at.wall - 7, said_at.mono)
    sync.resume(standing)
    assert sync.standing == standing
    sync.start(clock.advance(4.875))
    sync.tick(clock.moment)
    assert effects == [], "nothing is new, and no heartbeat is due"
    sync.tick(clock.advance(0.125))
    (state,) = effects
    assert isinstance(state, BookState)
    assert (state.status, state.reason, state.status_since) == (
        BookStatus.DISCONNECTED,
        Reason.UNAVAILABLE,
        said_at.wall - 7,
    )


def test_waits_of_rebuilds_grow_up_to_their_bound_and_begin_anew() -> None:
    waits = RebuildWaits(30.0)
    assert [waits.advance(free=2) for _ in range(6)] == [0.0, 0.0, 10.0, 20.0, 30.0, 30.0]
    waits.reset()
    assert [waits.advance(free=0) for _ in range(3)] == [10.0, 20.0, 30.0]
    assert [RebuildWaits(0.25).advance(free=0)] == [0.25]


def test_waits_go_on_where_another_left_and_begin_anew_once_all_is_forgotten() -> None:
    first, second, third = RebuildWaits(30.0), RebuildWaits(30.0), RebuildWaits(30.0)
    assert (first.advance(free=1), first.next_seconds) == (0.0, 0.0)
    assert (first.advance(free=1), first.next_seconds) == (10.0, 20.0)
    second.resume(first.next_seconds)
    third.resume(second.next_seconds)
    assert [third.advance(free=2), third.advance(free=2)] == [20.0, 30.0]
    third.reset()
    assert third.next_seconds == 0.0
    second.resume(0.0)
    assert second.advance(free=2) == 20.0
    second.reset()
    assert second.advance(free=2) == 0.0

"""What must be true of any stream of states, whatever the venue did: the meaning of the record, checked as it comes."""

from collections.abc import Iterable

import attrs

from market_data.domain.levels import is_same_ladder
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus

__all__ = ["RecordRules"]


@attrs.define
class _Key:
    last: BookState
    last_at: float
    epoch: int = 0
    was_other_than_syncing: bool = False
    had_reason: bool = False


@attrs.define
class RecordRules:
    """Take every state in the order of publishing; a broken rule is an AssertionError that names it."""

    depth: int
    heartbeat_seconds: float
    is_numbered: bool = True
    """The venue numbers its changes."""
    keys: dict[str, _Key] = attrs.field(factory=dict)
    records: int = 0

    def take(self, state: BookState, now: Moment) -> None:
        """Check one state against those before it."""
        self.records += 1
        self._check_alone(state)
        seen = self.keys.get(state.key)
        if seen is None:
            assert state.status is BookStatus.SYNCING, "the first record of a book says syncing"
            assert state.reason is None, "the first syncing has no reason"
            assert state.epoch == 0, "the epoch is 0 before the first live"
            assert state.status_since == now.wall, "a status begins when it is said"
            self.keys[state.key] = _Key(state, now.mono)
            return
        self._check_after(seen, state, now)
        seen.last, seen.last_at, seen.epoch = state, now.mono, state.epoch
        seen.was_other_than_syncing |= state.status is not BookStatus.SYNCING
        seen.had_reason |= state.reason is not None

    def take_all(self, states: Iterable[object], now: Moment) -> None:
        """Check the states among some effects."""
        for state in states:
            if isinstance(state, BookState):
                self.take(state, now)

    def check_heartbeats(self, now: Moment) -> None:
        """Check after a tick that no key has been without a record for longer than a heartbeat."""
        for key, seen in self.keys.items():
            assert now.mono - seen.last_at < self.heartbeat_seconds, f"{key} is without a heartbeat"

    def _check_alone(self, state: BookState) -> None:
        if state.status is BookStatus.LIVE:
            assert state.reason is None, "a live book has no reason"
            assert state.epoch > 0, "the first live makes the epoch 1"
            assert (state.sequence is not None) is self.is_numbered, "a live book has a sequence, if there are any"
            assert len(state.bids) <= self.depth, "a record holds at most so many levels a side"
            assert len(state.asks) <= self.depth, "a record holds at most so many levels a side"
            bids = [float(price) for price, _ in state.bids]
            asks = [float(price) for price, _ in state.asks]
            assert bids == sorted(set(bids), reverse=True), "bids are best first, each price once"
            assert asks == sorted(set(asks)), "asks are best first, each price once"
            assert not (bids and asks) or bids[0] < asks[0], "a live book is not crossed"
            assert all(float(size) > 0 for _, size in (*state.bids, *state.asks)), "a level has a size"
        else:
            assert state.bids == state.asks == (), "levels are empty unless live"
        if state.status not in (BookStatus.LIVE, BookStatus.SYNCING):
            assert state.reason is not None, "what is neither live nor syncing has a reason"

    def _check_after(self, seen: _Key, state: BookState, now: Moment) -> None:
        last = seen.last
        if state.status is BookStatus.SYNCING and (seen.was_other_than_syncing or seen.had_reason):
            assert state.reason is not None, "only the first syncing has no reason"
        if state.status is last.status:
            assert state.status_since == last.status_since, "status_since changes only with the status"
        else:
            assert state.status_since == now.wall, "a status begins when it is said"
        entered = state.is_live and not last.is_live
        assert state.epoch == seen.epoch + entered, "the epoch counts the entries into live"
        if not state.is_live and last.is_live:
            assert state.sequence == last.sequence or state.sequence is not None, "the last sequence is repeated"
        is_news = (
            (state.status, state.reason) != (last.status, last.reason)
            or not is_same_ladder(state.bids, last.bids)
            or not is_same_ladder(state.asks, last.asks)
        )
        if not is_news:
            assert now.mono - seen.last_at >= self.heartbeat_seconds, "without news only a heartbeat is published"

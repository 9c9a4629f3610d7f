"""The sorted window of a book's side: worn down, overgrown and cut at every place, against a side that is sorted anew
each time; and the work that a frame of very many levels costs.
"""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.naive import NaiveSide
from tests.support.raw import TupleSide

from market_data.domain.book import BookSide
from market_data.domain.normalized import Level

prices = st.integers(1, 60).map(str)
sizes = st.sampled_from(["0", "1", "2.0"])
ranks = st.integers(0, 30)
"""Places in the naive side, best first: the window's last one is among them whatever its size."""


class WindowMachine(RuleBasedStateMachine):
    """Changes as venues send them, and changes at the window's own places, which no random price hits often."""

    @initialize(
        sign=st.sampled_from([-1, 1]),
        depth=st.integers(1, 4),
        spare=st.integers(0, 5),
        levels=st.lists(st.tuples(prices, sizes), max_size=60),
        limit=st.none() | st.integers(1, 60),
    )
    def begin(self, sign: int, depth: int, spare: int, levels: list[Level], limit: int | None) -> None:
        """Start with a snapshot."""
        self.depth = depth
        self.side = TupleSide(sign, depth, window=depth + spare)
        self.naive = NaiveSide(best_is_highest=sign < 0)
        self.take_snapshot(levels, limit)

    @rule(levels=st.lists(st.tuples(prices, sizes), max_size=60), limit=st.none() | st.integers(1, 60))
    def take_snapshot(self, levels: list[Level], limit: int | None) -> None:
        """Begin anew."""
        self.side.replace(levels, limit)
        self.naive.replace(levels, limit)

    @rule(levels=st.lists(st.tuples(prices, sizes), max_size=40))
    def change(self, levels: list[Level]) -> None:
        """Set and remove anywhere, one price several times too."""
        before = self.side.top()
        assert self.side.apply(levels) or self.side.top() == before
        self.naive.apply(levels)

    @rule(count=ranks)
    def eat(self, count: int) -> None:
        """Remove so many of the best."""
        self.change([(str(price), "0") for price in self.naive.prices()[:count]])

    @rule(rank=ranks, count=ranks)
    def remove_one_and_eat(self, rank: int, count: int) -> None:
        """Remove the level at one place, and then so many of the best."""
        self.change([(str(price), "0") for price in self.naive.prices()[rank : rank + 1]])
        self.eat(count)

    @invariant()
    def it_is_what_the_naive_side_is(self) -> None:
        """Compare all that can be seen."""
        best = self.naive.prices()
        assert self.side.top() == self.naive.top(self.depth)
        assert len(self.side) == len(best)
        assert (abs(self.side.keys[0]) if self.side.keys else None) == (float(best[0]) if best else None)


TestWindow = WindowMachine.TestCase


@pytest.mark.parametrize("sign", [pytest.param(-1, id="bids"), pytest.param(1, id="asks")])
def test_the_level_at_the_windows_edge_is_removed_as_any_other(sign: int) -> None:
    def price(rank: int) -> str:
        return str(1000 + sign * rank)

    side = TupleSide(sign, 20)
    side.replace([(price(rank), "1") for rank in range(1, 501)], None)
    side.apply([(price(160), "0"), (price(160), "1"), (price(160), "0")])
    side.apply([(price(rank), "0") for rank in range(1, 141)])
    assert [level[0] for level in side.top()] == [price(rank) for rank in range(141, 162) if rank != 160]


@pytest.mark.parametrize("sign", [pytest.param(-1, id="bids"), pytest.param(1, id="asks")])
def test_the_window_is_filled_again_before_the_top_runs_short(sign: int) -> None:
    side = TupleSide(sign, 20)
    side.replace([(str(1000 + sign * rank), "1") for rank in range(1, 501)], None)
    side.apply([(str(1000 + sign * rank), "0") for rank in range(1, 150)])
    assert [level[0] for level in side.top()] == [str(1000 + sign * rank) for rank in range(150, 170)]


class _Watched(list[Level]):
    """Levels that see how many keys the side keeps sorted while it takes them: what inserting one costs."""

    def __init__(self, side: BookSide, levels: list[Level]) -> None:
        super().__init__(levels)
        self.most_sorted = 0
        self._side = side

    def __iter__(self) -> Iterator[Level]:
        for level in super().__iter__():
            self.most_sorted = max(self.most_sorted, len(self._side.keys))
            yield level


@pytest.mark.parametrize("order", ["best first", "best last", "any"])
@pytest.mark.parametrize("before", [pytest.param(0, id="an empty side"), pytest.param(1000, id="a thousand levels")])
def test_a_frame_of_a_hundred_thousand_levels_costs_a_small_step_for_each(order: str, before: int) -> None:
    side, naive = TupleSide(1, 20), NaiveSide(best_is_highest=False)
    snapshot = [(f"{ticks}.5", "1") for ticks in range(before)]
    levels = [(str(ticks), "1") for ticks in range(100_000)]
    if order != "best first":
        levels.reverse() if order == "best last" else Random(7).shuffle(levels)
    side.replace(snapshot, None)
    naive.replace(snapshot)
    watched = _Watched(side, levels)
    assert side.apply(watched)
    naive.apply(levels)
    assert watched.most_sorted <= 2 * 160, "the whole of a frame was inserted into one sorted list"
    assert side.top() == naive.top(20)
    assert len(side) == 100_000 + before

"""Some thousand schedules in the default tests, and that a failing one is found, cut down, written and played again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.campaign import Failure, Result, read_failure, run, write_failure
from tests.chaos.faults import cells
from tests.chaos.report import empty_cells
from tests.chaos.schedule import play
from tests.chaos.shrink import ddmin, shrink
from tests.chaos.venues import VENUES

from market_data.domain.splice import SplicedSync

_SEED = 20_240_808
_PARTS = 8
_MOST_EMPTY_CELLS = 40
_SCHEDULES = 4000 // _PARTS


@pytest.fixture(scope="module")
def sums() -> list[Result]:
    """Collect the parts, to look at them together at the end."""
    return []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", range(_PARTS))
def test_whatever_goes_wrong_nothing_wrong_is_live_and_all_comes_back(part: int, sums: list[Result]) -> None:
    result = run(_SCHEDULES, _SEED, first=part * _SCHEDULES)
    sums.append(result)
    problems = [f"--seed {each.seed} --first {each.number}: {each.outcome.problem}" for each in result.failures]
    assert not problems


def test_every_fault_hit_a_book_in_every_status_that_it_can(sums: list[Result]) -> None:
    if len(sums) < _PARTS:
        pytest.skip("needs all parts")
    total = Result()
    for part in sums:
        total.tally.add(part.tally)
    hit = {(name, status) for _, name, status in total.tally.cells}
    possible = {(name, str(status)) for venue in VENUES for name, status in cells(venue)}
    assert possible - hit == set()
    assert len(empty_cells(total)) < _MOST_EMPTY_CELLS, "a campaign of 100,000 schedules fills them all"
    assert total.tally.schedules == _PARTS * _SCHEDULES
    assert total.tally.handed >= 20, "books whose own events cannot be read move to connections of their own"
    assert total.tally.inputs >= 100 * total.tally.schedules
    assert sum(total.tally.faults.values()) >= 2 * total.tally.schedules
    times = sorted(total.tally.recoveries)
    assert times[int(len(times) * 0.99)] < 1.0, "live within a second of the first attempt that is accepted"


@pytest.mark.parametrize("number", [0, 1, 38, 77])
def test_a_schedule_is_the_same_every_time(number: int) -> None:
    first, second = play(5, number), play(5, number)
    assert first.steps == second.steps
    assert first.tally == second.tally
    assert first.tally.inputs >= 100
    assert sum(first.tally.faults.values()) >= 2


class Careless(SplicedSync):
    """Forgets to look for holes."""

    def _follow(self, change: Any, now: Any) -> None:
        if self.sequence is not None and change.first_id > self.sequence + 1:
            self.sequence = change.first_id - 1
        super()._follow(change, now)


def test_a_failing_schedule_is_cut_down_written_and_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market_data.domain.rules.SplicedSync", Careless)
    outcome = next(found for number in range(0, 200, 2) if (found := play(3, number)).problem is not None)
    small = shrink(outcome)
    assert small.problem is not None
    assert len(small.steps) < len(outcome.steps)
    path = write_failure(Failure(3, 0, small), tmp_path)
    for _ in range(2):
        assert read_failure(path).problem == small.problem
    monkeypatch.undo()
    assert read_failure(path).problem is None


@pytest.mark.parametrize("needed", [[3], [1, 9], [0, 4, 5, 19], list(range(20))], ids=repr)
def test_cutting_down_keeps_what_is_needed_and_nothing_else(needed: Sequence[int]) -> None:
    assert ddmin(list(range(20)), lambda items: set(needed) <= set(items)) == list(needed)

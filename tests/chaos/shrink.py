"""The fewest steps that still fail in the same way: ddmin, after Zeller and Hildebrandt, within a bound of trials."""

import re
from collections.abc import Callable
from typing import TypeVar

import attrs
from tests.chaos.schedule import Outcome, replay

__all__ = ["ddmin", "shrink"]

T = TypeVar("T")
_MOST_TRIALS = 600


def shrink(outcome: Outcome) -> Outcome:
    """Cut a failing schedule down."""
    kind = _kind(outcome.problem)

    def fails(steps: list[list[int | str]]) -> bool:
        return _kind(replay(outcome.plan, steps, is_long=outcome.is_long).problem) == kind

    if not fails(outcome.steps):
        return outcome
    steps = ddmin(outcome.steps, fails)
    again = replay(outcome.plan, steps, is_long=outcome.is_long)
    return attrs.evolve(outcome, steps=steps, problem=again.problem)


def ddmin(items: list[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """Give a part of a failing list that still fails, and of which nothing can be left out, or not found to be."""
    parts, trials = 2, 0
    while len(items) >= 2 and trials < _MOST_TRIALS:
        size = -(-len(items) // parts)
        for at in range(0, len(items), size):
            rest = items[:at] + items[at + size :]
            trials += 1
            if fails(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if parts >= len(items):
                break
            parts = min(len(items), parts * 2)
    return items


def _kind(problem: str | None) -> str | None:
    """Tell what is wrong, whatever the numbers."""
    return None if problem is None else re.sub(r"[\d.]+", "#", problem).partition(":")[0]

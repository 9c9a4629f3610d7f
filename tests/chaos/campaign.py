"""Many schedules on several cores, and what failed of them."""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
from tests.chaos.schedule import Outcome, play, replay
from tests.chaos.shrink import shrink
from tests.chaos.world import Plan, Tally

__all__ = ["Failure", "Result", "read_failure", "run", "write_failure"]

_CHUNK = 50


@attrs.define
class Failure:
    """A schedule that failed; ``outcome`` is cut down."""

    seed: int
    number: int
    outcome: Outcome


@attrs.define
class Result:
    """What came of a campaign."""

    tally: Tally = attrs.field(factory=Tally)
    violations: int = 0
    failures: list[Failure] = attrs.field(factory=list)
    """The first ones."""


def run(
    schedules: int,
    seed: int,
    *,
    jobs: int = 1,
    first: int = 0,
    most_failures: int = 20,
    progress: Callable[[int, int], None] = lambda done, violations: None,  # noqa: ARG005 - a place to hear of it
    writes_to: Path | None = None,
) -> Result:
    """Play so many schedules; ``progress`` is told how many are done and how many failed.

    No more than ``most_failures`` are cut down and kept.
    """
    result = Result()
    work = [(seed, at, min(_CHUNK, first + schedules - at)) for at in range(first, first + schedules, _CHUNK)]
    for tally, failed in _results(work, jobs):
        result.tally.add(tally)
        result.violations += len(failed)
        for number, outcome in failed[: most_failures - len(result.failures)]:
            failure = Failure(seed, number, shrink(outcome))
            result.failures.append(failure)
            if writes_to is not None:
                write_failure(failure, writes_to)
        progress(result.tally.schedules, result.violations)
    return result


def _results(work: Sequence[tuple[int, int, int]], jobs: int) -> Iterator[tuple[Tally, list[tuple[int, Outcome]]]]:
    if jobs <= 1:
        yield from map(_play_some, work)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(_play_some, work)


def _play_some(work: tuple[int, int, int]) -> tuple[Tally, list[tuple[int, Outcome]]]:
    seed, first, count = work
    tally = Tally()
    failed: list[tuple[int, Outcome]] = []
    for number in range(first, first + count):
        outcome = play(seed, number)
        tally.add(outcome.tally)
        if outcome.problem is not None:
            failed.append((number, outcome))
    return tally, failed


def file_of(failure: Failure, folder: Path) -> Path:
    """Name the file of a failing schedule."""
    return folder / f"chaos-{failure.seed}-{failure.number}.json"


def write_failure(failure: Failure, folder: Path) -> Path:
    """Write a failing schedule down, to be replayed."""
    outcome = failure.outcome
    content = {
        "schema": "chaos 1",
        "seed": failure.seed,
        "number": failure.number,
        "problem": outcome.problem,
        "is_long": outcome.is_long,
        "plan": attrs.asdict(outcome.plan),
        "steps": outcome.steps,
    }
    path = file_of(failure, folder)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n")
    return path


def read_failure(path: Path) -> Outcome:
    """Play a written schedule again."""
    content = json.loads(path.read_text())
    return replay(Plan(**content["plan"]), content["steps"], is_long=content["is_long"])

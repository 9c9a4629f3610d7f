"""What came of a campaign, to be read."""

from collections.abc import Sequence
from pathlib import Path

from tests.chaos.campaign import Result, file_of
from tests.chaos.faults import FAULTS, cells
from tests.chaos.venues import VENUES

from market_data.domain.normalized import BookStatus

__all__ = ["empty_cells", "print_report"]

_STATUSES = (
    BookStatus.SYNCING,
    BookStatus.LIVE,
    BookStatus.GAP,
    BookStatus.STALE,
    BookStatus.DISCONNECTED,
)


def empty_cells(result: Result) -> list[tuple[str, str]]:
    """Name the combinations of fault and status that can be and were not."""
    return [(name, str(status)) for name, status in _possible() if not result.tally.cells[name, status]]


def _possible() -> Sequence[tuple[str, BookStatus]]:
    return sorted({cell for venue in VENUES for cell in cells(venue)})


def print_report(result: Result, seconds: float, failures_in: Path) -> None:
    """Print all there is to know."""
    tally, rate = result.tally, result.tally.schedules / max(seconds, 0.001)
    print(f"schedules        {tally.schedules:,} in {seconds:.0f} s ({rate:.0f} a second)")
    print(f"inputs           {tally.inputs:,}")
    print(f"faults           {sum(tally.faults.values()):,}")
    print(f"records          {tally.records:,}, of them {tally.checked:,} live ones compared with the truth")
    print(f"handed over      {tally.handed:,} books to connections of their own")
    print(f"whole books      {tally.levels:,} levels compared at the ends")
    if tally.recoveries:
        times = sorted(tally.recoveries)
        p50, p99 = (times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.99))
        print(
            f"recovery         p50 {p50:.2f}, p99 {p99:.2f}, max {times[-1]:.2f} s of virtual time, of {len(times):,}"
        )
    print(f"violations       {result.violations}")
    print()
    _print_table(result)
    for failure in result.failures:
        print()
        print(f"FAILED           seed {failure.seed}, number {failure.number}: {failure.outcome.problem}")
        print(
            f"                 {len(failure.outcome.steps)} steps, replay with --replay {file_of(failure, failures_in)}"
        )


def _print_table(result: Result) -> None:
    """Print how often each fault hit a book in each status; a dash: that cannot be (see ``faults``)."""
    possible = _possible()
    print(f"{'fault':20}{'injected':>10}" + "".join(f"{status:>14}" for status in _STATUSES))
    for name in FAULTS:
        counts = [
            f"{result.tally.cells[name, status]:,}" if (name, status) in possible else "-" for status in _STATUSES
        ]
        print(f"{name:20}{result.tally.faults[name]:>10,}" + "".join(f"{count:>14}" for count in counts))
    empty = empty_cells(result)
    print(f"empty cells      {len(empty)}" + "".join(f", {name} x {status}" for name, status in empty))

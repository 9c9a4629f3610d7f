"""What came of a campaign, to be read."""

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


def empty_cells(result: Result) -> list[tuple[str, str, str]]:
    """Name the combinations of venue, fault and status that can be and were not."""
    possible = [(venue, *cell) for venue in VENUES for cell in cells(venue)]
    return [
        (venue, name, str(status)) for venue, name, status in possible if not result.tally.cells[venue, name, status]
    ]


def print_report(result: Result, seconds: float, failures_in: Path) -> None:
    """Print all there is to know."""
    tally, rate = result.tally, result.tally.schedules / max(seconds, 0.001)
    print(f"schedules        {tally.schedules:,} in {seconds:.0f} s ({rate:.0f} a second)")
    print(f"inputs           {tally.inputs:,}")
    print(f"faults           {sum(tally.faults.values()):,}")
    print(f"records          {tally.records:,}, of them {tally.checked:,} live ones compared with the truth")
    print(f"handed over      {tally.handed:,} books to connections of their own")
    print(f"replaced         {tally.replaced:,} connections that a venue was about to close")
    dropped = ", ".join(f"{count:,} {status}" for status, count in tally.dropped.most_common())
    print(f"dropped          books that were followed no more: {dropped}")
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
    """Print how often each fault hit a book in each status, venue by venue in the order of the head line; a dash: that
    cannot be (see ``faults``).
    """
    print(f"{'fault':20}{'injected':>10}" + "".join(f"{status:>34}" for status in _STATUSES))
    print(f"{'':30}" + f"{'/'.join(venue[:4] for venue in VENUES):>34}" * len(_STATUSES))
    possible = {venue: set(cells(venue)) for venue in VENUES}
    for name in FAULTS:
        columns = [
            "/".join(
                f"{result.tally.cells[venue, name, status]}" if (name, status) in possible[venue] else "-"
                for venue in VENUES
            )
            for status in _STATUSES
        ]
        print(f"{name:20}{result.tally.faults[name]:>10,}" + "".join(f"{column:>34}" for column in columns))
    empty = empty_cells(result)
    print(f"empty cells      {len(empty)}" + "".join(f", {venue}: {name} x {status}" for venue, name, status in empty))

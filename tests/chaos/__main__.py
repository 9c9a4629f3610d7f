"""``python -m tests.chaos``: play schedules of trouble against the core, or one of them again."""

import argparse
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tests.chaos.campaign import Result, read_failure, run
from tests.chaos.report import empty_cells, print_report
from tests.support.engines import VARIABLE, book_engine

from market_data.domain.errors import UsageError

_ENOUGH_FOR_ALL_CELLS = 50_000


def main() -> int:
    """Give 0 when nothing was violated."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schedules", type=int, default=2000, metavar="N", help="how many schedules (2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what they are made of (1)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first one (0)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (2)")
    parser.add_argument(
        "--engine", choices=("python", "native"), default="python", help="what keeps the books (python)"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play a schedule that failed again")
    parser.add_argument(
        "--failures",
        type=Path,
        default=Path(".chaos-failures"),
        metavar="FOLDER",
        help="where failing schedules are written (.chaos-failures, which git ignores; what proves something once it "
        "is mended goes to tests/chaos/found)",
    )
    parser.add_argument("--most-failures", type=int, default=20, metavar="N", help="how many are cut down and kept")
    arguments = parser.parse_args()
    os.environ[VARIABLE] = arguments.engine  # the processes of the campaign inherit it
    try:
        book_engine()
    except UsageError as error:
        parser.error(str(error))
    if arguments.replay is not None:
        return _replay(arguments.replay)
    began = time.monotonic()
    result = _run(arguments)
    print_report(result, time.monotonic() - began, arguments.failures)
    is_incomplete = arguments.schedules >= _ENOUGH_FOR_ALL_CELLS and bool(empty_cells(result))
    return int(bool(result.violations) or is_incomplete)


def _run(arguments: argparse.Namespace) -> Result:
    columns = (
        TextColumn("chaos"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[bad]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("chaos", total=arguments.schedules, bad="")

        def progress(done: int, violations: int) -> None:
            bar.update(task, completed=done, bad=f"[red]{violations} violations" if violations else "")

        return run(
            arguments.schedules,
            arguments.seed,
            jobs=arguments.jobs,
            first=arguments.first,
            most_failures=arguments.most_failures,
            progress=progress,
            writes_to=arguments.failures,
        )


def _replay(path: Path) -> int:
    outcome = read_failure(path)
    print(f"{len(outcome.steps)} steps, {outcome.tally.inputs} inputs: {outcome.problem or 'nothing is violated'}")
    return int(outcome.problem is not None)


if __name__ == "__main__":
    sys.exit(main())

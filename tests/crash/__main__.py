"""Do it, print what came of it, and end with status 0 only if everything was kept.

Where the environment has CI set, the short form runs, and has to.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.campaign import campaign
from tests.crash.judgement import Outcome, faults_of
from tests.crash.plan import FULL, SHORT
from tests.support.brokers import missing

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="3 kills, dead for 10 s, paused for 8 s: about a minute")
    parser.add_argument("--rate", type=float, help="changes a second of each of the ten instruments  [225]")
    parser.add_argument("--must-run", action="store_true", help="status 1 instead of 0 where something is missing")
    options = parser.parse_args(arguments)
    is_ci = bool(os.environ.get("CI"))
    if what := missing():
        print(f"skipped: needs {what}")
        return int(options.must_run or is_ci)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="market-data-crash-") as folder:
        outcome = campaign(SHORT if options.short or is_ci else FULL, Path(folder), options.rate)
    return _tell(outcome, time.monotonic() - began)


def _tell(outcome: Outcome, seconds: float) -> int:
    columns = ("records", "holes", "doubles", "disorder", "conflated", "epochs")
    print(f"{'instrument':20}{''.join(f'{name:>11}' for name in columns)}  verdict")
    for report in outcome.reports:
        figures = "".join(f"{report[name]:>11,}" for name in columns)
        print(f"{report['instrument']:20}{figures}  {report['verdict']}")
    print(
        f"{outcome.sum('records'):,} records of {len(outcome.reports)} instruments in {seconds:.0f} s: "
        f"{outcome.sum('holes')} holes, {outcome.sum('doubles')} doubled, {outcome.sum('disorder')} out of order, "
        f"{outcome.sum('conflated'):,} conflated; "
        f"the producer's memory reached {outcome.peak_mebibytes:.0f} MiB (bound {outcome.bound_mebibytes})"
    )
    found = faults_of(outcome)
    for fault in found:
        print(f"NOT AS PROMISED: {fault}")
    if not found:
        print("everything kept: verify proves it, and a count by another client agrees")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

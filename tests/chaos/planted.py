"""``python -m tests.chaos.planted``: bugs put into a copy of the program, one by one; each must be caught.

A bug is an exact replacement of text. Where the text is no longer there, or is there more than once, this fails: the
bug must be planted anew. Chaos and the quick unit tests are run against the copy, and what caught the bug is printed.
"""

import argparse
import sys

from tests.chaos.bugs import BUGS, Bug, plant
from tests.chaos.mutants import MUTANTS
from tests.mutation.killers import near_tests
from tests.support.copies import program_copy

_UNIT_TESTS = (
    "tests/unit/domain/test_book.py",
    "tests/unit/domain/test_splice.py",
    "tests/unit/domain/test_counted.py",
    "tests/unit/domain/test_streamed.py",
    "tests/unit/domain/test_spoken.py",
    "tests/unit/venues",
    "tests/unit/application/test_core_numbered.py",
    "tests/unit/application/test_core_ranges.py",
    "tests/unit/application/test_succession.py",
    "tests/chaos/test_found.py",
)
_TESTS_SHOWN = 3


def main() -> int:
    """Give 0 when every bug was caught."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.planted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schedules", type=int, default=1200, metavar="N", help="schedules of chaos each (1200)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what they are made of (1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="bugs whose name holds this")
    arguments = parser.parse_args()
    missed = []
    for bug in (*BUGS, *MUTANTS):
        if arguments.only not in bug.name:
            continue
        caught_by = try_bug(bug, arguments.schedules, arguments.seed)
        print(f"{bug.name}\n" + "".join(f"    {each}\n" for each in caught_by or ["NOT CAUGHT"]), flush=True)
        if not caught_by:
            missed.append(bug.name)
    print(f"not caught: {', '.join(missed)}" if missed else "every bug was caught")
    return int(bool(missed))


def try_bug(bug: Bug, schedules: int, seed: int) -> list[str]:
    """Plant a bug in a copy of the program and say what caught it."""
    with program_copy() as copy:
        plant(bug, copy.package)
        copy.make_sure()
        tests = dict.fromkeys((*near_tests(bug.file), *_UNIT_TESTS))
        return [*copy.by_chaos(schedules, seed), *copy.by_tests(list(tests), most=_TESTS_SHOWN)]


if __name__ == "__main__":
    sys.exit(main())

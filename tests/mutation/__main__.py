"""``python -m tests.mutation``: small changes of domain and application, one by one; some test must notice each.

Changes are drawn by a seed; of each that nobody notices a patch is printed, and how to try it again.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from random import Random

from rich.console import Console
from rich.table import Table
from tests.mutation.equivalent import reason_of
from tests.mutation.killers import KILLERS, kill, near_tests
from tests.mutation.operators import Mutant, mutants_of, walk
from tests.support.copies import PACKAGE, program_copy

_EQUIVALENT = "equivalent"


def main() -> int:
    """Give 0 when every change was noticed, or is known to change nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=200, metavar="N", help="how many changes; 0: all (200)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what chooses them (1)")
    parser.add_argument("--only", default="", metavar="FILE", help="of files whose name holds this, or FILE:NUMBER")
    parser.add_argument("--schedules", type=int, default=300, metavar="N", help="schedules of chaos for each (300)")
    parser.add_argument("--seconds", type=float, default=300.0, metavar="S", help="bound of each try (300)")
    parser.add_argument("--list", action="store_true", help="only name them")
    arguments = parser.parse_args()
    chosen = _chosen(arguments.only, arguments.sample, arguments.seed)
    if not chosen:
        parser.error(f"nothing can be changed in {arguments.only}")
    if arguments.list:
        print("\n".join(f"{each.name}  line {each.line}: {each.what}: {each.was}" for each in chosen))
        return 0
    began = time.monotonic()
    if failing := _failing_unchanged({mutant.file for mutant in chosen}, arguments.seconds):
        print(f"these fail without a change: {', '.join(failing)}")
        return 1
    sums: Counter[tuple[str, str]] = Counter()
    survivors = []
    for at, mutant in enumerate(chosen, start=1):
        killer, told = _try(mutant, arguments.schedules, arguments.seconds)
        sums[mutant.file, killer] += 1
        print(f"{at}/{len(chosen)} {mutant.name} line {mutant.line}: {mutant.what}: {killer}", *told[:1], flush=True)
        if killer == KILLERS[-1]:
            survivors.append(mutant)
            print(mutant.diff((PACKAGE / mutant.file).read_text()), flush=True)
    _print_table(sums)
    print(f"{len(chosen)} changes in {time.monotonic() - began:.0f} s, {len(survivors)} noticed by nobody")
    for mutant in survivors:
        print(f"    python -m tests.mutation --only {mutant.name}    line {mutant.line}: {mutant.what}: {mutant.was}")
    return int(bool(survivors))


def _chosen(only: str, sample: int, seed: int) -> Sequence[Mutant]:
    mutants = [mutant for file in walk(PACKAGE) for mutant in mutants_of(PACKAGE, file)]
    named = [mutant for mutant in mutants if mutant.name == only]
    found = named or [mutant for mutant in mutants if only in mutant.file]
    if not sample or sample >= len(found):
        return found
    return sorted(Random(seed).sample(found, sample), key=lambda mutant: (mutant.file, mutant.number))


def _failing_unchanged(files: Collection[str], seconds: float) -> list[str]:
    """See that what is to notice changes is content with a copy of the program as it is."""
    tests = dict.fromkeys(test for file in sorted(files) for test in near_tests(file))
    with program_copy() as copy:
        copy.make_sure()
        return copy.by_tests(list(tests), most=3, seconds=seconds * len(files))


def _try(mutant: Mutant, schedules: int, seconds: float) -> tuple[str, list[str]]:
    if (reason := reason_of(mutant)) is not None:
        return _EQUIVALENT, [reason]
    with program_copy() as copy:
        path = copy.package / mutant.file
        path.write_text(mutant.apply(path.read_text()))
        return kill(copy, mutant.file, schedules, seconds)


def _print_table(sums: Counter[tuple[str, str]]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("file", no_wrap=True)
    kinds = ("changes", *KILLERS[:-1], _EQUIVALENT, KILLERS[-1])
    for kind in kinds:
        table.add_column(kind, justify="right", no_wrap=True)
    for file in sorted({file for file, _ in sums}):
        counts = {kind: sums[file, kind] for kind in kinds[1:]}
        table.add_row(file, str(sum(counts.values())), *(str(count or "-") for count in counts.values()))
    Console(width=120, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())

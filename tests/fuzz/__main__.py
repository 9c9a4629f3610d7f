"""``python -m tests.fuzz``: give every reader of outside bytes what nobody should send.

Only the errors that its documentation names may leave a reader.

The table's last columns are counted, not judged: the slowest input in milliseconds, with its number, the longest text
of an error, and how much more memory the process took at its peak.
"""

import argparse
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from tests.fuzz.campaign import Outcome, fuzz
from tests.fuzz.readers import all_readers, named

_SHOWN = 300


def main() -> int:
    """Give 0 when only documented errors came."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N", help="how many for each reader (10000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what they are made of (1)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first one (0)")
    parser.add_argument("--only", default="", metavar="NAME", help="readers whose name holds this")
    parser.add_argument("--list", action="store_true", help="name the readers")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(reader.name for reader in all_readers()))
        return 0
    try:
        readers = named(arguments.only)
    except LookupError as error:
        parser.error(str(error))
    began = time.monotonic()
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    outcomes: list[Outcome] = []
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        for reader in readers:
            task = bar.add_task(reader.name, total=arguments.inputs)
            outcome = fuzz(
                reader,
                arguments.inputs,
                arguments.seed,
                first=arguments.first,
                progress=lambda so_far, task=task: bar.update(task, completed=so_far.inputs),
            )
            bar.remove_task(task)
            outcomes.append(outcome)
            _print_findings(outcome)
    _print_table(outcomes)
    total = sum(outcome.inputs for outcome in outcomes)
    seconds = time.monotonic() - began
    print(f"{total:,} inputs in {seconds:.0f} s, {sum(bool(each.findings) for each in outcomes)} readers with findings")
    return int(any(outcome.findings for outcome in outcomes))


def _print_findings(outcome: Outcome) -> None:
    for finding in outcome.findings:
        print(f"\n{outcome.reader}: {finding.error}\n  {outcome.command(finding)}")
        shown = repr(finding.content[:_SHOWN])
        print(f"  {len(finding.content)} bytes: {shown}\n{finding.trace}", flush=True)


def _print_table(outcomes: list[Outcome]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("reader", no_wrap=True)
    for title in ("inputs", "repeated", "taken", "undocumented", "slowest ms", "of input", "text", "MiB"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("refused by", no_wrap=True)
    for each in outcomes:
        table.add_row(
            each.reader,
            f"{each.inputs:,}",
            f"{each.repeated:,}",
            f"{each.accepted:,}",
            str(sum(each.undocumented.values())),
            f"{each.slowest_seconds * 1000:.1f}",
            str(each.slowest_number),
            str(each.longest_message),
            f"{each.grown_kib / 1024:.1f}",
            ", ".join(f"{name} {count:,}" for name, count in each.refused.most_common()) or "-",
        )
    Console(width=160, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())

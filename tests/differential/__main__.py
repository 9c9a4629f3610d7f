"""``python -m tests.differential``: hold the python engine, the native one and the naive book against each other."""

import argparse
import sys
import time

from tests.differential.campaign import run

from market_data.adapters.books import choose_engine
from market_data.domain.errors import UsageError


def main() -> int:
    """Give 0 when there was no difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000, metavar="N", help="how many (100000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what they are made of (1)")
    arguments = parser.parse_args()
    try:
        engines = [choose_engine("python"), choose_engine("native")]
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        counts = run({str(engine): engine.books for engine in engines}, arguments.operations, arguments.seed)
    except AssertionError as error:
        print(f"DIFFERENCE: {error}")
        return 1
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    print(f"{' and '.join(map(str, engines))}, seed {arguments.seed}: {told}, {time.monotonic() - began:.0f} s")
    print("0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""All benchmarks, one after the other, each in a process of its own: ``python -m tests.benchmarks --json FILE``.

Nothing is fetched: the sockets are on loopback, the broker is a process beside. What a part needs and this machine
lacks is said, and the others go on.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.results import machine, read, write

__all__ = ["PARTS", "main"]

PARTS = (
    "hot_path",
    "instructions",
    "growth",
    "memory",
    "big_snapshot",
    "metrics",
    "reading",
    "sockets",
    "end_to_end",
    "publisher",
)
_WITHOUT_JSON = frozenset({"publisher"})
_WITHOUT_SMALL = frozenset({"publisher"})
_RESULTS = Path("build/benchmarks.json")


def main(arguments: list[str] | None = None) -> int:
    """Run them; status 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, default=_RESULTS, metavar="FILE", help=f"default {_RESULTS}")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, metavar="N", help="of each (default: its own)")
    parser.add_argument("--small", action="store_true", help="tiny inputs: shows that all works, says nothing else")
    options = parser.parse_args(arguments)
    about, results, failed = machine(), [], []
    for part in options.only:
        if find_spec(f"tests.benchmarks.{part}") is None:
            continue
        print(f"\n=== {part}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "results.json"
            extra = ["--small"] if options.small and part not in _WITHOUT_SMALL else []
            if part not in _WITHOUT_JSON:
                extra += ["--json", str(file)]
                extra += ["--rounds", str(options.rounds)] if options.rounds else []
            if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{part}", *extra], check=False).returncode:
                failed.append(part)
            if file.is_file():
                results += read(file)[1]
    write(options.json, results, about)
    print(f"\nthe same as JSON: {options.json}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

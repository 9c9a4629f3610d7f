"""``python -m tests.chaos.planted``: bugs put into a copy of the program, one by one; each must be caught.

A bug is an exact replacement of text. Where the text is no longer there, or is there more than once, this fails: the
bug must be planted anew. Chaos and the quick unit tests are run against the copy, and what caught the bug is printed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

_ROOT = Path(__file__).resolve().parents[2]
_UNIT_TESTS = (
    "tests/unit/domain/test_book.py",
    "tests/unit/domain/test_splice.py",
    "tests/unit/domain/test_counted.py",
    "tests/unit/venues",
    "tests/unit/application/test_core_numbered.py",
    "tests/unit/application/test_core_ranges.py",
    "tests/chaos/test_found.py",
)
_SPLICE = "domain/splice.py"
_COUNTED = "domain/counted.py"
_BOOK = "domain/book.py"
_SYNC = "domain/sync.py"
_COINBASE = "adapters/venues/coinbase.py"
_SECONDS = 400


@attrs.frozen
class Bug:
    """One bug: a file below ``src/market_data``, the text that is right, and the text that is wrong."""

    name: str
    file: str
    right: str
    wrong: str
    is_everywhere: bool = False
    """The text stands more than once, and is wrong each time."""


_GAP_CHECK = "        if change.first_id > local + 1:\n            self._miss_changes"
_COUNT = "        if number != self.expected:\n            return False\n        self.expected += 1\n"

BUGS: Sequence[Bug] = (
    Bug("skip the gap check", _SPLICE, _GAP_CHECK, _GAP_CHECK.replace("change.first_id > local + 1", "False")),
    Bug("splice off by one", _SPLICE, _GAP_CHECK, _GAP_CHECK.replace("local + 1", "local + 2")),
    Bug(
        "forget to clear on a new snapshot",
        _BOOK,
        "        fresh: dict[float, Level] = {}\n",
        "        fresh: dict[float, Level] = dict(self._levels)\n",
    ),
    Bug(
        "apply before buffer: what was buffered counts as applied",
        _SPLICE,
        "            self._take_book(snapshot)  # step 5\n",
        "            self._take_book(snapshot)  # step 5\n"
        "            if self._buffer:\n                self.sequence = max(sequence, self._buffer[-1].last_id)\n",
    ),
    Bug(
        "per-product sequence: a hole is some other product's",
        _COUNTED,
        _COUNT,
        "        if number < self.expected:\n            return False\n        self.expected = number + 1\n",
    ),
    Bug("ask for offer", _COINBASE, 'elif side in ("offer", "ask"):', 'elif side == "ask":'),
    Bug(
        "ask for offer, and other sides ignored",
        _COINBASE,
        'elif side in ("offer", "ask"):\n            asks.append(level)\n',
        'elif side == "ask":\n            asks.append(level)\n        elif side == "offer":\n            continue\n',
    ),
    Bug(
        "keep the book on reconnect",
        _COUNTED,
        "        self._awaited = None\n        self._stands = False\n        self._touched = False\n",
        "        self._awaited = None\n        self._touched = False\n",
    ),
    Bug(
        "ignore the heartbeat frame's number: it is not read",
        _COINBASE,
        "        events: list[Event] = [Numbered(number)]\n",
        '        if outer.channel == "heartbeats":\n            return ()\n'
        "        events: list[Event] = [Numbered(number)]\n",
    ),
    Bug(
        "ignore the heartbeat frame's number: one missing is taken for a heartbeat",
        _COUNTED,
        _COUNT,
        "        if number not in (self.expected, self.expected + 1):\n            return False\n"
        "        self.expected = number + 1\n",
    ),
    Bug(
        "status after levels",
        _SPLICE,
        "            self._tell_hole(local, change)\n            self._lose(Reason.SEQUENCE, now)\n",
        "            self._tell_hole(local, change)\n            self._apply(change)\n            self._judge(now)\n"
        "            self._lose(Reason.SEQUENCE, now)\n",
    ),
    Bug(
        "ignore the known range",
        _BOOK,
        "        self._known_to = max(fresh) if limit is not None and fresh and len(levels) >= limit else inf\n",
        "        self._known_to = inf\n",
    ),
    Bug(
        "take a snapshot that is too old",
        _SPLICE,
        "        if sequence < oldest:  # step 4\n",
        "        if sequence < oldest - 1_000_000:  # step 4\n",
    ),
    Bug(
        "keep the levels of what is not live",
        _SYNC,
        "            self._bids = self._asks = ()\n",
        "            pass\n",
    ),
    Bug(
        "never probe a silent stream",
        _SPLICE,
        "self._begin_check(Purpose.PROBE, now)",
        "None",
        is_everywhere=True,
    ),
    Bug(
        "never ask again for what the venue left out",
        _COUNTED,
        "        self._effects.append(Renew(self.instrument))\n",
        "",
    ),
    Bug(
        "trust a crossed book",
        _SYNC,
        "        if self._book.is_crossed:\n            self._crossed(now)\n            return\n",
        "",
    ),
)


def main() -> int:
    """Give 0 when every bug was caught."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.planted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schedules", type=int, default=600, metavar="N", help="schedules of chaos for each bug (600)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what they are made of (1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="bugs whose name holds this")
    arguments = parser.parse_args()
    missed = []
    for bug in BUGS:
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(_ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        plant(bug, folder / "src" / "market_data")
        return [*_by_chaos(folder, schedules, seed), *_by_unit_tests(folder)]


def plant(bug: Bug, package: Path) -> None:
    """Put a bug into a copy.

    Raises:
        LookupError: the text that is right is not there, or not only once where it must be.
    """
    path = package / bug.file
    text = path.read_text()
    count = text.count(bug.right)
    if not count or (count > 1 and not bug.is_everywhere):
        raise LookupError(f"{bug.name}: {bug.file} says {count} times: {bug.right!r}")
    path.write_text(text.replace(bug.right, bug.wrong))


def _run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{_ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    return done.stdout + done.stderr


def _by_chaos(folder: Path, schedules: int, seed: int) -> list[str]:
    told = _run(folder, "-c", "import market_data; print(market_data.__file__)")
    if str(folder) not in told:
        raise LookupError(f"the copy is not what runs: {told}")
    amount = ("--schedules", str(schedules), "--seed", str(seed), "--jobs", "1", "--most-failures", "2")
    told = _run(folder, "-m", "tests.chaos", *amount, "--failures", str(folder / "failures"))
    found = re.search(r"^violations\s+(\d+)", told, re.MULTILINE)
    if found is None:
        raise LookupError(f"chaos ended without a result: {told[-2000:]}")
    problems = re.findall(r"^FAILED\s+seed \d+, number \d+: ([^:\n]*)", told, re.MULTILINE)
    kinds = sorted({re.sub(r"[\d.]+", "#", problem) for problem in problems})
    count = int(found.group(1))
    return [f"chaos: {count} of {schedules} schedules ({'; '.join(kinds[:3])})"] if count else []


def _by_unit_tests(folder: Path) -> list[str]:
    told = _run(folder, "-m", "pytest", "-q", "--maxfail=3", "--no-header", "-p", "no:cacheprovider", *_UNIT_TESTS)
    return [str(test) for test in re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", told, re.MULTILINE)]


if __name__ == "__main__":
    sys.exit(main())

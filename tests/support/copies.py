"""A copy of the program to put bugs into, and what can be run against it: tests, and schedules of chaos."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

__all__ = ["PACKAGE", "ProgramCopy", "program_copy"]

_ROOT = Path(__file__).resolve().parents[2]
PACKAGE = _ROOT / "src" / "market_data"


@attrs.frozen
class ProgramCopy:
    """A copy; it is what runs, whatever is installed."""

    folder: Path

    @staticmethod
    def root() -> Path:
        """Where the tests are, and what they read."""
        return _ROOT

    @property
    def package(self) -> Path:
        """Where its modules are."""
        return self.folder / "src" / "market_data"

    def by_chaos(self, schedules: int, seed: int, seconds: float = 400.0) -> list[str]:
        """Say what schedules of chaos find wrong; a change that makes them hang is found as well.

        Raises:
            LookupError: chaos ended without a result.
        """
        amount = ("--schedules", str(schedules), "--seed", str(seed), "--jobs", "1", "--most-failures", "2")
        told = self._run(seconds, "-m", "tests.chaos", *amount, "--failures", str(self.folder / "failures"))
        if told is None:
            return [f"chaos: not over after {seconds:g} s"]
        found = re.search(r"^violations\s+(\d+)", told, re.MULTILINE)
        if found is None:
            errors = re.findall(r"^(\w+(?:Error|Group)\b.*)$", told, re.MULTILINE)
            if not errors:
                raise LookupError(f"chaos ended without a result: {told[-2000:]}")
            return [f"chaos: {errors[-1][:120]}"]
        problems = re.findall(r"^FAILED\s+seed \d+, number \d+: ([^:\n]*)", told, re.MULTILINE)
        kinds = sorted({re.sub(r"[\d.]+", "#", problem) for problem in problems})
        count = int(found.group(1))
        return [f"chaos: {count} of {schedules} schedules ({'; '.join(kinds[:3])})"] if count else []

    def by_tests(self, tests: Sequence[str], *, most: int = 1, seconds: float = 400.0) -> list[str]:
        """Name the first tests that fail; properties are tried with the same examples each time."""
        options = ("-q", f"--maxfail={most}", "--no-header", "-p", "no:cacheprovider", "--hypothesis-seed=0")
        told = self._run(seconds, "-m", "pytest", *options, *tests)
        if told is None:
            return [f"tests: not over after {seconds:g} s"]
        found = [str(test) for test in re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", told, re.MULTILINE)]
        if not found and re.search(r"^\d+ passed", told, re.MULTILINE) is None:
            return [f"tests: {told.strip().splitlines()[-1][:120]}"]
        return found

    def make_sure(self) -> None:
        """See that the copy is what runs.

        Raises:
            LookupError: it is not.
        """
        told = self._run(60.0, "-c", "import market_data; print(market_data.__file__)")
        if str(self.folder) not in (told or ""):
            raise LookupError(f"the copy is not what runs: {told}")

    def _run(self, seconds: float, *arguments: str) -> str | None:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{self.folder / 'src'}{os.pathsep}{_ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / "hypothesis"),
        }
        command = [sys.executable, *arguments]
        try:
            done = subprocess.run(
                command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return None
        return done.stdout + done.stderr


@contextmanager
def program_copy() -> Iterator[ProgramCopy]:
    """Make a copy, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(_ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(_ROOT / "config", folder / "config")
        yield ProgramCopy(folder)

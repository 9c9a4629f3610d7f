"""The display of ``tests.benchmarks.web`` as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import psutil

__all__ = ["Display", "display", "say"]


@attrs.define
class Display:
    """The process."""

    process: "subprocess.Popen[str]"
    url: str
    used: psutil.Process

    def say(self, word: str) -> None:
        """Tell it to do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def cpu(self) -> float:
        """CPU seconds so far."""
        times = self.used.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """MiB."""
        return float(self.used.memory_info().rss / 2**20)


@contextmanager
def display(instruments: int, rate: int) -> Iterator[Display]:
    """Start it."""
    command = [sys.executable, "-m", "tests.benchmarks.web", "--serve", str(instruments), str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Display(process, process.stdout.readline().strip(), psutil.Process(process.pid))
        process.stdin.close()
        process.wait(30)


def say(what: str, value: str) -> None:
    print(f"  {what:<62} {value}", flush=True)

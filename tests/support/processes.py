"""The program and the sandbox as processes, as a user starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs

__all__ = ["Program", "Sandbox", "running", "running_sandbox"]

ROOT = Path(__file__).parents[2]
_END_SECONDS = 20.0


@attrs.define
class Program:
    """One process and the file its log goes to."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to end, and give its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(_END_SECONDS)

    def read_log(self) -> str:
        """Give all it has logged."""
        return self.log.read_text(encoding="utf-8")

    def wait_for_log(self, text: str, seconds: float) -> None:
        """Wait until its log has this text."""
        until = time.monotonic() + seconds
        while text not in self.read_log():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.read_log()[-4000:]}"
            assert time.monotonic() < until, f"no {text!r} within {seconds} s:\n{self.read_log()[-4000:]}"
            time.sleep(0.05)


@contextmanager
def running(
    arguments: Sequence[str],
    folder: Path,
    name: str,
    stdout: IO[Any] | int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Generator[Program]:
    """Run ``python -m ARGUMENTS`` from the project's folder; what is left of it at the end is killed.

    Without an ``environment`` it is ours, less all that would be settings.
    """
    log = folder / f"{name}.log"
    if environment is None:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("APP_", "KAFKA_", "LOG_"))
        }
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=stderr,
        )
    try:
        yield Program(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@attrs.frozen
class Sandbox:
    """A running sandbox."""

    program: Program
    addresses: dict[str, Any]
    settings: Path


@contextmanager
def running_sandbox(folder: Path, *arguments: str) -> Generator[Sandbox]:
    """Run the sandbox until the end of the block."""
    settings = folder / "sandbox.yaml"
    chosen = () if "--venues" in arguments else ("--venues", "binance,coinbase")
    command = ["market_data_sandbox", "--settings-file", str(settings), *chosen, *arguments]
    with running(command, folder, "sandbox", stdout=subprocess.PIPE) as program:
        assert program.process.stdout is not None
        line = program.process.stdout.readline()
        assert line, program.read_log()
        yield Sandbox(program, json.loads(line), settings)

"""The program and the sandbox as processes, as a person starts them: what they say, and how they end."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs
from tests.support.engines import VARIABLE

__all__ = ["Ended", "Running", "Sandbox", "environment", "held_by_terminal", "run", "running", "sandbox"]

_SECONDS = 30.0


def environment(**changes: str) -> dict[str, str]:
    """Give the environment variables without any setting of whoever runs the tests."""
    ours = ("KAFKA_BROKERS", "LOG_LEVEL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    environ = {name: text for name, text in os.environ.items() if not name.startswith("APP_") and name not in ours}
    engine = {"APP__BOOK__ENGINE": environ[VARIABLE]} if VARIABLE in environ else {}
    return environ | engine | changes


@attrs.frozen
class Ended:
    """What a command left behind."""

    status: int
    out: str
    err: str


@attrs.define
class Running:
    """A command that runs; its output is collected as it comes."""

    process: "subprocess.Popen[str]"
    out: list[str] = attrs.field(factory=list)
    err: list[str] = attrs.field(factory=list)
    _threads: list[threading.Thread] = attrs.field(factory=list)
    _heard: threading.Condition = attrs.field(factory=threading.Condition)

    def listen(self) -> None:
        """Start collecting."""
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            if stream is not None:
                thread = threading.Thread(target=self._collect, args=(stream, lines), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _collect(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._heard:
                lines.append(line.rstrip("\n"))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def wait_for(self, what: Callable[[], Any], seconds: float = _SECONDS) -> None:
        """Wait until something holds of the lines; fails with all of them when it does not, or the end came before."""
        until = time.monotonic() + seconds
        with self._heard:
            while not what():
                left = until - time.monotonic()
                is_over = self.process.poll() is not None and not any(thread.is_alive() for thread in self._threads)
                if left <= 0 or is_over:
                    said = "\n".join([*self.out[-20:], "--", *self.err[-20:]])
                    raise AssertionError(f"it did not come to that (status {self.process.poll()}):\n{said}")
                self._heard.wait(min(left, 0.2))

    def wait_for_out(self, *words: str, seconds: float = _SECONDS) -> None:
        """Wait until each of the words stands in some line of stdout."""
        self.wait_for(lambda: all(any(word in line for line in self.out) for word in words), seconds)

    def wait_for_err(self, *words: str, seconds: float = _SECONDS) -> None:
        """Wait until each of the words stands in some line of stderr."""
        self.wait_for(lambda: all(any(word in line for line in self.err) for word in words), seconds)

    def end(self, how: signal.Signals | None = signal.SIGINT, seconds: float = _SECONDS) -> Ended:
        """Send a signal, or none, and wait for the end."""
        if how is not None:
            self.process.send_signal(how)
        status = self.process.wait(seconds)
        for thread in self._threads:
            thread.join(seconds)
        return Ended(status, "\n".join(self.out), "\n".join(self.err))


@contextmanager
def held_by_terminal() -> Iterator[Mapping[str, Any]]:
    """Open a terminal; gives what makes ``running`` start a program that it holds, whatever its streams are."""
    master, slave = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    try:
        yield {"preexec_fn": take_terminal}
    finally:
        os.close(slave)
        os.close(master)


@contextmanager
def running(
    *arguments: str, folder: Path, module: str = "app", environ: Mapping[str, str] | None = None, **options: Any
) -> Iterator[Running]:
    """Run ``python -m app …`` in a folder; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        cwd=folder,
        env=environment(**(environ or {})),
        **options,
    ) as process:
        command = Running(process)
        command.listen()
        try:
            yield command
        finally:
            process.kill()


def run(
    *arguments: str,
    folder: Path,
    module: str = "app",
    environ: Mapping[str, str] | None = None,
    seconds: float = _SECONDS,
) -> Ended:
    """Run a command to its end."""
    with running(*arguments, folder=folder, module=module, environ=environ) as command:
        return command.end(None, seconds)


@attrs.frozen
class Sandbox:
    """Exchanges and a broker that run."""

    addresses: Mapping[str, Any]
    command: Running

    @property
    def settings_file(self) -> str:
        """What leads there."""
        return str(self.addresses["settings_file"])

    @property
    def brokers(self) -> str:
        """Address of the broker."""
        return str(self.addresses["kafka"]["brokers"])

    def options(self, topic: str | None = None) -> Sequence[str]:
        """Give the options that lead a command there, to a topic of its own."""
        named = () if topic is None else ("--set", f"kafka.topics.books={topic}")
        return ("--env", "sandbox", "--config", self.settings_file, *named)


@contextmanager
def sandbox(folder: Path, *arguments: str) -> Iterator[Sandbox]:
    """Run a sandbox of two venues, unless the arguments name others."""
    if "--venues" not in arguments:
        arguments = ("--venues", "binance,coinbase", *arguments)
    settings_file = str(folder / f"settings-{len(list(folder.iterdir()))}.yaml")
    with running("--settings-file", settings_file, *arguments, folder=folder, module="sandbox") as command:
        command.wait_for(lambda: command.out)
        yield Sandbox(json.loads(command.out[0]), command)
        command.end(signal.SIGTERM)

"""A terminal for the program to run on: a pseudo-terminal whose screen can be read, resized, typed at and closed."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyte
from tests.support.programs import environment

__all__ = ["Terminal", "terminal"]

_SECONDS = 30.0


class Terminal:
    """The screen as a person sees it, and the bytes that made it."""

    def __init__(self, master: int, slave: int, columns: int, rows: int) -> None:
        self._master = master
        self._slave = slave
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.raw = b""
        self._written = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def listen(self) -> None:
        """Start to read what the program writes."""
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                written = os.read(self._master, 65536)
            except OSError:  # nobody has the other end any more
                return
            if not written:
                return
            with self._lock:
                self.raw += written
                self._written = time.monotonic()
                self._stream.feed(written)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, without spaces at the end of lines."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    def drawn(self, quiet: float = 0.05) -> list[str]:
        """Give the screen between two drawings: once nothing was written for so many seconds."""
        self.wait_for(lambda: time.monotonic() - self._written > quiet)
        return self.lines

    def cells(self) -> list[list[pyte.screens.Char]]:
        """Give every letter of the screen with its colours, row by row."""
        with self._lock:
            columns = range(self._screen.columns)
            return [[self._screen.buffer[row][column] for column in columns] for row in range(self._screen.lines)]

    def colour_of(self, word: str) -> str:
        """Tell the colour of the first letter of a word that is on the screen."""
        with self._lock:
            for number, line in enumerate(self._screen.display):
                if word in line:
                    return str(self._screen.buffer[number][line.index(word)].fg)
        raise AssertionError(f"{word} is not on the screen")

    def line_with(self, *words: str) -> str:
        """Give the first line that holds all the words; empty where none does."""
        return next((line for line in self.lines if all(word in line for word in words)), "")

    def wait_for(self, what: Callable[[], Any], seconds: float = _SECONDS) -> None:
        """Wait until something holds; fails with the screen when it does not."""
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, "\n".join(self.lines)
            time.sleep(0.02)

    def rest(self, seconds: float) -> None:
        """Let the program go on for a while."""
        time.sleep(seconds)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        with self._lock:
            self._screen.resize(rows, columns)
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Press keys; ``\\x03`` is Ctrl-C."""
        os.write(self._master, text.encode())

    def hang_up(self) -> None:
        """Close the window, as a person does."""
        os.close(self._slave)
        os.close(self._master)

    def modes(self) -> list[Any]:
        """Give how the terminal is set: echo and so on."""
        return termios.tcgetattr(self._master)

    def end(self, seconds: float = _SECONDS) -> int:
        """Wait for the program's end; give its status."""
        assert self.process is not None
        status = self.process.wait(seconds)
        self._reader.join(1)
        return status

    @property
    def text(self) -> str:
        """All that was ever written, without what moves the cursor or colours."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.raw.decode("utf-8", "replace"))


@contextmanager
def terminal(
    arguments: Sequence[str], size: tuple[int, int], folder: Path, module: str = "app", **environ: str
) -> Iterator[Terminal]:
    """Run ``python -m app …`` on a terminal of so many columns and rows; it is killed at the end if it still runs."""
    master, slave = pty.openpty()
    window = Terminal(master, slave, *size)
    window.resize(*size)

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    window.process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=environment(**{"TERM": "xterm-256color", **environ}),
        preexec_fn=take_terminal,  # noqa: PLW1509 - no threads yet hold a lock that matters here
    )
    window.listen()
    try:
        yield window
    finally:
        if window.process.poll() is None:
            window.process.send_signal(signal.SIGKILL)
            window.process.wait()
        for end in (slave, master):
            try:
                os.close(end)
            except OSError:  # closed by the test
                continue

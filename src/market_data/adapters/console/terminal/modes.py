r"""The terminal that a screen borrows: set for it, and given back as it was found, however that ends.

What ends or stops a program at once (Ctrl-\\, Ctrl-Z) leaves no time for a ``finally``: a handler gives the terminal
back first, and then lets the signal do what it always does. Keys that mean a signal keep their meaning. For POSIX.
"""

import errno
import os
import select
import signal
import termios
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import attrs

__all__ = ["ENTER", "LEAVE", "Terminal", "own_handle", "write_some"]

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000h\x1b[?1006h\x1b[?2004h"
"""To the alternate screen; cursor hidden, no wrapping, clicks and wheel reported, pasted text told from typed."""
LEAVE = "\x1b[?2004l\x1b[?1006l\x1b[?1000l\x1b[?7h\x1b[?25h\x1b[?1049l"
_LEAVE_SECONDS = 2.0
"""A terminal that takes nothing, as one that was stopped by Ctrl-S, keeps nobody longer."""


def write_some(output: int, content: bytes | bytearray) -> int:
    """Write as much as a terminal takes now; give how many bytes that were.

    Raises:
        BrokenPipeError: the terminal was closed.
    """
    try:
        return os.write(output, content)
    except BlockingIOError:
        return 0
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.errno == errno.EIO:
            raise BrokenPipeError(errno.EPIPE, "the terminal was closed") from error
        raise


def own_handle(descriptor: int, flags: int) -> int | None:
    """Open the terminal behind a file handle once more, never to wait for it: an event loop may do so with a handle of
    our own, but not with stdin and stdout, which other programs have, too. None: it has no name here.
    """
    try:
        return os.open(os.ttyname(descriptor), flags | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None


@attrs.define
class Terminal:
    """Where a screen is written to, and where keys come from; None: from nowhere."""

    output: int
    encoding: str
    keyboard: int | None
    _before: list[Any] | None = None
    """How the keyboard was set."""

    @classmethod
    def of(cls, keyboard: TextIO | None, screen: TextIO) -> "Terminal":
        """Take what is behind these streams."""
        try:
            typed = None if keyboard is None or not keyboard.isatty() else keyboard.fileno()
        except (OSError, ValueError):  # closed
            typed = None
        return cls(screen.fileno(), screen.encoding or "utf-8", typed)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            size = os.get_terminal_size(self.output)
        except OSError:  # it is gone
            return 80, 24
        return size.columns or 80, size.lines or 24

    def write(self, text: str, seconds: float | None = None) -> None:
        """Write all of it, past any buffer, however long it takes, or as much as is taken within ``seconds``.

        Raises:
            BrokenPipeError: the terminal was closed.
        """
        left = text.encode(self.encoding, "replace")
        until = None if seconds is None else time.monotonic() + seconds
        while left:
            wait = None if until is None else max(0.0, until - time.monotonic())
            _, ready, _ = select.select([], [self.output], [], wait)
            if not ready:
                return
            left = left[write_some(self.output, left) :]

    @contextmanager
    def borrowed(self, on_return: Callable[[], None]) -> Generator[None]:
        r"""Enter the alternate screen, read keys as they are typed and off the screen; give all of it back at the end.

        It is given back for Ctrl-\\, too, and for Ctrl-Z until the program goes on: ``on_return`` is called then.
        """
        if self.keyboard is not None:
            with suppress(termios.error):
                self._before = termios.tcgetattr(self.keyboard)
        self._change(termios.TCSADRAIN, is_raw=True)
        with _handling(lambda number: self._step_aside(number, on_return)):
            try:
                self.write(ENTER)
                yield
            finally:
                self._leave()

    def _leave(self) -> None:
        """Give it back; what was typed and not read yet was meant for the screen."""
        with suppress(OSError):
            self.write(LEAVE, _LEAVE_SECONDS)
        self._change(termios.TCSANOW, is_raw=False)
        if self.keyboard is not None:
            with suppress(termios.error):
                termios.tcflush(self.keyboard, termios.TCIFLUSH)

    def _step_aside(self, number: int, on_return: Callable[[], None]) -> None:
        self._leave()
        handler = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Here it goes on, where it was only stopped.
        signal.signal(number, handler)
        self._change(termios.TCSANOW, is_raw=True)
        with suppress(OSError):
            self.write(ENTER)
        on_return()

    def _change(self, when: int, *, is_raw: bool) -> None:
        """Read each key as it is pressed, Enter told from Ctrl-J, nothing echoed; or set all as it was."""
        if self.keyboard is None or self._before is None:
            return
        modes = [*self._before]
        if is_raw:
            modes[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR)
            modes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(self.keyboard, when, modes)


@contextmanager
def _handling(handler: Callable[[int], None]) -> Generator[None]:
    numbers = [each for each in (signal.SIGQUIT, signal.SIGTSTP) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, _: handler(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)

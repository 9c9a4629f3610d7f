r"""The terminal that a table borrows: quiet while it is drawn on, and given back as it was found, however that ends.

What ends or stops a program at once (Ctrl-\\, Ctrl-Z) leaves no time for a ``finally``: a handler gives the terminal
back first, and then lets the signal do what it always does.
"""

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TextIO

__all__ = ["borrowed"]

_ENTER = b"\x1b[?1049h\x1b[?25l"
"""To the alternate screen, the cursor hidden."""
_LEAVE = b"\x1b[?25h\x1b[?1049l"

if sys.platform != "win32":
    import termios

    @contextmanager
    def borrowed(keyboard: TextIO, screen: TextIO) -> Generator[None]:
        r"""Keep what is typed off the screen, and from the shell afterwards; Ctrl-C works as ever.

        The caller enters the alternate screen and leaves it; Ctrl-\\ leaves it, too, and Ctrl-Z until the program goes
        on.
        """
        try:
            descriptor, output = keyboard.fileno(), screen.fileno()
            before = termios.tcgetattr(descriptor)
        except (OSError, ValueError, termios.error):  # no terminal there
            yield
            return
        quiet = [*before]
        quiet[3] &= ~termios.ECHO

        def set_to(modes: list[int | list[bytes | int]], when: int) -> None:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(descriptor, when, modes)

        def give_back(number: int, _: object) -> None:
            with suppress(OSError):
                os.write(output, _LEAVE)
            set_to(before, termios.TCSANOW)
            handler = signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            # Here it goes on, where it was only stopped.
            signal.signal(number, handler)
            set_to(quiet, termios.TCSANOW)
            with suppress(OSError):
                os.write(output, _ENTER)

        set_to(quiet, termios.TCSADRAIN)
        with _handling(give_back):
            try:
                yield
            finally:
                set_to(before, termios.TCSAFLUSH)

    @contextmanager
    def _handling(handler: "signal._HANDLER") -> Generator[None]:
        numbers = [each for each in (signal.SIGQUIT, signal.SIGTSTP) if signal.getsignal(each) is not signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in numbers}
        try:
            yield
        finally:
            for number, handler_before in before.items():
                signal.signal(number, handler_before)

else:

    @contextmanager
    def borrowed(_keyboard: TextIO, _screen: TextIO) -> Generator[None]:
        """Change nothing."""
        yield

r"""How the screen reaches the terminal: pictures written to it, and keys read, by the program's own event loop.

Textual's own driver writes to stderr from a thread and makes of Ctrl-C, Ctrl-Z and Ctrl-\\ keys like any other. Here
the log may be led elsewhere without the picture, signals are the business of whoever runs the program, and a terminal
that is slow holds nothing up: it is shown fewer pictures.
"""

import asyncio
import codecs
import errno
import os
import signal
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Protocol, runtime_checkable

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

from market_data.adapters.console.terminal.modes import Terminal, own_handle, write_some

__all__ = ["Borrower", "TerminalDriver"]

_ESCAPE_SECONDS = 0.15
"""After this long without more, an Escape was the key, and not the beginning of another one's code."""
_PAUSE_SECONDS = 0.05
"""A terminal that says that it takes more, and does not, is asked again after so long."""
_ASK_SYNC = "\x1b[?2026$p"
"""Whether the terminal can be told where a picture begins and ends, so that none is shown half drawn."""


@runtime_checkable
class Borrower(Protocol):
    """An app on a terminal that may go away."""

    terminal: Terminal

    def has_all(self) -> None:
        """The terminal has taken all that was drawn."""

    def catch_up(self) -> None:
        """Draw what was left out while the terminal was behind."""

    def fail(self, error: BaseException) -> None:
        """End with this: the terminal was closed."""


class TerminalDriver(Driver):
    """Of one app that is a ``Borrower``, too."""

    def __init__(
        self, app: App[None], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        if not isinstance(app, Borrower):
            raise TypeError("it has no terminal")
        self._borrower = app
        self._terminal = app.terminal
        self._loop = asyncio.get_running_loop()
        self._held = ExitStack()
        self._written: list[str] = []
        self._left = bytearray()
        """What the terminal has not taken yet."""
        self._output = app.terminal.output
        self._is_waiting = False
        self._is_lost = False
        self._parser = XTermParser()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None

    def write(self, data: str) -> None:
        """Keep it for ``flush``: a picture is one write."""
        self._written.append(data)

    def flush(self) -> None:
        text = "".join(self._written)
        self._written.clear()
        if text and not self._is_lost:
            self._left += text.encode(self._terminal.encoding, "replace")
            if not self._is_waiting:
                self._go_on()

    @property
    def is_behind(self) -> bool:
        """Tell whether the terminal has not taken the last picture yet."""
        return bool(self._left)

    def _go_on(self) -> None:
        """Write what the terminal takes now, and the rest once it takes more."""
        before = len(self._left)
        try:
            while self._left and (written := write_some(self._output, self._left)):
                del self._left[:written]
        except OSError as error:
            self._lose(error)
            return
        if not self._left:
            self._borrower.has_all()
            if self._is_waiting:
                self._stop_waiting()
                self._borrower.catch_up()
        elif not self._is_waiting:
            self._is_waiting = True
            self._loop.add_writer(self._output, self._go_on)
        elif len(self._left) == before:  # it has room for one byte, and a line's end takes two
            self._loop.remove_writer(self._output)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._loop.add_writer, self._output, self._go_on)

    def _stop_waiting(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._loop.remove_writer(self._output)
        if self._pause is not None:
            self._pause.cancel()

    def start_application_mode(self) -> None:
        try:
            self._held.enter_context(self._terminal.borrowed(self._redraw))
        except OSError as error:
            self._lose(error)
            return
        if (output := own_handle(self._output, os.O_WRONLY)) is not None:
            self._output = output
            self._held.callback(os.close, output)
        self._held.callback(self._stop_waiting)
        before = signal.signal(signal.SIGWINCH, lambda *_: self._loop.call_soon_threadsafe(self._resize))
        self._held.callback(signal.signal, signal.SIGWINCH, before)
        self._listen()
        self._resize()
        if self._terminal.keyboard is not None:
            self.write(_ASK_SYNC)
            self.flush()

    def disable_input(self) -> None:
        """Nothing: keys are read until the terminal is given back."""

    def stop_application_mode(self) -> None:
        self._held.close()

    def _listen(self) -> None:
        """Read keys from now on."""
        stdin = self._terminal.keyboard
        if stdin is None:
            return
        if (keyboard := own_handle(stdin, os.O_RDONLY)) is not None:
            self._held.callback(os.close, keyboard)
        else:
            keyboard = stdin
            self._held.callback(os.set_blocking, stdin, os.get_blocking(stdin))
            os.set_blocking(stdin, False)
        self._loop.add_reader(keyboard, self._read, keyboard)
        self._held.callback(self._ignore, keyboard)

    def _ignore(self, keyboard: int) -> None:
        self._loop.remove_reader(keyboard)
        if self._timer is not None:
            self._timer.cancel()

    def _read(self, keyboard: int) -> None:
        try:
            typed = os.read(keyboard, 4096)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed:  # it was hung up
            self._loop.remove_reader(keyboard)
            self._lose(BrokenPipeError(errno.EPIPE, "the terminal was closed"))
            return
        self._take(self._parser.feed(self._decode(typed)))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_ESCAPE_SECONDS, lambda: self._take(self._parser.tick()))

    def _take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def _resize(self) -> None:
        size = Size(*self._terminal.size)
        self.send_message(events.Resize(size, size))

    def _redraw(self) -> None:
        """Write all of it anew, after somebody else had the terminal."""

        def redraw() -> None:
            self._left.clear()  # half a picture
            self._stop_waiting()
            self._resize()
            with suppress(IndexError):  # no screen yet
                self._app.screen.refresh()

        self._loop.call_soon_threadsafe(redraw)

    def _lose(self, error: OSError) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._left.clear()
            self._stop_waiting()
            self._borrower.fail(error)

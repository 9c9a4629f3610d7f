"""Where log lines go while a table has the terminal: kept and shown in it, and written out when it is gone."""

import io
import sys
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

__all__ = ["MessageBoard"]

_KEPT_LINES = 200


class MessageBoard(io.StringIO):
    """A stream for the log: written straight through to stderr, but for the time that it is held.

    Held, it keeps the newest lines, and writes them out at the end.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stderr
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._news: deque[str] = deque(maxlen=_KEPT_LINES)
        self._is_held = False

    def take(self) -> Sequence[str]:
        """Give the newest lines that were written while it is held and not given before, oldest first."""
        news = list(self._news)
        self._news.clear()
        return news

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only at runtime, too
        """The encoding of the stream behind."""
        return self._stream.encoding or "utf-8"

    def isatty(self) -> bool:
        """Tell whether a terminal is behind it."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Take whole lines."""
        if self._is_held:
            lines = text.splitlines()
            self._lines.extend(lines)
            self._news.extend(lines)
            return len(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush what is behind it."""
        if not self._is_held:
            self._stream.flush()

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep lines until the end, then write them out."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            with suppress(OSError):  # the terminal is gone
                self._stream.write("".join(f"{line}\n" for line in self._lines))
                self._stream.flush()
            self._lines.clear()
            self._news.clear()

"""Where lines come from and go to: loguru and standard logging in, one stream out."""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import TextIO

import attrs
import loguru
from loguru import logger

from market_data.logs.lines import Line, render_json, render_pretty
from market_data.logs.repeats import Repeats

__all__ = ["LogOutput", "configure_logging"]

_REPEAT_KEY, _SUBJECT_FIELD = "repeat_key", "subject_field"
_TOLD_BY_US = ("aiokafka",)
"""Libraries whose every trouble our own lines tell, once: an outage of minutes would make thousands of theirs."""
_OURS = __name__.partition(".")[0]
_TALKATIVE_LIBRARIES = ("asyncio", "httpcore", "httpx", "httpx_ws", "uvicorn", "websockets")


def configure_logging(
    level: str,
    log_format: str,
    stream: TextIO | None = None,
    repeat_seconds: float = 60,
    clock: Callable[[], float] = time.monotonic,
) -> "LogOutput":
    """Send every line of loguru and of standard logging to one stream, in place of all that was set up before.

    Colour is left out where `NO_COLOR` is set or the terminal is dumb.

    Args:
        level: The least severity that is written, as in `log.level`.
        log_format: `pretty`, `json`, or `auto` for pretty on a terminal and JSON elsewhere.
        stream: Where to, by default stderr; where it is closed or broken, lines are lost without an error.
        repeat_seconds: The period over which a warning that repeats is summed.
        clock: Monotonic seconds.

    Returns:
        The output; close it at the end of the program, so that what was counted is told.

    """
    target = stream or sys.stderr
    is_terminal = target.isatty()
    has_colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    is_pretty = log_format == "pretty" or (log_format == "auto" and is_terminal)
    render = (lambda line: render_pretty(line, has_colour=has_colour)) if is_pretty else render_json
    output = LogOutput(target, render, Repeats(repeat_seconds), clock)
    logger.remove()
    logger.enable(_OURS)
    logger.add(output.write, level=level, format=lambda _: "", backtrace=False, diagnose=False)
    _intercept_standard_logging(logger.level(level).no)
    return output


@attrs.define
class LogOutput:
    """Writes lines to a stream, repeated warnings summed; may be used from several threads."""

    _stream: TextIO
    _render: Callable[[Line], str]
    _repeats: Repeats
    _clock: Callable[[], float]
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _timer: threading.Timer | None = attrs.field(default=None, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    def write(self, message: "loguru.Message") -> None:
        """Take a record, as a loguru sink."""
        line = _line(message.record)
        with self._lock:
            self._tell([line] if self._is_closed else self._repeats.admit(line, self._clock()))
            self._arm()

    def tick(self) -> None:
        """Tell the sums that are due."""
        with self._lock:
            self._timer = None
            self._tell(self._repeats.due(self._clock()))
            self._arm()

    def close(self) -> None:
        """Tell all that was counted; lines that still come are written as they are."""
        with self._lock:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
            self._tell(self._repeats.drain(self._clock()))

    def _arm(self) -> None:
        due = self._repeats.next_due()
        if due is not None and self._timer is None:
            self._timer = threading.Timer(max(0.0, due - self._clock()), self.tick)
            self._timer.daemon = True
            self._timer.name = "log-repeats"
            self._timer.start()

    def _tell(self, lines: Iterable[Line]) -> None:
        encoding = self._stream.encoding or "utf-8"
        for line in lines:
            text = self._render(line).encode(encoding, "backslashreplace").decode(encoding)
            try:
                self._stream.write(f"{text}\n")
                self._stream.flush()
            except (OSError, ValueError):  # broken or closed: there is nowhere left to complain
                return


class _StandardLoggingHandler(logging.Handler):
    """Hands what libraries say through standard logging to loguru, with their name and level."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on; its template tells what is a repetition."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit the template
            message = str(record.msg)
        level: str | int = record.levelname if record.levelname in _LEVELS else record.levelno
        source = logger.bind(**{_REPEAT_KEY: str(record.msg)}).patch(lambda told: told.update({"name": record.name}))
        source.opt(exception=record.exc_info).log(level, "{}", message.rstrip())


_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


def _intercept_standard_logging(severity: int) -> None:
    logging.basicConfig(handlers=[_StandardLoggingHandler()], level=severity, force=True)
    logging.captureWarnings(capture=True)
    is_debugging = severity <= logging.DEBUG
    for libraries, least in ((_TALKATIVE_LIBRARIES, logging.WARNING), (_TOLD_BY_US, logging.CRITICAL)):
        for library in libraries:
            logging.getLogger(library).setLevel(logging.NOTSET if is_debugging else least)


def _line(record: "loguru.Record") -> Line:
    fields = dict(record["extra"])
    repeat_key, subject_field = fields.pop(_REPEAT_KEY, None), fields.pop(_SUBJECT_FIELD, None)
    error, name = record["exception"], record["name"] or ""
    return Line(
        time=record["time"],
        level=record["level"].name,
        severity=record["level"].no,
        logger="" if name.partition(".")[0] == _OURS else name,
        message=record["message"],
        fields=fields,
        exception=None if error is None else "".join(traceback.format_exception(*error)).rstrip("\n"),
        repeat_key=None if repeat_key is None else str(repeat_key),
        subject_field=subject_field if subject_field in fields else None,
    )

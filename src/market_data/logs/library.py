"""The log of a program that only uses the reading API: nothing until it asks for it, and then no repetitions."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic

from loguru import logger

from market_data.adapters.telemetry.logs import subject_field
from market_data.application.measures import Source
from market_data.application.metrics import Metric
from market_data.application.ports import Telemetry
from market_data.logs.lines import Line
from market_data.logs.repeats import Repeats

__all__ = ["LibraryTelemetry", "be_silent", "library_telemetry"]

_PACKAGE = __name__.partition(".")[0]
_NOTE, _WARNING = 20, 30


def be_silent() -> None:
    """Say nothing until ``logger.enable("market_data")``; leave the Kafka client's own lines to the host's logging.

    Without a handler at all, standard logging would write its warnings to the host's stderr.
    """
    logger.disable(_PACKAGE)
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())


class LibraryTelemetry(Telemetry):
    """Lines to the host's loguru sinks, warnings that repeat summed up before they get there."""

    def __init__(self, repeat_seconds: float) -> None:
        self._repeats = Repeats(repeat_seconds)

    def note(self, message: str, **fields: object) -> None:
        self._tell(self._repeats.admit(_line("INFO", _NOTE, message, fields), monotonic()))

    def warn(self, message: str, **fields: object) -> None:
        self._tell(self._repeats.admit(_line("WARNING", _WARNING, message, fields), monotonic()))

    def count(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        """Metrics are for whoever runs the program; the proof says what a reader needs to know."""

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """As ``count``."""

    def watch(self, source: Source) -> None:
        """As ``count``."""

    def close(self) -> None:
        """Tell what was only counted."""
        self._tell(self._repeats.drain(monotonic()))

    def _tell(self, lines: Iterable[Line]) -> None:
        for line in lines:
            logger.bind(**line.fields).log(line.level, "{}", line.message)


@contextmanager
def library_telemetry(repeat_seconds: float) -> Iterator[LibraryTelemetry]:
    """Make the telemetry of one reading; what it counted is told at the end."""
    telemetry = LibraryTelemetry(repeat_seconds)
    try:
        yield telemetry
    finally:
        telemetry.close()


def _line(level: str, severity: int, message: str, fields: dict[str, object]) -> Line:
    return Line(datetime.now(UTC), level, severity, "", message, fields, subject_field=subject_field(fields))

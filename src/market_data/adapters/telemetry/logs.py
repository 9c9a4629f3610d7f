"""Telemetry as log lines, by loguru; what is measured is kept for whoever reads metrics."""

from collections.abc import Mapping

from loguru import logger

from market_data.application.measures import Measures, Source
from market_data.application.metrics import Metric
from market_data.application.ports import Telemetry

__all__ = ["LogTelemetry", "subject_field"]

_SUBJECTS = ("instrument", "exchange", "setting")
"""Fields that say what a warning is about, the narrowest first: what repeats over many of one is summed together."""


def subject_field(fields: Mapping[str, object]) -> str | None:
    """Name the field that says what a warning is about, None where none does."""
    return next((name for name in _SUBJECTS if fields.get(name)), None)


class LogTelemetry(Telemetry):
    """Notes are INFO, warnings WARNING with repetitions summed by the log's own sink."""

    def __init__(self, measures: Measures | None = None) -> None:
        self._measures = measures or Measures()

    def note(self, message: str, **fields: object) -> None:
        logger.bind(**fields).info(message)

    def warn(self, message: str, **fields: object) -> None:
        logger.bind(subject_field=subject_field(fields), **fields).warning(message)

    def count(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        self._measures.count(metric, _values(metric, labels), amount)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        self._measures.observe(metric, _values(metric, labels), value)

    def watch(self, source: Source) -> None:
        self._measures.watch(source)


def _values(metric: Metric, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels[name] for name in metric.labels)

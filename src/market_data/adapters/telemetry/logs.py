"""Telemetry as log lines, by loguru."""

from collections import Counter
from collections.abc import Mapping

from loguru import logger

from market_data.application.ports import Telemetry

__all__ = ["LogTelemetry", "subject_field"]

_SUBJECTS = ("instrument", "exchange", "setting")
"""Fields that say what a warning is about, the narrowest first: what repeats over many of one is summed together."""


def subject_field(fields: Mapping[str, object]) -> str | None:
    """Name the field that says what a warning is about, None where none does."""
    return next((name for name in _SUBJECTS if fields.get(name)), None)


class LogTelemetry(Telemetry):
    """Notes are INFO, warnings WARNING with repetitions summed by the log's own sink; counters are kept and told on
    request.
    """

    def __init__(self) -> None:
        self.counters: Counter[tuple[str, ...]] = Counter()

    def note(self, message: str, **fields: object) -> None:
        logger.bind(**fields).info(message)

    def warn(self, message: str, **fields: object) -> None:
        logger.bind(subject_field=subject_field(fields), **fields).warning(message)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counters[(name, *labels.values())] += amount

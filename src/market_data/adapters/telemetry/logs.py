"""Telemetry as log lines, by loguru."""

from collections import Counter

from loguru import logger

from market_data.application.ports import Telemetry

__all__ = ["LogTelemetry"]

_SUBJECTS = ("instrument", "exchange", "setting")
"""Fields that say what a warning is about, the narrowest first: what repeats over many of one is summed together."""


class LogTelemetry(Telemetry):
    """Notes are INFO, warnings WARNING with repetitions summed by the log's own sink; counters are kept and told on
    request.
    """

    def __init__(self) -> None:
        self.counters: Counter[tuple[str, ...]] = Counter()

    def note(self, message: str, **fields: object) -> None:
        logger.bind(**fields).info(message)

    def warn(self, message: str, **fields: object) -> None:
        subject = next((name for name in _SUBJECTS if fields.get(name)), None)
        logger.bind(subject_field=subject, **fields).warning(message)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counters[(name, *labels.values())] += amount

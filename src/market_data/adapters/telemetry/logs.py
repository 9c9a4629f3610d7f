"""Telemetry as log lines, by loguru."""

from collections import Counter

from loguru import logger

from market_data.application.ports import Telemetry

__all__ = ["LogTelemetry"]


class LogTelemetry(Telemetry):
    """Notes are INFO, warnings WARNING with repetitions summed by the log's own sink; counters are kept and told on
    request.
    """

    def __init__(self) -> None:
        self.counters: Counter[tuple[str, ...]] = Counter()

    def note(self, message: str, **fields: object) -> None:
        logger.bind(**fields).info(message)

    def warn(self, message: str, **fields: object) -> None:
        whose = fields.get("instrument") or fields.get("exchange") or fields.get("setting") or ""
        logger.bind(repeat_key=f"{message} {whose}", **fields).warning(message)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counters[(name, *labels.values())] += amount

"""What an operator is told through."""

from abc import abstractmethod
from typing import Protocol

from market_data.application.measures import Source
from market_data.application.metrics import Metric

__all__ = ["Telemetry"]


class Telemetry(Protocol):
    """What an operator is told, in log lines and metrics. Verbs of the application; the adapter decides how."""

    @abstractmethod
    def note(self, message: str, **fields: object) -> None:
        """Something an operator would tell a colleague. The message is constant; what varies is in the fields."""
        raise NotImplementedError

    @abstractmethod
    def warn(self, message: str, **fields: object) -> None:
        """Something that is not as it should be and is being dealt with. Repetitions are summed."""
        raise NotImplementedError

    @abstractmethod
    def count(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        """Add to a counter: something that happens rarely. What is counted all the time is watched."""
        raise NotImplementedError

    @abstractmethod
    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Take one value of a histogram."""
        raise NotImplementedError

    @abstractmethod
    def watch(self, source: Source) -> None:
        """Ask this source whenever metrics are read, for the rest of the run."""
        raise NotImplementedError

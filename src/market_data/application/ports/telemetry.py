"""What an operator is told through."""

from abc import abstractmethod
from typing import Protocol

__all__ = ["Telemetry"]


class Telemetry(Protocol):
    """What an operator is told. Verbs of the application; the adapter decides between log lines and metrics."""

    @abstractmethod
    def note(self, message: str, **fields: object) -> None:
        """Something an operator would tell a colleague. The message is constant; what varies is in the fields."""
        raise NotImplementedError

    @abstractmethod
    def warn(self, message: str, **fields: object) -> None:
        """Something that is not as it should be and is being dealt with. Repetitions are summed."""
        raise NotImplementedError

    @abstractmethod
    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        raise NotImplementedError

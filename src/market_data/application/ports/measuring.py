"""Where many measured values go, of which only their distribution is wanted."""

from abc import abstractmethod
from typing import Protocol

__all__ = ["Histogram"]


class Histogram(Protocol):
    """Whole numbers, also below zero, in bounded memory."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many there are."""
        raise NotImplementedError

    @abstractmethod
    def record(self, value: int) -> None:
        """Take one more."""
        raise NotImplementedError

    @abstractmethod
    def percentile(self, share: float) -> int:
        """Give the value that so many in a hundred do not exceed, to three digits; 100 is the greatest of all.

        Raises:
            ValueError: there are none.
        """
        raise NotImplementedError

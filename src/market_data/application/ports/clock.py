"""What tells the time."""

from abc import abstractmethod
from typing import Protocol

from market_data.domain.moment import Moment

__all__ = ["Clock"]


class Clock(Protocol):
    """The only source of time."""

    @abstractmethod
    def now(self) -> Moment:
        """Read both clocks."""
        raise NotImplementedError

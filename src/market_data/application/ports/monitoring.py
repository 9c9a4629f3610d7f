"""How a run is looked at from outside: whether it is well, and where that can be asked."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

__all__ = ["Health", "Listener", "Report"]


@attrs.frozen
class Report:
    """An answer: whether it is well, and what is to be said of it, for JSON."""

    is_well: bool
    says: Mapping[str, object]


class Health(Protocol):
    """What a run says of itself; pure and quick, since anybody may ask at any time."""

    @abstractmethod
    def liveness(self) -> Report:
        """Say whether its tasks go on. Where not, only a restart helps."""
        raise NotImplementedError

    @abstractmethod
    def readiness(self) -> Report:
        """Say whether it does what it is for, and if not, what is missing. It may well do so again by itself."""
        raise NotImplementedError


class Listener(Protocol):
    """Answers whoever asks for metrics and health."""

    @abstractmethod
    def open(self, health: Health) -> AbstractAsyncContextManager[None]:
        """Begin to answer; leaving ends it and closes what is open.

        Raises:
            AppError: on entering, where the address cannot be had; says what to do.
        """
        raise NotImplementedError

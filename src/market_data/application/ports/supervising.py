"""Whoever started the program and wants to know how it is."""

from abc import abstractmethod
from typing import Protocol

__all__ = ["Supervisor"]


class Supervisor(Protocol):
    """Is told of each stage; never fails, and costs nothing where nobody listens."""

    alive_seconds: float | None
    """How often it wants to hear ``alive``; None: never."""

    @abstractmethod
    def ready(self) -> None:
        """The broker is reached and the venues are being followed; said again after each ``reloading``."""
        raise NotImplementedError

    @abstractmethod
    def reloading(self) -> None:
        """The settings are read again."""
        raise NotImplementedError

    @abstractmethod
    def alive(self) -> None:
        """The event loop turns."""
        raise NotImplementedError

    @abstractmethod
    def stopping(self) -> None:
        """What waits is delivered, then the program ends."""
        raise NotImplementedError

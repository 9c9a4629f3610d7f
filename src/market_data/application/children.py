"""Programs that this one starts, waits for and ends: the port, and what it means when one of them ends by itself."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from market_data.domain.errors import AppError, UsageError

__all__ = ["Child", "ChildFailed", "Children", "Warned"]


@attrs.frozen
class Warned:
    """A warning in a child's log, as that program told it."""

    message: str
    fields: Mapping[str, object]


class ChildFailed(AppError):
    """A child process ended although nobody asked it to, ended badly, or did not get ready."""

    def __init__(
        self, name: str, problem: str, *, last_lines: Sequence[str] = (), log: str = "", is_misuse: bool = False
    ) -> None:
        """``last_lines`` are the end of what it said, ``log`` is where all of it can be read; ``is_misuse``: it was
        asked for what makes no sense.
        """
        said = [f"  {line}" for line in last_lines]
        super().__init__(f"{name} {problem}{':' if said else ''}", *said, *([f"its log: {log}"] if log else []))
        self.name = name
        self.exit_status = UsageError.exit_status if is_misuse else AppError.exit_status


class Child(Protocol):
    """One running child."""

    name: str

    @abstractmethod
    async def first_line(self) -> str:
        """Wait for the first line that it writes to stdout.

        Raises:
            ChildFailed: it ended without one.
        """
        raise NotImplementedError

    @abstractmethod
    def warnings(self) -> Sequence[Warned]:
        """Give the warnings of its log since the last call; of very many the newest."""
        raise NotImplementedError

    @abstractmethod
    async def watch(self) -> None:
        """Wait until it ends by itself, which it should not; returns once it was asked to stop.

        Raises:
            ChildFailed: it ended.
        """
        raise NotImplementedError

    @abstractmethod
    async def stop(self) -> None:
        """Ask it to stop and wait for its end, in a bounded time: after that it is killed.

        Raises:
            ChildFailed: it had to be killed, or did not end with status 0.
        """
        raise NotImplementedError


class Children(Protocol):
    """What starts children."""

    @abstractmethod
    def start(self, name: str, arguments: Sequence[str]) -> AbstractAsyncContextManager[Child]:
        """Start a Python module with arguments; leaving ends it if it still runs, however that goes.

        A child has no terminal: what is typed there, Ctrl-C too, reaches only the parent.
        """
        raise NotImplementedError

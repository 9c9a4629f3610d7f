"""What shows the market, to a person or to a program behind a pipe."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from market_data.application.ports.subscribing import Trouble
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.proof import OrderProof
from market_data.domain.quote import Quote

__all__ = ["Display", "Pictures", "Reading"]


class Pictures:
    """What a display tells of its pictures; measures nothing by itself."""

    def begin(self) -> None:
        """All that was given so far is being shown."""

    def end(self) -> None:
        """It can be seen."""


@attrs.define
class Reading:
    """How the reading of the topic goes: what every view can say of itself."""

    source: str
    """Broker and topic."""
    proof: OrderProof
    started_at: Moment
    records: int = 0
    now: Moment | None = None
    trouble: Trouble | None = None
    lag: int | None = None
    """How many records are between us and the ends of the partitions; None before a broker has told where they are."""
    pictures: Pictures = attrs.field(factory=Pictures)
    """To be told by the display."""


class Display(Protocol):
    """Where a person, or a program behind a pipe, sees the market."""

    @abstractmethod
    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:
        """Show what just changed; ``market`` holds all the rest."""
        raise NotImplementedError

    @abstractmethod
    def refresh(self, market: Market, reading: Reading) -> None:
        """Show the passing of time; called a few times a second."""
        raise NotImplementedError

    @abstractmethod
    def open(self, market: Market, reading: Reading, leave: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Take the terminal, or whatever else it is shown on; leaving gives it back as it was found.

        What is shown between two refreshes, as when somebody presses a key, is read from ``market`` and ``reading``.
        ``leave`` is called when the person in front of it has seen enough.
        """
        raise NotImplementedError

"""What the cores of a run are given, so that it can be fed back in that order and give the same effects.

A core reads no clock, does no I/O and draws no lots: its setup and its inputs with their moments are all that it
depends on. ``digest`` names the effects of one input, so that a log proves itself when it is played again.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol
from zlib import crc32

import attrs

from market_data.application.core import FeedCore
from market_data.application.inputs import Input, Output
from market_data.application.ports import Venue
from market_data.domain.book import BookFactory, OrderBook
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.sync import Standing, SyncSettings
from market_data.domain.tally import VenueTally

__all__ = [
    "NO_INPUT_LOG",
    "CoreSetup",
    "InputLog",
    "InputRecorder",
    "Logged",
    "NoInputLog",
    "Replayed",
    "digest",
    "make_core",
    "replay",
]


@attrs.frozen
class CoreSetup:
    """All that makes a core but its venue, which the log names as the settings do."""

    exchange: str
    instruments: Sequence[Instrument]
    auctions: frozenset[str]
    """Native ids of books that may cross legitimately."""
    sync: SyncSettings
    frame_silence_seconds: float
    standings: Sequence[Standing]
    """What was said of the books before this core spoke for them; empty where nothing was."""
    seed: int
    """What the jitter of its feed is drawn from."""
    is_withheld: bool = False
    """Another core speaks for the books until this one takes over."""


class InputRecorder(Protocol):
    """Takes down what one core is given; never raises."""

    @abstractmethod
    def take(self, given: Input, moment: Moment) -> None:
        """Note an input before the core sees it: what makes a core fail is in the log."""
        raise NotImplementedError

    @abstractmethod
    def gave(self, outputs: Sequence[Output]) -> None:
        """Note what came of the last input."""
        raise NotImplementedError


class InputLog(Protocol):
    """Where the inputs of a run go."""

    @abstractmethod
    def begin(self, setup: CoreSetup) -> InputRecorder:
        """Begin the log of one core; never raises."""
        raise NotImplementedError


class NoInputLog(InputLog, InputRecorder):
    """Takes nothing down."""

    def begin(self, setup: CoreSetup) -> InputRecorder:  # noqa: ARG002 - nothing is kept
        return self

    def take(self, given: Input, moment: Moment) -> None:
        pass

    def gave(self, outputs: Sequence[Output]) -> None:
        pass


NO_INPUT_LOG = NoInputLog()


@attrs.frozen
class Logged:
    """One input as it was taken down; ``digest`` is None where the log ends before it is known."""

    given: Input
    moment: Moment
    digest: int | None


@attrs.frozen
class Replayed:
    """One input fed back, and its effects; ``is_same``: they are those of the run."""

    logged: Logged
    outputs: Sequence[Output]
    is_same: bool


def make_core(
    setup: CoreSetup, venue: Venue, books: BookFactory = OrderBook, tally: VenueTally | None = None
) -> FeedCore:
    """Make a core as it stood before its first input; what keeps its books, or counts, changes nothing that it says."""
    core = FeedCore(
        venue,
        setup.instruments,
        setup.sync,
        frame_silence_seconds=setup.frame_silence_seconds,
        auctions=setup.auctions,
        books=books,
        tally=tally,
        is_withheld=setup.is_withheld,
    )
    core.resume(setup.standings)
    return core


def replay(core: FeedCore, inputs: Iterable[Logged]) -> Iterator[Replayed]:
    """Feed inputs back in their order."""
    for logged in inputs:
        outputs = core.handle(logged.given, logged.moment)
        yield Replayed(logged, outputs, is_same=logged.digest in (None, digest(outputs)))


def digest(outputs: Sequence[Output]) -> int:
    """Name effects: the same effects in the same order, and for all practical purposes no others, give the same."""
    return crc32(repr(list(outputs)).encode()) if outputs else 0

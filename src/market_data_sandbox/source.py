"""What stands behind an exchange: a market or a recording, and how it tells its exchange what happens.

A source changes its books and delivers the message about it in one step, without awaiting in between. Whoever asks for
a book between two steps gets exactly the state after the last message delivered: that is what makes the truth true.
"""

from abc import abstractmethod
from collections.abc import MutableMapping, Sequence
from typing import Protocol, Self

import attrs

from market_data_sandbox.book import Book, Level

__all__ = ["MISSING", "WITHOUT_BOOK", "Change", "Depth", "Listener", "Listing", "Message", "Recorded", "Source"]

MISSING = "missing"
"""The state of an instrument that is not listed at all."""
WITHOUT_BOOK = frozenset({MISSING, "BREAK", "offline", "delisted", "Disabled"})
"""In these states nothing happens."""


@attrs.frozen
class Listing:
    """An instrument as a venue lists it."""

    base: str
    quote: str
    price_decimals: int
    """The price increment is 10 to the power of minus this."""
    size_decimals: int

    @property
    def symbol(self) -> str:
        """Give the canonical symbol, BASE-QUOTE."""
        return f"{self.base}-{self.quote}"


@attrs.frozen
class Change:
    """One change of one book, absolute sizes, zero removes."""

    symbol: str
    first_id: int
    """Of what was recorded: OKX's `prevSeqId`, Bybit's `u`."""
    last_id: int
    time_ns: int | None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    replaces: bool = False
    """A whole book instead of a difference."""
    recorded: str | None = None
    """Coinbase, recorded: the JSON of the event as it came."""


@attrs.frozen
class Recorded:
    """How a recorded message looked on the wire."""

    text: str
    stream: str
    """Binance: the name of its stream. Empty for Coinbase."""
    timestamp: str
    """Coinbase: the time in its envelope. Empty for Binance."""


@attrs.frozen
class Message:
    """What a venue says at one moment: one change, seldom those of two instruments, or something else recorded."""

    changes: tuple[Change, ...]
    recorded: Recorded | None = None


@attrs.frozen
class Depth:
    """A book at a position, best levels first."""

    sequence: int
    bids: list[Level]
    asks: list[Level]
    changed_ns: int | None

    @classmethod
    def of(cls, book: Book) -> Self:
        """Take down a whole book as it is."""
        return cls(book.sequence, book.bids(), book.asks(), book.changed_ns)


class Listener(Protocol):
    """An exchange, seen from its source."""

    @abstractmethod
    async def ready(self) -> None:
        """Wait until every subscriber has room for one more frame."""

    @abstractmethod
    def applied(self, symbol: str, book: Book) -> None:
        """Take note that a book has a new state; called before the message that tells it."""

    @abstractmethod
    def restarted(self, symbol: str, book: Book) -> None:
        """Take note that the changes of a book are numbered from a low number again."""

    @abstractmethod
    def deliver(self, message: Message) -> None:
        """Send a message to whoever subscribed to it; never waits."""


class Source(Protocol):
    """Where an exchange's books and messages come from. Symbols are canonical (`BTC-USDT`)."""

    @property
    @abstractmethod
    def listings(self) -> Sequence[Listing]:
        """Give the instruments, in order of their listing."""

    @property
    @abstractmethod
    def states(self) -> MutableMapping[str, str]:
        """Give the state of each instrument that is not simply traded, in its venue's word, or `MISSING`."""

    @abstractmethod
    def now_ns(self) -> int:
        """Read the venue's clock: the present, or where a recording stands."""

    @abstractmethod
    def book(self, symbol: str) -> Book | None:
        """Give the live book; None for an unknown instrument, or while a recording has not told its book yet."""

    @abstractmethod
    async def depth(self, symbol: str) -> Depth | None:
        """Give a book as a REST snapshot; a recording holds it back until it knows it. None when it never will."""

    @abstractmethod
    def subscribed(self, symbols: frozenset[str]) -> None:
        """Take note of which instruments somebody listens to now."""

    @abstractmethod
    async def run(self, listener: Listener) -> None:
        """Deliver until cancelled, or for ever quiet after the end of a recording."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every `depth` that still waits."""

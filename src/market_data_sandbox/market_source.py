"""Several random markets of one venue, moving at a rate, as what stands behind its exchange."""

import time
from collections.abc import Callable, Sequence
from random import Random

import anyio
import attrs

from market_data_sandbox.book import Book
from market_data_sandbox.market import MarketBook, Step, listing_of
from market_data_sandbox.options import Venue
from market_data_sandbox.source import WITHOUT_BOOK, Change, Depth, Listener, Listing, Message, Source

__all__ = ["MarketSource"]

_SHARED_FRAME = 0.03
_MOST_LATE_SECONDS = 1.0


@attrs.define(eq=False)
class _Walk:
    """One instrument: its market, its book, and where its ids stand."""

    market: MarketBook
    book: Book
    random: Random
    now_ns: Callable[[], int]

    def change(self, step: Step) -> Change:
        first = self.book.sequence + 1
        last = self.book.sequence + self.random.randint(1, 70)
        # A venue's time of a change is its name where the sequence is only a connection's: never twice the same.
        now_us = max(self.now_ns() // 1000, (self.book.changed_ns or 0) // 1000 + 1)
        self.book.apply(step.bids, step.asks)
        self.book.sequence = last
        self.book.changed_ns = now_us * 1000
        return Change(self.market.listing.symbol, first, last, now_us * 1000, step.bids, step.asks)


@attrs.define(eq=False)
class MarketSource(Source):
    """Markets that go on whether anybody listens or not, each at `rate` steps a second."""

    rate: float
    """Steps a second and instrument; may be changed while it runs."""
    _walks: dict[str, _Walk]
    _random: Random
    """Chooses which changes share a frame; the walks have their own, so that they do not depend on each other."""
    _now_ns: Callable[[], int]
    """The venue's clock."""
    states: dict[str, str] = attrs.field(factory=dict, init=False)
    _listener: Listener | None = attrs.field(default=None, init=False)

    @classmethod
    def open(
        cls,
        venue: Venue,
        symbols: Sequence[str],
        *,
        seed: int,
        rate: float,
        depth: int,
        number_text: Callable[[int, int], str],
        size_decimals: int,
        clock_offset_seconds: float = 0.0,
    ) -> "MarketSource":
        """Open a market for each instrument, seeded by the venue, the instrument and `seed`.

        Its clock is ahead of this machine's by `clock_offset_seconds`.
        """
        offset_ns = round(clock_offset_seconds * 1e9)

        def now_ns() -> int:
            return time.time_ns() + offset_ns

        walks = {}
        for symbol in symbols:
            random = Random(f"{seed}/{venue}/{symbol}")
            market = MarketBook(listing_of(symbol, random, size_decimals), depth, random, number_text)
            book = Book(sequence=random.randint(10**9, 5 * 10**10), changed_ns=now_ns() // 1000 * 1000)
            opening = market.open()
            book.replace(opening.bids, opening.asks)
            walks[symbol] = _Walk(market, book, random, now_ns)
        return cls(rate, walks, Random(f"{seed}/{venue}"), now_ns)

    @property
    def listings(self) -> Sequence[Listing]:
        return tuple(walk.market.listing for walk in self._walks.values())

    def now_ns(self) -> int:
        return self._now_ns()

    def book(self, symbol: str) -> Book | None:
        walk = self._walks.get(symbol)
        return None if walk is None else walk.book

    async def depth(self, symbol: str) -> Depth | None:
        book = self.book(symbol)
        return None if book is None else Depth.of(book)

    def subscribed(self, symbols: frozenset[str]) -> None:
        """Ignore it: a market does not depend on its audience."""

    def close(self) -> None:
        """Do nothing: a market never makes anybody wait."""

    async def run(self, listener: Listener) -> None:
        self._listener = listener
        for symbol, walk in self._walks.items():
            listener.applied(symbol, walk.book)
        async with anyio.create_task_group() as tasks:
            for index, symbol in enumerate(self._walks):
                tasks.start_soon(self._move, symbol, index / len(self._walks), name=f"market {symbol}")
            await anyio.sleep_forever()

    def leap(self, symbol: str, levels: int, *, falls: bool) -> None:
        """Let one trade take the best levels of an instrument."""
        walk = self._walks[symbol]
        self._tell((walk.change(walk.market.leap(levels, falls=falls)),))

    def restart_ids(self, symbol: str) -> None:
        """Number the changes of an instrument from a low id again; what has been told is not told again."""
        walk = self._walks[symbol]
        walk.book.sequence = self._random.randint(1_000, 1_000_000)
        if self._listener is not None:
            self._listener.restarted(symbol, walk.book)

    async def _move(self, symbol: str, phase: float) -> None:
        due = anyio.current_time() + phase / self.rate
        while True:
            await anyio.sleep_until(due)
            due = max(due + 1 / self.rate, anyio.current_time() - _MOST_LATE_SECONDS)
            moving = [symbol]
            if self._random.random() < _SHARED_FRAME:
                moving.append(self._random.choice(list(self._walks)))
            self._tell(tuple(change for name in dict.fromkeys(moving) if (change := self._step(name)) is not None))

    def _step(self, symbol: str) -> Change | None:
        if self.states.get(symbol) in WITHOUT_BOOK:
            return None
        walk = self._walks[symbol]
        step = walk.market.step()
        return walk.change(step) if step else None

    def _tell(self, changes: tuple[Change, ...]) -> None:
        if self._listener is None or not changes:
            return
        for change in changes:
            self._listener.applied(change.symbol, self._walks[change.symbol].book)
        self._listener.deliver(Message(changes))

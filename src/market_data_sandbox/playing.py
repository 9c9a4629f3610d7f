"""Plays a recording as what stands behind an exchange, and keeps the book that the frames make.

The book that it has rebuilt counts as the truth here: later snapshots are answered from it. Frames go out at the pace
of the recording, at a multiple of it, or as fast as the slowest subscriber takes them; in that case it stands still
while nobody is subscribed, so that who reconnects goes on where he left.
"""

import sys
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence

import anyio
import attrs
import msgspec

from market_data_sandbox.book import Book
from market_data_sandbox.pace import Pace
from market_data_sandbox.recording import Line, Recording
from market_data_sandbox.source import Change, Depth, Listener, Listing, Message, Recorded, Source
from market_data_sandbox.wire import BinanceData, BinanceFrame, CoinbaseEvent, CoinbaseFrame

__all__ = ["BinancePlayer", "CoinbasePlayer", "Player"]

_MOST_CHANGES_BEFORE_SNAPSHOT = 20_000

_decode_binance = msgspec.json.Decoder(BinanceFrame).decode
_decode_coinbase = msgspec.json.Decoder(CoinbaseFrame).decode
_decode_event = msgspec.json.Decoder(CoinbaseEvent).decode


@attrs.define(eq=False)
class Player(Source):
    """What the players of all venues share: pace, audience, the end. It plays once, from the first subscription on."""

    recording: Recording
    pace: Pace
    _wait_for: int
    """It starts when this many instruments are subscribed."""
    ended: anyio.Event = attrs.field(factory=anyio.Event, init=False)
    states: dict[str, str] = attrs.field(factory=dict, init=False)
    """What is listed of each; its recorded frames come all the same."""
    _books: dict[str, Book] = attrs.field(factory=dict, init=False)
    _audience: frozenset[str] = attrs.field(default=frozenset(), init=False)
    _audience_changed: anyio.Event = attrs.field(factory=anyio.Event, init=False)

    @property
    def listings(self) -> Sequence[Listing]:
        return self.recording.listings

    def now_ns(self) -> int:
        return self.pace.now_ns()

    def book(self, symbol: str) -> Book | None:
        return self._books.get(symbol)

    def subscribed(self, symbols: frozenset[str]) -> None:
        self._audience = symbols & {listing.symbol for listing in self.listings}
        self._audience_changed.set()
        self._audience_changed = anyio.Event()

    def close(self) -> None:
        """Do nothing, unless a venue's player makes somebody wait."""

    async def run(self, listener: Listener) -> None:
        await self._gather(self._wait_for)
        count = 0
        for line in self.recording.lines():
            if self.pace.speed is None and not self._audience:
                await self._gather(1)
            await self.pace.keep(line.time_ns)
            await listener.ready()
            await self._play(line, listener)
            count += 1
        self.ended.set()
        sys.stderr.write(f"capture ended: {self.recording.venue}, {count} frames\n")
        sys.stderr.flush()
        await anyio.sleep_forever()

    @abstractmethod
    async def _play(self, line: Line, listener: Listener) -> None:
        """Do what one recorded message says."""

    async def _gather(self, count: int) -> None:
        while len(self._audience) < min(count, len(self.listings)):
            await self._audience_changed.wait()


@attrs.define(eq=False)
class _Awaited:
    """The recorded snapshot of one instrument: changes before it, who asks for it, and what it was."""

    is_ahead: bool
    """It still comes in the recording."""
    changes: deque[Change] = attrs.field(factory=lambda: deque(maxlen=_MOST_CHANGES_BEFORE_SNAPSHOT))
    asked: anyio.Event = attrs.field(factory=anyio.Event)
    passed: anyio.Event = attrs.field(factory=anyio.Event)
    body: Depth | None = None


@attrs.define(eq=False)
class BinancePlayer(Player):
    """Plays frames of the combined stream as they were.

    A recorded `/depth` body is the answer to whoever has asked for it before its position; the player waits there up
    to `snapshot_wait_seconds` for somebody to ask, if the instrument is subscribed. Before it, and after a hole in the
    ids, the book is not known, and no snapshot is given.
    """

    _snapshot_wait_seconds: float
    _awaited: dict[str, _Awaited] = attrs.field(init=False)

    _symbols: dict[str, str] = attrs.field(init=False)
    """Canonical symbols by the venue's, lower case."""

    def __attrs_post_init__(self) -> None:
        self._awaited = {listing.symbol: self._await_snapshot(listing.symbol, -1) for listing in self.listings}
        self._symbols = {f"{listing.base}{listing.quote}".lower(): listing.symbol for listing in self.listings}

    async def depth(self, symbol: str) -> Depth | None:
        awaited = self._awaited.get(symbol)
        if awaited is None:
            return None
        if (book := self.book(symbol)) is not None:
            return Depth.of(book)
        if not awaited.is_ahead:
            return None
        awaited.asked.set()
        await awaited.passed.wait()
        return awaited.body

    def close(self) -> None:
        for awaited in self._awaited.values():
            awaited.passed.set()

    async def _play(self, line: Line, listener: Listener) -> None:
        if (symbol := self.recording.snapshots.get(line.index)) is not None:
            await self._pass_snapshot(symbol, line.text, listener)
            return
        frame = _decode_binance(line.text)
        name, _, kind = frame.stream.partition("@")
        changes: tuple[Change, ...] = ()
        if kind.startswith("depth") and frame.data.last_id and name in self._symbols:
            changes = (_change_of(self._symbols[name], frame.data),)
            self._take(changes[0], line.index, listener)
        if frame.stream:
            listener.deliver(Message(changes, Recorded(line.text, frame.stream, "")))

    def _take(self, change: Change, index: int, listener: Listener) -> None:
        book = self.book(change.symbol)
        if book is not None and change.first_id > book.sequence + 1:
            # The recording itself has a hole: nothing is known until its next snapshot.
            del self._books[change.symbol]
            self._awaited[change.symbol] = self._await_snapshot(change.symbol, index)
            book = None
        if book is None:
            self._awaited[change.symbol].changes.append(change)
        elif change.last_id > book.sequence:
            _apply(book, change)
            listener.applied(change.symbol, book)

    def _await_snapshot(self, symbol: str, index: int) -> _Awaited:
        return _Awaited(any(found == symbol and at > index for at, found in self.recording.snapshots.items()))

    async def _pass_snapshot(self, symbol: str, text: str, listener: Listener) -> None:
        awaited = self._awaited[symbol]
        if awaited.passed.is_set():
            return
        if symbol in self._audience and self._snapshot_wait_seconds:
            with anyio.move_on_after(self._snapshot_wait_seconds):
                await awaited.asked.wait()
            self.pace.restart()
        frame = _decode_binance(text)
        book = Book(sequence=frame.last_update_id)
        book.replace(frame.bids, frame.asks)
        listener.applied(symbol, book)
        for change in awaited.changes:
            if change.last_id > book.sequence:
                _apply(book, change)
                listener.applied(symbol, book)
        awaited.changes.clear()
        awaited.body = Depth(frame.last_update_id, list(frame.bids), list(frame.asks), None)
        self._books[symbol] = book
        awaited.passed.set()


@attrs.define(eq=False)
class CoinbasePlayer(Player):
    """Plays the `l2_data` frames; acks and heartbeats are the exchange's own.

    The book of a product that has a recorded snapshot is not known before it; a product without one starts empty.
    """

    _awaited: set[str] = attrs.field(init=False)
    """Products whose recorded snapshot still comes."""

    def __attrs_post_init__(self) -> None:
        self._awaited = set(self.recording.snapshots.values())
        self._books = {
            listing.symbol: Book(sequence=0) for listing in self.listings if listing.symbol not in self._awaited
        }

    async def depth(self, symbol: str) -> Depth | None:
        book = self.book(symbol)
        return None if book is None else Depth.of(book)

    async def _play(self, line: Line, listener: Listener) -> None:
        frame = _decode_coinbase(line.text)
        if frame.channel != "l2_data":
            return
        changes = tuple(self._change(raw) for raw in frame.events)
        for change in changes:
            book = self._books.get(change.symbol)
            if change.replaces:
                book = self._books.setdefault(change.symbol, Book(sequence=0))
                book.replace(change.bids, change.asks)
            elif book is not None:
                book.apply(change.bids, change.asks)
            if book is not None:
                book.sequence += 1
                book.changed_ns = change.time_ns or book.changed_ns
                listener.applied(change.symbol, book)
        listener.deliver(Message(changes, Recorded(line.text, "", frame.timestamp)))

    def _change(self, raw: msgspec.Raw) -> Change:
        event = _decode_event(raw)
        return Change(
            symbol=event.product_id,
            first_id=0,
            last_id=0,
            time_ns=event.time_ns(),
            bids=event.side("bid"),
            asks=event.side("offer") + event.side("ask"),
            replaces=event.type == "snapshot",
            recorded=bytes(raw).decode(),
        )


def _change_of(symbol: str, update: BinanceData) -> Change:
    time_ns = update.time_ms * 10**6
    return Change(symbol, update.first_id, update.last_id, time_ns, update.bid_levels(), update.ask_levels())


def _apply(book: Book, change: Change) -> None:
    book.apply(change.bids, change.asks)
    book.sequence = change.last_id
    book.changed_ns = change.time_ns

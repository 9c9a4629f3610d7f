"""Recordings whose books begin and go on in the stream, frame by frame: what OKX's and Bybit's have in common."""

from collections.abc import Callable

import attrs

from market_data_sandbox.book import Book
from market_data_sandbox.options import Options
from market_data_sandbox.pace import Pace
from market_data_sandbox.playing import Player
from market_data_sandbox.recording import Decimals, Format, Line, Recording, Scan
from market_data_sandbox.source import Change, Depth, Listener, Listing, Message, Recorded

__all__ = ["in_stream_format"]

Read = Callable[[str], tuple[Change, str] | None]
"""Reads a message about a book, and what its stream is called; None for any other message."""


@attrs.define(eq=False)
class InStreamPlayer(Player):
    """Plays frames as they were; a book is not known before its recorded snapshot."""

    _read: Read

    async def depth(self, symbol: str) -> Depth | None:
        book = self.book(symbol)
        return None if book is None else Depth.of(book)

    async def _play(self, line: Line, listener: Listener) -> None:
        read = self._read(line.text)
        if read is None:
            return
        change, stream = read
        book = self._books.setdefault(change.symbol, Book()) if change.replaces else self._books.get(change.symbol)
        if book is not None:
            (book.replace if change.replaces else book.apply)(change.bids, change.asks)
            book.sequence, book.changed_ns = change.last_id, change.time_ns
            listener.applied(change.symbol, book)
        listener.deliver(Message((change,), Recorded(line.text, stream, "")))


@attrs.define
class _InStreamScan(Scan):
    _read: Read
    _decimals: dict[str, Decimals] = attrs.field(factory=dict, init=False)
    _firsts: dict[str, int] = attrs.field(factory=dict, init=False)
    """Index of the first snapshot of each book."""

    def take(self, line: Line) -> None:
        if (read := self._read(line.text)) is not None:
            change, _ = read
            self._decimals.setdefault(change.symbol, Decimals()).take(change.bids + change.asks)
            if change.replaces:
                self._firsts.setdefault(change.symbol, line.index)

    def listings(self) -> tuple[Listing, ...]:
        halves = ((symbol.partition("-"), found) for symbol, found in self._decimals.items())
        return tuple(Listing(base, quote, found.price, found.size) for (base, _, quote), found in halves)

    def snapshots(self) -> dict[int, str]:
        return {index: symbol for symbol, index in self._firsts.items()}


def in_stream_format(is_of: Callable[[set[str]], bool], read: Read) -> Format:
    """Make the format of a venue of which no more than this must be known."""

    def own_ns(text: str) -> int | None:
        found = read(text)
        return None if found is None else found[0].time_ns

    def player(recording: Recording, options: Options) -> InStreamPlayer:
        return InStreamPlayer(recording, Pace(options.speed), options.wait_for, read)

    return Format(is_of, own_ns, lambda: _InStreamScan(read), player)

"""Binance's stream frames of a market: what its changes look like on each stream of their instrument."""

from collections.abc import Iterator

import attrs
import msgspec

from market_data_sandbox.book import Book, Level
from market_data_sandbox.exchanges.outlet import FrameKind
from market_data_sandbox.source import Change

__all__ = ["StreamFrame", "StreamWriter"]

_SLOW_STREAM_NS = 10**9


@attrs.frozen
class StreamFrame:
    """The payload of one frame of one stream, with its time in either unit."""

    stream: str
    kind: FrameKind
    milliseconds: str
    microseconds: str


@attrs.define
class _Gathered:
    """What changed since the last frame of the slow stream."""

    first_id: int
    due_ns: int
    bids: dict[str, str] = attrs.field(factory=dict)
    asks: dict[str, str] = attrs.field(factory=dict)


@attrs.define(eq=False)
class StreamWriter:
    """Writes the frames of one instrument: `@bookTicker`, `@depth@100ms`, and `@depth`, which gathers a second."""

    native: str
    """The venue's symbol, upper case."""
    _gathered: _Gathered | None = attrs.field(default=None, init=False)
    _best: tuple[list[Level], list[Level]] | None = attrs.field(default=None, init=False)

    def write(self, change: Change, book: Book) -> Iterator[StreamFrame]:
        """Give the frames that a change leads to; `book` is the state after it."""
        yield from self._ticker(change, book)
        prefix = self.native.lower()
        yield self._depth(f"{prefix}@depth@100ms", change.first_id, change, change.bids, change.asks)
        time_ns = change.time_ns or 0
        if self._gathered is None:
            self._gathered = _Gathered(change.first_id, time_ns + _SLOW_STREAM_NS)
        gathered = self._gathered
        gathered.bids.update(change.bids)
        gathered.asks.update(change.asks)
        if time_ns >= gathered.due_ns:
            bids = tuple(sorted(gathered.bids.items(), key=lambda level: -float(level[0])))
            asks = tuple(sorted(gathered.asks.items(), key=lambda level: float(level[0])))
            yield self._depth(f"{prefix}@depth", gathered.first_id, change, bids, asks)
            self._gathered = None

    def _depth(
        self, stream: str, first_id: int, change: Change, bids: tuple[Level, ...], asks: tuple[Level, ...]
    ) -> StreamFrame:
        time_ns = change.time_ns or 0
        rest = {"s": self.native, "U": first_id, "u": change.last_id, "b": bids, "a": asks}
        return StreamFrame(
            stream,
            FrameKind.UPDATE,
            _encode({"e": "depthUpdate", "E": time_ns // 10**6, **rest}),
            _encode({"e": "depthUpdate", "E": time_ns // 10**3, **rest}),
        )

    def _ticker(self, change: Change, book: Book) -> Iterator[StreamFrame]:
        best = book.bids(1), book.asks(1)
        if best == self._best or not all(best):
            return
        self._best = best
        ((bid, bid_size),), ((ask, ask_size),) = best
        text = _encode({"u": change.last_id, "s": self.native, "b": bid, "B": bid_size, "a": ask, "A": ask_size})
        yield StreamFrame(f"{self.native.lower()}@bookTicker", FrameKind.TICKER, text, text)


def _encode(payload: object) -> str:
    return msgspec.json.encode(payload).decode()

"""The truth as the sandbox writes it into a pipe: the newest states by their name, each as a digest."""

import os
from collections import deque
from pathlib import Path

import anyio
import attrs
import msgspec

from market_data.domain.normalized import Level, NormalizedBook

__all__ = ["Truth"]

_READ_BYTES = 1 << 20
_MOST_STATES = 150_000

_KRAKEN_LEVELS = 10
"""So many levels a side are subscribed."""

Name = tuple[str, str, int, int | None]
"""Exchange, symbol and sequence, or the time of the change where nothing is numbered (Kraken); for Coinbase, whose
numbers are a connection's own, also the time.
"""


class _Line(msgspec.Struct):
    exchange: str
    symbol: str
    sequence: int
    event_time: int | None
    bids: list[Level]
    asks: list[Level]


_decode = msgspec.json.Decoder(_Line).decode


@attrs.define
class Truth:
    """Reads from the pipe without end; the sandbox waits for it where it is slow."""

    pipe: Path
    states: int = 0
    _known: dict[Name, deque[tuple[int | None, int]]] = attrs.field(factory=dict)
    """Event time in ms, and digest, the oldest first: more than one state where ids start again and meet."""
    _order: deque[Name] = attrs.field(factory=deque)

    async def read(self) -> None:
        """Read until cancelled."""
        fd = os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            rest = b""
            while True:
                await anyio.wait_readable(fd)
                try:
                    read = os.read(fd, _READ_BYTES)
                except BlockingIOError:
                    continue
                if not read:
                    await anyio.sleep(0.05)  # nobody writes yet, or any more
                    continue
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    self._take(_decode(line))
                await anyio.lowlevel.checkpoint()
        finally:
            os.close(fd)

    def knows(self, book: NormalizedBook) -> bool:
        """Tell whether the state that a record claims to show was written."""
        return self._name(book.exchange, book.symbol, book.sequence, book.event_time) in self._known

    def refute(self, book: NormalizedBook) -> str | None:
        """Say what is wrong with a live record's levels."""
        states = self._known.get(self._name(book.exchange, book.symbol, book.sequence, book.event_time))
        if states is None:
            return "there was no such state"
        milliseconds = None if book.event_time is None else book.event_time // 1000
        digest = hash((book.bids, book.asks))
        if any(known == digest and (at == milliseconds or None in (at, milliseconds)) for at, known in states):
            return None
        return f"not the true levels: {book.bids[:2]} {book.asks[:2]}"

    def _take(self, line: _Line) -> None:
        self.states += 1
        name = self._name(line.exchange, line.symbol, line.sequence, line.event_time)
        milliseconds = None if line.event_time is None else line.event_time // 1000
        shown = _KRAKEN_LEVELS if line.exchange == "kraken" else None
        digest = hash((tuple(line.bids[:shown]), tuple(line.asks[:shown])))
        self._known.setdefault(name, deque()).append((milliseconds, digest))
        self._order.append(name)
        if len(self._order) > _MOST_STATES:
            oldest = self._order.popleft()
            states = self._known[oldest]
            states.popleft()
            if not states:
                del self._known[oldest]

    @staticmethod
    def _name(exchange: str, symbol: str, sequence: int | None, event_time: int | None) -> Name:
        number = event_time if sequence is None else sequence
        return exchange, symbol, number or 0, event_time if exchange == "coinbase" else None

"""The truth: the best levels of every book at every sequence that a venue told, to compare others with.

A line of the truth file, and a record in memory:

    {"exchange": "coinbase", "symbol": "BTC-USD", "connection": "coinbase-2", "sequence": 7,
     "event_time": 1787610853788063, "frame_timestamp": "2026-08-24T22:34:13.82310097Z",
     "bids": [["78854.47", "0.5"], ...], "asks": [...]}

Binance, OKX (`seqId`) and Bybit (`u`) number their books, so that a state is found by (symbol, sequence); `connection`
and `frame_timestamp` are null. Coinbase numbers the frames of each connection from 0, and no client knows the name that
the sandbox gave to its connection (a header of the handshake's answer, `x-sandbox-connection`, tells it): there,
(symbol, sequence, event_time) finds it. Kraken and Bitstamp number nothing: their `sequence` is the time of the change,
µs, which is never the same twice for a symbol. What Kraken's clients are told at a depth bears the time of the last
change within it, so that as many of the best levels of the state at that time are the same.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import attrs
import msgspec

from market_data_sandbox.book import Book, Level
from market_data_sandbox.errors import OutputError
from market_data_sandbox.options import Venue

__all__ = ["TRUTH_LEVELS", "Truth", "TruthRecord"]

TRUTH_LEVELS = 20


@attrs.frozen
class TruthRecord:
    """The best levels of one book after one change."""

    exchange: str
    symbol: str
    connection: str | None
    """Coinbase: the sandbox's name of the connection whose frame this is."""
    sequence: int
    event_time: int | None
    """The venue's time of the change, µs since 1970 UTC; None where the venue told none."""
    frame_timestamp: str | None
    """Coinbase: the time in the envelope of the frame."""
    bids: list[Level]
    """At most 20, best first, in the venue's own text."""
    asks: list[Level]


@attrs.define(eq=False)
class Truth:
    """Keeps the newest `capacity` records, and writes all of them to a file where one is given."""

    _capacity: int
    _file: IO[bytes] | None = None
    _records: deque[TruthRecord] = attrs.field(factory=deque, init=False)
    _found: defaultdict[tuple[str, str, int], list[TruthRecord]] = attrs.field(
        factory=lambda: defaultdict(list), init=False
    )
    count: int = attrs.field(default=0, init=False)
    """How many records there ever were."""

    @classmethod
    def open(cls, capacity: int, path: Path | None) -> Self:
        """Begin with nothing in memory, and append to the file.

        Raises:
            OutputError: The file cannot be written.
        """
        if path is None:
            return cls(capacity)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(capacity, path.open("ab"))
        except OSError as error:
            raise OutputError(path, error.strerror) from error

    def close(self) -> None:
        """Close the file; what is in memory stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def record(
        self,
        venue: Venue,
        symbol: str,
        book: Book,
        *,
        sequence: int,
        connection: str | None,
        timestamp: str | None,
        time_ns: int | None = None,
    ) -> None:
        """Keep the state that a book has at this moment, told as of `time_ns` rather than of its last change."""
        time_ns = book.changed_ns if time_ns is None else time_ns
        record = TruthRecord(
            exchange=venue.value,
            symbol=symbol,
            connection=connection,
            sequence=sequence,
            event_time=None if time_ns is None else time_ns // 1000,
            frame_timestamp=timestamp,
            bids=book.bids(TRUTH_LEVELS),
            asks=book.asks(TRUTH_LEVELS),
        )
        self.count += 1
        self._records.append(record)
        self._found[record.exchange, symbol, sequence].append(record)
        if len(self._records) > self._capacity:
            self._forget(self._records.popleft())
        if self._file is not None:
            self._write(self._file, record)

    def _write(self, file: IO[bytes], record: TruthRecord) -> None:
        try:
            file.write(msgspec.json.encode(record) + b"\n")
            file.flush()
        except OSError as error:
            self._file = None  # what is half written is written no further
            with suppress(OSError):
                file.close()
            raise OutputError(Path(file.name), error.strerror) from error

    def find(self, exchange: str, symbol: str, sequence: int) -> list[TruthRecord]:
        """Give what is known of a book at a sequence: of Coinbase, one record a connection."""
        return list(self._found.get((exchange, symbol, sequence), ()))

    def __iter__(self) -> Iterator[TruthRecord]:
        """Give all records in memory, oldest first."""
        return iter(tuple(self._records))

    def __len__(self) -> int:
        """Count the records in memory."""
        return len(self._records)

    def _forget(self, record: TruthRecord) -> None:
        key = record.exchange, record.symbol, record.sequence
        self._found[key].remove(record)
        if not self._found[key]:
            del self._found[key]

"""Recorded frames: the lines of a capture file, and what a venue's dialect makes of them."""

import gzip
import re
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import attrs

from market_data_sandbox.errors import CaptureError
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.source import Listing, Source

__all__ = ["Decimals", "Format", "Line", "Recording", "Scan", "lines_of", "split_symbol"]

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USD", "EUR", "GBP", "TRY", "BRL", "BTC", "ETH", "BNB")
_LINE = re.compile(r"(?:(\d+(?:\.\d+)?):?\s+)?(\{.*\})\s*")
_NANOSECONDS_FROM = 10**12
_FRAMES_SCANNED_FOR_DECIMALS = 500


@attrs.frozen
class Line:
    """One recorded message."""

    index: int
    """Its position in the run, from 0."""
    time_ns: int
    """When it was received, or its own time where the file does not say."""
    text: str


class Scan(Protocol):
    """Looks through a recording before it is played."""

    @abstractmethod
    def take(self, line: Line) -> None:
        """Look at one message."""

    @abstractmethod
    def listings(self) -> tuple[Listing, ...]:
        """Give the instruments that were seen."""

    @abstractmethod
    def snapshots(self) -> Mapping[int, str]:
        """Give the symbol of each recorded snapshot of a book, by the index of its line."""


@attrs.frozen
class Format:
    """How a venue's recorded messages are read."""

    is_of: Callable[[set[str]], bool]
    """Tells by the keys of a message whether it is one of the venue's."""
    own_ns: Callable[[str], int | None]
    """Reads a message's own time; None where it has none."""
    scan: Callable[[], Scan]
    player: "Callable[[Recording, Options], Source]"
    """Makes what plays it."""


@attrs.frozen
class Recording:
    """One run of one venue."""

    venue: Venue
    format: Format
    paths: tuple[Path, ...]
    listings: tuple[Listing, ...] = ()
    snapshots: Mapping[int, str] = attrs.field(factory=dict)
    """Symbol of each recorded snapshot of a book, by the index of its line (in the stream: of each book's first)."""

    def lines(self) -> Iterator[Line]:
        """Read the messages in order, a line at a time.

        Raises:
            CaptureError: A file cannot be read to its end.
        """
        index, time_ns = 0, 0
        for path in self.paths:
            for local, text in lines_of(path):
                time_ns = _local_ns(local) if local else self.format.own_ns(text) or time_ns
                yield Line(index, time_ns, text)
                index += 1


@attrs.define
class Decimals:
    """How many decimals an instrument's prices and sizes need, as far as seen."""

    price: int = 0
    size: int = 0
    seen: int = 0

    def take(self, levels: Sequence[tuple[str, str]]) -> None:
        """Look at some levels; after the first few hundred times it knows enough."""
        if self.seen < _FRAMES_SCANNED_FOR_DECIMALS:
            self.seen += 1
            for price, size in levels:
                self.price = max(self.price, _decimals(price))
                self.size = max(self.size, _decimals(size))


def _decimals(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


def lines_of(path: Path) -> Iterator[tuple[str | None, str]]:
    """Read a file's messages, each with the local time before it where there is one.

    Raises:
        CaptureError: The file cannot be read to its end.
    """
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt", encoding="utf-8") if zipped else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                found = _LINE.fullmatch(line)
                if found is None:
                    raise CaptureError(path, f"line {number}: expected [local time] and a JSON object")
                yield found[1], found[2]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise CaptureError(path, str(error)) from error


def _local_ns(text: str) -> int:
    if "." not in text and int(text) >= _NANOSECONDS_FROM:
        return int(text)
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0"))


def split_symbol(symbol: str) -> tuple[str, str]:
    """Tell base and quote apart; good enough for a sandbox, which has no exchangeInfo to ask."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    return symbol[:-3], symbol[-3:]

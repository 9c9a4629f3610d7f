"""Recorded frames on disk: which venue they are of, what they hold, and one after the other.

A file is plain or gzip text with one JSON message a line, with or without the local time of its receipt before it:

    1723161253937085768 {"stream":"btcusdt@depth@100ms","data":{...}}        nanoseconds, as in the Binance files
    {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.793075885Z",...}   the message's own time

Files of one venue, given one after the other, are one run. The body of a REST `/depth` may stand among Binance's
frames.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import msgspec

from market_data_sandbox.errors import CaptureError
from market_data_sandbox.options import Venue
from market_data_sandbox.source import Listing
from market_data_sandbox.times import parse_rfc3339
from market_data_sandbox.wire import BinanceFrame, CoinbaseFrame

__all__ = ["Line", "Recording", "load_recordings"]

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USD", "EUR", "GBP", "TRY", "BRL", "BTC", "ETH", "BNB")
_LINE = re.compile(r"(?:(\d+(?:\.\d+)?):?\s+)?(\{.*\})\s*")
_NANOSECONDS_FROM = 10**12
_FRAMES_SCANNED_FOR_DECIMALS = 500

_decode_binance = msgspec.json.Decoder(BinanceFrame).decode
_decode_coinbase = msgspec.json.Decoder(CoinbaseFrame).decode


@attrs.frozen
class Line:
    """One recorded message."""

    index: int
    """Its position in the run, from 0."""
    time_ns: int
    """When it was received, or its own time where the file does not say."""
    text: str


@attrs.frozen
class Recording:
    """One run of one venue."""

    venue: Venue
    paths: tuple[Path, ...]
    listings: tuple[Listing, ...]
    snapshots: Mapping[int, str]
    """Symbol of each recorded snapshot of a book, by the index of its line (Coinbase: of each product's first)."""

    def lines(self) -> Iterator[Line]:
        """Read the messages in order, a line at a time.

        Raises:
            CaptureError: A file cannot be read to its end.
        """
        return _read(self.venue, self.paths)


def load_recordings(paths: Sequence[Path]) -> dict[Venue, Recording]:
    """Look through capture files and put those of a venue together, in the order given.

    Raises:
        CaptureError: A file is not a capture that can be played.
    """
    files: dict[Venue, list[Path]] = {}
    for path in paths:
        files.setdefault(_recognise(path), []).append(path)
    return {venue: _scan(venue, tuple(found)) for venue, found in files.items()}


def _recognise(path: Path) -> Venue:
    for _, text in _lines_of(path):
        try:
            keys = set(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
        except (msgspec.DecodeError, RecursionError) as error:
            raise CaptureError(path, f"its first line holds no JSON object ({error})") from error
        if "channel" in keys:
            return Venue.COINBASE
        if keys & {"stream", "lastUpdateId"}:
            return Venue.BINANCE
        if "type" in keys:
            raise CaptureError(path, "is of Coinbase Exchange, which numbers no changes; only Advanced Trade is played")
        raise CaptureError(path, "is neither of Binance's combined stream nor of Coinbase Advanced Trade")
    raise CaptureError(path, "is empty")


def _lines_of(path: Path) -> Iterator[tuple[str | None, str]]:
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


def _read(venue: Venue, paths: Sequence[Path]) -> Iterator[Line]:
    index, time_ns = 0, 0
    for path in paths:
        for local, text in _lines_of(path):
            time_ns = _local_ns(local) if local else _own_ns(venue, text) or time_ns
            yield Line(index, time_ns, text)
            index += 1


def _local_ns(text: str) -> int:
    if "." not in text and int(text) >= _NANOSECONDS_FROM:
        return int(text)
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0"))


def _own_ns(venue: Venue, text: str) -> int | None:
    if venue is Venue.COINBASE:
        return parse_rfc3339(_decode_coinbase(text).timestamp)
    return _decode_binance(text).data.time_ms * 10**6 or None


def _scan(venue: Venue, paths: tuple[Path, ...]) -> Recording:
    scan = _BinanceScan() if venue is Venue.BINANCE else _CoinbaseScan()
    try:
        for line in _read(venue, paths):
            scan.take(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CaptureError(paths[0] if len(paths) == 1 else list(map(str, paths)), str(error)) from error
    return Recording(venue, paths, scan.listings(), scan.snapshots())


@attrs.define
class _Decimals:
    """How many decimals an instrument's prices and sizes need, as far as seen."""

    price: int = 0
    size: int = 0
    seen: int = 0

    def take(self, levels: Sequence[tuple[str, str]]) -> None:
        if self.seen < _FRAMES_SCANNED_FOR_DECIMALS:
            self.seen += 1
            for price, size in levels:
                self.price = max(self.price, _decimals(price))
                self.size = max(self.size, _decimals(size))


def _decimals(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


@attrs.define
class _BinanceScan:
    decimals: dict[str, _Decimals] = attrs.field(factory=dict)
    bodies: list[tuple[int, int]] = attrs.field(factory=list)
    """Index and id of each recorded REST body."""
    ids: list[tuple[int, str, int]] = attrs.field(factory=list)
    """Index, symbol and last id of each change."""

    def take(self, line: Line) -> None:
        if line.text.startswith('{"lastUpdateId"'):
            self.bodies.append((line.index, _decode_binance(line.text).last_update_id))
            return
        name, _, kind = line.text[11:60].partition("@")
        if name not in self.decimals or kind.startswith("depth"):
            frame = _decode_binance(line.text)
            symbol, _, kind = frame.stream.partition("@")
            decimals = self.decimals.setdefault(symbol, _Decimals())
            if kind.startswith("depth") and frame.data.last_id:
                decimals.take(frame.data.levels())
                self.ids.append((line.index, symbol, frame.data.last_id))

    def listings(self) -> tuple[Listing, ...]:
        return tuple(
            Listing(*_split(symbol.upper()), found.price, found.size) for symbol, found in self.decimals.items()
        )

    def snapshots(self) -> dict[int, str]:
        """Say whose book each body is, which it does not tell: that with the nearest id, seen nearby."""
        found = {}
        for index, body_id in self.bodies:
            nearby = sorted(self.ids, key=lambda entry: abs(entry[0] - index))[: 50 * len(self.decimals)]
            if nearby:
                symbol = min(nearby, key=lambda entry: abs(entry[2] - body_id))[1]
                found[index] = "-".join(_split(symbol.upper()))
        return found


@attrs.define
class _CoinbaseScan:
    decimals: dict[str, _Decimals] = attrs.field(factory=dict)
    firsts: dict[str, int] = attrs.field(factory=dict)
    """Index of the first snapshot of each product."""

    def take(self, line: Line) -> None:
        frame = _decode_coinbase(line.text)
        if frame.channel == "l2_data":
            for event in frame.l2_events():
                self.decimals.setdefault(event.product_id, _Decimals()).take(event.levels())
                if event.type == "snapshot":
                    self.firsts.setdefault(event.product_id, line.index)

    def listings(self) -> tuple[Listing, ...]:
        return tuple(Listing(*_halves(product), found.price, found.size) for product, found in self.decimals.items())

    def snapshots(self) -> dict[int, str]:
        return {index: product for product, index in self.firsts.items()}


def _halves(product: str) -> tuple[str, str]:
    base, _, quote = product.partition("-")
    return base, quote


def _split(symbol: str) -> tuple[str, str]:
    """Tell base and quote apart; good enough for a sandbox, which has no exchangeInfo to ask."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    return symbol[:-3], symbol[-3:]

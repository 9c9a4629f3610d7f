"""Kraken spot, WebSocket v2: the ``book`` channel at a depth, each message with a checksum of the best ten levels.

After docs.kraken.com ``guides/websockets/book-checksum-v2`` and ``spot-websocket``, and as measured on the live feed:

1. A ``snapshot`` replaces the book, an ``update`` changes it; nothing is numbered.
2. All levels of a message are applied, then each side is cut to the depth: the venue says nothing of what falls out.
3. Then the checksum is that of the book (``checksum_of``), after snapshots too. Where it differs, the book was wrong
   already: the symbol is subscribed anew, and a snapshot comes.

Prices and sizes are JSON numbers whose text counts, zeros at their end included. With more than ten levels a side, a
lost update can leave the deeper ones wrong under checksums that agree.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import quote
from zlib import crc32

import attrs
import msgspec
from msgspec import Meta

from market_data.adapters.venues.wire import (
    Endpoint,
    EndpointVenue,
    catalogue_of,
    cut,
    decode,
    most_bytes,
    time_of,
    written,
)
from market_data.application.ports import Request, VenueSession
from market_data.domain.continuity import Continuity, Proof, Quietness, Scope, Seed, Window
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.events import Accepted, Change, Event, Refused, Snapshot, Unreadable
from market_data.domain.instrument import Catalogue, Instrument, Listing
from market_data.domain.levels import Ladder, Level
from market_data.domain.normalized import LATEST_TIME, Reason

__all__ = ["Kraken", "KrakenSession", "checksum_of"]

_CHANNEL = "book"
_OFFERED_LEVELS = (10, 25, 100, 500, 1000)
_DEFAULT_LEVELS = 10
_CHECKED_LEVELS: Final = 10
_MOST_REST_LEVELS = 500
_SYMBOLS_PER_MESSAGE = 100
_KEPT_TEXTS = 2048
"""Sides whose checksum's text is kept: a few hundred bytes each."""
_SYMBOL_OF = re.compile(rb'"symbol"\s*:\s*"([^"]+)"')
_NEVER = "1970-01-01T00:00:00Z"
_SECOND = 1_000_000
_Checksum = Annotated[int, Meta(ge=0, le=2**32 - 1)]
_Seconds = Annotated[int, Meta(ge=0, le=LATEST_TIME // _SECOND - 1)]
T = TypeVar("T")


class _Level(msgspec.Struct, gc=False):
    """``{"price":78858.8,"qty":0.00000000}``: the quantity is absolute, zero removes."""

    price: msgspec.Raw
    qty: msgspec.Raw


class _Book(msgspec.Struct, gc=False):
    """``{"symbol":"BTC/USD","bids":[…],"asks":[],"checksum":2416540570,"timestamp":"2026-08-24T22:21:58.343688Z"}``:
    the time is that of the book's last change.
    """

    symbol: str
    bids: list[_Level]
    asks: list[_Level]
    checksum: _Checksum
    timestamp: str = _NEVER


class _Frame(msgspec.Struct, gc=False):
    """``{"channel":"book","type":"update","data":[{…}]}``: one entry in every frame seen."""

    channel: str
    type: Literal["snapshot", "update"]
    data: list[_Book]


class _Other(msgspec.Struct):
    """Whatever else comes: ``{"channel":"heartbeat"}``, ``{"channel":"status",…}``, an acknowledgement of one symbol
    ``{"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD",…},"success":true,"req_id":1,…}``, or an error
    ``{"error":"Subscription depth not supported","method":"subscribe","success":false,"req_id":1,…}``, which may name
    its ``symbol``.
    """

    channel: str | None = None
    type: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()
    method: str | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    symbol: msgspec.Raw = msgspec.Raw()
    req_id: msgspec.Raw = msgspec.Raw()


class _Subscribed(msgspec.Struct):
    channel: str
    symbol: str


class _Answer(msgspec.Struct):
    """``{"error":[],"result":…}``: errors have status 200 too."""

    error: list[str]
    result: msgspec.Raw = msgspec.Raw()


class _RestBook(msgspec.Struct):
    """``{"asks":[["78858.30000","4.520",1787609576]],"bids":[…]}``: prices padded, sizes rounded."""

    bids: list[tuple[str, str, msgspec.Raw]]
    asks: list[tuple[str, str, msgspec.Raw]]


class _Pair(msgspec.Struct):
    base: str
    quote: str
    status: str = "online"


class _Time(msgspec.Struct):
    """``{"unixtime":1787609576,"rfc1123":"Mon, 24 Aug 26 22:12:56 +0000"}``."""

    unixtime: _Seconds


_frame = msgspec.json.Decoder(_Frame)
_other = msgspec.json.Decoder(_Other)
_book = msgspec.json.Decoder(_Book)
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_kind: msgspec.json.Decoder[Literal["snapshot", "update"]] = msgspec.json.Decoder(Literal["snapshot", "update"])
_subscribed = msgspec.json.Decoder(_Subscribed)
_text = msgspec.json.Decoder(str)
_number = msgspec.json.Decoder(int)
_answer = msgspec.json.Decoder(_Answer)
_rest_books = msgspec.json.Decoder(dict[str, _RestBook])
_pairs = msgspec.json.Decoder(dict[str, msgspec.Raw])
_pair = msgspec.json.Decoder(_Pair)
_time = msgspec.json.Decoder(_Time)

_WITHOUT_BOOK = frozenset({"delisted", "maintenance", "work_in_progress"})
"""In any other state, a new one too, the book goes on."""
_AUCTION = "post_only"
"""Orders rest without being matched."""
_RATE_LIMITS = ("EGeneral:Too many requests", "EAPI:Rate limit exceeded", "EService:Throttled")
_OUT_OF_SERVICE = "EService:"


# the checksum


def checksum_of(bids: Ladder, asks: Ladder) -> int:
    """Compute what a message says of the book after it: the CRC32 of the best ten asks, then bids, best first, of each
    level the price's and the size's digits, without point and zeros before them.
    """
    return crc32(_digits_of(bids), crc32(_digits_of(asks)))


def _digits_of(ladder: Ladder) -> bytes:
    return (
        _digits_of_json(ladder.written) if ladder.written is not None else _digits_of_levels(ladder[:_CHECKED_LEVELS])
    )


@lru_cache(_KEPT_TEXTS)  # most messages change one side alone
def _digits_of_json(raw: bytes) -> bytes:
    texts = raw.replace(b".", b"").split(b'"', 4 * _CHECKED_LEVELS)[1 : 4 * _CHECKED_LEVELS : 2]
    return b"".join([text.lstrip(b"0") for text in texts])


@lru_cache(_KEPT_TEXTS)
def _digits_of_levels(levels: tuple[Level, ...]) -> bytes:
    return "".join([text.replace(".", "").lstrip("0") for level in levels for text in level]).encode()


# the stream


class KrakenSession(VenueSession):
    """One connection's dialect."""

    def __init__(self, natives: Sequence[str], levels: int) -> None:
        """``levels`` is the depth that is subscribed, each side."""
        self._natives = tuple(natives)
        self._by_name = {native.encode(): native for native in natives}
        self._levels = levels
        self._requested: dict[str, int] = {}
        """By instrument, the id of the subscription that is not answered yet."""
        self._next_id = 1

    def opening(self) -> Sequence[str]:
        return [self._request("subscribe", batch) for batch in _batches(self._natives)]

    def renewing(self, natives: Sequence[str]) -> Sequence[str]:
        """Of who is subscribed already, no second subscription is taken."""
        return [self._request(method, batch) for batch in _batches(natives) for method in ("unsubscribe", "subscribe")]

    def leaving(self, natives: Sequence[str]) -> Sequence[str]:
        return [self._request("unsubscribe", batch) for batch in _batches(natives)]

    def _request(self, method: str, natives: Sequence[str]) -> str:
        number = self._next_id
        self._next_id += 1
        parameters = {"channel": _CHANNEL, "symbol": list(natives), "depth": self._levels}
        if method == "subscribe":
            self._requested.update(dict.fromkeys(natives, number))
            parameters["snapshot"] = True
        return json.dumps({"method": method, "params": parameters, "req_id": number}, separators=(",", ":"))

    def read(self, frame: bytes) -> Sequence[Event]:
        try:
            message = _frame.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_other(frame)
        if message.channel != _CHANNEL:
            return ()
        if len(message.data) > 1:
            return self._read_other(frame)
        return [_event(message.type, book) for book in message.data]

    def _read_other(self, frame: bytes) -> Sequence[Event]:
        native = self._native_of(frame)
        other = decode(_other, frame, native=native)
        if other.channel == _CHANNEL:
            kind = decode(_kind, other.type, native=native)
            parts = decode(_parts, other.data, native=native)
            if len(parts) == 1:
                return (_event(kind, decode(_book, parts[0], native=native)),)
            return [self._read_part(kind, part) for part in parts]
        if other.channel is not None or other.method in ("unsubscribe", "pong"):
            return ()
        if other.error:
            return self._read_error(other, frame)
        if other.method == "subscribe":
            return self._read_acknowledgement(other)
        return ()

    def _read_part(self, kind: Literal["snapshot", "update"], part: msgspec.Raw) -> Event:
        """Read one entry of several, each for itself."""
        native = self._native_of(bytes(part))
        try:
            return _event(kind, decode(_book, part, native=native))
        except MalformedFrame as error:
            return Unreadable(str(error), None if error.native is None else (error.native,))

    def _read_acknowledgement(self, other: _Other) -> Sequence[Event]:
        told = _read_if(_subscribed, other.result)
        if told is None or told.channel != _CHANNEL:
            return ()
        self._requested.pop(told.symbol, None)
        return (Accepted(frozenset((told.symbol,)), is_all=False),)

    def _read_error(self, other: _Other, frame: bytes) -> Sequence[Event]:
        """Say whom an error refuses: who is named in it, or all of its request that are not answered, or nobody in
        particular.
        """
        message = _read_if(_text, other.error) or cut(frame)
        number = _read_if(_number, other.req_id)
        asked = [native for native, its in self._requested.items() if its == number]
        symbol = _read_if(_text, other.symbol)
        named = [symbol] if symbol in self._natives else [native for native in asked if native in message.split()]
        refused = named or asked
        for native in refused:
            self._requested.pop(native, None)
        return [Refused(message, native) for native in refused] or (Refused(message),)

    def _native_of(self, payload: bytes) -> str | None:
        """Tell whose book this is, even when the rest is damaged; None where it names another, or several."""
        names = {name.replace(b"\\/", b"/") for name in _SYMBOL_OF.findall(payload)}
        return self._by_name.get(names.pop()) if len(names) == 1 else None


def _batches(natives: Sequence[str]) -> Sequence[Sequence[str]]:
    return [natives[at : at + _SYMBOLS_PER_MESSAGE] for at in range(0, len(natives), _SYMBOLS_PER_MESSAGE)]


def _event(kind: Literal["snapshot", "update"], book: _Book) -> Change | Snapshot:
    native = book.symbol
    time = time_of(book.timestamp, native=native)
    if kind == "update":
        return Change(native, 0, 0, _raw(book.bids), _raw(book.asks), time, book.checksum)
    return Snapshot(native, None, _raw(book.bids), _raw(book.asks), time, None, book.checksum)


def _raw(levels: Sequence[_Level]) -> bytes:
    """Write levels as raw ones, their numbers as they stand; what is no plain number makes what is no raw level."""
    return b"[%b]" % b",".join([b'["%b","%b"]' % (level.price, level.qty) for level in levels])


def _read_if(decoder: msgspec.json.Decoder[T], value: msgspec.Raw) -> T | None:
    try:
        return decode(decoder, value)
    except MalformedFrame:
        return None


# the venue


class Kraken(EndpointVenue):
    """Kraken spot as its public market data shows it."""

    continuity = Continuity(
        Proof.CHECKSUM,
        Scope.INSTRUMENT,
        Seed.IN_BAND,
        Window.CLIENT,
        levels=_DEFAULT_LEVELS,
        proven_levels=_CHECKED_LEVELS,
        digest=checksum_of,
        quietness=Quietness.RENEWED,
        blind_spots=(
            "a lost or repeated update that leaves the best ten levels as they were",
            "wrong levels behind the tenth, where more are subscribed: no checksum covers them",
            "a subscription that died while the connection beats, until the silent book is asked for anew",
        ),
    )
    sends_heartbeats = True
    clock_doubt_seconds = 0.5
    """It tells whole seconds."""
    offered_levels = _OFFERED_LEVELS
    rest_path = "/0/public"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._levels = endpoint.book_levels or _DEFAULT_LEVELS
        self.continuity = attrs.evolve(Kraken.continuity, levels=self._levels)

    def _session(self, natives: Sequence[str]) -> VenueSession:
        return KrakenSession(natives, self._levels)

    def book_request(self, instrument: Instrument, levels: int) -> Request:
        count = min(levels, _MOST_REST_LEVELS)
        url = f"{self._rest_url}/Depth?pair={quote(instrument.native)}&count={count}"
        return Request(url, 1, max_bytes=most_bytes(count))

    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:
        """Read a book that has no number and whose sizes are rounded: a picture, nothing to compare with."""
        books = self._read_answer(_rest_books, body, "Depth", native=instrument.native)
        if len(books) != 1:
            raise MalformedFrame(f"expected one book, received {cut(body)}", native=instrument.native)
        (book,) = books.values()
        bids, asks = (written([(price, size) for price, size, _ in side]) for side in (book.bids, book.asks))
        return Snapshot(instrument.native, None, bids, asks, None, min(levels, _MOST_REST_LEVELS))

    def listings_request(self, natives: Sequence[str] = ()) -> Request:  # noqa: ARG002 - one unknown would refuse all
        """Ask for all, by the names of WebSocket v2."""
        return Request(f"{self._rest_url}/AssetPairs?assetVersion=1", 1)

    def native_of(self, symbol: str) -> str:
        return symbol.replace("-", "/")

    def read_listings(self, body: bytes) -> Catalogue:
        return catalogue_of(self._read_answer(_pairs, body, "AssetPairs").items(), self._listing)

    def _listing(self, entry: tuple[str, msgspec.Raw]) -> Listing:
        name, raw = entry
        pair = decode(_pair, raw)
        return Listing(
            Instrument(self.name, f"{pair.base}-{pair.quote}".upper(), name),
            is_tradable=pair.status == "online",
            state=pair.status,
            is_crossing_legitimate=pair.status == _AUCTION,
            has_book=pair.status not in _WITHOUT_BOOK,
        )

    def clock_request(self) -> Request:
        return Request(f"{self._rest_url}/Time", 1, max_bytes=most_bytes(0))

    def read_clock(self, body: bytes) -> int:
        """Give the middle of the second that the venue tells."""
        return self._read_answer(_time, body, "Time").unixtime * _SECOND + _SECOND // 2

    def _read_answer(
        self, decoder: msgspec.json.Decoder[T], body: bytes, asked: str, *, native: str | None = None
    ) -> T:
        answer = decode(_answer, body, native=native)
        if answer.error:
            said = answer.error[0]
            raise RequestFailed(f"{self._rest_url}/{asked}", cut(said.encode()), reason=_reason_of(said))
        return decode(decoder, answer.result, native=native)


def _reason_of(error: str) -> Reason:
    if error.startswith(_RATE_LIMITS):
        return Reason.RATE_LIMITED
    return Reason.UNAVAILABLE if error.startswith(_OUT_OF_SERVICE) else Reason.REJECTED

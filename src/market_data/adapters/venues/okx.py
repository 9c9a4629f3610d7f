"""OKX spot: the ``books`` channel, 400 levels a side that the venue keeps, each update chained to the one before.

After www.okx.com/docs-v5 "Order book channel", and as measured on the live feed:

1. A ``snapshot`` replaces the book. Where the stream begins with an update instead, as the venue has announced, the
   book is fetched and joined by ``seqId``.
2. An update follows iff its ``prevSeqId`` is the last ``seqId``. Compared by identity: after maintenance ids step back.
3. An update without levels, its ``seqId`` equal to its ``prevSeqId``, says that the stream is alive.
4. ``checksum`` is always 0 since 2026-06-23: not read.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from market_data.adapters.venues.wire import (
    EndpointVenue,
    Milliseconds,
    Number,
    catalogue_of,
    cut,
    decode,
    most_bytes,
    spellings,
    written,
)
from market_data.application.ports import Request, VenueSession
from market_data.domain.continuity import Continuity, Proof, Scope, Seed, Window
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.events import Accepted, Change, Departing, Event, Refused, Snapshot
from market_data.domain.instrument import Catalogue, Instrument, Listing
from market_data.domain.normalized import LARGEST_NUMBER, Reason

__all__ = ["OKX", "OKXSession"]

_CHANNEL = "books"
_OURS = b'"books"'
_LEVELS = 400
_PING_SECONDS = 20.0
"""The venue closes what has pushed nothing for 30."""
_PONG = b"pong"
_MOST_ARGUMENT_BYTES = 60_000
"""Of the 65,536 that a request may have."""
_REQUESTS_PER_HOUR = 480
_KEPT_REQUESTS = 32
"""So many of our last requests are known by their id: errors come at once."""
_INSTRUMENT_OF = re.compile(rb'"instId"\s*:\s*"([^"]+)"')
_HEAD = 400
"""A frame says whose it is within so many bytes."""
_WORD = re.compile(r"[^\s,:;\"'\[\](){}]+")
_SERVICE_UPGRADE = "64008"
_OK = "0"
_NO_SUCH_INSTRUMENT = "51001"
_TOO_MANY = "50011"


class _Level(msgspec.Struct, array_like=True, gc=False):
    """``["78722.3","0.38699412","0","10"]``: price, size, and what is passed over: something disused, and orders."""

    price: str
    size: str


class _Book(msgspec.Struct, gc=False):
    """``{"asks":[["84265.3","0","0","0"]],"bids":[],"ts":"1790871227202","checksum":0,"seqId":81869376466,
    "prevSeqId":81869376434}``: ts is ms, sizes absolute; a snapshot may lack ``prevSeqId``.
    """

    asks: list[_Level]
    bids: list[_Level]
    ts: Milliseconds
    seqId: Number
    prevSeqId: Annotated[int, Meta(ge=-1, le=LARGEST_NUMBER - 1)] | None = None


class _Argument(msgspec.Struct, gc=False):
    channel: str | None = None
    instId: str | None = None


class _Frame(msgspec.Struct, gc=False):
    """``{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{…}]}``."""

    arg: _Argument
    action: str
    data: list[_Book]


class _Other(msgspec.Struct):
    """Whatever else comes: ``{"event":"subscribe","arg":{…},"connId":"32f4414f"}``, one for each instrument;
    ``{"event":"error","code":"60018","msg":"…","id":"1"}``; ``{"event":"notice","code":"64008","msg":"…"}``; data of a
    channel that was not asked for.
    """

    event: str | None = None
    arg: msgspec.Raw = msgspec.Raw()
    code: str | None = None
    msg: str | None = None
    id: str | None = None


class _RestBook(msgspec.Struct):
    """As in the stream, but ``seqId`` may be missing."""

    asks: list[_Level]
    bids: list[_Level]
    ts: Milliseconds = 0
    seqId: Number | None = None


class _Answer(msgspec.Struct):
    """``{"code":"0","msg":"","data":[…]}``: errors have status 200 too."""

    code: str
    data: list[msgspec.Raw] | None = None
    msg: str = ""


class _Instrument(msgspec.Struct):
    instId: str
    baseCcy: str
    quoteCcy: str
    state: str
    instType: str = "SPOT"
    auctionEndTime: str = ""


class _Time(msgspec.Struct):
    ts: Milliseconds


_WITHOUT_BOOK = frozenset({"preopen", "test"})
"""In any other state, a new one too, the book is served."""

_frame = msgspec.json.Decoder(_Frame, strict=False)
"""Not strict: times are text."""
_other = msgspec.json.Decoder(_Other, strict=False)
_argument = msgspec.json.Decoder(_Argument)
_answer = msgspec.json.Decoder(_Answer, strict=False)
_book = msgspec.json.Decoder(_RestBook, strict=False)
_instrument = msgspec.json.Decoder(_Instrument)
_time = msgspec.json.Decoder(_Time, strict=False)


class OKXSession(VenueSession):
    """One connection's dialect."""

    def __init__(self, natives: Sequence[str]) -> None:
        self._natives = tuple(natives)
        self._by_spelling = {name: native for native in natives for name in spellings(native)}
        self._requested: dict[str, Sequence[str]] = {}
        """By the number of a request: what it subscribes, nothing where it only leaves."""
        self._next_id = 1

    def opening(self) -> Sequence[str]:
        """Subscribe to all in one message, as far as it may hold them: the venue counts requests by the hour."""
        return [self._request("subscribe", batch) for batch in _batches(self._natives)]

    def renewing(self, natives: Sequence[str]) -> Sequence[str]:
        return [self._request(verb, batch) for batch in _batches(natives) for verb in ("unsubscribe", "subscribe")]

    def leaving(self, natives: Sequence[str]) -> Sequence[str]:
        return [self._request("unsubscribe", batch) for batch in _batches(natives)]

    def ping(self) -> Sequence[str]:
        return ("ping",)

    def _request(self, verb: str, natives: Sequence[str]) -> str:
        number = str(self._next_id)
        self._next_id += 1
        self._requested[number] = natives if verb == "subscribe" else ()
        if len(self._requested) > _KEPT_REQUESTS:
            del self._requested[next(iter(self._requested))]
        arguments = ",".join(map(_argument_of, natives))
        return f'{{"id":"{number}","op":"{verb}","args":[{arguments}]}}'

    def read(self, frame: bytes) -> Sequence[Event]:
        try:
            books = _frame.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_other(frame)
        native = books.arg.instId
        if books.arg.channel != _CHANNEL or native is None:
            return ()
        if books.action == "update":
            return [_change(native, book) for book in books.data]
        if books.action == "snapshot":
            return [_snapshot(native, book) for book in books.data]
        raise MalformedFrame(f"expected a snapshot or an update, received {books.action[:40]!r}", native=native)

    def _read_other(self, frame: bytes) -> Sequence[Event]:
        if frame == _PONG:
            return ()
        native = self._native_of(frame)
        other = decode(_other, frame, native=native)
        match other.event:
            case "subscribe":
                named = decode(_argument, other.arg) if other.arg else _Argument()
                accepted = named.channel == _CHANNEL and named.instId is not None
                return (Accepted(frozenset({named.instId or ""}), is_all=False),) if accepted else ()
            case "error":
                return self._read_error(other, frame)
            case "notice":
                return (Departing(),) if other.code == _SERVICE_UPGRADE else ()
            case None if native is not None and _OURS in frame[:_HEAD]:
                decode(_frame, frame, native=native)  # says what is wrong with it
        return ()

    def _read_error(self, error: _Other, frame: bytes) -> Sequence[Event]:
        """Say whom an error refuses: who is named in it; or else all of its request; or else nobody in particular.

        What was left without having been there is subscribed next all the same.
        """
        message = f"{error.code}: {error.msg}" if error.msg else cut(frame)
        asked = self._requested.get(error.id or "")
        if asked is not None and not asked:
            return ()
        named = self._natives_in(error.msg or "") or asked
        return [Refused(message, native) for native in named] if named else (Refused(message),)

    def _natives_in(self, message: str) -> Sequence[str]:
        words = (word.strip(".").encode() for word in _WORD.findall(message))
        return list(dict.fromkeys(self._by_spelling[word] for word in words if word in self._by_spelling))

    def _native_of(self, frame: bytes) -> str | None:
        """Tell whose frame this is from its first bytes, even when the rest is damaged."""
        found = _INSTRUMENT_OF.search(frame[:_HEAD])
        return self._by_spelling.get(found.group(1)) if found else None


class OKX(EndpointVenue):
    """OKX spot as its public market data shows it."""

    continuity = Continuity(
        Proof.SEQUENCE,
        Scope.INSTRUMENT,
        Seed.EITHER,
        Window.VENUE,
        levels=_LEVELS,
        is_comparable=True,
        blind_spots=(
            "wrong sizes under an unbroken chain, until the next audit: there is no checksum any more",
            "how much was lost: ids are chained, not counted",
            "levels beyond the best 400",
        ),
    )
    sends_heartbeats = True
    ping_seconds = _PING_SECONDS
    requests_per_hour = _REQUESTS_PER_HOUR
    rest_path = "/api/v5"

    def _session(self, natives: Sequence[str]) -> VenueSession:
        return OKXSession(natives)

    def book_request(self, instrument: Instrument, levels: int) -> Request:
        levels = min(levels, _LEVELS)
        url = f"{self._rest_url}/market/books?instId={quote(instrument.native)}&sz={levels}"
        return Request(url, 1, max_bytes=most_bytes(levels))

    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:
        data = _data_of(body, native=instrument.native)
        if len(data) != 1:
            raise MalformedFrame(f"expected one book, received {cut(body)}", native=instrument.native)
        book = decode(_book, data[0], native=instrument.native)
        bids, asks = written(book.bids), written(book.asks)
        return Snapshot(instrument.native, book.seqId, bids, asks, book.ts * 1000 or None, limit=min(levels, _LEVELS))

    def listings_request(self, natives: Sequence[str] = ()) -> Request:
        """One can be asked for alone; of several the venue gives all."""
        one = f"&instId={quote(natives[0])}" if len(natives) == 1 else ""
        return Request(f"{self._rest_url}/public/instruments?instType=SPOT{one}", 1)

    def native_of(self, symbol: str) -> str:
        return symbol

    def read_listings(self, body: bytes) -> Catalogue:
        return catalogue_of(_data_of(body, none=_NO_SUCH_INSTRUMENT), self._listing)

    def _listing(self, entry: msgspec.Raw) -> Listing | None:
        listed = decode(_instrument, entry)
        if listed.instType != "SPOT":
            return None
        return Listing(
            Instrument(self.name, f"{listed.baseCcy}-{listed.quoteCcy}".upper(), listed.instId),
            is_tradable=listed.state == "live",
            state=listed.state,
            is_crossing_legitimate=bool(listed.auctionEndTime),
            has_book=listed.state not in _WITHOUT_BOOK,
        )

    def clock_request(self) -> Request:
        return Request(f"{self._rest_url}/public/time", 1, max_bytes=most_bytes(0))

    def read_clock(self, body: bytes) -> int:
        data = _data_of(body)
        if not data:
            raise MalformedFrame(f"expected a time, received {cut(body)}")
        return decode(_time, data[0]).ts * 1000


def _argument_of(native: str) -> str:
    return json.dumps({"channel": _CHANNEL, "instId": native}, ensure_ascii=False, separators=(",", ":"))


def _batches(natives: Sequence[str]) -> Iterator[Sequence[str]]:
    batch: list[str] = []
    size = 0
    for native in natives:
        more = len(_argument_of(native).encode()) + 1
        if batch and size + more > _MOST_ARGUMENT_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(native)
        size += more
    if batch:
        yield batch


def _change(native: str, book: _Book) -> Change:
    if book.prevSeqId is None:
        raise MalformedFrame("expected a prevSeqId in an update, received none", native=native)
    time = book.ts * 1000 or None
    return Change(native, book.prevSeqId + 1, book.seqId, written(book.bids), written(book.asks), time)


def _snapshot(native: str, book: _Book) -> Snapshot:
    return Snapshot(native, book.seqId, written(book.bids), written(book.asks), book.ts * 1000 or None)


def _data_of(body: bytes, *, native: str | None = None, none: str | None = None) -> list[msgspec.Raw]:
    """Give what an answer holds; ``none`` is the code that says there is nothing such.

    Raises:
        MalformedFrame: it is an error, or no answer.
        RequestFailed: too much is asked.
    """
    answer = decode(_answer, body, native=native)
    if answer.code == none:
        return []
    if answer.code == _TOO_MANY:
        raise RequestFailed("OKX", cut(answer.msg.encode()), reason=Reason.RATE_LIMITED)
    if answer.code != _OK:
        raise MalformedFrame(
            f"expected code 0, received {answer.code[:40]!r}: {cut(answer.msg.encode())}", native=native
        )
    return answer.data or []

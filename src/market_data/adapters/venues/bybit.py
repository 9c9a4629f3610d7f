"""Bybit spot: ``orderbook.200`` or ``.50``, as many levels a side that the venue keeps, each update counted.

After github.com/bybit-exchange/docs "Orderbook" and "Connect", and as measured on the live feed:

1. A ``snapshot`` replaces the book at any time, also with ``u`` 1, after the service started anew.
2. A delta follows iff its ``u`` is one more than the last; the same again is a repeat. ``u`` counts for each topic.
3. A delta with ``u`` 1 does not follow: the topic is asked for anew.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated
from urllib.parse import quote

import attrs
import msgspec
from msgspec import Meta

from market_data.adapters.venues.wire import (
    Endpoint,
    EndpointVenue,
    Milliseconds,
    Number,
    catalogue_of,
    cut,
    decode,
    most_bytes,
    spellings,
)
from market_data.application.ports import Request, VenueSession
from market_data.domain.continuity import Continuity, Proof, Scope, Seed, Window
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.events import Accepted, Change, Event, Refused, Snapshot
from market_data.domain.instrument import Catalogue, Instrument, Listing
from market_data.domain.normalized import LARGEST_NUMBER, Reason

__all__ = ["Bybit", "BybitSession"]

_OFFERED_LEVELS = (200, 50)
"""Pushed each 100 ms, and each 20 ms."""
_MOST_REST_LEVELS = 1000
_PING_SECONDS = 20.0
_TOPICS_PER_REQUEST = 10
_KEPT_REQUESTS = 256
"""So many of our last requests are known by their id; one connection is opened by fewer."""
_TOPIC_OF = re.compile(rb'"topic"\s*:\s*"([^"]+)"')
_NAMED = re.compile(r"orderbook\.\d+\.[^\s,\]\"']+")
_HEAD = 400
"""A frame says whose it is within so many bytes."""
_TOO_MANY = 10006
_NO_SUCH_SYMBOL = 10001
"""Parameter error: of a listing, only the symbol can be wrong."""


class _Book(msgspec.Struct, gc=False):
    """``{"s":"BTCUSDT","b":[],"a":[["78716.8","0.027559"],["78748.5","0"]],"u":217107085,"seq":113099229629}``: sizes
    absolute.
    """

    s: str
    b: msgspec.Raw
    a: msgspec.Raw
    u: Number


class _Frame(msgspec.Struct, gc=False):
    """``{"topic":"orderbook.50.BTCUSDT","ts":1787612486116,"type":"delta","data":{…},"cts":1787612486108}``: ts is when
    it was sent, cts when the engine made it, both ms.
    """

    topic: str
    type: str
    data: _Book
    ts: Milliseconds
    cts: Milliseconds = 0


class _Other(msgspec.Struct):
    """Whatever else comes: ``{"success":true,"ret_msg":"subscribe","conn_id":"…","req_id":"1","op":"subscribe"}``, with
    no topic; ``{"success":false,"ret_msg":"Invalid symbol :[orderbook.50.NO]","conn_id":"…","op":"subscribe"}``;
    ``{"success":true,"ret_msg":"pong","conn_id":"…","op":"ping"}``.
    """

    topic: msgspec.Raw = msgspec.Raw()
    success: bool | None = None
    op: str | None = None
    ret_msg: str | None = None
    req_id: str | None = None


class _RestBook(msgspec.Struct):
    s: str
    b: msgspec.Raw
    a: msgspec.Raw
    ts: Milliseconds = 0
    cts: Milliseconds = 0


class _Answer(msgspec.Struct):
    """``{"retCode":0,"retMsg":"OK","result":{…},"time":1787612486096}``: errors have status 200 too."""

    retCode: int
    retMsg: str = ""
    result: msgspec.Raw = msgspec.Raw()


class _Listed(msgspec.Struct):
    list: list[msgspec.Raw]


class _Symbol(msgspec.Struct):
    symbol: str
    baseCoin: str
    quoteCoin: str
    status: str


class _Time(msgspec.Struct):
    """``{"timeSecond":"1688639403","timeNano":"1688639403423213947"}``."""

    timeNano: Annotated[int, Meta(ge=0, le=LARGEST_NUMBER)]


_frame = msgspec.json.Decoder(_Frame)
_other = msgspec.json.Decoder(_Other)
_answer = msgspec.json.Decoder(_Answer)
_book = msgspec.json.Decoder(_RestBook)
_listed = msgspec.json.Decoder(_Listed)
_symbol = msgspec.json.Decoder(_Symbol)
_time = msgspec.json.Decoder(_Time, strict=False)
"""Not strict: its number is text."""


class BybitSession(VenueSession):
    """One connection's dialect."""

    def __init__(self, natives: Sequence[str], levels: int) -> None:
        self._natives = tuple(natives)
        self._prefix = f"orderbook.{levels}."
        self._by_topic = {self._prefix + native: native for native in natives}
        self._by_spelling = {name: native for topic, native in self._by_topic.items() for name in spellings(topic)}
        self._requested: dict[str, Sequence[str]] = {}
        self._was_refused: set[str] = set()
        self._next_id = 1

    def opening(self) -> Sequence[str]:
        return [self._request("subscribe", batch) for batch in self._batches(self._natives)]

    def renewing(self, natives: Sequence[str]) -> Sequence[str]:
        batches = self._batches(natives)
        return [self._request(verb, batch) for batch in batches for verb in ("unsubscribe", "subscribe")]

    def leaving(self, natives: Sequence[str]) -> Sequence[str]:
        return [self._request("unsubscribe", batch) for batch in self._batches(natives)]

    def ping(self) -> Sequence[str]:
        return ('{"op":"ping"}',)

    def _batches(self, natives: Iterable[str]) -> Sequence[Sequence[str]]:
        """Share requests, but for those that were refused: what becomes of the others of such a request is not said."""
        together = [native for native in natives if native not in self._was_refused]
        shared = [together[at : at + _TOPICS_PER_REQUEST] for at in range(0, len(together), _TOPICS_PER_REQUEST)]
        return [*shared, *([native] for native in natives if native in self._was_refused)]

    def _request(self, verb: str, natives: Sequence[str]) -> str:
        number = str(self._next_id)
        self._next_id += 1
        if verb == "subscribe":
            self._requested[number] = natives
            if len(self._requested) > _KEPT_REQUESTS:
                del self._requested[next(iter(self._requested))]
        message = {"op": verb, "req_id": number, "args": [self._prefix + native for native in natives]}
        return json.dumps(message, ensure_ascii=False, separators=(",", ":"))

    def read(self, frame: bytes) -> Sequence[Event]:
        try:
            read = _frame.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_other(frame)
        native = self._by_topic.get(read.topic)
        if native is None:
            return ()
        book = read.data
        if book.s != native:
            raise MalformedFrame(f"expected the book of {native}, received {book.s[:40]!r}", native=native)
        number = book.u
        time = (read.cts or read.ts) * 1000 or None
        if read.type == "delta":
            return (Change(native, number, number, bytes(book.b), bytes(book.a), time),)
        if read.type == "snapshot":
            return (Snapshot(native, number, bytes(book.b), bytes(book.a), time),)
        raise MalformedFrame(f"expected a snapshot or a delta, received {read.type[:40]!r}", native=native)

    def _read_other(self, frame: bytes) -> Sequence[Event]:
        native = self._native_of(frame)
        other = decode(_other, frame, native=native)
        if native is not None:
            decode(_frame, frame, native=native)  # says what is wrong with it
        if other.success is None or other.topic or other.op == "unsubscribe":  # that is subscribed next all the same
            return ()
        asked = self._requested.pop(other.req_id, ()) if other.req_id is not None else ()
        if other.success:
            return (Accepted(frozenset(asked), is_all=False),) if asked else ()
        return self._refusals(other.ret_msg or cut(frame), asked)

    def _refusals(self, message: str, asked: Sequence[str]) -> Sequence[Event]:
        """Say whom an error refuses: who is named in it; or else all of its request; or else nobody in particular."""
        named = [self._by_topic[topic] for topic in _NAMED.findall(message) if topic in self._by_topic]
        self._was_refused.update(named or asked)
        return [Refused(message, native) for native in named or asked] or (Refused(message),)

    def _native_of(self, frame: bytes) -> str | None:
        """Tell whose frame this is from its first bytes, even when the rest is damaged."""
        found = _TOPIC_OF.search(frame[:_HEAD])
        return self._by_spelling.get(found.group(1)) if found else None


class Bybit(EndpointVenue):
    """Bybit spot as its public market data shows it.

    From the United States and mainland China its REST interface answers 403, while its streams are open.
    """

    offered_levels = _OFFERED_LEVELS
    is_listing_optional = True
    sends_heartbeats = True
    ping_seconds = _PING_SECONDS
    rest_path = "/v5/market"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._levels = endpoint.book_levels or _OFFERED_LEVELS[0]
        self.continuity = attrs.evolve(_CONTINUITY, levels=self._levels)

    def _session(self, natives: Sequence[str]) -> VenueSession:
        return BybitSession(natives, self._levels)

    def book_request(self, instrument: Instrument, levels: int) -> Request:
        levels = min(levels, _MOST_REST_LEVELS)
        url = f"{self._rest_url}/orderbook?category=spot&symbol={quote(instrument.native)}&limit={levels}"
        return Request(url, 1, max_bytes=most_bytes(levels))

    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:
        """Without a number: its ``u`` is of the stream of 1000 levels."""
        native = instrument.native
        book = decode(_book, _result_of(body, native=native), native=native)
        if book.s != native:
            raise MalformedFrame(f"expected the book of {native}, received {book.s[:40]!r}", native=native)
        time = (book.cts or book.ts) * 1000 or None
        return Snapshot(native, None, bytes(book.b), bytes(book.a), time, limit=min(levels, _MOST_REST_LEVELS))

    def listings_request(self, natives: Sequence[str] = ()) -> Request:
        """One can be asked for alone; of several the venue gives all."""
        one = f"&symbol={quote(natives[0])}" if len(natives) == 1 else ""
        return Request(f"{self._rest_url}/instruments-info?category=spot{one}", 1)

    def native_of(self, symbol: str) -> str:
        return symbol.replace("-", "")

    def read_listings(self, body: bytes) -> Catalogue:
        answer = decode(_answer, body)
        if answer.retCode == _NO_SUCH_SYMBOL:
            return Catalogue(())
        return catalogue_of(decode(_listed, _result_of(body)).list, self._listing)

    def _listing(self, entry: msgspec.Raw) -> Listing:
        listed = decode(_symbol, entry)
        is_tradable = listed.status == "Trading"
        return Listing(
            Instrument(self.name, f"{listed.baseCoin}-{listed.quoteCoin}".upper(), listed.symbol),
            is_tradable=is_tradable,
            state=listed.status,
        )

    def clock_request(self) -> Request:
        return Request(f"{self._rest_url}/time", 1, max_bytes=most_bytes(0))

    def read_clock(self, body: bytes) -> int:
        return decode(_time, _result_of(body)).timeNano // 1000


_CONTINUITY = Continuity(
    Proof.SEQUENCE,
    Scope.INSTRUMENT,
    Seed.IN_BAND,
    Window.VENUE,
    is_loss_counted=True,
    blind_spots=(
        "wrong sizes under right numbers, until the book is quiet and compared",
        "where REST answers 403, all but what a fresh snapshot shows",
        "levels beyond those subscribed, and retail price improvement orders",
    ),
)


def _result_of(body: bytes, *, native: str | None = None) -> msgspec.Raw:
    """Give what an answer holds.

    Raises:
        MalformedFrame: it is an error, or no answer.
        RequestFailed: too much is asked.
    """
    answer = decode(_answer, body, native=native)
    if answer.retCode == _TOO_MANY:
        raise RequestFailed("Bybit", cut(answer.retMsg.encode()), reason=Reason.RATE_LIMITED)
    if answer.retCode != 0:
        said = cut(answer.retMsg.encode())
        raise MalformedFrame(f"expected retCode 0, received {answer.retCode}: {said}", native=native)
    if not answer.result:
        raise MalformedFrame(f"expected a result, received {cut(body)}", native=native)
    return answer.result

"""Binance spot, and Binance.US, which speaks the same.

A combined stream of ``@depth@100ms`` diffs, subscribed by message; snapshots from ``/api/v3/depth``, joined by the
rule of ``domain.splice``. After binance-spot-api-docs ``web-socket-streams.md`` and ``rest-api.md``; where real
streams differ from their words, as real streams do.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

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
from market_data.domain.continuity import Continuity, Proof, Scope, Seed
from market_data.domain.errors import MalformedFrame
from market_data.domain.events import Accepted, Change, Departing, Event, Refused, Snapshot
from market_data.domain.instrument import Catalogue, Instrument, Listing
from market_data.domain.levels import Level

__all__ = ["Binance", "BinanceSession"]

_STREAM = "@depth@100ms"
_STREAM_OF = re.compile(rb'"stream"\s*:\s*"([^"@]+)@depth')
_PARAMS_PER_MESSAGE = 100
_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
"""What ``/api/v3/depth`` costs by ``limit``."""
_LISTINGS_WEIGHT = 20
_HEAD = 400
"""A frame says whose it is within so many bytes."""
_LONGEST_WEIGHT = 9
"""Digits."""
_NULL = b"null"
T = TypeVar("T")


class _Depth(msgspec.Struct, gc=False):
    """``{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,"u":50093239202,"b":[["61737.63000000",
    "0.00000000"]],"a":[["61837.64000000","1.54698000"]]}``: E is ms, U and u the first and last update id, sizes
    absolute.
    """

    e: str
    E: Milliseconds
    s: str
    U: Number
    u: Number
    b: msgspec.Raw
    a: msgspec.Raw


class _Combined(msgspec.Struct, gc=False):
    """``{"stream":"btcusdt@depth@100ms","data":{…}}``."""

    data: _Depth


class _Other(msgspec.Struct):
    """Whatever else comes: an acknowledgement ``{"result":null,"id":1}``, an error ``{"code":2,"msg":"…","id":1}``,
    ``{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":…}}``, or a stream that was not asked for.
    """

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    e: str | None = None
    id: msgspec.Raw = msgspec.Raw()
    code: msgspec.Raw = msgspec.Raw()
    msg: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct):
    e: str | None = None


class _Snapshot(msgspec.Struct):
    """``{"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"]],"asks":[["4.00000200","12.00000000"]]}``."""

    lastUpdateId: Number
    bids: list[Level]
    asks: list[Level]


class _Symbol(msgspec.Struct):
    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str


_WITHOUT_BOOK = frozenset({"BREAK"})
"""In any other state, a new one too, data goes on: CANCEL_ONLY and HALT by the venue's changelog of 2026-07-01."""
_AUCTION = "AUCTION_MATCH"


class _ExchangeInfo(msgspec.Struct):
    symbols: list[msgspec.Raw]


class _Time(msgspec.Struct):
    serverTime: Milliseconds


_combined = msgspec.json.Decoder(_Combined)
_other = msgspec.json.Decoder(_Other)
_body: msgspec.json.Decoder[_Body | list[msgspec.Raw]] = msgspec.json.Decoder(_Body | list[msgspec.Raw])
_depth = msgspec.json.Decoder(_Depth)
_id = msgspec.json.Decoder(int)
_text = msgspec.json.Decoder(str)
_snapshot = msgspec.json.Decoder(_Snapshot)
_exchange_info = msgspec.json.Decoder(_ExchangeInfo)
_symbol = msgspec.json.Decoder(_Symbol)
_time = msgspec.json.Decoder(_Time)


class BinanceSession(VenueSession):
    """One connection's dialect."""

    def __init__(self, natives: Sequence[str]) -> None:
        self._natives = tuple(natives)
        self._by_stream = {name: native for native in natives for name in spellings(native.lower())}
        self._requested: dict[int, frozenset[str]] = {}
        self._next_id = 1

    def opening(self) -> Sequence[str]:
        """Subscribe in few messages: the venue takes five a second, pings counted."""
        return [self._request("SUBSCRIBE", batch) for batch in _batches(self._natives)]

    def renewing(self, natives: Sequence[str]) -> Sequence[str]:
        return [self._request(method, batch) for batch in _batches(natives) for method in ("UNSUBSCRIBE", "SUBSCRIBE")]

    def leaving(self, natives: Sequence[str]) -> Sequence[str]:
        return [self._request("UNSUBSCRIBE", batch) for batch in _batches(natives)]

    def _request(self, method: str, natives: Sequence[str]) -> str:
        number = self._next_id
        self._next_id += 1
        if method == "SUBSCRIBE":
            self._requested[number] = frozenset(natives)
        params = [native.lower() + _STREAM for native in natives]
        message = {"method": method, "params": params, "id": number}
        return json.dumps(message, ensure_ascii=False, separators=(",", ":"))

    def read(self, frame: bytes) -> Sequence[Event]:
        try:
            depth = _combined.decode(frame).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_other(frame)
        if depth.e != "depthUpdate":
            return ()
        return (_change(depth),)

    def _read_other(self, frame: bytes) -> Sequence[Event]:
        other = decode(_other, frame, native=self._native_of(frame))
        if _is_given(other.data):
            return self._read_data(other.data, frame)
        if other.e == "serverShutdown":
            return (Departing(),)
        if other.e is not None:
            return self._read_data(msgspec.Raw(frame), frame)
        return self._read_answer(other, frame)

    def _read_answer(self, other: _Other, frame: bytes) -> Sequence[Event]:
        """Read what answers a request, or nothing: it touches no book, however odd it is."""
        number = _read_if(_id, other.id)
        asked = None if number is None else self._requested.pop(number, None)
        if _is_given(other.code) or _is_given(other.error):
            answer = _read_if(_text, other.msg) or cut(other.error if _is_given(other.error) else frame)
            return tuple(Refused(answer, native) for native in asked) if asked else (Refused(answer),)
        return (Accepted(asked, is_all=False),) if asked is not None else ()

    def _read_data(self, data: msgspec.Raw, frame: bytes) -> Sequence[Event]:
        native = self._native_of(frame)
        body = decode(_body, data, native=native)
        kind = body.e if isinstance(body, _Body) else None
        if kind == "serverShutdown":
            return (Departing(),)
        if kind == "depthUpdate" or native is not None:
            return (_change(decode(_depth, data, native=native)),)
        return ()

    def _native_of(self, frame: bytes) -> str | None:
        """Tell whose depth frame this is from its first bytes, even when the rest is damaged."""
        found = _STREAM_OF.search(frame[:_HEAD])
        return self._by_stream.get(found.group(1)) if found else None


class Binance(EndpointVenue):
    """Binance spot as its public market data shows it."""

    continuity = Continuity(
        Proof.SEQUENCE,
        Scope.INSTRUMENT,
        Seed.FETCHED,
        is_loss_counted=True,
        blind_spots=(
            "wrong sizes under right ids, until the next audit",
            "levels beyond the fetched depth that never changed: not kept",
        ),
    )
    sends_heartbeats = False

    def websocket_url(self) -> str:
        return f"{self._websocket_url.rstrip('/')}/stream"

    def _session(self, natives: Sequence[str]) -> VenueSession:
        return BinanceSession(natives)

    def book_request(self, instrument: Instrument, levels: int) -> Request:
        weight = next((weight for limit, weight in _WEIGHTS if levels <= limit), _WEIGHTS[-1][1])
        url = f"{self._rest_url}/api/v3/depth?symbol={quote(instrument.native)}&limit={levels}"
        return Request(url, weight, max_bytes=most_bytes(levels))

    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:
        book = decode(_snapshot, body, native=instrument.native)
        return Snapshot(instrument.native, book.lastUpdateId, written(book.bids), written(book.asks), None, levels)

    def listings_request(self, natives: Sequence[str] = ()) -> Request:
        these = json.dumps(list(natives), ensure_ascii=False, separators=(",", ":"))
        query = f"?symbols={quote(these)}" if natives else ""
        return Request(f"{self._rest_url}/api/v3/exchangeInfo{query}", _LISTINGS_WEIGHT)

    def native_of(self, symbol: str) -> str:
        return symbol.replace("-", "")

    def read_listings(self, body: bytes) -> Catalogue:
        return catalogue_of(decode(_exchange_info, body).symbols, self._listing)

    def _listing(self, entry: msgspec.Raw) -> Listing:
        symbol = decode(_symbol, entry)
        return Listing(
            Instrument(self.name, f"{symbol.baseAsset}-{symbol.quoteAsset}".upper(), symbol.symbol),
            is_tradable=symbol.status == "TRADING",
            state=symbol.status,
            is_crossing_legitimate=symbol.status == _AUCTION,
            has_book=symbol.status not in _WITHOUT_BOOK,
        )

    def clock_request(self) -> Request:
        return Request(f"{self._rest_url}/api/v3/time", 1, max_bytes=most_bytes(0))

    def read_clock(self, body: bytes) -> int:
        return decode(_time, body).serverTime * 1000

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        text = headers.get("x-mbx-used-weight-1m", "")
        return int(text[:_LONGEST_WEIGHT]) if text.isascii() and text.isdecimal() else None


def _batches(natives: Sequence[str]) -> Sequence[Sequence[str]]:
    return [natives[at : at + _PARAMS_PER_MESSAGE] for at in range(0, len(natives), _PARAMS_PER_MESSAGE)]


def _change(depth: _Depth) -> Change:
    if not 0 <= depth.U <= depth.u:
        raise MalformedFrame(f"expected U <= u, received {depth.U} and {depth.u}", native=depth.s)
    return Change(depth.s, depth.U, depth.u, bytes(depth.b), bytes(depth.a), depth.E * 1000 or None)


def _is_given(value: msgspec.Raw) -> bool:
    return bool(value) and bytes(value) != _NULL


def _read_if(decoder: msgspec.json.Decoder[T], value: msgspec.Raw) -> T | None:
    try:
        return decode(decoder, value)
    except MalformedFrame:
        return None

"""Bitstamp spot: the ``order_book`` channel, the best 100 levels a side, whole each time.

After www.bitstamp.net/websocket/v2. Nothing is numbered and nothing has a checksum, so nothing tells whether a message
is missing; the next one mends it. Each bears its ``microtimestamp``, which is to rise. The channel of all changes,
``diff_order_book``, is not read: a hole in it would never be seen, nor mended.

No frame of ``order_book`` is among our captures: its form is that of ``diff_order_book`` and of the REST book, which
are, as examples in several public projects show it. A quiet market says nothing, not even when it is subscribed, and
the channel of a market that there is not is acknowledged and stays silent.
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from market_data.adapters.venues.wire import EndpointVenue, catalogue_of, cut, decode, most_bytes
from market_data.application.ports import Request, VenueSession
from market_data.domain.continuity import Continuity, Proof, Quietness, Scope, Seed, Window
from market_data.domain.errors import MalformedFrame
from market_data.domain.events import Accepted, Departing, Event, Refused, Snapshot
from market_data.domain.instrument import Catalogue, Instrument, Listing
from market_data.domain.normalized import LATEST_TIME

__all__ = ["Bitstamp", "BitstampSession"]

_CHANNEL = "order_book_"
_LEVELS = 100
_PING_SECONDS = 20.0
"""The server does not beat by itself, and a mute socket was seen to stay open for an hour."""
_PING = '{"event":"bts:heartbeat"}'
_CHANNEL_OF = re.compile(rb'"channel"\s*:\s*"order_book_([^"]+)"')
_END = 400
"""A frame says whose it is within so many bytes of its end, or of its beginning."""
_REST_LEVELS = 20_000
"""A side of the REST book, which comes whole, had 3,000."""
_CLOCK_MARKET = "btcusd"
_Microseconds = Annotated[int, Meta(ge=0, le=LATEST_TIME)]


class _Book(msgspec.Struct, gc=False):
    """``{"timestamp":"1787612486","microtimestamp":"1787612486338338","bids":[["78703.59","0.11568628"]],"asks":[…]}``:
    the time is that of the book, µs.
    """

    microtimestamp: _Microseconds
    bids: msgspec.Raw
    asks: msgspec.Raw


class _Frame(msgspec.Struct, gc=False):
    """``{"data":{…},"channel":"order_book_btcusd","event":"data"}``."""

    data: _Book
    channel: str
    event: str


class _Other(msgspec.Struct):
    """Whatever else comes: ``{"event":"bts:subscription_succeeded","channel":"order_book_btcusd","data":{}}``,
    ``{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}``,
    ``{"event":"bts:request_reconnect","channel":"","data":""}``, answers to pings, data of other channels.
    """

    event: str
    channel: str | None = None
    data: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct):
    message: str


class _Market(msgspec.Struct):
    """``{"name":"BTC/USD","market_symbol":"btcusd","base_currency":"BTC","counter_currency":"USD","trading":"Enabled",
    "market_type":"SPOT",…}``.
    """

    market_symbol: str
    base_currency: str
    counter_currency: str
    trading: str
    market_type: str = "SPOT"


_frame = msgspec.json.Decoder(_Frame, strict=False)
"""Not strict: times are text."""
_other = msgspec.json.Decoder(_Other)
_error = msgspec.json.Decoder(_Error)
_book = msgspec.json.Decoder(_Book, strict=False)
_markets = msgspec.json.Decoder(list[msgspec.Raw])
_market = msgspec.json.Decoder(_Market)


class BitstampSession(VenueSession):
    """One connection's dialect."""

    def __init__(self, natives: Sequence[str]) -> None:
        self._natives = tuple(natives)

    def opening(self) -> Sequence[str]:
        """One channel a message."""
        return [_request("subscribe", native) for native in self._natives]

    def renewing(self, natives: Sequence[str]) -> Sequence[str]:
        return [_request(verb, native) for native in natives for verb in ("unsubscribe", "subscribe")]

    def leaving(self, natives: Sequence[str]) -> Sequence[str]:
        return [_request("unsubscribe", native) for native in natives]

    def ping(self) -> Sequence[str]:
        return (_PING,)

    def read(self, frame: bytes) -> Sequence[Event]:
        try:
            message = _frame.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_other(frame)
        native = message.channel.removeprefix(_CHANNEL)
        if message.event != "data" or native == message.channel:
            return ()
        book = message.data
        time = book.microtimestamp
        return (Snapshot(native, time, bytes(book.bids), bytes(book.asks), time or None, _LEVELS),)

    def _read_other(self, frame: bytes) -> Sequence[Event]:
        native = self._native_of(frame)
        other = decode(_other, frame, native=native)
        channel = other.channel or ""
        match other.event:
            case "data" if channel.startswith(_CHANNEL):
                decode(_frame, frame, native=native)  # says what is wrong with it
            case "bts:subscription_succeeded" if channel.startswith(_CHANNEL):
                return (Accepted(frozenset((channel.removeprefix(_CHANNEL),)), is_all=False),)
            case "bts:error":
                return (Refused(_message_of(other.data), channel.removeprefix(_CHANNEL) or None),)
            case "bts:request_reconnect":
                return (Departing(),)
        return ()

    def _native_of(self, frame: bytes) -> str | None:
        """Tell whose book this is from its last bytes, or its first, even when the rest is damaged."""
        found = _CHANNEL_OF.search(frame[-_END:]) or _CHANNEL_OF.search(frame[:_END])
        native = found.group(1).decode("ascii", "replace") if found else None
        return native if native in self._natives else None


class Bitstamp(EndpointVenue):
    """Bitstamp spot as its public market data shows it."""

    continuity = Continuity(
        Proof.NONE,
        Scope.INSTRUMENT,
        Seed.IN_BAND,
        Window.VENUE,
        levels=_LEVELS,
        proven_levels=0,
        quietness=Quietness.FETCHED,
        blind_spots=(
            "a lost message: nothing is numbered, and the book is old until the next one",
            "wrong content: nothing but a silent book is compared with the venue's own",
            "levels beyond the best 100",
        ),
    )
    sends_heartbeats = True
    """It answers our pings."""
    ping_seconds = _PING_SECONDS
    clock_doubt_seconds = 1.0
    """It tells when a book was made that is asked for, which is made anew when it changes."""
    rest_path = "/api/v2"

    def _session(self, natives: Sequence[str]) -> VenueSession:
        return BitstampSession(natives)

    def book_request(self, instrument: Instrument, levels: int) -> Request:  # noqa: ARG002 - it comes whole
        return self._order_book(instrument.native)

    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:  # noqa: ARG002 - it is whole
        """Read a book without a number: that its time and the stream's are the same clock's is in dispute."""
        book = decode(_book, body, native=instrument.native)
        return Snapshot(instrument.native, None, bytes(book.bids), bytes(book.asks), book.microtimestamp or None)

    def _order_book(self, native: str) -> Request:
        return Request(f"{self._rest_url}/order_book/{quote(native)}/", 1, max_bytes=most_bytes(_REST_LEVELS))

    def listings_request(self, natives: Sequence[str] = ()) -> Request:  # noqa: ARG002 - all come at once
        return Request(f"{self._rest_url}/markets/", 1)

    def native_of(self, symbol: str) -> str:
        return symbol.replace("-", "").lower()

    def read_listings(self, body: bytes) -> Catalogue:
        """List spot markets."""
        markets = decode(_markets, body)
        return catalogue_of(markets, self._listing)

    def _listing(self, entry: msgspec.Raw) -> Listing | None:
        market = decode(_market, entry)
        if market.market_type != "SPOT":
            return None
        return Listing(
            Instrument(self.name, f"{market.base_currency}-{market.counter_currency}".upper(), market.market_symbol),
            is_tradable=market.trading == "Enabled",
            state=market.trading,
        )

    def clock_request(self) -> Request:
        """Ask for a busy book: the venue tells no time, but when that changed last."""
        return self._order_book(_CLOCK_MARKET)

    def read_clock(self, body: bytes) -> int:
        time = decode(_book, body).microtimestamp
        if not time:
            raise MalformedFrame(f"expected a time, received {cut(body)}")
        return time


def _request(verb: str, native: str) -> str:
    message = {"event": f"bts:{verb}", "data": {"channel": f"{_CHANNEL}{native}"}}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _message_of(data: msgspec.Raw) -> str:
    try:
        return decode(_error, data).message
    except MalformedFrame:
        return cut(data)

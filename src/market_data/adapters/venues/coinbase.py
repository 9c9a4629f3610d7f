"""Coinbase Advanced Trade: keyless ``level2`` (which arrives as ``l2_data``) with ``heartbeats`` beside it.

Every frame of a connection carries ``sequence_num``, acknowledgements and heartbeats included; the rule of
``domain.counted`` follows it. After docs.cdp.coinbase.com "WebSocket channels", but the number's scope, the side called
``offer``, the order of first frames and the aliases are as measured on the live feed, not as written there.
"""

import json
from collections.abc import Generator, Sequence
from urllib.parse import quote

import msgspec

from market_data.adapters.venues.sliced import slice_frame
from market_data.adapters.venues.wire import (
    EndpointVenue,
    Milliseconds,
    Number,
    catalogue_of,
    cut,
    decode,
    largest_time,
    most_bytes,
    time_of,
    written,
)
from market_data.application.ports import Request, VenueSession
from market_data.domain.continuity import Continuity, Proof, Scope, Seed
from market_data.domain.errors import MalformedFrame
from market_data.domain.events import Accepted, Change, Event, Numbered, Refused, Snapshot, Unreadable
from market_data.domain.instrument import Catalogue, Instrument, Listing, is_symbol
from market_data.domain.levels import Level, join_levels

__all__ = ["Coinbase", "CoinbaseSession"]

_NO_CACHE = {"cache-control": "no-cache"}
_ERROR = b'"error"'


class _Update(msgspec.Struct, gc=False):
    """``{"side":"bid","event_time":"2026-08-24T22:34:13.483122Z","price_level":"78856.05","new_quantity":"0.0476177"}``:
    the side is ``bid`` or ``offer``, the quantity absolute, ``"0"`` removes.
    """

    side: str
    price_level: str
    new_quantity: str
    event_time: str = "1970-01-01T00:00:00Z"


class _BookEvent(msgspec.Struct):
    """``{"type":"update","product_id":"BTC-USD","updates":[…]}``, or ``snapshot``: the whole book, in any order."""

    type: str
    product_id: str
    updates: list[_Update]


class _Named(msgspec.Struct):
    """As much of a ``_BookEvent`` as says whose it is."""

    product_id: str


class _Channels(msgspec.Struct):
    level2: list[str | None] | None = None


class _Subscriptions(msgspec.Struct):
    """``{"subscriptions":{"heartbeats":["heartbeats"],"level2":["BTC-USD"]}}``: all that the connection now has; null
    is nothing.
    """

    subscriptions: _Channels | None = None


class _Frame(msgspec.Struct):
    """``{"channel":"l2_data","timestamp":"…","sequence_num":0,"events":[…]}``; errors are
    ``{"type":"error","message":"…"}`` and have no number.
    """

    channel: str | None = None
    sequence_num: Number | None = None
    events: msgspec.Raw = msgspec.Raw()
    type: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct):
    message: str | None = None
    reason: str | None = None


class _RestLevel(msgspec.Struct):
    price: str
    size: str


class _PriceBook(msgspec.Struct):
    product_id: str
    bids: list[_RestLevel]
    asks: list[_RestLevel]
    time: str = "1970-01-01T00:00:00Z"


class _ProductBook(msgspec.Struct):
    pricebook: _PriceBook


class _Product(msgspec.Struct):
    """Of what may be left out, null says as much."""

    product_id: str
    base_currency_id: str | None = None
    quote_currency_id: str | None = None
    status: str | None = None
    product_type: str | None = None
    is_disabled: bool | None = None
    trading_disabled: bool | None = None
    view_only: bool | None = None
    auction_mode: bool | None = None
    alias: str | None = None
    alias_to: list[str] | None = None


class _Products(msgspec.Struct):
    products: list[msgspec.Raw]


class _Time(msgspec.Struct):
    """``{"iso":"2026-08-24T22:34:13Z","epochSeconds":"…","epochMillis":"1787610853000"}``."""

    epochMillis: Milliseconds


_frame = msgspec.json.Decoder(_Frame)
_error = msgspec.json.Decoder(_Error)
_book_events = msgspec.json.Decoder(list[_BookEvent])
_updates = msgspec.json.Decoder(list[_Update])
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_named = msgspec.json.Decoder(_Named)
_a_book_event = msgspec.json.Decoder(_BookEvent)
_acknowledgement = msgspec.json.Decoder(list[_Subscriptions])
_product_book = msgspec.json.Decoder(_ProductBook)
_products = msgspec.json.Decoder(_Products)
_product = msgspec.json.Decoder(_Product)
_time = msgspec.json.Decoder(_Time, strict=False)
"""Not strict: its number is text."""


class CoinbaseSession(VenueSession):
    """One connection's dialect."""

    def __init__(self, natives: Sequence[str]) -> None:
        self._natives = tuple(natives)

    def opening(self) -> Sequence[str]:
        """One channel a message; the first must come within five seconds of the opening."""
        return [_subscribe(self._natives), json.dumps({"type": "subscribe", "channel": "heartbeats"})]

    def renewing(self, natives: Sequence[str]) -> Sequence[str]:
        """For instruments that were left out; of one that was not, a second snapshot is not to be had."""
        return [_subscribe(natives)]

    def leaving(self, natives: Sequence[str]) -> Sequence[str]:
        return [json.dumps({"type": "unsubscribe", "product_ids": natives, "channel": "level2"})]

    def read(self, frame: bytes) -> Sequence[Event]:
        outer = decode(_frame, frame)
        if outer.type and bytes(outer.type) == _ERROR:
            return (Refused(_answer(frame)),)
        number = outer.sequence_num
        if number is None:
            if outer.channel is not None:
                raise MalformedFrame(f"expected a sequence_num, received {cut(frame)}")
            return ()
        events: list[Event] = [Numbered(number)]
        if outer.channel == "l2_data":
            events.extend(_read_books(outer.events, number))
        elif outer.channel == "subscriptions" and outer.events:
            events.extend(_read_acknowledgements(outer.events))
        return events

    def reading(self, frame: bytes) -> Generator[None, None, Sequence[Event] | None]:
        try:
            return (yield from _read_slices(frame))
        except MalformedFrame:
            return None


def _read_slices(frame: bytes) -> Generator[None, None, Sequence[Event] | None]:
    """Read the snapshot of one large book; None where it is anything else."""
    sliced = slice_frame(frame, "updates")
    if sliced is None:
        return None
    outer = decode(_frame, sliced.skeleton)
    number = outer.sequence_num
    if outer.type or number is None or outer.channel != "l2_data":
        return None
    events = decode(_book_events, outer.events)
    if len(events) != 1 or events[0].type != "snapshot" or events[0].updates:
        return None
    parts: list[Change | Snapshot] = []
    for each in sliced.slices:
        updates = decode(_updates, each)
        if each.count(b"{") != len(updates) or each.count(b"[") != 1 or not updates:  # all as flat as is promised
            return None
        parts.append(_book_event(_BookEvent("snapshot", events[0].product_id, updates), number))
        yield
    if not parts:
        return None
    time = max((part.event_time for part in parts if part.event_time is not None), default=None)
    bids, asks = join_levels(part.bids for part in parts), join_levels(part.asks for part in parts)
    return [Numbered(number), Snapshot(events[0].product_id, number, bids, asks, time)]


def _answer(frame: bytes) -> str:
    try:
        error = decode(_error, frame)
    except MalformedFrame:
        return cut(frame)
    return ": ".join(text for text in (error.message, error.reason) if text) or cut(frame)


def _read_acknowledgements(events: msgspec.Raw) -> Sequence[Event]:
    try:
        acknowledged = decode(_acknowledgement, events)
    except MalformedFrame as error:
        return (Unreadable(str(error), ()),)
    named = [(each.subscriptions and each.subscriptions.level2) or () for each in acknowledged]
    return [Accepted(frozenset(filter(None, natives)), is_all=True) for natives in named]


def _read_books(events: msgspec.Raw, number: int) -> Sequence[Event]:
    """Read all at once, or where one is not as promised, each for itself."""
    try:
        return [_book_event(event, number) for event in decode(_book_events, events)]
    except MalformedFrame:
        return _read_parts(events, number)


def _read_parts(events: msgspec.Raw, number: int) -> Sequence[Event]:
    try:
        return [_read_part(part, number) for part in decode(_parts, events)]
    except MalformedFrame as error:
        return (Unreadable(str(error), None),)


def _read_part(part: msgspec.Raw, number: int) -> Event:
    try:
        native = decode(_named, part).product_id
    except MalformedFrame as error:
        return Unreadable(str(error), None)
    try:
        return _book_event(decode(_a_book_event, part), number)
    except MalformedFrame as error:
        return Unreadable(str(error), (native,))


def _subscribe(natives: Sequence[str]) -> str:
    return json.dumps({"type": "subscribe", "product_ids": natives, "channel": "level2"})


def _book_event(event: _BookEvent, number: int) -> Change | Snapshot:
    native = event.product_id
    bids: list[Level] = []
    asks: list[Level] = []
    for update in event.updates:
        level = (update.price_level, update.new_quantity)
        side = update.side
        if side == "bid":
            bids.append(level)
        elif side in ("offer", "ask"):
            asks.append(level)
        else:
            raise MalformedFrame(f"expected side bid or offer, received {side[:40]!r}")
    time = largest_time({update.event_time for update in event.updates})
    if event.type == "update":
        return Change(native, number, number, written(bids), written(asks), time)
    if event.type == "snapshot":
        return Snapshot(native, number, written(bids), written(asks), time)
    raise MalformedFrame(f"expected a snapshot or an update, received {event.type[:40]!r}")


class Coinbase(EndpointVenue):
    """Coinbase Advanced Trade as it shows itself without a key."""

    continuity = Continuity(
        Proof.SEQUENCE,
        Scope.CONNECTION,
        Seed.IN_BAND,
        is_loss_counted=True,
        blind_spots=(
            "wrong sizes under right numbers, until the book is quiet and compared",
            "whose frame is missing: all books of the connection are rebuilt",
        ),
    )
    sends_heartbeats = True
    rest_path = "/api/v3/brokerage"

    def _session(self, natives: Sequence[str]) -> VenueSession:
        return CoinbaseSession(natives)

    def book_request(self, instrument: Instrument, levels: int) -> Request:
        url = f"{self._rest_url}/market/product_book?product_id={quote(instrument.native)}&limit={levels}"
        return Request(url, 1, _NO_CACHE, max_bytes=most_bytes(levels))

    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:
        book = decode(_product_book, body, native=instrument.native).pricebook
        return Snapshot(
            instrument.native,
            None,
            written([(level.price, level.size) for level in book.bids]),
            written([(level.price, level.size) for level in book.asks]),
            time_of(book.time, native=instrument.native),
            levels,
        )

    def listings_request(self, natives: Sequence[str] = ()) -> Request:
        """An alias is listed beside what it stands for, so that is asked for with it."""
        targets = (native.removesuffix("C") for native in natives if native.endswith("-USDC"))
        query = "&".join(f"product_ids={quote(native)}" for native in dict.fromkeys([*natives, *targets]))
        return Request(f"{self._rest_url}/market/products{'?' if query else ''}{query}", 1)

    def native_of(self, symbol: str) -> str:
        return symbol

    def read_listings(self, body: bytes) -> Catalogue:
        """List spot markets; an alias (``BTC-USDC``) is said beside the product whose data it really gives."""
        return catalogue_of(decode(_products, body).products, self._listing)

    def _listing(self, entry: msgspec.Raw) -> Listing | None:
        product = decode(_product, entry)
        if product.alias or product.product_type not in (None, "SPOT"):
            return None
        base, _, quoted = product.product_id.partition("-")
        symbol = f"{product.base_currency_id or base}-{product.quote_currency_id or quoted}".upper()
        flags = [name for name in ("is_disabled", "trading_disabled", "view_only") if getattr(product, name)]
        status = product.status or "online"
        is_online = status.lower() == "online"
        return Listing(
            Instrument(self.name, symbol, product.product_id),
            is_tradable=is_online and not flags,
            state=", ".join([*([] if is_online else [status]), *flags]) or "online",
            aliases=tuple(filter(is_symbol, product.alias_to or ())),
            is_crossing_legitimate=bool(product.auction_mode),
            has_book=is_online and not product.is_disabled,
        )

    def clock_request(self) -> Request:
        return Request(f"{self._rest_url}/time", 1, max_bytes=most_bytes(0))

    def read_clock(self, body: bytes) -> int:
        return decode(_time, body).epochMillis * 1000

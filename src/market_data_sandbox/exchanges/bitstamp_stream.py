"""Bitstamp spot: its WebSocket. `order_book_*` is the best 100 levels whole, `diff_order_book_*` every change.

Nothing is numbered and nothing has a checksum: the `microtimestamp` rises, and is what a book's truth is found by.

    {"data":{"timestamp":"1787612486","microtimestamp":"1787612486338338","bids":[["78703.59","0.11568628"],
     ["78703.58","0.00000000"]],"asks":[...]},"channel":"diff_order_book_btcusd","event":"data"}

As measured: a channel of an unknown market is acknowledged, and silent for ever; a malformed one is refused; a message
of more than 512 bytes ends the connection; there is no frame at the time of a subscription, and none while nothing
changes; a connection without a subscription stays.
"""

import re
from typing import Any

import attrs
import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from market_data_sandbox.book import Book, Level
from market_data_sandbox.exchanges.connection import Connection
from market_data_sandbox.exchanges.exchange import Exchange
from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Outlet
from market_data_sandbox.source import Change, Message

__all__ = ["BOOK_LEVELS", "BitstampConnection", "BitstampExchange", "encode", "times_of"]

BOOK_LEVELS = 100
"""Levels a side of `order_book_*`."""
_MOST_BYTES = 512
_TOO_BIG = 1009
_UNAUTHORIZED = 4009
_WHOLE, _DIFFERENCE = "order_book", "diff_order_book"
_QUIET = ("detail_order_book", "live_orders", "live_trades")
"""Public channels that can be subscribed, and on which nothing is ever said here."""
_CHANNEL = re.compile(rf"({'|'.join((_WHOLE, _DIFFERENCE, *_QUIET))})_([a-z0-9]+(?:-perp)?)")


def encode(message: object) -> str:
    """Write JSON without blanks."""
    return msgspec.json.encode(message).decode()


def times_of(time_ns: int) -> dict[str, str]:
    """Write a moment as all of the venue's books do."""
    return {"timestamp": str(time_ns // 10**9), "microtimestamp": str(time_ns // 10**3)}


@attrs.define(eq=False)
class BitstampConnection(Connection):
    """One client."""

    exchange: "BitstampExchange"
    channels: dict[str, None] = attrs.field(factory=dict, init=False)
    """In order of subscription."""

    @property
    def symbols(self) -> frozenset[str]:
        found = (self.exchange.markets.get(channel.rpartition("_")[2]) for channel in self.channels)
        return frozenset(symbol for symbol in found if symbol is not None)

    def handle(self, text: str) -> None:
        if len(text.encode()) > _MOST_BYTES:
            self.hang_up(_TOO_BIG, f"read limited at {_MOST_BYTES + 1} bytes")
            return
        try:
            message = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            self._refuse("Incorrect JSON format.")
            return
        match message:
            case {"event": "bts:heartbeat"}:
                pong = {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}
                self.outlet.put(Frame(encode(pong), FrameKind.PONG))
            case {"event": "bts:subscribe", "data": {"channel": str(channel)}}:
                self._subscribe(channel)
            case {"event": "bts:unsubscribe", "data": {"channel": str(channel)}} if channel in self.channels:
                del self.channels[channel]
                self._say("bts:unsubscription_succeeded", channel, {})
            case _:
                self._refuse("Bad subscription string.")
        self.exchange.tell_source()

    def announce_end(self) -> None:
        self.outlet.put(Frame(encode({"event": "bts:request_reconnect", "channel": "", "data": ""}), FrameKind.OTHER))

    def _subscribe(self, channel: str) -> None:
        if channel.startswith("private-"):
            self._refuse("Connection is unauthorized.", _UNAUTHORIZED)
        elif _CHANNEL.fullmatch(channel) is None:
            self._refuse("Invalid channel provided.")
        elif len(self.channels | {channel: None}) > self.exchange.options.bitstamp_channels:
            self.protocol.cut()  # without a word
        else:
            self.channels[channel] = None
            if not self.seam.withholds_reply(self):
                self._say("bts:subscription_succeeded", channel, {})

    def _refuse(self, message: str, code: int | None = None) -> None:
        self._say("bts:error", "", {"code": code, "message": message})

    def _say(self, event: str, channel: str, data: dict[str, Any]) -> None:
        self.reply(encode({"event": event, "channel": channel, "data": data}))


@attrs.define(eq=False)
class BitstampExchange(Exchange[BitstampConnection]):
    """Bitstamp's WebSocket over a source."""

    markets: dict[str, str] = attrs.field(init=False)
    """Canonical symbols by the venue's, as in `btcusd`."""

    def __attrs_post_init__(self) -> None:
        self.markets = {f"{each.base}{each.quote}".lower(): each.symbol for each in self.source.listings}

    def routes(self) -> list[WebSocketRoute]:
        """Give the WebSocket endpoint."""
        return [WebSocketRoute("/", self.attend)]

    def connection(self, name: str, websocket: WebSocket, outlet: Outlet) -> BitstampConnection:
        return BitstampConnection(self.venue, name, websocket, outlet, self.seam, exchange=self)

    def applied(self, symbol: str, book: Book) -> None:
        time_us = (book.changed_ns or 0) // 1000
        self.truth.record(self.venue, symbol, book, sequence=time_us, connection=None, timestamp=None)

    def restarted(self, symbol: str, book: Book) -> None:
        """Do nothing: nothing is numbered here."""

    def deliver(self, message: Message) -> None:
        for change in message.changes:
            book = self.source.book(change.symbol)
            if book is not None:
                self._tell(change, book)

    def _tell(self, change: Change, book: Book) -> None:
        market = change.symbol.replace("-", "").lower()
        time_ns = book.changed_ns or 0
        written: dict[str, Frame] = {}
        for connection in self.connections.values():
            for kind in (_WHOLE, _DIFFERENCE):
                channel = f"{kind}_{market}"
                if channel not in connection.channels:
                    continue
                if channel not in written:
                    whole = kind == _WHOLE
                    bids, asks = (
                        (book.bids(BOOK_LEVELS), book.asks(BOOK_LEVELS)) if whole else (change.bids, change.asks)
                    )
                    written[channel] = Frame(_data(channel, time_ns, bids, asks), FrameKind.UPDATE, (change.symbol,))
                connection.outlet.put(written[channel])


def _data(
    channel: str, time_ns: int, bids: list[Level] | tuple[Level, ...], asks: list[Level] | tuple[Level, ...]
) -> str:
    return encode({"data": {**times_of(time_ns), "bids": bids, "asks": asks}, "channel": channel, "event": "data"})

"""Binance spot: its streams. What is the same for a market and a recording, on one side of the wire.

The server pings every 20 s and wants the pong within 60 s; the client may send 5 messages a second, PING and PONG
included, else it is disconnected. A well-formed stream of an unknown symbol is subscribed without a word, and silent
for ever.
"""

import time
from collections import deque

import attrs
import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from market_data_sandbox.book import Book
from market_data_sandbox.exchanges.binance_control import Streams, answer
from market_data_sandbox.exchanges.binance_streams import StreamWriter
from market_data_sandbox.exchanges.connection import Connection
from market_data_sandbox.exchanges.exchange import Exchange
from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Outlet
from market_data_sandbox.source import Message, Recorded

__all__ = ["BinanceConnection", "BinanceExchange"]

_POLICY_VIOLATION = 1008


@attrs.define(eq=False)
class BinanceConnection(Connection):
    """One client on `/ws` or `/stream`."""

    exchange: "BinanceExchange"
    streams: Streams
    in_microseconds: bool
    _received: deque[float] = attrs.field(init=False)
    """When its last messages came, as many as it may send in a second."""

    def __attrs_post_init__(self) -> None:
        self._received = deque(maxlen=self.exchange.options.binance_messages_per_second)
        self.protocol.on_control_frame = self.count_message

    @property
    def symbols(self) -> frozenset[str]:
        found = (self.exchange.natives.get(name.partition("@")[0].upper()) for name in self.streams.names)
        return frozenset(symbol for symbol in found if symbol is not None)

    def handle(self, text: str) -> None:
        self.count_message()
        reply = answer(text, self.streams)
        if not self.seam.withholds_reply(self):
            self.reply(reply)
        if len(self.streams.names) > self.exchange.options.binance_streams:
            self.hang_up(_POLICY_VIOLATION, "Too many streams")
        self.exchange.tell_source()

    def announce_end(self) -> None:
        payload = f'{{"e":"serverShutdown","E":{time.time_ns() // 1_000_000}}}'
        text = _wrap("!serverShutdown", payload) if self.streams.combined else payload
        self.outlet.put(Frame(text, FrameKind.OTHER))

    def count_message(self) -> None:
        """Count an incoming message, and end the connection when they come too fast."""
        now = time.monotonic()
        if len(self._received) == self._received.maxlen and now - self._received[0] < 1:
            self.hang_up(_POLICY_VIOLATION, "Too many requests")
        self._received.append(now)


@attrs.define(eq=False)
class BinanceExchange(Exchange[BinanceConnection]):
    """Binance's streams over a source."""

    natives: dict[str, str] = attrs.field(init=False)
    """Canonical symbols by the venue's, upper case."""
    _writers: dict[str, StreamWriter] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.natives = {f"{listing.base}{listing.quote}": listing.symbol for listing in self.source.listings}
        self._writers = {symbol: StreamWriter(native) for native, symbol in self.natives.items()}

    def routes(self) -> list[WebSocketRoute]:
        """Give the WebSocket endpoints."""
        return [WebSocketRoute(path, self.attend) for path in ("/stream", "/ws", "/ws/{names:path}")]

    def connection(self, name: str, websocket: WebSocket, outlet: Outlet) -> BinanceConnection:
        combined = websocket.url.path == "/stream"
        asked = websocket.query_params.get("streams", "") if combined else websocket.path_params.get("names", "")
        return BinanceConnection(
            self.venue,
            name,
            websocket,
            outlet,
            self.seam,
            exchange=self,
            streams=Streams(combined, dict.fromkeys(filter(None, asked.split("/")))),
            in_microseconds=websocket.query_params.get("timeUnit", "").upper() == "MICROSECOND",
        )

    def applied(self, symbol: str, book: Book) -> None:
        self.truth.record(self.venue, symbol, book, sequence=book.sequence, connection=None, timestamp=None)

    def deliver(self, message: Message) -> None:
        if message.recorded is not None:
            self._deliver_recorded(message.recorded)
            return
        for change in message.changes:
            book = self.source.book(change.symbol)
            if book is None:
                continue
            for frame in self._writers[change.symbol].write(change, book):
                for connection in self.connections.values():
                    if frame.stream in connection.streams.names:
                        payload = frame.microseconds if connection.in_microseconds else frame.milliseconds
                        text = _wrap(frame.stream, payload) if connection.streams.combined else payload
                        connection.outlet.put(Frame(text, frame.kind, (change.symbol,)))

    def _deliver_recorded(self, recorded: Recorded) -> None:
        native, _, kind = recorded.stream.partition("@")
        symbol = self.natives.get(native.upper(), "")
        frame_kind = FrameKind.UPDATE if kind.startswith("depth") else FrameKind.TICKER
        for connection in self.connections.values():
            if recorded.stream in connection.streams.names:
                text = recorded.text if connection.streams.combined else _unwrap(recorded.text)
                connection.outlet.put(Frame(text, frame_kind, (symbol,)))


class _Wrapped(msgspec.Struct):
    data: msgspec.Raw


def _wrap(stream: str, payload: str) -> str:
    return f'{{"stream":"{stream}","data":{payload}}}'


def _unwrap(text: str) -> str:
    return bytes(msgspec.json.decode(text, type=_Wrapped).data).decode()

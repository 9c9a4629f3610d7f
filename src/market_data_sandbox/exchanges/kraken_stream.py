"""Kraken spot, WebSocket v2: status, `book` at a depth, heartbeats, ping and pong.

Nothing is numbered: the checksum of each `book` message is all that proves it. The truth of a book is found by the
time of the change that a message bears, which is never the same twice. Whatever is not known of the live venue is
said where it is made up.
"""

from collections import deque
from random import Random
from typing import Any

import anyio
import attrs
import msgspec
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from market_data_sandbox.book import Book
from market_data_sandbox.exchanges.connection import Connection
from market_data_sandbox.exchanges.exchange import Exchange
from market_data_sandbox.exchanges.kraken_books import DEPTHS, DepthView
from market_data_sandbox.exchanges.kraken_names import PairNames
from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Outlet
from market_data_sandbox.source import MISSING, Message
from market_data_sandbox.times import format_microseconds

__all__ = ["KrakenConnection", "KrakenExchange"]

_VERSION = "2.0.10"
_IDLE = 1001
"""The code of the close frame is not established."""
_ATTEMPTS_SECONDS = 600.0
_HEARTBEAT = Frame('{"channel":"heartbeat"}', FrameKind.HEARTBEAT)


@attrs.define(eq=False)
class KrakenConnection(Connection):
    """One client."""

    exchange: "KrakenExchange"
    depths: dict[str, int] = attrs.field(factory=dict, init=False)
    """Depth of each subscribed book, by canonical symbol."""
    _active_at: float = attrs.field(factory=anyio.current_time, init=False)
    """When something went either way last."""
    _id: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._id = self.exchange.new_id()
        self._tell_status("online")

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(self.depths)

    async def background(self) -> None:
        """Beat while anything is subscribed; end a connection on which nothing is, and nothing is said."""
        options = self.exchange.options
        due = anyio.current_time()
        while True:
            due += options.kraken_heartbeat_seconds
            await anyio.sleep_until(due)
            now = anyio.current_time()
            if self.depths:
                self.outlet.put(_HEARTBEAT)
                self._active_at = now
            elif now - self._active_at >= options.kraken_idle_seconds:
                self.hang_up(_IDLE, "no activity")

    def announce_end(self) -> None:
        """Say that there will be maintenance, which is all that the venue has for it; that it does is from memory."""
        self._tell_status("maintenance")

    def handle(self, text: str) -> None:
        self._active_at = anyio.current_time()
        try:
            message = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            message = {}
        answer = _Answer(message.get("method"), message.get("req_id"), self._now())
        match message:
            case {"method": "ping"}:
                self.outlet.put(Frame(answer.write(self._now(), method="pong"), FrameKind.PONG))
            case {"method": "subscribe", "params": {"channel": "book", "symbol": [*names]} as params} if _are_texts(
                names
            ):
                self._subscribe(answer, names, params)
            case {"method": "unsubscribe", "params": {"channel": "book", "symbol": [*names]} as params} if _are_texts(
                names
            ):
                self._unsubscribe(answer, names, params)
            case _:
                self.reply(answer.write(self._now(), method="error", error="Malformed request", success=False))
        self.exchange.tell_source()

    def _subscribe(self, answer: "_Answer", names: list[str], params: dict[str, Any]) -> None:
        depth, wants_snapshot = params.get("depth", DEPTHS[0]), params.get("snapshot", True)
        if not isinstance(depth, int) or depth not in DEPTHS:
            self.reply(answer.refuse(self._now(), "Subscription depth not supported"))
            return
        for name in names:
            symbol = self.exchange.symbol(name)
            if symbol is None:
                self.reply(answer.refuse(self._now(), f"Currency pair not supported {name}", name))
            elif symbol in self.depths:  # the text is from memory
                self.reply(answer.refuse(self._now(), "Already subscribed", name))
            else:
                self.depths[symbol] = depth
                self._acknowledge(answer, {"depth": depth, "snapshot": wants_snapshot}, name)
                view = self.exchange.view(symbol, depth)
                if wants_snapshot and view is not None:
                    self.outlet.put(Frame(view.snapshot(), FrameKind.SNAPSHOT, (symbol,)))

    def _unsubscribe(self, answer: "_Answer", names: list[str], params: dict[str, Any]) -> None:
        for name in names:
            depth = self.depths.get(self.exchange.symbols.get(name, ""))
            if depth is None or params.get("depth", DEPTHS[0]) != depth:  # the text is from memory
                self.reply(answer.refuse(self._now(), "Subscription Not Found", name))
            else:
                del self.depths[self.exchange.symbols[name]]
                self._acknowledge(answer, {"depth": depth}, name)

    def _tell_status(self, system: str) -> None:
        told = {"version": _VERSION, "system": system, "api_version": "v2", "connection_id": self._id}
        text = msgspec.json.encode({"channel": "status", "type": "update", "data": [told]}).decode()
        self.outlet.put(Frame(text, FrameKind.OTHER))

    def _acknowledge(self, answer: "_Answer", result: dict[str, Any], name: str) -> None:
        if not self.seam.withholds_reply(self):
            told = {"channel": "book", **result, "symbol": name}
            self.reply(answer.write(self._now(), result=told, success=True))

    def _now(self) -> str:
        return format_microseconds(self.exchange.source.now_ns())


def _are_texts(names: list[Any]) -> bool:
    return all(isinstance(name, str) for name in names)


@attrs.frozen
class _Answer:
    """What every answer to one message has in common."""

    method: object
    req_id: object
    time_in: str

    def write(self, time_out: str, **fields: object) -> str:
        """Write an answer, its keys in the order of the alphabet as the venue has them."""
        identity = {} if self.req_id is None else {"req_id": self.req_id}
        answer = {"method": self.method, **identity, **fields}
        times = {"time_in": self.time_in, "time_out": time_out}
        return msgspec.json.encode({**dict(sorted(answer.items())), **times}).decode()

    def refuse(self, time_out: str, error: str, name: str | None = None) -> str:
        """Write that something is not done: the socket stays up and beats on, and only this tells."""
        named = {} if name is None else {"symbol": name}
        return self.write(time_out, error=error, success=False, **named)


@attrs.define(eq=False)
class KrakenExchange(Exchange[KrakenConnection]):
    """Kraken's WebSocket v2 over a source."""

    symbols: dict[str, str] = attrs.field(init=False)
    """Canonical symbols by v2 name."""
    names: dict[str, PairNames] = attrs.field(init=False)
    """What each pair is called, by canonical symbol."""
    _views: dict[str, dict[int, DepthView]] = attrs.field(factory=dict, init=False)
    """What was ever subscribed, by symbol and depth; it goes on without an audience, to know when it changed last."""
    _attempts: deque[float] = attrs.field(init=False)
    """When the last connections were opened."""
    _random: Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.names = {listing.symbol: PairNames.of(listing) for listing in self.source.listings}
        self.symbols = {names.display: symbol for symbol, names in self.names.items()}
        self._attempts = deque(maxlen=self.options.kraken_connections_per_10_minutes)
        self._random = Random(f"{self.options.seed}/{self.venue}/connections")

    def routes(self) -> list[WebSocketRoute]:
        """Give the WebSocket endpoint."""
        return [WebSocketRoute("/v2", self.attend)]

    async def attend(self, websocket: WebSocket) -> None:
        """Serve one client, unless its address connects too often; how it is refused is not established."""
        now = anyio.current_time()
        if len(self._attempts) == self._attempts.maxlen and now - self._attempts[0] < _ATTEMPTS_SECONDS:
            await websocket.send_denial_response(PlainTextResponse("Too many requests", 429))
            return
        self._attempts.append(now)
        await super().attend(websocket)

    def connection(self, name: str, websocket: WebSocket, outlet: Outlet) -> KrakenConnection:
        return KrakenConnection(self.venue, name, websocket, outlet, self.seam, exchange=self)

    def applied(self, symbol: str, book: Book) -> None:
        time_us = (book.changed_ns or 0) // 1000
        self.truth.record(self.venue, symbol, book, sequence=time_us, connection=None, timestamp=None)

    def restarted(self, symbol: str, book: Book) -> None:
        """Do nothing: nothing is numbered here."""

    def deliver(self, message: Message) -> None:
        for change in message.changes:
            book = self.source.book(change.symbol)
            if book is None:
                continue
            for depth, view in self._views.get(change.symbol, {}).items():
                if (text := view.advance(book)) is not None:
                    self._tell(change.symbol, depth, text)

    def view(self, symbol: str, depth: int) -> DepthView | None:
        """Give a book as it is seen at a depth; None while a recording has not told it."""
        book = self.source.book(symbol)
        views = self._views.setdefault(symbol, {})
        if depth not in views and book is not None:
            views[depth] = DepthView.of(self.names[symbol].display, depth, book)
        return views.get(depth)

    def symbol(self, name: str) -> str | None:
        """Give the pair that a v2 name stands for; None when there is none, or it is not listed now."""
        symbol = self.symbols.get(name)
        return None if symbol is None or self.source.states.get(symbol) == MISSING else symbol

    def new_id(self) -> int:
        """Number a connection, beyond what a double holds."""
        return self._random.randint(2**62, 2**63)

    def _tell(self, symbol: str, depth: int, text: str) -> None:
        frame = Frame(text, FrameKind.UPDATE, (symbol,))
        for connection in self.connections.values():
            if connection.depths.get(symbol) == depth:
                connection.outlet.put(frame)

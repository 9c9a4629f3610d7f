"""Bybit v5: its public WebSocket for spot, of which only the topics `orderbook.N.SYMBOL` say anything.

A topic begins with a snapshot of N levels; each delta after it has the next `u`, which counts for the topic alone.
`seq` rises and is shared by all depths of a symbol. After a restart of the service a snapshot with `u` 1 replaces the
book. The acknowledgement of a request names no topic. The server cuts a client that has sent nothing for 10 minutes.
"""

import re
from random import Random
from typing import Any

import anyio
import attrs
import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from market_data_sandbox.book import Book, Level
from market_data_sandbox.exchanges.connection import Connection
from market_data_sandbox.exchanges.damage import encode
from market_data_sandbox.exchanges.exchange import Exchange
from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Outlet
from market_data_sandbox.exchanges.window import Window
from market_data_sandbox.source import MISSING, Change, Message, Recorded

__all__ = ["DEEPEST", "WEBSOCKET_PATH", "BybitConnection", "BybitExchange", "Topic"]

WEBSOCKET_PATH = "/v5/public/spot"
DEEPEST = 1000
_BASES = {1: 10**6, 50: 2 * 10**8, 200: 4 * 10**8, DEEPEST: 6 * 10**8}
"""Where the `u` of each depth begins, about; their ranges do not meet."""
_MOST_ARGUMENTS = 10
_MOST_CHARACTERS = 21_000
_BOOK = re.compile(r"orderbook\.(\d+)\.(\w+)")
_QUIET = re.compile(r"(?:publicTrade|tickers)\.(\w+)")
"""Public topics that can be subscribed, and on which nothing is ever said here."""
_GOING_AWAY = 1001


@attrs.frozen
class Topic:
    """The book of an instrument to a depth; a depth of 0 is a topic on which nothing is said."""

    name: str
    symbol: str
    depth: int


class _RefusedError(Exception):
    pass


@attrs.define(eq=False)
class BybitConnection(Connection):
    """One client."""

    exchange: "BybitExchange"
    topics: dict[str, Topic] = attrs.field(factory=dict, init=False)
    _told: dict[str, float] = attrs.field(factory=dict, init=False)
    """When something was last said of each topic of a single level."""
    _heard: float = attrs.field(factory=anyio.current_time, init=False)
    """When its client last said anything."""
    _subscribed: anyio.Event = attrs.field(factory=anyio.Event, init=False)

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(topic.symbol for topic in self.topics.values() if topic.depth)

    def handle(self, text: str) -> None:
        self._heard = anyio.current_time()
        try:
            message = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            self._answer({}, "", "json unmarshal error", is_success=False)
            return
        operation = str(message.get("op", ""))
        if operation == "ping":
            self._answer(message, operation, "pong", kind=FrameKind.PONG)
            return
        try:
            topics = self._read(operation, message.get("args"), len(text))
        except _RefusedError as refusal:
            self._answer(message, operation, str(refusal), is_success=False)
            return
        if not self.seam.withholds_reply(self):
            self._answer(message, operation, operation)
        for topic in topics:
            self.topics.pop(topic.name, None)
            self._told.pop(topic.name, None)
            if operation == "subscribe":
                self._begin(topic)
        self.exchange.tell_source()

    async def background(self) -> None:
        """Repeat a single level that has not changed; cut a client that says nothing."""
        options = self.exchange.options
        while True:
            due = [self._heard + options.bybit_ping_seconds]
            due += [told + options.bybit_repeat_seconds for told in self._told.values()]
            with anyio.move_on_after(min(due) - anyio.current_time()):
                await self._subscribed.wait()
            self._subscribed = anyio.Event()
            now = anyio.current_time()
            for name, told in tuple(self._told.items()):
                if told + options.bybit_repeat_seconds <= now:
                    self._tell_whole(self.topics[name], FrameKind.UPDATE)
            if self._heard + options.bybit_ping_seconds <= now:
                self.hang_up(_GOING_AWAY, "no ping")
                return

    def tell(self, symbol: str, depth: int, text: str, kind: FrameKind) -> None:
        """Send a frame about a book to a depth, if its client listens to it."""
        name = self.exchange.topic_name(symbol, depth)
        if name in self.topics:
            if depth == 1:
                self._told[name] = anyio.current_time()
            self.outlet.put(Frame(text, kind, (symbol,)))

    def _read(self, operation: str, arguments: object, length: int) -> list[Topic]:
        if operation not in {"subscribe", "unsubscribe"}:
            message = "unknown op"
            raise _RefusedError(message)
        if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments) or not arguments:
            message = "Param validation error"
            raise _RefusedError(message)
        if len(arguments) > _MOST_ARGUMENTS:
            message = f"args size >{_MOST_ARGUMENTS}"
            raise _RefusedError(message)
        if length > _MOST_CHARACTERS:
            message = f"args length >{_MOST_CHARACTERS}"
            raise _RefusedError(message)
        return [self._topic(name) for name in arguments]

    def _topic(self, name: str) -> Topic:
        if (book := _BOOK.fullmatch(name)) is not None and int(book[1]) in _BASES:
            depth, native = int(book[1]), book[2]
        elif (quiet := _QUIET.fullmatch(name)) is not None:
            depth, native = 0, quiet[1]
        else:
            message = f"Invalid topic: {name}"
            raise _RefusedError(message)
        symbol = self.exchange.listed(native)
        if symbol is None:
            message = f"Invalid symbol :[{name}]"
            raise _RefusedError(message)
        return Topic(name, symbol, depth)

    def _begin(self, topic: Topic) -> None:
        self.topics[topic.name] = topic
        if topic.depth:
            self._tell_whole(topic, FrameKind.SNAPSHOT)
            self._subscribed.set()

    def _tell_whole(self, topic: Topic, kind: FrameKind) -> None:
        window = self.exchange.window(topic.symbol, topic.depth)
        if window is not None:
            self.tell(topic.symbol, topic.depth, self.exchange.whole_text(topic.symbol, window), kind)

    def _answer(
        self,
        message: dict[str, Any],
        operation: str,
        text: str,
        *,
        is_success: bool = True,
        kind: FrameKind = FrameKind.REPLY,
    ) -> None:
        identity = {"req_id": message["req_id"]} if "req_id" in message else {}
        answer = {"success": is_success, "ret_msg": text, "conn_id": self.name, **identity, "op": operation}
        self.outlet.put(Frame(encode(answer), kind))


@attrs.define(eq=False)
class BybitExchange(Exchange[BybitConnection]):
    """Bybit's WebSocket over a source."""

    natives: dict[str, str] = attrs.field(init=False)
    """Canonical symbols by the venue's."""
    _windows: dict[str, dict[int, Window]] = attrs.field(factory=dict, init=False)
    """By instrument and depth, from the first that follows it on."""
    _seq: dict[str, int] = attrs.field(factory=dict, init=False)
    """The newest `seq` of each instrument."""
    _offsets: dict[str, int] = attrs.field(factory=dict, init=False)
    """How far `seq` is ahead of the source's numbers: these may start again, it never does."""

    def __attrs_post_init__(self) -> None:
        self.natives = {f"{listing.base}{listing.quote}": listing.symbol for listing in self.source.listings}

    def routes(self) -> list[WebSocketRoute]:
        """Give the WebSocket endpoint."""
        return [WebSocketRoute(WEBSOCKET_PATH, self.attend)]

    def connection(self, name: str, websocket: WebSocket, outlet: Outlet) -> BybitConnection:
        return BybitConnection(self.venue, name, websocket, outlet, self.seam, exchange=self)

    def applied(self, symbol: str, book: Book) -> None:
        """Count; a state has no number of its own here, but one for each depth that is followed."""
        self._seq[symbol] = book.sequence + self._offsets.get(symbol, 0)

    def restarted(self, symbol: str, book: Book) -> None:
        """Replace every book of an instrument by a snapshot with `u` 1."""
        self._offsets[symbol] = self.seq(symbol) - book.sequence + 1
        self.applied(symbol, book)
        for depth, window in self._windows.get(symbol, {}).items():
            window.sequence = 1
            self._record(symbol, window)
            text = self.whole_text(symbol, window)
            for connection in self.connections.values():
                connection.tell(symbol, depth, text, FrameKind.SNAPSHOT)

    def deliver(self, message: Message) -> None:
        for change in message.changes:
            book = self.source.book(change.symbol)
            if message.recorded is not None:
                self._deliver_recorded(change, message.recorded)
            elif book is not None:
                for depth, window in self._windows.get(change.symbol, {}).items():
                    self._move(change, book, depth, window)

    def _deliver_recorded(self, change: Change, recorded: Recorded) -> None:
        """Send a frame to those of its topic; what is recorded is of one depth, and another has nothing to tell."""
        depth = int(recorded.stream.split(".")[1])
        window, book = self.window(change.symbol, depth), self.source.book(change.symbol)
        if window is not None and book is not None:
            window.move(book)
            window.sequence, window.changed_ns = change.first_id, change.time_ns
            self._record(change.symbol, window)
        kind = FrameKind.SNAPSHOT if change.replaces else FrameKind.UPDATE
        for connection in self.connections.values():
            connection.tell(change.symbol, depth, recorded.text, kind)

    def window(self, symbol: str, depth: int) -> Window | None:
        """Give what is kept of a book for those who follow it to a depth; None while it is unknown."""
        book = self.source.book(symbol)
        windows = self._windows.setdefault(symbol, {})
        if depth not in windows and book is not None:
            first = _BASES[depth] + Random(f"{self.options.seed}/{symbol}/{depth}").randrange(10**6)
            windows[depth] = Window.of(book, depth, first)
            self._record(symbol, windows[depth])
        return windows.get(depth)

    def seq(self, symbol: str, age: int = 0) -> int:
        """Give the `seq` of a book as it is, or as it was so many numbers ago."""
        return max(1, self._seq.get(symbol, 0) - age)

    def listed(self, native: str) -> str | None:
        """Give the canonical symbol of an instrument; None where there is no such one now."""
        symbol = self.natives.get(native)
        return None if symbol is None or self.source.states.get(symbol) == MISSING else symbol

    def topic_name(self, symbol: str, depth: int) -> str:
        """Name the topic of a book."""
        return f"orderbook.{depth}.{symbol.replace('-', '')}"

    def whole_text(self, symbol: str, window: Window) -> str:
        """Write a snapshot."""
        return self._text(symbol, window, "snapshot", list(window.bids.items()), list(window.asks.items()))

    def _move(self, change: Change, book: Book, depth: int, window: Window) -> None:
        bids, asks = window.move(book)
        if not bids and not asks:
            return
        window.sequence += 1
        self._record(change.symbol, window)
        if depth == 1:
            text = self.whole_text(change.symbol, window)
        else:
            text = self._text(change.symbol, window, "delta", bids, asks)
        for connection in self.connections.values():
            connection.tell(change.symbol, depth, text, FrameKind.UPDATE)

    def _record(self, symbol: str, window: Window) -> None:
        book = self.source.book(symbol)
        if book is not None:
            self.truth.record(
                self.venue,
                symbol,
                book,
                sequence=window.sequence,
                connection=None,
                timestamp=None,
                time_ns=window.changed_ns,
            )

    def _text(self, symbol: str, window: Window, kind: str, bids: list[Level], asks: list[Level]) -> str:
        data = {
            "s": symbol.replace("-", ""),
            "b": bids,
            "a": asks,
            "u": window.sequence,
            "seq": self.seq(symbol),
        }
        return encode(
            {
                "topic": self.topic_name(symbol, window.depth),
                "ts": self.source.now_ns() // 10**6,
                "type": kind,
                "data": data,
                "cts": (window.changed_ns or 0) // 10**6,
            }
        )

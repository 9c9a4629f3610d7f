"""OKX v5: its public WebSocket, of which only the channel `books` says anything.

A book is kept 400 levels deep by the venue. Each message names the one before it: `prevSeqId` of one is `seqId` of the
last, whatever the step; a quiet book repeats its number now and then with nothing in it. The server closes a connection
to which it had nothing to say for 30 s: the text `ping`, answered by `pong`, keeps one open.
"""

from collections.abc import Mapping
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
from market_data_sandbox.exchanges.pacing import Pacing
from market_data_sandbox.exchanges.window import Window
from market_data_sandbox.source import MISSING, Change, Message

__all__ = ["BOOK_LEVELS", "WEBSOCKET_PATH", "OkxConnection", "OkxExchange", "level"]

WEBSOCKET_PATH = "/ws/v5/public"
BOOK_LEVELS = 400
_MOST_BYTES_OF_A_REQUEST = 64 * 1024
_NOTHING_SAID = 4004
_HOUR_SECONDS = 3600.0
_QUIET_CHANNELS = frozenset({"tickers", "trades", "books5", "bbo-tbt"})
"""Public channels that can be subscribed, and on which nothing is ever said here."""
_KEYED_CHANNELS = frozenset({"books-l2-tbt", "books50-l2-tbt"})


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.define(eq=False)
class OkxConnection(Connection):
    """One client."""

    exchange: "OkxExchange"
    books: dict[str, float] = attrs.field(factory=dict, init=False)
    """Instruments of `books`, and when something was last said of each."""
    _quiet: set[tuple[str, str]] = attrs.field(factory=set, init=False)
    """Other channels, each with its instrument."""
    _pacing: Pacing = attrs.field(init=False)
    _said: float = attrs.field(factory=anyio.current_time, init=False)
    _subscribed: anyio.Event = attrs.field(factory=anyio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._pacing = Pacing(self.exchange.options.okx_requests_per_hour, _HOUR_SECONDS)

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(self.books)

    def handle(self, text: str) -> None:
        if text == "ping":
            self._put(Frame("pong", FrameKind.PONG))
            return
        try:
            self._perform(text)
        except _RefusedError as refusal:
            self._put(Frame(self._event("error", code=refusal.code, msg=str(refusal)), FrameKind.REPLY))

    async def background(self) -> None:
        """Repeat the number of a book that is quiet; close where there was nothing to say at all."""
        options = self.exchange.options
        while True:
            due = [self._said + options.okx_silence_seconds]
            due += [said + options.okx_no_change_seconds for said in self.books.values()]
            with anyio.move_on_after(min(due) - anyio.current_time()):
                await self._subscribed.wait()
            self._subscribed = anyio.Event()
            now = anyio.current_time()
            for symbol, said in tuple(self.books.items()):
                if said + options.okx_no_change_seconds <= now:
                    self._repeat(symbol)
            if self._said + options.okx_silence_seconds <= now:
                self.hang_up(_NOTHING_SAID, f"No data received in {options.okx_silence_seconds:g}s.")
                return

    def announce_end(self) -> None:
        message = "The connection will soon be closed for a service upgrade. Please reconnect."
        self._put(Frame(self._event("notice", code="64008", msg=message), FrameKind.OTHER))

    def tell(self, symbol: str, text: str, kind: FrameKind) -> None:
        """Send a frame about a book, if its client listens to it."""
        if symbol in self.books:
            self.books[symbol] = anyio.current_time()
            self._put(Frame(text, kind, (symbol,)))

    def _repeat(self, symbol: str) -> None:
        window = self.exchange.window(symbol)
        if window is None:
            self.books[symbol] = anyio.current_time()
            return
        time_ns = self.exchange.source.now_ns()
        self.exchange.record_repeated(symbol, window, time_ns)
        self.tell(symbol, book_text(symbol, "update", window.sequence, window.sequence, time_ns), FrameKind.UPDATE)

    def _perform(self, text: str) -> None:
        try:
            message = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise _RefusedError("60012", f"Illegal request: {text[:200]}") from error
        operation, arguments = message.get("op"), message.get("args")
        if operation not in {"subscribe", "unsubscribe"} or len(text) > _MOST_BYTES_OF_A_REQUEST:
            raise _RefusedError("60012", f"Illegal request: {text[:200]}")
        if not isinstance(arguments, list) or not arguments:
            raise _RefusedError("60013", "Invalid args")
        if not self._pacing.take():
            raise _RefusedError("60014", "Requests too frequent")
        for argument in arguments:
            try:
                self._perform_one(operation, argument, message.get("id"))
            except _RefusedError as refusal:
                self._put(Frame(self._event("error", code=refusal.code, msg=str(refusal)), FrameKind.REPLY))
        self.exchange.tell_source()

    def _perform_one(self, operation: str, argument: object, identity: object) -> None:
        match argument:
            case {"channel": str(channel), "instId": str(symbol)}:
                pass
            case _:
                raise _RefusedError("60013", "Invalid args")
        if channel in _KEYED_CHANNELS:
            raise _RefusedError("60011", "Please log in")
        if not self.exchange.is_listed(symbol) or channel not in {"books", *_QUIET_CHANNELS}:
            message = (
                f"Wrong URL or channel:{channel},instId:{symbol} doesn't exist. "
                "Please use the correct URL, channel and parameters referring to API document."
            )
            raise _RefusedError("60018", message)
        if not self.seam.withholds_reply(self):
            extra = {} if identity is None else {"id": identity}
            text = self._event(operation, arg={"channel": channel, "instId": symbol}, **extra)
            self._put(Frame(text, FrameKind.REPLY))
        if channel != "books":
            (self._quiet.add if operation == "subscribe" else self._quiet.discard)((channel, symbol))
        elif operation == "unsubscribe":
            self.books.pop(symbol, None)
        else:
            self.books[symbol] = anyio.current_time()
            self._subscribed.set()
            self._begin(symbol)

    def _begin(self, symbol: str) -> None:
        window = self.exchange.window(symbol)
        if window is not None and self.exchange.options.okx_snapshot_in_band:
            sides = tuple(window.bids.items()), tuple(window.asks.items())
            text = book_text(symbol, "snapshot", -1, window.sequence, window.changed_ns, *sides)
            self.tell(symbol, text, FrameKind.SNAPSHOT)

    def _event(self, event: str, **rest: object) -> str:
        return encode({"event": event, **rest, "connId": self.name})

    def _put(self, frame: Frame) -> None:
        self._said = anyio.current_time()
        self.outlet.put(frame)


@attrs.define(eq=False)
class OkxExchange(Exchange[OkxConnection]):
    """OKX's WebSocket over a source."""

    _windows: dict[str, Window] = attrs.field(factory=dict, init=False)

    def routes(self) -> list[WebSocketRoute]:
        """Give the WebSocket endpoint."""
        return [WebSocketRoute(WEBSOCKET_PATH, self.attend)]

    def connection(self, name: str, websocket: WebSocket, outlet: Outlet) -> OkxConnection:
        return OkxConnection(self.venue, name, websocket, outlet, self.seam, exchange=self)

    def applied(self, symbol: str, book: Book) -> None:
        self.truth.record(self.venue, symbol, book, sequence=book.sequence, connection=None, timestamp=None)

    def deliver(self, message: Message) -> None:
        for change in message.changes:
            window = self._windows.get(change.symbol)
            book = self.source.book(change.symbol)
            if message.recorded is not None:
                self._deliver_recorded(change, message.recorded.text, book, window)
                continue
            if window is None or book is None:
                continue
            bids, asks = window.with_absent(window.move(book), change.bids, change.asks)
            if bids or asks:
                before, window.sequence = window.sequence, change.last_id
                window.changed_ns = change.time_ns
                text = book_text(change.symbol, "update", before, window.sequence, change.time_ns, bids, asks)
                for connection in self.connections.values():
                    connection.tell(change.symbol, text, FrameKind.UPDATE)

    def _deliver_recorded(self, change: Change, text: str, book: Book | None, window: Window | None) -> None:
        if window is not None and book is not None:
            window.move(book)
            window.sequence, window.changed_ns = change.last_id, change.time_ns
        kind = FrameKind.SNAPSHOT if change.replaces else FrameKind.UPDATE
        for connection in self.connections.values():
            connection.tell(change.symbol, text, kind)

    def window(self, symbol: str) -> Window | None:
        """Give what is kept of a book for those who follow it, from the first of them on; None while it is unknown."""
        book = self.source.book(symbol)
        if symbol not in self._windows and book is not None:
            self._windows[symbol] = Window.of(book, BOOK_LEVELS, book.sequence)
        return self._windows.get(symbol)

    def is_listed(self, symbol: str) -> bool:
        """Tell whether there is such an instrument now."""
        listed = any(listing.symbol == symbol for listing in self.source.listings)
        return listed and self.source.states.get(symbol) != MISSING

    def record_repeated(self, symbol: str, window: Window, time_ns: int) -> None:
        """Note that a book is the same at a later time."""
        book = self.source.book(symbol)
        if book is not None:  # what is ahead of the window is beyond it: the best levels are the same
            self.truth.record(
                self.venue, symbol, book, sequence=window.sequence, connection=None, timestamp=None, time_ns=time_ns
            )


def book_text(
    symbol: str,
    action: str,
    before: int,
    sequence: int,
    time_ns: int | None,
    bids: "list[Level] | tuple[Level, ...]" = (),
    asks: "list[Level] | tuple[Level, ...]" = (),
) -> str:
    """Write a frame of `books`."""
    data: Mapping[str, object] = {
        "asks": [level(*each) for each in asks],
        "bids": [level(*each) for each in bids],
        "ts": str((time_ns or 0) // 10**6),
        "checksum": 0,
        "seqId": sequence,
        "prevSeqId": before,
    }
    return encode({"arg": {"channel": "books", "instId": symbol}, "action": action, "data": [data]})


def level(price: str, size: str) -> list[str]:
    """Write a level: price, size, a zero that means nothing any more, and how many orders there are."""
    orders = 0 if size == "0" else 1 + sum(map(ord, size)) % 9
    return [price, size, "0", str(orders)]

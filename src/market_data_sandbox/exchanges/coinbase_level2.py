"""Coinbase Advanced Trade: its WebSocket. What is the same for a market and a recording, on one side of the wire.

Every frame of a connection, of whatever channel, takes the next `sequence_num`, from 0; only errors have none. A
snapshot of a product comes before the ack of its subscription, as measured, or later where a recording still has to
tell it.
"""

from typing import Any

import anyio
import attrs
import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from market_data_sandbox.book import Book
from market_data_sandbox.exchanges.coinbase_events import catch_up_event, encode, snapshot_event, update_event
from market_data_sandbox.exchanges.connection import Connection
from market_data_sandbox.exchanges.exchange import Exchange
from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Outlet
from market_data_sandbox.source import Change, Message
from market_data_sandbox.times import format_go_time, format_rfc3339

__all__ = ["CoinbaseConnection", "CoinbaseExchange"]

_POLICY_VIOLATION = 1008
_UPTIME_SECONDS = 75_497
"""How long the venue's process has been running when a sandbox starts, by its heartbeats."""
_QUIET_CHANNELS = ("candles", "market_trades", "status", "ticker", "ticker_batch")
"""Public channels that can be subscribed, and on which nothing is ever said here."""


@attrs.define(eq=False)
class CoinbaseConnection(Connection):
    """One client."""

    exchange: "CoinbaseExchange"
    products: dict[str, None] = attrs.field(factory=dict, init=False)
    """Products of `level2`, in order of subscription."""
    channels: dict[str, list[str]] = attrs.field(factory=dict, init=False)
    """Other channels, and what the ack says of each."""
    _muted: dict[str, tuple[dict[str, str], dict[str, str]]] = attrs.field(factory=dict, init=False)
    """Products of which nothing is told, and their books when that began."""
    _next: int = attrs.field(default=0, init=False)
    _asked: anyio.Event = attrs.field(factory=anyio.Event, init=False)
    _beating: anyio.Event = attrs.field(factory=anyio.Event, init=False)

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(self.products)

    def handle(self, text: str) -> None:
        try:
            message = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            self._refuse("failed to parse message")
            return
        match message:
            case {"type": "subscribe", "channel": str(channel)}:
                self._asked.set()
                self._subscribe(channel, message.get("product_ids") or [])
            case {"type": "unsubscribe", "channel": str(channel)}:
                self._unsubscribe(channel, message.get("product_ids") or [])
            case _:
                self._refuse("invalid message")

    async def background(self) -> None:
        """Disconnect a client that subscribes to nothing; send heartbeats to one that wants them."""
        options = self.exchange.options
        with anyio.move_on_after(options.coinbase_first_subscribe_seconds):
            await self._asked.wait()
        if not self._asked.is_set():
            self.hang_up(_POLICY_VIOLATION, "no subscription within the time allowed")
        while True:
            await self._beating.wait()
            counter = int(self.exchange.uptime_seconds())
            due = anyio.current_time()
            while "heartbeats" in self.channels:
                due += options.coinbase_heartbeat_seconds
                await anyio.sleep_until(due)
                counter += 1
                now = format_go_time(self.exchange.source.now_ns(), self.exchange.uptime_seconds())
                event = f'{{"current_time":"{now}","heartbeat_counter":{counter}}}'
                self._put("heartbeats", event, FrameKind.HEARTBEAT)
            self._beating = anyio.Event()

    def tell(self, message: Message) -> None:
        """Send a message's changes of this client's products, in one frame."""
        changes = [change for change in message.changes if self._hears(change.symbol)]
        if changes:
            kind = FrameKind.SNAPSHOT if any(change.replaces for change in changes) else FrameKind.UPDATE
            events = ",".join(self.exchange.event(change) for change in changes)
            timestamp = message.recorded.timestamp if message.recorded else None
            self._put_books(events, tuple(change.symbol for change in changes), kind, timestamp)

    def mute(self, symbol: str) -> bool:
        """Tell nothing of a product from here on, as if nothing happened to it: no number is missing."""
        book = self.exchange.source.book(symbol)
        if book is not None and self._hears(symbol):
            self._muted[symbol] = dict(book.bids()), dict(book.asks())
        return True

    def unmute(self, symbol: str) -> None:
        """Go on with a product: one update tells all that has happened meanwhile."""
        before = self._muted.pop(symbol, None)
        book = self.exchange.source.book(symbol)
        if before is None or book is None or not self._hears(symbol):
            return
        self._put_books(catch_up_event(symbol, before, book), (symbol,), FrameKind.UPDATE, None)

    def restart_numbers(self) -> None:
        """Number the frames from 0 again."""
        self._next = 0

    def _hears(self, product: str) -> bool:
        return product in self.products and product not in self._muted

    def _subscribe(self, channel: str, product_ids: list[str]) -> None:
        if channel == "level2":
            if not self._add_products(product_ids):
                return
        elif channel == "heartbeats":
            self.channels["heartbeats"] = ["heartbeats"]
            self._beating.set()
        elif channel in _QUIET_CHANNELS:
            known = [*self.channels.get(channel, []), *map(self.exchange.product, product_ids)]
            self.channels[channel] = list(dict.fromkeys(product for product in known if product))
        else:
            self._refuse("authentication failure")
            return
        self._acknowledge()

    def _add_products(self, product_ids: list[str]) -> bool:
        found = dict.fromkeys(product for product in map(self.exchange.product, product_ids) if product)
        added = [product for product in found if product not in self.products]
        if len(self.products) + len(added) > self.exchange.options.coinbase_level2_products:
            self._refuse("too many L2 streams requested in a single session")
            return False
        for product in added:
            self.products[product] = None
            book = self.exchange.source.book(product)
            if book is not None:
                self._put_books(snapshot_event(product, book), (product,), FrameKind.SNAPSHOT, None)
        self.exchange.tell_source()
        return True

    def _unsubscribe(self, channel: str, product_ids: list[str]) -> None:
        if channel == "level2":
            for product in [self.exchange.product(product_id) for product_id in product_ids] or list(self.products):
                self.products.pop(product, None)
            self.exchange.tell_source()
        else:
            self.channels.pop(channel, None)
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self.seam.withholds_reply(self):
            return
        current: dict[str, list[str]] = dict(sorted(self.channels.items()))
        if self.products:
            current["level2"] = list(self.products)
        self._put("subscriptions", encode({"subscriptions": current}), FrameKind.REPLY)

    def _refuse(self, text: str) -> None:
        self.reply(encode({"type": "error", "message": text}))

    def _put_books(self, events: str, symbols: tuple[str, ...], kind: FrameKind, timestamp: str | None) -> None:
        timestamp = timestamp or self._now()
        sequence = self._put("l2_data", events, kind, symbols, timestamp)
        for symbol in dict.fromkeys(symbols):
            self.exchange.record(symbol, sequence, self.name, timestamp)

    def _put(
        self, channel: str, events: str, kind: FrameKind, symbols: tuple[str, ...] = (), timestamp: str | None = None
    ) -> int:
        sequence = self._next
        self._next += 1
        text = (
            f'{{"channel":"{channel}","timestamp":"{timestamp or self._now()}","sequence_num":{sequence},'
            f'"events":[{events}]}}'
        )
        self.outlet.put(Frame(text, kind, symbols))
        return sequence

    def _now(self) -> str:
        return format_rfc3339(self.exchange.source.now_ns())


@attrs.define(eq=False)
class CoinbaseExchange(Exchange[CoinbaseConnection]):
    """Coinbase's WebSocket over a source."""

    products: dict[str, str] = attrs.field(init=False)
    """Products by every name that they can be subscribed by: `BTC-USDC` is another name of `BTC-USD`."""
    _started: float = attrs.field(factory=anyio.current_time, init=False)
    _last_event: tuple[Change | None, str] = attrs.field(default=(None, ""), init=False)

    def __attrs_post_init__(self) -> None:
        symbols = [listing.symbol for listing in self.source.listings]
        aliases = {f"{symbol}C": symbol for symbol in symbols if symbol.endswith("-USD")}
        self.products = {**aliases, **{symbol: symbol for symbol in symbols}}

    def routes(self) -> list[WebSocketRoute]:
        """Give the WebSocket endpoint, which is at every path."""
        return [WebSocketRoute("/{path:path}", self.attend)]

    def connection(self, name: str, websocket: WebSocket, outlet: Outlet) -> CoinbaseConnection:
        return CoinbaseConnection(self.venue, name, websocket, outlet, self.seam, exchange=self)

    def applied(self, symbol: str, book: Book) -> None:
        """Do nothing: a state has no number of its own here, but one for each connection that is told of it."""

    def deliver(self, message: Message) -> None:
        for connection in self.connections.values():
            connection.tell(message)

    def product(self, product_id: str) -> str:
        """Give the product that a name stands for; empty when there is none."""
        return self.products.get(product_id, "")

    def uptime_seconds(self) -> float:
        """Tell how long the venue's process has been running, as its heartbeats say."""
        return _UPTIME_SECONDS + anyio.current_time() - self._started

    def record(self, symbol: str, sequence: int, connection: str, timestamp: str) -> None:
        """Note the state of a book that a frame of a connection leads to."""
        book = self.source.book(symbol)
        if book is not None:
            self.truth.record(self.venue, symbol, book, sequence=sequence, connection=connection, timestamp=timestamp)

    def event(self, change: Change) -> str:
        """Write the event of a change, once for all connections."""
        if self._last_event[0] is not change:
            self._last_event = change, change.recorded or update_event(change)
        return self._last_event[1]

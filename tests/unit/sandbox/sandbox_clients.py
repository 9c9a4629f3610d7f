"""Naive clients of both venues: what they rebuild is compared with the sandbox's truth. They share no code with it."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import anyio
import attrs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from market_data_sandbox import Options, Running, Truth, TruthRecord, serve

__all__ = [
    "BinanceClient",
    "BybitClient",
    "CoinbaseClient",
    "NaiveBook",
    "OkxClient",
    "dial",
    "receive",
    "say",
    "until_closed",
    "within",
]

Levels = list[tuple[str, str]]


def dial(url: str, *, waiting_frames: int | None = None) -> AbstractAsyncContextManager[ClientConnection]:
    """Open a WebSocket that takes frames of any size, and lets some of them wait: None is any number."""
    return connect(url, max_size=None, max_queue=waiting_frames, ping_interval=None, proxy=None)


@asynccontextmanager
async def within(options: Options, *, seconds: float = 30) -> AsyncIterator[Running]:
    """Run a sandbox; whatever is done with it fails when it takes longer."""
    with anyio.fail_after(seconds):
        async with serve(options) as running:
            yield running


async def say(websocket: ClientConnection, message: object) -> None:
    """Send a JSON message."""
    await websocket.send(json.dumps(message))


async def receive(websocket: ClientConnection) -> Any:
    """Receive a JSON message."""
    return json.loads(await websocket.recv())


async def until_closed(websocket: ClientConnection) -> AsyncIterator[str | bytes]:
    """Give every frame until the server ends the connection, however it does."""
    while True:
        try:
            yield await websocket.recv()
        except ConnectionClosed:
            return


@attrs.define
class NaiveBook:
    """Dicts of levels, sorted when somebody looks."""

    bids: dict[Decimal, tuple[str, str]] = attrs.field(factory=dict)
    asks: dict[Decimal, tuple[str, str]] = attrs.field(factory=dict)

    def apply(self, bids: Iterable[Iterable[str]], asks: Iterable[Iterable[str]]) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size in levels:
                side.pop(Decimal(price), None)
                if Decimal(size):
                    side[Decimal(price)] = price, size

    def top(self, count: int = 20) -> tuple[Levels, Levels]:
        return (
            [self.bids[price] for price in sorted(self.bids, reverse=True)[:count]],
            [self.asks[price] for price in sorted(self.asks)[:count]],
        )

    @property
    def is_crossed(self) -> bool:
        return bool(self.bids and self.asks) and max(self.bids) >= min(self.asks)


def best_of(record: TruthRecord) -> tuple[Levels, Levels]:
    return record.bids, record.asks


@attrs.define
class BinanceClient:
    """Splices a snapshot into diffs of one symbol, and counts what agrees with the truth."""

    truth: Truth
    symbol: str
    book: NaiveBook | None = None
    sequence: int = -1
    agreed: int = 0
    _early: list[dict[str, Any]] = attrs.field(factory=list)

    def snapshot(self, body: dict[str, Any]) -> None:
        self.book = NaiveBook()
        self.book.apply(body["bids"], body["asks"])
        self.sequence = body["lastUpdateId"]
        for event in self._early:
            self.diff(event)
        self._early.clear()

    def diff(self, event: dict[str, Any]) -> None:
        if self.book is None:
            self._early.append(event)
            return
        if event["u"] <= self.sequence:
            return
        assert event["U"] <= self.sequence + 1, "a gap"
        self.book.apply(event["b"], event["a"])
        self.sequence = event["u"]
        (record,) = self.truth.find("binance", self.symbol, self.sequence)
        assert best_of(record) == self.book.top()
        assert record.event_time is not None
        assert record.event_time // 1000 == event["E"]
        assert not self.book.is_crossed
        self.agreed += 1


@attrs.define
class OkxClient:
    """Follows one instrument by its chain, and counts what agrees with the truth."""

    truth: Truth
    symbol: str
    book: NaiveBook | None = None
    sequence: int = -1
    agreed: int = 0

    def frame(self, frame: dict[str, Any]) -> None:
        (data,) = frame["data"]
        if frame["action"] == "snapshot":
            self.book = NaiveBook()
        else:
            assert data["prevSeqId"] == self.sequence, "a gap"
        self.take(data)
        times = [record.event_time for record in self.truth.find("okx", self.symbol, self.sequence)]
        assert int(data["ts"]) in [time // 1000 for time in times if time is not None]

    def take(self, data: dict[str, Any]) -> None:
        """Apply levels, and compare the book with the truth."""
        assert self.book is not None
        self.book.apply(*([level[:2] for level in data[side]] for side in ("bids", "asks")))
        self.sequence = data["seqId"]
        record, *_ = self.truth.find("okx", self.symbol, self.sequence)
        assert best_of(record) == self.book.top()
        assert not self.book.is_crossed
        self.agreed += 1


@attrs.define
class BybitClient:
    """Follows one topic by its counter, and counts what agrees with the truth."""

    truth: Truth
    symbol: str
    book: NaiveBook | None = None
    sequence: int = -1
    cross_sequence: int = -1
    agreed: int = 0

    def frame(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["type"] == "snapshot":
            self.book = NaiveBook()
        else:
            assert data["u"] == self.sequence + 1, "a gap"
        assert self.book is not None
        assert data["seq"] >= self.cross_sequence
        self.book.apply(data["b"], data["a"])
        self.sequence, self.cross_sequence = data["u"], data["seq"]
        found = self.truth.find("bybit", self.symbol, self.sequence)
        (record,) = (one for one in found if (one.event_time or 0) // 1000 == frame["cts"])
        assert best_of(record) == self.book.top()
        assert not self.book.is_crossed
        self.agreed += 1


@attrs.define
class CoinbaseClient:
    """Follows one connection, frame by frame, and counts what agrees with the truth."""

    truth: Truth
    connection: str
    books: dict[str, NaiveBook] = attrs.field(factory=dict)
    expected: int = 0
    agreed: int = 0

    def frame(self, frame: dict[str, Any]) -> None:
        assert frame["sequence_num"] == self.expected
        self.expected += 1
        if frame["channel"] != "l2_data":
            return
        for event in frame["events"]:
            if event["type"] == "snapshot":
                self.books[event["product_id"]] = NaiveBook()
            levels = {
                side: [
                    (update["price_level"], update["new_quantity"])
                    for update in event["updates"]
                    if update["side"] == side
                ]
                for side in ("bid", "offer")
            }
            self.books[event["product_id"]].apply(levels["bid"], levels["offer"])
        for event in frame["events"]:
            found = self.truth.find("coinbase", event["product_id"], frame["sequence_num"])
            (record,) = (record for record in found if record.connection == self.connection)
            book = self.books[event["product_id"]]
            assert best_of(record) == book.top()
            assert record.frame_timestamp == frame["timestamp"]
            assert not book.is_crossed
            self.agreed += 1

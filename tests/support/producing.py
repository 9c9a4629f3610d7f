"""A producer between venues and a broker in memory."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import attrs
from tests.support.bounds import bounds
from tests.support.network import FakeConnection, FakeNetwork, FakeTelemetry, FakeTransport
from tests.support.publishing import FakePublisher
from tests.support.rules import RecordRules
from tests.support.venues import (
    BINANCE,
    BYBIT,
    COINBASE,
    binance_book,
    binance_event,
    bybit_frame,
    coinbase_event,
    coinbase_frame,
)
from tests.support.virtual import LoopClock

from market_data.adapters.supervisor import Unsupervised
from market_data.application.feeds import ReconnectSettings
from market_data.application.outbox import Outbox, OutboxPolicy
from market_data.application.ports import Request
from market_data.application.produce import Producer, ProduceSettings, VenuePlan
from market_data.domain.moment import Moment
from market_data.domain.normalized import Level, NormalizedBook

__all__ = ["ASKS", "BIDS", "PRODUCTS", "RUN", "SYMBOLS", "Bench", "exchange_info", "products"]

RUN = "20240808T000000Z-1f2e3d"
BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
PRODUCTS = ("BTC-USD", "ETH-USD", "SOL-USD")


def exchange_info(_: Request) -> bytes:
    symbols = [
        {"symbol": symbol.replace("-", ""), "status": "TRADING", "baseAsset": symbol[:3], "quoteAsset": "USDT"}
        for symbol in SYMBOLS
    ]
    return json.dumps({"symbols": symbols}).encode()


def products(_: Request) -> bytes:
    listed = [{"product_id": product, "alias_to": ["BTC-USDC"] if product == "BTC-USD" else []} for product in PRODUCTS]
    return json.dumps({"products": listed}).encode()


@attrs.define
class Bench:
    """A producer between venues and a broker in memory."""

    binance: Sequence[str] = ("BTC-USDT",)
    coinbase: Sequence[str] = ()
    bybit: Sequence[str] = ()
    shutdown_timeout_seconds: float = 10.0
    connections_per_second: float | None = None
    clock: LoopClock = attrs.field(factory=LoopClock)
    publisher: FakePublisher = attrs.field(factory=FakePublisher)
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)
    outbox: Outbox = attrs.field(
        factory=lambda: Outbox(RUN, policy=OutboxPolicy.KEEP_UNTIL_FULL, max_records=10_000, max_bytes=10_000_000)
    )
    network: FakeNetwork = attrs.field(init=False)
    producer: Producer = attrs.field(init=False)
    stop: anyio.Event = attrs.field(factory=anyio.Event)
    undelivered: int | None = None

    def __attrs_post_init__(self) -> None:
        self.network = FakeNetwork(self.clock)
        self.network.answers = {
            "exchangeInfo": exchange_info,
            "products": products,
            "depth": lambda _: binance_book(100, BIDS, ASKS),
        }
        self.network.on_connect = self._speak
        plans = [VenuePlan(BINANCE, self.binance, bounds(), self.connections_per_second)] if self.binance else []
        if self.coinbase:
            plans.append(VenuePlan(COINBASE, self.coinbase, bounds(), self.connections_per_second))
        if self.bybit:
            plans.append(VenuePlan(BYBIT, self.bybit, bounds(), self.connections_per_second))
        self.producer = Producer(
            plans,
            FakeTransport(self.network),
            self.publisher,
            self.outbox,
            self.clock,
            self.telemetry,
            Unsupervised(),
            ProduceSettings(
                reconnect=ReconnectSettings(
                    initial_backoff_seconds=0.5, max_backoff_seconds=8.0, backoff_multiplier=2.0, jitter=0.0
                ),
                connection_silence_seconds=10.0,
                shutdown_timeout_seconds=self.shutdown_timeout_seconds,
            ),
        )

    def _speak(self, connection: FakeConnection) -> None:
        """Say at once what makes the books live."""
        if connection.url.endswith("/stream"):
            connection.say(*(binance_event(symbol.replace("-", ""), 101, 101, [], []) for symbol in SYMBOLS))
        elif connection.url == BYBIT.websocket_url():
            natives = [BYBIT.native_of(symbol) for symbol in self.bybit]
            connection.say(*(bybit_frame(native, 50, BIDS, ASKS, kind="snapshot") for native in natives))
        else:
            events = [coinbase_event("snapshot", product, BIDS, ASKS) for product in PRODUCTS]
            connection.say(coinbase_frame(0, events))

    async def run(self) -> None:
        self.undelivered = await self.producer.run(self.stop)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run, and stop at the end of the block."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.run)
            yield
            self.stop.set()

    def of(self, key: str) -> list[NormalizedBook]:
        return [book for book in self.publisher.delivered if book.key == key]

    def statuses(self, key: str) -> list[str]:
        """What a book said, repetitions left out."""
        said = [f"{book.status} {book.reason or ''}".strip() for book in self.of(key)]
        return [each for at, each in enumerate(said) if said[at - 1 : at] != [each]]

    def live(self, key: str) -> bool:
        return bool(self.of(key)) and self.of(key)[-1].is_live

    def check_records(self) -> None:
        """Check what must be true of every stream of records."""
        rules = RecordRules(3, 5.0)
        for book in self.publisher.delivered:
            seen = rules.keys.get(book.key)
            at = book.status_since if seen is None or book.status is not seen.last.status else 0
            rules.take(book, Moment(at, seen.last_at + 5.0 if seen else 0.0))
        for key in {book.key for book in self.publisher.delivered}:
            assert [book.publish_seq for book in self.of(key)] == list(range(len(self.of(key))))
            assert {book.run for book in self.of(key)} == {RUN}

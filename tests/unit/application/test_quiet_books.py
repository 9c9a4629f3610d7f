"""Hundreds of books of which nothing is heard: each is looked at again and again, within what its exchange allows."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random

import anyio
import attrs
import pytest
from tests.support.bounds import bounds
from tests.support.engines import book_engine
from tests.support.kraken import KRAKEN, acknowledgement, book_frame, naive_checksum
from tests.support.network import FakeConnection, FakeNetwork, FakeTelemetry
from tests.support.venues import (
    BYBIT,
    OKX_SPOT,
    binance_book,
    binance_event,
    bybit_frame,
    okx_book,
    okx_frame,
)
from tests.support.virtual import VIRTUAL_TIME, LoopClock
from tests.support.waiting import until

from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.wire import Endpoint
from market_data.application.feeds import ReconnectSettings
from market_data.application.inputlog import NO_INPUT_LOG
from market_data.application.ports import Request, Venue
from market_data.application.venue_feeds import VenueFeeds, VenuePlan
from market_data.domain.errors import RequestFailed
from market_data.domain.levels import Level
from market_data.domain.normalized import BookState, BookStatus, Reason

pytestmark = pytest.mark.anyio

BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
NO_CHANGE_SECONDS = 60.0
SILENCE_SECONDS = 15.0


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.define
class Exchange:
    """Sends each book that is asked for once, and nothing of it from then on."""

    venue: Venue
    natives: Sequence[str]
    answer: Callable[[FakeConnection, str], None]
    rest: Callable[[Request], bytes | RequestFailed]
    clock: LoopClock = attrs.field(factory=LoopClock)
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)
    statuses: Counter[tuple[BookStatus, Reason | None]] = attrs.field(factory=Counter)
    live: set[str] = attrs.field(factory=set)
    network: FakeNetwork = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.network = FakeNetwork(self.clock, answers={"": self.rest})

    def _publish(self, state: BookState) -> None:
        self.statuses[state.status, state.reason] += 1
        (self.live.add if state.is_live else self.live.discard)(state.key)

    @asynccontextmanager
    async def running(self, symbols: Sequence[str]) -> AsyncIterator[None]:
        plan = VenuePlan(
            self.venue,
            symbols,
            bounds(depth=3),
            request_burst_seconds=1.0,
            books=book_engine(),
            listings_refresh_seconds=1e9,
        )
        feeds = VenueFeeds(
            plan,
            self.network,
            self.clock,
            self.telemetry,
            ReconnectSettings(0.5, 8.0, 2.0, 0.0),
            10.0,
            self._publish,
            Random(1),
            NO_INPUT_LOG,
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feeds.run, lambda _: None)
            tasks.start_soon(self._serve)
            await until(lambda: len(self.live) == len(symbols), 120, 0.1)
            yield
            tasks.cancel_scope.cancel()

    async def _serve(self) -> None:
        read: Counter[int] = Counter()
        while True:
            await anyio.sleep(0.05)
            for number, connection in enumerate(self.network.connections):
                for _, message in connection.sent[read[number] :]:
                    self.answer(connection, message)
                read[number] = len(connection.sent)

    @property
    def sent(self) -> list[tuple[float, str]]:
        """What every connection was told, signs of life left out."""
        return sorted(
            each for connection in self.network.connections for each in connection.sent if "ping" not in each[1]
        )

    def renewals(self) -> Counter[str]:
        """Count how often each stream was subscribed, the first time left out."""
        said = [message for _, message in self.sent if '"subscribe"' in message]
        return Counter({native: sum(f'{native}"' in message for message in said) - 1 for native in self.natives})

    def busiest(self, seconds: float, moments: Sequence[float]) -> int:
        return max(sum(begin <= each < begin + seconds for each in moments) for begin in moments)

    def check(self, *others: tuple[BookStatus, Reason]) -> None:
        """No book was ever taken for anything but live once it was, or for these others."""
        assert self.statuses.keys() == {(BookStatus.SYNCING, None), (BookStatus.LIVE, None), *others}
        assert len(self.network.attempts) == 1
        pace = self.venue.messages_per_second
        assert self.busiest(10.0, [at for at, _ in self.sent]) <= 10 * pace


def refuse(status: int) -> Callable[[Request], RequestFailed]:
    return lambda request: RequestFailed(request.url, f"HTTP {status}", reason=Reason.UNAVAILABLE, status=status)


def kraken(count: int) -> tuple[Exchange, Sequence[str]]:
    symbols = [f"C{number}X-USD" for number in range(count)]
    natives = [symbol.replace("-", "/") for symbol in symbols]
    pairs = {native: dict(zip(("base", "quote"), native.split("/"), strict=True)) for native in natives}
    listing = json.dumps({"error": [], "result": pairs}).encode()

    def answer(connection: FakeConnection, text: str) -> None:
        message = json.loads(text)
        if message["method"] == "subscribe":
            for native in message["params"]["symbol"]:
                connection.say(acknowledgement(native, number=message["req_id"]))
                connection.say(book_frame("snapshot", native, BIDS, ASKS, naive_checksum(BIDS, ASKS)))

    exchange = Exchange(KRAKEN, natives, answer, lambda _: listing)
    return exchange, symbols


async def beat(exchange: Exchange, seconds: float) -> None:
    """Let time pass in which the connection says that it is alive, but nothing of any book."""
    async with anyio.create_task_group() as tasks:

        async def say() -> None:
            while True:
                await anyio.sleep(1.0)
                for connection in exchange.network.connections:
                    connection.say(b'{"channel":"heartbeat"}' if exchange.venue is KRAKEN else b"pong")

        tasks.start_soon(say)
        await anyio.sleep(seconds)
        tasks.cancel_scope.cancel()


async def test_quiet_books_that_only_their_stream_can_show_are_looked_at_in_time_whatever_rest_allows() -> None:
    exchange, symbols = kraken(100)
    async with exchange.running(symbols):
        await beat(exchange, 300)
    exchange.check()
    assert len(exchange.network.requests) == 1, "the listing"
    assert min(exchange.renewals().values()) >= 300 // (SILENCE_SECONDS + 2) - 1
    assert len(exchange.sent) <= 2 * exchange.venue.messages_per_second * 300 / 4 + 10, "half of the pace"


def okx(count: int, rest: Callable[[Request], bytes | RequestFailed]) -> tuple[Exchange, Sequence[str]]:
    symbols = [f"C{number}X-USDT" for number in range(count)]
    fields = [dict(zip(("baseCcy", "quoteCcy"), symbol.split("-"), strict=True)) for symbol in symbols]
    listed = [{"instId": f"{each['baseCcy']}-{each['quoteCcy']}", "state": "live", **each} for each in fields]
    listing = json.dumps({"code": "0", "msg": "", "data": listed}).encode()

    def answer(connection: FakeConnection, text: str) -> None:
        if text == "ping":
            connection.say(b"pong")
            return
        message = json.loads(text)
        for argument in message["args"] if message["op"] == "subscribe" else ():
            connection.say(json.dumps({"event": "subscribe", "arg": argument, "connId": "1"}).encode())
            connection.say(okx_frame(argument["instId"], -1, 7, BIDS, ASKS, action="snapshot"))

    def answer_rest(request: Request) -> bytes | RequestFailed:
        return listing if "instruments" in request.url else rest(request)

    return Exchange(OKX_SPOT, symbols, answer, answer_rest), symbols


async def test_quiet_books_that_say_now_and_then_that_nothing_changed_keep_within_the_rest_budget() -> None:
    exchange, symbols = okx(200, lambda _: okx_book(7, BIDS, ASKS))
    async with exchange.running(symbols):
        for _ in range(15):
            await beat(exchange, 17)  # just after each was looked at, or is due to be
            for symbol in symbols:
                exchange.network.connection.say(okx_frame(symbol, 7, 7, [], []))
    exchange.check()
    moments = [at for at, _ in exchange.network.requests]
    assert exchange.busiest(2.0, moments) <= 40
    assert exchange.busiest(60.0, moments) <= OKX_SPOT.weight_per_minute * 0.6, "half of it, but for who was late"
    assert not +exchange.renewals()
    assert len(Counter(url for _, url in exchange.network.requests)) == 201, "every one was looked at"


async def test_where_rest_does_not_answer_quiet_books_are_renewed_together_within_what_an_hour_allows() -> None:
    exchange, symbols = okx(200, refuse(503))
    async with exchange.running(symbols):
        await beat(exchange, 1800)
    exchange.check((BookStatus.STALE, Reason.SILENCE))  # what waits for its turn in the hour's allowance
    assert OKX_SPOT.requests_per_hour == 480
    assert len(exchange.sent) <= 240
    assert min(exchange.renewals().values()) >= 1800 // 120 - 1


async def test_where_rest_refuses_the_region_quiet_books_are_renewed_ten_a_request_and_none_is_lost() -> None:
    symbols = [f"C{number}X-USDT" for number in range(200)]
    natives = [symbol.replace("-", "") for symbol in symbols]

    def answer(connection: FakeConnection, text: str) -> None:
        message = json.loads(text)
        if message["op"] == "ping":
            connection.say(b'{"success":true,"ret_msg":"pong","conn_id":"1","op":"ping"}')
            return
        assert len(message["args"]) <= 10
        connection.say(json.dumps({"success": True, "req_id": message["req_id"], "op": message["op"]}).encode())
        for topic in message["args"] if message["op"] == "subscribe" else ():
            connection.say(bybit_frame(topic.rpartition(".")[2], 7, BIDS, ASKS, kind="snapshot"))

    exchange = Exchange(BYBIT, natives, answer, refuse(403))
    async with exchange.running(symbols):
        await anyio.sleep(600)
    exchange.check()
    assert exchange.busiest(1.0, [at for at, _ in exchange.sent]) <= 11
    assert len(exchange.sent) <= 40 + 600 * BYBIT.messages_per_second / 2
    assert min(exchange.renewals().values()) >= 600 // 60
    assert exchange.busiest(60.0, [at for at, _ in exchange.network.requests]) <= 2 * len(natives)


async def test_books_that_speak_just_after_each_was_looked_at_keep_within_the_budget_of_weight() -> None:
    symbols = [f"C{number}X-USDT" for number in range(300)]
    natives = [symbol.replace("-", "") for symbol in symbols]
    fields = [dict(zip(("baseAsset", "quoteAsset"), symbol.split("-"), strict=True)) for symbol in symbols]
    listed = [{"symbol": native, "status": "TRADING", **each} for native, each in zip(natives, fields, strict=True)]
    listing = json.dumps({"symbols": listed}).encode()
    last = 100

    def answer(connection: FakeConnection, text: str) -> None:
        connection.say(json.dumps({"result": None, "id": json.loads(text)["id"]}).encode())

    def rest(request: Request) -> bytes:
        return listing if "exchangeInfo" in request.url else binance_book(last, BIDS, ASKS)

    venue = Binance(Endpoint("binance", "ws://127.0.0.1:9", "http://127.0.0.1:9", 1024, 4, 3000))
    exchange = Exchange(venue, natives, answer, rest)
    async with exchange.running(symbols):
        before = len(exchange.network.requests)
        for _ in range(20):
            await anyio.sleep(17)
            last += 1
            exchange.network.connection.say(*(binance_event(native, last, last, BIDS, ASKS) for native in natives))
        probes = [at for at, _ in exchange.network.requests[before:]]
    exchange.check()
    assert 5 * exchange.busiest(60.0, probes) <= venue.weight_per_minute * 0.6, "half of it, but for who was late"
    assert len(Counter(url for _, url in exchange.network.requests[before:])) == 300, "every one was looked at"

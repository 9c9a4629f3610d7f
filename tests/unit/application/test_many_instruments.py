"""As many instruments on one connection of Binance as it allows, at the pace of messages that it allows."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import anyio
import attrs
import pytest
from tests.support.bounds import bounds
from tests.support.engines import book_engine
from tests.support.network import FakeConnection, FakeNetwork, FakeTelemetry, keep_all, keep_connection
from tests.support.rules import RecordRules
from tests.support.venues import binance_book, binance_event
from tests.support.virtual import VIRTUAL_TIME, LoopClock
from tests.support.waiting import until

from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.wire import Endpoint
from market_data.application.budget import WeightBudget
from market_data.application.core import FeedCore
from market_data.application.feeds import Feed, ReconnectSettings
from market_data.application.ports import Request
from market_data.domain.errors import RequestFailed
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, BookStatus, Level

pytestmark = pytest.mark.anyio

COUNT = 1024
BIDS: list[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: list[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
INSTRUMENTS = [Instrument("binance", f"C{number}-USDT", f"C{number}USDT") for number in range(COUNT)]


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.define
class World:
    """A venue that loses nothing, and a feed at its other end."""

    clock: LoopClock = attrs.field(factory=LoopClock)
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)
    rules: RecordRules = attrs.field(factory=lambda: RecordRules(3, 5.0))
    streams: dict[str, int] = attrs.field(factory=dict)
    """By native id, the last id that was said."""
    is_dead: bool = False
    """No stream speaks, and none can be had."""
    gaps: int = 0
    most_waiting: int = 0
    network: FakeNetwork = attrs.field(init=False)
    feed: Feed = attrs.field(init=False)
    core: FeedCore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.network = FakeNetwork(self.clock, answers={"/depth": self._book})
        venue = Binance(Endpoint("binance", "ws://127.0.0.1:9", "http://127.0.0.1:9", COUNT, 4, 600_000))
        self.core = FeedCore(venue, INSTRUMENTS, bounds(), frame_silence_seconds=10.0, books=book_engine())
        self.feed = Feed(
            self.core,
            venue,
            self.network,
            WeightBudget(venue.weight_per_minute, self.clock),
            None,
            self.clock,
            self.telemetry,
            ReconnectSettings(0.5, 8.0, 2.0, 0.0),
            self._publish,
            keep_all,
            keep_connection,
            Random(1),
        )

    def _publish(self, state: BookState) -> None:
        self.rules.take(state, self.clock.now())
        self.gaps += state.status is BookStatus.GAP

    @property
    def id(self) -> int:
        """The venue's ids, the same for all: they grow with time."""
        return int(self.clock.now().mono * 10)

    def _book(self, _: Request) -> bytes | RequestFailed:
        return binance_book(self.id, BIDS, ASKS)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.feed.run)
            tasks.start_soon(self._serve)
            yield
            tasks.cancel_scope.cancel()

    async def _serve(self) -> None:
        await until(lambda: self.network.connections)
        connection, read, said_at = self.network.connection, 0, 0.0
        while True:
            for _, message in connection.sent[read:]:
                self._answer(connection, json.loads(message))
            read = len(connection.sent)
            self.most_waiting = max(self.most_waiting, len(self.feed._messages))
            if not self.is_dead and self.clock.now().mono - said_at >= 2.0:
                said_at = self.clock.now().mono
                behind = [(native, last) for native, last in self.streams.items() if last < self.id]
                for native, last in behind:
                    connection.say(binance_event(native, last + 1, self.id, [], [], self.clock.now().wall // 1000))
                    self.streams[native] = self.id
            await anyio.sleep(0.05)

    def _answer(self, connection: FakeConnection, message: dict[str, object]) -> None:
        params = message["params"]
        assert isinstance(params, list)
        for native in [param.partition("@")[0].upper() for param in params]:
            if message["method"] == "UNSUBSCRIBE":
                self.streams.pop(native, None)
            else:
                self.streams[native] = self.id
        connection.say(json.dumps({"result": None, "id": message["id"]}).encode())

    @property
    def sent(self) -> list[dict[str, object]]:
        return [json.loads(message) for _, message in self.network.connection.sent]


async def test_a_thousand_instruments_are_live_over_one_connection_without_a_false_gap_or_a_needless_message() -> None:
    world = World()
    async with world.running():
        await until(lambda: world.core.live == COUNT, 60, 0.1)
        await anyio.sleep(60)
    assert (world.core.live, world.gaps) == (COUNT, 0)
    assert [message["method"] for message in world.sent] == ["SUBSCRIBE"] * 11
    assert world.telemetry.warnings == []
    assert {seen.last.epoch for seen in world.rules.keys.values()} == {1}
    assert len(world.network.connections) == 1


async def test_a_thousand_streams_that_die_at_once_are_renewed_within_a_bounded_queue_and_none_is_forgotten() -> None:
    world = World()
    async with world.running():
        await until(lambda: world.core.live == COUNT, 60, 0.1)
        opened = len(world.sent)
        world.is_dead = True
        await until(lambda: world.core.live == 0, 60, 0.1)
        await until(lambda: len(world.sent) > opened, 60, 0.1)
        world.is_dead = False
        await until(lambda: world.core.live == COUNT, 120, 0.1)
    renewed = [param for message in world.sent[opened:] for param in message["params"]]  # type: ignore[attr-defined]
    assert {param.partition("@")[0].upper() for param in renewed} <= {each.native for each in INSTRUMENTS}
    assert world.most_waiting <= 22, "as many messages as leave and subscribe a thousand streams"
    assert len(world.network.connections) == 1

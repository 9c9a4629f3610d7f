"""As many instruments as Binance allows on one connection, over the sandbox's real socket."""

from collections import Counter
from random import Random

import anyio
import pytest
from tests.support.bounds import bounds
from tests.support.engines import book_engine
from tests.support.network import FakeTelemetry, keep_all, keep_connection
from tests.support.waiting import until

from market_data.adapters.clock import SystemClock
from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.wire import Endpoint
from market_data.application.budget import WeightBudget
from market_data.application.core import FeedCore
from market_data.application.feeds import Feed, ReconnectSettings
from market_data.config import load_settings
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, BookStatus
from market_data.factories.venues import make_transport
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.server import serve

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

COUNT = 1024
SYMBOLS = tuple(f"C{number}-USDT" for number in range(COUNT))
WEIGHT = 10_000_000


async def test_a_thousand_instruments_are_live_over_one_connection_without_a_false_gap() -> None:
    options = Options(
        instruments={Venue.BINANCE: SYMBOLS, Venue.COINBASE: ("BTC-USD",)},
        rate=0.1,
        depth={Venue.BINANCE: 60, Venue.COINBASE: 50},
        broker=False,
        binance_weight_per_minute=WEIGHT,
    )
    clock, telemetry, said = SystemClock(), FakeTelemetry(), Counter[BookStatus]()

    def publish(state: BookState) -> None:
        said[state.status] += 1

    async with serve(options) as sandbox:
        address = sandbox.binance
        venue = Binance(Endpoint("binance", address.websocket_url, address.rest_url, COUNT, 4, WEIGHT))
        instruments = [Instrument("binance", symbol, symbol.replace("-", "")) for symbol in SYMBOLS]
        core = FeedCore(venue, instruments, bounds(snapshot_limit=50), frame_silence_seconds=10.0, books=book_engine())
        transport = make_transport(load_settings("local", environ={}).settings, clock)
        async with transport.open() as network, anyio.create_task_group() as tasks:
            feed = Feed(
                core,
                venue,
                network,
                WeightBudget(WEIGHT, clock),
                None,
                clock,
                telemetry,
                ReconnectSettings(0.5, 8.0, 2.0, 0.3),
                publish,
                keep_all,
                keep_connection,
                Random(1),
            )
            tasks.start_soon(feed.run)
            await until(lambda: core.live == COUNT, 150, 0.1)
            tasks.cancel_scope.cancel()
    assert [message for message, _ in telemetry.warnings] == []
    assert said.keys() == {BookStatus.SYNCING, BookStatus.LIVE}
    assert [message for message, _ in telemetry.notes] == ["connected"]

"""A book whose own events cannot be read gets a connection of its own, in virtual time; the others pay nothing."""

import json
from collections.abc import Sequence
from itertools import pairwise

import anyio
import attrs
import pytest
from tests.support.bounds import bounds
from tests.support.logs import MemoryLog
from tests.support.network import FakeConnection, FakeTransport
from tests.support.producing import ASKS, BIDS, PRODUCTS, Bench
from tests.support.venues import COINBASE, coinbase_event, coinbase_frame
from tests.support.virtual import VIRTUAL_TIME
from tests.support.waiting import until

from market_data.adapters.supervisor import Unsupervised
from market_data.application.feeds import ReconnectSettings
from market_data.application.inputlog import (
    NO_INPUT_LOG,
    InputLog,
    make_core,
    replay,
)
from market_data.application.inputs import HandOver
from market_data.application.produce import Producer, ProduceSettings, VenuePlan
from market_data.domain.normalized import BookState, NormalizedBook

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ODD = "ETH-USD"
OTHERS = ("coinbase:BTC-USD", "coinbase:SOL-USD")
RECONNECT = ReconnectSettings(0.5, 8.0, 2.0, 0.0)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.define
class OddVenue:
    """Says all that it is asked for, once a second; of one product something that cannot be read, after its book."""

    bench: Bench
    numbers: dict[int, int] = attrs.field(factory=dict)
    is_odd: bool = True

    async def speak(self) -> None:
        turn = 0
        while True:
            await anyio.sleep(1)
            turn += 1
            for connection in list(self.bench.network.connections):
                if connection.closed_at is None and connection.sent:
                    self._speak(connection, turn)

    def _speak(self, connection: FakeConnection, turn: int) -> None:
        products = subscribed(connection)
        if id(connection) not in self.numbers:
            self._say(connection, [coinbase_event("snapshot", product, BIDS, ASKS) for product in products])
        events = [coinbase_event("update", product, [("100", str(turn))], []) for product in products]
        odd = [event | {"updates": None} if self.is_odd and event["product_id"] == ODD else event for event in events]
        self._say(connection, odd)

    def _say(self, connection: FakeConnection, events: Sequence[dict[str, object]]) -> None:
        number = self.numbers.get(id(connection), 0)
        self.numbers[id(connection)] = number + 1
        connection.say(coinbase_frame(number, events))


def subscribed(connection: FakeConnection) -> list[str]:
    products = json.loads(connection.sent[0][1])["product_ids"]
    assert isinstance(products, list)
    return products


def bench_of(connections_per_second: float | None = None, log: InputLog = NO_INPUT_LOG) -> Bench:
    bench = Bench(binance=(), coinbase=PRODUCTS)
    bench.network.on_connect = lambda _: None
    bench.producer = Producer(
        [VenuePlan(COINBASE, PRODUCTS, bounds(), connections_per_second=connections_per_second)],
        FakeTransport(bench.network),
        bench.publisher,
        bench.outbox,
        bench.clock,
        bench.telemetry,
        Unsupervised(),
        ProduceSettings(RECONNECT, 10.0, 10.0),
        log,
    )
    return bench


async def run(bench: Bench, seconds: float) -> None:
    async with bench.running(), anyio.create_task_group() as tasks:
        tasks.start_soon(OddVenue(bench).speak)
        await anyio.sleep(seconds)
        tasks.cancel_scope.cancel()


async def test_a_book_whose_events_stay_unreadable_is_rebuilt_after_growing_waits_and_the_others_stay_live() -> None:
    bench = bench_of()
    await run(bench, 130)
    for key in OTHERS:
        assert bench.statuses(key) == ["syncing", "live", "disconnected shutdown"]
        assert bench.of(key)[-1].epoch == 1
    tries = ["live", "gap malformed"]
    assert bench.statuses(f"coinbase:{ODD}") == ["syncing", *tries * 5, "disconnected shutdown"]
    assert [subscribed(each) for each in bench.network.connections] == [list(PRODUCTS), *[[ODD]] * 4]
    first, *alone = bench.network.connections
    assert first.closed_at is not None
    assert first.closed_at - first.opened_at > 129, "it lasts until the end"
    began = [connection.opened_at for connection in alone]
    assert [(later - earlier) // 10 for earlier, later in pairwise(began)] == [2, 3, 3]
    assert [message for message, _ in bench.telemetry.warnings].count("a book moves to a connection of its own") == 1
    bench.check_records()


async def test_a_book_that_is_well_again_stays_on_its_own_connection() -> None:
    bench = bench_of()
    venue = OddVenue(bench)
    async with bench.running(), anyio.create_task_group() as tasks:
        tasks.start_soon(venue.speak)
        await anyio.sleep(8)
        venue.is_odd = False
        await until(lambda: bench.live(f"coinbase:{ODD}"), 30, 0.5)
        await anyio.sleep(120)
        tasks.cancel_scope.cancel()
    assert [subscribed(each) for each in bench.network.connections] == [list(PRODUCTS), [ODD]]
    assert bench.statuses(f"coinbase:{ODD}")[-3:] == ["gap malformed", "live", "disconnected shutdown"]
    bench.check_records()


async def test_its_connection_waits_for_its_turn_and_its_records_go_on_meanwhile() -> None:
    bench = bench_of(connections_per_second=0.02)
    await run(bench, 40)
    assert len(bench.network.attempts) == 1, "its own would be the second within 50 seconds"
    said = bench.of(f"coinbase:{ODD}")
    assert len([book for book in said if book.reason == "malformed"]) == 8, "a heartbeat every five seconds"
    assert (said[-1].status, said[-1].reason) == ("disconnected", "shutdown")
    assert (said[-1].epoch, said[-1].sequence) == (1, 0)
    bench.check_records()


async def test_the_log_of_each_feed_gives_its_part_of_the_records_when_it_is_played_again() -> None:
    log = MemoryLog()
    bench = bench_of(log=log)
    await run(bench, 70)
    assert [[each.symbol for each in recorder.setup.instruments] for recorder in log.recorders] == [
        list(PRODUCTS),
        [ODD],
    ]
    states: list[BookState] = []
    moved: list[HandOver] = []
    for recorder in log.recorders:
        for each in replay(make_core(recorder.setup, COINBASE), recorder.logged):
            assert each.is_same
            states += [output for output in each.outputs if isinstance(output, BookState)]
            moved += [output for output in each.outputs if isinstance(output, HandOver)]
    (handed,) = moved
    assert log.recorders[1].setup.standings == (handed.standing,)
    for product in PRODUCTS:
        key = f"coinbase:{product}"
        published = bench.of(key)
        first = next((at for at, book in enumerate(published) if book.received_time is not None), 0)
        assert first <= 2, "what is said before the venue has told what it lists is not a feed's"
        ours = [meaning(state) for state in states if state.key == key]
        assert ours == [meaning(book) for book in published][len(published) - len(ours) :]
        assert len(ours) >= len(published) - first


def meaning(state: BookState | NormalizedBook) -> tuple[object, ...]:
    return (state.status, state.reason, state.status_since, state.bids, state.sequence, state.epoch)

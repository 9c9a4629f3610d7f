"""Make before break, in virtual time: a connection that is about to be closed is replaced, and all books stay live."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import anyio
import attrs
import pytest
from tests.support.bounds import bounds
from tests.support.logs import MemoryLog
from tests.support.network import FakeConnection, FakeTransport, refuse
from tests.support.producing import ASKS, BIDS, SYMBOLS, Bench
from tests.support.venues import BINANCE, binance_book, binance_event
from tests.support.virtual import VIRTUAL_TIME
from tests.support.waiting import until

from market_data.adapters.supervisor import Unsupervised
from market_data.application.feeds import ReconnectSettings
from market_data.application.inputlog import NO_INPUT_LOG, InputLog, make_core, replay
from market_data.application.inputs import Replaced, Stopped
from market_data.application.produce import Producer, ProduceSettings, VenuePlan
from market_data.domain.normalized import BookState, NormalizedBook, Reason

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

NOTICE = b'{"e":"serverShutdown","E":1723161255208}'
KEYS = tuple(f"binance:{symbol}" for symbol in SYMBOLS)
LIVE = ["syncing", "live"]
STOPPED = "disconnected shutdown"


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.define
class Moving:
    """A venue whose books change every tenth of a second, which it says on each connection."""

    log: InputLog = NO_INPUT_LOG
    connections_per_second: float | None = None
    bench: Bench = attrs.field(init=False)
    id: int = 100
    mute: set[str] = attrs.field(factory=set)
    """What is said on no connection but the first."""
    late_seconds: float = 0.0
    """So much later all is said on connections but the first."""

    def __attrs_post_init__(self) -> None:
        self.bench = Bench(binance=SYMBOLS)
        network = self.bench.network
        network.on_connect = lambda _: None
        network.answers = {**network.answers, "depth": lambda _: binance_book(self.id, self.bids, ASKS)}
        self.bench.producer = Producer(
            [VenuePlan(BINANCE, SYMBOLS, bounds(), self.connections_per_second)],
            FakeTransport(network),
            self.bench.publisher,
            self.bench.outbox,
            self.bench.clock,
            self.bench.telemetry,
            Unsupervised(),
            ProduceSettings(ReconnectSettings(0.5, 8.0, 2.0, 0.0), 10.0, 10.0),
            self.log,
        )

    @property
    def bids(self) -> Sequence[tuple[str, str]]:
        return [("100", str(self.id)), *BIDS[1:]]

    @property
    def connections(self) -> Sequence[FakeConnection]:
        return self.bench.network.connections

    @property
    def open(self) -> Sequence[FakeConnection]:
        return [each for each in self.connections if each.closed_at is None]

    def step(self) -> None:
        """Change all books and say so."""
        self.id += 1
        for connection in self.open:
            self.say(connection)

    def say(self, connection: FakeConnection) -> None:
        connection.say(*self.frames(connection))

    def frames(self, connection: FakeConnection) -> Sequence[bytes]:
        told = [symbol for symbol in SYMBOLS if symbol not in self.mute or connection is self.connections[0]]
        return [binance_event(each.replace("-", ""), self.id, self.id, [("100", str(self.id))], []) for each in told]

    async def move(self) -> None:
        async with anyio.create_task_group() as tasks:
            while True:
                await anyio.sleep(0.1)
                if not self.late_seconds:
                    self.step()
                    continue
                self.id += 1
                for connection in self.open:
                    tasks.start_soon(self.say_late, connection, self.frames(connection))

    async def say_late(self, connection: FakeConnection, frames: Sequence[bytes]) -> None:
        if connection is not self.connections[0]:
            await anyio.sleep(self.late_seconds)
        connection.say(*frames)

    async def run(self, script: Callable[[], object]) -> None:
        async with self.bench.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(self.move)
            await until(self.all_live)
            result = script()
            assert hasattr(result, "__await__")
            await result
            tasks.cancel_scope.cancel()
        self.check()

    def all_live(self) -> bool:
        return all(self.bench.live(key) for key in KEYS)

    async def replaced(self) -> None:
        """Announce the end of the newest connection, and wait until it is replaced."""
        old = self.connections[-1]
        old.say(NOTICE)
        await until(lambda: old.closed_at is not None)
        assert self.connections[-1].closed_at is None

    def check(self) -> None:
        """Nothing is doubled, out of order, or older than what was there before."""
        self.bench.check_records()
        for key in KEYS:
            said = self.bench.of(key)
            shown = [book.sequence for book in said if book.sequence is not None]
            assert shown == sorted(shown)
            live = [book for book in said if book.is_live]
            assert all(book.bids[0][1] == str(book.sequence) for book in live if book.sequence != 100)


def is_doubled(said: Sequence[NormalizedBook]) -> bool:
    return any(
        one.is_live and other.is_live and (one.bids, one.asks) == (other.bids, other.asks)
        for one, other in pairwise(said)
    )


async def test_the_books_stay_live_in_the_same_epoch_and_no_record_is_doubled() -> None:
    venue = Moving()

    async def script() -> None:
        for _ in range(3):  # so it goes on a connection that has replaced one, too
            await venue.replaced()
            await anyio.sleep(2)

    await venue.run(script)
    assert len(venue.connections) == 4
    for key in KEYS:
        assert venue.bench.statuses(key) == [*LIVE, STOPPED]
        said = venue.bench.of(key)
        assert said[-1].epoch == 1
        assert {book.status_since for book in said if book.is_live} == {said[2].status_since}
        assert not is_doubled(said)
        assert said[-1].sequence == venue.id


async def test_where_no_other_connection_can_be_opened_it_goes_on_as_ever() -> None:
    venue = Moving()

    async def script() -> None:
        venue.bench.network.on_connect = refuse(Reason.UNAVAILABLE)
        first = venue.connections[0]
        first.say(NOTICE)
        await anyio.sleep(8)
        assert len(venue.bench.network.attempts) > 3
        assert all(venue.bench.statuses(key) == LIVE for key in KEYS)
        first.drop()
        await until(lambda: not venue.all_live())
        assert all(venue.bench.statuses(key)[:3] == [*LIVE, "disconnected connection"] for key in KEYS)
        venue.bench.network.on_connect = lambda _: None
        await until(venue.all_live, 20)

    await venue.run(script)
    for key in KEYS:
        said = venue.bench.statuses(key)
        assert said[:3] == [*LIVE, "disconnected connection"]
        assert said[-2:] == ["live", STOPPED]
        assert venue.bench.of(key)[-1].epoch == 2


async def test_a_connection_that_ends_too_soon_costs_those_only_that_are_not_live_on_the_new_one() -> None:
    venue = Moving(mute={"ETH-USDT"})

    async def script() -> None:
        first = venue.connections[0]
        venue.bench.network.answers = {
            **venue.bench.network.answers,
            "symbol=ETHUSDT": lambda _: binance_book(venue.id - 3, venue.bids, ASKS),
        }
        venue.bench.network.answers = dict(sorted(venue.bench.network.answers.items(), reverse=True))
        first.say(NOTICE)
        await anyio.sleep(3)
        assert first.closed_at is None
        assert all(venue.bench.statuses(key) == LIVE for key in KEYS), "it is read on"
        first.drop()
        await anyio.sleep(0.5)
        assert venue.bench.statuses("binance:ETH-USDT") == [*LIVE, "disconnected connection", "syncing connection"]
        venue.mute.clear()
        await until(venue.all_live)

    await venue.run(script)
    for key in ("binance:BTC-USDT", "binance:SOL-USDT"):
        assert venue.bench.statuses(key) == [*LIVE, STOPPED]
    assert venue.bench.of("binance:ETH-USDT")[-1].epoch == 2


async def test_what_is_behind_is_waited_for_and_the_old_connection_is_read_no_more() -> None:
    venue = Moving(late_seconds=0.33)

    async def script() -> None:
        await venue.replaced()
        await anyio.sleep(2)

    await venue.run(script)
    for key in KEYS:
        assert venue.bench.statuses(key) == [*LIVE, STOPPED]
        assert venue.bench.of(key)[-1].epoch == 1


async def test_what_stays_behind_is_rebuilt_and_never_shown() -> None:
    venue = Moving()

    async def script() -> None:
        def speak_once(connection: FakeConnection) -> None:
            book = binance_book(venue.id - 1, [("100", str(venue.id - 1)), *BIDS[1:]], ASKS)
            venue.bench.network.answers = {**venue.bench.network.answers, "depth": lambda _: book}
            venue.say(connection)
            venue.mute.add("ETH-USDT")
            venue.step()
            venue.say(connection)

        answers = venue.bench.network.answers
        venue.bench.network.on_connect = speak_once
        await venue.replaced()
        await until(lambda: not venue.all_live())
        assert venue.bench.statuses("binance:ETH-USDT") == [*LIVE, "gap sequence"]
        venue.bench.network.answers = answers
        venue.mute.clear()
        await until(venue.all_live)

    await venue.run(script)
    for key in ("binance:BTC-USDT", "binance:SOL-USDT"):
        assert venue.bench.statuses(key) == [*LIVE, STOPPED]
    assert venue.bench.statuses("binance:ETH-USDT") == [*LIVE, "gap sequence", "live", STOPPED]


async def test_a_program_that_stops_meanwhile_says_so_once() -> None:
    venue = Moving(mute={"ETH-USDT"})

    async def script() -> None:
        venue.connections[0].say(NOTICE)
        await until(lambda: len(venue.connections) == 2)

    await venue.run(script)
    for key in KEYS:
        assert venue.bench.statuses(key) == [*LIVE, STOPPED]
        assert [book.reason for book in venue.bench.of(key)].count(Reason.SHUTDOWN) == 1


@pytest.mark.parametrize("milliseconds", range(50, 1501, 50))
async def test_whenever_it_stops_meanwhile_nothing_is_said_of_a_book_afterwards(milliseconds: int) -> None:
    log = MemoryLog()
    venue = Moving(log=log, late_seconds=0.33)

    async def script() -> None:
        await anyio.sleep(1)
        venue.connections[0].say(NOTICE)
        await anyio.sleep(milliseconds / 1000)

    await venue.run(script)
    first, second = [recorder.logged[-1].given for recorder in log.recorders]
    is_replaced = "the connection is replaced" in [message for message, _ in venue.bench.telemetry.notes]
    assert (first, second) == (Replaced() if is_replaced else Stopped(), Stopped())
    assert all(venue.bench.statuses(key) == [*LIVE, STOPPED] for key in KEYS)


async def test_a_venue_that_closes_each_connection_at_once_is_asked_for_others_ever_more_seldom() -> None:
    venue = Moving()

    async def script() -> None:
        for _ in range(300):
            if len(venue.open) == 1:
                venue.open[0].say(NOTICE)
            await anyio.sleep(0.1)

    await venue.run(script)
    attempts = venue.bench.network.attempts
    waits = [later - one for one, later in pairwise(attempts)]
    assert len(attempts) <= 8
    assert all(wait >= least for wait, least in zip(waits[1:], (0.5, 1.0, 2.0, 4.0), strict=False))
    assert all(venue.bench.statuses(key) == [*LIVE, STOPPED] for key in KEYS)


def wanting(*symbols: str) -> list[VenuePlan]:
    return [VenuePlan(BINANCE, symbols, bounds())]


@pytest.mark.parametrize("late_seconds", [0.0, 0.33])
@pytest.mark.parametrize("milliseconds", [0, 100, 200, 300, 400, 600])
async def test_what_is_dropped_meanwhile_is_spoken_of_no_more_and_the_others_stay_live(
    milliseconds: int, late_seconds: float
) -> None:
    log = MemoryLog()
    venue = Moving(log=log, late_seconds=late_seconds)

    async def script() -> None:
        old = venue.connections[0]
        old.say(NOTICE)
        await anyio.sleep(milliseconds / 1000)
        venue.bench.producer.follow(wanting("BTC-USDT", "SOL-USDT"))
        said = venue.bench.of("binance:ETH-USDT")
        await until(lambda: old.closed_at is not None)
        await anyio.sleep(6)
        assert [book.status for book in venue.bench.of("binance:ETH-USDT")][-1] == "disconnected"
        assert len(venue.bench.of("binance:ETH-USDT")) <= len(said) + 1
        assert len(venue.open) == 1
        assert venue.bench.telemetry.read()["market_data_exchange_connections exchange=binance"] == 1

    await venue.run(script)
    assert not venue.bench.telemetry.counts
    for key in KEYS:
        assert venue.bench.statuses(key) == [*LIVE, STOPPED]
        assert venue.bench.of(key)[-1].epoch == 1
    for recorder in log.recorders:
        assert all(each.is_same for each in replay(make_core(recorder.setup, BINANCE), recorder.logged))


@pytest.mark.parametrize("milliseconds", [0, 100, 200, 300, 400, 600])
async def test_both_connections_are_closed_when_all_is_dropped_meanwhile_and_it_goes_on_when_wanted_again(
    milliseconds: int,
) -> None:
    venue = Moving(late_seconds=0.33)

    async def script() -> None:
        venue.connections[0].say(NOTICE)
        await anyio.sleep(milliseconds / 1000)
        venue.bench.producer.follow(wanting())
        await until(lambda: not venue.open)
        await anyio.sleep(10)
        assert not venue.open
        assert all(venue.bench.statuses(key) == [*LIVE, STOPPED] for key in KEYS)
        venue.late_seconds = 0.0
        venue.bench.producer.follow(wanting(*SYMBOLS))
        venue.mute.clear()
        await until(lambda: len(venue.open) == 1)
        await until(venue.all_live)

    await venue.run(script)
    assert all(venue.bench.of(key)[-1].epoch == 2 for key in KEYS)


async def test_the_other_connection_waits_for_its_turn() -> None:
    venue = Moving(connections_per_second=0.1)

    async def script() -> None:
        first = venue.connections[0]
        began = venue.bench.network.attempts[0]
        await venue.replaced()
        assert venue.bench.network.attempts[1] - began >= 9.9
        assert first.closed_at is not None

    await venue.run(script)


async def test_the_logs_give_the_records_when_they_are_played_again() -> None:
    log = MemoryLog()
    venue = Moving(log=log)

    async def script() -> None:
        await venue.replaced()
        await anyio.sleep(2)

    await venue.run(script)
    assert [recorder.setup.is_withheld for recorder in log.recorders] == [False, True]
    states: list[BookState] = []
    for recorder in log.recorders:
        for each in replay(make_core(recorder.setup, BINANCE), recorder.logged):
            assert each.is_same
            states += [output for output in each.outputs if isinstance(output, BookState)]
    for key in KEYS:
        ours = [(state.sequence, state.status, state.bids) for state in states if state.key == key]
        published = [(book.sequence, book.status, book.bids) for book in venue.bench.of(key)]
        assert ours == published[len(published) - len(ours) :]
        assert len(ours) >= len(published) - 1

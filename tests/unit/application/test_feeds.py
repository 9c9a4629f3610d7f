"""The loop around the core: opening, waiting, sending at a pace, fetching, all against a venue in memory."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random

import anyio
import attrs
import pytest
from tests.support.bounds import bounds
from tests.support.engines import book_engine
from tests.support.network import FakeConnection, FakeNetwork, FakeTelemetry, keep_all, keep_connection, refuse
from tests.support.rules import RecordRules
from tests.support.venues import (
    BINANCE,
    COINBASE,
    OKX_SPOT,
    binance_book,
    binance_event,
    coinbase_event,
    coinbase_frame,
    instrument,
    okx_book,
    okx_frame,
)
from tests.support.virtual import VIRTUAL_TIME, LoopClock
from tests.support.waiting import until

from market_data.application.budget import WeightBudget
from market_data.application.core import FeedCore
from market_data.application.feeds import Feed, ReconnectSettings
from market_data.application.metrics import SAMPLED
from market_data.application.ports import Request, Venue
from market_data.domain.errors import RequestFailed
from market_data.domain.normalized import BookState, BookStatus, Level, Reason
from market_data.domain.sync import SyncSettings

pytestmark = pytest.mark.anyio

BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
RECONNECT = ReconnectSettings(initial_backoff_seconds=0.5, max_backoff_seconds=8.0, backoff_multiplier=2.0, jitter=0.0)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.define
class Bench:
    """A feed between a network in memory and a list of what it published."""

    venue: Venue
    keys: Sequence[str]
    reconnect: ReconnectSettings = RECONNECT
    settings: SyncSettings = attrs.field(factory=bounds)
    connect_limiter: WeightBudget | None = None
    random: Random = attrs.field(factory=lambda: Random(1))
    large_frames: anyio.Lock | None = None
    clock: LoopClock = attrs.field(factory=LoopClock)
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)
    states: list[BookState] = attrs.field(factory=list)
    network: FakeNetwork = attrs.field(init=False)
    feed: Feed = attrs.field(init=False)
    rules: RecordRules = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.network = FakeNetwork(self.clock)
        self.rules = RecordRules(self.settings.depth, self.settings.heartbeat_seconds)
        instruments = [instrument(key) for key in self.keys]
        core = FeedCore(self.venue, instruments, self.settings, frame_silence_seconds=10.0, books=book_engine())
        budget = WeightBudget(self.venue.weight_per_minute, self.clock)
        self.feed = Feed(
            core,
            self.venue,
            self.network,
            budget,
            self.connect_limiter,
            self.clock,
            self.telemetry,
            self.reconnect,
            self._publish,
            keep_all,
            keep_connection,
            self.random,
            large_frames=self.large_frames,
        )

    def _publish(self, state: BookState) -> None:
        self.rules.take(state, self.clock.now())
        self.states.append(state)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.feed.run)
            yield
            tasks.cancel_scope.cancel()

    async def until_live(self, key: str | None = None) -> None:
        wanted = key or self.keys[0]
        await until(lambda: wanted in self.rules.keys and self.rules.keys[wanted].last.is_live, 200, 0.05)

    @property
    def waits(self) -> list[float]:
        """Seconds between one attempt to connect and the next."""
        attempts = self.network.attempts
        return [round(later - earlier, 2) for earlier, later in pairwise(attempts)]

    def statuses(self) -> list[tuple[BookStatus, Reason | None]]:
        """What the first book said, repetitions left out."""
        said = [(state.status, state.reason) for state in self.states if state.key == self.keys[0]]
        return [each for at, each in enumerate(said) if said[at - 1 : at] != [each]]


def coinbase(**changes: object) -> Bench:
    return Bench(COINBASE, ["coinbase:BTC-USD"], **changes)  # type: ignore[arg-type]


def binance(*symbols: str, **changes: object) -> Bench:
    return Bench(BINANCE, [f"binance:{symbol}" for symbol in symbols or ("BTC-USDT",)], **changes)  # type: ignore[arg-type]


def says(*frames: bytes) -> Callable[[FakeConnection], None]:
    return lambda connection: connection.say(*frames)


SNAPSHOT = coinbase_frame(0, [coinbase_event("snapshot", "BTC-USD", BIDS, ASKS)])


async def test_a_large_frame_on_a_slow_line_is_told_while_it_comes() -> None:
    bench = coinbase()
    async with bench.running():
        await until(lambda: bool(bench.network.connections), 10, 0.05)
        for second in range(8):
            bench.network.connection.trickle(100_000 * (second + 1))
            await anyio.sleep(1)
        bench.network.connection.say(SNAPSHOT)
        await bench.until_live()
    arriving = [fields for message, fields in bench.telemetry.notes if message == "a large frame is arriving"]
    assert [(each["megabytes"], each["seconds"]) for each in arriving] == [(0.4, 3.0), (0.7, 6.0)]


# waiting between attempts


async def test_attempts_that_fail_are_repeated_at_growing_intervals_up_to_the_bound() -> None:
    bench = coinbase()
    bench.network.on_connect = refuse(Reason.UNAVAILABLE)
    async with bench.running():
        await anyio.sleep(35)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert bench.statuses() == [(BookStatus.SYNCING, None), (BookStatus.DISCONNECTED, Reason.UNAVAILABLE)]
    assert {message for message, _ in bench.telemetry.warnings} == {"could not connect"}


async def test_attempts_to_connect_are_never_faster_than_all_of_the_venue_may_be() -> None:
    limiter = WeightBudget(30, LoopClock(), burst_seconds=1.0)  # one every two seconds
    bench = coinbase(connect_limiter=limiter, reconnect=attrs.evolve(RECONNECT, max_backoff_seconds=0.5))
    bench.network.on_connect = refuse(Reason.UNAVAILABLE)
    async with bench.running():
        await anyio.sleep(11)
    assert bench.waits == [2.0] * 5


async def test_waits_are_jittered_downwards_within_their_share() -> None:
    jittered = ReconnectSettings(initial_backoff_seconds=1, max_backoff_seconds=1, backoff_multiplier=2, jitter=0.3)
    bench = coinbase(reconnect=jittered)
    bench.network.on_connect = refuse(Reason.UNAVAILABLE)
    async with bench.running():
        await anyio.sleep(300)
    assert len(bench.waits) > 300
    assert min(bench.waits) >= 0.7
    assert max(bench.waits) <= 1.0
    assert len(set(bench.waits)) > 20


async def test_an_open_connection_alone_does_not_reset_the_wait() -> None:
    bench = coinbase()
    bench.network.on_connect = lambda connection: connection.drop()
    async with bench.running():
        await anyio.sleep(20)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_frames_that_make_no_book_live_do_not_reset_the_wait() -> None:
    def open_and_die(connection: FakeConnection) -> None:
        connection.say(coinbase_frame(0, [{"heartbeat_counter": 1}], "heartbeats"))
        connection.drop()

    bench = coinbase()
    bench.network.on_connect = open_and_die
    async with bench.running():
        await anyio.sleep(20)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_a_book_that_becomes_live_resets_the_wait() -> None:
    bench = coinbase()
    bench.network.on_connect = refuse(Reason.UNAVAILABLE)
    async with bench.running():
        await anyio.sleep(4)
        bench.network.on_connect = says(SNAPSHOT)
        await bench.until_live()
        bench.network.connection.drop()
        await anyio.sleep(0.7)
        bench.network.connection.drop()
        await anyio.sleep(0.7)
    assert bench.waits[:3] == [0.5, 1.0, 2.0]
    dropped = [round(wait, 1) for wait in bench.waits[-2:]]
    assert all(wait <= 5 for wait in dropped)
    assert [round(later - (earlier.closed_at or 0), 2) for earlier, later in _reopened(bench)] == [0.5, 0.5]


async def test_books_that_break_as_soon_as_they_are_live_do_not_reset_the_wait() -> None:
    hole = coinbase_frame(5, [{"heartbeat_counter": 1}], "heartbeats")
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)

    async def break_what_is_live() -> None:
        broken: list[FakeConnection] = []
        while True:
            await until(lambda: len(bench.network.connections) > len(broken), 60, 0.01)
            await bench.until_live()
            broken.append(bench.network.connection)
            bench.network.connection.say(hole)

    async with bench.running(), anyio.create_task_group() as tasks:
        tasks.start_soon(break_what_is_live)
        await anyio.sleep(20)
        tasks.cancel_scope.cancel()
    assert [round(wait) for wait in bench.waits[1:]] == [1, 2, 4, 8]


def _reopened(bench: Bench) -> list[tuple[FakeConnection, float]]:
    connections = bench.network.connections
    return [(earlier, later.opened_at) for earlier, later in pairwise(connections)]


async def test_the_venues_own_word_on_when_to_come_back_is_obeyed() -> None:
    bench = coinbase()
    bench.network.on_connect = refuse(Reason.RATE_LIMITED, retry_after=60.0)
    async with bench.running():
        await anyio.sleep(130)
    assert bench.waits == [60.0, 60.0]
    assert bench.statuses()[-1] == (BookStatus.DISCONNECTED, Reason.RATE_LIMITED)


# the connection's life


@pytest.mark.parametrize(
    ("reason", "lost"),
    [
        (Reason.CONNECTION, [BookStatus.DISCONNECTED, BookStatus.SYNCING]),
        (Reason.SILENCE, [BookStatus.STALE, BookStatus.SYNCING]),
        (Reason.MALFORMED, [BookStatus.GAP]),
    ],
)
async def test_a_lost_connection_is_told_with_its_reason_and_opened_again(
    reason: Reason, lost: list[BookStatus]
) -> None:
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)
    async with bench.running():
        await bench.until_live()
        bench.network.connection.drop(reason=reason)
        await anyio.sleep(1)
    assert bench.statuses() == [
        (BookStatus.SYNCING, None),
        (BookStatus.LIVE, None),
        *((status, reason) for status in lost),
        (BookStatus.LIVE, None),
    ]
    assert bench.states[-1].epoch == 2


async def test_frames_that_came_before_the_connection_was_lost_are_read() -> None:
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)
    async with bench.running():
        await bench.until_live()
        update = coinbase_event("update", "BTC-USD", [("100", "7")], [])
        bench.network.connection.say(coinbase_frame(1, [update]))
        bench.network.connection.drop()
        await anyio.sleep(0.1)
    assert ("100", "7") in [state.bids[0] for state in bench.states if state.is_live]


async def test_how_long_it_takes_to_apply_what_was_read_is_observed_now_and_then() -> None:
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)
    async with bench.running():
        await bench.until_live()
        for number in range(1, SAMPLED + 1):
            update = coinbase_event("update", "BTC-USD", [("100", str(number))], [])
            bench.network.connection.say(coinbase_frame(number, [update]))
            await anyio.sleep(0.01)
        await until(lambda: len(bench.telemetry.observed) == 2)
    assert {(name, labels["exchange"]) for name, _, labels in bench.telemetry.observed} == {
        ("market_data_exchange_apply_seconds", "coinbase")
    }
    assert all(0 <= seconds < 1 for _, seconds, _ in bench.telemetry.observed)


async def test_a_gap_closes_the_connection_by_our_own_will_and_opens_another() -> None:
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)
    async with bench.running():
        await bench.until_live()
        bench.network.connection.say(coinbase_frame(5, [{"heartbeat_counter": 1}], "heartbeats"))
        await anyio.sleep(1)
    first, second = bench.network.connections
    assert first.closed_at is not None
    assert round(second.opened_at - first.closed_at, 2) == 0.5
    assert bench.statuses() == [
        (BookStatus.SYNCING, None),
        (BookStatus.LIVE, None),
        (BookStatus.GAP, Reason.SEQUENCE),
        (BookStatus.LIVE, None),
    ]
    assert bench.telemetry.counts == {"market_data_exchange_reconnects_total exchange=coinbase reason=sequence": 1}


async def test_a_connection_without_any_frame_is_stale_within_its_bound_and_replaced() -> None:
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)
    async with bench.running():
        await bench.until_live()
        spoke_at = bench.clock.now().mono
        await until(lambda: bench.states[-1].status is BookStatus.STALE, 60, 0.05)
        silent = bench.clock.now().mono - spoke_at
        await anyio.sleep(1)
    assert 9.9 < silent < 10.3
    assert bench.statuses()[2:4] == [(BookStatus.STALE, Reason.SILENCE), (BookStatus.SYNCING, Reason.SILENCE)]
    assert len(bench.network.connections) == 2


async def test_heartbeats_are_published_while_nothing_else_happens() -> None:
    bench = coinbase()
    bench.network.delay_seconds = 1e6
    async with bench.running():
        await anyio.sleep(31)
    assert [state.status for state in bench.states] == [BookStatus.SYNCING] * 7


async def test_the_last_word_is_given_when_the_feed_stops() -> None:
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)
    async with bench.running():
        await bench.until_live()
    assert bench.network.connection.closed_at is not None
    bench.feed.stop()
    assert bench.statuses()[-1] == (BookStatus.DISCONNECTED, Reason.SHUTDOWN)


# messages


async def test_messages_are_sent_in_order_and_never_faster_than_the_venue_takes_them() -> None:
    bench = binance(*(f"COIN{number}-USDT" for number in range(1000)))
    async with bench.running():
        await anyio.sleep(15)  # no stream speaks: after ten seconds each is asked for anew
        bench.network.connection.say(b'{"result":null,"id":0}')  # a connection that answers nothing is given up
        await anyio.sleep(10)
    (connection,) = bench.network.connections
    moments = [moment for moment, _ in connection.sent]
    assert len(moments) == 50, "ten messages subscribe, twice twenty renew"
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(moments))
    ids = [json.loads(message)["id"] for _, message in connection.sent]
    assert ids == sorted(ids)


async def test_messages_that_come_one_by_one_are_paced_as_well() -> None:
    bench = binance("A-B", settings=bounds(first_data_timeout_seconds=0.375))
    async with bench.running():
        await anyio.sleep(5)
    moments = [moment for moment, _ in bench.network.connection.sent]
    assert len(moments) > 10
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(moments))


async def test_messages_of_a_lost_connection_are_not_sent_over_the_next() -> None:
    bench = binance("A-B", settings=bounds(first_data_timeout_seconds=1.0))
    async with bench.running():
        await anyio.sleep(1.2)
        bench.network.connection.drop()
        await anyio.sleep(0.9)
    assert len(bench.network.connections) == 2
    assert [json.loads(message)["id"] for _, message in bench.network.connection.sent] == [1]


# fetching


def serve(last_id: int) -> Callable[[Request], bytes | RequestFailed]:
    return lambda _: binance_book(last_id, BIDS, ASKS)


async def test_a_snapshot_is_fetched_and_joined_to_the_stream() -> None:
    bench = binance()
    bench.network.answers = {"symbol=BTCUSDT": serve(100)}
    bench.network.on_connect = says(binance_event("BTCUSDT", 95, 103, [("100", "4")], []))
    async with bench.running():
        await bench.until_live()
    assert bench.states[-1].bids[0] == ("100", "4")
    assert [url for _, url in bench.network.requests] == ["http://127.0.0.1:9/api/v3/depth?symbol=BTCUSDT&limit=10"]


async def test_a_slow_answer_holds_up_no_frame() -> None:
    bench = binance("BTC-USDT", "ETH-USDT")
    bench.network.answers = {"symbol=ETHUSDT": serve(100)}
    bench.network.on_connect = says(
        binance_event("BTCUSDT", 101, 101, [], []), binance_event("ETHUSDT", 101, 101, [], [])
    )
    async with bench.running():
        await bench.until_live("binance:ETH-USDT")
        bench.network.connection.say(binance_event("ETHUSDT", 102, 102, [("100", "9")], []))
        await anyio.sleep(0.01)
        assert bench.rules.keys["binance:ETH-USDT"].last.bids[0] == ("100", "9")
    assert bench.network.cancelled == 1, "what is still awaited at the end is given up"


async def test_a_newer_request_replaces_an_older_one_of_the_same_instrument() -> None:
    bench = binance()
    bench.network.on_connect = says(binance_event("BTCUSDT", 101, 101, [], []))
    async with bench.running():
        await anyio.sleep(1)
        bench.network.connection.drop()
        await anyio.sleep(1)
        assert len(bench.network.requests) == 2
        assert bench.network.cancelled == 1


async def test_a_rate_limit_stops_all_requests_of_the_venue_for_as_long_as_it_says() -> None:
    def refused(request: Request) -> RequestFailed:
        return RequestFailed(request.url, "HTTP 429", reason=Reason.RATE_LIMITED, retry_after_seconds=20.0)

    bench = binance("BTC-USDT", "ETH-USDT")
    bench.network.answers = {"symbol=BTCUSDT": refused, "symbol=ETHUSDT": serve(100)}
    bench.network.on_connect = says(binance_event("BTCUSDT", 101, 101, [], []))
    async with bench.running():
        await anyio.sleep(1)
        assert bench.statuses()[-1] == (BookStatus.SYNCING, Reason.RATE_LIMITED)
        bench.network.answers = {"symbol": serve(100)}
        bench.network.connection.say(binance_event("ETHUSDT", 101, 101, [], []))
        await bench.until_live("binance:ETH-USDT")
        await bench.until_live("binance:BTC-USDT")
    first, second, third = (moment for moment, _ in bench.network.requests)
    assert second - first >= 20
    assert third - first >= 20


async def test_a_rate_limit_is_kept_for_no_longer_than_the_venue_says() -> None:
    bench = binance()
    refusal = RequestFailed("http://venue", "HTTP 429", reason=Reason.RATE_LIMITED, retry_after_seconds=20.0)
    bench.network.answers = {"symbol=BTCUSDT": lambda _: refusal}
    bench.network.on_connect = says(binance_event("BTCUSDT", 101, 101, [], []))
    async with bench.running():
        await anyio.sleep(30)
    first, second = (moment for moment, _ in bench.network.requests)
    assert 20.0 <= second - first < 20.2


async def test_a_rate_limit_that_comes_with_status_200_stops_all_requests_as_well() -> None:
    bench = Bench(OKX_SPOT, ["okx:BTC-USDT", "okx:ETH-USDT"])
    refusal, book = b'{"code":"50011","msg":"Too Many Requests","data":[]}', okx_book(100, BIDS, ASKS)
    bench.network.answers = {"instId=BTC-USDT": lambda _: refusal, "instId=ETH-USDT": lambda _: book}
    bench.network.on_connect = says(
        b'{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"}}', okx_frame("BTC-USDT", 99, 100, [], [])
    )
    async with bench.running():
        await anyio.sleep(1)
        bench.network.connection.say(
            b'{"event":"subscribe","arg":{"channel":"books","instId":"ETH-USDT"}}',
            okx_frame("ETH-USDT", 99, 100, [], []),
        )
        for _ in range(40):
            await anyio.sleep(2)
            bench.network.connection.say(b"pong")
    first, second = [moment for moment, _ in bench.network.requests][:2]
    assert 60.0 <= second - first < 61.0, "a minute where the venue gives no time"


async def test_the_venues_own_word_on_when_to_ask_again_is_obeyed_for_a_book_as_well() -> None:
    bench = binance()
    refusal = RequestFailed("http://venue", "HTTP 503", reason=Reason.UNAVAILABLE, retry_after_seconds=7.0)
    bench.network.answers = {"symbol=BTCUSDT": lambda _: refusal}
    bench.network.on_connect = says(binance_event("BTCUSDT", 101, 101, [], []))
    async with bench.running():
        await anyio.sleep(10)
    first, second = (moment for moment, _ in bench.network.requests)
    assert 7.0 <= second - first < 7.2


async def test_the_weight_that_others_have_used_is_waited_for() -> None:
    bench = binance("BTC-USDT", "ETH-USDT", settings=bounds(snapshot_limit=1000))
    bench.network.answers = {"symbol=BTCUSDT": serve(100), "symbol=ETHUSDT": serve(100)}
    bench.network.headers = {"x-mbx-used-weight-1m": "3001"}
    async with bench.running():
        await until(lambda: bench.network.connections, 5, 0.01)
        bench.network.connection.say(binance_event("BTCUSDT", 101, 101, [], []))
        await until(lambda: bench.network.requests, 5, 0.01)
        bench.network.connection.say(binance_event("ETHUSDT", 101, 101, [], []))
        await bench.until_live("binance:ETH-USDT")
    first, second = (moment for moment, _ in bench.network.requests)
    assert 0.9 < second - first < 1.1, "fifty of weight, at fifty a second, and nothing is saved"


# what an operator is told


def connected(bench: Bench) -> list[object]:
    return [fields.get("lost_before") for message, fields in bench.telemetry.notes if message == "connected"]


async def test_a_connection_that_is_back_is_said_to_be_once_for_each_loss() -> None:
    bench = coinbase()
    bench.network.on_connect = says(SNAPSHOT)
    async with bench.running():
        for _ in range(3):
            await bench.until_live()
            for number in range(1, 13):
                await anyio.sleep(4.95)
                beat = coinbase_frame(number, [{"heartbeat_counter": number}], "heartbeats")
                bench.network.connection.say(beat)
            bench.network.connection.drop()
            await anyio.sleep(1)
    assert connected(bench) == [None, 1, 1, 1]


async def test_a_connection_that_is_lost_again_and_again_is_not_said_to_be_back_each_time_but_in_the_end() -> None:
    bench = coinbase(reconnect=attrs.evolve(RECONNECT, max_backoff_seconds=0.5))
    bench.network.on_connect = lambda connection: connection.drop()
    async with bench.running():
        await anyio.sleep(172)
        assert len(bench.network.attempts) == 344
        said = connected(bench)
        assert len(said) == 3, "every minute"
        bench.network.on_connect = says(SNAPSHOT)
        await anyio.sleep(10)
    assert len(connected(bench)) == 4
    lost = [times for times in connected(bench) if isinstance(times, int)]
    assert sum(lost) == len(bench.network.connections) - 1, "none is left out"


async def test_attempts_that_fail_are_not_said_to_be_connected() -> None:
    bench = coinbase()
    bench.network.on_connect = refuse(Reason.UNAVAILABLE)
    async with bench.running():
        await anyio.sleep(35)
    assert connected(bench) == []


async def test_the_snapshots_of_many_instruments_are_spread_over_the_budget() -> None:
    bench = binance(*(f"COIN{number}-USDT" for number in range(100)), settings=bounds(snapshot_limit=1000))
    bench.network.answers = {"limit=1000": serve(100), "limit=100": serve(101)}
    bench.network.on_connect = says(*(binance_event(f"COIN{number}USDT", 101, 101, [], []) for number in range(100)))
    async with bench.running():
        await anyio.sleep(300)
    assert {(seen.last.status, seen.last.epoch) for seen in bench.rules.keys.values()} == {(BookStatus.LIVE, 1)}
    snapshots = [moment for moment, url in bench.network.requests if "limit=1000" in url]
    for start in snapshots:
        in_a_minute = sum(start <= moment < start + 60 for moment in snapshots)
        assert in_a_minute * 50 <= 3000 + 500


async def test_a_probe_that_is_not_answered_in_time_makes_the_book_stale() -> None:
    bench = binance(settings=bounds(stream_silence_seconds=15.0, probe_timeout_seconds=5.0))
    bench.network.answers = {"symbol=BTCUSDT": serve(100)}
    bench.network.on_connect = says(binance_event("BTCUSDT", 101, 101, [], []))
    async with bench.running():
        await bench.until_live()
        heard_at = bench.clock.now().mono
        bench.network.answers = {}
        await until(lambda: bench.states[-1].status is BookStatus.STALE, 60, 0.05)
        assert 19.9 < bench.clock.now().mono - heard_at < 20.5
        assert bench.states[-1].reason is Reason.SILENCE


# nothing is swallowed


async def test_a_bug_is_not_taken_for_a_lost_connection() -> None:
    class Bug(Exception):
        pass

    def fail(_: FakeConnection) -> None:
        raise Bug

    bench = coinbase()
    bench.network.on_connect = fail
    with pytest.RaisesGroup(Bug, flatten_subgroups=True):
        async with bench.running():
            await anyio.sleep(1)
    assert len(bench.network.attempts) == 1


# large frames

NO_TIME = "1970-01-01T00:00:00Z"
LARGE = coinbase_frame(
    0,
    [
        coinbase_event(
            "snapshot",
            "BTC-USD",
            [(f"{10_000 - number}", "1") for number in range(2000)],
            [(f"{10_001 + number}", "1") for number in range(2000)],
        )
    ],
)
"""Ten slices or so."""


async def test_others_have_their_turn_while_a_large_frame_is_read() -> None:
    bench, turns = coinbase(), 0
    async with bench.running():
        await until(lambda: bool(bench.network.connections), 10, 0.05)
        bench.network.connection.say(LARGE)
        while not any(state.status is BookStatus.LIVE for state in bench.states):
            await anyio.lowlevel.checkpoint()
            turns += 1
    assert turns > len(LARGE) / 49_252


async def test_frames_around_a_large_one_are_given_in_their_order() -> None:
    frames = [
        coinbase_frame(0, [{"heartbeat_counter": 1}], "heartbeats"),
        LARGE.replace(b'"sequence_num": 0', b'"sequence_num": 1').replace(b'"sequence_num":0', b'"sequence_num":1'),
        coinbase_frame(2, [coinbase_event("update", "BTC-USD", [("10000.5", "1")], [], NO_TIME)]),
        LARGE.replace(b'"sequence_num": 0', b'"sequence_num": 3').replace(b'"sequence_num":0', b'"sequence_num":3'),
        coinbase_frame(4, [coinbase_event("update", "BTC-USD", [("10000", "0")], [], NO_TIME)]),
    ]
    bench = coinbase()
    async with bench.running():
        await until(lambda: bool(bench.network.connections), 10, 0.05)
        bench.network.connection.say(*frames)
        await until(lambda: bench.states[-1].sequence == 4, 10, 0.05)
    live = [(state.sequence, state.bids[0][0]) for state in bench.states if state.status is BookStatus.LIVE]
    assert live == [(1, "10000"), (2, "10000.5"), (3, "10000"), (4, "9999")]
    assert bench.telemetry.warnings == []


async def test_a_connection_that_ends_while_its_large_frame_is_read_leaves_nothing_behind() -> None:
    bench = coinbase()
    async with bench.running():
        await until(lambda: bool(bench.network.connections), 10, 0.05)
        bench.network.connection.say(LARGE)
        bench.network.connection.drop()
        await until(lambda: len(bench.network.connections) == 2, 10, 0.05)
        bench.network.connection.say(LARGE)
        await until(lambda: bench.states[-1].epoch == 2, 10, 0.05)
    assert [status for status, _ in bench.statuses()] == [
        BookStatus.SYNCING,
        BookStatus.LIVE,
        BookStatus.DISCONNECTED,
        BookStatus.SYNCING,
        BookStatus.LIVE,
    ]


async def test_a_feed_that_ends_while_it_reads_a_large_frame_lets_the_next_one_read() -> None:
    turn = anyio.Lock()
    first, second = coinbase(large_frames=turn), coinbase(large_frames=turn)
    async with second.running():
        async with first.running():
            await until(lambda: bool(first.network.connections) and bool(second.network.connections), 10, 0.05)
            first.network.connection.say(LARGE)
            while not turn.locked():
                await anyio.lowlevel.checkpoint()
            second.network.connection.say(LARGE)
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            assert turn.statistics().tasks_waiting == 1, "one at a time"
        await second.until_live()
    assert not any(state.status is BookStatus.LIVE for state in first.states)


async def test_a_large_frame_that_waits_for_its_turn_is_not_late() -> None:
    turn = anyio.Lock()
    bench = coinbase(large_frames=turn)
    async with bench.running():
        await until(lambda: bool(bench.network.connections), 10, 0.05)
        async with turn:
            bench.network.connection.say(LARGE)
            await anyio.sleep(60)
        await bench.until_live()
    assert bench.telemetry.warnings == []
    assert bench.statuses() == [(BookStatus.SYNCING, None), (BookStatus.LIVE, None)]
    assert len(bench.network.connections) == 1

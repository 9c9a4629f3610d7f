"""What the project promises of real frames: one lost event is one gap and one rebuild, little knowledge is not shown.

``CAPTURE_POSITIONS`` says how many lost events are tried, spread over the recording: 25 by default, ``all`` for each
one. The oracle is the venue's own best prices and a naive rebuild.
"""

import json
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.captures import capture, lines
from tests.support.engines import book_engine
from tests.support.naive import NaiveBook, ladder
from tests.support.venues import (
    BINANCE,
    COINBASE,
    binance_book,
    binance_event,
    coinbase_event,
    coinbase_frame,
    instrument,
)

from market_data.application.core import FeedCore
from market_data.application.inputs import Fetched, Frames, Input, Opened, Output, Started, Ticked
from market_data.application.ports import Venue
from market_data.domain.effects import Fetch, Purpose, Reconnect
from market_data.domain.normalized import BookState, BookStatus, Reason

BOUNDS = bounds(depth=20, reseed_below_levels=100, snapshot_limit=1000, max_buffered_events=5000, heartbeat_seconds=1e9)
BINANCE_FILES = ("binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz")
COINBASE_FILE = "coinbase_advanced/rerendered_from_pro_20210417.gz"
WARM_EVENTS, AFTER_EVENTS = 4, 6
POSITIONS = os.environ.get("CAPTURE_POSITIONS", "25")


@attrs.define
class Watched:
    """A core and what it said last of each book; requests wait until somebody answers them."""

    venue: Venue
    keys: Sequence[str]
    settings: Any = BOUNDS
    silence: float = 1e9
    clock: HandClock = attrs.field(factory=HandClock)
    core: FeedCore = attrs.field(init=False)
    last: dict[str, BookState] = attrs.field(factory=dict)
    stands: list[tuple[BookStatus, Reason | None]] = attrs.field(factory=list)
    waiting: list[Fetch] = attrs.field(factory=list)
    asked: list[Purpose] = attrs.field(factory=list)
    reconnects: int = 0

    def __attrs_post_init__(self) -> None:
        books = [instrument(key) for key in self.keys]
        self.core = FeedCore(self.venue, books, self.settings, frame_silence_seconds=self.silence, books=book_engine())
        self.give(Started())
        self.give(Opened())

    def give(self, given: Input) -> list[Output]:
        outputs = self.core.handle(given, self.clock.moment)
        for output in outputs:
            if isinstance(output, BookState):
                self.last[output.key] = output
                if (output.status, output.reason) != (self.stands[-1] if self.stands else None):
                    self.stands.append((output.status, output.reason))
            elif isinstance(output, Fetch):
                self.waiting = [output]
                self.asked.append(output.purpose)
            elif isinstance(output, Reconnect):
                self.reconnects += 1
        return outputs

    def frame(self, frame: bytes, seconds: float = 0.1) -> None:
        self.give(Frames([frame]))
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.give(Ticked())


@attrs.define
class Recorded:
    """The Binance files: events in their order, the book after each, and the venue's best prices by id."""

    frames: list[bytes] = attrs.field(factory=list)
    events: list[dict[str, Any]] = attrs.field(factory=list)
    snapshot: dict[str, Any] = attrs.field(factory=dict)
    snapshot_before: int = 0
    """How many events came before the snapshot."""
    tickers: dict[int, dict[str, Any]] = attrs.field(factory=dict)

    @classmethod
    def load(cls) -> "Recorded":
        recorded = cls()
        for name in BINANCE_FILES:
            for line in lines(capture(name)):
                if line.startswith(b'{"lastUpdateId"'):
                    recorded.snapshot, recorded.snapshot_before = json.loads(line), len(recorded.events)
                elif b"@depth" in line[:40]:
                    recorded.frames.append(line)
                    recorded.events.append(json.loads(line)["data"])
                elif b"@bookTicker" in line[:40]:
                    ticker = json.loads(line)["data"]
                    recorded.tickers[ticker["u"]] = ticker
        return recorded

    def books(self) -> Iterator[tuple[int, NaiveBook]]:
        """Give the book after each event, the same one going on; events before the snapshot's id change nothing."""
        book = NaiveBook()
        book.replace(self.snapshot["bids"], self.snapshot["asks"])
        for event in self.events:
            if event["u"] > self.snapshot["lastUpdateId"]:
                book.apply(event["b"], event["a"])
            yield event["u"], book


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return Recorded.load()


def positions(first: int, last: int) -> list[int]:
    """Say which events are lost, spread evenly over the recording."""
    count = last - first if POSITIONS == "all" else min(int(POSITIONS), last - first)
    return [first + (last - first) * number // count for number in range(count)]


@pytest.mark.timeout(900)
def test_losing_any_one_event_is_exactly_one_gap_and_one_rebuild_and_the_oracle_agrees(recorded: Recorded) -> None:
    lost = set(positions(recorded.snapshot_before + 20, len(recorded.events) - AFTER_EVENTS - 1))
    running: dict[int, Watched] = {}
    finished = compared = ticked = 0
    for at, (last_id, book) in enumerate(recorded.books()):
        if at + WARM_EVENTS in lost:
            running[at + WARM_EVENTS] = Watched(BINANCE, ["binance:BTC-USDT"])
        top = None
        for gone, watched in list(running.items()):
            if at != gone:
                watched.frame(recorded.frames[at])
                while watched.waiting:
                    fetch = watched.waiting.pop()
                    watched.give(Fetched(fetch, binance_book(last_id, *book.top(fetch.levels))))
            state = watched.last["binance:BTC-USDT"]
            if state.is_live and at != gone:
                top = top or book.top(20)
                assert (ladder(state.bids), ladder(state.asks)) == (ladder(top[0]), ladder(top[1])), f"{gone} was lost"
                compared += 1
                ticked += _agrees(recorded.tickers.get(last_id), state)
            if at == gone + AFTER_EVENTS:
                assert watched.stands == [
                    (BookStatus.SYNCING, None),
                    (BookStatus.LIVE, None),
                    (BookStatus.GAP, Reason.SEQUENCE),
                    (BookStatus.LIVE, None),
                ], f"{gone} was lost"
                assert watched.asked.count(Purpose.SNAPSHOT) == 2
                assert state.epoch == 2
                del running[gone]
                finished += 1
    assert finished == len(lost)
    print(
        f"{finished} events lost one by one; {compared} live records true, {ticked} of them by the venue's own prices"
    )


def _agrees(ticker: dict[str, Any] | None, state: BookState) -> int:
    """Compare with the venue's best prices where it told them for this id; gives 1 where it did."""
    if ticker is None:
        return 0
    best = [Decimal(text) for text in (*state.bids[0], *state.asks[0])]
    assert best == [Decimal(ticker[field]) for field in ("b", "B", "a", "A")]
    return 1


def test_with_the_recorded_snapshot_alone_a_book_is_live_only_where_twenty_levels_are_known(recorded: Recorded) -> None:
    known = NaiveBook()
    known.replace(recorded.snapshot["bids"], recorded.snapshot["asks"], 1000)
    watched = Watched(BINANCE, ["binance:BTC-USDT"])
    comparable = shown = 0
    body = json.dumps(recorded.snapshot).encode()
    was_live = False
    for at, event in enumerate(recorded.events):
        if at == recorded.snapshot_before:
            watched.give(Fetched(watched.waiting.pop(), body))
        watched.frame(recorded.frames[at])
        if event["u"] > recorded.snapshot["lastUpdateId"]:
            known.apply(event["b"], event["a"])
        levels = min(len(known.bids.levels), len(known.asks.levels))
        comparable += event["u"] in recorded.tickers and levels >= 20
        state = watched.last["binance:BTC-USDT"]
        was_live |= state.is_live
        if state.is_live:
            assert levels >= 20
            shown += _agrees(recorded.tickers.get(event["u"]), state)
        elif was_live:
            assert (state.status, state.reason) == (BookStatus.GAP, Reason.DEPTH)
    print(f"{comparable} of {len(recorded.tickers)} ticks are comparable, {shown} were met live")
    assert comparable == 861
    assert 0 < shown <= comparable
    (fetch,) = watched.waiting
    assert fetch.purpose is Purpose.SNAPSHOT
    *_, (last_id, book) = recorded.books()
    watched.give(Fetched(fetch, binance_book(last_id, *book.top(1000))))
    bids, asks = book.top(1)
    watched.frame(binance_event("BTCUSDT", last_id + 1, last_id + 1, bids, asks))
    assert watched.last["binance:BTC-USDT"].is_live


def test_the_second_file_alone_without_a_snapshot_is_never_live() -> None:
    watched = Watched(BINANCE, ["binance:BTC-USDT"])
    for line in lines(capture(BINANCE_FILES[1])):
        if b"@depth" in line[:40]:
            watched.frame(line)
    assert watched.stands == [(BookStatus.SYNCING, None)]
    assert watched.waiting


@pytest.mark.parametrize("which", [1, 15, -2])
def test_losing_one_real_heartbeat_is_a_gap_of_its_connection_at_the_next_frame(which: int) -> None:
    frames = lines(capture(COINBASE_FILE))
    lost = [at for at, frame in enumerate(frames) if b'"channel":"heartbeats"' in frame[:60]][which]
    products = sorted(
        {event["product_id"] for frame in frames[:40] for event in json.loads(frame)["events"] if "product_id" in event}
    )
    watched = Watched(COINBASE, [f"coinbase:{product}" for product in products])
    watched.give(Frames(frames[:lost]))
    assert {state.status for state in watched.last.values()} == {BookStatus.LIVE}
    watched.give(Frames(frames[lost + 1 : lost + 2]))
    stands = {(state.status, state.reason) for state in watched.last.values()}
    assert stands == {(BookStatus.GAP, Reason.SEQUENCE)}
    assert watched.reconnects == 1


BIDS, ASKS = [("100", "1"), ("99", "1")], [("101", "1"), ("102", "1")]


def test_a_symbol_without_any_update_for_ten_minutes_stays_live_and_is_probed() -> None:
    watched = Watched(BINANCE, ["binance:BTC-USDT"], settings=bounds())
    watched.give(Frames([b'{"result":null,"id":1}']))
    for _ in range(6 * 600):
        while watched.waiting:
            fetch = watched.waiting.pop()
            watched.give(Fetched(fetch, binance_book(500, BIDS, ASKS)))
        watched.wait(1 / 6)
    assert watched.stands == [(BookStatus.SYNCING, None), (BookStatus.LIVE, None)]
    assert watched.asked.count(Purpose.PROBE) >= 600 // 15 - 1


@pytest.mark.parametrize("exchange", ["binance", "coinbase"])
def test_a_stream_cut_off_while_all_else_goes_on_is_stale_within_its_bound(exchange: str) -> None:
    is_binance = exchange == "binance"
    keys = [f"{exchange}:{base}-{'USDT' if is_binance else 'USD'}" for base in ("BTC", "ETH")]
    watched = Watched(BINANCE if is_binance else COINBASE, keys, settings=bounds(), silence=10.0)
    number = 0

    def say(key: str, kind: str, size: str) -> bytes:
        nonlocal number
        number += 1
        book = instrument(key)
        bids = [("100", size), *BIDS[1:]]
        if is_binance:
            return binance_event(book.native, number, number, bids, [], 1_700_000_000_000 + number)
        return coinbase_frame(number - 1, [coinbase_event(kind, book.native, bids, ASKS)])

    if is_binance:
        watched.give(Frames([b'{"result":null,"id":1}']))
        for fetch in [Fetch(instrument(key), Purpose.SNAPSHOT, 10, 1) for key in keys]:
            watched.give(Fetched(fetch, binance_book(0, BIDS, ASKS)))
    watched.waiting.clear()
    for key in keys:
        number = 0 if is_binance else number
        watched.give(Frames([say(key, "snapshot", "1")]))
    assert all(state.is_live for state in watched.last.values())
    cut_at, eth = watched.clock.moment.mono, 1
    while watched.last[keys[0]].is_live:
        while watched.waiting:
            fetch = watched.waiting.pop()
            body = binance_book(9, [("100", "7")], ASKS) if is_binance else _product_book(fetch, "7")
            watched.give(Fetched(fetch, body))
        watched.wait(0.25)
        if round(watched.clock.moment.mono * 4) % 4 == 0:
            eth += 1
            number = eth - 1 if is_binance else number
            watched.give(Frames([say(keys[1], "update", str(eth))]))
        assert watched.clock.moment.mono - cut_at < 17.0, "15 s of silence, then a second to be heard"
    state = watched.last[keys[0]]
    assert (state.status, state.reason) == (BookStatus.STALE, Reason.SILENCE)
    assert watched.clock.moment.mono - cut_at > 15.0
    other = watched.last[keys[1]]
    if is_binance:
        assert other.is_live
    else:  # its connection is closed for the silent one
        assert (other.status, other.reason) == (BookStatus.DISCONNECTED, Reason.CONNECTION)


def _product_book(fetch: Fetch, size: str) -> bytes:
    bids, asks = ([{"price": price, "size": text} for price, text in side] for side in ([("100", size)], ASKS))
    book = {"product_id": fetch.instrument.native, "bids": bids, "asks": asks}
    return json.dumps({"pricebook": book}).encode()

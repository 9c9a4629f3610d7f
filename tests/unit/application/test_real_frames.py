"""Real frames through the core, against a naive rebuild of them and, for Binance, the venue's own best prices.

Binance numbers its book tickers like its changes: a ticker with the id of the event just applied says what the best
levels must be. Levels beyond the recorded snapshot are not known to be the venue's; where a book is served from the
naive rebuild, that book counts as the truth.
"""

from collections.abc import Callable, Sequence
from random import Random

import attrs
import msgspec
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.captures import capture, excerpt, lines
from tests.support.engines import book_engine
from tests.support.naive import NaiveBook
from tests.support.raw import tuples
from tests.support.rules import RecordRules
from tests.support.venues import BINANCE, COINBASE, binance_book, instrument

from market_data.application.core import FeedCore
from market_data.application.inputs import Fetched, FetchFailed, Frames, Input, Opened, Started, Ticked
from market_data.application.ports import Venue
from market_data.domain.effects import Fetch, Purpose, Reconnect
from market_data.domain.events import Change, Snapshot
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import BookState, BookStatus, Reason

BTC = instrument("binance:BTC-USDT")
BOUNDS = bounds(depth=20, reseed_below_levels=100, snapshot_limit=1000, max_buffered_events=5000)


class _Ticker(msgspec.Struct):
    u: int
    b: str
    B: str
    a: str
    A: str


class _TickerFrame(msgspec.Struct):
    data: _Ticker


_decode_ticker = msgspec.json.Decoder(_TickerFrame).decode
_session = BINANCE.session([BTC])


@attrs.frozen
class Recording:
    """What the Binance files hold: changes and one snapshot in their order, and the tickers by their id."""

    entries: Sequence[tuple[Change | None, bytes]]
    """A change as read and as it came; None where the line is the snapshot."""
    tickers: dict[int, _Ticker]

    @classmethod
    def load(cls, *names: str) -> "Recording":
        entries: list[tuple[Change | None, bytes]] = []
        tickers: dict[int, _Ticker] = {}
        for name in names:
            for line in lines(capture(f"binance_spot/{name}.gz")):
                if line.startswith(b'{"lastUpdateId"'):
                    entries.append((None, line))
                elif b"@depth" in line[:40]:
                    (change,) = _session.read(line)
                    assert isinstance(change, Change)
                    entries.append((change, line))
                elif b"@bookTicker" in line[:40]:
                    ticker = _decode_ticker(line).data
                    tickers[ticker.u] = ticker
        return cls(entries, tickers)


@pytest.fixture(scope="module")
def both() -> Recording:
    return Recording.load("btcusdt_20240808", "btcusdt_20240809")


@attrs.define
class Rebuild:
    """The book as the recording tells it, kept naively."""

    book: NaiveBook = attrs.field(factory=NaiveBook)
    last_id: int | None = None
    waiting: list[Change] = attrs.field(factory=list)

    def take(self, change: Change) -> None:
        if self.last_id is None:
            self.waiting.append(change)
        elif change.last_id > self.last_id:
            assert change.first_id <= self.last_id + 1, "the recording has no hole"
            self.book.apply(tuples(change.bids), tuples(change.asks))
            self.last_id = change.last_id

    def start(self, snapshot: Snapshot) -> None:
        self.book.replace(tuples(snapshot.bids), tuples(snapshot.asks))
        self.last_id = snapshot.sequence
        for change in self.waiting:
            self.take(change)

    def body(self, levels: int) -> bytes:
        """Answer a request for the book as it now is."""
        assert self.last_id is not None
        return binance_book(self.last_id, *self.book.top(levels))


@attrs.define
class Bench:
    """A core, the last record of each book, and what is answered when a book is asked for; None: nothing yet."""

    serve: Callable[[Fetch], bytes | None]
    venue: Venue = BINANCE
    instruments: Sequence[Instrument] = (BTC,)
    clock: HandClock = attrs.field(factory=HandClock)
    core: FeedCore = attrs.field(init=False)
    rules: RecordRules = attrs.field(factory=lambda: RecordRules(BOUNDS.depth, BOUNDS.heartbeat_seconds))
    statuses: list[str] = attrs.field(factory=list)
    purposes: list[Purpose] = attrs.field(factory=list)
    unanswered: list[Fetch] = attrs.field(factory=list)
    reconnects: list[Reason] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.core = FeedCore(self.venue, self.instruments, BOUNDS, frame_silence_seconds=1e9, books=book_engine())
        self.give(Started())
        self.give(Opened())

    def give(self, given: Input) -> None:
        pending: list[Input] = [given]
        while pending:
            for output in self.core.handle(pending.pop(0), self.clock.moment):
                if isinstance(output, BookState):
                    self.rules.take(output, self.clock.moment)
                    status = f"{output.status} {output.reason or ''}".strip()
                    if [status] != self.statuses[-1:]:
                        self.statuses.append(status)
                elif isinstance(output, Reconnect):
                    self.reconnects.append(output.reason)
                elif isinstance(output, Fetch):
                    self.purposes.append(output.purpose)
                    body = self.serve(output)
                    if body is None:
                        self.unanswered.append(output)
                    else:
                        pending.append(Fetched(output, body))

    def frame(self, frame: bytes) -> None:
        self.give(Frames([frame]))

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.give(Ticked())

    @property
    def last(self) -> BookState:
        (seen,) = self.rules.keys.values()
        return seen.last


def test_the_real_frames_make_the_book_of_a_naive_rebuild_at_every_id_and_the_venues_own_best_prices(
    both: Recording,
) -> None:
    rebuild = Rebuild()
    bench = Bench(lambda fetch: None if rebuild.last_id is None else rebuild.body(fetch.levels))
    compared = agreed = 0
    for change, line in both.entries:
        if change is None:
            rebuild.start(BINANCE.read_book(BTC, 1000, line))
            bench.give(Fetched(bench.unanswered.pop(), line))
        else:
            rebuild.take(change)
            bench.frame(line)
            bench.pass_time(0.1)
        if rebuild.last_id is None or not bench.last.is_live:
            continue
        assert (bench.last.bids, bench.last.asks) == rebuild.book.top(20)
        ticker = both.tickers.get(rebuild.last_id)
        if ticker is not None and change is not None:
            compared += 1
            agreed += (bench.last.bids[0], bench.last.asks[0]) == ((ticker.b, ticker.B), (ticker.a, ticker.A))
    print(f"{agreed} of {compared} comparable book tickers agree")
    assert (compared, agreed) == (1072, 1072)
    assert bench.statuses == ["syncing", "live"]
    assert (bench.last.epoch, bench.last.sequence) == (1, rebuild.last_id)
    assert set(bench.purposes) == {Purpose.SNAPSHOT, Purpose.RESEED}


def test_losing_any_one_event_is_one_gap_and_one_rebuild(both: Recording) -> None:
    changes = [(change, line) for change, line in both.entries if change is not None]
    positions = sorted(Random(20240808).sample(range(100, len(changes) - 100), 20))
    rebuild = Rebuild()
    (snapshot,) = (line for change, line in both.entries if change is None)
    benches: dict[int, Bench] = {}
    finished = 0
    for at, (change, line) in enumerate(changes):
        rebuild.take(change)
        if at == 10:
            rebuild.start(BINANCE.read_book(BTC, 1000, snapshot))
        if at + 30 in positions:
            benches[at + 30] = Bench(lambda fetch: rebuild.body(fetch.levels))
        for lost, bench in list(benches.items()):
            if at == lost:
                continue
            bench.frame(line)
            bench.pass_time(0.1)
            if bench.last.is_live:
                assert bench.last.sequence is not None
                assert (bench.last.bids, bench.last.asks) == rebuild.book.top(20)
            if at == lost + 1:
                assert bench.statuses == ["syncing", "live", "gap sequence"]
            if at == lost + 60:
                assert bench.statuses == ["syncing", "live", "gap sequence", "live"]
                assert bench.last.epoch == 2
                assert bench.purposes.count(Purpose.SNAPSHOT) == 2
                del benches[lost]
                finished += 1
    assert finished == len(positions)


def test_frames_without_any_snapshot_are_never_live() -> None:
    recording = Recording.load("btcusdt_20240809")
    bench = Bench(lambda _: None)
    for _, line in recording.entries:
        bench.frame(line)
        if bench.unanswered:
            bench.give(FetchFailed(bench.unanswered.pop(), Reason.UNAVAILABLE))
        bench.pass_time(0.1)
    assert bench.statuses == ["syncing", "syncing unavailable"]
    assert len(bench.purposes) > 10


def test_with_the_recorded_snapshot_alone_the_book_leaves_live_before_too_little_is_known(both: Recording) -> None:
    rebuild, known = Rebuild(), NaiveBook()
    is_more_served = False
    recorded: bytes | None = None

    def serve(fetch: Fetch) -> bytes | None:
        return rebuild.body(fetch.levels) if is_more_served else recorded

    bench = Bench(serve)
    compared = least_known = 0
    for at, (change, line) in enumerate(both.entries):
        if change is None:
            snapshot, recorded = BINANCE.read_book(BTC, 1000, line), line
            rebuild.start(snapshot)
            known.replace(tuples(snapshot.bids), tuples(snapshot.asks), 1000)
            for waiting in rebuild.waiting:
                known.apply(tuples(waiting.bids), tuples(waiting.asks))
            bench.give(Fetched(bench.unanswered.pop(), line))
            continue
        rebuild.take(change)
        known.apply(tuples(change.bids), tuples(change.asks))
        bench.frame(line)
        bench.pass_time(0.1)
        if rebuild.last_id is None:
            continue
        levels = min(len(known.bids.levels), len(known.asks.levels))
        if bench.last.is_live and not is_more_served:
            assert levels >= 20
            least_known = levels
            ticker = both.tickers.get(rebuild.last_id)
            if ticker is not None:
                compared += 1
                assert (bench.last.bids[0], bench.last.asks[0]) == ((ticker.b, ticker.B), (ticker.a, ticker.A))
        if bench.statuses[-1] == "gap depth" and least_known:
            assert levels < 20
            print(f"left live at {levels} known levels; {compared} book tickers agree until then")
            least_known = 0
        is_more_served = at > 4000
    assert bench.statuses == ["syncing", "live", "gap depth", "live"]
    assert (bench.last.bids, bench.last.asks) == rebuild.book.top(20)
    assert compared > 300


def _naive_coinbase(path_lines: Sequence[bytes], lost: int | None = None) -> tuple[Bench, int]:
    """Play frames of ten products into the core; compare every book with a naive one at every number."""
    reader = COINBASE.session([])
    natives: dict[str, NaiveBook] = {}
    for line in path_lines:
        for event in reader.read(line):
            if isinstance(event, Snapshot):
                natives.setdefault(event.native, NaiveBook())
    bench = Bench(lambda _: None, venue=COINBASE, instruments=[instrument(f"coinbase:{native}") for native in natives])
    compared = 0
    for number, line in enumerate(path_lines):
        if number == lost:
            continue
        bench.frame(line)
        bench.pass_time(0.003)
        touched: set[str] = set()
        for event in reader.read(line):
            if isinstance(event, Snapshot):
                natives[event.native].replace(tuples(event.bids), tuples(event.asks))
            elif isinstance(event, Change):
                natives[event.native].apply(tuples(event.bids), tuples(event.asks))
            else:
                continue
            touched.add(event.native)
        for native in touched:
            seen = bench.rules.keys[f"coinbase:{native}"].last
            if seen.is_live:
                compared += 1
                assert (seen.bids, seen.asks) == natives[native].top(20)
    return bench, compared


def test_real_books_of_ten_products_are_those_of_a_naive_rebuild_at_every_number() -> None:
    bench, compared = _naive_coinbase(lines(capture("coinbase_advanced/rerendered_from_pro_20210417.gz")))
    assert compared == 9729
    assert {seen.last.status for seen in bench.rules.keys.values()} == {BookStatus.LIVE}
    assert {seen.last.epoch for seen in bench.rules.keys.values()} == {1}
    assert bench.reconnects == []


@pytest.mark.parametrize("channel", ["heartbeats", "subscriptions", "l2_data"])
def test_losing_one_real_frame_of_any_channel_is_a_gap_of_the_whole_connection(channel: str) -> None:
    frames = lines(capture("coinbase_advanced/rerendered_from_pro_20210417.gz"))[:1200]
    lost = max(number for number, frame in enumerate(frames[:1100]) if f'"channel":"{channel}"'.encode() in frame[:60])
    bench, _ = _naive_coinbase(frames[: lost + 50], lost)
    assert {(seen.last.status, seen.last.reason) for seen in bench.rules.keys.values()} == {
        (BookStatus.GAP, Reason.SEQUENCE)
    }
    assert bench.reconnects == [Reason.SEQUENCE]


def test_the_small_excerpts_go_live_and_agree_without_the_captures_beside_the_repository() -> None:
    bench, compared = _naive_coinbase(lines(excerpt("coinbase_ten_products_excerpt.gz")))
    assert compared > 380
    assert bench.reconnects == []
    rebuild = Rebuild()
    binance = Bench(lambda _: None)
    for line in lines(excerpt("binance_btcusdt_excerpt.gz")):
        if line.startswith(b'{"lastUpdateId"'):
            rebuild.start(BINANCE.read_book(BTC, 1000, line))
            binance.give(Fetched(binance.unanswered.pop(), line))
            continue
        for change in _session.read(line):
            assert isinstance(change, Change)
            rebuild.take(change)
            binance.frame(line)
            if binance.last.is_live:
                assert (binance.last.bids, binance.last.asks) == rebuild.book.top(20)
    assert binance.statuses == ["syncing", "live"]

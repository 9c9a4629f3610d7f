"""Binance books against an adversary who drops, doubles, swaps, delays and damages whatever he can.

Whatever he does, a record that says ``live`` shows the true book of its sequence, and once he leaves, every book
becomes live again and true.
"""

import json

import attrs
from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.bounds import HandClock, bounds
from tests.support.effort import effort
from tests.support.engines import book_engine
from tests.support.rules import RecordRules
from tests.support.truth import TrueBook
from tests.support.venues import BINANCE, binance_book, binance_event, instrument

from market_data.application.core import FeedCore
from market_data.application.inputs import (
    Closed,
    Fetched,
    FetchFailed,
    Frames,
    Input,
    Opened,
    Output,
    Send,
    Started,
    Stopped,
    Ticked,
    Unopened,
)
from market_data.domain.effects import Fetch, Reconnect
from market_data.domain.errors import MalformedFrame
from market_data.domain.events import Change
from market_data.domain.normalized import BookState, BookStatus, Reason

BOUNDS = bounds(audit_seconds=60.0)
KEYS = ("binance:BTC-USDT", "binance:ETH-USDT")
KEPT_FRAMES = 40


@attrs.define
class World:
    """The venue, the wire, and the core in between."""

    books: dict[str, TrueBook]
    clock: HandClock = attrs.field(factory=HandClock)
    rules: RecordRules = attrs.field(factory=lambda: RecordRules(BOUNDS.depth, BOUNDS.heartbeat_seconds))
    core: FeedCore = attrs.field(init=False)
    wire: list[bytes] = attrs.field(factory=list)
    fetches: list[Fetch] = attrs.field(factory=list)
    subscribed: set[str] = attrs.field(factory=set)
    sent_upto: dict[str, int] = attrs.field(factory=dict)
    shown: dict[str, int] = attrs.field(factory=dict)
    is_open: bool = False
    statuses: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.core = FeedCore(
            BINANCE, [instrument(key) for key in KEYS], BOUNDS, frame_silence_seconds=10.0, books=book_engine()
        )
        self.give(Started())

    @classmethod
    def of(cls, seed: int) -> "World":
        first_ids = {"BTCUSDT": 1000, "ETHUSDT": 5_000_000_000}
        return cls({native: TrueBook(seed, first_id=first_id) for native, first_id in first_ids.items()})

    # the core's side

    def give(self, given: Input) -> None:
        closes = False
        for output in self.core.handle(given, self.clock.moment):
            self.check(output)
            match output:
                case Fetch():
                    self.fetches = [*self.fetches[-5:], output]
                case Send(messages):
                    for message in messages:
                        self.hear(message)
                case Reconnect():
                    closes = True
        live = [key for key, seen in self.rules.keys.items() if seen.last.is_live]
        assert len(live) == self.core.live, "each change of status is published at once"
        if closes and self.is_open:
            self.drop_connection()
            self.give(Closed(Reason.CONNECTION, is_ours=True))

    def check(self, output: Output) -> None:
        if not isinstance(output, BookState):
            return
        self.rules.take(output, self.clock.moment)
        self.statuses.add(f"{output.status} {output.reason or ''}")
        if output.is_live:
            assert output.sequence is not None
            native = output.symbol.replace("-", "")
            truth = self.books[native].snapshot(output.sequence, BOUNDS.depth)
            assert (output.bids, output.asks) == truth, "a live record shows the true book of its sequence"
            assert output.sequence >= self.shown.get(native, 0), "a live record is not older than the stream"

    # the venue's side

    def hear(self, message: str) -> None:
        request = json.loads(message)
        natives = [stream.partition("@")[0].upper() for stream in request["params"]]
        for native in natives:
            if request["method"] == "SUBSCRIBE":
                self.subscribed.add(native)
                self.sent_upto[native] = self.books[native].last_id
            else:
                self.subscribed.discard(native)
        self.wire.append(json.dumps({"result": None, "id": request["id"]}).encode())

    def emit(self, native: str) -> None:
        """Put all that changed since the last event on the wire."""
        book = self.books[native]
        if native in self.subscribed and book.last_id > self.sent_upto[native]:
            first = self.sent_upto[native] + 1
            bids, asks = book.changes(first, book.last_id)
            self.wire.append(binance_event(native, first, book.last_id, bids, asks))
            self.sent_upto[native] = book.last_id

    def answer(self, fetch: Fetch, age: int) -> None:
        book = self.books[fetch.instrument.native]
        at_id = max(book.first_id, book.last_id - age)
        self.give(Fetched(fetch, binance_book(at_id, *book.snapshot(at_id, fetch.levels))))

    def deliver(self, count: int) -> None:
        frames, self.wire = self.wire[:count], self.wire[count:]
        if not (frames and self.is_open):
            return
        self.give(Frames(frames))
        for frame in frames:
            for change in _changes(frame):
                self.shown[change.native] = max(self.shown.get(change.native, 0), change.last_id)

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)
            self.give(Ticked())
            self.rules.check_heartbeats(self.clock.moment)

    def connect(self) -> None:
        self.is_open = True
        self.shown.clear()
        self.give(Opened())

    def drop_connection(self) -> None:
        self.is_open = False
        self.wire.clear()
        self.subscribed.clear()

    def calm(self, seconds: float) -> None:
        """Be a good venue and a good network for a while."""
        until = self.clock.moment.mono + seconds
        while self.clock.moment.mono < until:
            if not self.is_open:
                self.connect()
            for native, book in self.books.items():
                book.uncross()
                book.move(2)
                self.emit(native)
            self.deliver(len(self.wire))
            waiting, self.fetches = self.fetches, []
            for fetch in waiting:
                self.answer(fetch, 0)
            self.pass_time(0.5)
        self.deliver(len(self.wire))


def _changes(frame: bytes) -> list[Change]:
    try:
        return [event for event in BINANCE.session([]).read(frame) if isinstance(event, Change)]
    except MalformedFrame:
        return []


natives = st.sampled_from(["BTCUSDT", "ETHUSDT"])
places = st.integers(0, KEPT_FRAMES)


class BinanceCampaign(RuleBasedStateMachine):
    """Each rule is one thing that may happen next."""

    world: World

    @initialize(seed=st.integers(0, 10_000), calm_seconds=st.sampled_from([0, 2, 2, 5]))
    def begin(self, seed: int, calm_seconds: int) -> None:
        self.world = World.of(seed)
        self.world.calm(calm_seconds)

    @rule(native=natives, changes=st.integers(1, 6), is_wild=st.booleans())
    def market_moves(self, native: str, changes: int, *, is_wild: bool) -> None:
        for _ in range(2):
            self.world.books[native].move(changes, is_wild=is_wild)
            self.world.emit(native)

    @rule(native=natives)
    def market_moves_far(self, native: str) -> None:
        for _ in range(5):
            self.world.books[native].move(4, is_wild=True)
            self.world.emit(native)

    @rule(native=natives, is_over=st.sampled_from([True, True, False]))
    def market_crosses(self, native: str, *, is_over: bool) -> None:
        book = self.world.books[native]
        if is_over:
            book.uncross()
        else:
            book.cross()
        self.world.emit(native)

    @rule(count=st.integers(1, 8))
    def frames_arrive(self, count: int) -> None:
        self.world.deliver(count)

    @rule(
        fault=st.sampled_from(["lost", "lost", "doubled", "out of order", "truncated", "no number", "garbage"]),
        at=places,
        to=places,
    )
    def frame_suffers(self, fault: str, at: int, to: int) -> None:
        wire = self.world.wire
        if not wire:
            return
        at, to = at % len(wire), to % len(wire)
        frame = wire.pop(at)
        match fault:
            case "doubled":
                wire.insert(at, frame)
                wire.insert(to, frame)
            case "out of order":
                wire.insert(to, frame)
            case "truncated":
                wire.insert(at, frame[: to * 10 % (len(frame) + 1)])
            case "no number":
                wire.insert(at, frame.replace(b".0000", b".0x00", 1 + to % 3))
            case "garbage":
                wire.insert(at, bytes([to]) * 5)

    @rule(
        how=st.sampled_from(
            ["now", "now", "now", "old", "very old", "twice", "failed", "refused for a while", "garbage"]
        ),
        at=places,
    )
    def venue_answers(self, how: str, at: int) -> None:
        world = self.world
        if not world.fetches:
            return
        fetch = world.fetches.pop(at % len(world.fetches))
        match how:
            case "old":
                world.answer(fetch, 1 + at % 8)
            case "very old":
                world.answer(fetch, 1000)
            case "failed":
                world.give(FetchFailed(fetch, Reason.UNAVAILABLE, None))
            case "refused for a while":
                world.give(FetchFailed(fetch, Reason.RATE_LIMITED, 3.0))
            case "garbage":
                world.give(Fetched(fetch, (b"", b"{}", b'{"lastUpdateId":1}', b"<html>", b"\xff\xfe")[at % 5]))
            case _:
                world.answer(fetch, 0)
                if how == "twice":
                    world.answer(fetch, 0)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.25, 6, 16]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(reason=st.sampled_from([Reason.CONNECTION, Reason.SILENCE, Reason.MALFORMED]), comes_back=st.booleans())
    def connection_is_lost(self, reason: Reason, *, comes_back: bool) -> None:
        if self.world.is_open:
            self.world.drop_connection()
            self.world.give(Closed(reason))
        else:
            self.world.give(Unopened(Reason.UNAVAILABLE))
        if comes_back:
            self.world.connect()

    @precondition(lambda self: not self.world.is_open)
    @rule()
    def connection_opens(self) -> None:
        self.world.connect()

    @precondition(lambda self: self.world.is_open)
    @rule(
        frame=st.sampled_from(
            [
                b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
                b'{"code":2,"msg":"Invalid request","id":1}',
                b'{"result":null,"id":77}',
                b'{"stream":"btcusdt@trade","data":{"e":"trade"}}',
                b'{"stream":"xrpusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"XRPUSDT","U":1,"u":2,"b":[],"a":[]}}',
            ]
        )
    )
    def something_else_is_said(self, frame: bytes) -> None:
        self.world.give(Frames([frame]))

    @precondition(lambda self: self.world.is_open)
    @rule(native=natives)
    def stream_dies_unnoticed(self, native: str) -> None:
        self.world.subscribed.discard(native)

    @rule(seconds=st.sampled_from([2, 5]))
    def trouble_pauses(self, seconds: float) -> None:
        self.world.calm(seconds)

    @invariant()
    def wire_is_bounded(self) -> None:
        del self.world.wire[KEPT_FRAMES:]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.calm(45)
        for status in world.statuses:
            event(status)
        assert world.core.live == len(KEYS), "once the trouble is over, every book becomes live"
        for key, seen in world.rules.keys.items():
            book = world.books[instrument(key).native]
            assert (seen.last.bids, seen.last.asks) == book.snapshot(book.last_id, BOUNDS.depth)
        world.give(Stopped())
        for seen in world.rules.keys.values():
            assert (seen.last.status, seen.last.reason) == (BookStatus.DISCONNECTED, Reason.SHUTDOWN)


TestBinanceCampaign = BinanceCampaign.TestCase
TestBinanceCampaign.settings = effort(80, steps=50)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 12), min_size=5, max_size=40), st.booleans())
def test_a_good_network_and_a_moving_market_never_take_a_book_out_of_live(
    seed: int,
    moves: list[int],
    is_wild: bool,  # noqa: FBT001 - drawn
) -> None:
    world = World.of(seed)
    world.calm(2)
    for count in moves:
        for native, book in world.books.items():
            book.move(count, is_wild=is_wild)
            world.emit(native)
        world.deliver(3)
        world.pass_time(0.25)
        world.deliver(len(world.wire))
        waiting, world.fetches = world.fetches, []
        for fetch in waiting:
            world.answer(fetch, count // 2)
    assert {status for status in world.statuses if not status.startswith("gap depth")} == {"syncing ", "live "}
    assert world.core.live == len(KEYS) or "gap depth" in world.statuses

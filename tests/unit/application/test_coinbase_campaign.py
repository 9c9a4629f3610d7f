"""Coinbase books against an adversary: two connections, whose frames he drops, doubles, swaps, delays and damages.

Whatever he does, a record that says ``live`` shows the true book of its frame, no connection's trouble touches the
other, and once he leaves, every book becomes live again and true.
"""

import json
from decimal import Decimal

import attrs
from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.support.bounds import HandClock, bounds
from tests.support.effort import effort
from tests.support.engines import book_engine
from tests.support.rules import RecordRules
from tests.support.truth import TrueBook
from tests.support.venues import COINBASE, coinbase_event, coinbase_frame, instrument

from market_data.application.core import FeedCore
from market_data.application.inputs import (
    Closed,
    Fetched,
    FetchFailed,
    Frames,
    HandOver,
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
from market_data.domain.normalized import BookState, BookStatus, Level, Levels, Reason

BOUNDS = bounds()
CONNECTIONS = (("BTC-USD", "ETH-USD"), ("SOL-USD",))
KEPT_FRAMES = 40


def plain(levels: Levels) -> Levels:
    """Write levels as this venue does: without trailing zeros."""
    return tuple((_plain(price), _plain(size)) for price, size in levels)


def _plain(text: str) -> str:
    return format(Decimal(text).normalize(), "f")


@attrs.define
class Line:
    """One connection: what the venue has sent over it, and where the client's core stands."""

    core: FeedCore
    wire: list[bytes] = attrs.field(factory=list)
    number: int = 0
    subscribed: set[str] = attrs.field(factory=set)
    is_open: bool = False
    has_heartbeats: bool = False
    held: dict[tuple[str, int], int] = attrs.field(factory=dict)
    """Which state of its book each frame of this connection left a product in."""
    sent_upto: dict[str, int] = attrs.field(factory=dict)

    def send(self, channel: str, *events: dict[str, object]) -> None:
        self.wire.append(coinbase_frame(self.number, events, channel))
        self.number += 1


def _line(*natives: str) -> Line:
    instruments = [instrument(f"coinbase:{native}") for native in natives]
    return Line(FeedCore(COINBASE, instruments, BOUNDS, frame_silence_seconds=10.0, books=book_engine()))


@attrs.define
class World:
    """The venue, its connections, and a core at the end of each."""

    books: dict[str, TrueBook]
    clock: HandClock = attrs.field(factory=HandClock)
    rules: RecordRules = attrs.field(factory=lambda: RecordRules(BOUNDS.depth, BOUNDS.heartbeat_seconds))
    lines: list[Line] = attrs.field(init=False)
    fetches: list[tuple[Line, Fetch]] = attrs.field(factory=list)
    statuses: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.lines = [_line(*natives) for natives in CONNECTIONS]
        for line in self.lines:
            self.give(line, Started())

    @classmethod
    def of(cls, seed: int) -> "World":
        return cls({native: TrueBook(seed, first_id=0) for natives in CONNECTIONS for native in natives})

    # the cores' side

    def give(self, line: Line, given: Input) -> None:
        closes = False
        for output in line.core.handle(given, self.clock.moment):
            self.check(line, output)
            match output:
                case Fetch():
                    self.fetches = [*self.fetches[-5:], (line, output)]
                case Send(messages):
                    for message in messages:
                        self.hear(line, json.loads(message))
                case Reconnect():
                    closes = True
                case HandOver(moving, standing):
                    alone = _line(moving.native)
                    alone.core.resume((standing,))
                    self.lines.append(alone)
                    self.give(alone, Started())
        keys = [each.key for each in line.core.instruments]
        live = [key for key in keys if key in self.rules.keys and self.rules.keys[key].last.is_live]
        assert len(live) == line.core.live, "each change of status is published at once"
        if closes and line.is_open:
            self.drop_connection(line)
            self.give(line, Closed(Reason.CONNECTION, is_ours=True))

    def check(self, line: Line, output: Output) -> None:
        if not isinstance(output, BookState):
            return
        self.rules.take(output, self.clock.moment)
        self.statuses.add(f"{output.status} {output.reason or ''}")
        if output.is_live:
            assert output.sequence is not None
            assert (output.symbol, output.sequence) in line.held, "a live record is of a frame that held this product"
            bids, asks = self.books[output.symbol].snapshot(line.held[output.symbol, output.sequence], BOUNDS.depth)
            assert (output.bids, output.asks) == (plain(bids), plain(asks)), "it shows the true book of that frame"

    # the venue's side

    def hear(self, line: Line, message: dict[str, object]) -> None:
        if message["channel"] == "heartbeats":
            line.has_heartbeats = True
        else:
            natives = message["product_ids"]
            assert isinstance(natives, list)
            for native in natives:
                book = self.books[native]
                bids, asks = book.snapshot(book.last_id)
                self.say(
                    line, coinbase_event("snapshot", native, plain(bids[::-1]), plain(asks)), {native: book.last_id}
                )
                line.subscribed.add(native)
        subscriptions = {"subscriptions": {"heartbeats": ["heartbeats"], "level2": sorted(line.subscribed)}}
        line.send("subscriptions", subscriptions)

    def say(self, line: Line, *events: dict[str, object] | dict[str, int]) -> None:
        """Send one frame of books; the last argument tells which state it leaves each product in."""
        *parts, upto = events
        for native, at_id in upto.items():
            assert isinstance(at_id, int)
            line.held[native, line.number] = at_id
            line.sent_upto[native] = at_id
        line.send("l2_data", *(dict(part) for part in parts))

    def emit(self, natives: list[str], *, parts: int = 1) -> None:
        """Put what changed on the wire, in one frame a connection, each product in so many events."""
        for line in self.lines:
            events: list[dict[str, object]] = []
            upto: dict[str, int] = {}
            for native in natives:
                if native not in line.subscribed:
                    continue
                book, done = self.books[native], line.sent_upto[native]
                cuts = sorted({done + (book.last_id - done) * part // parts for part in range(1, parts)})
                for first, last in zip([done, *cuts], [*cuts, book.last_id], strict=True):
                    bids, asks = book.changes(first + 1, last)
                    events.append(coinbase_event("update", native, plain(tuple(bids)), plain(tuple(asks))))
                upto[native] = book.last_id
            if events:
                self.say(line, *events, upto)

    def answer(self, line: Line, fetch: Fetch, age: int) -> None:
        book = self.books[fetch.instrument.native]
        bids, asks = book.snapshot(max(book.first_id, book.last_id - age), fetch.levels)

        def rest(levels: tuple[Level, ...]) -> list[dict[str, str]]:
            return [{"price": price, "size": size} for price, size in plain(levels)]

        pricebook = {"product_id": fetch.instrument.native, "bids": rest(bids), "asks": rest(asks)}
        self.give(line, Fetched(fetch, json.dumps({"pricebook": pricebook}).encode()))

    def deliver(self, line: Line, count: int) -> None:
        frames, line.wire[:] = line.wire[:count], line.wire[count:]
        if frames and line.is_open:
            self.give(line, Frames(frames))

    def pass_time(self, seconds: float) -> None:
        for quarter in range(int(seconds * 4)):
            self.clock.advance(0.25)
            for line in self.lines:
                if line.has_heartbeats and quarter % 4 == 3:
                    line.send("heartbeats", {"heartbeat_counter": quarter})
                self.give(line, Ticked())
            self.rules.check_heartbeats(self.clock.moment)

    def connect(self, line: Line) -> None:
        line.is_open = True
        line.number = 0
        line.held.clear()
        self.give(line, Opened())

    def drop_connection(self, line: Line) -> None:
        line.is_open = line.has_heartbeats = False
        line.wire.clear()
        line.subscribed.clear()

    def calm(self, seconds: float) -> None:
        """Be a good venue and a good network for a while."""
        until = self.clock.moment.mono + seconds
        while self.clock.moment.mono < until:
            for line in self.lines:
                if not line.is_open:
                    self.connect(line)
            for book in self.books.values():
                book.uncross()
                book.move(2)
            self.emit(list(self.books))
            for line in self.lines:
                self.deliver(line, len(line.wire))
            waiting, self.fetches = self.fetches, []
            for line, fetch in waiting:
                self.answer(line, fetch, 0)
            self.pass_time(1)
        for line in self.lines:
            self.deliver(line, len(line.wire))


natives = st.sampled_from(["BTC-USD", "ETH-USD", "SOL-USD"])
places = st.integers(0, KEPT_FRAMES)
which_line = st.sampled_from([0, 0, 1])


class CoinbaseCampaign(RuleBasedStateMachine):
    """Each rule is one thing that may happen next."""

    world: World

    @initialize(seed=st.integers(0, 10_000), calm_seconds=st.sampled_from([0, 2, 2, 5]))
    def begin(self, seed: int, calm_seconds: int) -> None:
        self.world = World.of(seed)
        self.world.calm(calm_seconds)

    @rule(
        moved=st.lists(natives, min_size=1, max_size=3, unique=True),
        changes=st.integers(0, 6),
        parts=st.integers(1, 3),
        is_wild=st.booleans(),
    )
    def market_moves(self, moved: list[str], changes: int, parts: int, *, is_wild: bool) -> None:
        for _ in range(2):
            for native in moved:
                self.world.books[native].move(changes, is_wild=is_wild)
            self.world.emit(moved, parts=parts)

    @rule(native=natives, is_over=st.sampled_from([True, True, False]))
    def market_crosses(self, native: str, *, is_over: bool) -> None:
        book = self.world.books[native]
        if is_over:
            book.uncross()
        else:
            book.cross()
        self.world.emit([native])

    @rule(at=which_line, count=st.integers(1, 12))
    def frames_arrive(self, at: int, count: int) -> None:
        self.world.deliver(self.world.lines[at], count)

    @rule(
        fault=st.sampled_from(
            ["lost", "lost", "doubled", "out of order", "truncated", "no number", "wrong side", "garbage"]
        ),
        line=which_line,
        at=places,
        to=places,
    )
    def frame_suffers(self, fault: str, line: int, at: int, to: int) -> None:
        wire = self.world.lines[line].wire
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
                wire.insert(at, frame.replace(b'"new_quantity":"', b'"new_quantity":"x', 1))
            case "wrong side":
                wire.insert(at, frame.replace(b'"offer"', b'"sell"', 1))
            case "garbage":
                wire.insert(at, bytes([to]) * 5)

    @rule(line=which_line, kind=st.sampled_from(["another channel", "stranger", "error", "ack"]))
    def venue_says_something_else(self, line: int, kind: str) -> None:
        chosen = self.world.lines[line]
        if not chosen.is_open:
            return
        match kind:
            case "another channel":
                chosen.send("ticker_of_tomorrow", {"anything": 1})
            case "stranger":
                chosen.send("l2_data", coinbase_event("snapshot", "XRP-USD", [("1", "1")], []))
            case "error":
                chosen.wire.append(b'{"type":"error","message":"too many L2 streams requested in a single session"}')
            case "ack":
                chosen.send("subscriptions", {"subscriptions": {}})

    @rule(native=natives)
    def venue_sends_another_snapshot(self, native: str) -> None:
        for line in self.world.lines:
            if native in line.subscribed:
                book = self.world.books[native]
                bids, asks = book.snapshot(book.last_id)
                self.world.say(
                    line, coinbase_event("snapshot", native, plain(bids), plain(asks[::-1])), {native: book.last_id}
                )

    @rule(how=st.sampled_from(["now", "now", "old", "failed", "garbage"]), at=places)
    def venue_answers(self, how: str, at: int) -> None:
        world = self.world
        if not world.fetches:
            return
        line, fetch = world.fetches.pop(at % len(world.fetches))
        match how:
            case "failed":
                world.give(line, FetchFailed(fetch, Reason.UNAVAILABLE, None))
            case "garbage":
                world.give(line, Fetched(fetch, (b"", b"{}", b'{"pricebook":[]}', b"<html>", b"\xff\xfe")[at % 5]))
            case _:
                world.answer(line, fetch, 0 if how == "now" else 1 + at % 8)

    @rule(seconds=st.sampled_from([1, 1, 2, 3, 16]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(at=which_line, reason=st.sampled_from([Reason.CONNECTION, Reason.SILENCE]), comes_back=st.booleans())
    def connection_is_lost(self, at: int, reason: Reason, *, comes_back: bool) -> None:
        line = self.world.lines[at]
        if line.is_open:
            self.world.drop_connection(line)
            self.world.give(line, Closed(reason))
        else:
            self.world.give(line, Unopened(Reason.UNAVAILABLE))
        if comes_back:
            self.world.connect(line)

    @precondition(lambda self: not all(line.is_open for line in self.world.lines))
    @rule()
    def connections_open(self) -> None:
        for line in self.world.lines:
            if not line.is_open:
                self.world.connect(line)

    @rule(at=which_line, native=st.one_of(st.none(), natives))
    def something_falls_silent(self, at: int, native: str | None) -> None:
        line = self.world.lines[at]
        if native is None:
            line.has_heartbeats = False
            line.subscribed.clear()
        else:
            line.subscribed.discard(native)

    @rule(seconds=st.sampled_from([2, 5]))
    def trouble_pauses(self, seconds: float) -> None:
        self.world.calm(seconds)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.calm(60)
        for status in world.statuses:
            event(status)
        for key, seen in world.rules.keys.items():
            assert seen.last.is_live, f"once the trouble is over, {key} becomes live"
            book = world.books[seen.last.symbol]
            bids, asks = book.snapshot(book.last_id, BOUNDS.depth)
            assert (seen.last.bids, seen.last.asks) == (plain(bids), plain(asks))
        for line in world.lines:
            world.give(line, Stopped())
        for seen in world.rules.keys.values():
            assert (seen.last.status, seen.last.reason) == (BookStatus.DISCONNECTED, Reason.SHUTDOWN)


TestCoinbaseCampaign = CoinbaseCampaign.TestCase
TestCoinbaseCampaign.settings = effort(60, steps=50)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 12), min_size=5, max_size=40), st.data())
def test_trouble_on_one_connection_never_touches_the_books_of_another(
    seed: int, moves: list[int], data: st.DataObject
) -> None:
    world = World.of(seed)
    world.calm(2)
    troubled, healthy = world.lines
    for count in moves:
        for book in world.books.values():
            book.move(count)
        world.emit(list(world.books))
        if troubled.wire and data.draw(st.booleans()):
            del troubled.wire[0]
        for line in world.lines:
            if not line.is_open:
                world.connect(line)
            world.deliver(line, len(line.wire))
        world.pass_time(1)
    assert world.rules.keys["coinbase:SOL-USD"].last.epoch == 1
    assert healthy.core.live == 1

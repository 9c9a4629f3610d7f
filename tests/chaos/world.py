"""The network, the clock and the feed: what lies between the market and the core.

``World`` plays ``Feed``: it carries the core's effects out as he does (a connection is closed when a ``Reconnect``
asks for it, though not at once; an answer of an old connection still comes; a newer request replaces an older one), and
it gives the core its inputs one by one. Each is judged. A book that is handed over goes on in a second one, with a core
and a connection of its own, while the venue goes on to speak of it on the first, too. Where a venue is about to close a
connection, a successor is opened beside it, judged as if its states were published, until it takes the other's place.
"""

from collections import Counter
from collections.abc import Sequence
from math import inf
from random import Random

import attrs
from tests.chaos.exchanges import CoinbaseExchange
from tests.chaos.judge import Seen
from tests.chaos.streams import OKXExchange, StreamedExchange
from tests.chaos.truth import Market
from tests.chaos.venues import VENUES
from tests.chaos.wire import Frame
from tests.support.engines import book_engine

from market_data.application.core import FeedCore
from market_data.application.inputs import (
    Closed,
    Dropped,
    Fetched,
    FetchFailed,
    Frames,
    HandOver,
    Input,
    Opened,
    Output,
    Replaced,
    Send,
    Started,
    Stopped,
    TakeOver,
    Ticked,
    Unopened,
)
from market_data.application.succession import Succession
from market_data.domain.effects import Fetch, Purpose, Reconnect, Replace, Tell
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.sync import SyncSettings

__all__ = ["Plan", "Tally", "World"]

FRAME_SILENCE_SECONDS = 3.0
REQUEST_TIMEOUT_SECONDS = 2.5
"""How long the feed waits for an answer."""
PING_TIMEOUT_SECONDS = 2.5
"""How long the transport waits for a pong, where the venue promises no heartbeats."""
_BOUNDS = SyncSettings(
    depth=20,
    heartbeat_seconds=2.0,
    first_data_timeout_seconds=2.0,
    stream_silence_seconds=3.0,
    quiet_probe_seconds=5.0,
    join_quiet_seconds=0.5,
    max_buffered_events=24,
    reseed_below_levels=26,
    snapshot_limit=32,
    snapshot_retry_initial_seconds=0.25,
    snapshot_retry_max_seconds=2.0,
    crossed_limit=3,
    audit_seconds=4.0,
    probe_timeout_seconds=2.0,
)


@attrs.frozen
class Plan:
    """What a schedule is played on."""

    venue: str
    seed: int
    levels: int
    """Levels a side that the markets tend to have."""
    snapshot_limit: int
    auction: int
    """The instrument whose book may cross legitimately, -1 for none."""


@attrs.define
class Tally:
    """What was done and seen; sums over schedules."""

    schedules: int = 0
    inputs: int = 0
    records: int = 0
    checked: int = 0
    levels: int = 0
    """Levels compared in whole books at the ends."""
    handed: int = 0
    """Books that moved to a connection of their own."""
    replaced: int = 0
    """Connections that another took the place of."""
    dropped: Counter[BookStatus] = attrs.field(factory=Counter)
    """Books that were followed no more, by what they were."""
    faults: Counter[str] = attrs.field(factory=Counter)
    cells: Counter[tuple[str, str, str]] = attrs.field(factory=Counter)
    """By venue, fault and status."""
    recoveries: list[float] = attrs.field(factory=list)

    def add(self, other: "Tally") -> None:
        """Add what others did."""
        self.schedules += other.schedules
        self.inputs += other.inputs
        self.records += other.records
        self.checked += other.checked
        self.levels += other.levels
        self.handed += other.handed
        self.replaced += other.replaced
        self.dropped.update(other.dropped)
        self.faults.update(other.faults)
        self.cells.update(other.cells)
        self.recoveries.extend(other.recoveries)


class World:
    """One schedule's world, seen from one of its connections; the steps are those of its ``root``."""

    def __init__(
        self,
        plan: Plan,
        tally: Tally,
        root: "World | None" = None,
        handed: tuple[HandOver, int, Seen] | None = None,
        predecessor: "World | None" = None,
    ) -> None:
        """``handed``: the book that its first connection gave up, its number, and what the judge knows of it;
        ``predecessor``: whose place this one shall take.
        """
        self.plan = plan
        self.venue = plan.venue
        self.tally = tally
        self.root = root or self
        self.annexes: list[World] = []
        """Of the root: the connections of books that were handed over."""
        self.dropped: dict[int, Seen] = {}
        """Of the root: books that are followed no more, and what was known of them."""
        self.predecessor = predecessor
        self.successor: World | None = None
        self.succession: Succession | None = None
        self.is_over = False
        """What was its own is its predecessor's now."""
        self.closes_at = inf
        """When the venue closes the connection."""
        self.draw = Random(plan.seed) if root is None else root.draw
        played = VENUES[plan.venue]
        self.instruments = tuple(played.instruments)
        self.settings = attrs.evolve(_BOUNDS, snapshot_limit=plan.snapshot_limit)
        self.markets = (
            [Market(played.texts, plan.levels, self.draw) for _ in self.instruments] if root is None else root.markets
        )
        natives = [each.native for each in self.instruments]
        self.exchange = played.exchange(natives, self.markets, played.texts, self.struck)
        self.exchange.is_slow_ack = plan.seed % 2 == 0
        if isinstance(self.exchange, OKXExchange):
            self.exchange.is_in_band = plan.seed % 3 > 0
        if root is not None:
            self.exchange.share(root.exchange)
        auctions = frozenset({natives[plan.auction]} if plan.auction >= 0 else ())
        self.core = FeedCore(
            played.venue,
            _carried(self.instruments, handed, predecessor),
            self.settings,
            frame_silence_seconds=FRAME_SILENCE_SECONDS,
            auctions=auctions,
            books=book_engine(),
            is_withheld=predecessor is not None,
        )
        self.now = Moment(1_787_529_700_000_000, 100.0) if root is None else root.now
        self.exchange.mono = self.now.mono
        self.judge = played.judge(
            self.exchange,
            self.core,
            self.settings,
            {each.symbol: i for i, each in enumerate(self.instruments)},
            FRAME_SILENCE_SECONDS + (played.venue.ping_seconds or 0.0),
            REQUEST_TIMEOUT_SECONDS,
            now=self.now,
            patience_seconds=self.settings.probe_timeout_seconds
            if isinstance(self.exchange, StreamedExchange)
            else 0.0,
        )
        self.is_open = False
        self.is_closing = False
        self.inputs = 0
        self.pending: dict[int, Fetch] = {}
        self.late: dict[int, Fetch] = {}
        self.spoilt: dict[int, tuple[str, int]] = {}
        self.quiet: dict[int, float] = {} if root is None else root.quiet
        self.held_until = -inf
        self.asked_at: dict[int, float] = {}
        self.attempts: dict[int, float] = {}
        """When each instrument's first good attempt of the calm was made."""
        self.is_watching_attempts = root is not None and root.is_watching_attempts
        self.turn = 0
        self._slow: set[tuple[int, int]] = set()
        self._never: set[tuple[int, int]] = set()
        self._rest_mute_until = -inf
        self._deaf_since = inf
        if handed is not None:
            handover, i, seen = handed
            self.core.resume((handover.standing,))
            self.judge.seen[i] = seen
        if predecessor is not None:
            predecessor.succession = Succession(predecessor.core, self.core, predecessor._pass_on)
        self._give(Started())

    # its connections

    @property
    def lines(self) -> Sequence["World"]:
        """Of the root: all connections; a copy."""
        pairs = [(each, each.successor) for each in (self, *self.annexes)]
        return [line for pair in pairs for line in pair if line is not None]

    def of(self, i: int) -> "World":
        """Give the connection that carries a book."""
        return next((each for each in self.root.annexes if i in each.judge.seen), self.root)

    @property
    def seen(self) -> Sequence[Seen]:
        """What the judges know of each book."""
        dropped = self.root.dropped
        return [dropped.get(i) or self.of(i).judge.seen[i] for i in range(len(self.instruments))]

    @property
    def waiting(self) -> Sequence[int]:
        """Of which books an answer is awaited."""
        return [i for i in range(len(self.instruments)) if i in self.of(i).pending]

    @property
    def are_open(self) -> bool:
        """Tell whether all connections are."""
        return all(line.is_open for line in self.lines)

    def _part(self, handed: HandOver) -> None:
        """Give a book to a connection of its own; an answer that it awaits may come to the old one yet."""
        i = self.instruments.index(handed.instrument)
        seen = self.judge.handed(handed)
        if i in self.pending:
            self.late[i] = self.pending.pop(i)
        annex = World(self.plan, self.tally, self.root, (handed, i, seen))
        if i in self.spoilt:
            annex.spoilt[i] = self.spoilt.pop(i)
        self.root.annexes.append(annex)
        self.tally.handed += 1

    # following a book no more

    def drop(self, i: int) -> bool:
        """Follow a book no more; False where it is alone on its connection, which ends with it."""
        line = self.of(i)
        if len(line.judge.seen) < 2:
            return False
        self.tally.dropped[self.seen[i].status] += 1
        self.root.dropped[i] = line.judge.seen[i]
        for each in (line, line.successor):
            if each is not None:
                each._drop(i)
        return True

    def _drop(self, i: int) -> None:
        handle = self.core.handle if self.predecessor is None else self.core._handle
        outputs = handle(Dropped([self.instruments[i].key]), self.now)
        self.judge.dropped(i, [each for each in outputs if type(each) is BookState])
        self.pending.pop(i, None)
        self.spoilt.pop(i, None)
        for output in outputs:
            if type(output) is Send and self.plan.seed % 4 < 2:  # else it is lost, and the venue goes on to speak of it
                self._hear(output.messages)
        self.judge.after(outputs)

    # replacing a connection

    def _replace(self) -> None:
        """Open another connection beside one that is about to be closed."""
        if self.succession is None:
            self.successor = World(self.plan, self.tally, self.root, predecessor=self)

    def _pass_on(self, reason: Reason, now: Moment) -> None:
        """Let the successor take the place of this one: what was his is ours."""
        new = self.successor
        assert new is not None
        self.successor = self.succession = None
        said = self.core.books.said
        self.judge.late(self.core.handle(Replaced(), now))
        new.judge.take_over(self.judge)
        for name in _OF_A_CONNECTION:
            setattr(self, name, getattr(new, name))
        new.is_over, new.is_open, new.is_closing, new.pending = True, False, False, {}
        self.exchange.struck = self.struck
        self._give(TakeOver(said, reason))
        self.judge.took_over()
        self.tally.replaced += 1

    def _ended(self, given: Closed) -> None:
        """Say that the connection is gone, or let the successor go on."""
        if self.succession is None:
            self._give(given)
            return
        self.judge.is_open = True  # until the successor has caught up
        self.succession.ended(given.reason, self.now)

    # what the core is given

    @property
    def is_reading(self) -> bool:
        """Tell whether a connection is open and not about to be closed."""
        return self.is_open and not self.is_closing

    @property
    def can_speak(self) -> bool:
        """Tell whether what the venue says will arrive."""
        return self.is_reading and not self.exchange.is_deaf

    def statuses(self) -> list[BookStatus]:
        """What was last said of each instrument."""
        return [seen.status for seen in self.seen]

    def struck(self, name: str, i: int | None, statuses: Sequence[BookStatus] | None = None) -> None:
        """Count a fault, and the statuses of the books it hit."""
        if self.predecessor is not None:
            return
        self.tally.faults[name] += 1
        now = self.statuses() if statuses is None else statuses
        for at in self.judge.seen if i is None else (i,):
            self.tally.cells[self.venue, name, now[at]] += 1

    def _give(self, given: Input, broken: Sequence[str] = ()) -> list[Output]:
        if self.is_over:
            return []
        self.root.inputs += 1
        judge = self.judge
        outputs = (self.core.handle if self.predecessor is None else self.core._handle)(given, self.now)
        for output in outputs:
            if type(output) is BookState:
                judge.record(output)
                if output.status is BookStatus.LIVE or output.reason is Reason.DEPTH:
                    judge.forgive(judge.symbols[output.symbol])
        judge.after(outputs, broken)
        self._forgive(outputs)
        for output in outputs:
            match output:
                case Fetch():
                    self._asked(output)
                case Send(messages):
                    self._hear(messages)
                case Reconnect():
                    self.is_closing = True
                case HandOver():
                    self._part(output)
                case Replace():
                    self._replace()
                case BookState() | Tell():
                    continue
        if self.predecessor is not None and self.predecessor.succession is not None:
            self.predecessor.succession.watch(given, self.now)
        return outputs

    def _forgive(self, outputs: Sequence[Output]) -> None:
        """What has become live since it was asked for may be asked for again."""
        asked: set[str] = set()
        for output in outputs:
            if type(output) is Fetch:
                asked.add(output.instrument.symbol)
            elif type(output) is BookState and output.status is BookStatus.LIVE and output.symbol in asked:
                self.judge.forgive(self.judge.symbols[output.symbol])

    def _hear(self, messages: Sequence[str]) -> None:
        if self.is_open and not self.exchange.is_deaf:
            self.exchange.hear(messages)
            if self.is_watching_attempts:
                for i in self.judge.seen:
                    self.attempt(i)

    def _asked(self, fetch: Fetch) -> None:
        i = self.instruments.index(fetch.instrument)
        previous = self.pending.get(i)
        if previous is not None:
            self.late[i] = previous
        self.pending[i] = fetch
        self.asked_at[i] = self.now.mono
        if fetch.purpose is Purpose.SNAPSHOT and self.is_watching_attempts:
            self.attempt(i)

    def attempt(self, i: int) -> None:
        """An attempt was made that the venue will accept."""
        is_said = i in self.exchange.sent and i not in self.exchange.dead and not self.exchange.is_deaf
        if is_said and self.judge.seen[i].status is not BookStatus.LIVE:
            self.attempts.setdefault(i, self.now.mono)

    def _after_asking(self) -> None:
        """Let what is spoilt strike, as long as there is anything."""
        for _ in range(10):
            struck = [i for i in self.spoilt if i in self.pending]
            if not struck:
                return
            self._spoil_now(struck[0], *self.spoilt.pop(struck[0]))

    # steps

    def pulse(self, i: int, changes: int, style: int) -> None:
        """The market moves and the venue says so."""
        if self.quiet.get(i, -inf) > self.now.mono:
            return
        self.markets[i].move(changes, style, self.draw)
        self.emit(i)

    def emit(self, i: int) -> None:
        """Have the venue say what changed, on every connection that is subscribed to it."""
        for line in self.lines:
            line.exchange.emit(i)

    def pulse_all(self) -> None:
        """All markets move; Coinbase says it in one frame."""
        for i, market in enumerate(self.markets):
            if self.quiet.get(i, -inf) <= self.now.mono:
                market.move(1, 0, self.draw)
        for line in self.lines:
            if isinstance(line.exchange, CoinbaseExchange):
                line.exchange.emit_all()
            else:
                for i in range(len(self.markets)):
                    line.exchange.emit(i)

    def uncross(self, i: int) -> None:
        """An auction is over."""
        self.markets[i].uncross()
        self.emit(i)

    def follow(self, i: int, flavour: int) -> None:
        """Let more frames come, so that what is missing shows."""
        for _ in range(1 + flavour % 2):
            self.markets[i].move(1, 0, self.draw)
            self.exchange.emit(i)

    def deliver(self, count: int) -> None:
        """Frames arrive on each connection: as many as are there, at most ``count``."""
        for line in self.lines:
            line._deliver(count)

    def _deliver(self, count: int) -> None:
        if not self.is_open or self.held_until > self.now.mono:
            return
        wire = self.exchange.wire
        frames, self.exchange.wire = wire[:count], wire[count:]
        if self.succession is not None and self.succession.is_catching_up:
            return
        if frames:
            self._read(frames)

    def _read(self, frames: Sequence[Frame]) -> None:
        broken = self.judge.reading(frames)
        self._give(Frames([frame.payload for frame in frames]), broken)
        self._after_asking()

    def tick(self, milliseconds: int) -> None:
        """Time passes."""
        self._finish_all()
        self._advance(milliseconds / 1000, milliseconds * 1000)
        self._ticked()

    def _finish_all(self) -> None:
        for line in self.lines:
            line._finish_closing()

    def _advance(self, seconds: float, wall: int) -> None:
        now = Moment(self.now.wall + wall, self.now.mono + seconds)
        for line in self.lines:
            line.now = line.judge.now = now
            line.exchange.mono = now.mono
            if line.is_open:
                line.exchange.beat()

    def _ticked(self) -> None:
        for line in self.lines:
            line._expire()
            line._give(Ticked())
            if line.predecessor is not None:
                line._answer_all()
            line._after_asking()
            line.judge.ticked()
            line.judge.memory()

    def _expire(self) -> None:
        """Do what the feed and the transport do when time is up."""
        if isinstance(self.exchange, StreamedExchange) and self.exchange.is_sending_away and self.can_speak:
            self.lose(Reason.CONNECTION)
        if self.now.mono >= self.closes_at:
            self.lose(Reason.CONNECTION)
        if (
            not VENUES[self.venue].venue.sends_heartbeats
            and self.now.mono - self._deaf_since >= PING_TIMEOUT_SECONDS
            and self.is_open
        ):
            self.lose(Reason.SILENCE)
        for i, fetch in list(self.pending.items()):
            patience = REQUEST_TIMEOUT_SECONDS if fetch.within_seconds is None else fetch.within_seconds
            is_late = self.now.mono - self.asked_at[i] >= patience
            if is_late and ((i, fetch.serial) not in self._never or fetch.within_seconds is not None):
                self.late[i] = fetch
                self.fail(i, Reason.UNAVAILABLE)

    def _finish_closing(self) -> None:
        if self.is_closing and self.is_open:
            self._disconnect()
            self._ended(Closed(Reason.CONNECTION, is_ours=True))

    def open(self) -> None:
        """What is closed is opened."""
        self._finish_all()
        for line in self.lines:
            if not line.is_open:
                line._open()

    def _open(self) -> None:
        if self.is_over or self.succession is not None:
            return
        self.is_open = True
        self.exchange.connect()
        self.judge.opened()
        for i in self.judge.seen:
            self.judge.forgive(i)
        self._give(Opened())
        self._after_asking()

    def refuse(self, reason: Reason) -> None:
        """A connection cannot be opened."""
        self._finish_closing()
        self._give(Unopened(reason))

    def lose(self, reason: Reason, *, is_doubled: bool = False) -> None:
        """The connection is lost; ``is_doubled``: while it was being closed."""
        if not self.is_open:
            return
        is_last = self.succession is None
        self._disconnect()
        self._ended(Closed(reason))
        if is_doubled and is_last:
            self._give(Closed(Reason.CONNECTION, is_ours=True))

    def _disconnect(self) -> None:
        self.is_open = self.is_closing = False
        self._deaf_since = self.closes_at = inf
        self.held_until = -inf
        self.exchange.disconnect()
        self.judge.closed()

    def depart(self, seconds: float) -> None:
        """The venue says that it is about to close the connection, and does so."""
        self.exchange.depart()
        self.closes_at = min(self.closes_at, self.now.mono + seconds)

    def go_deaf(self) -> None:
        """Nothing of this connection arrives any more."""
        self.exchange.is_deaf = True
        self.exchange.wire = []
        self._deaf_since = min(self._deaf_since, self.now.mono)

    # the REST interface

    def answer(self, i: int, age: int = 0) -> None:
        """Answer what is asked, with the book of now or of some changes ago."""
        self.of(i)._answer(i, age)

    def _answer(self, i: int, age: int) -> None:
        fetch = self.pending.get(i)
        if fetch is None or self._rest_mute_until > self.now.mono or (i, fetch.serial) in self._slow:
            return
        del self.pending[i]
        version = max(0, self.markets[i].version - age)
        self.judge.answered(i, fetch, version, is_false=False)
        self._give(Fetched(fetch, self.exchange.book(i, version, fetch.levels)))
        self._after_asking()

    def _answer_all(self) -> None:
        for i in list(self.pending):
            self._answer(i, 0)

    def answer_aligned(self, i: int) -> None:
        """Answer with the book whose id is an event's last one."""
        told = self.of(i).exchange.sent.get(i)
        self.answer(i, 0 if told is None else max(0, self.markets[i].version - told))

    def fail(self, i: int, reason: Reason, retry_after: float | None = None) -> None:
        """Say that what is asked will not come."""
        fetch = self.pending.pop(i, None)
        if fetch is not None:
            self._give(FetchFailed(fetch, reason, retry_after))
            self._after_asking()

    def spoil(self, i: int, name: str, flavour: int) -> bool:
        """Let the answer go wrong, or the next one."""
        if i in self.pending:
            self._spoil_now(i, name, flavour)
        else:
            self.spoilt[i] = (name, flavour)
        return True

    def _spoil_now(self, i: int, name: str, flavour: int) -> None:
        self.struck(name, i)
        fetch = self.pending[i]
        match name:
            case "snapshot_error":
                self.fail(i, Reason.UNAVAILABLE)
            case "snapshot_429":
                self.fail(i, Reason.RATE_LIMITED, (None, 0.5, 2.0, 12.0)[flavour % 4])
            case "snapshot_451":
                self.fail(i, Reason.REJECTED)
            case "snapshot_timeout":
                self._slow.add((i, fetch.serial))
            case "snapshot_never":
                self._slow.add((i, fetch.serial))
                self._never.add((i, fetch.serial))
            case "snapshot_stale":
                self.answer(i, 1 + flavour % 40)
            case "snapshot_malformed":
                self._answer_badly(i, flavour)
            case "snapshot_false":
                del self.pending[i]
                version = self.markets[i].version
                self.judge.answered(i, fetch, version, is_false=True)
                self._give(Fetched(fetch, self.exchange.false_book(i, version, fetch.levels)))
                self._after_asking()

    def _answer_badly(self, i: int, flavour: int) -> None:
        fetch = self.pending.pop(i)
        good = self.exchange.book(i, self.markets[i].version, fetch.levels)
        bodies = (b"", b"{}", good[: len(good) // 2], b"<html>", b"[]", b"\xff\xfe", b'{"lastUpdateId":1}')
        self._give(Fetched(fetch, bodies[flavour % len(bodies)]))
        self._after_asking()

    def answer_late(self, i: int, flavour: int) -> bool:
        """Answer what nobody waits for any more."""
        if self.root is not self and i in self.root.late:
            return self.root.answer_late(i, flavour)
        fetch = self.late.pop(i, None)
        if fetch is None and i in self.pending and not (self.is_open and self.judge.awaits(i, self.pending[i])):
            fetch = self.pending.pop(i)
        if fetch is None or fetch is self.pending.get(i):
            return False
        self.struck("late_answer", i)
        if flavour % 3 == 0:
            outputs = self._give(FetchFailed(fetch, Reason.UNAVAILABLE))
        else:
            outputs = self._give(Fetched(fetch, self.exchange.book(i, self.markets[i].version, fetch.levels)))
        self.judge.late(outputs)
        return True

    def mute_rest(self, seconds: float) -> None:
        """The REST interface does not answer for a while."""
        self._rest_mute_until = self.now.mono + seconds

    # time

    def step_clock(self, seconds: float) -> None:
        """The wall clock is set."""
        root = self.root
        root._finish_all()
        for line in root.lines:
            line.judge.leapt_at = self.now.mono
        root._advance(0.1, round((seconds + 0.1) * 1e6))
        if abs(seconds) >= self.settings.clock_step_seconds:
            for line in root.lines:
                line.judge.doubted()
        root._ticked()

    def suspend(self, seconds: float, *, wakes_to_frames: bool) -> None:
        """The machine sleeps; it may read before it looks at the clock."""
        root = self.root
        root._finish_all()
        root._advance(seconds, round(seconds * 1e6))
        for line in root.lines:
            line.judge.leapt_at = self.now.mono
            if seconds >= self.settings.pause_seconds:
                line.judge.doubted()
        if wakes_to_frames:
            root.deliver(100)
        root._ticked()

    def cease(self) -> None:
        """Faults cease: what is not broken for good works again."""
        for line in self.lines:
            line._cease()
        for i in range(len(self.instruments)):
            self.uncross(i)
        self.deliver(1_000_000)

    def _cease(self) -> None:
        self.spoilt.clear()
        self.exchange.armed.clear()
        self.quiet.clear()
        self.held_until = self._rest_mute_until = -inf
        for i, fetch in self.pending.items():
            if (i, fetch.serial) in self._never:
                self.asked_at[i] = self.now.mono
        self._never.clear()
        self.is_watching_attempts = True
        self._finish_closing()

    def stop(self) -> None:
        """The program stops."""
        for line in self.lines:
            line._give(Stopped())
            line.judge.stopped()


_OF_A_CONNECTION = (
    "core",
    "exchange",
    "judge",
    "is_open",
    "is_closing",
    "closes_at",
    "pending",
    "late",
    "held_until",
    "asked_at",
    "attempts",
    "_slow",
    "_never",
    "_deaf_since",
)


def _carried(
    instruments: Sequence[Instrument], handed: tuple[HandOver, int, Seen] | None, predecessor: World | None
) -> Sequence[Instrument]:
    """Give what a connection carries."""
    if handed is not None:
        return (handed[0].instrument,)
    return instruments if predecessor is None else predecessor.core.instruments

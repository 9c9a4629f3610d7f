"""What must be true: of every record as it is published, and of every book after every input.

Of a record: ``live`` shows the true best levels of its sequence, which exists, is not crossed, and says when; whatever
is not live shows no levels and says why; ``status_since``, ``epoch``, ``sequence``, ``event_time`` and
``received_time`` mean what the contract says; without news only heartbeats are published.

After an input: nothing is live after a fault that continuity can see until it is rebuilt, nor after a leap of time
until the venue has shown its book anew; what is live shows the book of the last frame that reached it; a live book was
heard of, or probed, within the watchdogs' bound; after each tick every instrument has had its heartbeat; requests and
reconnections are not repeated without need; buffers are bounded.

Content made false under intact numbers cannot be seen by continuity. Of such a book the levels are not judged until it
is built anew; but it must be true again once the next comparable audit has had its chance (``calm``).
"""

from collections.abc import Sequence
from math import inf

import attrs
from tests.chaos.exchanges import ERA, BinanceExchange, Exchange
from tests.chaos.wire import Frame, Ladder, Part, as_numbers
from tests.support.engines import book_engine
from tests.support.raw import raw_levels

from market_data.application.core import FeedCore
from market_data.application.inputs import HandOver, Output
from market_data.domain.effects import Fetch, Purpose, Reconnect, Tell
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.splice import SplicedSync, _Phase
from market_data.domain.streamed import StreamedSync
from market_data.domain.sync import BookSync, SyncSettings

__all__ = ["Judge", "Seen", "Violation"]

_SLACK_SECONDS = 1.1
_STRANGE_EVENTS = 3
"""So many events in a row whose ids have stepped back tell that the venue counts anew."""


class Violation(AssertionError):
    """Something that must never be."""


@attrs.define
class Seen:
    """What the judge knows of one instrument."""

    last: BookState
    last_at: float
    status: BookStatus
    had_reason: bool = False
    shown: int = -1
    """The version that the last live record shows."""
    floor: int = -1
    """The version that was shown over another connection, while the book stays live over this one."""
    reach: int = -1
    """The version of the newest intact frame that reached the core on this connection."""
    reach_id: int = -1
    """The same as Binance's id."""
    hole: int = -1
    """The last version that is missing in the newest hole; a snapshot from there on is needed."""
    rebuilt: int = -1
    """The newest version of a snapshot that was given to build from, on this connection."""
    rebuilt_era: int = -1
    is_tainted: bool = False
    false_version: int = -1
    is_frozen: bool = False
    """Ids stepped back where nobody could tell: it is for a probe to find out, or for the next events."""
    era: int | None = None
    """Of the sequence in which the core counts, of Binance's ids."""
    steady: int = -1
    """The version of the last event that was of that sequence."""
    is_joined: bool = False
    """An event has followed the snapshot."""
    strange: int = 0
    """Events in a row that are of another."""
    doubted_serial: int | None = None
    """The last request before time leapt: an answer to a later one is needed."""
    live_at: float = 0.0
    """When it became live."""
    alive_at: float = 0.0
    """When it was last heard of, or a probe of it was answered."""
    received_at: int | None = None
    """Wall clock of the last depth frame or snapshot."""
    is_received_sure: bool = True
    received_before: int | None = None
    """The same before the input that is being judged."""
    crossed: int = 0
    """How often in a row it has crossed, as the core counts."""
    asked_at: dict[Purpose, float] = attrs.field(factory=dict)
    """When each kind of request was last made."""
    asked_wait: dict[Purpose, float] = attrs.field(factory=dict)
    """The least time until the next such request may come."""
    said_at: int = -1
    """The venue's time of what reached the core last, where streams are renewed one by one."""
    number: int | None = None
    """What the venue counted last, where it counts each stream."""
    may_be: set[int] = attrs.field(factory=set)
    """Versions that may be shown, though nobody can tell from here whether they are."""
    passed: set[int] = attrs.field(factory=set)
    """Versions that stand one after the other while frames are read."""
    false_keys: set[int] = attrs.field(factory=set)
    """By what the records of the frames that are read are known whose levels are false."""
    joins_from: int | None = None
    """A fetched book of this version may be joined by what the stream says."""


@attrs.define
class Judge:
    """Watches one connection of a schedule, and the books that it carries."""

    exchange: Exchange
    core: FeedCore
    settings: SyncSettings
    symbols: dict[str, int]
    frame_silence_seconds: float
    probe_timeout_seconds: float
    seen: dict[int, Seen] = attrs.field(factory=dict)
    records: int = 0
    checked: int = 0
    """Live records compared with the truth."""
    now: Moment = attrs.field(factory=lambda: Moment(0, 0.0))
    held: dict[tuple[int, int], tuple[Part, bool]] = attrs.field(factory=dict)
    """(instrument, number) to what the frame held and whether the book was false then, for this connection."""
    expected: int = 0
    """The number of the next frame."""
    is_open: bool = False
    is_read: bool = False
    """The core still reads this connection."""
    heard_at: float = 0.0
    leapt_at: float = -inf
    """When time last stood still."""
    is_calm: bool = False
    """Nothing may leave ``live``."""
    gone: set[int] = attrs.field(factory=set)
    """Books that are followed no more."""
    patience_seconds: float = 0.0
    """What else a silent stream is given before it counts as dead."""

    @property
    def depth(self) -> int:
        """How many levels a side a record can show."""
        return self.settings.depth

    # records

    def record(self, state: BookState) -> None:
        """Judge one record."""
        self.records += 1
        i = self.symbols[state.symbol]
        _require(i not in self.gone, "nothing is said of a book that was dropped")
        if i not in self.seen:
            self._first(i, state)
            return
        seen, now = self.seen[i], self.now
        last, status = seen.last, state.status
        is_live = status is BookStatus.LIVE
        if status is seen.status:
            _require(state.status_since == last.status_since, "status_since changes only with the status")
            entered = 0
        else:
            _require(state.status_since == now.wall, "a status begins when it is said")
            entered = int(is_live)
            seen.live_at = now.mono
            if seen.status is BookStatus.LIVE:
                self._lost(seen)
                seen.floor = -1
            _require(
                not (self.is_calm and seen.status is BookStatus.LIVE), f"left live in calm: {status} {state.reason}"
            )
        _require(state.epoch == last.epoch + entered, "the epoch counts the entries into live")
        if is_live:
            self._live(i, seen, state)
        else:
            _require(not state.bids and not state.asks, "levels are empty unless live")
            if status is not BookStatus.SYNCING or seen.had_reason:
                _require(state.reason is not None, "what is neither live nor in its first syncing has a reason")
            _require(state.sequence is not None or last.sequence is None, "what is not live repeats the last sequence")
        self._times(seen, state)
        if (
            status is seen.status
            and state.reason is last.reason
            and state.bids == last.bids
            and state.asks == last.asks
        ):
            is_due = now.mono - seen.last_at >= self.settings.heartbeat_seconds
            _require(is_due, "without news only heartbeats are published")
        seen.had_reason |= state.reason is not None or status is not BookStatus.SYNCING
        seen.last, seen.last_at, seen.status = state, now.mono, status

    @staticmethod
    def _lost(seen: Seen) -> None:
        """A book that is lost takes its checks along: what is asked about the next one is asked for the first time."""
        for purpose in (Purpose.PROBE, Purpose.AUDIT, Purpose.RESEED):
            seen.asked_wait.pop(purpose, None)

    def _first(self, i: int, state: BookState) -> None:
        _require(state.status is BookStatus.SYNCING and state.reason is None, "the first record says syncing")
        _require(state.epoch == 0 and state.sequence is None, "nothing was before the first record")
        _require(state.status_since == self.now.wall, "a status begins when it is said")
        self.seen[i] = Seen(state, self.now.mono, state.status)

    def _live(self, i: int, seen: Seen, state: BookState) -> None:
        _require(state.reason is None, "a live book has no reason")
        _require(self.is_open, "nothing is live without a connection")
        _require(seen.doubted_serial is None, "after a leap of time the venue's own book must show what is live")
        version = self._version_of(i, state)
        if version is None:
            raise Violation(f"sequence {state.sequence} does not exist")
        self._show(seen, version)
        _require(version >= seen.floor, "a record is older than one before, of another connection")
        seen.shown = version
        if self._is_other_era(state.sequence, seen.reach_id) and state.event_time is None:
            self._freeze(seen, seen.reach)
        if self._is_false(i, seen, state):
            return
        if self.exchange.markets[i].is_crossed(version):
            raise Violation("a crossed book is not live")
        self.checked += 1
        truth = self.exchange.markets[i].ladder(version, self.depth)
        self._compare(state, truth, "the levels are not the true ones of the sequence")

    def _version_of(self, i: int, state: BookState) -> int | None:
        """Give the version that a live record shows."""
        return self._version(i, state.sequence)

    def _current(self, i: int, sync: BookSync) -> int | None:
        """Give the version that a book claims to be."""
        return self._version(i, sync.sequence)

    def _show(self, seen: Seen, version: int) -> None:
        """A live record shows a version."""

    def _is_false(self, i: int, seen: Seen, state: BookState) -> bool:
        """Tell whether the levels of a record were made false."""
        if self.held and state.sequence is not None:
            return self.held[i, state.sequence][1]
        return seen.is_tainted

    def _compare(self, state: BookState, truth: Ladder, problem: str) -> None:
        for ours, theirs in ((state.bids, truth[0]), (state.asks, truth[1])):
            if ours != theirs and as_numbers(ours) != as_numbers(theirs):
                wrong = next((pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]), None)
                raise Violation(f"{problem}: {state.sequence}, {len(ours)} of {len(theirs)} levels, {wrong}")

    def _version(self, i: int, sequence: int | None) -> int | None:
        if sequence is None:
            return None
        if isinstance(self.exchange, BinanceExchange):
            return self.exchange.version_of(i, sequence)
        held = self.held.get((i, sequence))
        return held[0].version if held is not None else None

    def _times(self, seen: Seen, state: BookState) -> None:
        if seen.is_received_sure:
            is_known = state.received_time in (seen.received_at, seen.received_before)
            _require(is_known, "received_time is when the last depth frame was read")

    # inputs

    def opened(self) -> None:
        """A connection is open."""
        self.is_open = self.is_read = True
        self.expected = 0
        self.held = {}
        self.heard_at = self.now.mono
        for seen in self.seen.values():
            seen.reach = seen.reach_id = seen.hole = seen.rebuilt = seen.rebuilt_era = -1
            if not isinstance(self.exchange, BinanceExchange):
                seen.is_tainted = False
            seen.is_frozen = seen.is_joined = False
            seen.steady = -1
            seen.era = None
            seen.strange = 0
            seen.doubted_serial = None
            seen.alive_at = self.now.mono

    def doubted(self) -> None:
        """Time leapt: what is read from now on may have waited."""
        for i, seen in self.seen.items():
            self.forgive(i)
            seen.doubted_serial = self._sync(i)._serial if self.is_read else None
        if not isinstance(self.exchange, BinanceExchange):
            self.is_read = False

    def closed(self) -> None:
        """The connection is gone."""
        self.is_open = self.is_read = False

    def reading(self, frames: Sequence[Frame]) -> list[str]:  # noqa: PLR0912 - one after the other
        """Take note of frames that the core is about to read; gives what may not be live afterwards, by why."""
        self.heard_at = self.now.mono
        broken = [""] * len(self.symbols)
        for i, seen in self.seen.items():
            sync = self._sync(i)
            if isinstance(sync, SplicedSync) and sync._phase is _Phase.BUFFERING and not sync._buffer:
                seen.era, seen.strange, seen.is_frozen, seen.reach = None, 0, False, -1
        for frame in frames:
            if not self.is_read:
                break
            if frame.damage == "all":
                broken = ["an unreadable frame"] * len(self.symbols)
                self.is_read = False
                for part in self._ours(frame):
                    self.seen[part.instrument].is_received_sure = False
                break
            if frame.number is not None:
                if frame.number != self.expected:
                    broken = [f"frame {frame.number} in place of {self.expected}"] * len(self.symbols)
                    self.is_read = False
                    for part in self._ours(frame):
                        self._received(part.instrument)
                    break
                self.expected += 1
            if frame.damage == "one":
                for part in self._ours(frame)[:1]:
                    if not self._is_passed_over(part):
                        broken[part.instrument] = "an unreadable frame"
                    self._received(part.instrument)
                continue
            for part in self._ours(frame):
                if frame.damage:
                    self._bad_number(part, broken)
                else:
                    self._part(part, broken)
                    if frame.number is not None:
                        self.held[part.instrument, frame.number] = part, self.seen[part.instrument].is_tainted
        return broken

    def _is_passed_over(self, part: Part) -> bool:  # noqa: ARG002 - another rule's need
        """Tell whether nobody has to look at what a part says."""
        return False

    def _ours(self, frame: Frame) -> Sequence[Part]:
        """What a frame says of books that this connection still carries for us."""
        return [part for part in frame.parts if part.instrument in self.seen]

    def _sync(self, i: int) -> BookSync:
        return next(sync for sync in self.core._syncs if self.symbols[sync.instrument.symbol] == i)

    def _received(self, i: int) -> None:
        self.seen[i].received_at = self.now.wall
        self.seen[i].is_received_sure = True

    def _bad_number(self, part: Part, broken: list[str]) -> None:
        """A level that is no number refutes the book that it would be applied to, and nothing else."""
        seen = self.seen[part.instrument]
        self._received(part.instrument)
        seen.alive_at = self.now.mono
        if seen.status is not BookStatus.LIVE:
            return
        if isinstance(self.exchange, BinanceExchange) and seen.last.event_time is None:
            last = self.exchange.id_of(part.instrument, part.version)
            if self._is_other_era(seen.last.sequence, last):
                self._freeze(seen, part.version)
                return
        if part.version > max(seen.shown, seen.reach):
            broken[part.instrument] = "a level that is no number"

    def _is_other_era(self, one: int | None, other: int) -> bool:
        """Tell whether two of Binance's ids were counted in different sequences."""
        return (
            isinstance(self.exchange, BinanceExchange) and one is not None and other >= 0 and one // ERA != other // ERA
        )

    @staticmethod
    def _freeze(seen: Seen, version: int) -> None:
        """No event has joined: nothing tells ids that stepped back from delayed ones but the next probe."""
        seen.is_frozen = seen.is_tainted = True
        seen.false_version = max(seen.false_version, version)

    def _part(self, part: Part, broken: list[str]) -> None:
        """Take note of what an intact frame holds of one book."""
        seen, exchange = self.seen[part.instrument], self.exchange
        self._received(part.instrument)
        before, seen.alive_at = seen.alive_at, self.now.mono
        if isinstance(exchange, BinanceExchange):
            last = exchange.id_of(part.instrument, part.version)
            is_other_era = self._has_stepped_back(seen, last, part.version)
            if seen.is_frozen:
                seen.alive_at = before
                seen.reach_id, seen.reach = last, part.version
                return
            if is_other_era or (seen.reach >= 0 and part.since > seen.reach):
                seen.hole = part.since
                if is_other_era and seen.rebuilt_era != seen.era:
                    seen.rebuilt = -1
            if is_other_era or part.version > seen.reach:
                seen.reach_id, seen.reach = last, part.version
            if part.is_false:
                seen.is_tainted, seen.false_version = True, max(seen.false_version, part.version)
            return
        if part.since < 0:
            seen.is_tainted = False
            broken[part.instrument] = ""
        seen.is_tainted |= part.is_false
        seen.reach = part.version

    def _has_stepped_back(self, seen: Seen, last: int, version: int) -> bool:
        """Tell whether an event shows that the venue counts anew; the first ones leave it open."""
        era = last // ERA
        if seen.era is None or era == seen.era:
            seen.era, seen.strange, seen.steady = era, 0, version
            seen.is_joined |= version > seen.rebuilt
            return False
        seen.strange += 1
        is_quiet = seen.status is BookStatus.LIVE and not seen.is_joined
        if seen.strange < _STRANGE_EVENTS and not is_quiet:
            self._freeze(seen, version)
            return False
        seen.era, seen.strange, seen.is_frozen, seen.steady = era, 0, False, version
        return True

    def awaits(self, i: int, fetch: Fetch) -> bool:
        """Tell whether the core waits for this very answer."""
        sync = self._sync(i)
        return sync._awaited is not None and sync._serial == fetch.serial

    def answered(self, i: int, fetch: Fetch, version: int, *, is_false: bool) -> None:
        """Take note of a good answer that the core is about to read."""
        if not self.awaits(i, fetch):
            return
        seen = self.seen[i]
        seen.alive_at = self.now.mono
        if seen.doubted_serial is not None and fetch.serial > seen.doubted_serial:
            seen.doubted_serial = None
        if fetch.purpose in (Purpose.SNAPSHOT, Purpose.RESEED):
            self._received(i)
        if fetch.purpose is not Purpose.SNAPSHOT:
            self.forgive(i)
        elif isinstance(self.exchange, BinanceExchange):
            seen.is_frozen = False
            seen.is_joined = seen.steady > version and seen.era == self.exchange.id_of(i, version) // ERA
            seen.strange = 0
            seen.asked_wait.pop(Purpose.PROBE, None)  # it is another book; how often that may be, its requests say
            seen.rebuilt = max(seen.rebuilt, version)
            seen.era = seen.rebuilt_era = self.exchange.id_of(i, version) // ERA
            if is_false:
                seen.is_tainted, seen.false_version = True, max(seen.false_version, version)
            elif version >= seen.false_version:
                seen.is_tainted = False

    # after each input

    def after(self, outputs: Sequence[Output], broken: Sequence[str] = ()) -> None:
        """Judge where an input left the books."""
        live = 0
        for i, seen in self.seen.items():
            seen.received_before = seen.received_at
            if seen.status is not BookStatus.LIVE:
                continue
            live += 1
            _require(self.is_open, "nothing is live without a connection")
            if broken and broken[i]:
                raise Violation(f"live after {broken[i]}")
            if seen.hole > seen.rebuilt:
                raise Violation(f"live after a hole behind version {seen.hole}, without a newer snapshot")
            if self.is_read and seen.reach > seen.shown and not seen.is_tainted:
                self._compare(
                    seen.last, self.exchange.markets[i].ladder(seen.reach, self.depth), "a live book is behind"
                )
                seen.shown = seen.reach
        _require(self.core.live == live, "a change of status is published at once")
        for output in outputs:
            if type(output) is Fetch:
                self._asked(self.symbols[output.instrument.symbol], output)
            elif type(output) is Reconnect:
                _require(self.is_open, "there is no connection to be closed")
                self.is_read = False

    def ticked(self) -> None:
        """Judge what time does."""
        mono = self.now.mono
        bound = max(self.settings.stream_silence_seconds, self.settings.quiet_probe_seconds)
        bound += self.probe_timeout_seconds + self.settings.join_quiet_seconds
        bound += self.settings.snapshot_retry_max_seconds + self.patience_seconds + _SLACK_SECONDS
        beats = not isinstance(self.exchange, BinanceExchange)
        is_silent = beats and self.is_read and mono - self.leapt_at > bound
        for seen in self.seen.values():
            _require(mono - seen.last_at < self.settings.heartbeat_seconds, "every instrument has its heartbeat")
            if seen.status is not BookStatus.LIVE:
                continue
            if mono - max(seen.alive_at, self.leapt_at) > bound:
                raise Violation(f"live though nothing was heard of it for {mono - seen.alive_at:.1f} s")
            if is_silent and mono - self.heard_at > self.frame_silence_seconds + _SLACK_SECONDS:
                raise Violation("live though the connection was silent beyond its bound")

    def _asked(self, i: int, fetch: Fetch) -> None:
        """A request storm is one request too soon after the last that led to nothing."""
        seen, settings, mono = self.seen[i], self.settings, self.now.mono
        crossed = self._sync(i)._crossed_in_a_row
        if crossed != seen.crossed:
            seen.crossed = crossed
            self.forgive(i)
        purpose = fetch.purpose
        elapsed, wait = mono - seen.asked_at.get(purpose, -inf), seen.asked_wait.get(purpose, 0.0)
        if elapsed < wait - 1e-6:
            raise Violation(f"asked for a {purpose} again after {elapsed:.2f} s, not {wait:.2f} s")
        grown = wait * 2 if wait else settings.snapshot_retry_initial_seconds
        seen.asked_wait[purpose] = min(grown, settings.snapshot_retry_max_seconds)
        seen.asked_at[purpose] = mono

    def forgive(self, i: int) -> None:
        """What was asked for came to something, or the world is another: the next request may come at once."""
        self.seen[i].asked_wait.clear()

    def handed(self, handed: HandOver) -> Seen:
        """Judge what is given to a connection of its own, and know it no more."""
        i, standing = self.symbols[handed.instrument.symbol], handed.standing
        seen = self.seen.pop(i)
        last = seen.last
        said = (last.key, last.status, last.reason, last.status_since, seen.last_at, last.epoch, last.sequence)
        names = ("key", "status", "reason", "status_since", "published_at", "epoch", "sequence")
        _require(said == tuple(getattr(standing, name) for name in names), "what is handed over is what was said")
        _require(seen.status is not BookStatus.LIVE, "what is live stays")
        others = [each.status for each in self.seen.values()]
        _require(self.is_read and others != [], "what is alone stays")
        is_spared = BookStatus.LIVE in others or BookStatus.SYNCING in others
        _require(is_spared, "nothing moves to spare what is not live")
        return seen

    def dropped(self, i: int, said: Sequence[BookState]) -> None:
        """Judge the last word of a book that is followed no more."""
        last = [each for each in said if self.symbols[each.symbol] == i]
        _require(len(last) == 1, "what is dropped has one last record")
        (word,) = last
        is_end = word.status is BookStatus.DISCONNECTED and word.reason is Reason.SHUTDOWN
        _require(is_end and not word.bids and not word.asks, "it is that of an end")
        self.is_calm, is_calm = False, self.is_calm
        for each in said:
            self.record(each)
        self.is_calm = is_calm
        del self.seen[i]
        self.gone.add(i)

    def take_over(self, old: "Judge") -> None:
        """What was said over another connection stands, and the core of this one goes on with it."""
        self.records, self.checked, self.is_calm = old.records, self.checked + old.checked, old.is_calm
        for i, theirs in old.seen.items():
            mine = self.seen[i]
            mine.last, mine.last_at, mine.status, mine.had_reason = (
                theirs.last,
                theirs.last_at,
                theirs.status,
                theirs.had_reason,
            )
            mine.shown, mine.live_at = theirs.shown, theirs.live_at
            mine.floor = theirs.shown if theirs.status is BookStatus.LIVE else -1
            mine.said_at = max(mine.said_at, theirs.said_at)
            mine.received_at = max((each for each in (mine.received_at, theirs.received_at) if each), default=None)
            mine.received_before = mine.received_at
            mine.is_received_sure &= theirs.is_received_sure
        for i in self.seen.keys() - old.seen.keys():
            del self.seen[i]

    def took_over(self) -> None:
        """Judge what the core has made of it: what stays live is no older than what was shown."""
        for i, seen in self.seen.items():
            if seen.status is BookStatus.LIVE and not seen.is_tainted:
                current = self._current(i, self._sync(i))
                is_abreast = current is not None and current >= seen.floor
                _require(is_abreast, "a book that is behind stays live")

    def late(self, outputs: Sequence[Output]) -> None:
        """An answer that nobody waits for any more changes nothing."""
        if any(not isinstance(output, Tell) for output in outputs):
            raise Violation("an answer nobody waits for had an effect")

    def memory(self) -> None:
        """Nothing grows without bound."""
        _require(not self.core._effects, "all effects are given out")
        for sync in self.core._syncs:
            if isinstance(sync, SplicedSync):
                bound = self.settings.max_buffered_events
                _require(len(sync._buffer) <= bound, "the buffer is bounded")
                _require(sync._check is None or len(sync._check.changes) <= bound, "a check's buffer is bounded")
            elif isinstance(sync, StreamedSync):
                _require(len(sync._buffer) <= self.settings.max_buffered_events, "the buffer is bounded")

    def stopped(self) -> None:
        """Judge the last records."""
        for seen in self.seen.values():
            is_said = seen.last.status is BookStatus.DISCONNECTED and seen.last.reason is Reason.SHUTDOWN
            _require(is_said, "the last record says disconnected, shutdown")

    @property
    def known(self) -> int:
        """How many levels a side a book can hold."""
        return 10_000

    def depth_of(self, i: int) -> int:
        """Compare a live book with the truth as deep as it claims to know; gives how many levels were compared."""
        seen = self.seen[i]
        sync = self._sync(i)
        version = self._current(i, sync)
        if seen.is_tainted or version is None:
            return 0
        bids, asks = self.exchange.markets[i].ladder(version, self.known)
        true = book_engine()(self.settings.depth)
        true.replace(raw_levels(bids), raw_levels(asks))
        difference = sync._book.find_difference(true)
        if difference is not None:
            raise Violation(f"the book behind the levels is not the true one: {difference}")
        known = sync._book.known_levels
        return sum(len(levels) if known is None else min(len(levels), known) for levels in (bids, asks))


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - an assertion with a name
    if not condition:
        raise Violation(problem)

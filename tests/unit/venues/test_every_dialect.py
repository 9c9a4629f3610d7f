"""Every dialect of the registry through the core, by its own frames: to live, through a loss, past a refusal.

What differs between venues is said by their ``continuity`` and nowhere here.
"""

from collections import deque
from collections.abc import Callable, Sequence

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.rules import RecordRules
from tests.support.voices import VOICES, Market, Voice

from market_data.adapters.venues import DIALECTS
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
    Send,
    Started,
    Ticked,
)
from market_data.domain.continuity import Proof, Scope
from market_data.domain.effects import Fetch, Purpose, Reconnect, Tell
from market_data.domain.normalized import BookState, BookStatus, Reason

_BOUNDS = bounds(depth=10, reseed_below_levels=12, snapshot_limit=100)
_SILENCE = 10.0
ALL = [voice for voices in VOICES.values() for voice in voices]
every_venue = pytest.mark.parametrize("voice", ALL, ids=lambda voice: voice.__name__)


@attrs.define
class Stage:
    """A core and the venue that it speaks to; what each has to say reaches the other at once."""

    kind: type[Voice]
    serves_books: bool = True
    refuses: Sequence[int] = ()
    """Which instruments the venue does not send at first."""
    clock: HandClock = attrs.field(factory=HandClock)
    market: Market = attrs.field(init=False)
    core: FeedCore = attrs.field(init=False)
    voice: Voice = attrs.field(init=False)
    rules: RecordRules = attrs.field(init=False)
    states: list[BookState] = attrs.field(factory=list)
    fetches: list[Fetch] = attrs.field(factory=list)
    sent: list[str] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)
    reconnects: list[Reason] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.market = self.kind.open_market()
        self.market.refused = [self.natives[at] for at in self.refuses]
        venue = self.kind.venue
        self.rules = RecordRules(
            _BOUNDS.depth, _BOUNDS.heartbeat_seconds, is_numbered=venue.continuity.proof is not Proof.CHECKSUM
        )
        self.core = FeedCore(
            venue, self.market.instruments, _BOUNDS, frame_silence_seconds=_SILENCE, books=book_engine()
        )
        self.voice = self.kind(self.market)
        self.give(Started())
        self.give(Opened())

    def give(self, *given: Input) -> None:
        """Give inputs, and whatever comes of them, until nothing more does."""
        waiting = deque(given)
        while waiting:
            outputs = self.core.handle(waiting.popleft(), self.clock.now())
            self.rules.take_all(outputs, self.clock.now())
            for output in outputs:
                waiting += self._react(output)

    def _react(self, output: Output) -> Sequence[Input]:
        match output:
            case BookState():
                self.states.append(output)
            case Fetch(instrument):
                self.fetches.append(output)
                if not self.serves_books:
                    return [FetchFailed(output, Reason.REJECTED)]
                return [Fetched(output, self.voice.book(instrument.native, output.levels))]
            case Send(messages):
                self.sent += messages
                answers = [] if self.market.is_mute else [self.voice.answer(message) for message in messages]
                return [Frames([frame]) for frames in answers for frame in frames]
            case Reconnect(reason):
                self.reconnects.append(reason)
                self.voice = self.kind(self.market)
                return [Closed(Reason.CONNECTION, is_ours=True), Opened()]
            case Tell(message):
                self.told.append(message)
            case HandOver(standing=standing):
                assert standing.reason is Reason.SHUTDOWN, "a book was handed over"
        return ()

    def move(self, at: int, times: int = 1) -> None:
        """Let an instrument's book change, and its venue say so."""
        for _ in range(times):
            self.give(Frames([self.voice.change(self.natives[at])]))
            self.pass_time(0.1)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in ticks of a tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.give(Ticked())

    def until(self, is_so: Callable[[], bool], seconds: float) -> None:
        """Let time pass, and books change, until something is so."""
        for _ in range(round(seconds * 10)):
            if is_so():
                return
            self.clock.advance(0.1)
            self.give(Ticked(), *(Frames([self.voice.change(native)]) for native in self.natives))
        pytest.fail(f"not so within {seconds:g} s: {self.last}")

    @property
    def natives(self) -> Sequence[str]:
        """The native ids of the instruments."""
        return [each.native for each in self.market.instruments]

    @property
    def last(self) -> Sequence[BookState]:
        """The last state of each instrument."""
        return [self.rules.keys[each.key].last for each in self.market.instruments]

    def statuses(self, at: int) -> list[str]:
        """What was said of an instrument, changes alone."""
        key = self.market.instruments[at].key
        said = [f"{each.status} {each.reason or ''}".strip() for each in self.states if each.key == key]
        return [text for number, text in enumerate(said) if number == 0 or text != said[number - 1]]

    @property
    def are_live(self) -> bool:
        """Whether all of them are live."""
        return all(state.is_live for state in self.last)

    def is_true(self, at: int) -> bool:
        """Tell whether what was last said of an instrument is what its venue's book is."""
        state = self.last[at]
        return (tuple(state.bids), tuple(state.asks)) == self.market.books[self.natives[at]].top(_BOUNDS.depth)


def live(kind: type[Voice]) -> Stage:
    """Bring both books to live."""
    stage = Stage(kind)
    stage.until(lambda: stage.are_live, 3.0)
    return stage


def test_every_dialect_of_the_registry_has_a_voice_and_none_is_left_over() -> None:
    assert VOICES.keys() == DIALECTS.keys()
    for name, voices in VOICES.items():
        assert voices
        assert {type(voice.venue) for voice in voices} == {DIALECTS[name]}


@every_venue
def test_both_books_go_live_and_are_the_venues_at_every_change(voice: type[Voice]) -> None:
    stage = live(voice)
    for step in range(200):
        stage.move(step % 2)
        assert stage.are_live
        assert stage.is_true(step % 2)
    assert [state.epoch for state in stage.last] == [1, 1]
    declared = voice.venue.continuity
    assert {(state.proof, state.proven_levels) for state in stage.states} == {(declared.proof, declared.proven_levels)}
    assert stage.reconnects == []
    assert stage.told == []


@every_venue
def test_one_lost_frame_is_one_gap_of_those_whose_it_may_be_and_is_healed(voice: type[Voice]) -> None:
    stage = live(voice)
    continuity = voice.venue.continuity
    if continuity.proof is Proof.NONE:
        pytest.skip("nothing can tell: its test of the comparison with REST stands elsewhere")
    stage.voice.change(stage.natives[0])  # lost
    before = len(stage.states)
    stage.give(Frames([stage.voice.change(stage.natives[0])]))
    first = next(state for state in stage.states[before:] if state.key == stage.last[0].key)
    assert first.status is BookStatus.GAP
    reason = "sequence" if continuity.proof is Proof.SEQUENCE else "audit"
    stage.until(lambda: stage.are_live, 3.0)
    assert f"gap {reason}" in stage.statuses(0)
    assert stage.last[0].epoch == 2
    assert all(map(stage.is_true, (0, 1)))
    if continuity.scope is Scope.INSTRUMENT:
        assert stage.statuses(1) == ["syncing", "live"]
        assert stage.reconnects == []
    else:
        assert f"gap {reason}" in stage.statuses(1)
        assert len(stage.reconnects) == 1


@every_venue
def test_an_instrument_that_is_dropped_gets_its_last_record_and_costs_the_other_nothing(voice: type[Voice]) -> None:
    stage = live(voice)
    sent = len(stage.sent)
    stage.give(Dropped([stage.last[0].key]))
    asked = stage.sent[sent:]
    assert len(asked) == 1
    assert stage.natives[0].lower() in asked[0].lower()
    assert "unsubscribe" in asked[0].lower()
    assert stage.statuses(0) == ["syncing", "live", "disconnected shutdown"]
    said = len([state for state in stage.states if state.key == stage.last[0].key])
    for step in range(50):  # its frames go on to come until the venue has heard us
        stage.move(step % 2)
        assert stage.is_true(1)
    assert said == len([state for state in stage.states if state.key == stage.last[0].key])
    assert stage.statuses(1) == ["syncing", "live"]
    assert stage.reconnects == []
    assert stage.told == []


@every_venue
def test_a_damaged_frame_is_a_gap_of_those_whose_it_may_be_and_is_healed(voice: type[Voice]) -> None:
    stage = live(voice)
    frame = stage.voice.change(stage.natives[0])
    stage.give(Frames([frame[: len(frame) * 2 // 3]]))
    stage.until(lambda: stage.are_live, 3.0)
    assert "gap malformed" in stage.statuses(0)
    assert all(map(stage.is_true, (0, 1)))
    if voice.venue.continuity.scope is Scope.INSTRUMENT and voice.names_first:
        assert stage.statuses(1) == ["syncing", "live"]
        assert stage.reconnects == []


@every_venue
def test_a_book_that_the_venue_refuses_is_rejected_and_live_once_it_takes_it(voice: type[Voice]) -> None:
    stage = Stage(voice, refuses=[0])
    if voice.spares_others:
        stage.move(1, times=200)
        assert stage.last[1].is_live
        assert stage.reconnects == []
    else:
        stage.pass_time(20.0)
    assert stage.last[0].reason is Reason.REJECTED
    assert not any(state.is_live for state in stage.states if state.key == stage.last[0].key)
    stage.market.refused = ()
    stage.until(lambda: stage.are_live, 60.0)
    assert all(map(stage.is_true, (0, 1)))


@every_venue
def test_a_connection_that_says_nothing_is_lost_within_its_bound(voice: type[Voice]) -> None:
    venue = voice.venue
    if not venue.sends_heartbeats:
        pytest.skip("a quiet connection is legal: its books are probed one by one")
    stage = live(voice)
    stage.market.is_mute = True
    stage.pass_time(_SILENCE + (venue.ping_seconds or 0.0) + 0.5)
    assert stage.reconnects == [Reason.SILENCE]
    assert {state.status for state in stage.last} == {BookStatus.SYNCING}
    assert all("stale silence" in stage.statuses(at) for at in (0, 1))


@every_venue
def test_answers_to_our_pings_keep_a_quiet_connection_and_its_books(voice: type[Voice]) -> None:
    venue = voice.venue
    if venue.ping_seconds is None:
        pytest.skip("the venue wants no pings")
    stage = live(voice)
    sent = len(stage.sent)
    stage.pass_time(101.0)
    assert stage.sent[sent:] == [*venue.session(stage.market.instruments).ping()] * 5
    assert stage.are_live
    assert [fetch.purpose for fetch in stage.fetches].count(Purpose.PROBE) >= 2
    assert stage.reconnects == []
    assert all(stage.statuses(at) == ["syncing", "live"] for at in (0, 1))

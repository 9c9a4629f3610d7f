"""The core with large frames read ahead: it says what it would have said, and nobody is late meanwhile."""

import sys
from collections.abc import Sequence

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.venues import BINANCE, COINBASE, binance_event, coinbase_event, coinbase_frame, instrument

from market_data.application.core import FeedCore
from market_data.application.inputs import Closed, Frames, Input, Opened, Output, Started, Ticked
from market_data.application.ports import Venue
from market_data.domain.effects import Tell
from market_data.domain.instrument import Instrument
from market_data.domain.levels import Level
from market_data.domain.normalized import BookState, BookStatus, Reason

COUNT = 1500
BIDS: list[Level] = [(f"{30_000 - number}.5", f"{number + 1}") for number in range(COUNT)]
ASKS: list[Level] = [(f"{30_001 + number}.5", f"{number + 1}") for number in range(COUNT)]


def frame(number: int, native: str, bids: Sequence[Level] = BIDS, asks: Sequence[Level] = ASKS) -> bytes:
    return coinbase_frame(number, [coinbase_event("snapshot", native, bids, asks)])


def update(number: int, native: str, *bids: Level) -> bytes:
    return coinbase_frame(number, [coinbase_event("update", native, bids, [])])


def spoilt(at: int, level: Level) -> Sequence[Level]:
    return [*BIDS[:at], level, *BIDS[at + 1 :]]


@attrs.define
class Line:
    """A core, by a clock that is moved by hand."""

    reads_ahead: bool
    venue: Venue = COINBASE
    instruments: Sequence[Instrument] = (instrument("coinbase:BTC-USD"), instrument("coinbase:ETH-USD"))
    clock: HandClock = attrs.field(factory=HandClock)
    core: FeedCore = attrs.field(init=False)
    outputs: list[Output] = attrs.field(factory=list)
    steps: int = 0

    def __attrs_post_init__(self) -> None:
        self.core = FeedCore(self.venue, self.instruments, bounds(), frame_silence_seconds=10.0, books=book_engine())
        self.give(Started())
        self.give(Opened())

    def give(self, given: Input) -> None:
        self.outputs += self.core.handle(given, self.clock.moment)

    def say(self, *frames: bytes) -> None:
        self.clock.advance(0.01)
        if self.reads_ahead:
            self.ahead(frames[0])
        self.give(Frames(frames))

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)
            self.give(Ticked())

    def ahead(self, given: bytes) -> None:
        self.steps += sum(1 for _ in self.core.reading(given))

    @property
    def told(self) -> list[str]:
        return [output.message for output in self.outputs if isinstance(output, Tell)]

    @property
    def said(self) -> list[tuple[str, BookStatus, Reason | None]]:
        return [(each.symbol, each.status, each.reason) for each in self.outputs if isinstance(each, BookState)]


CASES: dict[str, Sequence[Sequence[bytes]]] = {
    "a snapshot": [[frame(0, "BTC-USD")]],
    "a snapshot and what follows": [
        [frame(0, "BTC-USD"), update(1, "BTC-USD", ("30000.5", "0")), frame(2, "ETH-USD")],
    ],
    "two in turn": [[frame(0, "BTC-USD")], [frame(1, "ETH-USD")]],
    "one after the other of the same book": [
        [frame(0, "BTC-USD")],
        [frame(1, "BTC-USD", BIDS[7:])],
        [update(2, "BTC-USD", ("30000", "1"))],
    ],
    "a number that is not its turn": [[frame(1, "BTC-USD")]],
    "a book nobody asked for": [[frame(0, "SOL-USD")]],
    "a level that is none": [[frame(0, "BTC-USD", spoilt(700, ("1e5", "1")))]],
    "a level too long": [[frame(0, "BTC-USD", spoilt(1499, ("1" * 50, "1")))]],
    "levels removed and doubled": [[frame(0, "BTC-USD", [*BIDS, ("30000.50", "0"), *BIDS[5:9]])]],
    "a crossed book": [[frame(0, "BTC-USD", BIDS, BIDS)]],
    "a book without asks": [[frame(0, "BTC-USD", BIDS, [])]],
    "a price of many digits": [[frame(0, "BTC-USD", spoilt(900, ("1.00000000000000000000001", "1")))]],
}


@pytest.mark.parametrize("says", CASES.values(), ids=CASES.keys())
def test_a_core_says_the_same_of_frames_read_ahead(says: Sequence[Sequence[bytes]]) -> None:
    ahead, whole = Line(reads_ahead=True), Line(reads_ahead=False)
    for line in (ahead, whole):
        for frames in says:
            line.say(*frames)
        line.say(update(3, "BTC-USD", ("29000.5", "0"), ("30000.75", "4")))
        line.wait(6.0)
    assert ahead.outputs == whole.outputs
    assert ahead.steps > 0


def test_a_frame_that_cannot_be_read_is_refused_in_the_same_words() -> None:
    ahead, whole = Line(reads_ahead=True), Line(reads_ahead=False)
    for line in (ahead, whole):
        line.say(frame(0, "BTC-USD")[:-100])
    assert ahead.outputs == whole.outputs
    assert "a frame could not be read" in whole.told


def test_what_was_read_ahead_is_not_taken_for_another_frame() -> None:
    ahead, whole = Line(reads_ahead=True), Line(reads_ahead=False)
    ahead.ahead(frame(0, "BTC-USD"))
    for line in (ahead, whole):
        line.give(Frames([frame(0, "BTC-USD", BIDS[3:])]))
    assert ahead.outputs == whole.outputs


def test_what_was_read_ahead_ends_with_its_connection() -> None:
    ahead, whole = Line(reads_ahead=True), Line(reads_ahead=False)
    large = frame(0, "BTC-USD")
    ahead.ahead(large)
    for line in (ahead, whole):
        line.give(Closed(Reason.CONNECTION))
        assert list(line.core.reading(large)) == [], "there is no connection"
        line.give(Opened())
        line.give(Frames([large]))
    assert ahead.outputs == whole.outputs


def test_nothing_is_kept_of_a_frame_that_was_given() -> None:
    line, large = Line(reads_ahead=True), frame(0, "BTC-USD")
    before = sys.getrefcount(large)
    line.ahead(large)
    assert sys.getrefcount(large) > before
    line.give(Frames([large]))
    assert sys.getrefcount(large) == before


def test_one_market_under_two_names_has_a_book_for_each() -> None:
    names = [Instrument("coinbase", symbol, "BTC-USD") for symbol in ("BTC-USD", "BTC-USDC")]
    lines = [Line(reads_ahead=ahead, instruments=names) for ahead in (True, False)]
    for line in lines:
        line.say(frame(0, "BTC-USD"))
        line.say(update(1, "BTC-USD", ("30000.75", "4")))
        line.say(update(2, "BTC-USD", ("30000.75", "0")))
    assert lines[0].outputs == lines[1].outputs
    assert [status for _, status, _ in lines[0].said].count(BookStatus.LIVE) == 6


def test_a_venue_without_large_frames_reads_nothing_ahead() -> None:
    line = Line(reads_ahead=True, venue=BINANCE, instruments=[instrument("binance:BTC-USDT")])
    line.say(binance_event("BTCUSDT", 1, 2, BIDS, ASKS))
    assert line.steps == 0


def test_nobody_is_late_while_a_frame_is_read_ahead_and_then_as_late_as_before() -> None:
    line = Line(reads_ahead=False)
    line.wait(9.5)
    read = line.clock.moment.wall
    large = frame(0, "BTC-USD")
    line.give(Frames(()))
    for _ in range(60):
        line.clock.advance(0.1)
        line.give(Frames(()))
        line.give(Ticked())
    line.ahead(large)
    line.outputs += line.core.handle(Frames([large]), attrs.evolve(line.clock.moment, read=read))
    live = [each for each in line.outputs if isinstance(each, BookState) and each.status is BookStatus.LIVE]
    assert [each.received_time for each in live] == [read]
    line.clock.advance(0.4)
    line.give(Ticked())
    assert line.told == []
    line.clock.advance(0.2)
    line.give(Ticked())
    assert line.told == ["the venue does not acknowledge an instrument, asking again"], "half a second was left"
    assert line.said[-1] == ("ETH-USD", BookStatus.SYNCING, Reason.REJECTED)

"""The core over a slow line: while the bytes of a large frame come, nobody is late for what may be behind it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.rules import RecordRules
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
from market_data.application.inputs import Closed, Fetched, Frames, Opened, Output, Send, Started, Ticked
from market_data.application.ports import Venue
from market_data.domain.effects import Fetch, Reconnect, Tell
from market_data.domain.normalized import BookState, BookStatus, Level, Reason

BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
FAR = "the venue's clock is far from ours"
STEP = 0.125
NATIVES = [f"P{number}-USD" for number in range(10)]


@attrs.define
class Line:
    """A core at the end of a line whose frames take their time."""

    venue: Venue = COINBASE
    keys: Sequence[str] = tuple(f"coinbase:{native}" for native in NATIVES)
    clock: HandClock = attrs.field(factory=HandClock)
    core: FeedCore = attrs.field(init=False)
    rules: RecordRules = attrs.field(factory=lambda: RecordRules(3, 5.0))
    outputs: list[Output] = attrs.field(factory=list)
    number: int = 0

    def __attrs_post_init__(self) -> None:
        books = [instrument(key) for key in self.keys]
        self.core = FeedCore(self.venue, books, bounds(), frame_silence_seconds=10.0, books=book_engine())
        self.give(Started())
        self.give(Opened())
        self.outputs.clear()

    def give(self, given: Started | Opened | Closed | Frames | Ticked | Fetched) -> list[Output]:
        outputs = self.core.handle(given, self.clock.moment)
        self.rules.take_all(outputs, self.clock.moment)
        self.outputs += outputs
        return outputs

    def frame(self, *events: dict[str, Any], channel: str = "l2_data") -> bytes:
        self.number += 1
        return coinbase_frame(self.number - 1, events, channel)

    def snapshot(self, native: str) -> bytes:
        return self.frame(coinbase_event("snapshot", native, BIDS, ASKS))

    def update(self, native: str, seconds_ago: float) -> bytes:
        micros = self.clock.moment.wall - round(seconds_ago * 1e6)
        event = coinbase_event("update", native, [("100", str(self.number + 2))], [])
        event["updates"][0]["event_time"] = _text(micros)
        return self.frame(event)

    def bring(self, frame: bytes, seconds: float) -> None:
        """Let a frame take so long to come."""
        for _ in range(round(seconds / STEP)):
            self.clock.advance(STEP)
            self.give(Frames(()))
            self.give(Ticked())
            self.rules.check_heartbeats(self.clock.moment)
        self.give(Frames([frame]))
        self.give(Ticked())

    def wait(self, seconds: float, *, beats: bool = True) -> list[Output]:
        """Let time pass with nothing on the line but a heartbeat now and then."""
        outputs: list[Output] = []
        for step in range(round(seconds / STEP)):
            self.clock.advance(STEP)
            if beats and step % 8 == 7:
                outputs += self.give(Frames([self.frame({"heartbeat_counter": step}, channel="heartbeats")]))
            outputs += self.give(Ticked())
        return outputs

    @property
    def told(self) -> set[tuple[BookStatus, Reason | None]]:
        return {(state.status, state.reason) for state in self.outputs if isinstance(state, BookState)}

    @property
    def done(self) -> list[Output]:
        """All that is not a record."""
        return [output for output in self.outputs if not isinstance(output, BookState)]


def _text(micros: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("is_acknowledged_first", [False, True], ids=["snapshots first", "acknowledged first"])
def test_snapshots_on_a_slow_line_are_neither_refused_nor_asked_for_again(*, is_acknowledged_first: bool) -> None:
    line = Line()
    acknowledgement = {"subscriptions": {"level2": NATIVES}}
    if is_acknowledged_first:
        line.give(Frames([line.frame(acknowledgement, channel="subscriptions")]))
    for at, native in enumerate(NATIVES):
        line.bring(line.snapshot(native), 6.0)
        assert line.core.live == at + 1
        line.give(Frames([line.update(each, 6.0 * (at + 1)) for each in NATIVES[: at + 1]]))
        line.give(Ticked())
    assert line.told == {(BookStatus.SYNCING, None), (BookStatus.LIVE, None)}
    assert line.done == [], "nothing was sent, fetched, told or closed"


def test_what_has_not_come_once_the_line_is_free_is_late_by_its_own_bound() -> None:
    line = Line()
    line.give(Frames([line.frame({"subscriptions": {"level2": NATIVES[:1]}}, channel="subscriptions")]))
    line.bring(line.snapshot(NATIVES[0]), 30.0)
    assert line.done == []
    line.wait(0.75)
    assert any(isinstance(output, Send) for output in line.done), "denied before the line was busy: half a second"
    line.wait(9.5)
    assert {state.reason for state in line.outputs if isinstance(state, BookState) and state.symbol != "P0-USD"} == {
        None,
        Reason.REJECTED,
    }


def test_a_frame_that_stops_in_the_middle_is_silence_counted_from_its_last_byte() -> None:
    line = Line()
    for _ in range(100):
        line.clock.advance(STEP)
        line.give(Frames(()))
        line.give(Ticked())
    for _ in range(79):
        line.clock.advance(STEP)
        assert not [each for each in line.give(Ticked()) if isinstance(each, Reconnect)]
    line.clock.advance(STEP)
    assert Reconnect(Reason.SILENCE) in line.give(Ticked())


def test_a_frame_of_a_venue_without_heartbeats_that_stops_in_the_middle_is_silence_as_well() -> None:
    line = Line(BINANCE, ("binance:BTC-USDT",))
    line.give(Frames(()))
    assert not [each for each in line.wait(9.875, beats=False) if isinstance(each, Reconnect)]
    assert Reconnect(Reason.SILENCE) in line.wait(STEP, beats=False)


def test_a_frame_that_a_lost_connection_cut_off_keeps_nobody_waiting_on_the_next_one() -> None:
    line = Line(BINANCE, ("binance:BTC-USDT",))
    line.give(Frames(()))
    line.clock.advance(STEP)
    line.give(Closed(Reason.CONNECTION, is_ours=False))
    line.give(Opened())
    line.outputs.clear()
    line.wait(12.0, beats=False)
    assert line.told == {(BookStatus.SYNCING, Reason.CONNECTION), (BookStatus.SYNCING, Reason.SILENCE)}
    assert not [each for each in line.done if isinstance(each, Reconnect)], "nothing was owed on this connection"


def test_a_book_that_falls_silent_is_probed_by_its_own_bound_after_the_line_is_free() -> None:
    line = Line(keys=("coinbase:P0-USD", "coinbase:P1-USD"))
    line.give(Frames([line.snapshot("P0-USD")]))
    line.wait(9.0)
    line.bring(line.snapshot("P1-USD"), 20.0)
    assert line.done == []
    line.wait(5.5)
    assert line.done == []
    probes = [output for output in line.wait(0.5) if isinstance(output, Fetch)]
    assert [probe.instrument.symbol for probe in probes] == ["P0-USD"]


def test_streams_that_wait_behind_a_large_frame_are_neither_renewed_nor_said_to_be_behind() -> None:
    line = Line(BINANCE, ("binance:BTC-USDT", "binance:ETH-USDT"))
    line.give(Frames([binance_event("BTCUSDT", 101, 101, [], [])]))
    (fetch,) = (output for output in line.outputs if isinstance(output, Fetch))
    line.give(Fetched(fetch, binance_book(100, BIDS, ASKS)))
    assert line.core.live == 1
    line.outputs.clear()
    line.bring(binance_event("BTCUSDT", 102, 102, [("100", "2")], []), 60.0)
    assert line.done == []
    assert line.told <= {(BookStatus.SYNCING, None), (BookStatus.LIVE, None)}
    line.wait(9.5, beats=False)
    assert line.done == []
    assert any(isinstance(output, Send) for output in line.wait(1.0, beats=False)), "ETH has never spoken"


# clocks


def tells(outputs: Sequence[Output]) -> list[str]:
    return [output.message for output in outputs if isinstance(output, Tell)]


def test_what_waited_behind_a_large_frame_is_not_told_as_the_venues_clock() -> None:
    line = Line(keys=("coinbase:P0-USD", "coinbase:P1-USD"))
    line.bring(line.snapshot("P0-USD"), 25.0)
    for seconds_ago in (24.0, 20.0, 15.0, 11.0):
        line.give(Frames([line.update("P0-USD", seconds_ago)]))
        line.wait(STEP)
    line.wait(60.0)
    assert FAR not in tells(line.outputs)


def test_a_clock_that_is_far_off_is_told_however_slow_the_line_is() -> None:
    line = Line(keys=("coinbase:P0-USD",))
    line.bring(line.snapshot("P0-USD"), 25.0)
    line.give(Frames([line.update("P0-USD", 3600.0)]))
    line.give(Ticked())
    assert tells(line.outputs) == [FAR], "nothing is older than its connection"


def test_a_clock_that_is_ahead_is_told_however_slow_the_line_is() -> None:
    line = Line(keys=("coinbase:P0-USD",))
    line.bring(line.snapshot("P0-USD"), 25.0)
    line.give(Frames([line.update("P0-USD", -10.0)]))
    line.give(Ticked())
    assert tells(line.outputs) == [], "just as far as is allowed"
    line.give(Frames([line.update("P0-USD", -11.0)]))
    line.give(Ticked())
    assert tells(line.outputs) == [FAR]


def test_a_clock_that_is_behind_is_told_once_the_line_has_been_free_for_longer_than_that() -> None:
    line = Line(keys=("coinbase:P0-USD",))
    line.bring(line.snapshot("P0-USD"), 25.0)
    line.wait(10.0)
    line.give(Frames([line.update("P0-USD", 11.0)]))
    line.give(Ticked())
    assert tells(line.outputs) == []
    line.wait(2.0)
    line.give(Frames([line.update("P0-USD", 11.0)]))
    line.give(Ticked())
    assert tells(line.outputs) == [FAR]


def test_what_was_late_on_one_connection_says_nothing_of_the_next() -> None:
    line = Line(keys=("coinbase:P0-USD",))
    line.bring(line.snapshot("P0-USD"), 25.0)
    line.give(Frames([line.update("P0-USD", 20.0)]))
    line.clock.advance(STEP)
    line.give(Opened())
    line.give(Ticked())
    assert tells(line.outputs) == []

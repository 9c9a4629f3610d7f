"""The core over Binance's frames: each instrument for itself, snapshots fetched, streams renewed."""

import json
from collections.abc import Sequence

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.rules import RecordRules
from tests.support.venues import BINANCE, binance_book, binance_event, instrument

from market_data.adapters.venues.binance import Binance
from market_data.adapters.venues.wire import Endpoint
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
    Ticked,
)
from market_data.application.ports import Venue
from market_data.domain.effects import Fetch, Purpose, Reconnect, Replace, Tell
from market_data.domain.errors import RequestFailed
from market_data.domain.events import Snapshot
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, BookStatus, Level, Reason
from market_data.domain.sync import SyncSettings

BTC, ETH = "binance:BTC-USDT", "binance:ETH-USDT"
BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]


@attrs.define
class Bench:
    """A core with two books, its inputs as short commands."""

    settings: SyncSettings = attrs.field(factory=bounds)
    venue: Venue = BINANCE
    clock: HandClock = attrs.field(factory=HandClock)
    core: FeedCore = attrs.field(init=False)
    rules: RecordRules = attrs.field(init=False)
    fetches: dict[str, Fetch] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.core = FeedCore(
            self.venue,
            [instrument(BTC), instrument(ETH)],
            self.settings,
            frame_silence_seconds=10.0,
            books=book_engine(),
        )
        self.rules = RecordRules(self.settings.depth, self.settings.heartbeat_seconds)

    def give(self, given: Input) -> list[Output]:
        outputs = self.core.handle(given, self.clock.moment)
        self.rules.take_all(outputs, self.clock.moment)
        self.fetches |= {output.instrument.key: output for output in outputs if isinstance(output, Fetch)}
        return outputs

    def frames(self, *frames: bytes) -> list[Output]:
        return self.give(Frames(frames))

    def go_live(self) -> None:
        self.give(Started())
        self.give(Opened())
        self.frames(b'{"result":null,"id":1}')
        for key in (BTC, ETH):
            self.give(Fetched(self.fetches[key], binance_book(100, BIDS, ASKS)))
        self.frames(binance_event("BTCUSDT", 101, 101, [], []), binance_event("ETHUSDT", 101, 101, [], []))
        assert self.statuses == {BTC: (BookStatus.LIVE, None), ETH: (BookStatus.LIVE, None)}

    @property
    def statuses(self) -> dict[str, tuple[BookStatus, Reason | None]]:
        return {key: (seen.last.status, seen.last.reason) for key, seen in self.rules.keys.items()}


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.go_live()
    return bench


def tells(outputs: Sequence[Output]) -> list[str]:
    return [output.message for output in outputs if isinstance(output, Tell)]


def test_the_acknowledgement_of_a_subscription_has_its_books_fetched() -> None:
    bench = Bench()
    bench.give(Started())
    (sent,) = bench.give(Opened())
    assert isinstance(sent, Send)
    assert bench.fetches == {}
    bench.frames(b'{"result":null,"id":1}')
    assert set(bench.fetches) == {BTC, ETH}


def test_missing_changes_of_one_instrument_touch_no_other(bench: Bench) -> None:
    outputs = bench.frames(
        binance_event("BTCUSDT", 103, 104, [("100", "2")], []), binance_event("ETHUSDT", 102, 104, [("100", "2")], [])
    )
    assert bench.statuses == {BTC: (BookStatus.GAP, Reason.SEQUENCE), ETH: (BookStatus.LIVE, None)}
    assert not any(isinstance(output, Reconnect) for output in outputs)
    assert "changes are missing" in tells(outputs)


def test_a_damaged_frame_that_says_whose_it_is_refutes_that_book_only(bench: Bench) -> None:
    outputs = bench.frames(binance_event("BTCUSDT", 102, 104, [("100", "2")], [])[:-20])
    assert bench.statuses == {BTC: (BookStatus.GAP, Reason.MALFORMED), ETH: (BookStatus.LIVE, None)}
    assert not any(isinstance(output, Reconnect) for output in outputs)
    assert bench.frames(binance_event("ETHUSDT", 102, 103, [("100", "5")], []))


BAD_LEVELS = {
    "null": b"null",
    "no list": b'{"100":"2"}',
    "a level of three": b'[["100","2","1"]]',
    "a level of one": b'[["100"]]',
    "numbers, not text": b'[[100,"2"]]',
    "no UTF-8": b'[["100","1.5\xff\xfe8"]]',
    "no plain decimal": b'[["1e5","2"]]',
}


@pytest.mark.parametrize("levels", BAD_LEVELS.values(), ids=BAD_LEVELS)
@pytest.mark.parametrize("side", ["b", "a"])
def test_levels_that_are_none_refute_their_own_book_only(bench: Bench, side: str, levels: bytes) -> None:
    frame = binance_event("BTCUSDT", 102, 104, [], []).replace(f'"{side}":[]'.encode(), f'"{side}":'.encode() + levels)
    outputs = bench.frames(frame)
    assert bench.statuses == {BTC: (BookStatus.GAP, Reason.MALFORMED), ETH: (BookStatus.LIVE, None)}
    assert not any(isinstance(output, Reconnect) for output in outputs)
    assert "a change could not be applied" in tells(outputs)


@pytest.mark.parametrize("frame", [b"", b"\xff\xff", b'{"stream":12}', b"[1,2]"], ids=repr)
def test_a_damaged_frame_that_says_nothing_refutes_all_and_ends_the_connection(bench: Bench, frame: bytes) -> None:
    outputs = bench.frames(frame, binance_event("ETHUSDT", 102, 103, [("100", "5")], []))
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.GAP, Reason.MALFORMED))
    assert Reconnect(Reason.MALFORMED) in outputs
    bench.give(Closed(Reason.CONNECTION, is_ours=True))
    bench.give(Opened())
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.GAP, Reason.MALFORMED))


def test_a_frame_of_an_instrument_that_was_not_asked_for_is_told_and_ignored(bench: Bench) -> None:
    outputs = bench.frames(binance_event("XRPUSDT", 1, 2, [("1", "1")], []))
    assert tells(outputs) == ["the venue sent an instrument that was not asked for"]
    assert bench.core.live == 2


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
        b'{"e":"serverShutdown","E":1770123456789}',
    ],
    ids=["combined", "raw"],
)
def test_a_connection_that_is_about_to_be_closed_shall_be_replaced_and_is_read_on(bench: Bench, frame: bytes) -> None:
    assert Replace() in bench.frames(frame)
    assert bench.frames(frame) == [], "once is enough"
    bench.frames(binance_event("BTCUSDT", 102, 104, [("100", "2")], []))
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.LIVE, None))
    bench.give(Closed(Reason.CONNECTION))
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.DISCONNECTED, Reason.CONNECTION))
    bench.give(Opened())
    assert Replace() in bench.frames(frame)


def test_a_refused_subscription_is_the_reason_of_its_instruments() -> None:
    bench = Bench()
    bench.give(Started())
    bench.give(Opened())
    bench.frames(b'{"code":2,"msg":"Invalid request: too many parameters","id":1}')
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.SYNCING, Reason.REJECTED))


def test_a_dead_stream_is_subscribed_anew_on_the_same_connection(bench: Bench) -> None:
    sent: list[str] = []
    for step in range(200):
        bench.clock.advance(0.125)
        bench.frames(binance_event("ETHUSDT", 102 + step, 102 + step, [], []))
        for output in bench.give(Ticked()):
            match output:
                case Fetch(asked) if asked.key == BTC:
                    bench.give(Fetched(output, binance_book(150, BIDS, ASKS)))
                case Send(messages):
                    sent += messages
        if sent:
            break
    assert bench.statuses == {BTC: (BookStatus.STALE, Reason.SILENCE), ETH: (BookStatus.LIVE, None)}
    assert [json.loads(message)["method"] for message in sent] == ["UNSUBSCRIBE", "SUBSCRIBE"]
    assert [json.loads(message)["params"] for message in sent] == [["btcusdt@depth@100ms"]] * 2


def test_an_answer_that_can_not_be_read_is_told_and_asked_for_again() -> None:
    bench = Bench()
    bench.give(Started())
    bench.give(Opened())
    bench.frames(binance_event("BTCUSDT", 101, 101, [], []))
    outputs = bench.give(Fetched(bench.fetches.pop(BTC), b"<html>busy</html>"))
    assert tells(outputs) == ["an answer could not be read"]
    assert bench.statuses[BTC] == (BookStatus.SYNCING, Reason.MALFORMED)
    bench.clock.advance(0.5)
    bench.give(Ticked())
    bench.give(Fetched(bench.fetches[BTC], binance_book(101, BIDS, ASKS)))
    bench.frames(binance_event("BTCUSDT", 102, 102, [], []))
    assert bench.statuses[BTC] == (BookStatus.LIVE, None)


class _Refusing(Binance):
    """Errors come with status 200."""

    def read_book(self, instrument: Instrument, levels: int, body: bytes) -> Snapshot:
        if b"error" in body:
            raise RequestFailed("http://127.0.0.1:9", "too many requests", reason=Reason.RATE_LIMITED)
        return super().read_book(instrument, levels, body)


def test_an_answer_that_is_a_refusal_under_status_200_is_its_reason_and_asked_for_again() -> None:
    bench = Bench(venue=_Refusing(Endpoint("binance", "ws://127.0.0.1:9", "http://127.0.0.1:9", 200, 4, 3000)))
    bench.give(Started())
    bench.give(Opened())
    bench.frames(binance_event("BTCUSDT", 101, 101, [], []))
    bench.give(Fetched(bench.fetches.pop(BTC), b'{"error":["EGeneral:Too many requests"]}'))
    assert bench.statuses[BTC] == (BookStatus.SYNCING, Reason.RATE_LIMITED)
    bench.clock.advance(0.5)
    bench.give(Ticked())
    bench.give(Fetched(bench.fetches[BTC], binance_book(101, BIDS, ASKS)))
    bench.frames(binance_event("BTCUSDT", 102, 102, [], []))
    assert bench.statuses[BTC] == (BookStatus.LIVE, None)


def test_a_rate_limited_snapshot_is_the_reason_while_syncing_and_the_venues_time_is_kept() -> None:
    bench = Bench()
    bench.give(Started())
    bench.give(Opened())
    bench.frames(binance_event("BTCUSDT", 101, 101, [], []))
    bench.give(FetchFailed(bench.fetches.pop(BTC), Reason.RATE_LIMITED, 7.0))
    assert bench.statuses[BTC] == (BookStatus.SYNCING, Reason.RATE_LIMITED)
    for _ in range(55):
        bench.clock.advance(0.125)
        bench.give(Ticked())
    assert BTC not in bench.fetches
    bench.clock.advance(0.125)
    bench.give(Ticked())
    assert BTC in bench.fetches


def test_a_connection_that_does_not_even_answer_a_renewal_is_given_up(bench: Bench) -> None:
    def wait(seconds: float) -> list[Output]:
        outputs = []
        for _ in range(int(seconds * 8)):
            bench.clock.advance(0.125)
            outputs += bench.give(Ticked())
        return outputs

    wait(15.125)
    for key in (BTC, ETH):
        bench.give(Fetched(bench.fetches[key], binance_book(110, BIDS, ASKS)))
    (sent,) = (output for output in wait(1.125) if isinstance(output, Send))
    assert [len(json.loads(message)["params"]) for message in sent.messages] == [2, 2], "both in one message"
    assert not any(isinstance(output, Reconnect) for output in wait(9.0))
    assert [output for output in wait(1.0) if isinstance(output, Reconnect)] == [Reconnect(Reason.SILENCE)]
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.STALE, Reason.SILENCE))


def test_a_renewal_that_is_answered_keeps_the_connection(bench: Bench) -> None:
    outputs: list[Output] = []
    for _ in range(300):
        bench.clock.advance(0.125)
        now = bench.give(Ticked())
        if any(isinstance(output, Send) for output in now):
            now += bench.frames(b'{"result":null,"id":2}')
        for key in list(bench.fetches):
            now += bench.give(Fetched(bench.fetches.pop(key), binance_book(110, BIDS, ASKS)))
        outputs += now
    assert sum(isinstance(output, Send) for output in outputs) == 1
    assert not any(isinstance(output, Reconnect) for output in outputs)
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.LIVE, None))


@pytest.mark.parametrize("comes_back", [False, True], ids=["stays dead", "comes to life before its turn"])
def test_a_renewal_waits_for_its_turn_to_be_sent_and_is_left_where_the_book_is_live_by_then(
    *, comes_back: bool
) -> None:
    bench = Bench(venue=Binance(Endpoint("binance", "ws://127.0.0.1:9", "http://127.0.0.1:9", 2, 0.5, 3000)))
    bench.go_live()
    sent: list[tuple[float, list[str]]] = []
    began = bench.clock.moment.mono
    for step in range(8 * 24):
        bench.clock.advance(0.125)
        if step < 4:  # BTC falls silent half a second later
            bench.frames(binance_event("BTCUSDT", 102 + step, 102 + step, [], []))
        for output in bench.give(Ticked()):
            match output:
                case Send(messages):
                    sent.append((bench.clock.moment.mono - began, json.loads(messages[1])["params"]))
                    bench.frames(b'{"result":null,"id":9}')
                case Fetch(asked, Purpose.PROBE):
                    bench.give(Fetched(output, binance_book(200, BIDS, ASKS)))
                case Fetch(asked, Purpose.SNAPSHOT) if comes_back and asked.key == BTC:
                    bench.give(Fetched(output, binance_book(200, BIDS, ASKS)))
                    bench.frames(binance_event("BTCUSDT", 201, 201, [], []))
                    assert bench.statuses[BTC] == (BookStatus.LIVE, None)
    (first, eth), *later = sent
    assert eth == ["ethusdt@depth@100ms"]
    assert later == ([] if comes_back else [(first + 4.0, ["btcusdt@depth@100ms"])])


def test_the_same_inputs_give_the_same_effects() -> None:
    def run() -> list[Output]:
        bench = Bench()
        outputs = [*bench.give(Started()), *bench.give(Opened())]
        outputs += bench.frames(b'{"result":null,"id":1}', binance_event("BTCUSDT", 101, 105, [("100", "3")], []))
        outputs += bench.give(Fetched(bench.fetches[BTC], binance_book(100, BIDS, ASKS)))
        bench.clock.advance(20)
        return [*outputs, *bench.give(Ticked()), *bench.frames(b"garbage")]

    assert run() == run()


def test_a_live_book_is_not_published_twice_for_one_batch_that_changes_nothing(bench: Bench) -> None:
    outputs = bench.frames(*(binance_event("BTCUSDT", number, number, [], []) for number in range(102, 120)))
    assert [output for output in outputs if isinstance(output, BookState)] == []


# clocks


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(5.0, id="the machine slept"),
        pytest.param(-3600.0, id="an hour back"),
        pytest.param(1.0, id="a second"),
    ],
)
def test_a_wall_clock_that_leaps_makes_live_books_stale_until_the_venue_shows_that_they_are_not(
    bench: Bench, seconds: float
) -> None:
    bench.give(Ticked())
    now = bench.clock.moment
    bench.clock.moment = Moment(now.wall + round(seconds * 1e6) + 125_000, now.mono + 0.125)
    outputs = bench.give(Ticked())
    assert "the wall clock stepped" in tells(outputs)
    check_doubted(bench)


@pytest.mark.parametrize("is_frame_first", [False, True], ids=["a tick comes first", "a frame comes first"])
def test_a_program_that_did_not_run_takes_nothing_for_live_that_waited_meanwhile(
    bench: Bench,
    is_frame_first: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    bench.give(Ticked())
    bench.clock.advance(40)
    if is_frame_first:
        outputs = bench.frames(binance_event("BTCUSDT", 102, 102, [("100", "3")], []))
        bench.give(Ticked())
    else:
        outputs = bench.give(Ticked())
        bench.frames(binance_event("BTCUSDT", 102, 102, [("100", "3")], []))
    assert "the program was not running" in tells(outputs)
    check_doubted(bench, number=103)


def check_doubted(bench: Bench, number: int = 102) -> None:
    """See that only the venue's own book of now makes one live again."""
    doubted = (BookStatus.STALE, Reason.CLOCK)
    assert bench.statuses == dict.fromkeys((BTC, ETH), doubted)
    bench.frames(binance_event("BTCUSDT", number, number, [("100", "2")], []))
    assert bench.statuses[BTC] == doubted, "it may have waited in the kernel"
    fetch = bench.fetches[BTC]
    assert fetch.purpose is Purpose.PROBE
    bench.give(Fetched(fetch, binance_book(number + 1, [("100", "7"), *BIDS[1:]], ASKS)))
    assert bench.statuses[BTC] == doubted
    bench.frames(binance_event("BTCUSDT", number + 1, number + 1, [("100", "7")], []))
    assert bench.statuses == {BTC: (BookStatus.LIVE, None), ETH: doubted}
    assert bench.rules.keys[BTC].last.epoch == 2


def test_a_quiet_book_whose_clock_leapt_is_probed_at_once_and_live_when_the_venue_agrees(bench: Bench) -> None:
    bench.give(Ticked())
    now = bench.clock.moment
    bench.clock.moment = Moment(now.wall + 10_000_000, now.mono)
    fetches = [output for output in bench.give(Ticked()) if isinstance(output, Fetch)]
    assert {fetch.purpose for fetch in fetches} == {Purpose.PROBE}
    for fetch in fetches:
        bench.give(Fetched(fetch, binance_book(101, BIDS, ASKS)))
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.LIVE, None))


@pytest.mark.parametrize("behind_seconds", [11, -11], ids=["the venue is behind", "the venue is ahead"])
def test_a_venue_whose_clock_is_far_from_ours_is_told_now_and_then(bench: Bench, behind_seconds: int) -> None:
    told = 0
    for number in range(102, 102 + 8 * 400):
        now = bench.clock.advance(0.125)
        bench.frames(binance_event("BTCUSDT", number, number, [], [], now.wall // 1000 - behind_seconds * 1000))
        bench.frames(binance_event("ETHUSDT", number, number, [], [], now.wall // 1000))
        bench.frames(binance_event("BTCUSDT", number, number, [], [], now.wall // 1000 - behind_seconds * 1000))
        told += tells(bench.give(Ticked())).count("the venue's clock is far from ours")
    assert told == 2
    assert bench.core.live == 2


def test_a_skew_that_is_usual_is_not_told_and_latency_may_be_negative(bench: Bench) -> None:
    for number in range(102, 302):
        now = bench.clock.advance(0.125)
        bench.frames(binance_event("BTCUSDT", number, number, [], [], now.wall // 1000 + 1276))
        assert tells(bench.give(Ticked())) == []


def test_once_a_connection_is_given_up_nothing_of_it_is_read(bench: Bench) -> None:
    assert Reconnect(Reason.MALFORMED) in bench.frames(b"{")
    assert bench.frames(binance_event("BTCUSDT", 102, 104, [("100", "2")], []), b"{") == []
    assert bench.statuses == dict.fromkeys((BTC, ETH), (BookStatus.GAP, Reason.MALFORMED))

"""The core over Coinbase's frames: one counter over every channel, several books, one connection."""

import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
from tests.support.rules import RecordRules
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
    Ticked,
    Unopened,
)
from market_data.domain.effects import Fetch, Reconnect, Tell
from market_data.domain.normalized import BookState, BookStatus, Level, Reason
from market_data.domain.sync import Standing, SyncSettings

BTC, ETH = "BTC-USD", "ETH-USD"
BIDS: Sequence[Level] = [("100", "1"), ("99.5", "1"), ("99", "1"), ("98", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("101.5", "1"), ("102", "1"), ("103", "1")]
HEARTBEAT = {"current_time": "2026-07-16 20:28:53.16294062 +0000 UTC m=+75497.3", "heartbeat_counter": 75497}


@attrs.define
class Bench:
    """A core with a few books, its inputs as short commands."""

    keys: Sequence[str] = ("coinbase:BTC-USD", "coinbase:ETH-USD")
    settings: SyncSettings = attrs.field(factory=bounds)
    auctions: frozenset[str] = frozenset()
    clock: HandClock = attrs.field(factory=HandClock)
    core: FeedCore = attrs.field(init=False)
    rules: RecordRules = attrs.field(init=False)
    number: int = 0

    def __attrs_post_init__(self) -> None:
        instruments = [attrs.evolve(instrument(key), native=key[9:].replace("USDC", "USD")) for key in self.keys]
        self.core = FeedCore(
            COINBASE,
            instruments,
            self.settings,
            frame_silence_seconds=10.0,
            auctions=self.auctions,
            books=book_engine(),
        )
        self.rules = RecordRules(self.settings.depth, self.settings.heartbeat_seconds)

    def give(self, given: Input) -> list[Output]:
        outputs = self.core.handle(given, self.clock.moment)
        self.rules.take_all(outputs, self.clock.moment)
        return outputs

    def open(self) -> None:
        self.give(Opened())
        self.number = 0

    def frame(self, *events: dict[str, Any], channel: str = "l2_data", number: int | None = None) -> bytes:
        """Make the next frame of the connection, or one that pretends another number."""
        frame = coinbase_frame(self.number if number is None else number, events, channel)
        self.number += 1
        return frame

    def go_live(self) -> None:
        self.give(Started())
        self.open()
        snapshots = [
            self.frame(coinbase_event("snapshot", native, BIDS, ASKS)) for native in dict.fromkeys(self.natives)
        ]
        self.give(Frames(snapshots))
        assert {status for status, _ in self.statuses.values()} == {BookStatus.LIVE}

    @property
    def natives(self) -> list[str]:
        return [each.native for each in self.core.instruments]

    @property
    def statuses(self) -> dict[str, tuple[BookStatus, Reason | None]]:
        return {key: (seen.last.status, seen.last.reason) for key, seen in self.rules.keys.items()}

    def last(self, symbol: str) -> BookState:
        return self.rules.keys[f"coinbase:{symbol}"].last


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.go_live()
    return bench


def update(native: str, bids: Sequence[Level] = (), asks: Sequence[Level] = (), **more: Any) -> dict[str, Any]:
    return coinbase_event("update", native, bids, asks, **more)


def reconnects(outputs: Sequence[Output]) -> list[Reason]:
    return [output.reason for output in outputs if isinstance(output, Reconnect)]


def states(outputs: Sequence[Output]) -> list[BookState]:
    return [output for output in outputs if isinstance(output, BookState)]


# step 2: the counter


OTHER_FRAMES = {
    "heartbeat": ("heartbeats", [HEARTBEAT]),
    "acknowledgement": ("subscriptions", [{"subscriptions": {"level2": [BTC, ETH], "heartbeats": ["heartbeats"]}}]),
    "empty acknowledgement": ("subscriptions", [{"subscriptions": {}}]),
    "unknown channel": ("candles_of_tomorrow", [{"anything": 1}]),
    "unknown channel without events": ("status", []),
    "another product": ("l2_data", [update("XRP-USD", [("1", "1")])]),
    "empty updates": ("l2_data", [update(BTC)]),
    "no events": ("l2_data", []),
}


@pytest.mark.parametrize(("channel", "events"), OTHER_FRAMES.values(), ids=OTHER_FRAMES)
def test_every_frame_of_every_channel_counts(bench: Bench, channel: str, events: list[dict[str, Any]]) -> None:
    frames = [
        bench.frame(update(BTC, [("100", "2")])),
        bench.frame(*events, channel=channel),
        bench.frame(update(BTC, [("100", "3")])),
    ]
    bench.give(Frames(frames))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.LIVE, None))
    assert (bench.last(BTC).bids[0], bench.last(BTC).sequence) == (("100", "3"), 4)
    assert bench.last(ETH).sequence == 1, "of the last frame that held this product"


@pytest.mark.parametrize("lost", OTHER_FRAMES, ids=lambda name: f"lost: {name}")
def test_a_lost_frame_of_any_channel_refutes_every_book_of_the_connection(bench: Bench, lost: str) -> None:
    channel, events = OTHER_FRAMES[lost]
    bench.frame(*events, channel=channel)
    outputs = bench.give(Frames([bench.frame(update(BTC, [("100", "2")])), bench.frame(update(ETH, [("100", "2")]))]))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.GAP, Reason.SEQUENCE))
    assert reconnects(outputs) == [Reason.SEQUENCE]
    assert len(states(outputs)) == 2
    assert {state.sequence for state in states(outputs)} == {0, 1}, "nothing after the hole is applied"
    (told,) = (output for output in outputs if isinstance(output, Tell))
    assert told.fields == {"expected": 2, "received": 3}


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(3, id="hole"),
        pytest.param(1, id="repeat"),
        pytest.param(0, id="step back"),
        pytest.param(1000, id="far ahead"),
        pytest.param(-1, id="negative"),
    ],
)
@pytest.mark.parametrize("kind", ["update", "heartbeat", "snapshot"])
def test_a_number_that_is_not_the_next_refutes_every_book_and_ends_the_connection(
    bench: Bench, number: int, kind: str
) -> None:
    if kind == "heartbeat":
        frame = bench.frame(HEARTBEAT, channel="heartbeats", number=number)
    else:
        frame = bench.frame(coinbase_event(kind, BTC, [("100.5", "2")], []), number=number)
    later = bench.frame(update(ETH, [("100.5", "2")]))
    outputs = bench.give(Frames([frame, later]))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.GAP, Reason.SEQUENCE))
    assert reconnects(outputs) == [Reason.SEQUENCE]
    more = bench.give(Frames([bench.frame(update(BTC, [("100.5", "2")]), number=2)]))
    assert more == [], "nothing that still comes over that connection is read"


def test_a_connection_begins_at_zero_whatever_the_last_one_reached(bench: Bench) -> None:
    bench.give(Frames([bench.frame(HEARTBEAT, channel="heartbeats")]))
    bench.give(Closed(Reason.CONNECTION))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.DISCONNECTED, Reason.CONNECTION))
    bench.open()
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.SYNCING, Reason.CONNECTION))
    bench.give(Frames([bench.frame(update(BTC, [("100", "9")]))]))
    assert bench.statuses[f"coinbase:{BTC}"][0] is BookStatus.SYNCING, "the old book is not gone on with"
    bench.give(Frames([bench.frame(coinbase_event("snapshot", BTC, [("50", "1")], [("51", "1")]))]))
    assert bench.last(BTC).bids == (("50", "1"),)
    assert (bench.last(BTC).epoch, bench.last(BTC).sequence) == (2, 1)
    assert bench.statuses[f"coinbase:{ETH}"] == (BookStatus.SYNCING, Reason.CONNECTION)


# frames


def test_a_frame_of_several_products_is_one_record_each(bench: Bench) -> None:
    frame = bench.frame(
        update(BTC, [("100", "2")]),
        update(ETH, [("100", "3")]),
        update(BTC, [], [("101", "2")]),
        update(ETH, [("50", "1")]),
    )
    outputs = bench.give(Frames([frame]))
    assert [(state.symbol, state.bids[0], state.asks[0]) for state in states(outputs)] == [
        (BTC, ("100", "2"), ("101", "2")),
        (ETH, ("100", "3"), ("101", "1")),
    ]


def test_several_frames_read_at_once_are_a_record_each(bench: Bench) -> None:
    frames = [bench.frame(update(BTC, [("100", str(size))])) for size in range(2, 6)]
    outputs = bench.give(Frames(frames))
    assert [state.bids[0][1] for state in states(outputs)] == ["2", "3", "4", "5"]
    assert [state.sequence for state in states(outputs)] == [2, 3, 4, 5]


@pytest.mark.parametrize("side", ["offer", "ask"])
def test_offers_are_asks_by_either_name(bench: Bench, side: str) -> None:
    bench.give(Frames([bench.frame(update(BTC, [], [("100.5", "7")], ask_side=side))]))
    assert bench.last(BTC).asks[0] == ("100.5", "7")
    assert bench.last(BTC).bids[0] == ("100", "1")


ODD_EVENTS = {
    "a side that is none": update(BTC, [], [("100.5", "7")], ask_side="buy"),
    "updates that are null": update(BTC) | {"updates": None},
    "an empty time": update(BTC, [("100", "7")], time=""),
    "a type that is none": update(BTC) | {"type": "auction"},
    "a price that is no number": update(BTC, [("ten", "7")]),
}


@pytest.mark.parametrize("odd", ODD_EVENTS.values(), ids=ODD_EVENTS)
def test_an_event_that_can_not_be_read_refutes_its_own_book_and_the_others_stay_live(
    bench: Bench, odd: dict[str, Any]
) -> None:
    frame = bench.frame(update(ETH, [("100", "6")]), odd, update(ETH, [], [("101", "6")]))
    outputs = bench.give(Frames([frame, bench.frame(update(ETH, [("100.5", "7")]))]))
    refuted = {f"coinbase:{BTC}": (BookStatus.GAP, Reason.MALFORMED), f"coinbase:{ETH}": (BookStatus.LIVE, None)}
    assert bench.statuses == refuted
    assert bench.last(BTC).received_time == bench.clock.moment.wall
    assert (bench.last(ETH).bids[0], bench.last(ETH).asks[0]) == (("100.5", "7"), ("101", "6"))
    assert reconnects(outputs) == []
    outputs = spend(bench, 9.875, update(ETH, [("100", "2")]), odd)
    assert (bench.statuses, reconnects(outputs)) == (refuted, []), "the next odd events neither hasten nor delay it"
    outputs = spend(bench, 0.125, update(ETH, [("100", "2")]))
    ((key, standing),) = hand_overs(outputs)
    assert (key, standing.status, standing.epoch, standing.sequence) == (f"coinbase:{BTC}", BookStatus.GAP, 1, 0)
    assert (bench.natives, bench.core.live) == ([ETH], 1)
    outputs = spend(bench, 60, update(ETH, [("100", "2")]), odd, update(BTC, [("100", "2")]))
    assert (reconnects(outputs), hand_overs(outputs), bench.core.live) == ([], [], 1), "the others never pay for it"
    assert told(outputs) == [], "what goes on to be said of it is nobody's"


def test_frames_of_a_book_that_has_moved_are_counted_and_a_new_connection_does_not_ask_for_it(bench: Bench) -> None:
    odd = ODD_EVENTS["an empty time"]
    bench.give(Frames([bench.frame(odd)]))
    spend(bench, 10, update(ETH, [("100", "2")]))
    bench.give(Frames([bench.frame(coinbase_event("snapshot", BTC, BIDS, ASKS))]))
    assert bench.core.live == 1
    outputs = bench.give(Frames([bench.frame(odd, number=bench.number + 1)]))
    assert reconnects(outputs) == [Reason.SEQUENCE]
    bench.give(Closed(Reason.CONNECTION, is_ours=True))
    (sent,) = [output for output in bench.give(Opened()) if isinstance(output, Send)]
    assert json.loads(sent.messages[0])["product_ids"] == [ETH]
    bench.number = 0
    bench.give(Frames([bench.frame(coinbase_event("snapshot", ETH, BIDS, ASKS))]))
    outputs = bench.give(Frames([bench.frame(update(BTC))]))
    assert told(outputs) == ["the venue sent an instrument that was not asked for"]
    assert reconnects(bench.give(Frames([bench.frame(update(ETH, [("ten", "7")]))]))) == [Reason.MALFORMED], (
        "what is left alone is rebuilt at once"
    )


def test_a_book_that_moved_goes_on_in_another_core_where_its_rebuilds_cost_nobody_anything(bench: Bench) -> None:
    odd = ODD_EVENTS["an empty time"]
    bench.give(Frames([bench.frame(odd)]))
    ((_, standing),) = hand_overs(spend(bench, 10, update(ETH, [("100", "2")])))
    alone = Bench(keys=(f"coinbase:{BTC}",), clock=bench.clock)
    alone.rules = bench.rules  # the records go on
    alone.core.resume((standing,))
    waits = []
    alone.give(Started())
    for _ in range(3):
        alone.open()
        alone.give(Frames([alone.frame(coinbase_event("snapshot", BTC, BIDS, ASKS)), alone.frame(odd)]))
        assert alone.statuses[f"coinbase:{BTC}"] == (BookStatus.GAP, Reason.MALFORMED)
        failed = alone.clock.moment.mono
        while not reconnects(spend(alone, 0.125)):
            pass
        waits.append(alone.clock.moment.mono - failed)
        alone.give(Closed(Reason.CONNECTION, is_ours=True))
    assert waits == [20.0, 30.0, 30.0]
    assert alone.last(BTC).epoch == 4


def test_where_no_other_book_would_be_spared_all_are_rebuilt_together(bench: Bench) -> None:
    """A venue that speaks in a new way does not get a connection for each of its instruments."""
    bench.give(Frames([bench.frame(update(native) | {"type": "auction"}) for native in (BTC, ETH)]))
    outputs = spend(bench, 10)
    assert (reconnects(outputs), hand_overs(outputs)) == ([Reason.MALFORMED], [])
    bench.give(Closed(Reason.CONNECTION, is_ours=True))
    bench.open()
    bench.give(Frames([bench.frame(coinbase_event("snapshot", native, BIDS, ASKS)) for native in (BTC, ETH)]))
    assert bench.core.live == 2


def test_a_book_that_is_still_awaited_is_spared_too(bench: Bench) -> None:
    bench.give(Closed(Reason.CONNECTION))
    bench.open()
    bench.give(Frames([bench.frame(ODD_EVENTS["an empty time"])]))
    outputs = spend(bench, 10)
    assert (reconnects(outputs), [key for key, _ in hand_overs(outputs)]) == ([], [f"coinbase:{BTC}"])


def test_nobody_moves_where_all_get_another_connection_anyway(bench: Bench) -> None:
    bench.give(Closed(Reason.CONNECTION))
    bench.open()
    accepted = bench.frame({"subscriptions": {"level2": [BTC, ETH]}}, channel="subscriptions")
    bench.give(Frames([accepted, bench.frame(ODD_EVENTS["an empty time"])]))
    outputs = spend(bench, 10)
    assert (reconnects(outputs), hand_overs(outputs)) == ([Reason.SILENCE], [])
    assert bench.natives == [BTC, ETH]


def test_an_answer_to_a_book_that_has_moved_meanwhile_is_nobodys(bench: Bench) -> None:
    said = spend(bench, 15, update(ETH, [("100", "2")]))
    (fetch,) = [output for output in said if isinstance(output, Fetch)]
    assert fetch.instrument.native == BTC
    bench.give(Frames([bench.frame(update(BTC) | {"type": "auction"})]))
    assert hand_overs(spend(bench, 10, update(ETH, [("100", "2")])))
    assert bench.give(Fetched(fetch, b"{}")) == []
    assert bench.give(FetchFailed(fetch, Reason.UNAVAILABLE)) == []


def test_one_market_under_two_names_moves_under_both() -> None:
    bench = Bench(keys=("coinbase:BTC-USD", "coinbase:BTC-USDC", "coinbase:ETH-USD"))
    bench.go_live()
    bench.give(Frames([bench.frame(ODD_EVENTS["an empty time"])]))
    outputs = spend(bench, 10, update(ETH, [("100", "2")]))
    assert [key for key, _ in hand_overs(outputs)] == ["coinbase:BTC-USD", "coinbase:BTC-USDC"]
    assert told(spend(bench, 10, update(ETH, [("100", "2")]), update(BTC, [("100", "2")]))) == []


def told(outputs: Sequence[Output]) -> list[str]:
    """What an operator is told, but for the clocks, which stand apart here."""
    messages = [output.message for output in outputs if isinstance(output, Tell)]
    return [message for message in messages if "clock" not in message]


def hand_overs(outputs: Sequence[Output]) -> list[tuple[str, Standing]]:
    return [(output.instrument.key, output.standing) for output in outputs if isinstance(output, HandOver)]


def spend(bench: Bench, seconds: float, *events: dict[str, Any]) -> list[Output]:
    """Let time pass in which the connection says the same again and again."""
    outputs: list[Output] = []
    for _ in range(round(seconds * 8)):
        bench.clock.advance(0.125)
        outputs += bench.give(Frames([bench.frame(*events)]))
        outputs += bench.give(Ticked())
    return outputs


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"type": "update", "updates": []}, id="no name"),
        pytest.param(update("XRP-USD") | {"updates": None}, id="the name of who was not asked for"),
    ],
)
def test_an_event_that_names_nobody_refutes_every_book_and_ends_the_connection(
    bench: Bench, odd: dict[str, Any]
) -> None:
    outputs = bench.give(Frames([bench.frame(odd), bench.frame(update(ETH, [("100.5", "7")]))]))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.GAP, Reason.MALFORMED))
    assert reconnects(outputs) == [Reason.MALFORMED]


def test_an_acknowledgement_of_nulls_touches_nothing(bench: Bench) -> None:
    odd = [{"subscriptions": {"level2": None}}, {"subscriptions": {"level2": 5}}, {"subscriptions": None}]
    outputs = bench.give(Frames([bench.frame(event, channel="subscriptions") for event in odd]))
    outputs += bench.give(Frames([bench.frame(update(BTC, [("100", "3")]))]))
    assert bench.core.live == 2
    assert reconnects(outputs) == []
    assert bench.last(BTC).bids[0] == ("100", "3")


def test_a_book_alone_on_its_connection_is_rebuilt_at_once_for_nobody_pays_for_it() -> None:
    bench = Bench(keys=("coinbase:BTC-USD",))
    bench.go_live()
    assert reconnects(bench.give(Frames([bench.frame(ODD_EVENTS["an empty time"])]))) == [Reason.MALFORMED]


@pytest.mark.parametrize("frame", [b"", b"{", b"[]", b"\xff", b'{"channel":"l2_data"}'], ids=repr)
def test_a_frame_that_can_not_be_read_refutes_every_book_and_ends_the_connection(bench: Bench, frame: bytes) -> None:
    outputs = bench.give(Frames([frame]))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.GAP, Reason.MALFORMED))
    assert reconnects(outputs) == [Reason.MALFORMED]


@pytest.mark.parametrize(
    ("time", "event_time"),
    [
        pytest.param("2026-08-24T22:34:13.483122Z", 1_787_610_853_483_122, id="microseconds"),
        pytest.param("2026-08-24T22:34:13.48Z", 1_787_610_853_480_000, id="zeros cut"),
        pytest.param("2026-08-24T22:34:13.483122999Z", 1_787_610_853_483_122, id="nanoseconds are cut"),
        pytest.param("1970-01-01T00:00:00Z", None, id="1970 is none"),
        pytest.param("0001-01-01T00:00:00.000000Z", None, id="year 1 is none"),
    ],
)
def test_event_time_is_the_venues_own(bench: Bench, time: str, event_time: int | None) -> None:
    bench.give(Frames([bench.frame(update(BTC, [("100", "2")], time=time))]))
    assert bench.last(BTC).event_time == event_time


def test_event_time_is_the_largest_of_the_frame(bench: Bench) -> None:
    levels = update(BTC, [("100", "2"), ("99", "2")], time="2026-08-24T22:34:13.5Z")
    levels["updates"][0]["event_time"] = "2026-08-24T22:34:13.9Z"
    earlier = update(BTC, [("98", "2")], time="2026-08-24T22:34:13.7Z")
    bench.give(Frames([bench.frame(levels, update(ETH, [("100", "2")], time="2026-08-24T22:34:15Z"), earlier)]))
    assert bench.last(BTC).event_time == 1_787_610_853_900_000


def test_one_market_under_two_names_is_two_books() -> None:
    bench = Bench(keys=("coinbase:BTC-USD", "coinbase:BTC-USDC"))
    bench.go_live()
    bench.give(Frames([bench.frame(update(BTC, [("100", "2")]))]))
    assert bench.last(BTC).bids[0] == bench.last("BTC-USDC").bids[0] == ("100", "2")
    frame = bench.frame({"subscriptions": {"level2": [BTC]}}, channel="subscriptions")
    bench.give(Frames([frame]))
    assert len(bench.statuses) == 2


# crossing


def test_the_third_crossing_in_a_row_holds_that_book_and_the_others_go_on(bench: Bench) -> None:
    crossing = [("101.5", "1"), *BIDS]
    for attempt in range(3):
        if attempt:
            bench.open()
            snapshots = [coinbase_event("snapshot", native, BIDS, ASKS) for native in bench.natives]
            bench.give(Frames([bench.frame(event) for event in snapshots[1:]]))
        outputs = bench.give(Frames([bench.frame(coinbase_event("snapshot", BTC, crossing, ASKS))]))
        assert bench.statuses[f"coinbase:{BTC}"] == (BookStatus.GAP, Reason.CROSSED)
        if attempt < 2:
            assert reconnects(outputs) == [Reason.CROSSED]
            bench.give(Closed(Reason.CONNECTION, is_ours=True))
    assert reconnects(outputs) == []
    bench.give(Frames([bench.frame(update(ETH, [("100", "8")])), bench.frame(update(BTC, [("99", "8")]))]))
    assert bench.last(ETH).bids[0] == ("100", "8")
    assert bench.statuses[f"coinbase:{BTC}"] == (BookStatus.GAP, Reason.CROSSED)
    bench.give(Frames([bench.frame(update(BTC, [("101.5", "0")]))]))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.LIVE, None))


def test_an_auction_that_is_listed_holds_its_book_from_the_first_crossing() -> None:
    bench = Bench(auctions=frozenset({ETH}))
    bench.go_live()
    outputs = bench.give(Frames([bench.frame(update(ETH, [("101.5", "1")]))]))
    assert bench.statuses[f"coinbase:{ETH}"] == (BookStatus.GAP, Reason.CROSSED)
    assert bench.statuses[f"coinbase:{BTC}"] == (BookStatus.LIVE, None)
    assert reconnects(outputs) == []


# the connection


def test_a_connection_that_says_nothing_at_all_is_stale_within_its_bound(bench: Bench) -> None:
    for _ in range(79):
        bench.clock.advance(0.125)
        bench.give(Ticked())
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.LIVE, None))
    bench.clock.advance(0.125)
    outputs = bench.give(Ticked())
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.STALE, Reason.SILENCE))
    assert reconnects(outputs) == [Reason.SILENCE]
    bench.clock.advance(0.125)
    assert bench.give(Ticked()) == []
    bench.give(Closed(Reason.CONNECTION, is_ours=True))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.STALE, Reason.SILENCE))
    bench.open()
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.SYNCING, Reason.SILENCE))


def test_a_connection_opened_after_a_long_outage_has_its_whole_time_to_speak(bench: Bench) -> None:
    bench.give(Closed(Reason.CONNECTION))
    for _ in range(240):
        bench.clock.advance(0.125)
        bench.give(Ticked())
    bench.open()
    outputs: list[Output] = []
    for _ in range(79):
        bench.clock.advance(0.125)
        outputs += bench.give(Ticked())
    assert reconnects(outputs) == []
    bench.clock.advance(0.125)
    assert reconnects(bench.give(Ticked())) == [Reason.SILENCE]


def test_an_acknowledgement_of_something_else_is_no_refusal() -> None:
    bench = Bench()
    bench.give(Started())
    bench.open()
    bench.give(Frames([bench.frame({"subscriptions": {"heartbeats": ["heartbeats"]}}, channel="subscriptions")]))
    outputs = spend(bench, 9.5)
    assert not any(isinstance(output, Send) for output in outputs)
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.SYNCING, None))


def test_an_acknowledgement_that_leaves_one_out_has_it_asked_for_again() -> None:
    bench = Bench()
    bench.give(Started())
    bench.open()
    bench.give(Frames([bench.frame({"subscriptions": {"level2": [BTC]}}, channel="subscriptions")]))
    (sent,) = (output for output in spend(bench, 0.75) if isinstance(output, Send))
    assert [json.loads(message)["product_ids"] for message in sent.messages] == [[ETH]]


def test_heartbeats_alone_keep_the_connection_but_not_the_books(bench: Bench) -> None:
    for _ in range(15):
        bench.clock.advance(1.0)
        bench.give(Frames([bench.frame(HEARTBEAT, channel="heartbeats")]))
        outputs = bench.give(Ticked())
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.LIVE, None))
    assert len([output for output in outputs if not isinstance(output, BookState)]) == 2, "both are probed"


def test_a_connection_that_can_not_be_opened_gives_its_reason() -> None:
    bench = Bench()
    bench.give(Started())
    bench.give(Unopened(Reason.REJECTED))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.DISCONNECTED, Reason.REJECTED))
    bench.give(Unopened(Reason.UNAVAILABLE))
    assert bench.statuses == dict.fromkeys(bench.rules.keys, (BookStatus.DISCONNECTED, Reason.UNAVAILABLE))


def test_opening_subscribes_before_anything_else() -> None:
    bench = Bench()
    bench.give(Started())
    (sent,) = bench.give(Opened())
    assert isinstance(sent, Send)
    assert len(sent.messages) == 2


@pytest.mark.parametrize(
    "message", ["too many L2 streams requested in a single session", "authentication failure"], ids=str
)
def test_a_refusal_is_the_reason_of_what_is_not_live_and_touches_no_live_book(message: str) -> None:
    bench = Bench()
    bench.give(Started())
    bench.open()
    bench.give(Frames([bench.frame(coinbase_event("snapshot", BTC, BIDS, ASKS))]))
    bench.give(Frames([f'{{"type":"error","message":"{message}"}}'.encode()]))
    assert bench.statuses[f"coinbase:{BTC}"] == (BookStatus.LIVE, None)
    assert bench.statuses[f"coinbase:{ETH}"] == (BookStatus.SYNCING, Reason.REJECTED)
    bench.give(Frames([bench.frame(update(BTC, [("100", "2")]))]))
    assert bench.last(BTC).bids[0] == ("100", "2"), "an error has no number"


@pytest.mark.parametrize(
    ("price", "size"),
    [
        pytest.param('1","2"],["3', "4", id="two levels in one price"),
        pytest.param("1", '2"],["3","4', id="two levels in one size"),
        pytest.param("1\\", "2", id="backslash"),
        pytest.param("1\n", "2", id="newline"),
        pytest.param("é", "2", id="letter"),
    ],
)
@pytest.mark.parametrize("kind", ["snapshot", "update"])
def test_a_text_that_would_end_early_in_json_is_refused_not_read_as_more_levels(
    bench: Bench, price: str, size: str, kind: str
) -> None:
    bench.give(Frames([bench.frame(coinbase_event(kind, "BTC-USD", [(price, size)], []))]))
    assert bench.statuses["coinbase:BTC-USD"] == (BookStatus.GAP, Reason.MALFORMED)
    assert bench.statuses["coinbase:ETH-USD"] == (BookStatus.LIVE, None)

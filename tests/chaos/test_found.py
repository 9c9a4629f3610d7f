"""What chaos found, each as the few inputs that showed it, or as the schedule in ``found/``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from tests.chaos.campaign import read_failure
from tests.support.bounds import HandClock, bounds
from tests.support.engines import book_engine
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
from market_data.application.inputs import Fetched, FetchFailed, Frames, Input, Opened, Output, Send, Started, Ticked
from market_data.domain.effects import Fetch, Purpose, Reconnect
from market_data.domain.normalized import BookStatus, Level, Reason

BIDS: Sequence[Level] = [("100", "1"), ("99", "1"), ("98", "1"), ("97", "1")]
ASKS: Sequence[Level] = [("101", "1"), ("102", "1"), ("103", "1"), ("104", "1")]
FOUND = sorted(Path(__file__).with_name("found").glob("*.json"))
ACCEPTED = b'{"result":null,"id":1}'


@attrs.define
class Table:
    """One Binance book, input by input."""

    clock: HandClock = attrs.field(factory=HandClock)
    core: FeedCore = attrs.field(init=False)
    fetches: list[Fetch] = attrs.field(factory=list)
    sent: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.bound()

    def bound(self, *, may_cross: bool = False, **changes: Any) -> None:
        """Begin anew, with other bounds."""
        auctions = frozenset({"BTCUSDT"} if may_cross else ())
        books = [instrument("binance:BTC-USDT")]
        self.core = FeedCore(
            BINANCE, books, bounds(**changes), frame_silence_seconds=10.0, auctions=auctions, books=book_engine()
        )
        for given in (Started(), Opened(), Frames([ACCEPTED])):
            self.give(given)

    def give(self, given: Input) -> list[Output]:
        outputs = self.core.handle(given, self.clock.moment)
        self.fetches += [output for output in outputs if isinstance(output, Fetch)]
        self.sent += [message for output in outputs if isinstance(output, Send) for message in output.messages]
        return outputs

    def event(self, first: int, last: int, time_ms: int) -> None:
        self.give(Frames([binance_event("BTCUSDT", first, last, [("100", str(last))], [], time_ms)]))

    def answer(self, last_id: int) -> None:
        self.give(Fetched(self.fetches[-1], binance_book(last_id, BIDS, ASKS)))

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)
            self.give(Ticked())

    @property
    def status(self) -> BookStatus:
        return self.core._syncs[0].status

    @property
    def reason(self) -> Reason | None:
        return self.core._syncs[0].reason


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.mark.parametrize(
    "path", FOUND, ids=[json.loads(path.read_text())["problem"].partition(":")[0] for path in FOUND]
)
def test_a_schedule_that_failed_once_fails_no_more(path: Path) -> None:
    assert read_failure(path).problem is None


def test_a_live_book_whose_ids_step_back_is_a_gap_and_not_frozen(table: Table) -> None:
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    assert table.status is BookStatus.LIVE
    for number in range(11, 14):
        table.event(number, number, time_ms=1089 + number)
    assert table.status is BookStatus.GAP
    table.answer(13)
    table.event(14, 14, time_ms=1200)
    assert table.status is BookStatus.LIVE


def test_an_old_event_that_comes_again_is_no_step_back(table: Table) -> None:
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    table.event(5002, 5003, time_ms=1100)
    table.event(5001, 5001, time_ms=1000)
    assert table.status is BookStatus.LIVE


def test_ids_that_stepped_back_on_both_interfaces_are_a_gap_at_once(table: Table) -> None:
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    table.event(11, 11, time_ms=1100)
    assert table.fetches[-1].purpose is Purpose.PROBE
    table.answer(12)
    assert (table.status, table.reason) == (BookStatus.GAP, Reason.SEQUENCE)
    table.event(12, 12, time_ms=1200)
    table.wait(1)
    table.answer(12)
    table.event(13, 13, time_ms=1300)
    assert table.status is BookStatus.LIVE


def test_ids_that_step_back_while_a_snapshot_is_awaited_do_not_keep_the_book_from_coming_back(table: Table) -> None:
    table.event(5001, 5001, time_ms=1000)
    for number in range(11, 14):
        table.event(number, number, time_ms=1089 + number)
    assert table.status is BookStatus.GAP
    table.wait(1)
    table.answer(13)
    table.event(14, 14, time_ms=1200)
    assert table.status is BookStatus.LIVE


def test_ids_that_step_back_before_anything_has_joined_are_found_by_the_probe(table: Table) -> None:
    table.answer(5000)
    table.event(11, 12, time_ms=1100)
    table.wait(1.25)
    table.answer(12)
    table.event(13, 13, time_ms=1200)
    table.wait(1)
    table.answer(13)
    table.event(14, 14, time_ms=1300)
    assert table.status is BookStatus.LIVE


def test_an_old_book_given_twice_is_not_live_while_the_stream_ended_before_it(table: Table) -> None:
    table.answer(5000)
    table.event(11, 12, time_ms=1100)
    table.wait(1.25)
    assert table.fetches[-1].purpose is Purpose.PROBE
    table.answer(5000)
    assert table.status is BookStatus.SYNCING
    table.wait(5)
    assert len(table.fetches) == 2
    table.wait(5)
    assert json.loads(table.sent[-1])["method"] == "SUBSCRIBE"
    assert len(table.sent) > 1
    assert table.fetches[-1].purpose is Purpose.SNAPSHOT
    table.answer(13)
    table.event(14, 14, time_ms=1300)
    assert table.status is BookStatus.LIVE


def test_a_snapshot_that_nothing_has_confirmed_makes_no_later_one_too_old(table: Table) -> None:
    table.answer(5000)
    table.wait(1.25)
    assert table.fetches[-1].purpose is Purpose.PROBE
    table.answer(12)
    table.wait(1)
    assert table.fetches[-1].purpose is Purpose.SNAPSHOT
    table.answer(12)
    table.wait(1.25)
    table.answer(12)
    assert table.status is BookStatus.LIVE


def test_a_stream_that_is_silent_while_every_snapshot_is_too_old_is_renewed(table: Table) -> None:
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    table.wait(15)
    table.answer(12)
    assert table.status is BookStatus.STALE
    for _ in range(20):
        table.wait(1)
        table.answer(12)
    assert any("UNSUBSCRIBE" in message for message in table.sent)
    table.event(13, 13, time_ms=60_000)
    table.wait(10)
    table.answer(13)
    table.event(14, 14, time_ms=61_000)
    assert table.status is BookStatus.LIVE


def test_a_stream_that_speaks_while_it_is_probed_needs_no_answer(table: Table) -> None:
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    table.wait(15)
    assert table.fetches[-1].purpose is Purpose.PROBE
    table.wait(1)
    table.event(5002, 5002, time_ms=17_000)
    table.give(FetchFailed(table.fetches[-1], Reason.UNAVAILABLE))
    assert table.status is BookStatus.LIVE


def test_a_probe_that_is_answered_with_an_older_book_takes_nothing_from_a_stream_that_speaks(table: Table) -> None:
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    table.wait(15)
    table.wait(1)
    table.event(5002, 5002, time_ms=17_000)
    table.answer(12)
    table.event(5003, 5003, time_ms=17_100)
    assert table.core._syncs[0].sequence == 5003
    assert table.status is BookStatus.LIVE


def test_silence_does_not_wait_for_an_audit_that_is_never_answered(table: Table) -> None:
    table.bound(audit_seconds=10.0)
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    table.wait(14.5)
    assert table.fetches[-1].purpose is Purpose.AUDIT
    table.wait(1)
    assert table.fetches[-1].purpose is Purpose.PROBE
    table.give(FetchFailed(table.fetches[-1], Reason.UNAVAILABLE))
    assert table.status is BookStatus.STALE


def test_a_rate_limit_that_an_audit_met_does_not_put_off_the_probe_of_a_silent_stream(table: Table) -> None:
    table.bound(audit_seconds=10.0)
    table.answer(5000)
    table.event(5001, 5001, time_ms=1000)
    table.wait(14.5)
    table.give(FetchFailed(table.fetches[-1], Reason.RATE_LIMITED, 7200.0))
    table.wait(1)
    assert table.fetches[-1].purpose is Purpose.PROBE


def test_a_book_that_false_content_has_crossed_comes_back_by_the_next_audit_even_in_an_auction(table: Table) -> None:
    table.bound(audit_seconds=10.0, may_cross=True)
    table.answer(5000)
    table.give(Frames([binance_event("BTCUSDT", 5001, 5001, [("101", "1")], [], 1000)]))
    assert table.status is BookStatus.GAP
    table.wait(14.5)
    assert table.fetches[-1].purpose is Purpose.AUDIT
    table.answer(5001)
    table.wait(1)
    table.answer(5001)
    table.event(5002, 5002, time_ms=17_000)
    assert table.status is BookStatus.LIVE


def test_a_book_that_joins_and_is_too_shallow_at_once_is_not_fetched_without_a_pause(table: Table) -> None:
    bids, asks = ([(str(price), "1") for price in prices] for prices in (range(100, 90, -1), range(101, 111)))
    eaten = [(price, "0") for price, _ in bids[:8]]
    for last_id in (5001, 5003):
        table.give(Fetched(table.fetches[-1], binance_book(last_id - 1, bids, asks)))
        table.give(Frames([binance_event("BTCUSDT", last_id, last_id, eaten, [], last_id)]))
        assert (table.status, table.core._syncs[0].reason) == (BookStatus.GAP, Reason.DEPTH)
        assert [fetch.purpose for fetch in table.fetches] == [Purpose.SNAPSHOT]
        table.wait(1.25)
        assert table.fetches.pop(0).purpose is Purpose.SNAPSHOT
        assert len(table.fetches) == 1


@pytest.mark.parametrize("accepted", [[], ["ETH-USD"]], ids=["all are refused", "one is refused"])
def test_a_connection_that_carries_nothing_is_opened_anew_and_one_that_carries_anything_is_not(
    accepted: list[str],
) -> None:
    clock = HandClock()
    keys = ("coinbase:BTC-USD", "coinbase:ETH-USD")
    core = FeedCore(
        COINBASE, [instrument(key) for key in keys], bounds(), frame_silence_seconds=100.0, books=book_engine()
    )
    frames = [coinbase_frame(0, [{"subscriptions": {"level2": accepted}}], "subscriptions")]
    frames += [coinbase_frame(1, [coinbase_event("snapshot", product, BIDS, ASKS)]) for product in accepted]
    for given in (Started(), Opened(), Frames(frames)):
        core.handle(given, clock.moment)
    outputs: list[Output] = []
    for _ in range(44):
        outputs += core.handle(Ticked(), clock.advance(0.25))
    assert core._syncs[0].reason is Reason.REJECTED
    assert any(isinstance(output, Reconnect) for output in outputs) is not bool(accepted)
    asked = [message for output in outputs if isinstance(output, Send) for message in output.messages]
    assert asked == asked[:1] * len(asked)
    assert bool(asked) is bool(accepted)
    assert all('"product_ids": ["BTC-USD"]' in message for message in asked), "the one that was left out"

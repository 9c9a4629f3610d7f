"""Lines for people and JSON for programs, to the letter."""

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import TextIO

import attrs
import pytest
from rich.cells import cell_len
from tests.support.bounds import HandClock
from tests.support.records import RUN, record

from market_data.adapters.console.lines import JsonDisplay, LinesDisplay
from market_data.adapters.console.numbers import shortest
from market_data.adapters.console.plain import in_columns
from market_data.application.ports import Pictures, Reading
from market_data.domain.levels import Ladder
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason
from market_data.domain.proof import OrderProof

LIVE = record(
    17,
    bids=(("61837.63000000", "3.78826000"), ("61837.62000000", "0.61700000")),
    asks=(("61837.64000000", "1.54698000"),),
)


def shown(display_type: Callable[[TextIO], LinesDisplay | JsonDisplay], *books: NormalizedBook, digits: int = 6) -> str:
    """Show records, and give what was written."""
    clock, market, stream = HandClock(), Market(15.0, digits), io.StringIO()
    display = display_type(stream)
    for book in books:
        quote = market.take(book, clock.now())
        assert quote is not None
        display.show([quote], market, Reading("nowhere", OrderProof(), clock.now()))
    display.refresh(market, Reading("nowhere", OrderProof(), clock.now()))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("book", "line"),
    [
        pytest.param(
            LIVE,
            "00:00:00.131  binance    BTC-USDT    bid 61837.63 x 3.78826  ask 61837.64 x 1.54698"
            "  mid 61837.635  spread 0.01 (0.000016%)\n",
            id="live",
        ),
        pytest.param(
            record(asks=(), symbol="ETH-USDT"),
            "00:00:00.131  binance    ETH-USDT    bid 100 x 1  no ask\n",
            id="no asks",
        ),
        pytest.param(
            record(bids=(), asks=(), exchange="coinbase", symbol="BTC-USD"),
            "00:00:00.131  coinbase   BTC-USD     no bid  no ask\n",
            id="empty",
        ),
        pytest.param(
            record(status=BookStatus.GAP, reason=Reason.SEQUENCE),
            "00:00:00.000  binance    BTC-USDT    gap (sequence)\n",
            id="gap",
        ),
        pytest.param(
            attrs.evolve(record(exchange="bitstamp"), proof=Proof.NONE, proven_levels=0),
            "00:00:00.131  bitstamp   BTC-USDT    bid 100 x 1  ask 101 x 2  mid 100.5  spread 1 (0.995025%)"
            "  unproven\n",
            id="unproven",
        ),
        pytest.param(record(status=BookStatus.SYNCING), "00:00:00.000  binance    BTC-USDT    syncing\n", id="syncing"),
    ],
)
def test_a_record_is_a_line_and_what_is_not_live_says_why_instead(book: NormalizedBook, line: str) -> None:
    assert shown(LinesDisplay, book) == f"2024-08-08 UTC\n{line}"


@pytest.mark.parametrize(
    ("trouble", "said"), [(None, "stale (silence)"), ("broker unreachable", "stale (broker unreachable)")]
)
def test_a_book_that_cannot_be_heard_says_why(trouble: str | None, said: str) -> None:
    clock, market, stream = HandClock(), Market(15.0, 6), io.StringIO()
    market.take(LIVE, clock.now())
    expired = market.expire(clock.advance(15), trouble)
    LinesDisplay(stream).show(expired, market, Reading("nowhere", OrderProof(), clock.now()))
    assert stream.getvalue().endswith(f"  {said}\n")
    stream = io.StringIO()
    JsonDisplay(stream).show(expired, market, Reading("nowhere", OrderProof(), clock.now()))
    told = json.loads(stream.getvalue())
    assert (told["status"], told["reason"], told["trouble"]) == ("stale", "silence", trouble)


def test_a_percentage_of_many_digits_is_written_without_an_exponent() -> None:
    book = record(bids=(("100000000.1", "1"),), asks=(("100000000.2", "1"),))
    assert shown(LinesDisplay, book, digits=8).endswith("spread 0.1 (0.00000010%)\n")


def test_a_live_record_is_one_object_with_decimals_as_text() -> None:
    text = shown(JsonDisplay, LIVE)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "exchange": "binance",
        "symbol": "BTC-USDT",
        "status": "live",
        "reason": None,
        "trouble": None,
        "best_bid": "61837.63000000",
        "best_bid_size": "3.78826000",
        "best_ask": "61837.64000000",
        "best_ask_size": "1.54698000",
        "mid": "61837.635",
        "spread": "0.01",
        "spread_percent": "0.000016",
        "event_time": 1_723_075_200_114_000,
        "received_time": 1_723_075_200_131_007,
        "sequence": 50_123_456_789,
        "epoch": 1,
        "run": RUN,
        "publish_seq": 17,
        "conflated": 0,
        "proof": "sequence",
        "proven_levels": None,
    }


@pytest.mark.parametrize("depth", [0, 1, 2, 20])
def test_levels_are_there_where_asked_best_first_as_they_are_in_the_record(depth: int) -> None:
    book = attrs.evolve(LIVE, bids=Ladder.of(LIVE.bids), conflated=3)
    written = Ladder(Ladder.of(LIVE.bids).json)
    for each in (book, attrs.evolve(book, bids=written)):
        found = json.loads(shown(lambda stream: JsonDisplay(stream, depth), each))
        assert found["conflated"] == 3
        if not depth:
            assert not {"bids", "asks"} & found.keys()
            continue
        assert found["bids"] == [list(level) for level in LIVE.bids[:depth]]
        assert found["asks"] == [["61837.64000000", "1.54698000"]]


def test_a_record_that_is_not_live_has_no_levels() -> None:
    found = json.loads(shown(lambda stream: JsonDisplay(stream, 5), record(status=BookStatus.GAP)))
    assert (found["bids"], found["asks"]) == ([], [])


@pytest.mark.parametrize(("proof", "levels"), [(Proof.CHECKSUM, 10), (Proof.NONE, 0)])
def test_an_object_says_how_its_book_is_proven(proof: Proof, levels: int) -> None:
    found = json.loads(shown(JsonDisplay, attrs.evolve(LIVE, proof=proof, proven_levels=levels)))
    assert (found["proof"], found["proven_levels"]) == (proof, levels)


def test_a_record_that_is_not_live_has_null_for_every_number() -> None:
    found = json.loads(shown(JsonDisplay, record(status=BookStatus.STALE, reason=Reason.SILENCE)))
    assert (found["status"], found["reason"]) == ("stale", "silence")
    assert {found[name] for name in found if name.startswith(("best", "mid", "spread"))} == {None}


DAY = 86_400 * 1_000_000


def _later(book: NormalizedBook, microseconds: int) -> NormalizedBook:
    """Give a record whose times are so much later."""
    received = book.received_time
    return attrs.evolve(
        book,
        status_since=book.status_since + microseconds,
        received_time=None if received is None else received + microseconds,
    )


def _lines(*books: NormalizedBook) -> list[str]:
    """Show records that are numbered in their order."""
    numbered = [attrs.evolve(book, publish_seq=number) for number, book in enumerate(books)]
    return shown(LinesDisplay, *numbered).splitlines()


def test_what_says_the_same_again_is_no_line_and_what_says_something_else_is() -> None:
    """A heartbeat, a change below the best prices and a zero more or less say nothing new."""
    deeper = attrs.evolve(_later(LIVE, 1), bids=(LIVE.bids[0], ("61837.61", "1")))
    zeros = attrs.evolve(_later(deeper, 1), bids=(("061837.63", "3.788260"),))
    size = attrs.evolve(_later(zeros, 1), bids=(("61837.63", "3.78827"),))
    lines = _lines(LIVE, LIVE, deeper, zeros, size, _later(size, 1), LIVE)
    assert [line.partition("bid ")[2].partition(" ask")[0] for line in lines[1:]] == [
        "61837.63 x 3.78826 ",
        "61837.63 x 3.78827 ",
        "61837.63 x 3.78826 ",
    ]


def test_instruments_speak_each_for_itself() -> None:
    other = attrs.evolve(LIVE, symbol="ETH-USDT")
    assert len(_lines(LIVE, other, _later(LIVE, 1), _later(other, 1))) == 1 + 2


def test_a_status_is_stamped_with_its_beginning_and_told_once_and_again_when_it_begins_anew() -> None:
    gap = attrs.evolve(record(1, status=BookStatus.GAP, reason=Reason.SEQUENCE), status_since=record().status_since + 1)
    heartbeat = attrs.evolve(gap, received_time=gap.status_since + 5_000_000)
    other_reason = attrs.evolve(gap, reason=Reason.CONNECTION)
    lines = _lines(gap, heartbeat, other_reason, _later(other_reason, 61_000_000))
    assert [line.replace("  binance    BTC-USDT  ", "") for line in lines[1:]] == [
        "00:00:00.000  gap (sequence)",
        "00:00:00.000  gap (connection)",
        "00:01:01.000  gap (connection)",
    ]


def test_the_date_stands_alone_once_a_day_and_with_the_time_in_a_line_of_an_earlier_day() -> None:
    size = attrs.evolve(LIVE, asks=(("61837.64", "2"),))
    halted = record(3, symbol="ETH-USDT", status=BookStatus.STALE, reason=Reason.SILENCE)
    lines = _lines(LIVE, _later(size, 10), _later(LIVE, DAY), halted, _later(size, DAY + 1))
    assert [line.split("  ")[0] for line in lines] == [
        "2024-08-08 UTC",
        "00:00:00.131",
        "00:00:00.131",
        "2024-08-09 UTC",
        "00:00:00.131",
        "2024-08-08 00:00:00.000",
        "00:00:00.131",
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("61837.63000000", "61837.63"),
        ("61837.6", "61837.6"),
        ("100.000", "100"),
        ("100", "100"),
        ("0.00000000", "0"),
        ("0.00000001", "0.00000001"),
        ("007.50", "7.5"),
        ("12345678901234567890.12345678901234567890", "12345678901234567890.1234567890123456789"),
    ],
)
def test_a_number_is_written_one_way_whatever_zeros_its_venue_writes(text: str, written: str) -> None:
    assert shortest(text) == written
    assert Decimal(shortest(text)) == Decimal(text)


@pytest.mark.parametrize("display_type", [LinesDisplay, JsonDisplay])
def test_each_record_is_a_line_of_its_own_in_their_order(display_type: type[LinesDisplay | JsonDisplay]) -> None:
    text = shown(display_type, record(0), record(1, bids=(("100.5", "1"),)), record(2, status=BookStatus.SYNCING))
    first, second, third = text.removeprefix("2024-08-08 UTC\n").splitlines()
    assert "100" in first
    assert "100.5" in second
    assert "syncing" in third


@pytest.mark.parametrize("display_type", [LinesDisplay, JsonDisplay])
def test_what_has_fallen_silent_is_shown_as_stale(display_type: type[LinesDisplay | JsonDisplay]) -> None:
    clock, market, stream = HandClock(), Market(15.0, 6), io.StringIO()
    market.take(record(0), clock.now())
    expired = market.expire(clock.advance(20))
    display_type(stream).show(expired, market, Reading("nowhere", OrderProof(), clock.now()))
    assert "stale" in stream.getvalue()
    assert "silence" in stream.getvalue()
    assert "101" not in stream.getvalue().replace("131", "")


def test_columns_are_as_wide_as_a_terminal_shows_them() -> None:
    """A Chinese character takes two cells: what follows a name stands below what follows others."""
    names = ("BTC-USDT", "\u5e01\u5b89-USDT", "\u5e01\u5b89\u4eba\u751f\u5e01\u5b89-USDT")
    lines = [shown(LinesDisplay, record(symbol=name)).splitlines()[1] for name in names]
    assert [cell_len(line.partition(" bid ")[0]) for line in lines] == [36, 36, 43]
    table = in_columns([("binance", name, "live") for name in names])
    assert {cell_len(line.removesuffix("live")) for line in table} == {cell_len("binance  ") + cell_len(names[-1]) + 2}


class Flushed(io.StringIO):
    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self._told = told

    def flush(self) -> None:
        self._told.append("flush")


class Told(Pictures):
    def __init__(self, told: list[str]) -> None:
        self._told = told

    def begin(self) -> None:
        self._told.append("begin")

    def end(self) -> None:
        self._told.append("end")


@pytest.mark.parametrize("display_type", [LinesDisplay, JsonDisplay])
def test_lines_are_shown_once_they_are_written(display_type: Callable[[TextIO], LinesDisplay | JsonDisplay]) -> None:
    clock, market = HandClock(), Market(15.0, 6)
    told: list[str] = []
    reading = Reading("nowhere", OrderProof(), clock.now(), pictures=Told(told))
    quote = market.take(LIVE, clock.now())
    assert quote is not None
    display_type(Flushed(told)).show([quote], market, reading)
    assert told == ["begin", "flush", "end"]

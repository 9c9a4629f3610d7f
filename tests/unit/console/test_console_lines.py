"""Lines for people and JSON for programs, to the letter."""

import io
import json

import attrs
import pytest
from rich.cells import cell_len
from tests.support.bounds import HandClock
from tests.support.records import record

from market_data.adapters.console.lines import JsonDisplay, LinesDisplay
from market_data.adapters.console.plain import in_columns
from market_data.application.ports import Reading
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason
from market_data.domain.proof import OrderProof

LIVE = record(
    17,
    bids=(("61837.63000000", "3.78826000"), ("61837.62000000", "0.61700000")),
    asks=(("61837.64000000", "1.54698000"),),
)


def shown(display_type: type[LinesDisplay | JsonDisplay], *books: NormalizedBook, digits: int = 6) -> str:
    """Show records, and give what was written."""
    clock, market, stream = HandClock(), Market(15.0, digits), io.StringIO()
    display = display_type(stream)
    with display.open():
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
            "00:00:00.131  binance    BTC-USDT    bid 61837.63000000 x 3.78826000  ask 61837.64000000 x 1.54698000"
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
            "00:00:00.131  binance    BTC-USDT    gap (sequence)\n",
            id="gap",
        ),
        pytest.param(
            attrs.evolve(record(exchange="bitstamp"), proof=Proof.NONE, proven_levels=0),
            "00:00:00.131  bitstamp   BTC-USDT    bid 100 x 1  ask 101 x 2  mid 100.5  spread 1 (0.995025%)"
            "  unproven\n",
            id="unproven",
        ),
        pytest.param(record(status=BookStatus.SYNCING), "00:00:00.131  binance    BTC-USDT    syncing\n", id="syncing"),
    ],
)
def test_a_record_is_a_line_and_what_is_not_live_says_why_instead(book: NormalizedBook, line: str) -> None:
    assert shown(LinesDisplay, book) == line


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
        "publish_seq": 17,
        "proof": "sequence",
        "proven_levels": None,
    }


@pytest.mark.parametrize(("proof", "levels"), [(Proof.CHECKSUM, 10), (Proof.NONE, 0)])
def test_an_object_says_how_its_book_is_proven(proof: Proof, levels: int) -> None:
    found = json.loads(shown(JsonDisplay, attrs.evolve(LIVE, proof=proof, proven_levels=levels)))
    assert (found["proof"], found["proven_levels"]) == (proof, levels)


def test_a_record_that_is_not_live_has_null_for_every_number() -> None:
    found = json.loads(shown(JsonDisplay, record(status=BookStatus.STALE, reason=Reason.SILENCE)))
    assert (found["status"], found["reason"]) == ("stale", "silence")
    assert {found[name] for name in found if name.startswith(("best", "mid", "spread"))} == {None}


@pytest.mark.parametrize("display_type", [LinesDisplay, JsonDisplay])
def test_each_record_is_a_line_of_its_own_in_their_order(display_type: type[LinesDisplay | JsonDisplay]) -> None:
    text = shown(display_type, record(0), record(1, bids=(("100.5", "1"),)), record(2, status=BookStatus.SYNCING))
    first, second, third = text.splitlines()
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
    lines = [shown(LinesDisplay, record(symbol=name)) for name in names]
    assert [cell_len(line.partition(" bid ")[0]) for line in lines] == [36, 36, 43]
    table = in_columns([("binance", name, "live") for name in names])
    assert {cell_len(line.removesuffix("live")) for line in table} == {cell_len("binance  ") + cell_len(names[-1]) + 2}

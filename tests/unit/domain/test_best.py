"""The best prices of one symbol across venues."""

from collections.abc import Sequence

import attrs
import pytest
from tests.support.bounds import HandClock
from tests.support.records import record

from market_data.domain.best import Best, best_across
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason


def book(exchange: str, bid: str | None, ask: str | None, symbol: str = "BTC-USD") -> NormalizedBook:
    """Make a live record of one level a side, or none."""
    bids, asks = (() if price is None else ((price, "1"),) for price in (bid, ask))
    return record(exchange=exchange, symbol=symbol, bids=bids, asks=asks)


def unproven(of: NormalizedBook) -> NormalizedBook:
    return attrs.evolve(of, proof=Proof.NONE, proven_levels=0)


def best(*books: NormalizedBook) -> dict[str, tuple[str | None, str | None]]:
    """Give the exchanges that have the best bid and ask, by symbol."""
    market, clock = Market(15.0, 6), HandClock()
    for each in books:
        market.take(each, clock.now())
    return {symbol: _exchanges(found) for symbol, found in best_across(market.quotes()).items()}


def _exchanges(found: Best) -> tuple[str | None, str | None]:
    bid, ask = (None if quote is None else quote.book.exchange for quote in (found.bid, found.ask))
    return bid, ask


def test_the_best_are_the_highest_bid_and_the_lowest_ask_compared_as_numbers() -> None:
    assert best(book("a", "99.5", "102"), book("b", "100.25", "101.0"), book("c", "9", "1000")) == {
        "BTC-USD": ("b", "b")
    }
    assert best(book("a", "100.5", "102"), book("b", "100.25", "101.0")) == {"BTC-USD": ("a", "b")}


@pytest.mark.parametrize(
    "books",
    [
        pytest.param([book("a", "1", "2")], id="one venue"),
        pytest.param([book("a", "1", "2"), book("b", "1", "2", "BTC-USDT")], id="USDT is not USD"),
        pytest.param(
            [
                book("a", "1", "2"),
                record(exchange="b", symbol="BTC-USD", status=BookStatus.GAP, reason=Reason.SEQUENCE),
            ],
            id="the other one is not live",
        ),
    ],
)
def test_there_is_no_best_where_only_one_venue_has_a_symbol_live(books: Sequence[NormalizedBook]) -> None:
    assert best(*books) == {}


def test_a_side_that_is_empty_is_nobodys() -> None:
    assert best(book("a", None, "2"), book("b", None, None)) == {"BTC-USD": (None, "a")}


def test_of_equal_prices_the_one_that_its_venue_can_prove_is_best() -> None:
    """An unproven book that has the better price is named, to be marked as such."""
    rivals = unproven(book("a", "100.0", "101")), book("b", "100", "102")
    assert best(*rivals) == {"BTC-USD": ("b", "a")}
    assert best(book("a", "100", "101"), book("b", "100.00", "101")) == {"BTC-USD": ("a", "a")}

"""The random market."""

from decimal import Decimal
from random import Random

import pytest

from market_data_sandbox.book import Book
from market_data_sandbox.market import MarketBook, exact_text, fixed_text, listing_of, trimmed_text


def _market(seed: int, depth: int = 60) -> MarketBook:
    random = Random(seed)
    return MarketBook(listing_of("BTC-USDT", random), depth, random, fixed_text)


@pytest.mark.parametrize(
    ("value", "decimals", "fixed", "trimmed", "exact"),
    [
        pytest.param(6183764, 2, "61837.64000000", "61837.64", "61837.64", id="a price"),
        pytest.param(6183700, 2, "61837.00000000", "61837", "61837.00", id="a whole price"),
        pytest.param(6411000, 0, "6411000.00000000", "6411000", "6411000", id="no decimals"),
        pytest.param(5, 5, "0.00005000", "0.00005", "0.00005", id="a small size"),
        pytest.param(0, 5, "0.00000000", "0", "0.00000", id="a removal"),
    ],
)
def test_numbers_are_written_as_each_venue_does(
    value: int, decimals: int, fixed: str, trimmed: str, exact: str
) -> None:
    assert fixed_text(value, decimals) == fixed
    assert trimmed_text(value, decimals) == trimmed
    assert exact_text(value, decimals) == exact


def test_the_same_seed_gives_the_same_market() -> None:
    ones, others, different = _market(3), _market(3), _market(4)
    assert ones.open() == others.open() != different.open()
    assert [ones.step() for _ in range(200)] == [others.step() for _ in range(200)]


@pytest.mark.parametrize("seed", range(3))
def test_the_market_is_never_crossed_and_keeps_its_depth(seed: int) -> None:
    market, book = _market(seed), Book()
    opening = market.open()
    book.replace(opening.bids, opening.asks)
    unknown_removed = idle = 0
    for _ in range(2000):
        step = market.step()
        idle += not step
        known = {Decimal(price) for price, _ in book.bids() + book.asks()}
        changed = step.bids + step.asks
        unknown_removed += sum(not Decimal(size) and Decimal(price) not in known for price, size in changed)
        book.apply(step.bids, step.asks)
        assert not book.is_crossed
        assert len(book.bids()) >= 60
        assert len(book.asks()) >= 60
        assert len({price for price, _ in step.bids}) == len(step.bids)
        assert [Decimal(price) for price, _ in step.bids] == sorted((Decimal(p) for p, _ in step.bids), reverse=True)
        assert all(Decimal(price) % Decimal("0.01") == 0 for price, _ in changed)
    assert unknown_removed > 10
    assert idle > 10
    assert book.bids(1) != list(opening.bids[:1])


@pytest.mark.parametrize("falls", [False, True], ids=["rises", "falls"])
def test_a_leap_takes_what_was_told_and_leaves_what_was_always_there(*, falls: bool) -> None:
    market, book = _market(1, depth=300), Book()
    opening = market.open()
    book.replace(opening.bids, opening.asks)
    untouched = book.bids()[250:] if falls else book.asks()[250:]
    leap = market.leap(250, falls=falls)
    book.apply(leap.bids, leap.asks)
    assert not book.is_crossed
    assert (book.bids() if falls else book.asks())[: len(untouched)] == untouched
    for _ in range(20):
        step = market.step()
        book.apply(step.bids, step.asks)
        assert not book.is_crossed
    assert len(book.bids()) >= 300
    assert len(book.asks()) >= 300

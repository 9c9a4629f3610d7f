"""The python engine, the native one and the naive book held against each other, text by text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.differential.campaign import run
from tests.differential.trial import Operation, Trial
from tests.support.effort import effort
from tests.support.raw import raw_levels

from market_data.adapters.books import choose_engine
from market_data.domain.book import BookFactory, OrderBook
from market_data.domain.errors import UsageError
from market_data.domain.levels import InvalidLevel, Level

BOOKS = {"python": choose_engine("python").books}
try:
    BOOKS["native"] = choose_engine("native").books
except UsageError as problem:
    REASON = f"the native engine cannot be used: {problem}"
else:
    REASON = ""
needs_native = pytest.mark.skipif("native" not in BOOKS, reason=REASON or "it is there")

quarters = st.integers(1, 60).map(lambda ticks: f"{ticks / 4:g}")
forms = st.sampled_from(["{}", "0{}", "00{}"])
alike = st.builds(lambda form, price: form.format(price), forms, quarters)
precise = st.integers(0, 40).map(lambda last: f"0.10000000000000000{last:02}")
vast = st.integers(0, 40).map(lambda last: f"90000000000000000{last:02}.5")
prices = st.one_of(quarters, alike, precise, vast)
sizes = st.sampled_from(["0", "0.00", "1", "1.0", "2.50", "2.5", "0.00000000000000000000000000000000000001"])
levels = st.lists(st.tuples(prices, sizes), max_size=30)
limits = st.none() | st.integers(1, 30)
plain = st.builds(
    lambda bids, asks, is_snapshot, limit: Operation(raw_levels(bids), raw_levels(asks), is_snapshot, limit),
    levels,
    levels,
    st.booleans(),
    limits,
)

odd_numbers = st.one_of(
    st.text(alphabet="0123456789.", max_size=45),
    st.text(max_size=6),
    st.integers(17, 21).map(lambda digits: "1" * digits),
    st.integers(36, 42).map(lambda digits: "0." + "0" * (digits - 1) + "1"),
    st.sampled_from(["1e5", "-1", "+1", " 1", "1 ", "१", "1_0", "nan", ".5", "5.", "1.2.3", ""]),
)
odd_levels = st.lists(st.tuples(prices | odd_numbers, sizes | odd_numbers), min_size=1, max_size=4)


def spoil(raw: bytes, at: int, removed: int, put: bytes) -> bytes:
    """Put bytes in the place of others."""
    at %= len(raw) + 1
    return raw[:at] + put + raw[at + removed :]


spoilt = st.builds(
    spoil,
    levels.map(raw_levels),
    st.integers(0, 2000),
    st.integers(0, 3),
    st.sampled_from(
        [b"[", b"]", b'"', b",", b" ", b"\n", b"\t", b"\r", b"\x0b", b"\\", b"\xff", b"\xc2\xa0", b"0", b""]
    ),
)
spaced = st.builds(
    lambda raw, space: raw.replace(b",", space + b"," + space).replace(b"[", b"[" + space) + space,
    levels.map(raw_levels),
    st.sampled_from([b" ", b"\n", b"\t ", b"\r\n"]),
)
shapes = st.sampled_from(
    [b"", b"[", b"]", b"null", b"{}", b"[[]]", b'[["1"]]', b'[["1","2","3"]]', b'[["1",2]]', b'[["1","2"],]', b"[,]"]
)
raws = st.one_of(odd_levels.map(raw_levels), spoilt, spaced, shapes, st.binary(max_size=12))


@needs_native
@effort(120)
@given(st.sampled_from([1, 3, 20]), st.lists(plain, max_size=12), levels, levels, limits)
def test_both_engines_are_always_what_a_naive_book_is(
    depth: int, operations: list[Operation], bids: list[Level], asks: list[Level], limit: int | None
) -> None:
    trial = Trial(BOOKS, depth)
    for operation in operations:
        trial.take(operation)
    trial.compare_with(bids, asks, limit)
    near = [list(side.levels.values()) for side in (trial.naive.bids, trial.naive.asks)]
    trial.compare_with([*near[0], *bids[:1]], [*near[1], *asks[:1]], limit)


@needs_native
@effort(300)
@given(plain, raws, raws, st.booleans())
@example(Operation(b"[]", b"[]"), b'[["1","2"]]', b'[["1","\xff"]]', False)
def test_what_one_engine_refuses_the_other_refuses_with_the_same_words(
    first: Operation,
    bids: bytes,
    asks: bytes,
    is_snapshot: bool,  # noqa: FBT001 - hypothesis
) -> None:
    trial = Trial(BOOKS, 3)
    trial.take(first)
    trial.take(Operation(bids, asks, is_snapshot))


@needs_native
def test_made_operations_find_no_difference() -> None:
    counts = run(BOOKS, 2000, seed=20_261_124)
    assert counts["operations"] == 2000
    assert counts["refusals"] > 0


class Planted(OrderBook):
    """A book that writes a size as it did not come, or forgets to say that its top changed."""

    def apply(self, bids: bytes, asks: bytes) -> bool:
        return super().apply(bids.replace(b'"2.50"', b'"2.5"'), asks)


class Silent(OrderBook):
    """A book that does not say that its asks changed."""

    def apply(self, bids: bytes, asks: bytes) -> bool:
        super().apply(b"[]", asks)
        return super().apply(bids, b"[]")


class Lenient(OrderBook):
    """A book that takes what is no number."""

    def apply(self, bids: bytes, asks: bytes) -> bool:
        return super().apply(bids.replace(b"+1", b"1"), asks)


class Shortsighted(OrderBook):
    """A book that overrates what a snapshot makes known."""

    def replace(self, bids: bytes, asks: bytes, limit: int | None = None) -> None:
        super().replace(bids, asks, None if limit == 5 else limit)


@pytest.mark.parametrize("planted", [Silent, Lenient, Shortsighted])
@pytest.mark.parametrize("beside", list(BOOKS))
def test_a_planted_difference_is_found(planted: BookFactory, beside: str) -> None:
    with pytest.raises(AssertionError):
        run({beside: BOOKS[beside], "planted": planted}, 40_000, seed=1)


def test_a_text_that_is_written_otherwise_is_a_difference() -> None:
    trial = Trial({"python": OrderBook, "planted": Planted}, 3)
    with pytest.raises(AssertionError, match="planted has"):
        trial.take(Operation(b'[["1","2.50"]]', b"[]"))


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in BOOKS.items()])
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b'[["1e5","1"]]', "expected plain decimal prices and sizes, received '1e5'", id="exponent"),
        pytest.param(b'[["1",1]]', """expected a list of [price, size], received '["1",1]]'""", id="a JSON number"),
        pytest.param(b'[["1","1"]', "expected a list of [price, size], received ''", id="unended"),
    ],
)
def test_a_refusal_says_what_was_expected_and_what_came(make: BookFactory, raw: bytes, words: str) -> None:
    with pytest.raises(InvalidLevel) as refusal:
        make(3).apply(raw, b"[]")
    assert str(refusal.value) == words

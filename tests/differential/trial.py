"""One operation given to every engine and to the naive book, and all that can be seen of them compared."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from tests.support.naive import NaiveBook, ladder
from tests.support.raw import raw_levels

from market_data.domain.book import Book, BookFactory
from market_data.domain.levels import InvalidLevel, Ladder, Level

__all__ = ["Operation", "Trial", "naive_levels"]

_NUMBER = re.compile(r"0*[0-9]{1,19}(\.[0-9]{1,38}0*)?", re.ASCII)
_LONGEST = 40


@attrs.frozen
class Operation:
    """A snapshot, or the levels of a change."""

    bids: bytes
    asks: bytes
    is_snapshot: bool = False
    limit: int | None = None


def naive_levels(raw: bytes) -> list[Level] | None:
    """Read raw levels by the book of JSON's rules; None where they are no plain decimal pairs."""
    try:
        read = json.loads(raw.decode())
    except ValueError:
        return None
    if b"\\" in raw or not isinstance(read, list):
        return None
    return [(price, size) for price, size in read] if all(map(_is_pair, read)) else None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_plain, value))


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and _NUMBER.fullmatch(value) is not None


class Trial:
    """The books of one instrument, one an engine, that must never differ."""

    def __init__(self, engines: Mapping[str, BookFactory], depth: int) -> None:
        self.depth = depth
        self._engines = engines
        self._begin()

    def _begin(self) -> None:
        self.books: dict[str, Book] = {name: make(self.depth) for name, make in self._engines.items()}
        self.naive = NaiveBook()
        self._last: tuple[Sequence[Level], Sequence[Level]] = ((), ())

    def take(self, operation: Operation) -> bool:
        """Give it to all; tell whether it was refused, after which the books begin anew.

        Raises:
            AssertionError: there is a difference.
        """
        before = self.naive.top(self.depth)
        checked = {name: _check(book, operation) for name, book in self.books.items()}
        said = {name: _give(book, operation) for name, book in self.books.items()}
        bids, asks = naive_levels(operation.bids), naive_levels(operation.asks)
        assert len(set(said.values())) == 1, f"{operation}: {said}"
        (answer,) = set(said.values())
        is_refused = bids is None or asks is None
        assert isinstance(answer, str) is is_refused, f"{operation}: {answer!r}, the naive book says {is_refused}"
        refusal = answer if isinstance(answer, str) else None
        assert set(checked.values()) == {refusal}, f"{operation}: {refusal!r}, but checked {checked}"
        if bids is None or asks is None:
            self._begin()
            return True
        if operation.is_snapshot:
            self.naive.replace(bids, asks, operation.limit)
        else:
            self.naive.apply(bids, asks)
            assert answer or self.naive.top(self.depth) == before, f"{operation}: the top changed, nobody was told"
        self.compare(operation)
        return False

    def cut(self, levels: int) -> None:
        """Let all forget what lies beyond the best levels.

        Raises:
            AssertionError: there is a difference.
        """
        self.naive.cut(levels)
        for book in self.books.values():
            book.cut(levels)
        self.compare(f"cut at {levels}")

    def compare(self, operation: Operation | str) -> None:
        """Compare all that can be seen."""
        bids, asks = self.naive.top(self.depth)
        expected = (raw_levels(bids), raw_levels(asks), self.naive.is_crossed, self.naive.known_levels)
        for name, book in self.books.items():
            ladders = book.top()
            seen = (ladders[0].json, ladders[1].json, book.is_crossed, book.known_levels)
            assert seen == expected, f"{operation}: {name} has {seen}, expected {expected}"
            assert (ladders[0].levels, ladders[1].levels) == (tuple(bids), tuple(asks)), f"{operation}: {name}"
            news = book.news(*map(Ladder.of, self._last))
            is_same = all(ladder(ours) == ladder(theirs) for ours, theirs in zip(ladders, self._last, strict=True))
            assert (news is None) is is_same, f"{operation}: {name}, {ladders} after {self._last}: {news}"
            assert news is None or news == ladders, f"{operation}: {name} says {news}, has {ladders}"
            for levels in (1, self.depth, 100):
                known = self.naive.known_levels
                assert book.knows(levels) is (known is None or known >= levels), f"{operation}: {name}, {levels}"
        self._last = (bids, asks)

    def compare_with(self, bids: Sequence[Level], asks: Sequence[Level], limit: int | None) -> None:
        """Let each find its difference from a book of its own engine made of this snapshot."""
        naive = NaiveBook()
        naive.replace(bids, asks, limit)
        expected = self.naive.find_difference(naive)
        for name, book in self.books.items():
            other = self._engines[name](self.depth)
            other.replace(raw_levels(bids), raw_levels(asks), limit)
            found = book.find_difference(other)
            seen = None if found is None else (found.side, found.ours, found.theirs)
            assert seen == expected, f"difference from {bids} {asks} {limit}: {name} has {seen}, expected {expected}"


def _give(book: Book, operation: Operation) -> bool | str:
    """Give the book an operation; what it says, the refusal's words where it refuses."""
    try:
        if not operation.is_snapshot:
            return book.apply(operation.bids, operation.asks)
        book.replace(operation.bids, operation.asks, operation.limit)
    except InvalidLevel as error:
        return str(error)
    return False


def _check(book: Book, operation: Operation) -> str | None:
    """Let the book read an operation without applying it; what it says where it refuses."""
    try:
        book.check(operation.bids, operation.asks)
    except InvalidLevel as error:
        return str(error)
    return None

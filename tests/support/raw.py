"""Events and books of levels as tuples, for tests: the program's own are raw."""

import json
from collections.abc import Iterable, Sequence

import attrs

from market_data.domain.book import BookSide, OrderBook
from market_data.domain.events import Change, Event, Snapshot
from market_data.domain.levels import Level

__all__ = ["TupleBook", "TupleSide", "change_of", "raw_levels", "snapshot_of", "tuples", "without_space"]

Levels = Sequence[Level]


def raw_levels(levels: Iterable[Level]) -> bytes:
    """Write levels as they stand, whatever their texts: what is no plain text makes what is no raw level."""
    return ("[" + ",".join([f'["{price}","{size}"]' for price, size in levels]) + "]").encode()


def change_of(native: str, first_id: int, last_id: int, bids: Levels, asks: Levels, event_time: int | None) -> Change:
    """Make a change."""
    return Change(native, first_id, last_id, raw_levels(bids), raw_levels(asks), event_time)


def snapshot_of(
    native: str, sequence: int | None, bids: Levels, asks: Levels, event_time: int | None, limit: int | None = None
) -> Snapshot:
    """Make a snapshot."""
    return Snapshot(native, sequence, raw_levels(bids), raw_levels(asks), event_time, limit)


class TupleSide(BookSide):
    """A side that takes tuples."""

    def replace(self, levels: Levels, limit: int | None) -> None:  # type: ignore[override]
        super().replace(raw_levels(levels), limit)

    def apply(self, levels: Levels) -> bool:  # type: ignore[override]
        return super().apply(raw_levels(levels))


class TupleBook(OrderBook):
    """A book that takes tuples."""

    def __init__(self, depth: int) -> None:
        super().__init__(depth)
        self.bids = TupleSide(-1, depth)
        self.asks = TupleSide(1, depth)


def tuples(raw: bytes) -> list[Level]:
    """Read raw levels by another way than the program does."""
    return [(price, size) for price, size in json.loads(raw)]


def without_space(event: Event) -> Event:
    """Write an event's levels as the program itself would."""
    if not isinstance(event, (Change, Snapshot)):
        return event
    return attrs.evolve(event, bids=raw_levels(tuples(event.bids)), asks=raw_levels(tuples(event.asks)))

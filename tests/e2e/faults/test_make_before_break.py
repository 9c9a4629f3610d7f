"""A connection that the venue is about to close is replaced over real sockets: all books stay live, in one epoch."""

from collections.abc import Mapping, Sequence

import anyio
import pytest
from tests.e2e.faults.world import World, world
from tests.support.waiting import until

from market_data.domain.normalized import NormalizedBook
from market_data_sandbox import Fault, FaultKind, Options, Venue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

_ANNOUNCING = {
    Venue.BINANCE: ("BTC-USDT", "ETH-USDT"),
    Venue.OKX: ("BTC-USDT", "ETH-USDT"),
    Venue.BITSTAMP: ("BTC-USD", "ETH-USD"),
}
_NOTICE_SECONDS = 10.0
_AFTERWARDS_SECONDS = 1.0
_ROUNDS = 2
"""The second is of a connection that has replaced one."""


@pytest.mark.parametrize("venue", list(_ANNOUNCING), ids=str)
async def test_no_book_leaves_live_where_the_venue_says_that_it_will_close_the_connection(venue: Venue) -> None:
    async with world(
        Options(broker=False, venues=(venue,), instruments={venue: _ANNOUNCING[venue]}), exchanges=[venue]
    ) as seen:
        shown = _watch(seen)
        for _ in range(_ROUNDS):
            replaced = _replaced(seen.telemetry.notes)
            seen.inject([Fault(fault=FaultKind.NOTICE, venue=venue, seconds=_NOTICE_SECONDS)])
            await until(lambda before=replaced: _replaced(seen.telemetry.notes) > before, _NOTICE_SECONDS)  # type: ignore[misc]
            assert seen.are_live
            await anyio.sleep(_AFTERWARDS_SECONDS)
        said = {key: [str(stand) for stand in seen.stands(key)] for key in seen.keys}
    assert {key: words for key, words in said.items() if words != ["syncing", "live"]} == {}
    assert [key for key, places in shown.items() if places != sorted(places)] == [], "none is older than one before"
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])


def _watch(seen: World) -> dict[str, list[tuple[int, int]]]:
    """Take down where each live record stands, by the venue's number and time."""
    shown: dict[str, list[tuple[int, int]]] = {}
    refute = seen.judge.refute

    def watch(book: NormalizedBook) -> str | None:
        shown.setdefault(book.key, []).append((book.sequence or 0, book.event_time or 0))
        return refute(book)

    seen.judge.refute = watch
    return shown


def _replaced(notes: Sequence[tuple[str, Mapping[str, object]]]) -> int:
    return sum(message == "the connection is replaced" for message, _ in notes)

"""A frame of megabytes over a real socket, through the whole program but its broker: other books go on meanwhile."""

from collections.abc import Sequence

import anyio
import attrs
import pytest
from tests.benchmarks.big_snapshot import Memory, large_frame, program
from tests.benchmarks.venue_server import Venues
from tests.support.waiting import until
from websockets.asyncio.server import serve

from market_data.domain.normalized import NormalizedBook

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

_FASTER_THAN_ANYBODY = 1e9


@attrs.define(eq=False)
class Books(Memory):
    """All records, in the order in which they were published."""

    books: list[NormalizedBook] = attrs.field(factory=list)

    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        self.books += books
        await super().publish(books)


async def test_other_books_go_on_while_a_large_frame_is_read() -> None:
    frame = large_frame(is_small=False)
    venues, published, stop = Venues(frame, _FASTER_THAN_ANYBODY, 60), Books(), anyio.Event()
    async with serve(venues.attend, "127.0.0.1", 0, process_request=venues.answer, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(program(port, "auto", published).producer().run, stop)
            await until(lambda: published.lived, 60)
            stop.set()
    at, large = next((at, book) for at, book in enumerate(published.books) if book.exchange == "coinbase" and book.bids)
    assert large.received_time is not None
    meanwhile = [
        book
        for book in published.books[:at]
        if book.exchange == "binance" and book.received_time is not None and book.received_time > large.received_time
    ]
    assert len(meanwhile) > 20, "read and published after the last byte of the frame had come, and before its book"
    assert [book.status for book in published.books if book.exchange == "coinbase"][:2] == ["syncing", "live"]

"""What a run can say of itself at its end."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest

from market_data.application.ports import Display, Reading
from market_data.application.tally import Tally
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason
from market_data.domain.proof import OrderProof
from market_data.domain.quote import Quote

NOW = Moment(1_790_251_200_000_000, 100.0)
LIVE = NormalizedBook(
    *("binance", "BTC-USDT", BookStatus.LIVE, None, 1, (("1", "1"),), (("2", "1"),), None, NOW.wall - 250_000),
    *(1, 1, "1", 0, 0),
)


@attrs.define
class FakeDisplay(Display):
    """Remembers what was asked of it."""

    asked: list[str] = attrs.field(factory=list)

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:  # noqa: ARG002
        self.asked.append(f"show {len(quotes)}")

    def refresh(self, market: Market, reading: Reading) -> None:  # noqa: ARG002
        self.asked.append("refresh")

    @asynccontextmanager
    async def open(self, market: Market, reading: Reading, leave: Callable[[], None]) -> AsyncGenerator[None]:  # noqa: ARG002
        self.asked.append("open")
        yield
        self.asked.append("close")


def _tally(*books: NormalizedBook) -> Tally:
    market, tally = Market(15.0, 6), Tally(FakeDisplay())
    for number, book in enumerate(books):
        quote = market.take(attrs.evolve(book, publish_seq=number), NOW)
        assert quote is not None
        tally.show([quote], market, Reading("", OrderProof(), NOW, now=NOW))
    return tally


def _not_live(status: BookStatus, reason: Reason, symbol: str = "BTC-USDT") -> NormalizedBook:
    return attrs.evolve(LIVE, symbol=symbol, status=status, reason=reason, bids=(), asks=())


@pytest.mark.anyio
async def test_everything_goes_on_to_the_display() -> None:
    display = FakeDisplay()
    tally, market, reading = Tally(display), Market(15.0, 6), Reading("", OrderProof(), NOW)
    async with tally.open(market, reading, lambda: None):
        tally.show([], market, reading)
        tally.refresh(market, reading)
    assert display.asked == ["open", "show 0", "refresh", "close"]


def test_what_a_book_enters_is_counted_by_the_words_that_the_lines_have_for_it() -> None:
    gap, stale = _not_live(BookStatus.GAP, Reason.SEQUENCE), _not_live(BookStatus.STALE, Reason.SILENCE)
    lost = _not_live(BookStatus.DISCONNECTED, Reason.CONNECTION)
    entries = _tally(LIVE, gap, attrs.evolve(gap, reason=Reason.CROSSED), stale, LIVE, stale, lost, LIVE, LIVE).entries
    assert entries == {BookStatus.LIVE: 3, BookStatus.GAP: 1, BookStatus.STALE: 2, BookStatus.DISCONNECTED: 1}


def test_the_end_of_the_producer_is_no_interruption() -> None:
    ended = _tally(LIVE, _not_live(BookStatus.DISCONNECTED, Reason.SHUTDOWN))
    assert ended.entries == {BookStatus.LIVE: 1}


def test_all_have_ended_when_each_instrument_has() -> None:
    ended = _not_live(BookStatus.DISCONNECTED, Reason.SHUTDOWN)
    other = attrs.evolve(LIVE, symbol="ETH-USDT")
    assert not _tally(LIVE, other, ended).all_ended.is_set()
    assert _tally(LIVE, other, ended, attrs.evolve(ended, symbol="ETH-USDT")).all_ended.is_set()


def test_the_worst_age_is_that_of_fresh_data() -> None:
    fresher = attrs.evolve(LIVE, received_time=NOW.wall - 100_000)
    assert _tally(LIVE, fresher, fresher).worst_age_seconds == 0.25
    assert _tally(_not_live(BookStatus.GAP, Reason.SEQUENCE)).worst_age_seconds == 0.0

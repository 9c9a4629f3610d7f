"""What a venue cannot tell, over real sockets: nothing is said of it, and the record says how far it is proven."""

from collections.abc import Callable

import pytest
from tests.e2e.faults.cases import INSTRUMENTS
from tests.e2e.faults.world import World, refute, world
from tests.support.waiting import until

from market_data.domain.normalized import Proof
from market_data_sandbox import Fault, FaultKind, Options, Venue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

_LEVELS = 25
_CHECKED = 10
_TRIES = 8


def _options(venue: Venue) -> Options:
    return Options(broker=False, venues=(venue,), instruments={venue: INSTRUMENTS[venue]})


async def _lose(seen: World, fault: Fault, is_over: Callable[[], bool]) -> None:
    """Do it, and wait until it is done and all books have said some more."""
    done = seen.injected(fault.fault)
    before = {key: of_book.live for key, of_book in seen.judge.keys.items()}
    seen.inject([fault])
    await until(
        lambda: (
            seen.injected(fault.fault) > done
            and is_over()
            and all(of_book.live >= before[key] + 5 for key, of_book in seen.judge.keys.items())
        ),
        30,
    )


async def test_a_level_lost_behind_the_tenth_is_seen_by_nobody_and_the_ten_that_are_proven_stay_right() -> None:
    """The book of Kraken at 25 levels shows what is gone; what it says to be proven is as the venue has it."""
    key = "kraken:BTC-USD"
    overrides = {"venues.kraken.book_levels": _LEVELS}
    lost = Fault(fault=FaultKind.LOST_LEVEL, venue=Venue.KRAKEN, instrument="BTC-USD", seconds=20)
    async with world(_options(Venue.KRAKEN), overrides, [Venue.KRAKEN], is_proven_only=True) as seen:

        def is_wrong_behind() -> bool:
            return refute(seen.running, {"kraken": 20}, seen.newest[key]) is not None

        await _lose(seen, lost, is_wrong_behind)
        newest = seen.newest[key]
        said = {each: [str(stand) for stand in seen.stands(each)] for each in seen.keys}
    assert set(map(tuple, said.values())) == {("syncing", "live")}, "nothing tells"
    assert (newest.proof, newest.proven_levels) == (Proof.CHECKSUM, _CHECKED)
    assert len(newest.bids) > _CHECKED
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])


async def test_a_whole_book_that_was_lost_is_mended_by_the_next_and_told_by_nothing() -> None:
    """Bitstamp: the book is old until the next message, and says that nothing proves it."""
    key = "bitstamp:BTC-USD"
    lost = Fault(fault=FaultKind.DROP, venue=Venue.BITSTAMP, instrument="BTC-USD", count=3)
    async with world(_options(Venue.BITSTAMP), exchanges=[Venue.BITSTAMP]) as seen:
        await _lose(seen, lost, lambda: seen.injected(FaultKind.DROP) == 3)
        newest = seen.newest[key]
        said = {each: [str(stand) for stand in seen.stands(each)] for each in seen.keys}
    assert set(map(tuple, said.values())) == {("syncing", "live")}, "nothing tells"
    assert (newest.proof, newest.proven_levels) == (Proof.NONE, 0)
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])


@pytest.mark.parametrize("venue", [Venue.OKX, Venue.BYBIT, Venue.KRAKEN], ids=str)
async def test_each_single_frame_that_is_lost_is_one_gap_of_one_book_at_most(venue: Venue) -> None:
    """Of Kraken's, the next frame may hold all that the lost one held: then nothing was lost, and nothing is said."""
    lossy, spared = (f"{venue}:{symbol}" for symbol in INSTRUMENTS[venue])
    reason = "audit" if venue is Venue.KRAKEN else "sequence"
    lost = Fault(fault=FaultKind.DROP, venue=venue, instrument=INSTRUMENTS[venue][0])
    gaps: list[int] = []
    async with world(_options(venue), {"book.snapshot_retry_max_seconds": 0.1}, [venue]) as seen:
        for _ in range(_TRIES):
            before = len(seen.stands(lossy))
            await _lose(seen, lost, lambda: seen.is_live(lossy))
            said = [str(stand) for stand in seen.stands(lossy, before)]
            gaps.append(said.count(f"gap/{reason}"))
            assert said == [f"gap/{reason}", "live"] * gaps[-1]
        untouched = [str(stand) for stand in seen.stands(spared)]
    assert set(gaps) <= ({0, 1} if venue is Venue.KRAKEN else {1})
    assert sum(gaps) > _TRIES / 2
    assert untouched == ["syncing", "live"]
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])

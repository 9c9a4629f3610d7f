"""Silence is probed, not guessed: a quiet book stays live, a stream that is cut off is stale within its bound."""

import time

import anyio
import pytest
from tests.e2e.faults.cases import INSTRUMENTS
from tests.e2e.faults.world import OVERRIDES, world
from tests.support.waiting import until

from market_data_sandbox import Fault, FaultKind, Options, Venue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

_NOTHING_HAPPENS = 0.001
_PERIODS = 40
"""So many make ten minutes, by the defaults."""
_SLACK_SECONDS = 6.0
"""What a busy machine may add to a bound."""


async def test_a_book_without_any_update_stays_live_through_as_many_probes_as_in_ten_minutes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    venues = tuple(venue for venue in INSTRUMENTS if venue is not Venue.BITSTAMP)  # it never begins without an update
    options = Options(broker=False, venues=venues, instruments=INSTRUMENTS, rate=_NOTHING_HAPPENS)
    overrides = {"book.stream_silence_seconds": 0.2, "book.connection_silence_seconds": 6, "book.audit_seconds": 1}
    async with world(options, overrides) as seen:
        probes = seen.recoveries.attempts
        probes.clear()
        began = anyio.current_time()
        await until(lambda: len(probes) >= _PERIODS * len(seen.keys), 50)
        seconds = anyio.current_time() - began
        said = {key: [str(stand) for stand in seen.stands(key)] for key in seen.keys}
    assert [words for words in said.values() if words != ["syncing", "live"]] == []
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])
    assert {attempt.native for attempt in probes} == {_native(key) for key in said}
    with capsys.disabled():
        print(f"\nsilence: {len(said)} books live through {len(probes)} probes in {seconds:.1f} s without an update")


@pytest.mark.parametrize("venue", [venue for venue in INSTRUMENTS if venue is not Venue.KRAKEN], ids=str)
async def test_a_stream_that_is_cut_off_while_all_else_goes_on_is_stale_within_its_bound(
    venue: Venue, capsys: pytest.CaptureFixture[str]
) -> None:
    symbol, *_ = INSTRUMENTS[venue]
    options = Options(
        broker=False, venues=(venue,), instruments={venue: INSTRUMENTS[venue]}, coinbase_heartbeat_seconds=0.3
    )
    async with world(options, exchanges=[venue]) as seen:
        key = f"{venue}:{symbol}"
        cut_at = time.time()
        seen.inject([Fault(fault=FaultKind.SILENT_STREAM, venue=venue, instrument=symbol)])
        await until(lambda: not seen.is_live(key), 40)
        (stale,) = [stand for stand in seen.stands(key) if str(stand) == "stale/silence"]
    took, bound = stale.at - cut_at, _bound()
    with capsys.disabled():
        print(f"\nsilence: a stream of {venue} cut off was stale after {took:.2f} s, its bound is {bound:.2f} s")
    assert took < bound + _SLACK_SECONDS
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])


async def test_a_stream_of_kraken_that_is_cut_off_is_asked_for_anew_and_its_book_goes_on() -> None:
    """Nothing that the venue tells can be compared with a silent book: another snapshot must come."""
    venue = Venue.KRAKEN
    cut_off, other = INSTRUMENTS[venue]
    key = f"{venue}:{cut_off}"
    options = Options(broker=False, venues=(venue,), instruments={venue: INSTRUMENTS[venue]})
    async with world(options, exchanges=[venue]) as seen:
        asked = seen.recoveries.attempts
        asked.clear()
        seen.inject([Fault(fault=FaultKind.SILENT_STREAM, venue=venue, instrument=cut_off)])
        await until(lambda: seen.injected(FaultKind.SILENT_STREAM), 20)
        last = seen.newest[key].event_time or 0
        await until(lambda: asked and (seen.newest[key].event_time or 0) > last + 1_000_000, 40)
        said = {each: [str(stand) for stand in seen.stands(each)] for each in seen.keys}
    assert {attempt.native for attempt in asked} == {cut_off.replace("-", "/")}, "the other's goes on as it was"
    assert said == {each: ["syncing", "live"] for each in (key, f"{venue}:{other}")}
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])


def _bound() -> float:
    """Silence is noticed, the venue's own book is asked for, and what it knows does not come."""
    names = ("stream_silence_seconds", "probe_timeout_seconds", "join_quiet_seconds")
    return sum(float(str(OVERRIDES[f"book.{name}"])) for name in names)


def _native(key: str) -> str:
    venue, _, symbol = key.partition(":")
    match venue:
        case Venue.BINANCE | Venue.BYBIT:
            return symbol.replace("-", "")
        case Venue.KRAKEN:
            return symbol.replace("-", "/")
        case _:
            return symbol

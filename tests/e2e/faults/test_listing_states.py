"""What is halted at the start is followed when it is back, over real sockets and without a restart."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.e2e.faults.cases import INSTRUMENTS
from tests.e2e.faults.world import world
from tests.support.waiting import until

from market_data_sandbox import Fault, FaultKind, Options, Venue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

_REFRESH: Mapping[str, object] = {f"venues.{venue}.listings_refresh_seconds": 0.5 for venue in INSTRUMENTS}


@pytest.mark.parametrize(
    ("venue", "state"),
    [
        pytest.param(Venue.BINANCE, "BREAK", id="binance, BREAK"),
        pytest.param(Venue.BINANCE, "missing", id="binance, not listed yet"),
        pytest.param(Venue.COINBASE, "offline", id="coinbase, offline"),
        pytest.param(Venue.COINBASE, "missing", id="coinbase, not listed yet"),
    ],
)
async def test_what_has_no_book_at_the_start_is_rejected_and_live_when_it_is_back(
    venue: Venue, state: str, tmp_path: Path
) -> None:
    *others, late = INSTRUMENTS[venue]
    script = tmp_path / "script.yaml"
    script.write_text(
        f"- {{at: 0, venue: {venue}, instrument: {late}, fault: listing_state, state: {state}, seconds: 3}}\n"
    )
    options = Options(broker=False, instruments={venue: INSTRUMENTS[venue]}, faults=(str(script),))
    async with world(options, _REFRESH, [venue]) as seen:
        said = [str(stand) for stand in seen.stands(f"{venue}:{late}")]
        spared = {key: [str(stand) for stand in seen.stands(key)] for key in seen.keys if not key.endswith(late)}
        connections = len({attempt.native for attempt in seen.recoveries.attempts})
    assert said == ["syncing", "disconnected/rejected", "syncing/rejected", "live"]
    assert spared == {f"{venue}:{symbol}": ["syncing", "live"] for symbol in others}, "nobody else has a gap"
    assert connections > 0
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])


async def test_what_is_halted_while_it_is_live_is_told_and_goes_on_by_itself() -> None:
    symbol = "ETH-USDT"
    options = Options(broker=False, instruments={Venue.BINANCE: INSTRUMENTS[Venue.BINANCE]})
    async with world(options, _REFRESH, [Venue.BINANCE]) as seen:
        halt = Fault(fault=FaultKind.LISTING_STATE, venue=Venue.BINANCE, instrument=symbol, state="BREAK", seconds=3)
        seen.inject([halt])
        warned, noted = seen.telemetry.warnings, seen.telemetry.notes
        await until(lambda: any("no book now" in message for message, _ in warned), 20)
        await until(lambda: any("traded now" in message for message, _ in noted), 20)
        await seen.until_live()
    assert [fields["instruments"] for message, fields in warned if "no book now" in message] == [symbol]
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])

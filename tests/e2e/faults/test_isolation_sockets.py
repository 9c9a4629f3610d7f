"""One product of Coinbase stays unreadable over real sockets: the others of its connection do not notice."""

import anyio
import pytest
from tests.e2e.faults.cases import INSTRUMENTS
from tests.e2e.faults.world import world
from tests.support.waiting import until

from market_data_sandbox import Fault, FaultKind, Options, Venue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(150)]

_SECONDS = 62.0
"""Its rebuilds are due 10, 30 and 60 seconds after the first trouble, and half a second later each time."""


async def test_one_product_that_stays_unreadable_for_a_minute_costs_the_others_nothing() -> None:
    odd, *others = INSTRUMENTS[Venue.COINBASE]
    options = Options(broker=False, instruments={Venue.COINBASE: INSTRUMENTS[Venue.COINBASE]})
    overrides = {"venues.coinbase.instruments_per_connection": 10, "reconnect.max_backoff_seconds": 30}
    async with world(options, overrides, [Venue.COINBASE]) as seen:
        key = f"coinbase:{odd}"
        seen.inject([Fault(fault=FaultKind.WRONG_SIDE, venue=Venue.COINBASE, instrument=odd, seconds=_SECONDS)])

        def losses() -> int:
            return [str(stand) for stand in seen.stands(key)].count("gap/malformed")

        began = anyio.current_time()
        await until(lambda: losses() >= 4, _SECONDS + 40, 0.1)
        assert anyio.current_time() - began >= 60
        warned = [message for message, _ in seen.telemetry.warnings]
        spared = {symbol: [str(stand) for stand in seen.stands(f"coinbase:{symbol}")] for symbol in others}
        epochs = {symbol: seen.judge.keys[f"coinbase:{symbol}"].epoch for symbol in others}
    assert spared == {symbol: ["syncing", "live"] for symbol in others}
    assert epochs == dict.fromkeys(others, 1)
    assert warned.count("a book moves to a connection of its own") == 1
    assert "the venue sent an instrument that was not asked for" not in warned
    assert (seen.judge.wrong, list(seen.judge.examples)) == (0, [])
    assert [str(seen.stands(each)[-1]) for each in seen.keys] == ["disconnected/shutdown"] * len(
        INSTRUMENTS[Venue.COINBASE]
    )

"""Faults of what stands behind an exchange: its pace, its price, and what it was a while ago."""

from collections import deque
from collections.abc import Mapping

import anyio
import attrs

from market_data_sandbox.faults.script import Fault
from market_data_sandbox.market_source import MarketSource
from market_data_sandbox.options import Venue
from market_data_sandbox.playing import Player
from market_data_sandbox.source import Depth, Source

__all__ = ["PastBooks", "burst", "leap", "list_in_state", "restart_ids"]

_SAMPLE_SECONDS = 1.0
_SAMPLES = 11
_BURST_SECONDS = 1.0


async def burst(source: Source, fault: Fault) -> None:
    """Let everything happen faster for a while."""
    seconds = _BURST_SECONDS if fault.seconds is None else fault.seconds
    if isinstance(source, MarketSource):
        source.rate *= fault.factor
        await anyio.sleep(seconds)
        source.rate /= fault.factor
    elif isinstance(source, Player) and source.pace.speed is not None:
        source.pace.change(source.pace.speed * fault.factor)
        await anyio.sleep(seconds)
        source.pace.change(source.pace.speed / fault.factor)


def leap(source: Source, fault: Fault) -> bool:
    """Let a trade take more levels than a snapshot has; False where nothing but a recording says what happens."""
    symbols = _symbols(source, fault)
    if isinstance(source, MarketSource):
        for symbol in symbols:
            source.leap(symbol, fault.levels, falls=fault.falls)
        return bool(symbols)
    return False


def restart_ids(source: Source, fault: Fault) -> bool:
    """Let ids start again; False where a recording says what they are."""
    symbols = _symbols(source, fault)
    if isinstance(source, MarketSource):
        for symbol in symbols:
            source.restart_ids(symbol)
        return bool(symbols)
    return False


async def list_in_state(source: Source, fault: Fault) -> None:
    """List instruments in another state for a while."""
    for symbol in _symbols(source, fault):
        source.states.pop(symbol, None)
        if fault.state is not None:
            source.states[symbol] = fault.state
    if fault.seconds is not None:
        await anyio.sleep(fault.seconds)
        for symbol in _symbols(source, fault):
            source.states.pop(symbol, None)


def _symbols(source: Source, fault: Fault) -> list[str]:
    listed = (listing.symbol for listing in source.listings)
    return [symbol for symbol in listed if fault.instrument in {None, symbol}]


@attrs.define(eq=False)
class PastBooks:
    """The books of the last ten seconds, one a second."""

    _samples: dict[tuple[Venue, str], deque[Depth]] = attrs.field(factory=dict, init=False)

    async def watch(self, sources: Mapping[Venue, Source]) -> None:
        """Take samples until cancelled."""
        while True:
            for venue, source in sources.items():
                for listing in source.listings:
                    book = source.book(listing.symbol)
                    if book is not None:
                        samples = self._samples.setdefault((venue, listing.symbol), deque(maxlen=_SAMPLES))
                        samples.append(Depth.of(book))
            await anyio.sleep(_SAMPLE_SECONDS)

    def oldest(self, venue: Venue, symbol: str | None) -> Depth | None:
        """Give a book as it was up to ten seconds ago; None while it is not known."""
        samples = self._samples.get((venue, symbol or ""))
        return samples[0] if samples else None

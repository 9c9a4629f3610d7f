"""How far a venue's clock is from ours, by asking it the time."""

import math

import attrs

from market_data.application.ports import Clock, Network, Venue

__all__ = ["ClockOffset", "compare_clocks"]


@attrs.frozen
class ClockOffset:
    """What the fastest of several answers showed."""

    seconds: float
    """How far theirs is ahead of ours."""
    doubt_seconds: float
    """Half of that answer's way there and back, and what the venue's own answer leaves open: the offset may be wrong by
    so much either way."""


async def compare_clocks(venue: Venue, network: Network, clock: Clock, tries: int = 3) -> ClockOffset:
    """Ask several times, and go by the answer that came fastest.

    Raises:
        RequestFailed: there was no answer.
        MalformedFrame: it could not be read.
    """
    best = ClockOffset(0.0, math.inf)
    for _ in range(tries):
        asked = clock.now()
        response = await network.get(venue.clock_request())
        half = (clock.now().mono - asked.mono) / 2
        if half < best.doubt_seconds:
            best = ClockOffset((venue.read_clock(response.body) - asked.wall) / 1e6 - half, half)
    return ClockOffset(best.seconds, best.doubt_seconds + venue.clock_doubt_seconds)

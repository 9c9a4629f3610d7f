"""Reads the topic for a while, and measures each record's way hop by hop; asks the venues meanwhile what time it is.

Only live records with news count: what repeats at a heartbeat has been on no way.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import anyio
import attrs

from market_data.application.opening import opened_unless, until_stopped
from market_data.application.ports import Clock, Delivered, Histogram, Network, Start, Subscriber, Transport, Venue
from market_data.application.venue_clock import ClockOffset, compare_clocks
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.latency import Hop, passage
from market_data.domain.normalized import MOST_KEYS

__all__ = ["LatencyMeasurement", "VenueLatency"]

_CLOCK_TRIES = 8
_MOST_VENUES = 64
"""More names than these are none of venues."""


@attrs.frozen
class VenueLatency:
    """What was measured of one venue."""

    exchange: str
    hops: Mapping[Hop, Histogram]
    """µs."""
    offset: ClockOffset | None
    """How its clock stands to ours; None where that could not be learnt."""
    problem: str | None = None
    """Why it could not."""


class LatencyMeasurement:
    """One run of ``latency``."""

    def __init__(
        self,
        subscriber: Subscriber,
        venues: Sequence[Venue],
        transport: Transport,
        clock: Clock,
        make_histogram: Callable[[], Histogram],
    ) -> None:
        """``venues`` are those whose clocks can be asked for."""
        self._subscriber = subscriber
        self._venues = venues
        self._transport = transport
        self._clock = clock
        self._make_histogram = make_histogram
        self._hops: dict[str, dict[Hop, Histogram]] = {}
        self._received: dict[str, int] = {}
        """When the data of each instrument's last record was read from the socket."""
        self._offsets: dict[str, ClockOffset] = {}
        self._problems: dict[str, str] = {}

    async def run(self, seconds: float, keys: Collection[str] | None, stop: anyio.Event) -> list[VenueLatency]:
        """Measure what is published from now on, for so long or until ``stop``; gives the venues by name.

        Raises:
            BrokerError: there is no broker, or reading cannot go on.
        """
        async with opened_unless(stop, self._subscriber.open(Start("latest"), None)) as subscription:
            if subscription is None:
                return []
            async with anyio.create_task_group() as asking:
                asking.start_soon(self._compare_all, name="clocks")
                with anyio.move_on_after(seconds):
                    async with until_stopped(stop):
                        while True:
                            delivered = await subscription.receive()
                            self._take(delivered, keys, self._clock.now().wall)
                asking.cancel_scope.cancel()
        return [
            VenueLatency(name, hops, self._offsets.get(name), self._problems.get(name))
            for name, hops in sorted(self._hops.items())
        ]

    def _take(self, delivered: Sequence[Delivered], keys: Collection[str] | None, seen: int) -> None:
        for each in delivered:
            book = each.book
            if each.is_read_back or each.is_past or not book.is_live or (keys is not None and book.key not in keys):
                continue
            received, before = book.received_time, self._received.get(book.key)
            if received is None or received == before or (before is None and len(self._received) >= MOST_KEYS):
                continue
            self._received[book.key] = received
            hops = self._hops_of(book.exchange)
            if before is not None and hops is not None:  # the first may repeat what was read before we came
                for hop, passed in passage(book, each.stamp, each.timestamp, seen).items():
                    hops[hop].record(passed)

    def _hops_of(self, exchange: str) -> Mapping[Hop, Histogram] | None:
        hops = self._hops.get(exchange)
        if hops is None and len(self._hops) < _MOST_VENUES:
            hops = self._hops[exchange] = {hop: self._make_histogram() for hop in Hop}
        return hops

    async def _compare_all(self) -> None:
        async with self._transport.open() as network, anyio.create_task_group() as tasks:
            for venue in self._venues:
                tasks.start_soon(self._compare, venue, network, name=f"{venue.name} clock")

    async def _compare(self, venue: Venue, network: Network) -> None:
        try:
            self._offsets[venue.name] = await compare_clocks(venue, network, self._clock, _CLOCK_TRIES)
        except (RequestFailed, MalformedFrame) as error:
            self._problems[venue.name] = str(error)

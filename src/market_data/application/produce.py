"""From the venues to the topic: which instruments there are, one feed a connection, and the way through the outbox.

The last thing of a run is said in order: feeds stop, every instrument gets its last record (``disconnected``,
``shutdown``), and what waits is delivered for as long as ``shutdown_timeout_seconds`` allows.
"""

import math
from collections.abc import Collection, Sequence
from random import Random

import anyio
import attrs
from anyio.abc import TaskGroup

from market_data.application.budget import WeightBudget
from market_data.application.core import FeedCore
from market_data.application.feeds import Feed, ReconnectSettings
from market_data.application.inputlog import NO_INPUT_LOG, CoreSetup, InputLog, make_core
from market_data.application.inputs import Started, Stopped, Ticked, Unopened
from market_data.application.opening import opened_unless
from market_data.application.outbox import Outbox
from market_data.application.ports import Clock, Network, Publication, Publisher, Telemetry, Transport, Venue
from market_data.application.stalls import watch_stalls
from market_data.domain.errors import MalformedFrame, RequestFailed, UnknownInstrument, UsageError
from market_data.domain.instrument import Instrument, Listing, find_listing
from market_data.domain.normalized import BookState, Reason
from market_data.domain.sync import SyncSettings
from market_data.domain.waits import Backoff

__all__ = ["ProduceSettings", "Producer", "VenuePlan"]

_BATCH = 500
_PROBES_SHARE = 0.5
"""Of the REST budget, for probes of quiet books."""
_BEAT_SECONDS = 0.1
_LISTING_SECONDS = 0.5
"""A venue that has not told by then what it lists is spoken of by a stand-in."""
_SEED_BITS = 32


@attrs.frozen
class VenuePlan:
    """A venue and what is wanted of it."""

    venue: Venue
    symbols: Sequence[str]
    """Canonical symbols."""
    sync: SyncSettings
    connections_per_second: float | None = None
    """Attempts to connect, all connections together; None: as many as come."""


@attrs.frozen
class ProduceSettings:
    """Bounds of a run."""

    reconnect: ReconnectSettings
    connection_silence_seconds: float
    shutdown_timeout_seconds: float


class Producer:
    """One run of ``produce``."""

    def __init__(
        self,
        plans: Sequence[VenuePlan],
        transport: Transport,
        publisher: Publisher,
        outbox: Outbox,
        clock: Clock,
        telemetry: Telemetry,
        settings: ProduceSettings,
        input_log: InputLog = NO_INPUT_LOG,
    ) -> None:
        self._plans = plans
        self._transport = transport
        self._publisher = publisher
        self._outbox = outbox
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._input_log = input_log
        self._random = Random()
        self._feeds: list[Feed] = []
        self._stand_ins: dict[str, FeedCore] = {}
        """By venue, what speaks for instruments that are not, or not yet, known to be listed."""
        self._unresolved = len(plans)
        self._found = 0
        self._delivered = anyio.Event()
        self._handing = 0
        self._in_flight = 0

    async def run(self, stop: anyio.Event) -> int:
        """Produce until ``stop`` is set; gives how many records could not be delivered.

        Raises:
            BrokerError: the broker can not be used, at the start or for good.
            UsageError: no venue lists anything of what was asked for.
        """
        async with opened_unless(stop, self._publisher.open()) as publication:
            if publication is None:
                return 0
            async with anyio.create_task_group() as delivering:
                delivering.start_soon(self._deliver, publication, name="delivery")
                delivering.start_soon(self._look_for_room, publication, name="room in flight")
                async with self._transport.open() as network, anyio.create_task_group() as feeding:
                    feeding.start_soon(self._beat, name="heartbeats of stand-ins")
                    feeding.start_soon(watch_stalls, self._clock, self._telemetry, name="stalls")
                    for plan in self._plans:
                        feeding.start_soon(self._run_venue, plan, network, feeding, name=f"{plan.venue.name} feeds")
                    await stop.wait()
                    feeding.cancel_scope.cancel()
                self._telemetry.note("stopping", waiting=len(self._outbox), in_flight=publication.undelivered)
                for feed in self._feeds:
                    feed.stop()
                for core in self._stand_ins.values():
                    self._publish_states(core, Stopped())
                self._outbox.close()
                with anyio.move_on_after(self._settings.shutdown_timeout_seconds):
                    await self._delivered.wait()
                    await publication.flush()
                delivering.cancel_scope.cancel()
            return self._count_undelivered(publication)

    async def _deliver(self, publication: Publication) -> None:
        while books := await self._outbox.take(_BATCH, publication.admission):
            self._handing, self._in_flight = len(books), publication.undelivered
            await publication.publish(books)
            self._handing = 0
        self._delivered.set()

    async def _look_for_room(self, publication: Publication) -> None:
        while True:
            await publication.until_freed()
            self._outbox.look_again()

    def _count_undelivered(self, publication: Publication) -> int:
        """Count what waits, what is in flight, and what was being handed over when the time was up."""
        in_flight = publication.undelivered
        taken_over = max(0, in_flight - self._in_flight)
        return len(self._outbox) + in_flight + max(0, self._handing - taken_over)

    # venues

    async def _run_venue(self, plan: VenuePlan, network: Network, tasks: TaskGroup) -> None:
        venue = plan.venue
        budget = WeightBudget(venue.weight_per_minute, self._clock)
        pace = plan.connections_per_second
        doors = None if pace is None else WeightBudget(pace * 60, self._clock, burst_seconds=1.0)
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(self._say_waiting, plan, name=f"{venue.name} waits for its listing")
            listings = await self._list(plan, network, budget)
            waiting.cancel_scope.cancel()
        found = self._find(plan, listings)
        self._unresolved -= 1
        self._found += len(found)
        stand_in = self._stand_ins.pop(venue.name, None)
        if stand_in is not None:
            self._reject(plan, stand_in, {listing.instrument.symbol for listing in found})
        if self._unresolved == 0 and self._found == 0:
            raise UsageError("no venue lists any of the instruments asked for; see venues.*.instruments")
        sync = self._spread_probes(plan, found)
        groups = math.ceil(len(found) / venue.instruments_per_connection)
        for at in range(groups):
            group = found[at::groups]
            setup = CoreSetup(
                venue.name,
                tuple(listing.instrument for listing in group),
                frozenset(each.instrument.native for each in group if each.is_crossing_legitimate),
                sync,
                self._settings.connection_silence_seconds,
                tuple(stand_in.standings) if stand_in is not None else (),
                self._random.getrandbits(_SEED_BITS),
            )
            feed = Feed(
                make_core(setup, venue),
                venue,
                network,
                budget,
                doors,
                self._clock,
                self._telemetry,
                self._settings.reconnect,
                self._outbox.put,
                Random(setup.seed),
                self._input_log.begin(setup),
                probe_patience_seconds=max(0.0, sync.quiet_probe_seconds - sync.stream_silence_seconds),
            )
            self._feeds.append(feed)
            tasks.start_soon(feed.run, name=f"{venue.name} feed {at + 1} of {groups}")

    def _spread_probes(self, plan: VenuePlan, found: Sequence[Listing]) -> SyncSettings:
        """Let quiet books be probed as seldom as half of the venue's REST budget asks for when all of them are."""
        if not found:
            return plan.sync
        weight = plan.venue.book_request(found[0].instrument, plan.sync.depth).weight
        seconds = len(found) * weight * 60 / (_PROBES_SHARE * plan.venue.weight_per_minute)
        if seconds > plan.sync.stream_silence_seconds:
            self._telemetry.note(
                "quiet books are probed less often, being many",
                exchange=plan.venue.name,
                instruments=len(found),
                seconds=round(seconds, 1),
            )
        return attrs.evolve(plan.sync, quiet_probe_seconds=seconds)

    def _find(self, plan: VenuePlan, listings: Sequence[Listing]) -> list[Listing]:
        """Find what is asked for; an alias keeps the name it was asked for by."""
        found: list[Listing] = []
        for symbol in plan.symbols:
            try:
                listing = find_listing(plan.venue.name, symbol, listings)
            except UnknownInstrument as error:
                self._telemetry.warn(str(error))
                continue
            found.append(attrs.evolve(listing, instrument=attrs.evolve(listing.instrument, symbol=symbol)))
        return found

    async def _list(self, plan: VenuePlan, network: Network, budget: WeightBudget) -> Sequence[Listing]:
        """Ask what the venue lists until it answers; as long as it does not, its instruments are ``disconnected``."""
        venue = plan.venue
        reconnect = self._settings.reconnect
        backoff = Backoff(reconnect.initial_backoff_seconds, reconnect.max_backoff_seconds)
        request = venue.listings_request()
        while True:
            try:
                await budget.spend(request.weight)
                response = await network.get(request)
                listings = venue.read_listings(response.body)
            except (RequestFailed, MalformedFrame) as error:
                retry_after = error.retry_after_seconds if isinstance(error, RequestFailed) else None
                self._telemetry.warn("could not ask what is listed", exchange=venue.name, problem=str(error))
                self._say_unlisted(plan, error.reason)
                await anyio.sleep(max(backoff.advance(), retry_after or 0.0))
            else:
                return listings

    async def _say_waiting(self, plan: VenuePlan) -> None:
        """Say that the instruments exist where the venue takes its time to tell what it lists."""
        await anyio.sleep(_LISTING_SECONDS)
        self._find_stand_in(plan)

    def _say_unlisted(self, plan: VenuePlan, reason: Reason) -> None:
        self._publish_states(self._find_stand_in(plan), Unopened(reason))

    def _find_stand_in(self, plan: VenuePlan) -> FeedCore:
        stand_in = self._stand_ins.get(plan.venue.name)
        if stand_in is None:
            stand_in = self._stand_ins[plan.venue.name] = _stand_in(plan, plan.symbols)
            self._publish_states(stand_in, Started())
        return stand_in

    def _reject(self, plan: VenuePlan, before: FeedCore, found: Collection[str]) -> None:
        """Go on speaking of what was spoken of while the venue could not be asked and turns out not to be listed."""
        symbols = [symbol for symbol in plan.symbols if symbol not in found]
        if symbols:
            stand_in = self._stand_ins[plan.venue.name] = _stand_in(plan, symbols)
            stand_in.succeed(before)
            self._publish_states(stand_in, Unopened(Reason.REJECTED))

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(_BEAT_SECONDS)
            for stand_in in self._stand_ins.values():
                self._publish_states(stand_in, Ticked())

    def _publish_states(self, core: FeedCore, given: Started | Stopped | Ticked | Unopened) -> None:
        for output in core.handle(given, self._clock.now()):
            if isinstance(output, BookState):
                self._outbox.put(output)


def _stand_in(plan: VenuePlan, symbols: Sequence[str]) -> FeedCore:
    """Make what keeps the records of instruments without a connection."""
    instruments = [Instrument(plan.venue.name, symbol, symbol) for symbol in symbols]
    return FeedCore(plan.venue, instruments, plan.sync, frame_silence_seconds=math.inf)

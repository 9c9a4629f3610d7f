"""From the venues to the topic: the feeds of each venue, and the way through the outbox.

The last thing of a run is said in order: feeds stop, every instrument gets its last record (``disconnected``,
``shutdown``), and what waits is delivered for as long as ``shutdown_timeout_seconds`` allows.
"""

from collections.abc import Callable, Sequence
from random import Random

import anyio
import attrs
from anyio.abc import TaskGroup

from market_data.application.feeds import ReconnectSettings
from market_data.application.inputlog import NO_INPUT_LOG, InputLog
from market_data.application.opening import opened_unless
from market_data.application.outbox import Outbox
from market_data.application.ports import Clock, Network, Publication, Publisher, Supervisor, Telemetry, Transport
from market_data.application.stalls import watch_stalls
from market_data.application.standings import BookStandings
from market_data.application.venue_feeds import VenueFeeds, VenuePlan
from market_data.domain.errors import UsageError
from market_data.domain.normalized import BookState

__all__ = ["ProduceSettings", "Producer", "VenuePlan"]

_BATCH = 500


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
        supervisor: Supervisor,
        settings: ProduceSettings,
        input_log: InputLog = NO_INPUT_LOG,
    ) -> None:
        self._plans = plans
        self._transport = transport
        self._publisher = publisher
        self._outbox = outbox
        self._clock = clock
        self._telemetry = telemetry
        self._supervisor = supervisor
        self._settings = settings
        self._input_log = input_log
        self._random = Random()
        self._unanswered = 0
        """Venues that have not told yet what they list."""
        self._listed = 0
        self._venues: dict[str, VenueFeeds] = {}
        self._begin: Callable[[VenuePlan, Callable[[int], None]], None] | None = None
        """Begins to follow a venue; only while venues are followed."""
        self._delivered = anyio.Event()
        self._handing = 0
        self._in_flight = 0
        self._publication: Publication | None = None
        self.standings = BookStandings(clock, telemetry)
        for plan in plans:
            self.standings.want(plan.venue.name, plan.symbols)

    async def run(self, stop: anyio.Event) -> int:
        """Produce until ``stop`` is set; gives how many records could not be delivered.

        Raises:
            BrokerError: the broker cannot be used, at the start or for good.
            UsageError: no venue knows anything of what was asked for.
        """
        self._telemetry.watch(self.standings.measure)
        self._telemetry.watch(self._outbox.measure)
        async with opened_unless(stop, self._publisher.open()) as publication:
            if publication is None:
                return 0
            self._publication = publication
            async with anyio.create_task_group() as delivering:
                delivering.start_soon(self._deliver, publication, name="delivery")
                delivering.start_soon(self._look_for_room, publication, name="room in flight")
                async with self._transport.open() as network, anyio.create_task_group() as feeding:
                    feeding.start_soon(watch_stalls, self._clock, self._telemetry, name="stalls")
                    feeding.start_soon(self.standings.changes.run, name="changes")
                    feeding.start_soon(self._show_life, name="signs of life")
                    self._follow_by(network, feeding)
                    self._supervisor.ready()
                    await stop.wait()
                    self._supervisor.stopping()
                    self._begin = None
                    feeding.cancel_scope.cancel()
                self._telemetry.note("stopping", waiting=len(self._outbox), in_flight=publication.undelivered)
                for feeds in self._venues.values():
                    feeds.stop()
                self._outbox.close()
                with anyio.move_on_after(self._settings.shutdown_timeout_seconds):
                    await self._delivered.wait()
                    await publication.flush()
                delivering.cancel_scope.cancel()
            return self._count_undelivered(publication)

    @property
    def publication(self) -> Publication | None:
        """The way to the topic; None before it is open."""
        return self._publication

    @property
    def ticked_at(self) -> float | None:
        """When all that watch the time for their books last did, seconds of the monotonic clock; None before any do."""
        return min((feeds.ticked_at for feeds in self._venues.values()), default=None)

    def _publish(self, state: BookState) -> None:
        self.standings.take(state)
        self._outbox.put(state)

    def follow(self, plans: Sequence[VenuePlan]) -> None:
        """Follow these instruments from now on and no others, without a gap for those that are followed already. Of a
        venue that was planned before, its instruments count and nothing else of the plan.
        """
        symbols = {plan.venue.name: plan.symbols for plan in plans}
        for name, wanted in symbols.items():
            self.standings.want(name, wanted)
        self._plans = plans
        if self._begin is not None:
            for name, feeds in self._venues.items():
                feeds.want(symbols.get(name, ()))
        self.standings.keep({f"{name}:{symbol}" for name, wanted in symbols.items() for symbol in wanted})
        if self._begin is None:
            return
        for plan in plans:
            if plan.venue.name not in self._venues:
                self._begin(plan, _count_nothing)

    def _follow_by(self, network: Network, feeding: TaskGroup) -> None:
        def begin(plan: VenuePlan, count_listed: Callable[[int], None]) -> None:
            feeds = self._venues[plan.venue.name] = self._make_feeds(plan, network)
            feeding.start_soon(feeds.run, count_listed, name=f"{plan.venue.name} feeds")

        self._begin = begin
        self._unanswered = len(self._plans)
        for plan in self._plans:
            begin(plan, self._count_listed)

    async def _deliver(self, publication: Publication) -> None:
        while books := await self._outbox.take(_BATCH, publication.admission, publication.linger):
            self._handing, self._in_flight = len(books), publication.undelivered
            await publication.publish(books)
            self._handing = 0
        self._delivered.set()

    async def _show_life(self) -> None:
        pause = self._supervisor.alive_seconds
        while pause is not None:
            self._supervisor.alive()
            await anyio.sleep(pause)

    async def _look_for_room(self, publication: Publication) -> None:
        while True:
            await publication.until_freed()
            self._outbox.look_again()

    def _count_undelivered(self, publication: Publication) -> int:
        """Count what waits, what is in flight, and what was being handed over when the time was up."""
        in_flight = publication.undelivered
        taken_over = max(0, in_flight - self._in_flight)
        return len(self._outbox) + in_flight + max(0, self._handing - taken_over)

    def _make_feeds(self, plan: VenuePlan, network: Network) -> VenueFeeds:
        return VenueFeeds(
            plan,
            network,
            self._clock,
            self._telemetry,
            self._settings.reconnect,
            self._settings.connection_silence_seconds,
            self._publish,
            self._random,
            self._input_log,
        )

    def _count_listed(self, listed: int) -> None:
        """Take note of what a venue lists of all that is asked for; a market that it lists may be halted for now.

        Raises:
            UsageError: no venue knows any of it.
        """
        self._unanswered -= 1
        self._listed += listed
        if self._unanswered == 0 and self._listed == 0:
            raise UsageError("no venue lists any of the instruments asked for; see venues.*.instruments")


def _count_nothing(_listed: int) -> None:
    """What joins a run may be unknown to its venue: that is told, and ends nothing."""

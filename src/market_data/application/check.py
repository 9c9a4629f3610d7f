"""Whether all that a run needs is there: each venue's REST, clock and WebSocket, the broker, the topic, its schema."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio
import attrs

from market_data.application.ports import Clock, Connection, Network, SchemaRegistry, Transport, Venue
from market_data.application.probe import Newest, TopicProbe
from market_data.application.produce import VenuePlan
from market_data.application.venue_clock import compare_clocks
from market_data.domain.errors import (
    BrokerError,
    ConnectionFailed,
    ConnectionLost,
    MalformedFrame,
    RequestFailed,
    UnknownInstrument,
    UsageError,
)
from market_data.domain.events import Accepted, Change, Departing, Event, Numbered, Refused, Snapshot, Unreadable
from market_data.domain.instrument import Instrument, index_listings, nearest_symbols

__all__ = ["Check", "CheckSettings", "Finding"]


@attrs.frozen
class Finding:
    """One thing that was looked at."""

    subject: str
    is_ok: bool
    said: str
    """What was found; where it is not ok, what to do too."""


@attrs.frozen
class CheckSettings:
    """What is expected."""

    brokers: str
    topic: str
    partitions: int
    creates_topic: bool
    first_data_timeout_seconds: float
    max_clock_skew_seconds: float


class Check:
    """One run of ``check``; everything is looked at at once."""

    def __init__(
        self,
        plans: Sequence[VenuePlan],
        transport: Transport,
        probe: TopicProbe,
        clock: Clock,
        settings: CheckSettings,
        registry: SchemaRegistry | None = None,
    ) -> None:
        self._plans = plans
        self._transport = transport
        self._probe = probe
        self._clock = clock
        self._settings = settings
        self._registry = registry

    async def run(self, tell: Callable[[Finding], None]) -> bool:
        """Look at everything, and tell what was found in the order of the settings; gives whether all is well."""
        findings: dict[str, list[Finding]] = {}
        done: dict[str, anyio.Event] = {}
        is_well = True

        async def look(name: str, at: Callable[[], Awaitable[list[Finding]]]) -> None:
            findings[name] = await at()
            done[name].set()

        async with self._transport.open() as network, anyio.create_task_group() as tasks:
            looks: dict[str, Callable[[], Awaitable[list[Finding]]]] = {
                plan.venue.name: partial(self._venue, plan, network) for plan in self._plans
            }
            looks["broker"] = self._broker
            if self._registry is not None:
                looks["schema registry"] = partial(self._schema, self._registry)
            for name, at in looks.items():
                done[name] = anyio.Event()
                tasks.start_soon(look, name, at, name=f"check {name}")
            for name in looks:
                await done[name].wait()
                for finding in findings[name]:
                    tell(finding)
                    is_well = is_well and finding.is_ok
        return is_well

    # venues

    async def _venue(self, plan: VenuePlan, network: Network) -> list[Finding]:
        listed, instruments = await self._listings(plan, network)
        others: list[Finding] = []
        async with anyio.create_task_group() as tasks:

            async def add(look: Awaitable[Finding]) -> None:
                others.append(await look)

            tasks.start_soon(add, self._time(plan.venue, network), name="clock")
            tasks.start_soon(add, self._websocket(plan.venue, network, instruments), name="WebSocket")
        return [listed, *sorted(others, key=lambda finding: finding.subject, reverse=True)]

    @staticmethod
    async def _listings(plan: VenuePlan, network: Network) -> tuple[Finding, list[Instrument]]:
        venue, subject = plan.venue, f"{plan.venue.name} REST"
        try:
            response = await network.get(venue.listings_request())
            listings = venue.read_listings(response.body)
        except (RequestFailed, MalformedFrame) as error:
            advice = f"{error}: see venues.{venue.name}.rest_url, the network and the proxy"
            return Finding(subject, is_ok=False, said=advice), []
        index = index_listings(listings)
        found: list[Instrument] = []
        problems: list[str] = []
        halted: list[str] = []
        for symbol in plan.symbols:
            listing = index.get(symbol)
            if listing is None:
                problems.append(str(UnknownInstrument(venue.name, symbol, nearest=nearest_symbols(symbol, index))))
            elif not listing.has_book:
                problems.append(str(UnknownInstrument(venue.name, symbol, state=listing.state)))
            else:
                found.append(listing.instrument)
                halted += (
                    [] if listing.is_tradable else [f"{symbol} is not traded now ({listing.state}), only followed"]
                )
        if problems:
            said = f"{'; '.join(problems)}: see venues.{venue.name}.instruments"
            return Finding(subject, is_ok=False, said=said), found
        state = f"; {', '.join(halted)}" if halted else f", all of {', '.join(plan.symbols)} traded"
        return Finding(subject, is_ok=True, said=f"{len(listings):,} instruments listed{state}"), found

    async def _time(self, venue: Venue, network: Network) -> Finding:
        subject = f"{venue.name} clock"
        try:
            found = await compare_clocks(venue, network, self._clock)
        except (RequestFailed, MalformedFrame) as error:
            return Finding(subject, is_ok=False, said=f"{error}: see venues.{venue.name}.rest_url")
        offset, doubt = found.seconds, found.doubt_seconds
        said = (
            f"theirs is {abs(offset):.3f} s {'ahead of' if offset > 0 else 'behind'} ours, give or take {doubt:.3f} s"
        )
        if abs(offset) <= self._settings.max_clock_skew_seconds:
            return Finding(subject, is_ok=True, said=said)
        limit = f"more than {self._settings.max_clock_skew_seconds:g} s (book.max_clock_skew_seconds)"
        return Finding(subject, is_ok=False, said=f"{said}, {limit}: set this machine's clock, by NTP")

    async def _websocket(self, venue: Venue, network: Network, instruments: Sequence[Instrument]) -> Finding:
        subject, url = f"{venue.name} WebSocket", venue.websocket_url()
        advice = f"see venues.{venue.name}.websocket_url, the network and the proxy"
        seconds = self._settings.first_data_timeout_seconds
        hearing = _Hearing()
        started = self._clock.now().mono
        try:
            with anyio.move_on_after(seconds):
                async with network.connect(url) as connection:
                    if not instruments:
                        return Finding(subject, is_ok=True, said=f"{url} opens; nothing to subscribe to")
                    await hearing.listen(venue, connection, instruments[: venue.instruments_per_connection])
        except (ConnectionFailed, ConnectionLost, MalformedFrame) as error:
            return Finding(subject, is_ok=False, said=f"{error}: {advice}")
        if hearing.has_data:
            took = self._clock.now().mono - started
            return Finding(subject, is_ok=True, said=f"{url} opens, first data after {took:.1f} s")
        if hearing.refusal is not None:
            said = f"{url} refuses the subscription: {hearing.refusal}: see venues.{venue.name}.instruments"
            return Finding(subject, is_ok=False, said=said)
        if hearing.is_accepted:
            said = f"{url} opens and accepts the subscription; quiet for {seconds:g} s"
            return Finding(subject, is_ok=True, said=said)
        limit = f"{seconds:g} s (book.first_data_timeout_seconds)"
        return Finding(subject, is_ok=False, said=f"{url}: nothing is heard within {limit}: {advice}")

    # the broker

    async def _broker(self) -> list[Finding]:
        settings = self._settings
        try:
            report = await self._probe.look()
        except (BrokerError, UsageError) as error:
            return [Finding("broker", is_ok=False, said=str(error))]
        broker = Finding("broker", is_ok=True, said=f"{settings.brokers} answers")
        if report.partitions == settings.partitions:
            said = f"{settings.topic} has {report.partitions} partitions and up to {report.records:,} records"
            return [broker, Finding("topic", is_ok=True, said=said), *self._broker_clock(report.newest)]
        if report.partitions:
            said = (
                f"{settings.topic} has {report.partitions} partitions, kafka.partitions says {settings.partitions}: "
                f"set it to {report.partitions}, or name another topic in kafka.topics.books"
            )
            return [broker, Finding("topic", is_ok=False, said=said)]
        if settings.creates_topic:
            return [broker, Finding("topic", is_ok=True, said=f"{settings.topic} does not exist yet: produce makes it")]
        said = f"{settings.topic} does not exist: create it, or set kafka.create_topic to true"
        return [broker, Finding("topic", is_ok=False, said=said)]

    @staticmethod
    async def _schema(registry: SchemaRegistry) -> list[Finding]:
        subject = "schema registry"
        try:
            found = await registry.look()
        except (BrokerError, UsageError) as error:
            return [Finding(subject, is_ok=False, said=str(error))]
        if found is None:
            return [Finding(subject, is_ok=True, said="it does not know the schema yet: produce registers it")]
        said = f"version {found.version} of {found.subject}, id {found.id}, {found.compatibility}"
        return [Finding(subject, is_ok=True, said=said)]

    def _broker_clock(self, newest: Newest | None) -> list[Finding]:
        """Compare the broker's clock with the producer's and with ours, as far as the newest record shows them."""
        if newest is None:
            return []
        limit, subject = self._settings.max_clock_skew_seconds, "broker clock"
        ours = (self._clock.now().wall - newest.appended) / 1e6
        theirs = None if newest.published is None else (newest.published - newest.appended) / 1e6
        advice = f"more than {limit:g} s (book.max_clock_skew_seconds): set both clocks by NTP"
        if ours < -limit:
            said = f"the newest record is {-ours:.1f} s ahead of this machine's clock, {advice}"
        elif theirs is not None and abs(theirs) > limit:
            way = "ahead of" if theirs > 0 else "behind"
            said = f"the producer's clock was {abs(theirs):.1f} s {way} the broker's at the newest record, {advice}"
        else:
            return [Finding(subject, is_ok=True, said="no difference shows in the newest record")]
        return [Finding(subject, is_ok=False, said=said)]


@attrs.define
class _Hearing:
    """What a subscription was answered by; a quiet instrument may say nothing for long."""

    is_accepted: bool = False
    has_data: bool = False
    refusal: str | None = None

    async def listen(self, venue: Venue, connection: Connection, instruments: Sequence[Instrument]) -> None:
        """Subscribe, and listen until there is data or a refusal."""
        session = venue.session(instruments)
        for message in session.opening():
            await connection.send(message)
        while not self.has_data and self.refusal is None:
            for frame in (await connection.receive()).frames:
                for event in session.read(frame):
                    self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Change() | Snapshot():
                self.has_data = True
            case Accepted():
                self.is_accepted = True
            case Refused(message):
                self.refusal = message
            case Unreadable(problem):
                raise MalformedFrame(problem)
            case Numbered() | Departing():
                pass

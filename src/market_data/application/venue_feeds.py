"""What a run does at one venue: ask what is listed, follow what has a book, and speak for what is not followed.

1. The venue is asked for all that it lists until it answers; where it refuses us, and its streams may be open all the
   same, what is wanted counts as listed, and the stream says whether it is.
2. Where it takes its time, a stand-in, a core without a connection, says that the instruments are ``syncing``; where
   it cannot be asked, ``disconnected``.
3. What has a book is followed: on connections of its own, so that what joins later costs the others nothing. What is
   not traded now has other connections than what is, since its silence may end them.
4. What is not listed, or has no book now, stays with the stand-in: ``disconnected``, ``rejected``.
5. A book whose own events make it be rebuilt again and again is handed over by the feed of its connection, and gets a
   feed for it alone, where its rebuilds cost nobody else anything. It stays there until the program ends: what has
   behaved for long costs one connection, and moving it back would cost its readers an epoch.
6. Where the venue is about to close a connection, another feed is opened beside its feed, and takes over
   (``succession``).
7. After ``listings_refresh_seconds`` the venue is asked again, about these instruments alone; on with 3. What it no
   longer lists or trades is told; its feed goes on and says of the book what it sees.
8. What is wanted may change: what is not wanted any more gets its last record, what is new is asked about at once.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from random import Random

import anyio
import attrs
from anyio.abc import TaskGroup

from market_data.application import metrics
from market_data.application.budget import WeightBudget
from market_data.application.core import FeedCore
from market_data.application.feeds import Feed, ReconnectSettings
from market_data.application.inputlog import CoreSetup, InputLog, make_core
from market_data.application.inputs import Dropped, HandOver, Released, Started, Stopped, Ticked, Unopened
from market_data.application.listed import ListedStates
from market_data.application.listing import VenueListings
from market_data.application.measures import Sample
from market_data.application.ports import Clock, Network, Telemetry, Venue
from market_data.domain.book import BookFactory, OrderBook
from market_data.domain.continuity import Quietness
from market_data.domain.effects import Purpose
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.instrument import Catalogue, Instrument, Listing, index_listings
from market_data.domain.normalized import BookState, BookStatus, Reason
from market_data.domain.sync import Standing, SyncSettings
from market_data.domain.tally import VenueTally
from market_data.domain.waits import Backoff

__all__ = ["VenueFeeds", "VenuePlan"]

_PROBES_SHARE = 0.5
"""Of the REST budget, for probes of quiet books."""
_BEAT_SECONDS = 0.1
_LISTING_SECONDS = 0.5
"""A venue that has not told by then what it lists is spoken of by the stand-in."""
_SEED_BITS = 32
_REFUSED_HERE = (403, 451)
_NOT_TOLD = "not told"


@attrs.frozen
class VenuePlan:
    """A venue and what is wanted of it."""

    venue: Venue
    symbols: Sequence[str]
    """Canonical symbols."""
    sync: SyncSettings
    connections_per_second: float | None = None
    """Attempts to connect, all connections together; None: as many as come."""
    request_burst_seconds: float = 10.0
    """So many seconds' worth of the REST budget may be spent at once."""
    listings_refresh_seconds: float = 60.0
    """How often the venue is asked again what it lists."""
    books: BookFactory = OrderBook
    """What keeps the books."""


class VenueFeeds:
    """The feeds of one venue, and the stand-in for what has none."""

    def __init__(
        self,
        plan: VenuePlan,
        network: Network,
        clock: Clock,
        telemetry: Telemetry,
        reconnect: ReconnectSettings,
        connection_silence_seconds: float,
        publish: Callable[[BookState], None],
        random: Random,
        input_log: InputLog,
    ) -> None:
        """``publish`` takes states over without waiting; seeds of feeds are drawn from ``random``."""
        venue = plan.venue
        self._plan = plan
        self._venue = venue
        self._network = network
        self._clock = clock
        self._telemetry = telemetry
        self._reconnect = reconnect
        self._connection_silence = connection_silence_seconds
        self._publish = publish
        self._random = random
        self._input_log = input_log
        self._budget = WeightBudget(venue.weight_per_minute, clock, burst_seconds=plan.request_burst_seconds)
        pace = plan.connections_per_second
        self._connect_limiter = None if pace is None else WeightBudget(pace * 60, clock, burst_seconds=1.0)
        self._sync = self._spread_probes()
        self._listings = VenueListings(venue, network, self._budget)
        self._feeds: list[Feed] = []
        """One that takes another's place comes after it, so that it is never without a book that the other has."""
        self._large_frames = anyio.Lock()
        self._stand_in = self._speak_for(plan.symbols)
        self._listed: Mapping[str, Listing] = {}
        """By the symbol it was asked for by, as of the last answer."""
        self._tally = VenueTally()
        self._beaten_at = clock.now().mono
        self._states = ListedStates(venue.name, telemetry, plan.listings_refresh_seconds)
        self._unreadable = 0
        self._former: dict[str, Standing] = {}
        """What was said at last of instruments that are not wanted any more, by key."""
        self._waiting = anyio.CancelScope()
        """Until the next question, its answer included."""

    async def run(self, count_listed: Callable[[int], None]) -> None:
        """Follow until cancelled; ``count_listed`` is told once how many of the instruments the venue lists at all."""
        self._telemetry.watch(self.measure)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._beat, name=f"{self._venue.name} heartbeats of the stand-in")
            self._take(await self._ask(self._listings.ask_all), tasks)
            count_listed(len(self._listed))
            pause = self._plan.listings_refresh_seconds
            while True:
                with anyio.CancelScope() as self._waiting:
                    await anyio.sleep(pause)
                    if self._plan.symbols:
                        self._take(await self._ask(self._ask_again), tasks)
                pause = 0.0 if self._waiting.cancelled_caught else self._plan.listings_refresh_seconds

    def want(self, symbols: Sequence[str]) -> None:
        """Follow these from now on and no others; what is followed already goes on as if nothing had happened."""
        kept = frozenset(symbols)
        dropped = [f"{self._venue.name}:{each}" for each in self._plan.symbols if each not in kept]
        for feed in self._feeds:
            feed.drop(dropped)
        self._give(Dropped(dropped))
        self._plan = attrs.evolve(self._plan, symbols=tuple(symbols))
        self._states.keep(kept)
        self._listed = {symbol: listing for symbol, listing in self._listed.items() if symbol in kept}
        self._sync = self._spread_probes()
        followed = {each.symbol for feed in self._feeds for each in feed.instruments}
        before = self._stand_in
        self._stand_in = self._speak_for([symbol for symbol in symbols if symbol not in followed])
        self._stand_in.succeed(before)
        again = [each.key for each in self._stand_in.instruments if each.key in self._former]
        self._stand_in.resume(map(self._former.pop, again))
        self._give(Started())
        self._waiting.cancel()

    def stop(self) -> None:
        """Say that the program stops: the last record of each instrument."""
        for feed in self._feeds:
            feed.stop()
        self._say(Stopped())

    @property
    def ticked_at(self) -> float:
        """When all that watch the time last did, seconds of the monotonic clock."""
        return min([self._beaten_at, *(feed.ticked_at for feed in self._feeds)])

    def measure(self) -> Iterator[Sample]:
        """Give the metrics of the exchange."""
        tally, budget, exchange = self._tally, self._budget, (self._venue.name,)
        yield metrics.CONNECTIONS, exchange, tally.connections
        yield metrics.FRAMES, exchange, tally.frames
        yield metrics.FRAME_BYTES, exchange, tally.frame_bytes
        yield metrics.EVENTS, exchange, tally.events
        yield metrics.MESSAGES_SENT, exchange, tally.messages
        yield metrics.REST_WEIGHT, exchange, budget.spent
        yield metrics.REST_WEIGHT_LIMIT, exchange, budget.limit
        if budget.used is not None:
            yield metrics.REST_WEIGHT_USED, exchange, budget.used
        if tally.behind_seconds is not None:
            yield metrics.CLOCK_BEHIND, exchange, tally.behind_seconds
        for purpose in (Purpose.AUDIT, Purpose.PROBE, Purpose.RESEED):
            yield metrics.BOOK_COMPARISONS, (*exchange, purpose, "same"), tally.comparisons.get((purpose, True), 0)
            yield (
                metrics.BOOK_COMPARISONS,
                (*exchange, purpose, "different"),
                tally.comparisons.get((purpose, False), 0),
            )
        for metric in (metrics.RECONNECTS, metrics.CONNECT_FAILURES, metrics.REST_FAILURES):
            yield from ((metric, (*exchange, reason), 0) for reason in Reason)  # known before the first is counted

    # asking

    async def _ask(self, question: Callable[[], Awaitable[Catalogue]]) -> Catalogue:
        """Ask until there is an answer; before the first one, the instruments say why there is none."""
        backoff = Backoff(self._reconnect.initial_backoff_seconds, self._reconnect.max_backoff_seconds)
        while True:
            try:
                return await question()
            except (RequestFailed, MalformedFrame) as error:
                retry_after = error.retry_after_seconds if isinstance(error, RequestFailed) else None
                if error.reason is Reason.RATE_LIMITED:
                    self._budget.hold(retry_after)
                self._telemetry.count(metrics.REST_FAILURES, exchange=self._venue.name, reason=error.reason)
                self._telemetry.warn("could not ask what is listed", exchange=self._venue.name, problem=str(error))
                if (
                    self._venue.is_listing_optional
                    and isinstance(error, RequestFailed)
                    and error.status in _REFUSED_HERE
                ):
                    return self._assumed()
                if not self._states.were_told:
                    self._say(Unopened(error.reason))
                await anyio.sleep(max(backoff.advance(), retry_after or 0.0))

    async def _ask_again(self) -> Catalogue:
        natives = [listing.instrument.native for listing in self._listed.values()]
        return await self._listings.ask_about(
            natives, [each for each in self._plan.symbols if each not in self._listed]
        )

    def _assumed(self) -> Catalogue:
        """Give what was listed at last, or else each instrument by the venue's rule for names."""
        name, native_of = self._venue.name, self._venue.native_of
        return Catalogue(
            tuple(
                self._listed.get(symbol)
                or Listing(Instrument(name, symbol, native_of(symbol)), is_tradable=True, state=_NOT_TOLD)
                for symbol in self._plan.symbols
                if not self._states.is_unlisted(symbol)
            )
        )

    # answers

    def _take(self, catalogue: Catalogue, tasks: TaskGroup) -> None:
        """Follow what has a book by now; the rest is ``rejected``."""
        if catalogue.unreadable > self._unreadable:
            self._unreadable = catalogue.unreadable
            self._telemetry.warn(
                "entries of a listing could not be read",
                exchange=self._venue.name,
                count=catalogue.unreadable,
                problem=catalogue.problem,
            )
        index = index_listings(catalogue)
        self._listed = {symbol: index[symbol] for symbol in self._plan.symbols if symbol in index}
        self._states.tell(self._plan.symbols, self._listed, index)
        awaited = [instrument.symbol for instrument in self._stand_in.instruments]
        joining = [symbol for symbol in awaited if symbol in self._listed and self._listed[symbol].has_book]
        if joining:
            self._join(joining, tasks)
        self._say(Unopened(Reason.REJECTED))

    # following

    def _join(self, symbols: Sequence[str], tasks: TaskGroup) -> None:
        """Open connections for what was not followed; an alias keeps the name it was asked for by."""
        most = self._venue.instruments_per_connection
        for is_traded in (True, False):
            alike = [symbol for symbol in symbols if self._listed[symbol].is_tradable is is_traded]
            groups = math.ceil(len(alike) / most)
            for at in range(groups):
                self._follow(
                    self._set_up([self._listed[symbol] for symbol in alike[at::groups]], alike[at::groups]), tasks
                )
        before = self._stand_in
        followed = set(symbols)
        self._stand_in = self._speak_for([each.symbol for each in before.instruments if each.symbol not in followed])
        self._stand_in.succeed(before)

    def _set_up(self, listings: Sequence[Listing], symbols: Sequence[str]) -> CoreSetup:
        instruments = tuple(
            attrs.evolve(listing.instrument, symbol=symbol) for listing, symbol in zip(listings, symbols, strict=True)
        )
        keys = {instrument.key for instrument in instruments}
        return CoreSetup(
            self._venue.name,
            instruments,
            frozenset(each.instrument.native for each in listings if each.is_crossing_legitimate),
            self._sync,
            self._connection_silence,
            tuple(standing for standing in self._stand_in.standings if standing.key in keys),
            self._random.getrandbits(_SEED_BITS),
        )

    def _take_over(self, handed: HandOver | Released, setup: CoreSetup, tasks: TaskGroup) -> None:
        """Follow a book alone that shared a connection made by ``setup``, from where its records stand; one that was
        released, not at all.
        """
        if isinstance(handed, Released):
            self._remember(handed)
            return
        self._telemetry.warn("a book moves to a connection of its own", instrument=handed.instrument.key)
        seed = self._random.getrandbits(_SEED_BITS)
        alone = attrs.evolve(
            setup, instruments=(handed.instrument,), standings=(handed.standing,), seed=seed, is_withheld=False
        )
        self._follow(alone, tasks)

    def _replace(self, old: Feed, setup: CoreSetup, tasks: TaskGroup) -> None:
        """Open another connection beside one that was made by ``setup``, to take its place."""
        seed = self._random.getrandbits(_SEED_BITS)
        instruments = tuple(old.core.instruments)
        new = attrs.evolve(setup, instruments=instruments, standings=(), seed=seed, is_withheld=True)
        self._follow(new, tasks).succeed(old)

    def _follow(self, setup: CoreSetup, tasks: TaskGroup) -> Feed:
        """Open a connection and keep it open."""
        feed = Feed(
            make_core(setup, self._venue, self._plan.books, self._tally),
            self._venue,
            self._network,
            self._budget,
            self._connect_limiter,
            self._clock,
            self._telemetry,
            self._reconnect,
            self._publish,
            lambda handed: self._take_over(handed, setup, tasks),
            lambda feed: self._replace(feed, setup, tasks),
            Random(setup.seed),
            self._input_log.begin(setup),
            probe_patience_seconds=max(0.0, self._sync.quiet_probe_seconds - self._sync.stream_silence_seconds),
            large_frames=self._large_frames,
            tally=self._tally,
        )
        self._feeds.append(feed)
        tasks.start_soon(self._keep, feed, name=f"{self._venue.name} feed {len(self._feeds)}")
        return feed

    async def _keep(self, feed: Feed) -> None:
        await feed.run()
        self._feeds.remove(feed)  # it was replaced, or all that it followed was dropped

    def _spread_probes(self) -> SyncSettings:
        """Let quiet books be probed as seldom as half of the venue's REST budget asks for when all of them are.

        Where their streams are asked for anew instead, that costs no such budget, and each connection sees to its pace.
        """
        venue, sync, symbols = self._venue, self._plan.sync, self._plan.symbols
        if venue.continuity.quietness is Quietness.RENEWED or not symbols:
            return sync
        instrument = Instrument(venue.name, symbols[0], venue.native_of(symbols[0]))
        weight = venue.book_request(instrument, sync.depth).weight
        seconds = len(symbols) * weight * 60 / (_PROBES_SHARE * venue.weight_per_minute)
        if seconds > sync.stream_silence_seconds:
            self._telemetry.note(
                "quiet books are probed less often, being many",
                exchange=venue.name,
                instruments=len(symbols),
                seconds=round(seconds, 1),
            )
        return attrs.evolve(sync, quiet_probe_seconds=seconds)

    # the stand-in

    def _speak_for(self, symbols: Iterable[str]) -> FeedCore:
        """Make what keeps the records of instruments without a connection."""
        instruments = [Instrument(self._venue.name, symbol, symbol) for symbol in symbols]
        return FeedCore(self._venue, instruments, self._plan.sync, frame_silence_seconds=math.inf)

    async def _beat(self) -> None:
        await anyio.sleep(_LISTING_SECONDS)
        self._give(Started())
        while True:
            await anyio.sleep(_BEAT_SECONDS)
            self._give(Ticked())
            self._beaten_at = self._clock.now().mono

    def _say(self, given: Stopped | Unopened) -> None:
        """Say something of the instruments, and before it, where nothing was said yet, that they exist."""
        self._give(Started())
        self._give(given)

    def _give(self, given: Dropped | Started | Stopped | Ticked | Unopened) -> None:
        for output in self._stand_in.handle(given, self._clock.now()):
            if isinstance(output, BookState):
                self._publish(output)
            elif isinstance(output, Released):
                self._remember(output)

    def _remember(self, dropped: Released) -> None:
        """Keep what the records of an instrument go on from if it is wanted again: then it has no connection yet."""
        standing = attrs.evolve(dropped.standing, status=BookStatus.SYNCING, reason=Reason.CONNECTION, status_since=0)
        self._former[standing.key] = standing

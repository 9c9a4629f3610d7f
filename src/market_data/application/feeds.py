"""What joins a venue's core to its sockets: opening, reading, fetching, waiting, and nothing that decides.

One ``Feed`` carries one connection's instruments. Between the socket and the outbox nothing is awaited but the next
batch of frames, so neither a slow broker nor a slow REST answer can stall a reader.
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import TypeVar

import anyio
import attrs
from anyio.abc import TaskGroup

from market_data.application import metrics
from market_data.application.budget import WeightBudget
from market_data.application.core import FeedCore
from market_data.application.inputlog import NO_INPUT_LOG, InputRecorder
from market_data.application.inputs import (
    Closed,
    Dropped,
    Fetched,
    FetchFailed,
    Frames,
    HandOver,
    Hold,
    Input,
    Opened,
    Output,
    Released,
    Replaced,
    Send,
    Started,
    Stopped,
    TakeOver,
    Ticked,
    Unopened,
)
from market_data.application.metrics import SAMPLED
from market_data.application.ports import Clock, Connection, Network, Received, Telemetry, Venue
from market_data.application.progress import FrameProgress
from market_data.application.reconnects import ReconnectSettings, ReconnectWaits
from market_data.application.succession import Succession
from market_data.domain.effects import Fetch, Reconnect, Replace, Tell
from market_data.domain.errors import ConnectionFailed, ConnectionLost, RequestFailed
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, Reason
from market_data.domain.standing import Said
from market_data.domain.tally import VenueTally

E = TypeVar("E", bound=Exception)

__all__ = ["Feed", "ReconnectSettings"]

_TICK_SECONDS = 0.1
_LARGE_FRAME_BYTES = 131_072
"""What is larger takes more than a millisecond or two."""
_SAY_CONNECTED_SECONDS = 60.0
"""A connection that is lost again and again is said to be open again no more often."""


class Feed:
    """One connection of one venue, kept open."""

    def __init__(
        self,
        core: FeedCore,
        venue: Venue,
        network: Network,
        budget: WeightBudget,
        connect_limiter: WeightBudget | None,
        clock: Clock,
        telemetry: Telemetry,
        reconnect: ReconnectSettings,
        publish: Callable[[BookState], None],
        hand_over: Callable[[HandOver | Released], None],
        replace: Callable[["Feed"], None],
        random: Random,
        recorder: InputRecorder = NO_INPUT_LOG,
        *,
        probe_patience_seconds: float = 0.0,
        large_frames: anyio.Lock | None = None,
        tally: VenueTally | None = None,
    ) -> None:
        """``connect_limiter`` paces the attempts of all feeds to connect, each weighing 1; ``publish`` takes states
        over without waiting; ``hand_over`` takes over what this feed speaks for no more; ``replace`` gives this feed a
        successor; ``random`` jitters the waits; ``recorder`` takes down what the core is given; a probe may wait for
        its turn in the budget for ``probe_patience_seconds`` beyond its own time; ``large_frames`` lets feeds read
        these one after the other; ``tally`` counts for the whole venue.
        """
        self._core = core
        self._venue = venue
        self._network = network
        self._budget = budget
        self._connect_limiter = connect_limiter
        self._clock = clock
        self._telemetry = telemetry
        self._publish = publish
        self._hand_over = hand_over
        self._replace = replace
        self._recorder = recorder
        self._probe_patience = probe_patience_seconds
        self._large_frames = large_frames or anyio.Lock()
        self._tally = tally or VenueTally()
        self.ticked_at = clock.now().mono
        """When time was last seen to pass, seconds of the monotonic clock."""
        self._is_reading_ahead = False
        self._readings = 0
        self._messages: deque[str] = deque()
        """What waits to be sent; the core gives no more before it can be, so these are one opening's at most."""
        self._message_queued = anyio.Event()
        self._waits = ReconnectWaits(reconnect, random)
        self._first_wait = 0.0
        self._running = anyio.CancelScope()
        self._tasks: TaskGroup | None = None
        self._connection_scope: anyio.CancelScope | None = None
        self._fetch_scopes: dict[str, anyio.CancelScope] = {}
        self._is_closing_ourselves = False
        self._is_open = False
        self._is_open_said = False
        self._said_open_at = -inf
        self._losses = 0
        """How many open connections have ended since one was said to be open."""
        self.succession: Succession | None = None
        """Another feed is about to take the place of this one."""
        self._succeeding: Succession | None = None

    @property
    def core(self) -> FeedCore:
        """What decides."""
        return self._core

    @property
    def waits(self) -> ReconnectWaits:
        """How long it waits before it connects again."""
        return self._waits

    def succeed(self, old: "Feed") -> None:
        """Take the place of a feed whose connection is about to be closed, as soon as this one can.

        It waits first where that connection has not lasted, as if it had been given up.
        """
        self._first_wait = self._waits.succeed(old.waits, self._clock.now().mono)

        def pass_on(reason: Reason, now: Moment) -> None:
            self._succeeding = None
            self.give(TakeOver(old.retire(now), reason), now)
            self._telemetry.note("the connection is replaced", exchange=self._venue.name, live=self._core.live)

        self._succeeding = old.succession = Succession(old.core, self._core, pass_on)

    def retire(self, now: Moment) -> Sequence[Said]:
        """End without a last record; gives what was said of each instrument."""
        said = self._core.books.said
        self.give(Replaced(), now)
        self._leave()
        return said

    def _leave(self) -> None:
        """End ``run``, even before it has begun; nobody waits for its ticks any more."""
        self.ticked_at = inf
        self._running.cancel()

    async def run(self) -> None:
        """Keep the connection open until cancelled, or another feed has taken over; the last record of every instrument
        is given by ``stop``.
        """
        if not self._core.instruments:  # all were dropped before it began
            return
        self.give(Started(), self._clock.now())
        with self._running:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                await self._keep_connected(tasks)

    async def _keep_connected(self, tasks: TaskGroup) -> None:
        tasks.start_soon(self._tick, name=f"{self._venue.name} ticks")
        await anyio.sleep(self._first_wait)
        while True:
            retry_after = await self._connect_once()
            if self.succession is not None:
                await anyio.sleep_forever()  # until it has taken over
            await anyio.sleep(max(self._waits.advance(), retry_after))

    def stop(self) -> None:
        """Say that the program stops: the last record of each instrument."""
        self._succeeding = None
        self.give(Stopped(), self._clock.now())

    @property
    def instruments(self) -> Sequence[Instrument]:
        """What it follows now."""
        return self._core.instruments

    def drop(self, keys: Sequence[str]) -> None:
        """Follow these of its own no more; once there is nothing left to follow, or to take over, ``run`` ends."""
        ours = [each.key for each in self._core.instruments if each.key in keys]
        if ours:
            self.give(Dropped(ours), self._clock.now())
        if not self._core.instruments or (self._succeeding is not None and self._succeeding.is_void):
            self.stop()
            self._leave()

    def give(self, given: Input, moment: Moment) -> None:
        """Hand one input to the core and carry its effects out."""
        self._recorder.take(given, moment)
        outputs = self._core.handle(given, moment)
        self._recorder.gave(outputs)
        for output in outputs:
            if type(output) is BookState:
                self._publish(output)
            else:
                self._act(output)
        if self._succeeding is not None:
            self._succeeding.watch(given, moment)

    def _end(self, given: Closed) -> None:
        """The open connection has ended."""
        if self.succession is None:
            self.give(given, self._clock.now())
        else:
            self.succession.ended(given.reason, self._clock.now())

    def _act(self, output: Output) -> None:
        match output:
            case Fetch():
                if self._tasks is not None:
                    self._tasks.start_soon(self._fetch, output, name=f"fetch {output.instrument.key}")
            case Send(messages):
                self._messages.extend(messages)
                self._message_queued.set()
            case Reconnect(reason):
                self._telemetry.count(metrics.RECONNECTS, exchange=self._venue.name, reason=reason)
                if self._connection_scope is not None:
                    self._is_closing_ourselves = True
                    self._connection_scope.cancel()
                    self._waits.gave_up(self._clock.now().mono)
            case Hold(seconds):
                self._budget.hold(seconds)
            case HandOver() | Released():
                self._hand_over(output)
            case Replace():
                if self.succession is None:
                    self._replace(self)
            case Tell(message, fields):
                self._telemetry.warn(message, exchange=self._venue.name, **fields)
            case BookState():
                self._publish(output)

    # the connection

    async def _connect_once(self) -> float:
        """Open, read until it ends, and say so to the core; gives the venue's own wait before the next attempt."""
        url = self._venue.websocket_url()
        self._is_closing_ourselves = False
        self._waits.connecting()
        if self._connect_limiter is not None:
            await self._connect_limiter.spend(1)
        retry_after = 0.0
        try:
            with anyio.CancelScope() as self._connection_scope:
                async with self._network.connect(url) as connection, anyio.create_task_group() as tasks:
                    self._messages.clear()
                    self.give(Opened(), self._clock.now())
                    self._is_open, self._is_open_said = True, False
                    self._tally.connections += 1
                    self._say_open()
                    tasks.start_soon(self._send, connection, name=f"{self._venue.name} sends")
                    await self._read(connection)
        except* ConnectionFailed as failed:
            error = _first(failed)
            self._telemetry.count(metrics.CONNECT_FAILURES, exchange=self._venue.name, reason=error.reason)
            self._telemetry.warn("could not connect", exchange=self._venue.name, problem=str(error))
            self.give(Unopened(error.reason), self._clock.now())
            retry_after = error.retry_after_seconds or 0.0
        except* ConnectionLost as lost:
            loss = _first(lost)
            self._telemetry.count(metrics.RECONNECTS, exchange=self._venue.name, reason=loss.reason)
            self._telemetry.warn("connection lost", exchange=self._venue.name, problem=str(loss))
            self._end(Closed(loss.reason))
        finally:
            self._connection_scope = None
            self._losses += self._is_open
            self._tally.connections -= self._is_open
            self._is_open = False
        if self._is_closing_ourselves:
            self._end(Closed(Reason.CONNECTION, is_ours=True))
        return retry_after

    def _say_open(self) -> None:
        """Say of each connection that it is open, at once or as soon as the last saying is long enough ago."""
        now = self._clock.now().mono
        if not self._is_open or self._is_open_said or now - self._said_open_at < _SAY_CONNECTED_SECONDS:
            return
        lost = {"lost_before": self._losses} if self._losses else {}
        self._telemetry.note("connected", exchange=self._venue.name, url=self._venue.websocket_url(), **lost)
        self._is_open_said, self._said_open_at, self._losses = True, now, 0

    async def _read(self, connection: Connection) -> None:
        progress = FrameProgress(self._telemetry, self._venue.name)
        while True:
            received = await connection.receive()
            progress.saw(received)
            await self._take(received)
            if not self._waits.is_reset and self._core.live:
                self._waits.live(received.moment.mono)

    async def _take(self, received: Received) -> None:
        """Give frames to the core; a large one is read ahead, in steps between which other feeds go on."""
        if self.succession is not None and self.succession.is_catching_up:
            return
        frames, moment, given = received.frames, received.moment, 0
        self._tally.frames += len(frames)
        for at, frame in enumerate(frames):
            size = len(frame)
            self._tally.frame_bytes += size
            if size > _LARGE_FRAME_BYTES:
                if at > given:
                    self.give(Frames(frames[given:at]), moment)
                    given = at
                await self._read_ahead(frame, moment)
                moment = attrs.evolve(self._clock.now(), read=received.moment.wall)
        self.give(Frames(frames[given:]), moment)
        if not self._readings % SAMPLED:
            applied = self._clock.now().mono - received.moment.mono
            self._telemetry.observe(metrics.EXCHANGE_APPLY, applied, exchange=self._venue.name)
        self._readings += 1

    async def _read_ahead(self, frame: bytes, moment: Moment) -> None:
        """Until it is read, which may have to wait for another feed's, the bytes of a frame count as still coming."""
        self.give(Frames(()), moment)
        self._is_reading_ahead = True
        try:
            async with self._large_frames:
                for _ in self._core.reading(frame):
                    await anyio.lowlevel.checkpoint()
        finally:
            self._is_reading_ahead = False

    async def _send(self, connection: Connection) -> None:
        pause = 1.0 / self._venue.messages_per_second
        while True:
            while self._messages:
                await connection.send(self._messages.popleft())
                self._tally.messages += 1
                await anyio.sleep(pause)
            self._message_queued = anyio.Event()
            await self._message_queued.wait()

    # REST

    async def _fetch(self, fetch: Fetch) -> None:
        """Fetch one book within the venue's budget; a newer request of the same instrument replaces an older one."""
        key = fetch.instrument.key
        previous = self._fetch_scopes.pop(key, None)
        if previous is not None:
            previous.cancel()
        with anyio.CancelScope() as scope:
            self._fetch_scopes[key] = scope
            request = self._venue.book_request(fetch.instrument, fetch.levels)
            try:
                within = fetch.within_seconds
                with anyio.fail_after(None if within is None else within + self._probe_patience):
                    await self._budget.spend(request.weight, is_urgent=within is not None)
                    with anyio.fail_after(within):
                        response = await self._network.get(request)
            except TimeoutError:
                self._telemetry.count(metrics.REST_FAILURES, exchange=self._venue.name, reason=Reason.UNAVAILABLE)
                self._telemetry.warn("a probe was not answered in time", instrument=key, seconds=fetch.within_seconds)
                self.give(FetchFailed(fetch, Reason.UNAVAILABLE), self._clock.now())
            except RequestFailed as error:
                self._telemetry.count(metrics.REST_FAILURES, exchange=self._venue.name, reason=error.reason)
                self._telemetry.warn("a book could not be fetched", instrument=key, problem=str(error))
                self.give(FetchFailed(fetch, error.reason, error.retry_after_seconds), self._clock.now())
            else:
                self._budget.learn(self._venue.used_weight(response.headers))
                self.give(Fetched(fetch, response.body), self._clock.now())
        if self._fetch_scopes.get(key) is scope:
            del self._fetch_scopes[key]

    async def _tick(self) -> None:
        while True:
            await anyio.sleep(_TICK_SECONDS)
            if self._is_reading_ahead:
                self.give(Frames(()), self._clock.now())
            now = self._clock.now()
            self.give(Ticked(), now)
            self.ticked_at = now.mono
            self._say_open()


def _first(group: ExceptionGroup[E]) -> E:
    error: E | ExceptionGroup[E] = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error

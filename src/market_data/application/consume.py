"""From the topic to a display: every record proven in order, silence noticed, the market kept."""

from collections.abc import Callable, Collection, Sequence

import anyio
import attrs

from market_data.application.bounded import ReadingEnd
from market_data.application.consumed import Consumed, Passages
from market_data.application.opening import opened_unless
from market_data.application.ports import (
    Clock,
    Delivered,
    Display,
    Reading,
    Start,
    Subscriber,
    Subscription,
    Telemetry,
)
from market_data.application.proven import ProvenSubscription
from market_data.application.stalls import watch_stalls
from market_data.domain.market import Market
from market_data.domain.proof import OrderProof

__all__ = ["ConsumeRequest", "Consumer"]

_PATIENCE_SECONDS = 10.0
"""An instrument asked for may take so long to show before it is missed: two heartbeats."""


@attrs.frozen
class ConsumeRequest:
    """What is asked of one run of ``consume``."""

    start: Start
    group: str | None
    keys: Collection[str] | None
    """``exchange:symbol`` of the instruments wanted; None: all."""
    proven_only: bool = False
    """Show nothing that its venue cannot prove."""
    end: ReadingEnd | None = None
    """Where reading ends; a group, whose members share the reading, has no such end."""
    most_records: int | None = None
    """It ends once so many were shown."""
    seconds: float | None = None
    """It ends after so long."""


class Consumer:
    """One run of ``consume``."""

    def __init__(
        self,
        subscriber: Subscriber,
        market: Market,
        display: Display,
        clock: Clock,
        telemetry: Telemetry,
        *,
        source: str,
        refresh_seconds: float,
        configured: Collection[str] = (),
    ) -> None:
        """``source`` names broker and topic; ``refresh_seconds`` is how often passing time is shown; ``configured``
        are the keys of the instruments that metrics tell apart in any case.
        """
        self._subscriber = subscriber
        self._market = market
        self._display = display
        self._clock = clock
        self._telemetry = telemetry
        self._refresh_seconds = refresh_seconds
        self._source = source
        self._passages = Passages(telemetry, clock)
        self.reading = Reading(source, OrderProof(), clock.now(), pictures=self._passages)
        self.subscription: Subscription | None = None
        """The way from the topic; None before it is open."""
        self.ticked_at: float | None = None
        """When passing time was last shown, seconds of the monotonic clock."""
        self._consumed = Consumed(self.reading.proof, market, configured)

    async def run(self, request: ConsumeRequest, stop: anyio.Event, leave: Callable[[], None] | None = None) -> None:
        """Read and show until ``stop`` is set, or what was asked for is over.

        ``leave`` is called when the person in front of the display has seen enough, and sees to it that ``stop`` gets
        set; without it that happens at once.

        Raises:
            BrokerError: reading cannot go on.
            BrokenPipeError: nobody reads what is shown any more.
        """
        self._telemetry.watch(lambda: self._consumed.measure(self.subscription, self._clock.now()))
        async with opened_unless(stop, self._subscriber.open(request.start, request.group)) as subscription:
            if subscription is None:
                return
            self.subscription = subscription
            self._telemetry.note("reading", source=self._source, start=str(request.start))
            async with self._display.open(self._market, self.reading, leave or stop.set):
                unused: Sequence[Delivered] = ()
                async with anyio.create_task_group() as tasks:
                    reader = ProvenSubscription(
                        subscription,
                        request.keys,
                        self._telemetry,
                        self.reading.proof,
                        proven_only=request.proven_only,
                    )
                    tasks.start_soon(self._refresh, reader, request.end, name="refresh")
                    tasks.start_soon(watch_stalls, self._clock, self._telemetry, name="stalls")
                    if request.keys is not None and request.group is None:
                        tasks.start_soon(self._miss, request.keys, name="miss")
                    tasks.start_soon(_cancel_when, stop, tasks.cancel_scope.cancel, name="stop")
                    with anyio.move_on_after(request.seconds):
                        unused = await self._read(reader, request)
                    tasks.cancel_scope.cancel()
                reader.leave(unused)

    async def _read(self, reader: ProvenSubscription, request: ConsumeRequest) -> Sequence[Delivered]:
        """Show what comes until all that was asked for has come; gives what was read beyond that."""
        end, left = request.end, request.most_records
        while True:
            delivered = await reader.receive()
            if end is not None:
                delivered = [each for each in delivered if end.holds(each)]
            now = self._clock.now()
            taken = reader.take(delivered, self._market, now)
            taken, unused = taken[:left], [] if left is None else [each for _, each in taken[left:]]
            quotes = [quote for quote, _ in taken]
            self.reading.records += len(delivered) - len(unused)
            self.reading.now = now
            self._consumed.worst_age.saw(quotes, now)
            self._passages.saw(taken, now)
            if quotes:
                self._display.show(quotes, self._market, self.reading)
            if left is not None and (left := left - len(quotes)) == 0:
                return unused
            if end is not None and await reader.has_come_to(end):
                return unused

    async def _miss(self, keys: Collection[str]) -> None:
        """Tell once which of the instruments wanted are not there; they may yet come."""
        await anyio.sleep(_PATIENCE_SECONDS)
        if missing := sorted(set(keys) - self.reading.proof.keys.keys()):
            self._telemetry.warn("nothing was read so far of what was asked for", instruments=", ".join(missing))

    async def _refresh(self, reader: ProvenSubscription, end: ReadingEnd | None) -> None:
        while True:
            await anyio.sleep(self._refresh_seconds)
            now = self._clock.now()
            self.ticked_at = now.mono
            self.reading.now, self.reading.trouble = now, reader.trouble
            lags = self.subscription.lags if self.subscription is not None else {}
            self.reading.lag = sum(lags.values()) if lags else None
            if end is None or not end.is_past:
                _, expired = reader.pass_time(self._market, now)
                if expired:
                    self._display.show(expired, self._market, self.reading)
            self._display.refresh(self._market, self.reading)


async def _cancel_when(stop: anyio.Event, cancel: Callable[[], None]) -> None:
    await stop.wait()
    cancel()

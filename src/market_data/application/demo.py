"""The whole river on one machine: exchanges and broker as one child, the producer as another, the consumer in front.

The order of the end is the order of the river: the producer says its last words, they are read, then the rest goes.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import anyio
import attrs

from market_data.application.children import Child, ChildFailed, Children
from market_data.application.consume import Consumer, ConsumeRequest
from market_data.application.ports import Start, Telemetry
from market_data.application.tally import Tally
from market_data.domain.normalized import BookStatus
from market_data.domain.proof import OrderProof

__all__ = ["Demo", "DemoSettings", "DemoSummary", "Front"]

_LAST_WORDS_SECONDS = 3.0
_RELAY_SECONDS = 0.25


@attrs.frozen
class DemoSettings:
    """Which world to play and how long."""

    settings_file: str
    """Where the sandbox shall write what leads to it."""
    seconds: float | None
    """How long the market is shown, from the first record on; None: until it is stopped."""
    ready_seconds: float
    """How long a child may take to get ready."""
    sandbox_arguments: Sequence[str] = ()


@attrs.frozen
class Front:
    """What is seen of it all."""

    consumer: Consumer
    tally: Tally


@attrs.frozen
class DemoSummary:
    """What was seen, once it is over."""

    seconds: float
    records: int
    instruments: int
    entries: Counter[BookStatus]
    """How often a book entered each status, but for the end."""
    worst_age_seconds: float
    proof: OrderProof


class Demo:
    """One run of ``demo``."""

    def __init__(
        self, children: Children, make_front: Callable[[], Front], telemetry: Telemetry, settings: DemoSettings
    ) -> None:
        """``make_front`` is called once the settings file is there."""
        self._children = children
        self._make_front = make_front
        self._telemetry = telemetry
        self._settings = settings
        self._shown_since = 0.0

    async def run(self, stop: anyio.Event) -> DemoSummary | None:
        """Show the market until ``stop`` is set or the time is over; None when it was stopped before it was ready.

        Raises:
            ChildFailed: a child ended by itself, did not get ready, or did not end well.
            BrokerError: reading cannot go on.
            BrokenPipeError: nobody reads what is shown any more.
        """
        settings = self._settings
        self._telemetry.note("starting the sandbox: invented exchanges and a broker, all on this machine")
        arguments = ("market_data_sandbox", "--settings-file", settings.settings_file, *settings.sandbox_arguments)
        async with self._children.start("sandbox", arguments) as sandbox:
            if not await self._is_ready(sandbox, stop):
                return None
            front = self._make_front()
            self._telemetry.note("sandbox ready, starting the producer")
            arguments = ("market_data", "produce", "--env", "sandbox", "--config", settings.settings_file)
            async with self._children.start("produce", arguments) as producer:
                seconds = await self._show(front, sandbox, producer, stop)
            await sandbox.stop()
        reading, tally = front.consumer.reading, front.tally
        return DemoSummary(
            seconds, reading.records, tally.instruments, tally.entries, tally.worst_age_seconds, reading.proof
        )

    async def _is_ready(self, sandbox: Child, stop: anyio.Event) -> bool:
        is_ready = False
        with anyio.move_on_after(self._settings.ready_seconds) as waiting:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_when, stop, tasks.cancel_scope, name="stop")
                await sandbox.first_line()
                is_ready = True
                tasks.cancel_scope.cancel()
        if waiting.cancelled_caught:
            raise ChildFailed(sandbox.name, f"was not ready within {self._settings.ready_seconds:g} s")
        return is_ready

    async def _show(self, front: Front, sandbox: Child, producer: Child, stop: anyio.Event) -> float:
        """Show what there is, and give for how many seconds."""
        self._shown_since = anyio.current_time()
        done = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sandbox.watch, name="watch sandbox")
            tasks.start_soon(producer.watch, name="watch producer")
            tasks.start_soon(self._relay, producer, name="warnings of the producer")
            tasks.start_soon(self._end, front.tally, producer, stop, done, name="end")
            await front.consumer.run(ConsumeRequest(Start("earliest"), None, None), done, stop.set)
            tasks.cancel_scope.cancel()
        return anyio.current_time() - self._shown_since

    async def _relay(self, producer: Child) -> None:
        """Say what the producer warns of, where the person looks: why an exchange refused is in no record."""
        while True:
            await anyio.sleep(_RELAY_SECONDS)
            for warned in producer.warnings():
                self._telemetry.warn(warned.message, **warned.fields)

    async def _end(self, tally: Tally, producer: Child, stop: anyio.Event, done: anyio.Event) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when, stop, tasks.cancel_scope, name="stop")
            with anyio.move_on_after(self._settings.ready_seconds):
                await tally.has_begun.wait()
            self._shown_since = anyio.current_time()
            with anyio.move_on_after(self._settings.seconds):
                await stop.wait()
            tasks.cancel_scope.cancel()
        await producer.stop()
        with anyio.move_on_after(_LAST_WORDS_SECONDS):
            await tally.all_ended.wait()
        done.set()


async def _cancel_when(stop: anyio.Event, scope: anyio.CancelScope) -> None:
    await stop.wait()
    scope.cancel()

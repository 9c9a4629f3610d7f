"""Reads the topic and proves, from the records alone, that nothing is missing, doubled or out of order."""

from collections.abc import Collection

import anyio
import attrs

from app.application.opening import opened_unless
from app.application.ports import Delivered, Start, Subscriber, Subscription
from app.application.probe import TopicProbe
from app.domain.errors import BrokerError
from app.domain.history import KeyHistory
from app.domain.proof import KeyProof, OrderProof

__all__ = ["KeyReport", "Verification", "VerifyRequest"]

_QUIET_SECONDS = 3.0


@attrs.frozen
class VerifyRequest:
    """What is asked of one run of ``verify``."""

    start: Start
    seconds: float | None
    """How long to read; None: to the end of the topic as it is now."""
    keys: Collection[str] | None
    """``exchange:symbol`` of the instruments wanted; None: all."""


@attrs.frozen
class KeyReport:
    """What is proven of one instrument."""

    instrument: str
    records: int
    holes: int
    doubles: int
    disorder: int
    conflated: int
    epochs: int
    runs: int
    foreign_runs: int
    live_share: float | None
    """The share of time live, 0 to 1."""
    worst_age_seconds: float
    """The longest that fresh data of a live book waited from its receipt to its publishing."""

    @property
    def is_proven(self) -> bool:
        """Tell whether all is explained; what was merged is, and so is another producer that says who it is."""
        return not (self.holes or self.doubles or self.disorder)

    @property
    def verdict(self) -> str:
        """Say it in words."""
        found = [
            f"{count} {what}"
            for count, what in ((self.holes, "missing"), (self.doubles, "doubled"), (self.disorder, "out of order"))
            if count
        ]
        foreign = ""
        if self.foreign_runs:
            foreign = f", {self.foreign_runs} foreign run" + ("s" if self.foreign_runs > 1 else "")
        return (", ".join(found) if found else "proven") + foreign


class Verification:
    """One run of ``verify``."""

    def __init__(self, subscriber: Subscriber, probe: TopicProbe, topic: str, stale_after_seconds: float) -> None:
        self._subscriber = subscriber
        self._probe = probe
        self._topic = topic
        self._stale_after = int(stale_after_seconds * 1_000_000)
        self._proof = OrderProof()
        self._histories: dict[str, KeyHistory] = {}

    async def run(self, request: VerifyRequest, stop: anyio.Event) -> list[KeyReport]:
        """Read until the end, the time or ``stop``; gives the reports by instrument.

        Raises:
            BrokerError: there is no broker or no topic, or reading can not go on.
        """
        report = await self._probe.look()
        if not report.partitions:
            raise BrokerError(f"topic {self._topic} does not exist: start a producer, or see kafka.topics.books")
        left = None if request.seconds is not None else {each: end for each, end in report.ends.items() if end}
        async with opened_unless(stop, self._subscriber.open(request.start, None)) as subscription:
            if subscription is not None:
                with anyio.move_on_after(request.seconds):
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(_cancel_when, stop, tasks.cancel_scope, name="stop")
                        await self._read(subscription, request.keys, left)
                        tasks.cancel_scope.cancel()
        return [self._report(key, proof) for key, proof in sorted(self._proof.keys.items())]

    async def _read(
        self, subscription: Subscription, keys: Collection[str] | None, left: dict[int, int] | None
    ) -> None:
        """Read to the offsets of ``left``, or for ever; also what can not be read may stand before them."""
        while left is None or left:
            delivered = None
            with anyio.move_on_after(None if left is None else _QUIET_SECONDS):
                delivered = await subscription.receive()
            if delivered is None:
                return
            for each in delivered:
                if left is not None and each.offset + 1 >= left.get(each.partition, 0):
                    left.pop(each.partition, None)
                if keys is None or each.book.key in keys:
                    self._take(each)

    def _take(self, delivered: Delivered) -> None:
        book = delivered.book
        self._proof.check(book, delivered.offset)
        history = self._histories.get(book.key)
        if history is None:
            history = self._histories[book.key] = KeyHistory(self._stale_after)
        history.add(book, delivered.timestamp)

    def _report(self, key: str, proof: KeyProof) -> KeyReport:
        history = self._histories[key]
        return KeyReport(
            key,
            proof.records,
            proof.holes + history.late_starts,
            proof.doubles,
            proof.disorder,
            proof.conflated,
            history.epochs,
            len(history.runs),
            len(history.foreign_runs),
            history.live_share,
            history.worst_age / 1e6,
        )


async def _cancel_when(stop: anyio.Event, scope: anyio.CancelScope) -> None:
    await stop.wait()
    scope.cancel()

"""Reads the topic and proves, from the records alone, that nothing is missing, doubled or out of order."""

from collections import OrderedDict
from collections.abc import Collection, Mapping

import anyio
import attrs

from market_data.application.opening import opened_unless, until_stopped
from market_data.application.ports import Clock, Delivered, Start, Subscriber, Subscription
from market_data.application.probe import TopicProbe
from market_data.application.reports import NOTHING_REQUIRED, KeyReport, ProducerState, Requirements
from market_data.domain.errors import BrokerError
from market_data.domain.history import KeyHistory
from market_data.domain.normalized import MOST_KEYS, Reason
from market_data.domain.proof import KeyProof, OrderProof

__all__ = ["Verification", "VerifyRequest"]

_PATIENCE_SECONDS = 60.0
"""A broker may be silent for so long, restarting say, before the reading is given up."""
_OTHERS = "others"
"""Stands for the instruments of which nothing is known any more."""


@attrs.frozen
class VerifyRequest:
    """What is asked of one run of ``verify``."""

    start: Start
    seconds: float | None
    """How long to read; None: to the end of the topic as it is now."""
    keys: Collection[str] | None
    """``exchange:symbol`` of the instruments wanted; None: all."""
    requirements: Requirements = NOTHING_REQUIRED


class Verification:
    """One run of ``verify``."""

    def __init__(
        self,
        subscriber: Subscriber,
        probe: TopicProbe,
        topic: str,
        stale_after_seconds: float,
        clock: Clock,
        most_keys: int = MOST_KEYS,
    ) -> None:
        """Of more than ``most_keys`` instruments, those not heard of for longest are forgotten, and so reported."""
        self._subscriber = subscriber
        self._probe = probe
        self._topic = topic
        self._stale_after = int(stale_after_seconds * 1_000_000)
        self._clock = clock
        self._proof = OrderProof(most_keys)
        self._histories: OrderedDict[str, KeyHistory] = OrderedDict()
        """The one read last at the end."""
        self._most_keys = most_keys
        self._unreadable: Mapping[str, int] = {}
        self._whole: frozenset[int] = frozenset()
        """Partitions that are read from the first record that they ever held."""
        self._read_until = 0
        """Up to when all was read that was there, µs since 1970 UTC by our clock."""
        self.is_cut_short = False
        """It was stopped before all was read that was asked for."""

    async def run(self, request: VerifyRequest, stop: anyio.Event) -> list[KeyReport]:
        """Read until the end, the time or ``stop``; gives the reports by instrument.

        Raises:
            BrokerError: there is no broker or no topic, or reading cannot go on.
        """
        report = await self._probe.look()
        if not report.partitions:
            raise BrokerError(f"topic {self._topic} does not exist: start a producer, or see kafka.topics.books")
        if request.start.at == "earliest":
            self._whole = frozenset(each for each, first in report.beginnings.items() if first == 0)
        self._read_until = self._clock.now().wall
        ends = None if request.seconds is not None else report.ends
        async with opened_unless(stop, self._subscriber.open(request.start, None)) as subscription:
            if subscription is not None:
                with anyio.move_on_after(request.seconds):
                    async with until_stopped(stop):
                        await self._read(subscription, request.keys, ends)
                self._unreadable = subscription.unreadable
        if ends is None:
            self._read_until = self._clock.now().wall
        self.is_cut_short = stop.is_set()
        wanted = request.keys if request.keys is not None else {*self._proof.keys, *self._unreadable}
        reports = [_judged(self._report(key), request.requirements) for key in sorted(wanted)]
        if forgotten := self._proof.forgotten:
            reports.append(KeyReport(_OTHERS, *(0,) * 8, None, 0.0, forgotten=forgotten))
        return reports

    async def _read(
        self, subscription: Subscription, keys: Collection[str] | None, ends: Mapping[int, int] | None
    ) -> None:
        """Read to these ends, or for ever; what cannot be read may stand before them."""
        silent_since = anyio.current_time()
        while ends is None or (unread := _unread(subscription.positions, ends)):
            delivered = await subscription.receive()
            for each in delivered:
                if keys is None or each.book.key in keys:
                    self._take(each)
            if delivered:
                silent_since = anyio.current_time()
            if ends is not None and anyio.current_time() - silent_since > _PATIENCE_SECONDS:
                raise BrokerError(
                    f"topic {self._topic} gave nothing for {_PATIENCE_SECONDS:g} s, and {unread} records before its "
                    "end were not read: nothing is proven. Try again when the broker is well"
                )

    def _take(self, delivered: Delivered) -> None:
        book, partition, published = delivered.book, delivered.partition, delivered.published_at
        self._proof.check(book, delivered.offset, published, partition=partition, is_whole=partition in self._whole)
        key = book.key
        history = self._histories.get(key)
        if history is None:
            history = self._histories[key] = KeyHistory(self._stale_after)
            if len(self._histories) > self._most_keys:
                self._histories.popitem(last=False)
        else:
            self._histories.move_to_end(key)
        history.add(book, published, delivered.timestamp)

    def _report(self, key: str) -> KeyReport:
        proof = self._proof.keys.get(key, KeyProof())
        history = self._histories.get(key, KeyHistory(self._stale_after))
        return KeyReport(
            key,
            proof.records,
            proof.holes,
            proof.doubles,
            proof.disorder,
            proof.conflated,
            history.epochs,
            history.run_count,
            len(history.foreign_runs),
            history.live_share,
            history.worst_age / 1e6,
            self._unreadable.get(key, 0),
            proof=history.proof,
            state=self._state(history),
            status=history.status,
            last_record_time=history.last_appended,
            age_seconds=None if history.last_appended is None else (self._read_until - history.last_appended) / 1e6,
        )

    def _state(self, history: KeyHistory) -> ProducerState | None:
        if history.last_appended is None:
            return None
        if history.reason is Reason.SHUTDOWN:
            return ProducerState.ENDED
        is_silent = self._read_until - history.last_appended > self._stale_after
        return ProducerState.SILENT if is_silent else ProducerState.RUNNING


def _judged(report: KeyReport, requirements: Requirements) -> KeyReport:
    return attrs.evolve(report, unmet=requirements.unmet(report))


def _unread(positions: Mapping[int, int], ends: Mapping[int, int]) -> int:
    """Count what comes before the ends and was not read."""
    return sum(max(0, end - positions.get(partition, 0)) for partition, end in ends.items())

"""An open publication: records in lanes, one a partition, and the two tasks that send them and watch over them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf

import anyio
import anyio.lowlevel
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from market_data.adapters.kafka.client import UNAUTHORIZED, KafkaCluster
from market_data.adapters.kafka.clocks import BrokerClocks
from market_data.adapters.kafka.failures import TOO_LARGE, given_up, made_anew, refused
from market_data.adapters.kafka.lanes import Headers, Lane, Room, Waiting
from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.producer import Acknowledgement, IdempotentProducer
from market_data.adapters.kafka.records import HEADERS, encode
from market_data.adapters.kafka.stamps import stamp
from market_data.adapters.kafka.topics import KafkaTopic
from market_data.application import metrics
from market_data.application.measures import Sample
from market_data.application.ports import Clock, Publication, Telemetry
from market_data.domain.errors import AppError, DeliveryFailed
from market_data.domain.moment import Moment
from market_data.domain.normalized import NormalizedBook

__all__ = ["KafkaPublication"]

_STALL_SECONDS = 5.0
_WATCHES_A_STALL = 10
_RETRY_SECONDS = 0.1
_FIRST_TIME_MS = 946_684_800_000
"""The year 2000: a broker that gives an earlier time has no clock to compare, as librdkafka's for tests."""
_HELD_SECONDS = 1.0
"""A request that takes longer than this holds up its own partitions only."""


class KafkaPublication(Publication):
    """Sends one request at a time to each broker, with a batch for every partition that has something.

    What comes meanwhile makes up the next request, so that batches grow with the load. A partition that is not written
    to (too few replicas, say) does not hold up the others for longer than a second, nor take their room. A batch that
    is too large for the topic is split, and those that follow stay as small.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        topic: KafkaTopic,
        clock: Clock,
        telemetry: Telemetry,
        producer: IdempotentProducer,
        *,
        linger_seconds: float,
        max_batch_bytes: int,
        max_in_flight_records: int,
        ride_out_seconds: float,
        max_clock_skew_seconds: float = 10.0,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._topic = topic
        self._clock = clock
        self._telemetry = telemetry
        self._producer = producer
        self._linger = linger_seconds
        self._max_batch_bytes = max_batch_bytes
        self._max_in_flight = max_in_flight_records
        self._ride_out = ride_out_seconds
        self._stall = stall_seconds
        """How long nothing may happen before it is told, or a missing topic is believed."""
        self._lanes = [Lane(partition) for partition in range(topic.partitions)]
        self._by_key: dict[str, tuple[bytes, Lane]] = {}
        self._room = Room(self._lanes, max_in_flight_records)
        self._clocks = BrokerClocks(cluster.brokers, telemetry, max_clock_skew_seconds)
        self._ready: dict[Lane, None] = {}
        """Lanes with something to send and nothing under way."""
        self._busy: dict[int | None, float] = {}
        """Brokers with a request under way, and since when."""
        self._undelivered = 0
        self._acknowledged = 0
        self._errors = 0
        """Batches that were refused, and are sent again or split."""
        self._stalls = 0
        self._failure: DeliveryFailed | None = None
        self._work = anyio.Event()
        self._progress = anyio.Event()
        self._emptied = anyio.Event()
        self._is_short_of_room = False
        """Somebody was not admitted and waits for room."""
        self._stalled_since: float | None = None
        self._missing_since: float | None = None
        self._missing_last = 0.0
        producer.watch(self._on_metadata)

    @property
    def undelivered(self) -> int:
        return self._undelivered

    @property
    def stalled_seconds(self) -> float:
        return 0.0 if self._stalled_since is None else anyio.current_time() - self._stalled_since

    def measure(self) -> Iterator[Sample]:
        """Give the metrics of what is under way and what has arrived."""
        yield metrics.KAFKA_ACKNOWLEDGED, (), self._acknowledged
        yield metrics.KAFKA_IN_FLIGHT, (), self._undelivered
        yield metrics.KAFKA_IN_FLIGHT_LIMIT, (), self._max_in_flight
        yield metrics.KAFKA_ERRORS, (), self._errors
        yield metrics.KAFKA_STALLS, (), self._stalls
        yield metrics.KAFKA_STALLED_SECONDS, (), self.stalled_seconds

    def linger(self) -> float:
        return self._linger

    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        """Take records over. Cancelled while it waits for room, it has taken the first ones, in order."""
        time, headers = self._stamp()
        for book in books:
            if self._undelivered >= self._max_in_flight:
                await self._until(lambda: self._undelivered < self._max_in_flight)
                time, headers = self._stamp()
            if self._failure is not None:
                raise self._failure
            self._take(time, headers, book)
        # A task that never waits would keep the batches from being sent.
        await anyio.lowlevel.cancel_shielded_checkpoint()

    def admission(self) -> Callable[[str], bool]:
        admission = self._room.admission()

        def admits(key: str) -> bool:
            if admission.admits(self._lane(key)[1]):
                return True
            self._is_short_of_room = True
            return False

        return admits

    async def until_freed(self) -> None:
        if self._failure is None:
            self._emptied = anyio.Event()
            await self._emptied.wait()
        if self._failure is not None:
            raise self._failure

    async def flush(self) -> None:
        await self._until(lambda: not self._undelivered)

    async def _until(self, is_reached: Callable[[], bool]) -> None:
        while self._failure is None and not is_reached():
            await self._progress.wait()
        if self._failure is not None:
            raise self._failure

    def _stamp(self) -> tuple[int, Headers]:
        now = self._clock.now().wall
        return now // 1000, [*HEADERS, stamp(now)]

    def _lane(self, name: str) -> tuple[bytes, Lane]:
        found = self._by_key.get(name)
        if found is None:
            key = name.encode()
            found = self._by_key[name] = key, self._lanes[partition_of(key, len(self._lanes))]
        return found

    def _take(self, time_ms: int, headers: Headers, book: NormalizedBook) -> None:
        key, lane = self._lane(book.key)
        value = encode(book)
        if not lane.held:
            lane.moved = anyio.current_time()
            self._ready[lane] = None
            self._work.set()
        lane.put(Waiting(time_ms, key, value, headers))
        self._undelivered += 1

    async def pump(self) -> None:
        """Send what waits, for ever."""
        while self._failure is None:
            pause = await self._send_ready()
            if pause is None:
                await self._work.wait()
            else:
                with anyio.move_on_after(pause):
                    await self._work.wait()
            self._work = anyio.Event()

    async def _send_ready(self) -> float | None:
        """Send to every broker that has nothing under way; give the seconds until the next is not waited for."""
        now = anyio.current_time()
        by_leader: dict[int | None, list[Lane]] = {}
        for lane in self._ready:
            by_leader.setdefault(self._producer.leader(lane.partition), []).append(lane)
        pause: float | None = None
        for leader, lanes in by_leader.items():
            held = self._busy.get(leader, -inf) + _HELD_SECONDS - now
            if held > 0:
                pause = held if pause is None else min(pause, held)
                continue
            self._busy[leader] = now
            for lane in lanes:
                await self._send(lane, leader)
        return pause

    async def _send(self, lane: Lane, leader: int | None) -> None:
        batch = self._producer.batch()
        del self._ready[lane]
        loaded = 0
        while lane.waiting:
            record = lane.waiting[0]
            if loaded and loaded + len(record.value) > self._max_batch_bytes:
                break
            if (
                batch.append(timestamp=record.time_ms, key=record.key, value=record.value, headers=record.headers)
                is None
            ):
                break
            loaded += len(lane.load().value)
        # An open batch would linger once more in the client library.
        batch.close()
        size, sent = batch.size(), self._clock.now()
        while True:
            try:
                acknowledged = await self._producer.send(batch, lane.partition)
            except AssertionError:  # aiokafka's word for a partition that the topic does not have any more
                self._fail(made_anew(self._topic.name, f"partition {lane.partition} is not there any more"))
                return
            except KafkaError as error:
                self._errors += 1
                # The batch was not taken, so nothing can have been sent of it; the watch decides when it is enough.
                if isinstance(error, UNAUTHORIZED):
                    self._fail(refused(self._cluster, self._topic.name, error, size))
                    return
                await anyio.sleep(_RETRY_SECONDS)
            else:
                break
        acknowledged.add_done_callback(partial(self._settle, lane, leader, size, sent))

    def _settle(
        self, lane: Lane, leader: int | None, size: int, sent: Moment, answer: "asyncio.Future[Acknowledgement]"
    ) -> None:
        if answer.cancelled():
            return
        if (error := answer.exception()) is not None:
            if not isinstance(error, TOO_LARGE) or len(lane.in_flight) == 1:
                self._fail(refused(self._cluster, self._topic.name, error, size))
                return
            self._split(lane, size)
        elif not self._acknowledge(lane, leader, sent, answer.result()):
            return
        if lane.waiting:
            self._ready[lane] = None
        self._busy.pop(leader, None)
        self._work.set()
        self._progress.set()
        self._progress = anyio.Event()
        if self._is_short_of_room:
            self._is_short_of_room = False
            self._emptied.set()

    def _acknowledge(self, lane: Lane, leader: int | None, sent: Moment, answer: Acknowledgement) -> bool:
        """Take it that a batch is written; False where that shows another topic."""
        offset = answer.offset
        if 0 <= offset <= lane.last_offset:
            self._fail(made_anew(self._topic.name, f"partition {lane.partition} went back to offset {offset}"))
            return False
        lane.last_offset = max(offset, lane.last_offset)
        self._undelivered -= len(lane.in_flight)
        self._acknowledged += len(lane.in_flight)
        lane.in_flight = []
        lane.moved = anyio.current_time()
        now = self._clock.now()
        self._telemetry.observe(metrics.KAFKA_ACKNOWLEDGE, now.mono - sent.mono)
        if offset >= 0 and answer.timestamp >= _FIRST_TIME_MS:
            self._clocks.compare(leader, sent, now, answer.timestamp)
        return True

    def _split(self, lane: Lane, size: int) -> None:
        """Send again, in smaller batches, what is too large for the topic: it was made to take less meanwhile."""
        self._errors += 1
        self._producer.take_back(lane.partition, len(lane.in_flight))
        loaded = sum(len(record.value) for record in lane.in_flight)
        self._max_batch_bytes = max(1, min(self._max_batch_bytes, loaded // 2))
        lane.unload()
        self._telemetry.warn(
            "the topic takes smaller messages than before, splitting batches",
            topic=self._topic.name,
            refused_bytes=size,
            setting="kafka.max_message_bytes",
            kafka_setting="max.message.bytes",
        )

    async def watch(self) -> None:
        """Tell a stall and its end, and give up when it is too long, for ever."""
        while self._failure is None:
            await anyio.sleep(self._stall / _WATCHES_A_STALL)
            moved = min((lane.moved for lane in self._lanes if lane.in_flight or lane.waiting), default=None)
            now = anyio.current_time()
            if moved is None or now - moved < min(self._stall, self._ride_out):
                if self._stalled_since is not None:
                    self._tell_flowing(now)
                continue
            if now - moved >= self._ride_out:
                self._fail(given_up(self._cluster, self._ride_out, self._undelivered))
            elif self._stalled_since is None:
                self._stalled_since = moved
                self._stalls += 1
                self._telemetry.warn(
                    "Kafka does not acknowledge, holding records until it does",
                    brokers=self._cluster.brokers,
                    waiting=self._undelivered,
                    give_up_after_seconds=self._ride_out,
                    problem=await self._problem(),
                )

    def _tell_flowing(self, now: float) -> None:
        stalled_since, self._stalled_since = self._stalled_since or now, None
        self._telemetry.note(
            "Kafka acknowledges again",
            brokers=self._cluster.brokers,
            seconds=round(now - stalled_since, 1),
            waiting=self._undelivered,
        )

    async def _problem(self) -> str:
        try:
            return await self._cluster.problem() or "it answers, but does not write"
        except AppError as error:
            return str(error)

    def _on_metadata(self, partitions: int | None, is_allowed: bool) -> None:  # noqa: FBT001 - a callback
        if partitions is not None and partitions >= len(self._lanes):
            self._missing_since = None
            return
        # A broker that has just started may not know all its topics yet: only one word after the other counts.
        now = anyio.current_time()
        if self._missing_since is None or now - self._missing_last > self._stall / 2:
            self._missing_since = now
        self._missing_last = now
        if now - self._missing_since < self._stall:
            return
        if not is_allowed:
            self._fail(refused(self._cluster, self._topic.name, TopicAuthorizationFailedError(), 0))
        elif partitions is None:
            self._fail(made_anew(self._topic.name, "it is not there any more"))
        else:
            self._fail(made_anew(self._topic.name, f"it has {partitions} partitions instead of {len(self._lanes)}"))

    def _fail(self, failure: DeliveryFailed) -> None:
        if self._failure is None:
            self._failure = failure
            self._work.set()
            self._progress.set()
            self._emptied.set()

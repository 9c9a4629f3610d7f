"""An open publication: records in lanes, one a partition, and the two tasks that send them and watch over them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf
from typing import NamedTuple

import anyio
import anyio.lowlevel
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from market_data.adapters.kafka.client import UNAUTHORIZED, KafkaCluster
from market_data.adapters.kafka.clocks import BrokerClocks
from market_data.adapters.kafka.failures import TOO_LARGE, given_up, made_anew, refused
from market_data.adapters.kafka.lanes import Headers, Lane, Room, Waiting
from market_data.adapters.kafka.partitioner import partition_of
from market_data.adapters.kafka.producer import Acknowledgement, Batch, IdempotentProducer
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


class _Sent(NamedTuple):
    """A batch, and when and where it was sent."""

    lane: Lane
    leader: int | None
    batch: Batch
    size: int
    at: Moment


class KafkaPublication(Publication):
    """Sends one request at a time to each broker, with a batch for every partition that has something, as soon as
    there is something and the broker has answered the one before: ``publish`` sends, and the pump what has to wait.

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
        self._room = Room(topic.partitions, max_in_flight_records)
        self._clocks = BrokerClocks(cluster.brokers, telemetry, max_clock_skew_seconds)
        self._ready: dict[Lane, None] = {}
        """Lanes with something to send and nothing under way."""
        self._busy: dict[int | None, float] = {}
        """Brokers with a request under way, and since when."""
        self._untaken: list[_Sent] = []
        """Batches that the producer did not take, to be handed over again."""
        self._retry_at = 0.0
        self._acknowledged = 0
        self._errors = 0
        """Batches that were refused, and are sent again or split."""
        self._stalls = 0
        self._failure: DeliveryFailed | None = None
        self._time = asyncio.get_running_loop().time
        self._due = inf
        """When the pump looks again by itself."""
        self._work = anyio.Event()
        self._progress: anyio.Event | None = None
        """Is there only while somebody waits for it."""
        self._emptied = anyio.Event()
        self._is_short_of_room = False
        """Somebody was not admitted and waits for room."""
        self._stalled_since: float | None = None
        self._missing_since: float | None = None
        self._missing_last = 0.0
        producer.watch(self._on_metadata)

    @property
    def undelivered(self) -> int:
        return self._room.records

    @property
    def stalled_seconds(self) -> float:
        return 0.0 if self._stalled_since is None else self._time() - self._stalled_since

    def measure(self) -> Iterator[Sample]:
        """Give the metrics of what is under way and what has arrived."""
        yield metrics.KAFKA_ACKNOWLEDGED, (), self._acknowledged
        yield metrics.KAFKA_IN_FLIGHT, (), self._room.records
        yield metrics.KAFKA_IN_FLIGHT_LIMIT, (), self._max_in_flight
        yield metrics.KAFKA_ERRORS, (), self._errors
        yield metrics.KAFKA_STALLS, (), self._stalls
        yield metrics.KAFKA_STALLED_SECONDS, (), self.stalled_seconds

    def linger(self) -> float:
        return self._linger

    async def publish(self, books: Sequence[NormalizedBook]) -> None:
        """Take records over, and send what can be sent. Cancelled while it waits for room, it has taken the first
        ones, in order.
        """
        room = self._room
        is_alone = not room.records
        time, headers = self._stamp()
        for book in books:
            if room.records >= self._max_in_flight:
                self._send_ready()
                await self._until(lambda: room.records < self._max_in_flight)
                time, headers = self._stamp()
            if self._failure is not None:
                raise self._failure
            self._take(time, headers, book)
        self._send_ready()
        if not is_alone:  # a task that never waits would keep the answers from being read
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
        await self._until(lambda: not self._room.records)

    async def _until(self, is_reached: Callable[[], bool]) -> None:
        while self._failure is None and not is_reached():
            if self._progress is None:
                self._progress = anyio.Event()
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
            lane.moved = self._time()
            self._ready[lane] = None
        self._room.put(lane, Waiting(time_ms, key, value, headers))

    async def pump(self) -> None:
        """Send what waits for an answer or a time to be over, for ever; what comes new is sent as it comes."""
        while True:
            if self._due <= self._time():
                self._due = inf
            self._send_ready()
            if self._failure is not None:
                return
            self._work = anyio.Event()
            with anyio.CancelScope(deadline=self._due):
                await self._work.wait()

    def _send_ready(self) -> None:
        """Send to every broker that has nothing under way, or is not waited for any more."""
        if not (self._ready or self._untaken):
            return
        now = self._time()
        if self._untaken:
            self._retry(now)
        by_leader: dict[int | None, list[Lane]] = {}
        for lane in self._ready:
            by_leader.setdefault(self._producer.leader(lane.partition), []).append(lane)
        for leader, lanes in by_leader.items():
            held_until = self._busy.get(leader, -inf) + _HELD_SECONDS
            if held_until > now:
                self._look_again(held_until)
                continue
            self._busy[leader] = now
            for lane in lanes:
                self._send(lane, leader)

    def _look_again(self, at: float) -> None:
        """Have the pump look when it is time."""
        if at < self._due:
            self._due = at
            self._work.set()

    def _send(self, lane: Lane, leader: int | None) -> None:
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
        self._hand_over(_Sent(lane, leader, batch, batch.size(), self._clock.now()))

    def _hand_over(self, sent: _Sent) -> None:
        try:
            answer = self._producer.send(sent.batch, sent.lane.partition)
        except AssertionError:  # aiokafka's word for a partition that the topic does not have any more
            self._fail(made_anew(self._topic.name, f"partition {sent.lane.partition} is not there any more"))
        except KafkaError as error:
            self._errors += 1
            # The batch was not taken, so nothing can have been sent of it; the watch decides when it is enough.
            if isinstance(error, UNAUTHORIZED):
                self._fail(refused(self._cluster, self._topic.name, error, sent.size))
                return
            self._untaken.append(sent)
            self._retry_at = self._time() + _RETRY_SECONDS
            self._look_again(self._retry_at)
        else:
            answer.add_done_callback(partial(self._settle, sent))

    def _retry(self, now: float) -> None:
        """Hand over again, when it is time, what was not taken."""
        if now >= self._retry_at:
            untaken, self._untaken = self._untaken, []
            for sent in untaken:
                self._hand_over(sent)
        else:
            self._look_again(self._retry_at)

    def _settle(self, sent: _Sent, answer: "asyncio.Future[Acknowledgement]") -> None:
        if answer.cancelled():
            return
        lane = sent.lane
        if (error := answer.exception()) is not None:
            if not isinstance(error, TOO_LARGE) or len(lane.in_flight) == 1:
                self._fail(refused(self._cluster, self._topic.name, error, sent.size))
                return
            self._split(lane, sent.size)
        elif not self._acknowledge(sent, answer.result()):
            return
        if lane.waiting:
            self._ready[lane] = None
        self._busy.pop(sent.leader, None)
        if self._ready:
            self._work.set()  # in a turn of its own, once all batches of the request are settled
        if self._progress is not None:
            self._progress.set()
            self._progress = None
        if self._is_short_of_room:
            self._is_short_of_room = False
            self._emptied.set()

    def _acknowledge(self, sent: _Sent, answer: Acknowledgement) -> bool:
        """Take it that a batch is written; False where that shows another topic."""
        lane, offset = sent.lane, answer.offset
        if 0 <= offset <= lane.last_offset:
            self._fail(made_anew(self._topic.name, f"partition {lane.partition} went back to offset {offset}"))
            return False
        lane.last_offset = max(offset, lane.last_offset)
        self._acknowledged += self._room.free(lane)
        lane.moved = self._time()
        now = self._clock.now()
        self._telemetry.observe(metrics.KAFKA_ACKNOWLEDGE, now.mono - sent.at.mono)
        if offset >= 0 and answer.timestamp >= _FIRST_TIME_MS:
            self._clocks.compare(sent.leader, sent.at, now, answer.timestamp)
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
            now = self._time()
            if moved is None or now - moved < min(self._stall, self._ride_out):
                if self._stalled_since is not None:
                    self._tell_flowing(now)
                continue
            if now - moved >= self._ride_out:
                self._fail(given_up(self._cluster, self._ride_out, self._room.records))
            elif self._stalled_since is None:
                self._stalled_since = moved
                self._stalls += 1
                self._telemetry.warn(
                    "Kafka does not acknowledge, holding records until it does",
                    brokers=self._cluster.brokers,
                    waiting=self._room.records,
                    give_up_after_seconds=self._ride_out,
                    problem=await self._problem(),
                )

    def _tell_flowing(self, now: float) -> None:
        stalled_since, self._stalled_since = self._stalled_since or now, None
        self._telemetry.note(
            "Kafka acknowledges again",
            brokers=self._cluster.brokers,
            seconds=round(now - stalled_since, 1),
            waiting=self._room.records,
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
        now = self._time()
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
            if self._progress is not None:
                self._progress.set()
            self._emptied.set()

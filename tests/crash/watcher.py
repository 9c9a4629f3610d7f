"""Watches the topic while things happen, with a client and a count that share nothing with the program."""

import json
import threading
import time
from collections import defaultdict

import attrs
from confluent_kafka import Consumer, KafkaException, TopicPartition

__all__ = ["Seen", "Watcher"]

_POLL_SECONDS = 0.2
_METADATA_SECONDS = 5.0


@attrs.define
class Seen:
    """What was read of one instrument."""

    records: int = 0
    conflated: int = 0
    unexpected: int = 0
    """Records whose number is not the last one's plus one."""
    last: dict[str, object] = attrs.field(factory=dict)


@attrs.define
class Watcher:
    """Reads the topic from its beginning in a thread, and remembers when records came."""

    brokers: str
    topic: str
    by_key: dict[str, Seen] = attrs.field(factory=lambda: defaultdict(Seen))
    records: int = 0
    arrivals: list[float] = attrs.field(factory=list)
    """``time.monotonic()`` of each handful of records."""
    _stop: threading.Event = attrs.field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Wait for the topic and begin."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.brokers,
                "group.id": "unused",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,
                "allow.auto.create.topics": False,
            }
        )
        partitions: list[int] = []
        until = time.monotonic() + 30
        while not partitions:
            assert time.monotonic() < until, "no topic within 30 s"
            found = consumer.list_topics(timeout=_METADATA_SECONDS).topics.get(self.topic)
            partitions = sorted(found.partitions) if found is not None else []
            time.sleep(0.05)
        consumer.assign([TopicPartition(self.topic, number, 0) for number in partitions])
        self._thread = threading.Thread(target=self._watch, args=(consumer, partitions), name="watcher", daemon=True)
        self._thread.start()

    def finish(self, seconds: float = 60) -> None:
        """Read to the end of the topic, and stop."""
        assert self._thread is not None
        self._stop.set()
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"the topic's end was not reached within {seconds:g} s"

    def last_before(self, moment: float) -> float:
        """Tell when the last record came before a moment."""
        return max((each for each in self.arrivals if each < moment), default=moment)

    def wait_for_records_after(self, moment: float, seconds: float) -> float:
        """Wait until a record comes after a moment, and tell when."""
        until = time.monotonic() + seconds
        while not self.arrivals or self.arrivals[-1] <= moment:
            assert time.monotonic() < until, f"no record within {seconds:g} s"
            time.sleep(0.02)
        return next(each for each in self.arrivals if each > moment)

    def _watch(self, consumer: Consumer, partitions: list[int]) -> None:
        while True:
            messages = [message for message in consumer.consume(500, _POLL_SECONDS) if message.error() is None]
            if messages:
                self.arrivals.append(time.monotonic())
                for message in messages:
                    self._count(message.key(), message.value())
            elif self._stop.is_set() and self._is_at_the_end(consumer, partitions):
                consumer.close()
                return

    def _is_at_the_end(self, consumer: Consumer, partitions: list[int]) -> bool:
        try:
            for position in consumer.position([TopicPartition(self.topic, number) for number in partitions]):
                _, end = consumer.get_watermark_offsets(position, timeout=_METADATA_SECONDS)
                if max(position.offset, 0) < end:
                    return False
        except KafkaException:
            return False
        return True

    def _count(self, key: bytes | None, value: bytes | None) -> None:
        record = json.loads(value or b"{}")
        seen = self.by_key[(key or b"").decode()]
        seen.unexpected += record["publish_seq"] != seen.records
        seen.records += 1
        seen.conflated += record["conflated"]
        seen.last = {name: record[name] for name in ("status", "reason", "publish_seq")}
        self.records += 1

"""Whether a broker answers a reader: told once where none does, and once that one does again."""

import anyio
from aiokafka.errors import KafkaError

from market_data.adapters.kafka.client import KafkaCluster, explain
from market_data.adapters.kafka.consumer import Consumer
from market_data.application.ports import Telemetry, Trouble
from market_data.domain.errors import AppError

__all__ = ["BrokerSilence"]

_UNREACHABLE = "broker unreachable"
_DELETED = "topic deleted"


class BrokerSilence:
    """Looks, where nothing comes, why; it is waited for without a bound."""

    def __init__(self, cluster: KafkaCluster, consumer: Consumer, telemetry: Telemetry, seconds: float) -> None:
        """``seconds`` without an answer are a silence."""
        self._cluster = cluster
        self._consumer = consumer
        self._telemetry = telemetry
        self._seconds = seconds
        self._answered_ms = 0
        self._answered_at = anyio.current_time()
        self._what: str | None = None
        self.is_topic_gone = False
        """It was told that the topic is not there any more; whoever reads what comes after it takes this back."""

    @property
    def trouble(self) -> Trouble | None:
        """What was found, and since when."""
        return None if self._what is None else Trouble(self._what, anyio.current_time() - self._answered_at)

    def begin(self) -> None:
        """Give the broker its time from now on."""
        if self._what is None:
            self._answered_at = anyio.current_time()

    def end(self) -> None:
        """Take it that a broker has answered."""
        now = anyio.current_time()
        if self._what is not None:
            self._telemetry.note("Kafka answers again", seconds=round(now - self._answered_at, 1))
        self._answered_at, self._what = now, None

    async def look(self, *, is_topic_there: bool) -> None:
        """Look whether a broker has answered since the last time; who has no partitions asks for nothing."""
        answered_ms = self._consumer.last_answer_ms
        if answered_ms != self._answered_ms or (is_topic_there and not self._consumer.assigned):
            self._answered_ms = answered_ms
            self.end()
        elif anyio.current_time() - self._answered_at >= self._seconds and self._what is None:
            self._what, problem = await self._look_why()
            self.is_topic_gone |= self._what == _DELETED
            message = (
                "the topic was deleted, waiting for a producer to make it anew"
                if self._what == _DELETED
                else "Kafka does not answer, waiting for it"
            )
            self._telemetry.warn(message, brokers=self._cluster.brokers, problem=problem)

    async def _look_why(self) -> tuple[str, str]:
        """Find out what is the matter; meanwhile it is what it will most likely be, as a broker that hangs is not known
        to do so before it was given its time.
        """
        self._what = _UNREACHABLE
        try:
            return await self._find()
        except BaseException:  # given up
            self._what = None
            raise

    async def _find(self) -> tuple[str, str]:
        """Give what is the matter in few words, and in many."""
        try:
            if problem := await self._cluster.problem():
                return _UNREACHABLE, problem
            is_there = await self._consumer.partitions() > 0
        except AppError as error:
            return "broker refuses", str(error)
        except KafkaError as error:
            return _UNREACHABLE, explain(error)
        if not is_there:
            return _DELETED, f"topic {self._consumer.topic} is not there any more"
        return "broker gives no records", "it answers, but gives no records"

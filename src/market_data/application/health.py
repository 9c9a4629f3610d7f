"""What ``produce`` and ``consume`` say of themselves to whoever asks: alive, and ready.

Alive: the event loop turns, else there were no answer, and what watches the time still does. A task that fails ends the
program, so that none is missing as long as it runs.

``produce`` is ready when each instrument that is wanted is live, or known to be refused by its exchange, and the broker
acknowledges. ``consume`` is ready when it reads: the broker answers, and what was there at the start is read. What the
market is like is not its affair.
"""

from collections.abc import Mapping

from market_data.application.consume import Consumer
from market_data.application.ports import Clock, Health, Report
from market_data.application.produce import Producer
from market_data.application.standings import StandingBook
from market_data.domain.moment import utc_of

__all__ = ["ConsumerHealth", "ProducerHealth"]

_TICK_SECONDS = 10.0
"""What watches the time several times a second, and has not for so long, does not any more."""
_NAMED = 100
"""So many instruments are named in an answer."""


class ProducerHealth(Health):
    """Of a run of ``produce``."""

    def __init__(self, producer: Producer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock

    def liveness(self) -> Report:
        return _liveness(self._producer.ticked_at, self._clock.now().mono)

    def readiness(self) -> Report:
        books = list(self._producer.standings.books)
        missing = [book for book in books if not (book.is_live or book.is_refused)]
        broker = self._broker()
        is_ready = not missing and not broker
        counts = {
            "wanted": len(books),
            "live": sum(book.is_live for book in books),
            "refused": sum(book.is_refused for book in books),
        }
        says: dict[str, object] = {"ready": is_ready, "instruments": counts}
        if missing:
            says["not_live"] = [_told(book) for book in missing[:_NAMED]]
        if broker:
            says["broker"] = broker
        return Report(is_ready, says)

    def _broker(self) -> Mapping[str, object]:
        """Say what is wrong with the way to the topic; empty where nothing is."""
        publication = self._producer.publication
        if publication is None:
            return {"problem": "not connected yet"}
        if seconds := publication.stalled_seconds:
            return {
                "problem": "does not acknowledge",
                "seconds": round(seconds, 1),
                "undelivered": publication.undelivered,
            }
        return {}


class ConsumerHealth(Health):
    """Of a run of ``consume``."""

    def __init__(self, consumer: Consumer, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock

    def liveness(self) -> Report:
        return _liveness(self._consumer.ticked_at, self._clock.now().mono)

    def readiness(self) -> Report:
        subscription = self._consumer.subscription
        if subscription is None:
            return Report(is_well=False, says={"ready": False, "broker": {"problem": "not connected yet"}})
        says: dict[str, object] = {"partitions": sorted(subscription.partitions)}
        if (trouble := subscription.trouble) is not None:
            says["broker"] = {"problem": trouble.what, "seconds": round(trouble.seconds, 1)}
        if behind := sorted(subscription.behind):
            says["behind"] = behind
        is_ready = trouble is None and not behind
        return Report(is_ready, {"ready": is_ready, **says})


def _liveness(ticked_at: float | None, now: float) -> Report:
    seconds = 0.0 if ticked_at is None else now - ticked_at
    is_alive = seconds < _TICK_SECONDS
    says: dict[str, object] = {"alive": is_alive}
    if not is_alive:
        says["problem"] = f"what watches the time has stood still for {seconds:.0f} s"
    return Report(is_alive, says)


def _told(book: StandingBook) -> Mapping[str, object]:
    since = None if book.status_since is None else utc_of(book.status_since).isoformat(timespec="milliseconds")
    return {"instrument": book.instrument, "status": book.status, "reason": book.reason, "since": since}

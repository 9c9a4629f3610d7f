"""The broker's clock beside ours, as far as the broker tells it: with every batch that it gives its own time."""

import attrs

from market_data.application.ports import Telemetry
from market_data.domain.moment import Moment

__all__ = ["BrokerClocks"]


@attrs.define
class BrokerClocks:
    """Tells once of each broker that its clock and ours differ, again when that changed, and once when it is over.

    A batch is stamped between our sending it and its acknowledgement: only what is certain by that is told.
    """

    _brokers: str
    _telemetry: Telemetry
    _limit_seconds: float
    _told: dict[int | None, float] = attrs.field(factory=dict)
    """Seconds that ours is ahead, by number of the broker."""

    def compare(self, broker: int | None, sent: Moment, acknowledged: Moment, stamped_ms: int) -> None:
        """Take the time that the broker gave to a batch."""
        least = sent.wall / 1e6 - stamped_ms / 1e3
        most = acknowledged.wall / 1e6 - stamped_ms / 1e3
        ahead = least if least > 0 else min(most, 0.0)
        told = self._told.get(broker)
        if abs(ahead) <= self._limit_seconds:
            if told is not None and max(abs(least), abs(most)) <= self._limit_seconds:
                del self._told[broker]
                self._telemetry.note("this machine's clock and the Kafka broker's agree again", brokers=self._brokers)
            return
        if told is not None and abs(ahead - told) <= self._limit_seconds:
            return
        self._told[broker] = ahead
        self._telemetry.warn(
            "this machine's clock and the Kafka broker's differ: set both by NTP",
            brokers=self._brokers,
            broker=broker,
            seconds=round(abs(ahead), 1),
            which=f"ours is {'ahead' if ahead > 0 else 'behind'}",
        )

"""What the log says of how a run goes: a line every few minutes, and at the end a total.

Both are read from what is measured, so that they say the same as the metrics.
"""

from collections.abc import Mapping, Sequence

import anyio
import attrs

from market_data.application import metrics
from market_data.application.measures import Measures
from market_data.application.metrics import Kind, Metric
from market_data.application.ports import Clock, Telemetry
from market_data.domain.effects import Purpose
from market_data.domain.normalized import BookStatus

__all__ = ["CONSUMED", "PRODUCED", "Figure", "Summary"]


@attrs.frozen
class Figure:
    """One field of the line: the sum of a metric's series, of all or of those with one value of a label."""

    name: str
    metric: Metric
    label: str | None = None


PRODUCED = (
    Figure("live", metrics.BOOK_STATUS, BookStatus.LIVE),
    Figure("books", metrics.BOOK_STATUS),
    Figure("records", metrics.KAFKA_ACKNOWLEDGED),
    Figure("gaps", metrics.BOOK_GAPS),
    Figure("reconnects", metrics.RECONNECTS),
    Figure("audits", metrics.BOOK_COMPARISONS, Purpose.AUDIT),
    Figure("different", metrics.BOOK_COMPARISONS, "different"),
    Figure("conflated", metrics.OUTBOX_CONFLATED),
    Figure("waiting", metrics.OUTBOX_RECORDS),
    Figure("in_flight", metrics.KAFKA_IN_FLIGHT),
)
CONSUMED = (
    Figure("live", metrics.CONSUMER_BOOKS, BookStatus.LIVE),
    Figure("books", metrics.CONSUMER_BOOKS),
    Figure("records", metrics.CONSUMER_RECORDS),
    Figure("holes", metrics.CONSUMER_HOLES),
    Figure("doubled", metrics.CONSUMER_DOUBLES),
    Figure("out_of_order", metrics.CONSUMER_DISORDER),
    Figure("foreign", metrics.CONSUMER_FOREIGN),
    Figure("behind", metrics.CONSUMER_LAG),
)


class Summary:
    """Says some figures: what only grows by how much it has grown since the last line, all else as it is."""

    def __init__(
        self,
        figures: Sequence[Figure],
        measures: Measures,
        clock: Clock,
        telemetry: Telemetry,
        seconds: float | None,
    ) -> None:
        """``seconds`` are from line to line; None: there is no line but the total."""
        self._figures = figures
        self._measures = measures
        self._clock = clock
        self._telemetry = telemetry
        self._seconds = seconds
        self._began_at = clock.now().mono

    async def run(self) -> None:
        """Say a line again and again, until cancelled."""
        before: Mapping[str, int] = {}
        while self._seconds is not None:
            await anyio.sleep(self._seconds)
            found = self._read()
            said = {each.name: found[each.name] - self._grown(each, before) for each in self._figures}
            lag = round(self._measures.take_most(metrics.EVENT_LOOP_LAG), 3)
            self._telemetry.note("summary", seconds=self._seconds, **said, event_loop_lag_seconds=lag)
            before = found

    def total(self) -> None:
        """Say the last line."""
        seconds = round(self._clock.now().mono - self._began_at, 1)
        self._telemetry.note("total", seconds=seconds, **self._read())

    def _read(self) -> Mapping[str, int]:
        values = self._measures.read()
        return {
            each.name: round(
                sum(value for labels, value in values.get(each.metric, {}).items() if each.label in (None, *labels))
            )
            for each in self._figures
        }

    @staticmethod
    def _grown(figure: Figure, before: Mapping[str, int]) -> int:
        return before.get(figure.name, 0) if figure.metric.kind is Kind.COUNTER else 0

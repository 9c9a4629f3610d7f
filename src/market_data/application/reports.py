"""What ``verify`` says of each instrument: what is proven, whether its producer still speaks, what is required of it.

What is proven and what its producer does now are two things: the records of a producer that ended a year ago may be
proven, complete to the last. So neither an end nor silence fails by itself; both are told, and ``Requirements`` make
them fail where somebody watches.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

import attrs

from market_data.domain.moment import utc_of
from market_data.domain.normalized import BookStatus, Proof

__all__ = ["NOTHING_REQUIRED", "KeyReport", "ProducerState", "Requirements", "share_in_words"]


class ProducerState(StrEnum):
    """What the producer of an instrument did when the reading ended: of the run that a reader would follow."""

    RUNNING = "running"
    """It speaks: a quiet book is published again every heartbeat."""
    ENDED = "ended"
    """Its last record is its goodbye (``shutdown``)."""
    SILENT = "silent"
    """Its last record is none, and three heartbeats old."""


@attrs.frozen
class KeyReport:
    """What is found of one instrument."""

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
    """The share of time live, 0 to 1, from the first record to the last; None of a single one."""
    worst_age_seconds: float
    """The longest that fresh data of a live book waited from its receipt to its publishing."""
    unreadable: int = 0
    """Records that its key says are its own and that cannot be read."""
    forgotten: int = 0
    """Instruments that were forgotten, since there are more than can be kept in mind."""
    proof: Proof | None = None
    """What its venue gives to tell a lost change by, as its last record says: the order says nothing of that."""
    state: ProducerState | None = None
    """None without a record."""
    status: BookStatus | None = None
    """As its last record says."""
    last_record_time: int | None = None
    """Kafka's time of its last record, µs since 1970 UTC."""
    age_seconds: float | None = None
    """How old that was when the reading ended; below 0 where the broker's clock is ahead of ours."""
    unmet: Sequence[str] = ()
    """What is required and not so, in words."""

    @property
    def is_proven(self) -> bool:
        """Tell whether all is explained; what was merged is, and so is another producer that says who it is.

        Nothing is proven of an instrument without a record.
        """
        return bool(self.records) and not (self.holes or self.doubles or self.disorder or self.unreadable)

    @property
    def is_ok(self) -> bool:
        """Tell whether it is proven and as required."""
        return self.is_proven and not self.unmet

    @property
    def failures(self) -> Sequence[str]:
        """Say in words all that makes it fail; empty where it is ok."""
        if not self.records and not self.unreadable and not self.forgotten:
            return ["no record"]
        counts = {
            "missing": self.holes,
            "doubled": self.doubles,
            "out of order": self.disorder,
            "unreadable": self.unreadable,
            "forgotten: name those wanted by --instruments": self.forgotten,
        }
        return [*(f"{count} {what}" for what, count in counts.items() if count), *self.unmet]

    @property
    def verdict(self) -> str:
        """Say all in words: what is not as it should be, or that it is proven, and whether its producer ended."""
        said = [] if self.is_proven else list(self.failures)
        if self.is_proven:
            said += ["proven", *self.unmet]
        if self.foreign_runs and not any("foreign" in each for each in self.unmet):
            said.append(f"{self.foreign_runs} foreign run" + ("s" if self.foreign_runs > 1 else ""))
        if self.last_record_time is not None and self.state is not ProducerState.RUNNING:
            since = f"{utc_of(self.last_record_time):%Y-%m-%d %H:%M:%S} UTC"
            said.append(f"ended at {since}" if self.state is ProducerState.ENDED else f"silent since {since}")
        return ", ".join(said)


@attrs.frozen
class Requirements:
    """What is required of each instrument beside that its order is proven."""

    max_age_seconds: float | None = None
    """Its last record is no older; None: of any age."""
    live_share: float | None = None
    """It was live for this share of the time that was read, 0 to 1; None: or not."""
    is_alone: bool = False
    """No other producer published it meanwhile."""
    max_clock_skew_seconds: float = 10.0
    """A last record further ahead of our clock says nothing of its age."""

    def unmet(self, report: KeyReport) -> list[str]:
        """Say what of it a report does not show; of an instrument without a record there is nothing to say."""
        age = report.age_seconds
        if age is None:
            return []
        unmet = []
        if self.max_age_seconds is not None and age > self.max_age_seconds:
            unmet.append(f"its last record is {age:,.1f} s old, more than {self.max_age_seconds:,.15g} s (--max-age)")
        if self.max_age_seconds is not None and age < -self.max_clock_skew_seconds:
            unmet.append(f"its last record is {-age:,.1f} s ahead of this machine's clock: set both by NTP (--max-age)")
        if self.live_share is not None and (report.live_share is None or report.live_share < self.live_share):
            unmet.append(
                f"live for {share_in_words(report.live_share)} of the time, "
                f"less than {self.live_share * 100:.10g}% (--require-live)"
            )
        if self.is_alone and report.foreign_runs:
            runs = f"{report.foreign_runs} foreign run" + ("s" if report.foreign_runs > 1 else "")
            unmet.append(f"{runs} (--no-foreign)")
        return unmet


NOTHING_REQUIRED = Requirements()


def share_in_words(share: float | None, digits: int = 4) -> str:
    """Write a share in percent, never rounded up: ``100.0000%`` is all of it."""
    if share is None:
        return "an unknown share"
    factor = 10 ** (digits + 2)
    return f"{math.floor(share * factor) / factor:.{digits}%}"

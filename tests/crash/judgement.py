"""What a run has to show, and what is said of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from tests.crash.watcher import Seen

__all__ = ["Outcome", "faults_of"]


@attrs.frozen
class Outcome:
    """All that is known at the end of a run."""

    produce_status: int
    produce_log_lines: int
    verify_status: int
    reports: Sequence[Mapping[str, Any]]
    """What ``verify --json`` said, an object an instrument."""
    seen: Mapping[str, Seen]
    """What the watcher read, by key."""
    instruments: int
    """How many were followed."""
    peak_mebibytes: float
    bound_mebibytes: int
    must_merge: bool = True
    """Whether a fault was long enough to fill the outbox."""

    def sum(self, name: str) -> int:
        """Add up one figure of all reports."""
        return sum(report[name] for report in self.reports)


_MOST_LOG_LINES = 200


def faults_of(outcome: Outcome) -> list[str]:
    """List what is not as promised."""
    found = []
    for name, said in (("holes", "missing"), ("doubles", "doubled"), ("disorder", "out of order")):
        if count := outcome.sum(name):
            found.append(f"{count} records {said}")
    if outcome.verify_status:
        found.append(f"verify ended with status {outcome.verify_status}")
    if outcome.produce_status:
        found.append(f"produce ended with status {outcome.produce_status}")
    if len(outcome.reports) != outcome.instruments:
        found.append(f"{len(outcome.reports)} of {outcome.instruments} instruments are in the topic")
    for report in outcome.reports:
        found += _against_the_watcher(report, outcome.seen.get(report["instrument"], Seen()))
    if outcome.must_merge and not outcome.sum("conflated"):
        found.append("nothing was merged, although the longest fault should have filled the outbox")
    if outcome.peak_mebibytes >= outcome.bound_mebibytes:
        found.append(f"the producer's memory reached {outcome.peak_mebibytes:.0f} of {outcome.bound_mebibytes} MiB")
    if outcome.produce_log_lines > _MOST_LOG_LINES:
        found.append(f"the producer wrote {outcome.produce_log_lines} lines, more than {_MOST_LOG_LINES}")
    return found


def _against_the_watcher(report: Mapping[str, Any], seen: Seen) -> list[str]:
    """See that the program's own count is the truth, and that the last state came last."""
    key, found = report["instrument"], []
    if report["records"] != seen.records or report["conflated"] != seen.conflated or seen.unexpected:
        found.append(
            f"{key}: verify counts {report['records']} records ({report['conflated']} conflated), the watcher "
            f"{seen.records} ({seen.conflated}), {seen.unexpected} of them unexpected"
        )
    if (seen.last.get("status"), seen.last.get("reason")) != ("disconnected", "shutdown"):
        found.append(f"{key}: the last record is {seen.last}, not its producer's farewell")
    return found

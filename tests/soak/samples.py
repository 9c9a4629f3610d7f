"""What was measured over time, and whether it grows."""

import statistics
from collections.abc import Callable, Sequence

import attrs

__all__ = ["Sample", "Samples"]

_MEBIBYTE = 2**20
_MOST_GROWTH_MEBIBYTES = 24.0
_MOST_GROWTH_SHARE = 0.15
_MOST_MORE_DESCRIPTORS = 12
_MOST_MORE_TASKS = 12


@attrs.frozen
class Sample:
    """One look; memory in bytes."""

    seconds: float
    """Since the start."""
    producer_bytes: int
    sandbox_bytes: int
    own_bytes: int
    descriptors: int
    """Open in the producer."""
    tasks: int
    outbox: int
    in_flight: int
    pending: int
    log_lines: int
    log_bytes: int


@attrs.define
class Samples:
    """All looks; those of the warm-up are told and do not count."""

    warm_up_seconds: float
    all: list[Sample] = attrs.field(factory=list)

    @property
    def warm(self) -> list[Sample]:
        """Those after the warm-up."""
        return [sample for sample in self.all if sample.seconds >= self.warm_up_seconds]

    def slope_mebibytes_per_minute(self, bytes_of: Callable[[Sample], int]) -> float:
        """Fit a line through what was measured after the warm-up."""
        if len(self.warm) < 3:
            return 0.0
        minutes = [sample.seconds / 60 for sample in self.warm]
        return statistics.linear_regression(minutes, [bytes_of(each) / _MEBIBYTE for each in self.warm]).slope

    def growths(self) -> list[str]:
        """Say what clearly grew between the first third after the warm-up and the last."""
        third = len(self.warm) // 3
        if third < 3:
            return []
        first, last = self.warm[:third], self.warm[-third:]
        found = []
        before, after = (_median(part, lambda each: each.producer_bytes) / _MEBIBYTE for part in (first, last))
        if after - before > max(_MOST_GROWTH_MEBIBYTES, _MOST_GROWTH_SHARE * before):
            found.append(f"memory of the producer: {before:.1f} to {after:.1f} MiB")
        for what, of, most in (
            ("open descriptors", lambda each: each.descriptors, _MOST_MORE_DESCRIPTORS),
            ("tasks", lambda each: each.tasks, _MOST_MORE_TASKS),
        ):
            before, after = _median(first, of), _median(last, of)
            if after - before > most:
                found.append(f"{what}: {before:.0f} to {after:.0f}")
        return found


def _median(samples: Sequence[Sample], of: Callable[[Sample], int]) -> float:
    return float(statistics.median(of(sample) for sample in samples))

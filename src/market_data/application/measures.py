"""What is measured: read where it stands when somebody asks, so that what runs pays for nothing but its own counting.

Most of what a metric tells is kept anyway, by whoever needs it or as a plain number. A source gives it when it is
asked; only what happens rarely and leaves no trace is counted or observed here.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import attrs

from market_data.application.metrics import Metric

__all__ = ["Distribution", "Labels", "Measures", "Sample", "Source"]

Labels: TypeAlias = tuple[str, ...]
"""The values of a metric's labels, in their order."""
Sample: TypeAlias = tuple[Metric, Labels, float]
Source: TypeAlias = Callable[[], Iterable[Sample]]


@attrs.define
class Distribution:
    """What was observed of a histogram."""

    bounds: tuple[float, ...]
    """Upper ones, of all buckets but the last."""
    counts: list[int] = attrs.field(init=False)
    """By bucket; not cumulative."""
    total: float = 0.0
    """The sum of all that was observed."""
    most: float = 0.0
    """The greatest that was observed since ``Measures.take_most``."""

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Take one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
        self.most = max(self.most, value)


@attrs.define
class Measures:
    """All that is measured in this program. Sources are asked for as long as it lives."""

    _sources: list[Source] = attrs.field(factory=list)
    _counts: dict[tuple[Metric, Labels], float] = attrs.field(factory=dict)
    _distributions: dict[tuple[Metric, Labels], Distribution] = attrs.field(factory=dict)

    def watch(self, source: Source) -> None:
        """Ask this one too, from now on."""
        self._sources.append(source)

    def count(self, metric: Metric, labels: Labels, amount: int = 1) -> None:
        """Add to a counter."""
        self._counts[metric, labels] = self._counts.get((metric, labels), 0) + amount

    def observe(self, metric: Metric, labels: Labels, value: float) -> None:
        """Take one value of a histogram."""
        found = self._distributions.get((metric, labels))
        if found is None:
            found = self._distributions[metric, labels] = Distribution(metric.buckets)
        found.observe(value)

    def take_most(self, metric: Metric) -> float:
        """Give the greatest value of a histogram since this was asked last; 0 where there was none."""
        most = 0.0
        for (other, _), each in self._distributions.items():
            if other is metric:
                most, each.most = max(most, each.most), 0.0
        return most

    def read(self) -> Mapping[Metric, Mapping[Labels, float]]:
        """Give the value of every series as it is now, but for histograms; what several sources tell is added up."""
        found: dict[Metric, dict[Labels, float]] = {}
        for (metric, labels), count in self._counts.items():
            found.setdefault(metric, {})[labels] = count
        for source in self._sources:
            for metric, labels, value in source():
                series = found.setdefault(metric, {})
                series[labels] = series.get(labels, 0) + value
        return found

    def read_distributions(self) -> Mapping[Metric, Mapping[Labels, Distribution]]:
        """Give what was observed of every histogram, as it is now: nothing is added to what is given."""
        found: dict[Metric, dict[Labels, Distribution]] = {}
        for (metric, labels), each in self._distributions.items():
            taken = found.setdefault(metric, {})[labels] = Distribution(each.bounds, total=each.total)
            taken.counts[:] = each.counts
        return found

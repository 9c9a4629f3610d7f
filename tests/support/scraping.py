"""What a scrape says: the series that Prometheus would keep."""

from collections.abc import Mapping

import attrs
from prometheus_client.parser import text_string_to_metric_families

from market_data.application.metrics import Kind, Metric

__all__ = ["Scrape"]


@attrs.frozen
class Scrape:
    """One answer of /metrics."""

    kinds: Mapping[str, str]
    """By the name of the family."""
    series: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def read(cls, text: str) -> "Scrape":
        families = list(text_string_to_metric_families(text))
        return cls(
            {family.name: family.type for family in families},
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in families
                for sample in family.samples
            },
        )

    def sum(self, metric: Metric, **labels: str) -> float:
        """Add up a metric's series, all or those with these labels; of a histogram, how often it was observed."""
        name = f"{metric.name}_count" if metric.kind is Kind.HISTOGRAM else metric.name
        return sum(
            value
            for (other, found), value in self.series.items()
            if other == name and labels.items() <= dict(found).items()
        )

    def labels(self, metric: Metric) -> list[dict[str, str]]:
        """Give the labels of each of a metric's series."""
        name = f"{metric.name}_count" if metric.kind is Kind.HISTOGRAM else metric.name
        return [dict(labels) for other, labels in self.series if other == name]

    def has(self, metric: Metric) -> bool:
        """Tell whether there is a series of it."""
        return bool(self.labels(metric))

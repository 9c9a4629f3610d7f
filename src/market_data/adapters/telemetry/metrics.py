"""What is measured in the form in which Prometheus reads it, by prometheus-client.

A scrape reads every source where it stands, in the event loop; what is read becomes text in a thread, which takes some
milliseconds for thousands of series.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

import anyio
import attrs
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from market_data.application.measures import Distribution, Labels, Measures
from market_data.application.metrics import Kind, Metric

__all__ = ["Exposition"]


class Exposition:
    """Writes what is measured: ours, and what prometheus-client tells of the process, Python and its collector."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)
        self._turn = anyio.Lock()

    async def write(self, accept: str) -> tuple[bytes, str]:
        """Give the text of a scrape and its content type, as ``accept``, the header of the request, prefers it."""
        encode, content_type = choose_encoder(accept)
        async with self._turn:
            scrape = _Scrape(self._measures.read(), self._measures.read_distributions(), self._process)
            return await anyio.to_thread.run_sync(encode, scrape), content_type


@attrs.frozen
class _Scrape(Collector):
    """What was read at one moment."""

    _values: Mapping[Metric, Mapping[Labels, float]]
    _distributions: Mapping[Metric, Mapping[Labels, Distribution]]
    _process: Collector

    def collect(self) -> Iterator[Family]:
        for metric, series in self._values.items():
            yield _family(metric, series)
        for metric, distributions in self._distributions.items():
            yield _histogram(metric, distributions)
        yield from self._process.collect()


def _family(metric: Metric, series: Mapping[Labels, float]) -> Family:
    if metric.kind is Kind.INFO:
        info = InfoMetricFamily(metric.name.removesuffix("_info"), metric.help, labels=metric.labels)
        for labels in series:
            info.add_metric(labels, {})
        return info
    make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for labels, value in series.items():
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, distributions: Mapping[Labels, Distribution]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, distribution in distributions.items():
        family.add_metric(labels, list(_buckets(distribution)), distribution.total)
    return family


def _buckets(distribution: Distribution) -> Iterable[tuple[str, float]]:
    bounds = [*map(str, distribution.bounds), "+Inf"]
    return zip(bounds, accumulate(distribution.counts), strict=True)

"""The catalogue of metrics: named by Prometheus' conventions, and the same as the table of docs/operate.md."""

import re
from pathlib import Path

import pytest

from market_data.application.metrics import CATALOGUE, Kind, Metric

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "operate.md"
ROW = re.compile(r"^\| `(market_data_\w+)` \| (\w+) \| (.*?) \| (\w+) \| (.*) \|$", re.MULTILINE)


def row_of(metric: Metric) -> tuple[str, str, str, str, str]:
    labels = ", ".join(metric.labels) or "-"
    return metric.name, metric.kind, labels, metric.program, metric.help


def test_the_table_of_the_documentation_is_the_catalogue() -> None:
    rows = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    wanted = "\n".join("| `{}` | {} | {} | {} | {} |".format(*row_of(metric)) for metric in CATALOGUE)
    assert rows == [row_of(metric) for metric in CATALOGUE], f"docs/operate.md should hold:\n{wanted}"


def test_no_two_metrics_have_one_name() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE) > 30


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_metric_is_named_by_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"market_data(_[a-z]+)+", metric.name)
    assert not re.search(
        r"_(milliseconds|ms|micros|minutes|kilobytes|percent|count|sum|bucket|created)(_|$)", metric.name
    )
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith("_seconds")
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) and label != "le" for label in metric.labels)
    assert metric.buckets == tuple(sorted(set(metric.buckets)))
    assert metric.help
    assert metric.help[-1] != "."

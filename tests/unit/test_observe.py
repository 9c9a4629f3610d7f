"""What watches the program: rules that Prometheus itself accepts and tries, dashboards that ask for what there is."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from market_data.application.metrics import CATALOGUE, Kind

_ROOT = Path(__file__).resolve().parents[2]
_OBSERVE = _ROOT / "config" / "observe"
_DASHBOARDS = sorted((_OBSERVE / "grafana" / "dashboards").glob("*.json"))
_OURS = re.compile(r"market_data_\w+")
_FROM_LIBRARY = {
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "python_gc_collections_total",
}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str, folder: Path = _OBSERVE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def series() -> set[str]:
    """Give the names that can be asked for."""
    names: set[str] = set()
    for metric in CATALOGUE:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        names.update(metric.name + suffix for suffix in suffixes)
    return names


def alerts() -> list[dict[str, object]]:
    groups = yaml.safe_load((_OBSERVE / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    for file in _DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.name}: {panel['title']}", target["expr"]


@needs_promtool
def test_prometheus_understands_rules_and_settings() -> None:
    for arguments in (("check", "rules", "alerts.yml"), ("check", "config", "prometheus.yml")):
        checked = promtool(*arguments)
        assert checked.returncode == 0, checked.stderr


@needs_promtool
def test_each_alert_fires_when_it_should_and_clears() -> None:
    tried = promtool("test", "rules", "alerts.test.yml")
    assert tried.returncode == 0, tried.stderr
    tests = yaml.safe_load((_OBSERVE / "alerts.test.yml").read_text())["tests"]
    steps = [step for test in tests for step in test["alert_rule_test"]]
    for alert in alerts():
        seen = [bool(step["exp_alerts"]) for step in steps if step["alertname"] == alert["alert"]]
        assert True in seen, f"{alert['alert']} is never seen to fire"
        assert seen[0] is False, f"{alert['alert']} is never seen to be quiet first"
        assert seen[-1] is False, f"{alert['alert']} is never seen to clear"


@needs_promtool
def test_a_rule_that_does_not_fire_is_noticed(tmp_path: Path) -> None:
    shutil.copy(_OBSERVE / "alerts.test.yml", tmp_path)
    rules = (_OBSERVE / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(rules.replace("market_data_kafka_stalled_seconds) > 5", "no_such_metric) > 5"))
    assert promtool("test", "rules", "alerts.test.yml", folder=tmp_path).returncode != 0


@needs_promtool
@pytest.mark.parametrize(("where", "query"), list(queries()), ids=[where for where, _ in queries()])
def test_prometheus_understands_every_query_of_a_dashboard(where: str, query: str, tmp_path: Path) -> None:
    asked = query.replace("$exchange", "binance|okx").replace("$__range", "1h")
    rule = {"record": "it", "expr": asked}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))
    checked = promtool("check", "rules", "rules.yml", folder=tmp_path)
    assert checked.returncode == 0, f"{where}: {checked.stderr}"


def test_every_query_and_rule_asks_for_a_metric_that_exists() -> None:
    known = series() | _FROM_LIBRARY | {"up"}
    asked = [*queries(), *((str(alert["alert"]), str(alert["expr"])) for alert in alerts())]
    assert len(asked) > 40
    for where, query in asked:
        named = {*_OURS.findall(query)} or {*re.findall(r"\b(process_\w+|python_\w+|up)\b", query)}
        assert named, where
        assert named <= known, f"{where}: {named - known}"


def test_every_metric_is_shown_somewhere() -> None:
    asked = " ".join(query for _, query in queries())
    missing = {metric.name for metric in CATALOGUE if not re.search(rf"\b{metric.name}(_bucket|_sum|_count)?\b", asked)}
    assert missing == set()


def test_every_alert_has_its_section_in_the_runbook() -> None:
    text = (_ROOT / "docs" / "operate.md").read_text()
    titles = {title.lower() for title in re.findall(r"^#+ (\w+)$", text, re.MULTILINE)}
    for alert in alerts():
        runbook = alert["annotations"]["runbook"]  # type: ignore[index]
        assert runbook == f"docs/operate.md#{str(alert['alert']).lower()}"
        assert str(alert["alert"]).lower() in titles


def test_every_dashboard_is_told_apart_and_uses_the_provisioned_source() -> None:
    source = yaml.safe_load((_OBSERVE / "grafana/provisioning/datasources/prometheus.yml").read_text())
    uids = [json.loads(file.read_text())["uid"] for file in _DASHBOARDS]
    assert len(uids) == len(set(uids)) >= 4
    for file in _DASHBOARDS:
        assert set(re.findall(r'"uid": "(prometheus\w*)"', file.read_text())) == {source["datasources"][0]["uid"]}

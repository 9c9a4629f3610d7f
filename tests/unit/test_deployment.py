"""What is shipped to run it for months: units and manifests that their own tools accept."""

import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def unit() -> str:
    return (_DEPLOY / "systemd" / "market-data@.service").read_text()


def verify(text: str, folder: Path) -> list[str]:
    """Have systemd read a unit, with programs that exist in place of those that are installed; give what it says of it,
    and nothing that it says of this machine.
    """
    there = text.replace("/opt/market-data/bin/market-data", "/bin/true").replace("/etc/market-data/environment", "-/x")
    file = folder / "market-data@1-of-2.service"
    file.write_text(there)
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    return [line for line in said.splitlines() if "market-data" in line]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    assert verify(unit(), tmp_path) == []
    (told,) = verify(unit().replace("WatchdogSec", "WatchdogSecs"), tmp_path)
    assert "WatchdogSecs" in told, "the check sees a fault"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_is_hardened(tmp_path: Path) -> None:
    file = tmp_path / "market-data@1-of-2.service"
    file.write_text(unit())
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(file)]
    judged = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert judged.returncode == 0, judged.stdout[-400:] + judged.stderr


@pytest.mark.parametrize(("instance", "shard"), [("1-of-1", "1/1"), ("3-of-12", "3/12")])
def test_the_units_name_says_which_shard_it_is(instance: str, shard: str) -> None:
    """As systemd reads the line: %i is the instance, $$ a dollar, two backslashes one."""
    (line,) = [line for line in unit().splitlines() if line.startswith("ExecStart=")]
    script = line.partition("-c ")[2].strip("'").replace("%i", instance).replace("$$", "$")
    said = subprocess.run(
        ["sh", "-c", script.replace("exec /opt/market-data/bin/market-data", "echo")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["produce", "--shard", shard]


def manifests() -> list[dict[str, object]]:
    return list(yaml.safe_load_all((_DEPLOY / "kubernetes" / "market-data.yaml").read_text()))


def test_kubernetes_understands_the_manifests() -> None:
    for manifest in manifests():
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_a_fault_in_a_manifest_is_seen() -> None:
    (workload,) = [each for each in manifests() if each["kind"] == "StatefulSet"]
    workload["spec"] = {**workload["spec"], "replica": 3}  # type: ignore[dict-item]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(workload, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize(("pod", "shard"), [("market-data-0", "1/2"), ("market-data-11", "12/2")])
def test_a_pods_name_says_which_shard_it_is(pod: str, shard: str) -> None:
    (workload,) = [each for each in manifests() if each["kind"] == "StatefulSet"]
    script = workload["spec"]["template"]["spec"]["containers"][0]["args"][0]  # type: ignore[index]
    said = subprocess.run(
        ["sh", "-c", script.replace("exec market-data", "echo")],
        env={"HOSTNAME": pod, "SHARDS": "2", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["produce", "--shard", shard]

"""docker-compose.yml and the Dockerfile, run for real: a broker, the program's image, and both halves of the pipeline.

Images come from REDPANDA_IMAGE and PYTHON_IMAGE where they are set. The program follows a sandbox on this machine's
loopback (``host.yml``) instead of the live exchanges. Redpanda Console is only checked to be well described.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.processes import ROOT, running, running_sandbox

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

COMPOSE = shutil.which("docker-compose")


def compose(*arguments: str, folder: Path | None = None, host: bool = False) -> str:
    """Run docker-compose and give what it printed."""
    if COMPOSE is None:
        pytest.skip("needs docker-compose")
    files = ["-f", "docker-compose.yml", *(["-f", "tests/compose/host.yml"] if host else [])]
    done = subprocess.run(
        [COMPOSE, "--project-name", "market-data-test", *files, "--profile", "app", *arguments],
        cwd=ROOT,
        env=os.environ | {"SANDBOX_SETTINGS_FOLDER": str(folder or ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """Bring Redpanda up and wait until compose calls it healthy."""
    compose("up", "-d", "redpanda")
    try:
        until = time.monotonic() + 120
        while "(healthy)" not in compose("ps"):
            assert time.monotonic() < until, compose("logs", "redpanda")
            time.sleep(1)
        yield "localhost:19092"
    finally:
        compose("down", "-v", "--remove-orphans")


def test_the_file_describes_a_broker_a_console_and_the_program_on_this_machine_only() -> None:
    described = compose("config")
    for service in ("redpanda", "console", "produce", "consume"):
        assert f"  {service}:" in described
    ports = [line.strip() for line in described.splitlines() if line.strip().endswith("/tcp")]
    assert sorted(ports) == [
        "- 127.0.0.1:19092:19092/tcp",
        "- 127.0.0.1:8080:8080/tcp",
        "- 127.0.0.1:9644:9644/tcp",
    ]


def test_produce_and_consume_work_against_the_broker_in_the_container(broker: str, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    with running_sandbox(tmp_path, "--no-broker") as sandbox, shown.open("wb") as stdout:
        options = ["--config", str(sandbox.settings), "--set", f"kafka.brokers={broker}"]
        with running(["app", "produce", *options], tmp_path, "produce") as producer:
            producer.wait_for_log('"connected", "exchange": "coinbase"', 60)
            consume = ["app", "consume", "--view", "json", "--from", "earliest", *options]
            with running(consume, tmp_path, "consume", stdout=stdout) as consumer:
                until = time.monotonic() + 30
                while shown.read_text(encoding="utf-8").count("\n") < 100:
                    assert time.monotonic() < until, consumer.read_log()
                    time.sleep(0.1)
                assert producer.stop() == 0
                assert consumer.stop() == 0
    keys = {json.loads(line)["exchange"] for line in shown.read_text(encoding="utf-8").splitlines()[:100]}
    assert keys == {"binance", "coinbase"}


@pytest.mark.usefixtures("broker")
def test_the_program_runs_from_its_image(tmp_path_factory: pytest.TempPathFactory) -> None:
    build = ["docker", "build", "--network", "host", "-t", "market-data"]
    if image := os.environ.get("PYTHON_IMAGE"):
        build += ["--build-arg", f"PYTHON_IMAGE={image}"]
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    subprocess.run([*build, "."], cwd=ROOT, env=environment, check=True, timeout=500, capture_output=True)
    identity = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "id", "market-data", "-u"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert identity.stdout.strip() == b"10001"

    folder = tmp_path_factory.mktemp("compose")
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)
    with running_sandbox(folder, "--no-broker") as sandbox:
        sandbox.settings.chmod(0o644)
        compose("up", "-d", "--no-build", "produce", "consume", folder=folder, host=True)
        until = time.monotonic() + 60
        while "coinbase   BTC-USD     bid" not in (logs := compose("logs", "consume", folder=folder, host=True)):
            assert time.monotonic() < until, logs
            time.sleep(1)
        compose("stop", "produce", "consume", folder=folder, host=True)
        states = compose("ps", folder=folder, host=True)
    assert states.count("Exit 0") == 2, states

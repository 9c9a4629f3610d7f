"""docker-compose.yml and the Dockerfile, run for real: a broker, the program's image, and both halves of the pipeline.

Images come from REDPANDA_IMAGE and PYTHON_IMAGE where they are set. The program follows a sandbox on this machine's
loopback (``host.yml``) instead of the live exchanges. Redpanda Console is only checked to be well described.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.processes import ROOT, running, running_sandbox

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

ASSETS = ("BTC", "ETH", "SOL", "XRP")
COMPOSE = shutil.which("docker-compose")


def compose(*arguments: str, folder: Path | None = None, host: bool = False, profile: str = "app") -> str:
    """Run docker-compose and give what it printed; with ``host``, for a sandbox whose settings lie in the folder."""
    if COMPOSE is None:
        pytest.skip("needs docker-compose")
    files = ["-f", "docker-compose.yml", *(["-f", "tests/compose/host.yml"] if host else [])]
    done = subprocess.run(
        [COMPOSE, "--project-name", "market-data-test", *files, "--profile", profile, *arguments],
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
    for service in ("redpanda", "console", "produce", "consume", "web", "prometheus", "grafana"):
        assert f"  {service}:" in described
    ports = [line.strip() for line in described.splitlines() if line.strip().endswith("/tcp")]
    assert sorted(ports) == [
        "- 127.0.0.1:19092:19092/tcp",
        "- 127.0.0.1:3000:3000/tcp",
        "- 127.0.0.1:8000:8000/tcp",
        "- 127.0.0.1:8080:8080/tcp",
        "- 127.0.0.1:8081:8081/tcp",
        "- 127.0.0.1:9090:9090/tcp",
        "- 127.0.0.1:9644:9644/tcp",
    ]
    assert described.count("healthcheck:") == described.count("mem_limit:") == described.count("max-size:") == 10


def test_produce_and_consume_work_against_the_broker_in_the_container(broker: str, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    with running_sandbox(tmp_path, "--no-broker") as sandbox, shown.open("wb") as stdout:
        options = ["--config", str(sandbox.settings), "--set", f"kafka.brokers={broker}"]
        with running(["app", "produce", *options], tmp_path, "produce") as producer:
            producer.wait_for_log('"connected", "exchange": "coinbase"', 60)
            consume = ["app", "consume", "--view", "json", "--from", "earliest", *options]
            with running(consume, tmp_path, "consume", stdout=stdout) as consumer:
                until = time.monotonic() + 30
                while _exchanges(shown) != {"binance", "coinbase"}:
                    assert time.monotonic() < until, consumer.read_log()
                    time.sleep(0.1)
                assert producer.stop() == 0
                assert consumer.stop() == 0
    assert shown.read_text(encoding="utf-8").count("\n") > 100


def _exchanges(shown: Path) -> set[str]:
    """Name the exchanges of a hundred lines or more, as far as they are whole."""
    lines = [line for line in shown.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return {json.loads(line)["exchange"] for line in lines} if len(lines) > 100 else set()


@pytest.fixture(scope="module")
def image() -> str:
    """Build the program's image."""
    build = ["docker", "build", "--network", "host", "-t", "market-data"]
    if base := os.environ.get("PYTHON_IMAGE"):
        build += ["--build-arg", f"PYTHON_IMAGE={base}"]
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    subprocess.run([*build, "."], cwd=ROOT, env=environment, check=True, timeout=500, capture_output=True)
    return "market-data"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder that the program's user in its container can read."""
    made = tmp_path_factory.mktemp("compose")
    for each in (made, *made.parents[:2]):
        each.chmod(0o755)
    return made


@pytest.mark.usefixtures("broker")
def test_the_program_runs_from_its_image(image: str, folder: Path) -> None:
    identity = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "id", image, "-u"], capture_output=True, check=True, timeout=60
    )
    assert identity.stdout.strip() == b"10001"
    with running_sandbox(folder, "--no-broker") as sandbox:
        sandbox.settings.chmod(0o644)
        compose("up", "-d", "--no-build", "produce", "consume", folder=folder, host=True)
        _wait_for_log("consume", lambda log: "coinbase   BTC-USD     bid" in log, folder)
        compose("stop", "produce", "consume", folder=folder, host=True)
        states = compose("ps", folder=folder, host=True)
    assert states.count("Exit 0") == 2, states


@pytest.mark.usefixtures("broker", "image")
def test_containers_are_healthy_but_for_the_one_whose_exchange_is_cut_off(folder: Path) -> None:
    with running_sandbox(folder, "--no-broker") as sandbox:
        sandbox.settings.chmod(0o644)
        compose("up", "-d", "--no-build", "produce", "consume", folder=folder, host=True)
        try:
            _wait_for_health({"produce": "healthy", "consume": "healthy"}, folder)
            sandbox.program.process.send_signal(signal.SIGSTOP)
            _wait_for_health({"produce": "unhealthy", "consume": "healthy"}, folder)
            sandbox.program.process.send_signal(signal.SIGCONT)
            _wait_for_health({"produce": "healthy", "consume": "healthy"}, folder)
        finally:
            sandbox.program.process.send_signal(signal.SIGCONT)
            compose("stop", "produce", "consume", folder=folder, host=True)


def _wait_for_health(wanted: dict[str, str], folder: Path) -> None:
    until = time.monotonic() + 120
    while True:
        states = compose("ps", folder=folder, host=True)
        seen = {
            service: found[1]
            for service in wanted
            if (found := re.search(rf"_{service}_1 .*\((\w+)\)", states)) is not None
        }
        if seen == wanted:
            return
        assert time.monotonic() < until, states + compose("logs", "--tail", "30", *wanted, folder=folder, host=True)
        time.sleep(1)


@pytest.mark.usefixtures("image")
def test_two_shards_and_a_group_of_three_consumers_then_one(broker: str, folder: Path) -> None:
    services = ("produce-1", "produce-2", "consume-group")
    keys = [f"binance:{base}-USDT" for base in ASSETS] + [f"coinbase:{base}-USD" for base in ASSETS]
    with running_sandbox(folder, "--no-broker", "--instruments", ",".join(keys)) as sandbox:
        sandbox.settings.chmod(0o644)
        options = {"folder": folder, "host": True, "profile": "scale"}
        compose("up", "-d", "--no-build", *services, **options)
        _wait_for_log("consume-group", lambda log: _shown_by_member(log, 3) == set(keys), folder, "scale")
        shares = compose("logs", "--no-color", "--tail", "8", "consume-group", **options)
        compose("up", "-d", "--no-build", "--scale", "consume-group=1", *services, **options)
        _wait_for_log("consume-group", lambda log: _shown_by_member(log, 1) == set(keys), folder, "scale")
        verify = ["verify", "--config", str(sandbox.settings), "--set", f"kafka.brokers={broker}", "--seconds", "3"]
        compose("stop", *services, **options)
        print(shares)
        for service in services:
            print(compose("logs", "--no-color", "--tail", "20", service, **options))
        states = compose("ps", **options)
        print(states)
        verified = subprocess.run(
            [sys.executable, "-m", "app", *verify, "--from", "-5m"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        print(verified.stdout)
    ended = [line.split()[0] for line in states.splitlines() if "Exit 0" in line]
    for container in ("produce-1_1", "produce-2_1", "consume-group_1"):
        assert any(name.endswith(container) for name in ended), states
    assert verified.returncode == 0, verified.stdout + verified.stderr


def _shown_by_member(log: str, members: int) -> set[str]:
    """Give the instruments that a group shows, once it has so many members that each show some, and none twice now."""
    shown: dict[str, set[str]] = {}
    for line in log.splitlines():
        if found := re.match(r"(consume-group_\d+) +\| +\S+ +(binance|coinbase) +(\S+) +bid ", line):
            shown.setdefault(found[1], set()).add(f"{found[2]}:{found[3]}")
    together = [key for each in shown.values() for key in each]
    return set(together) if len(shown) == members and len(together) == len(set(together)) else set()


def _wait_for_log(service: str, is_there: Callable[[str], bool], folder: Path, profile: str = "app") -> None:
    until = time.monotonic() + 90
    logs = ("logs", "--no-color", "--tail", "60")  # of each of its containers
    while not is_there(log := compose(*logs, service, folder=folder, host=True, profile=profile)):
        assert time.monotonic() < until, log[-6000:]
        time.sleep(1)

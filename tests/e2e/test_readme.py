"""README says what is true: every command in it is run here, the live exchanges and the broker replaced by a sandbox.

The two set-up commands are run word for word by ``.ci/run``, those of Docker by ``tests/compose``.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.processes import ROOT, Sandbox, running, running_sandbox

from market_data.adapters.venues import DIALECTS
from market_data.config import load_settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
PROGRAM = re.compile(r"(?:^|\| )(?:\.venv/bin/)?`?python -m (app|sandbox)( [^`|]*)?")
ELSEWHERE = ("python3 -m venv", "docker-compose", "docker compose", ".venv/bin/pip install ./native")
"""Run by .ci/run, tests/compose and ``nox -s native``."""

pytestmark = pytest.mark.timeout(90)


def of_the_program() -> list[str]:
    """List what README runs of ours, in blocks and in its table."""
    rows = re.findall(r"^\| `python -m (app)([^`]*)` \|", README, re.MULTILINE)
    found = [f"{module}{arguments}" for module, arguments in rows]
    for line in COMMANDS:
        match = re.search(r"\.venv/bin/python -m ((?:app|sandbox)[^|]*)$", line)
        if match and not line.startswith(ELSEWHERE):
            found.append(match.group(1))
    return sorted(set(found))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("readme")
    with running_sandbox(folder, "--venues", "all") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def environment(sandbox: Sandbox) -> dict[str, str]:
    """Lead the commands to the sandbox, word for word as they are in README."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("APP_", "KAFKA_", "LOG_"))}
    addresses = sandbox.addresses
    return clean | {
        "APP_ENV": "sandbox",
        "KAFKA_BROKERS": addresses["kafka"]["brokers"],
        **{
            f"APP__VENUES__{venue.upper()}__{name.upper()}": addresses[venue][name]
            for venue in DIALECTS
            if venue in addresses  # the sandbox need not speak for a venue that is added
            for name in ("websocket_url", "rest_url")
        },
    }


@pytest.fixture(scope="module")
def producer(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running(["app", "produce"], tmp_path_factory.mktemp("produce"), "produce", environment=environment) as program:
        program.wait_for_log('"connected", "exchange": "coinbase"', 30)
        yield
        assert program.stop() == 0, program.read_log()


def test_every_command_of_readme_is_known_here() -> None:
    for line in COMMANDS:
        assert line.startswith((*ELSEWHERE, ".venv/bin/python -m app", "kcat ")), line
    assert len(of_the_program()) >= 8


@pytest.mark.usefixtures("producer")
@pytest.mark.parametrize("command", of_the_program())
def test_a_command_of_readme_runs_and_ends_clean(
    command: str, environment: dict[str, str], tmp_path: Path, sandbox: Sandbox
) -> None:
    arguments = command.split()
    if arguments[:2] == ["app", "demo"]:
        arguments += ["--seconds", "3"]
    if arguments[:2] == ["app", "produce"]:
        environment = environment | {"APP__KAFKA__TOPICS__BOOKS": "another"}
    assert sandbox.program.process.poll() is None
    output = tmp_path / "output"
    ends_by_itself = arguments[:2] not in (["app", "produce"], ["app", "consume"]) and arguments[:2] != [
        "app",
        "sandbox",
    ]
    with output.open("wb") as stdout, running(arguments, tmp_path, "it", stdout=stdout, environment=environment) as it:
        if ends_by_itself:
            status = it.process.wait(60)
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                it.process.wait(5)
            until = time.monotonic() + 60
            while not output.stat().st_size and arguments[:2] != ["app", "produce"] and time.monotonic() < until:
                time.sleep(0.1)
            status = it.stop(signal.SIGINT)
    assert status == 0, it.read_log()
    assert "Traceback" not in it.read_log()
    assert output.read_text(encoding="utf-8") or arguments[:2] == ["app", "produce"]


@pytest.mark.usefixtures("producer")
def test_the_line_for_kcat_and_jq_gives_the_best_prices_of_live_books(environment: dict[str, str]) -> None:
    if not (shutil.which("kcat") and shutil.which("jq")):
        pytest.skip("needs kcat and jq")
    line = next(line for line in COMMANDS if line.startswith("kcat"))
    line = line.replace("localhost:19092", environment["KAFKA_BROKERS"]).replace("-o end", "-o end -c 20")
    done = subprocess.run(line, shell=True, capture_output=True, timeout=60, check=True, text=True)
    rows = done.stdout.splitlines()
    assert rows
    assert all(
        re.match(r'\["(binance|coinbase)","[A-Z]+-[A-Z]+",\["[\d.]+","[\d.]+"\],\["[\d.]+","[\d.]+"\]\]$', row)
        for row in rows
    )


@pytest.mark.usefixtures("producer")
def test_the_python_example_prints_books(environment: dict[str, str], tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example.replace("localhost:19092", environment["KAFKA_BROKERS"]), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-u", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("BTC-USDT ")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_readme_names_every_command_venue_environment_and_link() -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "app", "--help"], capture_output=True, text=True, check=True, cwd=ROOT, timeout=30
    ).stdout
    for name in re.findall(r"^  ([a-z]+)  ", listing.partition("Commands:")[2], re.MULTILINE):
        assert re.search(rf"\b{name}\b", README), name
    for venue in [*load_settings(environ={}).settings.venues, *DIALECTS]:
        assert venue in README.lower(), venue
    for file in (ROOT / "config").glob("*.yaml"):
        assert file.stem in README, file.name
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target

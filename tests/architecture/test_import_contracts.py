"""The import contracts hold, each is seen to fail where it is broken, and none forgets a part of the program."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_LINTER = Path(sys.executable).with_name("lint-imports")

INWARDS = "Imports go inwards only"
ADAPTERS = "One adapter knows nothing of another"
DOMAIN = "The domain is plain Python and attrs"
APPLICATION = "The application speaks anyio and no other technology"
INJECTOR = "Only the container knows dependency_injector"
SANDBOX = "The program and the sandbox meet on sockets only"
CYCLES = "No cycles"


def lint(project: Path) -> dict[str, str]:
    """Check a copy of the project; gives KEPT or BROKEN for each contract."""
    found = subprocess.run(
        [_LINTER, "--no-cache", "--no-logo", "--config", project / "pyproject.toml"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    verdicts = {
        name: verdict
        for name, _, verdict in (line.strip().rpartition(" ") for line in found.stdout.splitlines())
        if verdict in ("KEPT", "BROKEN")
    }
    assert verdicts, found.stdout + found.stderr
    assert (found.returncode == 0) == ("BROKEN" not in verdicts.values())
    return verdicts


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy what the contracts speak of."""
    shutil.copytree(_ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contracts() -> list[dict[str, object]]:
    """Read the contracts."""
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    found: list[dict[str, object]] = settings["tool"]["importlinter"]["contracts"]
    return found


def test_every_contract_holds(project: Path) -> None:
    assert lint(project) == dict.fromkeys((str(contract["name"]) for contract in contracts()), "KEPT")


PLANTS = {
    "the domain uses the application": (
        INWARDS,
        "domain/planted.py",
        "import market_data.application.ports",
    ),
    "the application uses an adapter": (
        INWARDS,
        "application/planted.py",
        "import market_data.adapters.clock",
    ),
    "an adapter uses the settings": (INWARDS, "adapters/planted.py", "import market_data.config"),
    "the container uses the command line": (INWARDS, "container.py", "import market_data.cli"),
    "a module stands outside the layers": (INWARDS, "planted.py", ""),
    "venues use the transport": (
        ADAPTERS,
        "adapters/venues/planted.py",
        "import market_data.adapters.transport.websocket",
    ),
    "the console uses Kafka": (
        ADAPTERS,
        "adapters/console/planted.py",
        "import market_data.adapters.kafka.records",
    ),
    "the domain waits": (DOMAIN, "domain/planted.py", "import anyio"),
    "the domain reads JSON": (DOMAIN, "domain/planted.py", "from msgspec import json"),
    "the application reads JSON": (APPLICATION, "application/planted.py", "import msgspec"),
    "the application knows the event loop": (APPLICATION, "application/planted.py", "import asyncio"),
    "an adapter injects": (INJECTOR, "adapters/planted.py", "from dependency_injector import providers"),
    "the sandbox injects": (INJECTOR, "market_data_sandbox/planted.py", "import dependency_injector"),
    "the sandbox uses the program": (SANDBOX, "market_data_sandbox/planted.py", "import market_data.domain.book"),
    "the program uses the sandbox": (SANDBOX, "adapters/planted.py", "import market_data_sandbox.book"),
    "two modules need each other": (CYCLES, "domain/moment.py", "import market_data.domain.sync"),
}


@pytest.mark.parametrize(("contract", "file", "line"), PLANTS.values(), ids=PLANTS)
def test_each_contract_fails_where_it_is_broken(project: Path, contract: str, file: str, line: str) -> None:
    path = project / "src" / (file if file.startswith("market_data_sandbox/") else f"market_data/{file}")
    text = path.read_text() if path.exists() else '"""Planted."""\n'
    path.write_text(f"{text}\n{line}\n")
    assert lint(project)[contract] == "BROKEN"


def test_every_contract_has_a_plant_that_breaks_it() -> None:
    assert {contract for contract, _, _ in PLANTS.values()} == {contract["name"] for contract in contracts()}


def test_no_adapter_is_forgotten() -> None:
    (contract,) = (contract for contract in contracts() if contract["name"] == ADAPTERS)
    adapters = {
        f"market_data.adapters.{path.stem}"
        for path in (_ROOT / "src" / "market_data" / "adapters").iterdir()
        if path.name not in ("__init__.py", "__pycache__")
    }
    assert contract["modules"] == sorted(adapters)


@pytest.mark.parametrize("package", ["domain", "application"])
def test_pure_rooms_are_named_by_what_they_must_not_know(package: str) -> None:
    name = DOMAIN if package == "domain" else APPLICATION
    (contract,) = (contract for contract in contracts() if contract["name"] == name)
    technologies = {
        "httpx",
        "httpx_ws",
        "aiokafka",
        "msgspec",
        "cattrs",
        "loguru",
        "dependency_injector",
        "yaml",
        "rich",
    }
    forbidden = contract["forbidden_modules"]
    assert isinstance(forbidden, list)
    assert technologies | {"asyncio"} <= set(forbidden)
    assert ("anyio" in forbidden) == (package == "domain")

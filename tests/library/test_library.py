"""The package as a library in a project of somebody else: silent, undisturbed by its surroundings, light, typed."""

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger
from tests.library import foreign_project
from tests.support.processes import running, running_sandbox

import market_data
from market_data import reader
from market_data.logs.library import library_telemetry

WHEEL = bool(os.environ.get("TEST_WHEEL"))
HEAVY = (
    *("rich", "textual", "click", "starlette", "uvicorn", "dependency_injector", "confluent_kafka"),
    *("httpx", "httpx_ws"),
)


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a sandbox and a producer."""
    folder = tmp_path_factory.mktemp("world")
    with running_sandbox(folder) as sandbox:
        command = ["market_data", "produce", "--env", "sandbox", "--config", str(sandbox.settings)]
        with running(command, folder, "produce"):
            yield sandbox.addresses["kafka"]["brokers"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return foreign_project.make(tmp_path / "theirs")


@pytest.mark.parametrize("script", ["read_async.py", "read_sync.py"])
def test_it_works_and_is_silent_in_a_project_with_an_app_and_settings_of_its_own(
    script: str, project: Path, brokers: str
) -> None:
    for _ in range(20):
        ended = subprocess.run(
            [sys.executable, script, brokers],
            cwd=project,
            env=foreign_project.environment_of(PYTHONPATH=str(project)),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        if "live" in ended.stdout or (script == "read_sync.py" and ended.stdout):
            return
    pytest.fail("no live book was read")


def test_a_broker_that_is_not_there_is_an_error_and_not_a_line_on_stderr(project: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _CATCH],
        cwd=project,
        env=foreign_project.environment_of(PYTHONPATH=str(project)),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("no Kafka broker answers at 127.0.0.1:1")


_CATCH = """
from market_data import BrokerUnavailable, iter_books
try:
    with iter_books("127.0.0.1:1", overrides=["kafka.connect_timeout_seconds=1"]) as books:
        next(books)
except BrokerUnavailable as error:
    print(error)
"""


def test_the_log_speaks_once_the_host_enables_it(project: Path, brokers: str) -> None:
    script = f"""
from loguru import logger
from market_data import iter_books
logger.enable("market_data")
with iter_books({brokers!r}, topic="no.such.topic") as books:
    pass
"""
    script = script.replace("    pass", "    raise SystemExit(1)")
    ended = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=project,
        env=foreign_project.environment_of(PYTHONPATH=str(project)),
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended:
        assert ended.stderr is not None
        assert "the topic does not exist yet" in ended.stderr.readline()
        ended.kill()


def test_what_repeats_over_instruments_is_a_few_lines_and_a_sum_that_names_them() -> None:
    told: list[str] = []
    sink = logger.add(lambda message: told.append(str(message)), format="{message} {extra}")
    logger.enable("market_data")
    try:
        with library_telemetry(60) as telemetry:
            for number in range(300):
                telemetry.warn("another producer publishes this too", instrument=f"binance:C{number}-USDT")
    finally:
        logger.remove(sink)
        logger.disable("market_data")
    assert len(told) < 10
    assert "binance:C0-USDT" in told[0]
    assert "repeated 295 times for 295 instruments" in told[-1]


def test_importing_it_loads_nothing_that_only_commands_need() -> None:
    script = f"import sys; from market_data import read_books; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=True)
    assert ended.stdout.strip() == "[]"


def test_the_stub_declares_what_the_package_gives() -> None:
    stub = (Path(market_data.__file__).parent / "__init__.pyi").read_text()
    declared = {line.split()[-1].rstrip(",") for line in stub.splitlines() if " as " in line}
    assert declared == set(market_data.__all__) - {"__version__"} == set(reader.__all__)
    for name in market_data.__all__:
        assert getattr(market_data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'read_book'"):
        _ = market_data.read_book  # type: ignore[attr-defined]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("checker", [["mypy", "--strict"], ["pyright"]], ids=["mypy", "pyright"])
def test_a_program_that_uses_it_passes_a_strict_checker(checker: list[str], project: Path) -> None:
    if importlib.util.find_spec(checker[0]) is None:
        assert checker != ["pyright"] or not WHEEL, "nox -s package installs it"
        pytest.skip("pyright is not installed: nox -s package runs this")
    (project / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    scripts = ("read_async.py", "read_sync.py")
    command = [sys.executable, "-m", *checker, *scripts]
    if checker == ["pyright"]:
        command += ["--pythonpath", sys.executable]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.skipif(not WHEEL, reason="nox -s package installs the wheel")
def test_it_is_the_wheel_that_is_tested_and_it_brings_no_other_names() -> None:
    assert "site-packages" in market_data.__file__
    assert importlib.util.find_spec("app") is None
    assert importlib.util.find_spec("sandbox") is None
    files = {path.parts[0] for path in importlib.metadata.files("market-data-pipeline") or ()}
    packages = {name for name in files if not name.endswith(".dist-info") and name != ".."}
    assert packages == {"market_data", "market_data_sandbox"}


def test_the_example_of_readme_works_as_it_is_typed(project: Path, brokers: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?read_books.*?)```", readme, re.DOTALL)
    (project / "example.py").write_text(example.replace("localhost:19092", brokers))
    with subprocess.Popen(
        [sys.executable, "-u", "example.py"],
        cwd=project,
        env=foreign_project.environment_of(PYTHONPATH=str(project)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.kill()
        assert process.stderr.read() == ""
    assert all("BTC-USDT" in line for line in lines)


def test_the_sandbox_is_a_command_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "market_data", "sandbox", "--no-broker", "--settings-file", tmp_path / "sb.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert '"binance": {' in process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 0
    ended = subprocess.run([*command[:4], "--no-such"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (ended.returncode, "No such option" in ended.stderr) == (2, True)

"""Which engine keeps the books, and where it is told: with the extension, without it, with one that does not fit."""

from pathlib import Path

import pytest
from tests.support.programs import Ended, run

import market_data

ABSENT = 'raise ModuleNotFoundError("No module named market_data_native", name="market_data_native")\n'
OLD = 'Book = Refused = is_same_ladder = ValueError\n__version__ = "0.1.0"\n'
BROKEN = 'raise ImportError("undefined symbol: PyNo")\n'
FITTING = f'Book = Refused = is_same_ladder = ValueError\n__version__ = "{market_data.__version__}"\n'
WRONG = f"the native book engine is of version 0.1.0, expected {market_data.__version__}: pip install ./native"
UNLOADED = "the native book engine cannot be loaded (undefined symbol: PyNo): pip install --force-reinstall ./native"


def ask(folder: Path, extension: str, *arguments: str) -> Ended:
    """Run a command beside such an extension, in place of one that may be installed."""
    (folder / "market_data_native.py").write_text(extension)
    return run(*arguments, folder=folder, environ={"PYTHONPATH": str(folder), "APP__BOOK__ENGINE": "auto"})


@pytest.mark.parametrize(
    ("extension", "engine"),
    [
        pytest.param(ABSENT, "python", id="absent"),
        pytest.param(OLD, "python", id="of another version"),
        pytest.param(BROKEN, "python", id="broken"),
        pytest.param(FITTING, f"native {market_data.__version__}", id="there"),
    ],
)
def test_auto_takes_native_where_it_can_be_used(extension: str, engine: str, tmp_path: Path) -> None:
    version = ask(tmp_path, extension, "--version")
    assert version.out == f"market-data, version {market_data.__version__} (book engine: {engine})"
    shown = ask(tmp_path, extension, "config")
    assert shown.out.splitlines()[-1] == f"# book engine: {engine}"
    assert "\n  engine: auto " in shown.out


def test_python_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    shown = ask(tmp_path, FITTING, "config", "--set", "book.engine=python")
    assert shown.out.splitlines()[-1] == "# book engine: python"


@pytest.mark.parametrize("command", ["produce", "check", "config"])
@pytest.mark.parametrize(
    ("extension", "problem"),
    [
        pytest.param(ABSENT, "native is not installed: pip install ./native adds it", id="absent"),
        pytest.param(OLD, WRONG, id="of another version"),
        pytest.param(BROKEN, UNLOADED, id="broken"),
    ],
)
def test_native_without_it_is_one_line_and_status_2(command: str, extension: str, problem: str, tmp_path: Path) -> None:
    ended = ask(tmp_path, extension, command, "--set", "book.engine=native")
    assert ended.status == 2
    assert ended.err == f"book.engine: {problem}"


def test_check_and_produce_tell_of_an_extension_that_does_not_fit(tmp_path: Path) -> None:
    nowhere = ("--set", "kafka.brokers=127.0.0.1:9", "--set", "kafka.connect_timeout_seconds=0.1")
    nowhere += ("--set", "venues.coinbase.enabled=false", "--set", "venues.binance.rest_url=http://127.0.0.1:9")
    nowhere += ("--set", "venues.binance.websocket_url=ws://127.0.0.1:9")
    checked = ask(tmp_path, OLD, "check", *nowhere)
    assert f"ok    book engine         python; {WRONG}" in checked.out.splitlines()
    produced = ask(tmp_path, OLD, "produce", *nowhere)
    assert f'"level": "WARNING", "message": "{WRONG}"' in produced.err
    assert '"engine": "python"' in produced.err

"""Names that are not ASCII go all the way; what an encoding lacks is replaced, and nothing that matches is said."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.programs import Sandbox, run, running, sandbox
from tests.support.terminal import terminal

pytestmark = pytest.mark.timeout(60)

SYMBOL = "\u5e01\u5b89\u4eba\u751f-USDT"
ASCII: Mapping[str, str] = {"PYTHONIOENCODING": "ascii"}
UTF8: Mapping[str, str] = {"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run exchanges of which one lists a name in Chinese."""
    folder = tmp_path_factory.mktemp("chinese")
    with sandbox(folder, "--instruments", f"binance:BTC-USDT,binance:{SYMBOL}") as running_sandbox:
        yield running_sandbox


def test_a_symbol_that_is_not_ascii_is_followed_written_searched_and_shown(
    chinese: Sandbox, topic: str, tmp_path: Path
) -> None:
    only = ("--instruments", f"binance:{SYMBOL}")
    with running("produce", *chinese.options(topic), environ=UTF8, folder=tmp_path) as producer:
        for view in ("json", "lines"):
            with running(
                "consume", *chinese.options(topic), *only, "--view", view, environ=UTF8, folder=tmp_path
            ) as it:
                it.wait_for_out(SYMBOL)
                assert it.end().status == 0
        with running("consume", *chinese.options(topic), *only, "--view", "json", environ=ASCII, folder=tmp_path) as it:
            it.wait_for(lambda: any('"live"' in line for line in it.out))
            assert json.loads(next(line for line in it.out if '"live"' in line))["symbol"] == SYMBOL
            ended = it.end()
            assert (ended.status, "Traceback" in ended.err) == (0, False)
        assert producer.end().status == 0
    verified = run("verify", *chinese.options(topic), *only, "--json", environ=UTF8, folder=tmp_path)
    assert verified.status == 0
    assert [json.loads(line)["instrument"] for line in verified.out.splitlines()] == [f"binance:{SYMBOL}"]
    listed = run("instruments", *chinese.options(), "--search", "\u4eba\u751f", environ=UTF8, folder=tmp_path)
    assert listed.status == 0
    assert listed.out.split()[:2] == ["binance", SYMBOL]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_symbol_that_the_encoding_of_stdout_lacks_is_replaced_and_no_traceback(
    encoding: str, chinese: Sandbox, tmp_path: Path
) -> None:
    ended = run("instruments", *chinese.options(), environ={"PYTHONIOENCODING": encoding}, folder=tmp_path)
    assert ended.status == 0
    assert ended.err == ""
    assert len(ended.out.splitlines()) == 2
    assert encoding == "ascii" or "\\u5e01\\u5b89\\u4eba\\u751f-USDT" in ended.out, "to ASCII, click writes UTF-8"


@pytest.mark.parametrize(
    "options",
    [(), ("--json",), ("--exchange", "binance"), ("--all",)],
    ids=lambda options: " ".join(options) or "plain",
)
def test_a_search_that_finds_nothing_says_so_with_status_1(
    options: tuple[str, ...], world: Sandbox, tmp_path: Path
) -> None:
    ended = run("instruments", *world.options(), "--search", "zzz", *options, folder=tmp_path)
    assert (ended.status, ended.out, ended.err.splitlines()) == (1, "", ["nothing matches 'zzz'"])


def test_a_search_that_finds_nothing_on_a_terminal_is_no_empty_table(world: Sandbox, tmp_path: Path) -> None:
    with terminal(["instruments", *world.options(), "--search", "zzz"], (80, 24), tmp_path) as window:
        assert window.end() == 1
        assert [line for line in window.lines if line.strip()] == ["nothing matches 'zzz'"]


def test_a_typo_among_others_is_told_with_the_nearest_names_and_the_others_are_followed(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    typo = ("--set", "venues.binance.instruments=[BTC-USDT, BTC-USDTT]")
    with running("produce", *world.options(topic), *typo, folder=tmp_path) as producer:
        producer.wait_for_err("binance lists no BTC-USDTT (did you mean BTC-USDT")
        with running("consume", *world.options(topic), "--view", "json", folder=tmp_path) as consumer:
            consumer.wait_for(lambda: any('"BTC-USDTT"' in line and '"rejected"' in line for line in consumer.out))
            consumer.wait_for(lambda: any('"BTC-USDT"' in line and '"live"' in line for line in consumer.out))
        assert producer.end().status == 0

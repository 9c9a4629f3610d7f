"""What a person gets who misspells a setting, an option or an instrument."""

import json
from pathlib import Path

import pytest
from tests.support.exchanges import refusing
from tests.support.programs import Sandbox, run, running

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("command", ["produce", "consume", "config"])
def test_all_problems_of_a_settings_file_are_told_with_path_line_and_nearest_name(command: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kafka:\n  brokes: here:1\n  partitions: many\nbook:\n  depth: 21\n")
    ended = run(command, "--config", "mine.yaml", folder=tmp_path)
    assert ended.status == 2
    assert ended.out == ""
    told = ended.err.splitlines()
    assert len(told) == 3
    assert told[0].startswith("mine.yaml:2: kafka.brokes: ")
    assert "kafka.brokers" in told[0]
    assert told[1].startswith("mine.yaml:3: kafka.partitions: expected")
    assert "'many'" in told[1]
    assert told[2].startswith("mine.yaml:5: book.depth: expected")


@pytest.mark.parametrize(
    ("options", "environ", "told"),
    [
        pytest.param(["--env", "sandbx"], {}, "unknown environment 'sandbx' (did you mean sandbox?)", id="--env"),
        pytest.param([], {"APP_ENV": "prod"}, "environment APP_ENV: unknown environment 'prod'", id="APP_ENV"),
        pytest.param([], {"APP__KAFKA__BROKER": "x:1"}, "environment APP__KAFKA__BROKER", id="misspelt variable"),
        pytest.param(
            ["--set", "kafka.partitions=-1"], {}, "--set: kafka.partitions: expected", id="--set with a wrong value"
        ),
        pytest.param(["--set", "outbox.policy=block"], {}, "outbox.policy: block is for replays", id="block"),
        pytest.param(["--config", "nowhere.yaml"], {}, "nowhere.yaml", id="no such file"),
    ],
)
def test_a_wrong_setting_is_one_line_and_status_2(
    options: list[str], environ: dict[str, str], told: str, tmp_path: Path
) -> None:
    ended = run("produce", *options, environ=environ, folder=tmp_path)
    assert ended.status == 2
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""


def test_yaml_that_can_not_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kafka:\n  brokers: [1\n")
    ended = run("consume", "--config", "mine.yaml", folder=tmp_path)
    assert ended.status == 2
    assert ended.err.startswith("mine.yaml:")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["consume", "--view", "pie"], "'pie' is not one of 'table', 'lines', 'json'", id="view"),
        pytest.param(["consume", "--from", "yesterday"], "--from: expected latest, earliest, an ISO time", id="--from"),
        pytest.param(["consume", "--instruments", "BTC"], "expected VENUE:BASE-QUOTE", id="consume --instruments"),
        pytest.param(["produce", "--instruments", " , "], "received nothing", id="produce --instruments with nothing"),
        pytest.param(
            ["produce", "--instruments", "binanse:BTC-USDT"],
            "no venue binanse (did you mean binance?)",
            id="unknown venue",
        ),
        pytest.param(["prodce"], "No such command 'prodce'", id="command"),
        pytest.param(["demo", "--seconds", "-1"], "-1.0 is not in the range", id="seconds"),
    ],
)
def test_a_wrong_argument_is_told_with_status_2(arguments: list[str], told: str, tmp_path: Path) -> None:
    ended = run(*arguments, folder=tmp_path)
    assert ended.status == 2
    assert told in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_an_unknown_instrument_is_told_with_the_nearest_name_and_the_others_run(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    wanted = ("--instruments", "binance:FOO-BAR,binance:BTC-USDC,binance:ETH-USDT")
    with running("produce", *world.options(topic), *wanted, folder=tmp_path) as producer:
        with running("consume", *world.options(topic), folder=tmp_path) as consumer:
            consumer.wait_for_out("binance    ETH-USDT    bid")
        ended = producer.end()
    assert ended.status == 0
    assert "binance lists no FOO-BAR" in ended.err
    assert "binance lists no BTC-USDC (did you mean BTC-USDT?)" in ended.err


def test_a_halted_instrument_is_told_with_the_venues_own_word_and_is_no_misuse(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    symbol = {"symbol": "BTCUSDT", "status": "BREAK", "baseAsset": "BTC", "quoteAsset": "USDT"}
    listed = json.dumps({"symbols": [{**symbol, "isSpotTradingAllowed": True, "permissions": ["SPOT"]}]}).encode()
    with refusing(200, body=listed) as venue:
        elsewhere = ("--set", f"venues.binance.rest_url=http://{venue.address}")
        only = ("--instruments", "binance:BTC-USDT")
        with running("produce", *world.options(topic), *elsewhere, *only, folder=tmp_path) as producer:
            producer.wait_for_err('"instruments have no book now"')
            with running("consume", *world.options(topic), folder=tmp_path) as consumer:
                consumer.wait_for_out("binance    BTC-USDT    disconnected (rejected)")
            ended = producer.end()
        checked = run("check", *world.options(topic), *elsewhere, folder=tmp_path)
    assert ended.status == 0
    assert '"instruments": "BTC-USDT", "count": 1, "state": "BREAK"' in ended.err
    assert checked.status == 1
    assert "binance does not trade BTC-USDT: BREAK" in checked.out


def test_when_no_instrument_is_left_the_status_is_2(world: Sandbox, topic: str, tmp_path: Path) -> None:
    wanted = ("--instruments", "binance:BTC-USDC,coinbase:FOO-BAR")
    ended = run("produce", *world.options(topic), *wanted, folder=tmp_path)
    assert ended.status == 2
    assert "binance lists no BTC-USDC (did you mean BTC-USDT?)" in ended.err
    assert "coinbase lists no FOO-BAR" in ended.err
    assert ended.err.splitlines()[-1].startswith("no venue lists any of the instruments asked for")
    assert "Traceback" not in ended.err


def test_when_no_venue_is_enabled_the_status_is_2(tmp_path: Path) -> None:
    off = [f"venues.{name}.enabled=false" for name in ("binance", "coinbase")]
    ended = run("produce", "--set", off[0], "--set", off[1], folder=tmp_path)
    assert ended.status == 2
    assert ended.err == "nothing to follow: see venues.*.enabled and venues.*.instruments"

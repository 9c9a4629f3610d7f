"""The commands that a person looks for, as processes."""

import json
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from tests.support.exchanges import refusing, speaking
from tests.support.programs import Sandbox, environment, run, running
from tests.support.terminal import terminal
from websockets.sync.server import ServerConnection

import market_data
from market_data.adapters.books import choose_engine

pytestmark = pytest.mark.timeout(60)

COMMANDS = ("check", "completion", "config", "consume", "demo", "health", "instruments", "produce", "venues", "verify")
KEYS = ["binance:BTC-USDT", "binance:ETH-USDT", "coinbase:BTC-USD", "coinbase:ETH-USD"]


# help and version


def test_the_help_names_every_command_and_has_examples(tmp_path: Path) -> None:
    ended = run("--help", folder=tmp_path)
    assert ended.status == 0
    assert all(f"\n  {command} " in ended.out for command in COMMANDS)
    assert "python -m app demo" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, tmp_path: Path) -> None:
    ended = run(command, "-h", folder=tmp_path)
    assert ended.status == 0
    assert "Examples:\n" in ended.out
    assert f"-m app {command}" in ended.out or f"market-data {command}" in ended.out


def test_the_demo_has_an_example_of_exchanges_that_misbehave(tmp_path: Path) -> None:
    assert "python -m app demo --faults demo --venues all\n" in run("demo", "--help", folder=tmp_path).out


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    version = f"market-data, version {market_data.__version__} (book engine: {choose_engine('auto')})"
    assert run("--version", folder=tmp_path).out == version


def test_the_console_script_does_the_same_under_its_own_name(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "market-data"
    if not script.is_file():
        pytest.skip("the package is not installed")
    told = subprocess.run(
        [script, "consume", "-h"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )
    assert told.stdout.startswith("Usage: market-data consume")


@pytest.mark.parametrize(("shell", "file"), [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", "market-data.fish")])
def test_completion_prints_the_line_for_the_shell_that_is_named_or_used(shell: str, file: str, tmp_path: Path) -> None:
    named = run("completion", shell, folder=tmp_path)
    used = run("completion", folder=tmp_path, environ={"SHELL": f"/usr/bin/{shell}"})
    assert named == used
    assert named.status == 0
    assert file in named.out.splitlines()[0]
    assert f"_MARKET_DATA_COMPLETE={shell}_source market-data" in named.out.splitlines()[1]


def test_the_shell_is_told_what_can_be_completed(tmp_path: Path) -> None:
    asked = {"_MARKET_DATA_COMPLETE": "bash_complete", "COMP_WORDS": "market-data consume --v", "COMP_CWORD": "2"}
    assert run(folder=tmp_path, environ=asked).out == "plain,--view"


# config


def test_config_masks_secrets(tmp_path: Path) -> None:
    security = {
        "APP__KAFKA__SECURITY__PROTOCOL": "SASL_PLAINTEXT",
        "APP__KAFKA__SECURITY__MECHANISM": "PLAIN",
        "APP__KAFKA__SECURITY__USERNAME": "me",
        "APP__KAFKA__SECURITY__PASSWORD": "hunter2",
    }
    ended = run("config", folder=tmp_path, environ=security)
    assert ended.status == 0
    assert "hunter2" not in ended.out
    assert "username: me" in ended.out


# instruments


def test_instruments_are_plain_columns_in_a_pipe(world: Sandbox, tmp_path: Path) -> None:
    ended = run("instruments", *world.options(), folder=tmp_path)
    assert ended.status == 0
    assert [line.split() for line in ended.out.splitlines()] == [
        ["binance", "BTC-USDT", "BTCUSDT", "TRADING"],
        ["binance", "ETH-USDT", "ETHUSDT", "TRADING"],
        ["coinbase", "BTC-USD", "BTC-USD", "online", "BTC-USDC"],
        ["coinbase", "ETH-USD", "ETH-USD", "online", "ETH-USDC"],
    ]


def test_instruments_can_be_searched_and_given_as_json(world: Sandbox, tmp_path: Path) -> None:
    ended = run(
        "instruments", *world.options(), "--search", "usdc", "--exchange", "coinbase", "--json", folder=tmp_path
    )
    assert ended.status == 0
    assert [json.loads(line)["symbol"] for line in ended.out.splitlines()] == ["BTC-USD", "ETH-USD"]
    assert json.loads(ended.out.splitlines()[0]) == {
        "exchange": "coinbase",
        "symbol": "BTC-USD",
        "native": "BTC-USD",
        "is_tradable": True,
        "state": "online",
        "aliases": ["BTC-USDC"],
    }


def test_instruments_on_a_terminal_are_a_table_with_titles_and_a_count(world: Sandbox, tmp_path: Path) -> None:
    with terminal(["instruments", *world.options(), "--search", "btc"], (80, 24), tmp_path) as window:
        assert window.end() == 0
        lines = window.lines
    assert lines[0].split() == ["exchange", "symbol", "native", "state", "also"]
    assert lines[1].split() == ["binance", "BTC-USDT", "BTCUSDT", "TRADING"]
    assert lines[3] == "2 instruments"


def test_instruments_of_one_venue_are_listed_although_the_other_is_down(world: Sandbox, tmp_path: Path) -> None:
    with refusing(503) as venue:
        down = ("--set", f"venues.binance.rest_url=http://{venue.address}")
        ended = run("instruments", *world.options(), *down, folder=tmp_path)
    assert ended.status == 1
    assert [line.split()[0] for line in ended.out.splitlines()] == ["coinbase", "coinbase"]
    assert ended.err == f"binance: http://{venue.address}/api/v3/exchangeInfo: HTTP 503"


def test_an_unknown_exchange_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    ended = run("instruments", "--exchange", "coinbse", folder=tmp_path)
    assert ended.status == 2
    assert ended.err == "the settings know no exchange coinbse (did you mean coinbase?)"


def test_a_question_that_takes_long_is_interrupted_by_ctrl_c(world: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        slow = ("--set", f"venues.binance.rest_url={address}")
        with running("instruments", *world.options(), *slow, folder=tmp_path) as command:
            asking, _ = silent.accept()
            ended = command.end()
            asking.close()
    assert (ended.status, ended.out, ended.err) == (1, "", "interrupted")


def test_what_takes_longer_than_two_seconds_says_so_on_a_terminal(world: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = ("--set", f"venues.binance.rest_url=http://127.0.0.1:{silent.getsockname()[1]}")
        with terminal(["instruments", *world.options(), *slow], (80, 24), tmp_path) as window:
            window.wait_for(lambda: window.line_with("asking the venues"))
            window.type("\x03")
            assert window.end() == 1
            assert window.line_with("interrupted")


# check


def _findings(text: str) -> dict[str, tuple[str, str]]:
    """Give for each subject whether it is ok, and what is said."""
    found = {}
    for line in text.splitlines():
        mark, rest = line[:4].strip(), line[6:]
        subject, said = rest[:18].strip(), rest[18:].strip()
        found[subject] = (mark, said)
    return found


def test_check_finds_everything_well(world: Sandbox, topic: str, tmp_path: Path) -> None:
    ended = run("check", *world.options(topic), folder=tmp_path)
    assert ended.status == 0
    found = _findings(ended.out)
    assert list(found) == [
        *("settings", "event loop", "book engine", "binance REST", "binance clock", "binance WebSocket"),
        *("coinbase REST", "coinbase clock", "coinbase WebSocket", "broker", "topic"),
    ]
    assert {mark for mark, _ in found.values()} == {"ok"}
    assert "2 instruments listed, all of BTC-USDT, ETH-USDT traded" in found["binance REST"][1]
    assert "first data after" in found["coinbase WebSocket"][1]
    assert f"{topic} does not exist yet" in found["topic"][1]


def test_check_as_json_says_the_same_with_the_same_status(world: Sandbox, topic: str, tmp_path: Path) -> None:
    ended = run("check", *world.options(topic), "--json", folder=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert {tuple(each) for each in found} == {("subject", "is_ok", "said")}
    assert [each["subject"] for each in found] == list(
        _findings(run("check", *world.options(topic), folder=tmp_path).out)
    )
    assert all(each["is_ok"] for each in found)
    down = run("check", *world.options(), "--set", "kafka.brokers=127.0.0.1:9", "--json", folder=tmp_path)
    assert down.status == 1
    (broker,) = [each for each in map(json.loads, down.out.splitlines()) if not each["is_ok"]]
    assert broker["subject"] == "broker"
    assert broker["said"].startswith("no Kafka broker answers at 127.0.0.1:9: ")


def test_check_makes_no_topic(world: Sandbox, topic: str, tmp_path: Path) -> None:
    run("check", *world.options(topic), folder=tmp_path)
    assert topic not in Producer({"bootstrap.servers": world.brokers}).list_topics(timeout=10).topics


def test_check_with_one_venue_down_says_what_to_do_and_finds_the_rest_well(world: Sandbox, tmp_path: Path) -> None:
    with refusing(451) as venue:
        down = ("--set", f"venues.binance.rest_url=http://{venue.address}")
        down += ("--set", f"venues.binance.websocket_url=ws://{venue.address}")
        ended = run("check", *world.options(), *down, folder=tmp_path)
    assert ended.status == 1
    assert ended.err == ""
    found = _findings(ended.out)
    bad = [subject for subject, (mark, _) in found.items() if mark == "FAIL"]
    assert bad == ["binance REST", "binance clock", "binance WebSocket"]
    assert "HTTP 451, not served in this region" in found["binance REST"][1]
    assert "see venues.binance.websocket_url" in found["binance WebSocket"][1]


def test_check_with_the_broker_down_gives_the_compose_hint(world: Sandbox, tmp_path: Path) -> None:
    ended = run("check", *world.options(), "--set", "kafka.brokers=127.0.0.1:9", folder=tmp_path)
    assert ended.status == 1
    found = _findings(ended.out)
    assert [subject for subject, (mark, _) in found.items() if mark == "FAIL"] == ["broker"]
    assert found["broker"][1].startswith("no Kafka broker answers at 127.0.0.1:9: ")
    assert "docker-compose up -d redpanda" in found["broker"][1]


def test_check_tells_unknown_instruments_a_wrong_clock_and_other_partitions(world: Sandbox, tmp_path: Path) -> None:
    with running("produce", *world.options("checked"), folder=tmp_path) as producer:
        with running("consume", *world.options("checked"), folder=tmp_path) as consumer:
            consumer.wait_for_out("binance")
        producer.end()
    wrong = (
        "venues.coinbase.instruments=[BTC-USD, FOO-BAR]",
        "book.max_clock_skew_seconds=0.000001",
        "kafka.partitions=3",
    )
    options = [part for setting in wrong for part in ("--set", setting)]
    ended = run("check", *world.options("checked"), *options, folder=tmp_path)
    assert ended.status == 1
    found = _findings(ended.out)
    assert found["coinbase REST"][1].startswith("coinbase lists no FOO-BAR")
    assert "set this machine's clock, by NTP" in found["binance clock"][1]
    assert found["topic"][1].startswith("checked has 4 partitions, kafka.partitions says 3: set it to 4")
    assert found["coinbase WebSocket"][0] == "ok"


def test_check_tells_a_websocket_that_opens_and_says_nothing(world: Sandbox, tmp_path: Path) -> None:
    def say_nothing(connection: ServerConnection) -> None:
        for _ in connection:
            continue

    with speaking(say_nothing) as address:
        silent = ("--set", f"venues.coinbase.websocket_url={address}", "--set", "book.first_data_timeout_seconds=1")
        ended = run("check", *world.options(), *silent, folder=tmp_path)
    assert ended.status == 1
    mark, said = _findings(ended.out)["coinbase WebSocket"]
    assert mark == "FAIL"
    assert "nothing is heard within 1 s (book.first_data_timeout_seconds)" in said


# verify

PATIENT = ("--set", "book.heartbeat_seconds=60")
"""With these, what was written just now is not silent yet, however slow the machine is."""


def _write(world: Sandbox, topic: str, numbers: list[int], run_name: str = "20261123T000000.000000Z-1") -> None:
    """Publish records of one instrument with these numbers."""
    producer = Producer({"bootstrap.servers": world.brokers})
    for number in numbers:
        record: dict[str, Any] = {
            "schema_version": 1,
            "exchange": "binance",
            "symbol": "BTC-USDT",
            "status": "live",
            "reason": None,
            "status_since": 1,
            "bids": [["1", "1"]],
            "asks": [["2", "1"]],
            "event_time": 1,
            "received_time": 1,
            "sequence": 1,
            "epoch": 1,
            "run": run_name,
            "publish_seq": number,
            "conflated": 0,
        }
        producer.produce(topic, json.dumps(record), key="binance:BTC-USDT")
    assert producer.flush(20) == 0


def test_verify_proves_what_a_producer_wrote_and_that_it_wrote_it_in_two_runs(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    for _ in range(2):
        with running("produce", *world.options(topic), folder=tmp_path) as producer:
            with running("consume", *world.options(topic), folder=tmp_path) as consumer:
                consumer.wait_for(lambda: len([line for line in consumer.out if " bid " in line]) > 60)
            producer.end()
    ended = run("verify", *world.options(topic), folder=tmp_path)
    assert ended.status == 0
    titles, *rows, summary = ended.out.splitlines()
    assert titles.split()[:6] == ["instrument", "records", "holes", "doubled", "disorder", "conflated"]
    assert [row.split()[0] for row in rows] == KEYS
    for row in rows:
        _, records, holes, doubled, disorder, conflated, epochs, runs, foreign, live, *_, proof, verdict = re.split(
            r"  +", row
        )
        assert int(records) > 10
        assert (holes, doubled, disorder, conflated, epochs, runs, foreign) == ("0", "0", "0", "0", "2", "2", "0")
        assert live.endswith("%")
        assert proof == "sequence"
        assert re.fullmatch(r"proven, ended at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", verdict)
    assert summary.endswith("records of 4 instruments (4 ended), order proven by contiguous publish_seq")


def test_verify_finds_holes_doubles_and_disorder_with_status_1(world: Sandbox, topic: str, tmp_path: Path) -> None:
    _write(world, topic, [0, 1, 2, 5, 5, 6, 3, 7])
    ended = run("verify", *world.options(topic), *PATIENT, folder=tmp_path)
    assert ended.status == 1
    assert "2 missing, 1 doubled, 1 out of order" in ended.out.splitlines()[1]
    assert ended.out.splitlines()[2].endswith("1 of them NOT PROVEN")


def test_verify_finds_what_is_missing_at_the_beginning_of_a_later_run(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    _write(world, topic, [0, 1, 2])
    _write(world, topic, [4, 5], run_name="29991123T000000.000000Z-2")
    ended = run("verify", *world.options(topic), *PATIENT, "--json", folder=tmp_path)
    assert ended.status == 1
    report = json.loads(ended.out)
    assert (report["holes"], report["runs"], report["is_proven"], report["verdict"]) == (4, 2, False, "4 missing")


def test_verify_tells_another_producer_of_the_same_instrument(world: Sandbox, topic: str, tmp_path: Path) -> None:
    _write(world, topic, [0, 1])
    _write(world, topic, [0, 1], run_name="20261123T000001.000000Z-2")
    _write(world, topic, [2, 3])
    ended = run("verify", *world.options(topic), *PATIENT, "--json", folder=tmp_path)
    assert ended.status == 0
    report = json.loads(ended.out)
    assert (report["records"], report["foreign_runs"], report["verdict"]) == (6, 1, "proven, 1 foreign run")
    assert (report["is_ok"], report["failures"]) == (True, [])
    ended = run("verify", *world.options(topic), *PATIENT, "--no-foreign", "--json", folder=tmp_path)
    assert (ended.status, ended.err) == (1, "binance:BTC-USDT: 1 foreign run (--no-foreign)")
    assert json.loads(ended.out)["failures"] == ["1 foreign run (--no-foreign)"]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        pytest.param(["--from", "latest"], 1, "nothing was read, nothing is proven", id="nothing to read"),
        pytest.param(
            ["--instruments", "binance:BTC-USDT,binance:FOO-BAR"],
            1,
            "\nbinance:FOO-BAR: no record",
            id="an instrument without a record",
        ),
        pytest.param(["--from", "15m"], 2, "did you mean -15m?", id="a span without its sign"),
        pytest.param(["--from", "0001-01-01"], 2, "--from: expected", id="the first year"),
        pytest.param(["--from", f"-{'9' * 400}d"], 2, "--from: expected", id="a span without end"),
        pytest.param(["--from", "1969-01-01"], 2, "--from: expected a time after 1970", id="before 1970"),
        pytest.param(["--from", "2999-01-01"], 2, "a time that has been", id="the future"),
        pytest.param(["--seconds", "nan"], 2, "nan is not a number of seconds", id="no number"),
        pytest.param(["--max-age", "soon"], 2, "--max-age: expected a time above 0 such as 30s", id="no time"),
        pytest.param(["--max-age", "0"], 2, "--max-age: expected a time above 0 such as 30s", id="no time at all"),
        pytest.param(["--require-live", "99.9"], 2, "(did you mean 99.9%?)", id="a share without its sign"),
        pytest.param(["--require-live", "101%"], 2, "--require-live: expected a share such as", id="more than all"),
        pytest.param(["--require-live", "most"], 2, "--require-live: expected a share such as", id="no share"),
    ],
)
def test_verify_that_can_prove_nothing_says_so(
    options: list[str], status: int, said: str, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    _write(world, topic, [0, 1])
    ended = run("verify", *world.options(topic), *options, folder=tmp_path)
    assert ended.status == status
    assert said in f"{ended.out}\n{ended.err}"
    assert len(ended.err.splitlines()) == 1 or "Usage:" in ended.err
    assert "Traceback" not in ended.err


def test_verify_tells_a_producer_that_ended_from_one_that_is_quiet_and_fails_where_it_is_watched(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    options = (*world.options(topic), "--set", "book.heartbeat_seconds=10")
    watched = (*options, "--from", "-15m", "--require-live", "1%", "--no-foreign", "--json")
    with running("produce", *options, folder=tmp_path) as producer:
        with running("consume", *options, folder=tmp_path) as consumer:
            consumer.wait_for(
                lambda: {key for key in KEYS if any(_shows(line, key) for line in consumer.out)} == {*KEYS}
            )
        running_now = run("verify", *watched, "--max-age", "1m", folder=tmp_path)
        assert producer.end().status == 0
    assert (running_now.status, running_now.err) == (0, "")
    assert {(report["state"], report["status"]) for report in _reports(running_now.out)} == {("running", "live")}
    plain = run("verify", *options, folder=tmp_path)
    assert (plain.status, plain.err) == (0, ""), "the records are proven to the last, whoever wrote them"
    assert "(4 ended), order proven" in plain.out
    failed = run("verify", *watched, "--max-age", "0.001", folder=tmp_path)
    assert failed.status == 1
    said = {(report["state"], report["is_proven"], report["is_ok"]) for report in _reports(failed.out)}
    assert said == {("ended", True, False)}
    for key, line in zip(KEYS, failed.err.splitlines(), strict=True):
        assert re.fullmatch(rf"{key}: its last record is [0-9.]+ s old, more than 0.001 s \(--max-age\)", line)


def _shows(line: str, key: str) -> bool:
    exchange, _, symbol = key.partition(":")
    return line.split()[1:4] == [exchange, symbol, "bid"]


def _reports(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_verify_reads_for_some_seconds_what_comes(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with running("produce", *world.options(topic), folder=tmp_path) as producer:
        with running("consume", *world.options(topic), folder=tmp_path) as consumer:
            consumer.wait_for_out("binance", "coinbase")
        options = ("--from", "latest", "--seconds", "2", "--instruments", "binance:BTC-USDT", "--json")
        ended = run("verify", *world.options(topic), *options, folder=tmp_path)
        producer.end()
    assert ended.status == 0
    report = json.loads(ended.out)
    assert report["instrument"] == "binance:BTC-USDT"
    assert report["records"] > 5


def test_verify_that_is_interrupted_claims_nothing_of_what_it_has_not_read(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    _write(world, topic, [0, 1])
    with running(
        "verify", *world.options(topic), "--seconds", "60", "--set", "log.level=DEBUG", folder=tmp_path
    ) as job:
        job.wait_for_err("Fetch")  # a library's line: it reads
        ended = job.end()
    assert ended.status == 1
    assert "ended early: what was not read is not proven" in ended.err
    assert "Traceback" not in ended.err


def test_verify_passes_over_what_can_not_be_read_and_does_not_call_it_proven(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    _write(world, topic, [0, 1])
    producer = Producer({"bootstrap.servers": world.brokers})
    producer.produce(topic, b"no record", key="binance:BTC-USDT")
    assert producer.flush(20) == 0
    ended = run("verify", *world.options(topic), *PATIENT, folder=tmp_path)
    assert ended.status == 1
    assert "a record cannot be read" in ended.err
    assert "1 unreadable" in ended.out.splitlines()[1]
    assert "2 records of 1 instrument, 1 of them NOT PROVEN" in ended.out


def test_verify_of_a_topic_that_is_not_there_is_one_line(world: Sandbox, topic: str, tmp_path: Path) -> None:
    ended = run("verify", *world.options(topic), folder=tmp_path)
    assert ended.status == 1
    assert ended.err == f"topic {topic} does not exist: start a producer, or see kafka.topics.books"


def test_a_report_into_a_closed_pipe_is_no_error(world: Sandbox, topic: str, tmp_path: Path) -> None:
    _write(world, topic, [0, 1])
    command = shlex.join([sys.executable, "-m", "app", "verify", *world.options(topic)])
    script = f"{{ {command}; echo status $? >&2; }} | true"
    piped = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=30, check=True
    )
    assert piped.stderr == "status 0\n"

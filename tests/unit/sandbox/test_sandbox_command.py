"""The sandbox as a process."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import anyio
import pytest
import yaml
from confluent_kafka import Producer
from tests.unit.sandbox.sandbox_clients import dial, receive, say

from market_data_sandbox import Venue

pytestmark = pytest.mark.timeout(30)


def _start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_prints_its_addresses_writes_the_settings_and_ends_with_status_0(
    tmp_path: Path, ending: signal.Signals
) -> None:
    settings_file, truth_file = tmp_path / "folder" / "settings.yaml", tmp_path / "truth"
    with _start("--settings-file", str(settings_file), "--truth-file", str(truth_file), "--rate", "100") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        addresses = json.loads(process.stdout.readline())
        assert addresses.pop("settings_file") == str(settings_file)
        settings = yaml.safe_load(settings_file.read_text())
        assert settings == {
            "venues": {name: {"enabled": True, **addresses[name]} for name in Venue},
            "kafka": addresses["kafka"] | {"partitions": 4},
        }
        assert addresses["coinbase"]["instruments"] == ["BTC-USD", "ETH-USD"]
        with urlopen(f"{addresses['binance']['rest_url']}/api/v3/ping", timeout=10) as response:  # noqa: S310
            assert response.read() == b"{}"
        producer = Producer({"bootstrap.servers": addresses["kafka"]["brokers"]})
        producer.produce("topic", b"hello")
        assert producer.flush(10) == 0
        process.send_signal(ending)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
        assert process.stdout.read() == ""
    records = [json.loads(line) for line in truth_file.read_text().splitlines()]
    assert {record["symbol"] for record in records} == {"BTC-USD", "BTC-USDT", "ETH-USD", "ETH-USDT"}
    assert all(len(record["bids"]) == len(record["asks"]) == 20 for record in records)


def test_its_settings_follow_what_runs_and_has_something_to_tell_and_nothing_else(tmp_path: Path) -> None:
    settings_file = tmp_path / "settings.yaml"
    arguments = ("--venues", "coinbase,okx", "--instruments", "okx:SOL-USDT", "--no-broker")
    with _start("--settings-file", str(settings_file), *arguments) as process:
        assert process.stdout is not None
        process.stdout.readline()
        settings = yaml.safe_load(settings_file.read_text())
        process.send_signal(signal.SIGTERM)
    assert {name for name, venue in settings["venues"].items() if venue["enabled"]} == {"okx"}
    assert settings["venues"].keys() == set(Venue)
    assert settings["venues"]["coinbase"]["instruments"] == []


def test_it_has_help_by_its_short_name_too() -> None:
    with _start("-h") as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.startswith("Usage: ")
    assert err == ""


def test_a_stop_in_the_middle_of_playing_to_clients_is_clean(excerpts: Path) -> None:
    path = excerpts / "coinbase_ten_products_excerpt.gz"
    with _start("--no-broker", "--capture", str(path)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        addresses = json.loads(process.stdout.readline())
        assert "kafka" not in addresses
        assert addresses["binance"]["instruments"] == []
        assert len(addresses["coinbase"]["instruments"]) == 10

        async def listen() -> None:
            async with dial(addresses["coinbase"]["websocket_url"]) as websocket:
                await say(websocket, {"type": "subscribe", "channel": "level2", "product_ids": ["SKL-USD"]})
                while (await receive(websocket))["channel"] != "l2_data":
                    pass
                process.send_signal(signal.SIGINT)
                await websocket.wait_closed()

        anyio.run(listen)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--speed", "0"], "expected a number above 0, or max", id="speed"),
        pytest.param(["--instruments", "nasdaq:BTC-USD"], "expected VENUE:BASE-QUOTE", id="instruments"),
        pytest.param(["--capture", "/nowhere"], "does not exist", id="no such capture"),
        pytest.param(["--capture", __file__], "expected [local time] and a JSON object", id="no capture"),
        pytest.param(["--rate", "0"], "0.01", id="rate"),
        pytest.param(["--faults", "nothing"], "nor one of damage, demo", id="faults"),
        pytest.param(["--truth-file", "/dev/null/truth"], "cannot write /dev/null/truth", id="truth"),
        pytest.param(["--settings-file", "/dev/null/settings"], "cannot write /dev/null/settings", id="settings"),
    ],
)
def test_a_wrong_option_is_told_in_a_line(arguments: list[str], words: str) -> None:
    with _start("--no-broker", *arguments) as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == (1 if arguments[0].endswith("-file") else 2)
    assert words in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""


def test_a_port_that_is_taken_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with _start("--no-broker", "--binance-port", str(port)) as process:
            _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert "Traceback" not in err


def test_instruments_of_a_recording_are_chosen_for_the_settings(excerpts: Path) -> None:
    path = str(excerpts / "coinbase_ten_products_excerpt.gz")
    with _start("--no-broker", "--capture", path, "--instruments", "coinbase:SKL-USD") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["coinbase"]["instruments"] == ["SKL-USD"]
        process.send_signal(signal.SIGTERM)
    with _start("--no-broker", "--capture", path, "--instruments", "coinbase:BTC-USD") as process:
        _, err = process.communicate(timeout=20)
    assert "expected some of the captured ones of coinbase" in err


def test_the_help_has_examples() -> None:
    with _start("--help") as process:
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "python -m sandbox --instruments binance:SOL-USDT" in out

"""SIGHUP: the settings are read again, instruments follow, and nobody else notices."""

import json
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from tests.support.programs import Running, Sandbox, run, running, sandbox
from tests.support.terminal import terminal

pytestmark = [pytest.mark.timeout(90), pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")]


def want(file: Path, more: Mapping[str, object] | None = None, **symbols: Sequence[str]) -> None:
    """Write a settings file by which these are followed."""
    venues = {name: {"enabled": bool(wanted), "instruments": [*wanted]} for name, wanted in symbols.items() if wanted}
    off = {name: {"enabled": False} for name, wanted in symbols.items() if not wanted}
    file.write_text(yaml.safe_dump({"venues": {**venues, **off}, **(more or {})}))


def hang_up(producer: Running, times: int = 1) -> None:
    """Ask for the settings to be read again, and wait until that is said."""
    producer.process.send_signal(signal.SIGHUP)
    producer.wait_for(lambda: len([line for line in producer.err if "settings" in line and "again" in line]) >= times)


def live(lines: Sequence[str]) -> set[str]:
    """Give the keys that were live at some time."""
    shown = [json.loads(line) for line in lines if '"live"' in line]
    return {f"{each['exchange']}:{each['symbol']}" for each in shown}


def ended(lines: Sequence[str]) -> set[str]:
    """Give the keys of which the last word was that they are followed no more."""
    shown = [json.loads(line) for line in lines if '"shutdown"' in line]
    return {f"{each['exchange']}:{each['symbol']}" for each in shown}


def test_instruments_of_every_venue_join_and_leave_without_a_gap_for_the_others(topic: str, tmp_path: Path) -> None:
    quotes = dict.fromkeys(("binance", "okx", "bybit"), "USDT") | dict.fromkeys(
        ("coinbase", "kraken", "bitstamp"), "USD"
    )
    btc, eth = ({name: f"{base}-{quote}" for name, quote in quotes.items()} for base in ("BTC", "ETH"))
    first, second = ({f"{name}:{symbol}" for name, symbol in symbols.items()} for symbols in (btc, eth))
    file = tmp_path / "wanted.yaml"
    want(file, **{name: [btc[name]] for name in quotes})
    with sandbox(tmp_path, "--venues", "all") as world:
        options = (*world.options(topic), "--config", str(file))
        with (
            running("consume", *options, "--view", "json", folder=tmp_path) as consumer,
            running("produce", *options, folder=tmp_path, start_new_session=True) as producer,
        ):
            consumer.wait_for(lambda: live(consumer.out) == first)
            want(file, **{name: [btc[name], eth[name]] for name in quotes})
            hang_up(producer)
            consumer.wait_for(lambda: live(consumer.out) == first | second)
            want(file, **{name: [eth[name]] for name in quotes})
            hang_up(producer, times=2)
            consumer.wait_for(lambda: ended(consumer.out) == first)
            at = len(consumer.out)
            consumer.wait_for(lambda: live(consumer.out[at:]) >= second)
            assert live(consumer.out[at:]) == second
            assert producer.end(signal.SIGTERM).status == 0
        added, removed = (json.loads(line) for line in producer.err if '"settings read again"' in line)
        verified = run("verify", *options, "--json", folder=tmp_path)
    assert {*added["added"].split(", ")} == second
    assert {*removed["removed"].split(", ")} == first
    assert (added["removed"], removed["added"]) == ("none", "none")
    assert not [line for line in producer.err if "not asked for" in line or "refused" in line]
    assert verified.status == 0, verified
    reports = [json.loads(line) for line in verified.out.splitlines()]
    assert {each["instrument"] for each in reports} == first | second
    assert {(each["epochs"], each["holes"], each["doubles"], each["disorder"]) for each in reports} == {(1, 0, 0, 0)}


def test_what_cannot_be_used_changes_nothing_and_is_one_line(world: Sandbox, topic: str, tmp_path: Path) -> None:
    file = tmp_path / "wanted.yaml"
    want(file, binance=["BTC-USDT"], coinbase=[])
    options = (*world.options(topic), "--config", str(file))
    with (
        running("consume", *options, "--view", "json", folder=tmp_path) as consumer,
        running("produce", *options, folder=tmp_path, start_new_session=True) as producer,
    ):
        consumer.wait_for(lambda: live(consumer.out) == {"binance:BTC-USDT"})
        file.write_text("venues: [what is this")
        producer.process.send_signal(signal.SIGHUP)
        producer.wait_for_err("going on with those of before")
        file.unlink()
        producer.process.send_signal(signal.SIGHUP)
        producer.wait_for_err("No such file")
        want(file, binance=[], coinbase=[])
        producer.process.send_signal(signal.SIGHUP)
        producer.wait_for_err("nothing to follow")
        want(file, {"kafka": {"max_batch_bytes": 4096}}, binance=["BTC-USDT", "ETH-USDT"], coinbase=["NONE-USD"])
        hang_up(producer)
        producer.wait_for_err(
            "settings have changed that need a restart", '"kafka.max_batch_bytes"', "lists no NONE-USD"
        )
        consumer.wait_for(lambda: live(consumer.out) == {"binance:BTC-USDT", "binance:ETH-USDT"})
        ended = producer.end(signal.SIGTERM)
    assert ended.status == 0
    assert "Traceback" not in ended.err
    lines = [json.loads(line) for line in producer.err if "going on with those of before" in line]
    assert len(lines) == 3
    assert all("\n" not in line["message"] for line in lines)
    (restart,) = [json.loads(line) for line in producer.err if "need a restart" in line]
    assert restart["settings"] == "kafka.max_batch_bytes"
    verified = run("verify", *options, "--json", folder=tmp_path)
    reports = {each["instrument"]: each for each in map(json.loads, verified.out.splitlines())}
    assert reports["binance:BTC-USDT"]["epochs"] == 1
    assert {"binance:ETH-USDT", "coinbase:NONE-USD"} <= reports.keys()


def test_systemd_is_told_each_stage(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.settimeout(30)
        heard.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        arguments = ("produce", *world.options(topic))
        with running(*arguments, folder=tmp_path, environ=environ, start_new_session=True) as producer:
            assert _heard_until(heard, "READY=1") <= {"WATCHDOG=1", "READY=1"}
            assert "WATCHDOG=1" in _heard_until(heard, "WATCHDOG=1")
            producer.process.send_signal(signal.SIGHUP)
            assert "RELOADING=1" in _heard_until(heard, "READY=1")
            producer.process.send_signal(signal.SIGTERM)
            assert "READY=1" not in _heard_until(heard, "STOPPING=1")
            assert producer.end(None).status == 0


def _heard_until(heard: socket.socket, last: str) -> set[str]:
    """Collect the first lines of messages up to one."""
    lines: set[str] = set()
    while last not in lines:
        lines.add(heard.recv(256).decode().partition("\n")[0])
    return lines


def test_a_hangup_of_its_terminal_ends_it(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with terminal(["produce", *world.options(topic), "--set", "log.format=json"], (200, 40), tmp_path) as window:
        window.wait_for(lambda: '"connected"' in window.text)
        assert window.process is not None
        window.process.send_signal(signal.SIGHUP)
        assert window.end() == 0
        assert '"stopping"' in window.text
        assert "read again" not in window.text


def test_a_hangup_that_is_ignored_stays_ignored(world: Sandbox, topic: str, tmp_path: Path) -> None:
    """As with nohup."""
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running("produce", *world.options(topic), folder=tmp_path) as producer:
            signal.signal(signal.SIGHUP, ignored)
            producer.wait_for_err('"connected"')
            producer.process.send_signal(signal.SIGHUP)
            assert producer.end(signal.SIGTERM).status == 0
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert not [line for line in producer.err if "read again" in line]

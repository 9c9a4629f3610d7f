"""Producer, broker and consumer as processes, as a user runs them."""

import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.test_river import read_all
from tests.support.processes import ROOT, running, running_sandbox

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(120)]

KEYS = {"binance:BTC-USDT", "binance:ETH-USDT", "coinbase:BTC-USD", "coinbase:ETH-USD"}


@pytest.mark.parametrize("stopped_by", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
async def test_what_is_produced_is_consumed_and_every_process_ends_clean(
    kafka_brokers: str, topic: str, tmp_path: Path, stopped_by: signal.Signals
) -> None:
    shown = tmp_path / "shown.jsonl"
    settings = ["--set", f"kafka.brokers={kafka_brokers}", "--set", f"kafka.topics.books={topic}"]
    with running_sandbox(tmp_path, "--no-broker") as sandbox:
        options = ["--config", str(sandbox.settings), *settings]
        with running(["app", "produce", *options], tmp_path, "produce") as producer, shown.open("wb") as stdout:
            producer.wait_for_log('"connected", "exchange": "coinbase"', 30)
            consume = ["app", "consume", "--view", "json", "--from", "earliest", *options]
            with running(consume, tmp_path, "consume", stdout=stdout) as consumer:
                lines: list[dict[str, str | int | None]] = []
                while {f"{line['exchange']}:{line['symbol']}" for line in lines if line["mid"]} != KEYS or len(
                    lines
                ) < 200:
                    assert consumer.process.poll() is None, consumer.read_log()
                    text = shown.read_text(encoding="utf-8")
                    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
                head = subprocess.run(
                    f'"{sys.executable}" -m {" ".join(consume)} | head -3',
                    shell=True,
                    cwd=ROOT,
                    capture_output=True,
                    timeout=60,
                    check=True,
                )
                assert len(head.stdout.splitlines()) == 3
                assert b"Traceback" not in head.stderr
                assert producer.stop(stopped_by) == 0, producer.read_log()
                assert consumer.stop(stopped_by) == 0, consumer.read_log()
        assert sandbox.program.stop(stopped_by) == 0, sandbox.program.read_log()
    for program in (producer, consumer, sandbox.program):
        assert "Traceback" not in program.read_log()

    records = {
        (record["exchange"], record["symbol"], record["publish_seq"]): record
        for record in await read_all(kafka_brokers, topic)
    }
    lines = [json.loads(line) for line in shown.read_text(encoding="utf-8").splitlines()]
    assert len(lines) >= 200
    for line in lines:
        record = records[line["exchange"], line["symbol"], line["publish_seq"]]
        for name in ("status", "reason", "event_time", "received_time", "sequence", "epoch"):
            assert line[name] == record[name], name
        if record["status"] != "live":
            assert line["mid"] is line["best_bid"] is line["best_ask"] is None
            continue
        bid, ask = Decimal(record["bids"][0][0]), Decimal(record["asks"][0][0])
        assert [line["best_bid"], line["best_bid_size"]] == record["bids"][0]
        assert [line["best_ask"], line["best_ask_size"]] == record["asks"][0]
        assert Decimal(str(line["mid"])) == (bid + ask) / 2
        assert Decimal(str(line["spread"])) == ask - bid
        percent = Decimal(str(line["spread_percent"]))
        assert abs(percent - (ask - bid) / ((bid + ask) / 2) * 100) <= Decimal("0.0000005")

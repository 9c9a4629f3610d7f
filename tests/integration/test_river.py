"""The main job on real recorded market data: both venues over sockets, a real broker, every record against an oracle.

The oracles share nothing with the program: the venue's own ``@bookTicker`` in the recording, and naive rebuilds of the
recorded frames by ``json`` and ``Decimal``. The records are read by a plain aiokafka consumer and ``json``.
"""

import json
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from tests.support.oracles import (
    BINANCE,
    COINBASE,
    BinanceCapture,
    CoinbaseCapture,
    NaiveRebuild,
    captures_or_skip,
    numbers,
)
from tests.support.processes import running, running_sandbox

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(240)]

_PLAY_SECONDS = 150.0


async def read_all(brokers: str, topic: str) -> list[dict[str, Any]]:
    """Read a topic from its beginning to its end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    await consumer.start()
    try:
        metadata = await consumer._client.fetch_all_metadata()
        partitions = [TopicPartition(topic, number) for number in metadata.partitions_for_topic(topic)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[dict[str, Any]] = []
        while sum([await consumer.position(partition) for partition in partitions]) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    value = json.loads(record.value)
                    assert record.key.decode() == f"{value['exchange']}:{value['symbol']}"
                    headers = dict(record.headers)
                    assert int(headers.pop("published_at")) > 0
                    assert headers == {
                        "schema": b"normalized_book",
                        "schema_version": b"2",
                        "content-type": b"application/json",
                    }
                    records.append(value)
        return records
    finally:
        await consumer.stop()


def play(brokers: str, topic: str, folder: Path, speed: str) -> list[dict[str, Any]]:
    """Play the captures through sandbox and producer as processes; give the truth about Coinbase's frames."""
    captures = captures_or_skip()
    truth = folder / "truth.jsonl"
    files = [part for name in (*BINANCE, COINBASE) for part in ("--capture", str(captures / name))]
    options = ["--no-broker", "--speed", speed, "--wait-for", "10", "--truth-file", str(truth)]
    with running_sandbox(folder, *options, *files) as sandbox:
        command = ["app", "produce", "--config", str(sandbox.settings)]
        overrides = [f"kafka.brokers={brokers}", f"kafka.topics.books={topic}", "log.format=json"]
        with running(
            [*command, *(part for each in overrides for part in ("--set", each))], folder, "produce"
        ) as program:
            sandbox.program.wait_for_log("capture ended: coinbase", _PLAY_SECONDS)
            sandbox.program.wait_for_log("capture ended: binance", _PLAY_SECONDS)
            time.sleep(1.0)  # the last frames are on their way through two sockets
            assert program.stop() == 0, program.read_log()[-4000:]
            assert "Traceback" not in program.read_log()
        assert sandbox.program.stop() == 0, sandbox.program.read_log()[-4000:]
    with truth.open(encoding="utf-8") as lines:
        return [entry for line in lines if (entry := json.loads(line))["exchange"] == "coinbase"]


async def test_every_record_of_the_real_captures_equals_the_oracles(
    kafka_brokers: str, topic: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captures_or_skip()
    truth = play(kafka_brokers, topic, tmp_path, "20")
    records = await read_all(kafka_brokers, topic)
    by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        by_key[f"{record['exchange']}:{record['symbol']}"].append(record)

    assert len(by_key) == 11
    for each in by_key.values():
        assert [record["publish_seq"] for record in each] == list(range(len(each)))
        assert [record["status"] for record in each[:2]] == ["syncing", "live"]
        assert (each[-1]["status"], each[-1]["reason"]) == ("disconnected", "shutdown")
        for record in each:
            assert record["status"] == "live" or (record["bids"], record["asks"]) == ([], [])
    live = [record for record in records if record["status"] == "live"]
    crossed = [
        record
        for record in live
        if record["bids"] and record["asks"] and Decimal(record["bids"][0][0]) >= Decimal(record["asks"][0][0])
    ]
    assert crossed == []

    ticks, books = check_binance([record for record in live if record["exchange"] == "binance"])
    coinbase = check_coinbase([record for record in live if record["exchange"] == "coinbase"], truth)
    conflated = sum(record["conflated"] for record in records)
    with capsys.disabled():
        print(
            f"\n{len(records)} records, {len(live)} live, {len(crossed)} crossed, {conflated} conflated;"
            f" binance: {ticks} equal to the venue's bookTicker, {books} to a naive rebuild;"
            f" coinbase: {coinbase} equal to a naive rebuild of 10 products"
        )
    assert ticks > 1040
    assert books > 6000
    assert coinbase > 8000


def check_binance(live: list[dict[str, Any]]) -> tuple[int, int]:
    """Compare with the venue's own ticks and with a naive rebuild; give how many of each were comparable."""
    capture = BinanceCapture.load()
    assert capture is not None
    naive, tops = NaiveRebuild(), {}
    for frame in capture.frames:
        naive.take(frame)
        if naive.is_ready:
            tops[naive.sequence] = naive.top()
    ticks = 0
    for record in live:
        book = numbers((record["bids"], record["asks"]))
        assert book == tops[record["sequence"]], record
        tick = capture.ticks.get(record["sequence"])
        if tick is not None:
            ticks += 1
            assert (*record["bids"][0], *record["asks"][0]) == tick
    return ticks, len(live)


def check_coinbase(live: list[dict[str, Any]], truth: list[dict[str, Any]]) -> int:
    """Compare with a naive rebuild: the sandbox's truth says which recorded frame went out under which number."""
    capture = CoinbaseCapture.load()
    seen: dict[str, int] = defaultdict(int)
    tops: dict[tuple[str, int], Any] = {}
    for entry in truth:
        symbol = entry["symbol"]
        top = capture.tops[symbol][seen[symbol]]
        seen[symbol] += 1
        assert numbers((entry["bids"], entry["asks"])) == top, "the sandbox's own truth differs from the recording"
        tops[symbol, entry["sequence"]] = top
    assert seen == {symbol: len(each) for symbol, each in capture.tops.items()}
    for record in live:
        assert numbers((record["bids"], record["asks"])) == tops[record["symbol"], record["sequence"]], record
    return len(live)

"""Several producers of one topic: those that share the instruments, and those that should not meet."""

import json
import signal
from pathlib import Path

import pytest
from tests.support.programs import Sandbox, run, running

pytestmark = pytest.mark.timeout(60)

KEYS = {"binance:BTC-USDT", "binance:ETH-USDT", "coinbase:BTC-USD", "coinbase:ETH-USD"}


def test_two_shards_together_follow_every_instrument_once(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with (
        running("produce", *world.options(topic), "--shard", "1/2", folder=tmp_path) as first,
        running("produce", *world.options(topic), "--shard", "2/2", folder=tmp_path) as second,
    ):
        with running("consume", *world.options(topic), "--view", "json", folder=tmp_path) as consumer:
            consumer.wait_for(lambda: {_key(line) for line in consumer.out if '"live"' in line} == KEYS)
        assert (first.end().status, second.end().status) == (0, 0)
    for producer, shard in ((first, "1/2"), (second, "2/2")):
        assert any('"producing"' in line and f'"shard": "{shard}"' in line for line in producer.err)
    verified = run("verify", *world.options(topic), "--json", folder=tmp_path)
    assert verified.status == 0
    reports = [json.loads(line) for line in verified.out.splitlines()]
    assert {report["instrument"] for report in reports} == KEYS
    said = {(report["runs"], report["foreign_runs"], report["verdict"].partition(" at ")[0]) for report in reports}
    assert said == {(1, 0, "proven, ended")}


def _key(line: str) -> str:
    shown = json.loads(line)
    return f"{shown['exchange']}:{shown['symbol']}"


def test_a_second_producer_of_an_instrument_is_told_as_foreign_by_verify_and_consume(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    only = ("--instruments", "binance:BTC-USDT")
    with running("consume", *world.options(topic), folder=tmp_path) as consumer:
        with running("produce", *world.options(topic), *only, folder=tmp_path) as older:
            consumer.wait_for_out("BTC-USDT")
            with running("produce", *world.options(topic), *only, folder=tmp_path) as newer:
                consumer.wait_for_err("another producer still publishes this instrument")
                assert newer.end().status == 0
            assert older.end().status == 0
        told = [line for line in consumer.end().err.splitlines() if "another producer" in line]
    assert "binance:BTC-USDT" in told[0]
    assert len(told) < 10
    verified = run("verify", *world.options(topic), "--json", folder=tmp_path)
    assert verified.status == 0
    report = json.loads(verified.out)
    assert (report["runs"], report["foreign_runs"]) == (2, 1)
    assert report["verdict"].startswith("proven, 1 foreign run, ended at ")
    assert (report["holes"], report["doubles"], report["disorder"]) == (0, 0, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_second_producer_that_has_ended_leaves_the_first_ones_books_live(
    number: signal.Signals, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    options = (*world.options(topic), "--set", "book.heartbeat_seconds=0.5")
    with running("produce", *options, folder=tmp_path) as first:
        first.wait_for_err('"producing"')
        with running("consume", *options, "--view", "json", folder=tmp_path) as consumer:
            consumer.wait_for(lambda: {_key(line) for line in consumer.out if '"live"' in line} == KEYS)
            with running("produce", *options, folder=tmp_path) as second:
                consumer.wait_for_err("another producer still publishes this instrument")
                second.process.send_signal(number)
                second.process.wait(20)
            consumer.wait_for_err("following the older one again")
            ended = len(consumer.out)
            consumer.wait_for(lambda: {_key(line) for line in consumer.out[ended:] if '"live"' in line} == KEYS)
            told = consumer.end().err.splitlines()
        assert first.end().status == 0
    assert 0 < len([line for line in told if "following the older one again" in line]) <= 4
    assert any("order proven" in line for line in told)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "half"])
def test_a_shard_that_makes_no_sense_is_one_line_and_status_2(shard: str, tmp_path: Path) -> None:
    ended = run("produce", "--env", "test", "--shard", shard, folder=tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == f"--shard: expected I/N with I from 1 to N, such as 1/3, received {shard!r}"

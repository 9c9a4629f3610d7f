"""What a person gets when the broker is not there, or not as the settings say."""

import socket
import time
from pathlib import Path

import pytest
from tests.support.programs import Sandbox, run, running, sandbox

pytestmark = pytest.mark.timeout(60)


def _closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.mark.parametrize("command", ["produce", "consume"])
def test_an_absent_broker_is_waited_for_and_then_told_in_one_line_with_the_compose_hint(
    command: str, tmp_path: Path
) -> None:
    brokers = f"127.0.0.1:{_closed_port()}"
    settings = ("--env", "test", "--set", f"kafka.brokers={brokers}", "--set", "kafka.connect_timeout_seconds=2")
    started = time.monotonic()
    ended = run(command, *settings, "--set", "log.format=pretty", folder=tmp_path)
    assert time.monotonic() - started > 2
    assert ended.status == 1
    assert ended.out == ""
    lines = ended.err.splitlines()
    assert len([line for line in lines if "no Kafka broker answers, trying again" in line]) == 1
    assert lines[-1].startswith(f"no Kafka broker answers at {brokers}: ")
    assert "docker-compose up -d redpanda" in lines[-1]
    assert "Traceback" not in ended.err


def test_a_topic_with_other_partitions_names_the_setting_and_ends_with_status_2(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    ended = run("produce", *world.options(topic), "--set", "kafka.partitions=12", folder=tmp_path)
    assert ended.status == 2
    assert f"topic {topic} has 4 partitions, kafka.partitions says 12: set kafka.partitions to 4" in ended.err
    assert "Traceback" not in ended.err


def test_a_producer_whose_broker_went_away_says_how_many_records_it_could_not_deliver(tmp_path: Path) -> None:
    with sandbox(tmp_path) as brokers, sandbox(tmp_path, "--no-broker") as exchanges:
        options = (*exchanges.options(), "--set", f"kafka.brokers={brokers.brokers}")
        with running("produce", *options, "--set", "shutdown_timeout_seconds=1", folder=tmp_path) as producer:
            with running("consume", *brokers.options(), folder=tmp_path) as consumer:
                consumer.wait_for_out("coinbase", "binance")
                consumer.end()
            brokers.command.process.kill()
            brokers.command.process.wait()
            started = time.monotonic()
            ended = producer.end()
            assert time.monotonic() - started < 8
    assert ended.status == 1
    assert "records could not be delivered within 1 s" in ended.err
    assert "Traceback" not in ended.err

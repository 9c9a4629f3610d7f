"""What a person gets whose topic, on a real broker, is not as the settings say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from tests.support.brokers import missing, process_broker
from tests.support.programs import Sandbox, run, running

pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(120),
    pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}"),
]


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a real broker."""
    with process_broker(tmp_path_factory.mktemp("kafka") / "home") as broker:
        yield broker.brokers


def _make(brokers: str, topic: str, partitions: int, **configuration: str) -> None:
    new = NewTopic(topic, partitions, 1, config={name.replace("_", "."): text for name, text in configuration.items()})
    client = AdminClient({"bootstrap.servers": brokers})
    client.create_topics([new])[topic].result(20)


def _settings(world: Sandbox, brokers: str, topic: str, *more: str) -> list[str]:
    settings = [f"kafka.brokers={brokers}", f"kafka.topics.books={topic}", "kafka.partitions=12", *more]
    return ["--config", world.settings_file, *(part for setting in settings for part in ("--set", setting))]


@pytest.mark.parametrize("command", ["produce", "check"])
def test_a_topic_with_other_partitions_names_the_setting(
    command: str, world: Sandbox, brokers: str, topic: str, tmp_path: Path
) -> None:
    _make(brokers, topic, 3)
    ended = run(command, *_settings(world, brokers, topic), folder=tmp_path)
    assert ended.status == (2 if command == "produce" else 1)
    said = (ended.err if command == "produce" else ended.out).splitlines()[-1]
    assert f"{topic} has 3 partitions, kafka.partitions says 12" in said
    assert "Traceback" not in ended.err


def test_a_message_that_the_topic_does_not_take_names_the_settings_and_ends_with_status_2(
    world: Sandbox, brokers: str, topic: str, tmp_path: Path
) -> None:
    _make(brokers, topic, 12, max_message_bytes="600")
    ended = run("produce", *_settings(world, brokers, topic, "kafka.compression=none"), folder=tmp_path)
    assert ended.status == 2
    said = ended.err.splitlines()[-1]
    assert said.startswith(f"topic {topic}: Kafka at {brokers} refuses ")
    assert "as too large: raise the topic's max.message.bytes, or lower kafka.max_batch_bytes or book.depth" in said
    assert "Traceback" not in ended.err


def test_produce_makes_the_topic_and_check_and_verify_find_it_well(
    world: Sandbox, brokers: str, topic: str, tmp_path: Path
) -> None:
    settings = _settings(world, brokers, topic, "kafka.create_topic=true")
    with running("produce", *settings, folder=tmp_path) as producer:
        with running("consume", *settings, folder=tmp_path) as consumer:
            consumer.wait_for_out("binance    BTC-USDT    bid", "coinbase   ETH-USD     bid")
            consumer.end()
        assert producer.end().status == 0
    found = run("check", *settings, folder=tmp_path)
    assert found.status == 0
    assert f"{topic} has 12 partitions and up to" in found.out
    proven = run("verify", *settings, folder=tmp_path)
    assert proven.status == 0
    assert proven.out.splitlines()[-1].endswith("of 4 instruments (4 ended), order proven by contiguous publish_seq")

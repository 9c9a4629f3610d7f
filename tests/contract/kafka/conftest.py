"""Brokers for the Kafka tests: one embedded, one that is named, one as a process that can crash."""

import os
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from tests.contract.kafka.kafka_world import World
from tests.support.brokers import NAMED, ProcessBroker, missing, process_broker

_REAL = os.environ.get("TEST_KAFKA_BROKERS")


@pytest.fixture(scope="session")
def embedded_brokers() -> Iterator[str]:
    """Run the broker that is part of librdkafka; it lives as long as its producer."""
    producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    (broker,) = producer.list_topics(timeout=15).brokers.values()
    yield f"{broker.host}:{broker.port}"
    producer.flush(0)


@pytest.fixture(params=["embedded", "real"] if _REAL else ["embedded"])
def world(request: pytest.FixtureRequest, embedded_brokers: str) -> World:
    """Give a broker and a topic that nobody else uses; the embedded one makes it at its first use."""
    return World.at(embedded_brokers if request.param == "embedded" else _REAL or "")


@pytest.fixture(scope="session")
def _running_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessBroker]:
    if what := missing():
        pytest.skip(f"needs a real broker as a process: {what}")
    with process_broker(tmp_path_factory.mktemp("kafka") / "home") as broker:
        yield broker


@pytest.fixture
def broker(_running_broker: ProcessBroker) -> ProcessBroker:
    """Give a real broker that may be killed, stopped and paused; it must run again at the end of the test."""
    return _running_broker


@pytest.fixture
def broker_world(request: pytest.FixtureRequest) -> World:
    """Give that broker, or where it cannot be run the one that is named, and a topic that nobody else uses."""
    if missing() is None or "broker" in request.fixturenames:
        return World.at(request.getfixturevalue("broker").brokers)
    if _REAL is None:
        pytest.skip(f"needs a real broker: {NAMED}")
    return World.at(_REAL)

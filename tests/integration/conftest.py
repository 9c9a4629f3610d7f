"""A broker for the integration tests: the one that is named, or Redpanda in a container."""

import gc
import os
import uuid
import warnings
from collections.abc import Iterator

import docker
import pytest
from docker.errors import DockerException
from testcontainers.community.kafka import RedpandaContainer
from tests.support.brokers import NAMED

REDPANDA_IMAGE = "docker.redpanda.com/redpandadata/redpanda:v24.3.1"
_START_SECONDS = 120


@pytest.fixture(scope="session")
def kafka_brokers() -> Iterator[str]:
    """Give the address of a broker: TEST_KAFKA_BROKERS, or a container of REDPANDA_IMAGE that lives as long as the run.

    testcontainers reads DOCKER_HOST and its own TESTCONTAINERS_… variables.
    """
    if brokers := os.environ.get("TEST_KAFKA_BROKERS"):
        yield brokers
        return
    if not _has_docker():
        pytest.skip(f"needs a broker: start Docker, or name a running one in TEST_KAFKA_BROKERS ({NAMED})")
    image = os.environ.get("REDPANDA_IMAGE") or REDPANDA_IMAGE
    container = RedpandaContainer(image)
    try:
        container.start(timeout=_START_SECONDS)
    except (DockerException, TimeoutError) as error:
        problem = str(error).splitlines()[0]
        pytest.fail(f"{image} does not start ({problem}): set REDPANDA_IMAGE or TEST_KAFKA_BROKERS", pytrace=False)
    try:
        yield container.get_bootstrap_server()
    finally:
        container.stop()


@pytest.fixture
def topic() -> str:
    """Name a topic that nobody else uses."""
    return f"market.books.{uuid.uuid4().hex[:12]}"


def _has_docker() -> bool:
    # A client that finds no daemon leaves a socket behind, which is of no interest.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        has_docker = _answers()
        gc.collect()
    return has_docker


def _answers() -> bool:
    try:
        client = docker.from_env()
        client.ping()
        client.close()
    except DockerException:
        return False
    return True

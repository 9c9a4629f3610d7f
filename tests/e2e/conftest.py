"""One sandbox for all tests that only look at it; each uses a topic of its own."""

import uuid
from collections.abc import Iterator

import pytest
from tests.support.programs import Sandbox, sandbox


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run exchanges with a lively market, and a broker."""
    with sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def topic() -> str:
    """Name a topic that nobody else uses."""
    return f"books-{uuid.uuid4().hex[:12]}"

"""A sandbox for all examples, with a producer whose books are live."""

import json
from collections.abc import Iterator

import pytest
from tests.support.programs import Sandbox, running, sandbox


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run exchanges with a lively market, a broker and a producer."""
    folder = tmp_path_factory.mktemp("sandbox")
    with sandbox(folder) as world, running("produce", *world.options(), folder=folder):
        with running("consume", *world.options(), "--view", "json", folder=folder) as consumer:
            consumer.wait_for(lambda: len({_live(line) for line in consumer.out} - {None}) == 4)
        yield world


def _live(line: str) -> str | None:
    shown = json.loads(line)
    return f"{shown['exchange']}:{shown['symbol']}" if shown["status"] == "live" else None

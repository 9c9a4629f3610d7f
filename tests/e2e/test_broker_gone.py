"""A broker that crashes or hangs under a reader: what can be read no more is blamed on it, on every view."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.brokers import ProcessBroker, missing, process_broker
from tests.support.programs import running, sandbox
from tests.support.terminal import terminal

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

SYMBOLS = ("BTC-USD", "BTC-USDT", "ETH-USD", "ETH-USDT")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ProcessBroker]:
    if (what := missing()) is not None:
        pytest.skip(f"needs {what}")
    with process_broker(tmp_path / "broker") as running_broker:
        yield running_broker


@pytest.mark.parametrize(("ending", "beginning"), [("kill", "start"), ("pause", "resume")])
def test_lines_and_screen_blame_the_broker_and_no_producer_and_go_on_once_it_is_back(
    broker: ProcessBroker, ending: str, beginning: str, tmp_path: Path
) -> None:
    with sandbox(tmp_path, "--no-broker") as world:
        options = (*world.options("books"), "--set", f"kafka.brokers={broker.brokers}")
        with running("produce", *options, folder=tmp_path) as producer:
            with (
                running("consume", *options, "--view", "lines", folder=tmp_path) as consumer,
                terminal(["consume", *options], (120, 40), tmp_path) as window,
            ):
                consumer.wait_for(lambda: all(any(f" {each} " in line for line in consumer.out) for each in SYMBOLS))
                window.wait_for(lambda: all(window.line_with(f" {each} ", "live") for each in SYMBOLS))
                broker.command(ending)
                consumer.wait_for(lambda: sum("stale (broker unreachable)" in line for line in consumer.out) == 4)
                window.wait_for(lambda: window.line_with("broker unreachable since"))
                window.wait_for(lambda: all(window.line_with(f" {each} ", "broker unreachable") for each in SYMBOLS))
                assert "silence" not in "\n".join([*window.lines, *consumer.out])
                broker.start() if beginning == "start" else broker.command(beginning)
                window.wait_for(lambda: all(window.line_with(f" {each} ", "live") for each in SYMBOLS), 60)
                assert not window.line_with("broker unreachable since")
                window.type("q")
                assert window.end() == 0
                ended = consumer.end()
            producer.end()
    assert ended.status == 0
    assert json.loads(ended.err.splitlines()[-1])["message"] == "order proven"

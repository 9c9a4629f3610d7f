"""The ways from the socket and to the broker are measured on tiny inputs; what the figures say is of no interest."""

import json
from pathlib import Path

import pytest
from tests.benchmarks import end_to_end, sockets
from tests.benchmarks.results import command


def _measured(file: Path) -> dict[str, list[str]]:
    return {each["name"]: list(each["ways"]) for each in json.loads(file.read_text(encoding="utf-8"))["results"]}


def test_each_client_is_measured_in_a_burst_and_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "socket.json"
    assert command("sockets", sockets.measure, ["--small", "--rounds", "1", "--json", str(file)]) == 0
    results = _measured(file)
    assert list(results) == ["socket_burst", "socket_paced"]
    assert {"ours", "httpx-ws", "websockets"} <= set(results["socket_burst"])


@pytest.mark.broker
@pytest.mark.timeout(180)
def test_whole_programs_are_measured_at_each_load(tmp_path: Path) -> None:
    file, here = tmp_path / "end_to_end.json", str(end_to_end.HERE)
    asked = ["--variant", f"auto={here}", "--variant", f"zero={here},kafka.linger_milliseconds=0"]
    assert end_to_end.main([*asked, "--small", "--rounds", "1", "--json", str(file)]) == 0
    results = _measured(file)
    assert list(results) == ["end_to_end_500", "end_to_end_2000", "end_to_end_saturation"]
    assert results["end_to_end_500"] == ["auto", "zero"]

"""systemd's notify protocol, on a real socket."""

import socket
from pathlib import Path

import pytest

from market_data.adapters.supervisor import NotifySupervisor, Unsupervised, make_supervisor


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_socket_nobody_is_told(environ: dict[str, str]) -> None:
    supervisor = make_supervisor(environ)
    assert isinstance(supervisor, Unsupervised)
    supervisor.ready()
    supervisor.stopping()


@pytest.mark.parametrize("is_abstract", [False, True], ids=["a path", "an abstract name"])
def test_each_stage_is_one_datagram(tmp_path: Path, is_abstract: bool) -> None:  # noqa: FBT001 - a parameter
    name = f"@market-data-{tmp_path.name}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.settimeout(5)
        heard.bind(name.replace("@", "\0", 1) if is_abstract else name)
        supervisor = make_supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
        assert supervisor.alive_seconds == 15.0
        for stage in (supervisor.ready, supervisor.alive, supervisor.reloading, supervisor.stopping):
            stage()
        said = [heard.recv(256).decode() for _ in range(4)]
    assert said[:2] == ["READY=1", "WATCHDOG=1"]
    assert said[2].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[3] == "STOPPING=1"


def test_a_supervisor_that_is_gone_is_no_reason_to_fail(tmp_path: Path) -> None:
    NotifySupervisor(str(tmp_path / "gone"), None).ready()


@pytest.mark.parametrize("within", ["", "0", "soon"])
def test_without_a_watchdog_no_signs_of_life_are_wanted(within: str) -> None:
    assert make_supervisor({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": within}).alive_seconds is None

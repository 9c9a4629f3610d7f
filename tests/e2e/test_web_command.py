"""``--view web`` as a process: the address that it prints, what it opens, and what is wrong in one line."""

import json
import re
import signal
import socket
import stat
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.support.programs import Running, Sandbox, run, running

pytestmark = pytest.mark.timeout(90)


def address(program: Running) -> str:
    program.wait_for_out("the page is at ", seconds=60)
    return next(match[1] for line in program.out if (match := re.search(r"the page is at (\S+)", line)))


def test_the_demo_prints_the_address_opens_it_and_ends_clean(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    environ = {"TMPDIR": str(tmp_path), "BROWSER": str(browser)}
    with running("demo", "--view", "web", "--open", folder=tmp_path, environ=environ) as demo:
        url = address(demo)
        demo.wait_for(opened.exists)
        demo.wait_for(lambda: len(httpx.get(f"{url}api/books", trust_env=False, timeout=20).json()["books"]) == 4)
        with httpx.stream("GET", f"{url}stream", trust_env=False, timeout=20) as stream:
            lines = stream.iter_lines()
            while not next(lines).startswith("data: "):
                pass
            ended = demo.end(signal.SIGINT)
            for _ in lines:
                pass
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    assert opened.read_text(encoding="utf-8").strip() == url
    assert "order proven" in ended.out


def test_a_taken_port_is_one_line_and_status_1(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        listen = f"web.listen=127.0.0.1:{other.getsockname()[1]}"
        options = (*world.options(topic), "--set", "kafka.create_topic=true", "--set", listen)
        with running("produce", *options, folder=tmp_path) as producer:
            producer.wait_for_err('"connected"')
            ended = run("consume", "--view", "web", *options, folder=tmp_path)
    assert ended.status == 1
    (line,) = [line for line in ended.err.splitlines() if not line.startswith("{")]
    assert line.startswith("the page cannot be offered at 127.0.0.1:")
    assert line.endswith("address already in use. Set web.listen to another address")


def test_beyond_this_machine_without_a_token_is_refused_in_one_line(world: Sandbox, tmp_path: Path) -> None:
    ended = run("consume", "--view", "web", *world.options(), "--set", "web.listen=0.0.0.0:0", folder=tmp_path)
    assert ended.status == 2
    assert "other machines reach 0.0.0.0: set APP__WEB__TOKEN" in ended.err
    assert "Traceback" not in ended.err


def test_there_is_nothing_to_open_but_the_page(tmp_path: Path) -> None:
    ended = run("demo", "--open", folder=tmp_path)
    assert (ended.status, ended.err.strip()) == (2, "--open: opens the page of --view web, add that")


def test_a_token_is_never_printed(world: Sandbox, topic: str, tmp_path: Path) -> None:
    token = "0123456789abcdef0"  # noqa: S105 - of this test alone
    environ = {"APP__WEB__TOKEN": token, "APP__WEB__LISTEN": "0.0.0.0:0"}
    options = world.options(topic)
    with (
        running("produce", *options, folder=tmp_path),
        running("consume", "--view", "web", *options, folder=tmp_path, environ=environ) as consume,
    ):
        port = address(consume).rpartition(":")[2]
        url = f"http://127.0.0.1:{port}"
        asked = [httpx.get(f"{url}api/status{query}", trust_env=False, timeout=20) for query in ("", f"?token={token}")]
        ended = consume.end()
    assert [answer.status_code for answer in asked] == [401, 303]
    assert ended.status == 0
    warnings = [json.loads(line) for line in ended.err.splitlines() if "open to other machines" in line]
    assert warnings[0]["open"] == "to whoever has web.token"
    assert token not in ended.out + ended.err

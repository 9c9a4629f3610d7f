"""The program itself behind the page: faults of invented exchanges, restarts of the server and of a real broker."""

import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Opener
from tests.browser.test_page import GUARD, LADDER, LOST
from tests.support.brokers import free_port, missing, process_broker
from tests.support.programs import Running, running, sandbox

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SECONDS = 60_000


def address(program: Running) -> str:
    program.wait_for_out("the page is at ", seconds=60)
    return next(match[1] for line in program.out if (match := re.search(r"the page is at (\S+)", line)))


@contextmanager
def heard(url: str, key: str) -> Iterator[dict[int, Any]]:
    """Listen to the same stream as the page; gives records by ``publish_seq``."""
    records: dict[int, Any] = {}
    is_over = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{url}stream?book={key}", timeout=20, trust_env=False) as answer:
            for line in answer.iter_lines():
                if line.startswith('data: {"record"'):
                    record = json.loads(line[6:])["record"]
                    records[record["publish_seq"]] = record
                if is_over.is_set():
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield records
    finally:
        is_over.set()
        thread.join(30)


SHOWN = f"""() => {{
    const record = [...document.querySelectorAll('#facts tr')].find((row) => row.children[0].innerText === 'Record');
    return [parseInt(record?.children[1].innerText ?? '-1'), {LADDER}];
}}"""


def same(shown: str, text: str) -> bool:
    """Compare texts but for zeros at the end."""
    return shown.rstrip("0").rstrip(".") == (text.rstrip("0").rstrip(".") if "." in text else text)


def test_the_demos_faults_are_seen_and_what_is_shown_is_the_record(open_page: Opener, tmp_path: Path) -> None:
    environ = {"TMPDIR": str(tmp_path)}
    with running("demo", "--view", "web", "--faults", "demo", folder=tmp_path, environ=environ) as demo:
        url = address(demo)
        page = open_page(f"{url}#/book/binance:BTC-USDT")
        page.evaluate(GUARD)
        page.wait_for_selector("#detail.live", timeout=SECONDS)
        with heard(url, "binance:BTC-USDT") as records:
            compared = 0
            for _ in range(40):
                page.wait_for_timeout(150)
                number, rows = page.evaluate(SHOWN)
                record = records.get(number)
                if record is None or record["status"] != "live" or not rows[20][2]:
                    continue
                levels = [*record["asks"][::-1], *record["bids"]]
                for (_, size, price), level in zip(rows, levels, strict=True):
                    assert same(price, level[0]), (number, price, level)
                    assert same(size, level[1]), (number, size, level)
                compared += 1
            assert compared > 3
        page.goto(f"{url}#/venues")
        expect(page.locator("#losses")).to_contain_text("live again", timeout=SECONDS)
        assert page.evaluate("window.leaked") == []
        page.goto("about:blank")
        ended = demo.end(signal.SIGINT)
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert "order proven" in ended.out


def test_a_restart_of_the_server_is_survived(open_page: Opener, tmp_path: Path) -> None:
    listen = ("--view", "web", "--set", f"web.listen=127.0.0.1:{free_port()}")
    with sandbox(tmp_path) as world, running("produce", *world.options(), folder=tmp_path):
        with running("consume", *listen, *world.options(), folder=tmp_path) as consume:
            page = open_page(address(consume), allowed=LOST)
            page.wait_for_selector("tr.live", timeout=SECONDS)
            assert consume.end(signal.SIGTERM).status == 0
        expect(page.locator("#lost")).to_contain_text("Connection lost since")
        with running("consume", *listen, *world.options(), folder=tmp_path) as consume:
            expect(page.locator("#lost")).to_be_hidden(timeout=SECONDS)
            page.wait_for_selector("tr.live", timeout=SECONDS)
            assert consume.end(signal.SIGTERM).status == 0


@pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}")
def test_a_restart_of_the_broker_is_survived(open_page: Opener, tmp_path: Path) -> None:
    with process_broker(tmp_path / "home") as broker, sandbox(tmp_path, "--no-broker") as world:
        options = (*world.options(), "--set", f"kafka.brokers={broker.brokers}")
        with (
            running("produce", *options, folder=tmp_path),
            running("consume", "--view", "web", *options, folder=tmp_path) as consume,
        ):
            page = open_page(address(consume), allowed=LOST)
            page.evaluate(GUARD)
            page.wait_for_selector("tr.live", timeout=SECONDS)
            broker.command("kill")
            expect(page.locator("#trouble")).to_contain_text("broker unreachable since", timeout=SECONDS)
            expect(page.locator("tr.live")).to_have_count(0, timeout=SECONDS)
            broker.start()
            expect(page.locator("#trouble")).to_be_hidden(timeout=SECONDS)
            everything_lives(page)
            assert page.evaluate("window.leaked") == []


def everything_lives(page: Page) -> None:
    expect(page.locator("tr.live")).to_have_count(4, timeout=SECONDS)

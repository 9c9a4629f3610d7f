"""``demo`` as a process: the first thing that anybody sees."""

import json
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from tests.support.programs import Running, run, running

pytestmark = pytest.mark.timeout(60)


def _logs(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("market-data-demo-")]


def _children(demo: Running) -> list[psutil.Process]:
    return psutil.Process(demo.process.pid).children(recursive=True)


def test_it_shows_both_venues_and_ends_with_a_summary_without_gaps(tmp_path: Path) -> None:
    environ = {"TMPDIR": str(tmp_path), "KAFKA_BROKERS": "127.0.0.1:9", "APP_ENV": "nonsense"}
    started = time.monotonic()
    with running("demo", "--seconds", "5", folder=tmp_path, environ=environ) as demo:
        demo.wait_for_err("sandbox ready")
        ready = time.monotonic()
        demo.wait_for_out("binance    BTC-USDT    bid", "binance    ETH-USDT    bid")
        demo.wait_for_out("coinbase   BTC-USD     bid", "coinbase   ETH-USD     bid")
        print(f"both venues {time.monotonic() - ready:.1f} s after the sandbox was ready")
        children = _children(demo)
        ended = demo.end(None)
    assert 5 <= time.monotonic() - started < 30
    assert ended.status == 0
    records, order, gaps = ended.out.splitlines()[-3:]
    assert re.fullmatch(r"[\d,]+ records of 4 instruments in \d+\.\d s", records)
    assert order == "order proven by contiguous publish_seq: 0 holes, 0 doubled, 0 out of order"
    worst_age = re.fullmatch(r"0 gaps, worst age (\d+\.\d{3}) s", gaps)
    assert worst_age is not None
    assert 0 < float(worst_age.group(1)) < 5
    assert not any(child.is_running() for child in children)
    assert _logs(tmp_path) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["Ctrl-C", "SIGTERM", "SIGHUP"])
def test_it_ends_everything_when_it_is_told_to(ending: signal.Signals, tmp_path: Path) -> None:
    with running("demo", "--view", "json", folder=tmp_path, environ={"TMPDIR": str(tmp_path)}) as demo:
        demo.wait_for(lambda: len(demo.out) > 20)
        children = _children(demo)
        ended = demo.end(ending)
    assert ended.status == 0
    last = {book["exchange"] + book["symbol"]: book["reason"] for book in map(json.loads, ended.out.splitlines())}
    assert list(last.values()) == ["shutdown"] * 4
    assert "order proven by contiguous publish_seq: 0 holes" in ended.err
    assert "Traceback" not in ended.err
    assert len(children) == 2
    assert not any(child.is_running() for child in children)
    assert _logs(tmp_path) == []


def test_the_terminals_ctrl_c_reaches_no_child(tmp_path: Path) -> None:
    with running("demo", folder=tmp_path, environ={"TMPDIR": str(tmp_path)}, start_new_session=True) as demo:
        demo.wait_for_out("binance", "coinbase")
        os.killpg(demo.process.pid, signal.SIGINT)
        ended = demo.end(None)
    assert ended.status == 0
    assert "0 gaps" in ended.out


def test_it_ends_when_it_is_told_to_before_anything_is_ready(tmp_path: Path) -> None:
    with running("demo", folder=tmp_path, environ={"TMPDIR": str(tmp_path)}) as demo:
        demo.wait_for_err("starting the sandbox")
        children = _children(demo)
        ended = demo.end()
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert not any(child.is_running() for child in children)


def test_it_ends_when_it_is_told_to_while_the_producer_starts(tmp_path: Path) -> None:
    with running("demo", folder=tmp_path, environ={"TMPDIR": str(tmp_path)}) as demo:
        demo.wait_for_err("starting the producer")
        ended = demo.end()
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert not list(tmp_path.glob("market-data-demo-*"))


@pytest.mark.parametrize(
    ("module", "name"), [("market_data_sandbox", "sandbox"), ("market_data", "produce")], ids=["sandbox", "produce"]
)
def test_when_a_child_dies_it_says_which_and_why_and_where_its_log_is(module: str, name: str, tmp_path: Path) -> None:
    with running("demo", folder=tmp_path, environ={"TMPDIR": str(tmp_path)}) as demo:
        demo.wait_for_out("binance", "coinbase")
        (child,) = [child for child in _children(demo) if child.cmdline()[3] == module]
        child.kill()
        others = _children(demo)
        ended = demo.end(None)
    assert ended.status == 1
    assert f"{name} was ended by signal 9" in ended.err
    log = ended.err.splitlines()[-1].removeprefix("its log: ")
    assert Path(log).name == f"{name}.log"
    assert Path(log).is_file()
    assert "Traceback" not in ended.err
    assert not any(other.is_running() for other in others)


def test_exchanges_that_misbehave_make_gaps_and_no_holes(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("- {at: 3, venue: coinbase, fault: drop}\n")
    options = ("--seconds", "6", "--faults", "mine.yaml", "--view", "json")
    ended = run("demo", *options, folder=tmp_path, environ={"TMPDIR": str(tmp_path)})
    assert ended.status == 0
    assert "order proven by contiguous publish_seq: 0 holes, 0 doubled, 0 out of order" in ended.err
    books = [json.loads(line) for line in ended.out.splitlines()]
    entered = Counter[str]()
    statuses: dict[str, str] = {}
    for book in books:
        key = book["exchange"] + book["symbol"]
        if book["reason"] != "shutdown" and statuses.get(key) != book["status"]:
            entered[book["status"]] += 1
        statuses[key] = book["status"]
    told = re.search(r"^(\d+) gaps?, ", ended.err, re.MULTILINE)
    assert told is not None
    assert int(told.group(1)) == entered["gap"] > 0
    assert {book["exchange"] for book in books if (book["status"], book["reason"]) == ("gap", "sequence")} == {
        "coinbase"
    }


def test_what_broke_why_and_that_it_is_over_is_said_where_the_person_looks(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "- {at: 2, venue: coinbase, instrument: BTC-USD, fault: crossed}\n"
        "- {at: 5, venue: binance, fault: refuse, status: 429, retry_after: 1, seconds: 1}\n"
        "- {at: 5, venue: binance, fault: close, code: 1008}\n"
    )
    options = ("--seconds", "10", "--faults", "mine.yaml", "--view", "lines")
    ended = run("demo", *options, folder=tmp_path, environ={"TMPDIR": str(tmp_path)})
    assert ended.status == 0
    lines = [line for line in ended.out.splitlines() if "shutdown" not in line]
    told = re.search(r"^(\d+) gaps?, ", ended.out, re.MULTILINE)
    assert told is not None
    gaps = [line for line in lines if re.search(r"  gap \(\w+\)$", line)]
    assert len(gaps) == int(told.group(1)) == 1, "what is called a gap is a gap in its line"
    assert gaps[0].split()[1:3] == ["coinbase", "BTC-USD"]
    assert any("coinbase   BTC-USD     bid" in line for line in lines[lines.index(gaps[0]) :])
    assert any(line.endswith("disconnected (rate_limited)") for line in lines)
    assert "HTTP 429, too many requests; it asks for a wait of 1 s" in ended.err


def test_it_shows_all_exchanges_where_asked(tmp_path: Path) -> None:
    venues = ("binance", "coinbase", "okx", "bybit", "kraken", "bitstamp")
    with running(
        "demo", "--venues", "all", "--view", "json", folder=tmp_path, environ={"TMPDIR": str(tmp_path)}
    ) as demo:
        demo.wait_for_out(*(f'"exchange":"{venue}"' for venue in venues))
        demo.wait_for(lambda: _live(demo.out) >= set(venues))
        ended = demo.end()
    assert ended.status == 0
    assert re.search(r"^[\d,]+ records of 12 instruments in ", ended.err, re.MULTILINE)
    assert re.search(r"^0 gaps, ", ended.err, re.MULTILINE)


def _live(lines: list[str]) -> set[str]:
    return {book["exchange"] for book in map(json.loads, lines) if book["status"] == "live"}


def test_it_shows_the_exchanges_that_are_named_and_no_others(tmp_path: Path) -> None:
    options = ("--venues", "kraken,okx", "--seconds", "2", "--view", "json")
    ended = run("demo", *options, folder=tmp_path, environ={"TMPDIR": str(tmp_path)})
    assert _live(ended.out.splitlines()) == {"kraken", "okx"}
    assert ended.status == 0


def test_an_exchange_that_is_not_known_is_named(tmp_path: Path) -> None:
    ended = run("demo", "--venues", "gateio", folder=tmp_path, environ={"TMPDIR": str(tmp_path)})
    assert ended.status == 2
    assert "expected all, or some of binance, coinbase, okx, bybit, kraken, bitstamp, received 'gateio'" in ended.err
    assert "Traceback" not in ended.err


def test_when_the_sandbox_can_not_start_its_own_words_are_shown(tmp_path: Path) -> None:
    ended = run("demo", "--faults", "no-such-fault", folder=tmp_path, environ={"TMPDIR": str(tmp_path)})
    assert ended.status == 2
    assert "sandbox ended with status 2:" in ended.err
    assert "no-such-fault" in ended.err
    assert "sandbox.log" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_it_lets_its_reader_go(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    environ = {"TMPDIR": str(tmp_path)}
    with running("demo", "--view", "json", folder=tmp_path, environ=environ, stdout=writing) as demo:
        os.close(writing)
        assert os.read(reading, 100)
        children = _children(demo)
        os.close(reading)
        ended = demo.end(None)
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert len(children) == 2
    assert not any(child.is_running() for child in children)
    assert _logs(tmp_path) == []


def test_nothing_is_left_behind_when_it_is_killed(tmp_path: Path) -> None:
    with running("demo", folder=tmp_path, environ={"TMPDIR": str(tmp_path)}) as demo:
        demo.wait_for_out("binance", "coinbase")
        children = _children(demo)
        demo.end(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []

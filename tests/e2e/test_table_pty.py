"""The table on a terminal, as a person sees it."""

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.programs import Sandbox, running
from tests.support.terminal import Terminal, terminal

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are for POSIX"),
]

SMALL, LARGE = (80, 24), (200, 60)
LAST = " q quit  ? help"
SYMBOLS = ("BTC-USD", "BTC-USDT", "ETH-USD", "ETH-USDT")


@pytest.fixture(scope="module")
def produced(world: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name a topic that is written to."""
    name = "books-of-the-table"
    with running("produce", *world.options(name), folder=tmp_path_factory.mktemp("producer")) as producer:
        yield name
        producer.end()


def _is_complete(window: Terminal) -> bool:
    """Tell whether a whole screen was drawn, down to its last line, and has every book live."""
    lines = window.lines
    return lines[-1].startswith(LAST) and all(
        any(f" {symbol} " in line and " live " in line for line in lines) for symbol in SYMBOLS
    )


def _is_given_back(window: Terminal) -> bool:
    """Tell whether all that was switched on is off, and the other way round: screen, cursor, wrapping, mouse, paste."""
    switches = re.findall(rb"\x1b\[\?(\d+)([hl])", window.raw)
    last = dict(switches)
    usual = {b"1049": b"l", b"25": b"h", b"7": b"h", b"1000": b"l", b"1006": b"l", b"2004": b"l"}
    return (
        b"\x1b[>" not in window.raw
        and {name: last[name] for name in usual} == usual
        and set(last)
        <= {
            *usual,
            b"2026",
        }
    )


def test_at_80x24_the_table_has_all_instruments_with_bid_ask_mid_and_spread(
    world: Sandbox, produced: str, tmp_path: Path
) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path) as window:
        window.wait_for(lambda: _is_complete(window))
        lines = window.drawn()
        window.type("\x03")
        assert window.end() == 0
    assert lines[0].startswith(f" Market data  {world.brokers} {produced}")
    assert lines[0].endswith("records/s")
    assert re.match(r" order proven: [\d,]+ records, 0 holes +4 of 4 live  \d\d:\d\d:\d\d UTC", lines[1])
    assert set(lines[2]) == {"─"}
    assert lines[3].split() == ["exchange", "symbol", "status", "bid", "ask", "mid", "spread", "bps", "age"]
    order = [line.strip("▸ ").split()[1] for line in lines[4:9] if " live " in line]
    assert order == list(SYMBOLS)
    assert lines[6] == ""
    assert max(map(len, lines)) <= 80


def test_at_200x60_the_table_has_every_column(world: Sandbox, produced: str, tmp_path: Path) -> None:
    with terminal(["consume", *world.options(produced)], LARGE, tmp_path) as window:
        window.wait_for(lambda: _is_complete(window))
        lines = window.drawn()
        window.type("\x03")
        assert window.end() == 0
    assert re.split(r"  +", lines[3].strip()) == [
        *("asset", "exchange", "symbol", "status", "bid size", "bid", "ask", "ask size", "mid", "spread", "bps"),
        *("spread %", "age", "upd/s", "records", "holes", "epoch"),
    ]
    rows = [line for line in lines[4:9] if " live " in line]
    assert [row.strip("▸ ").split()[:3] for row in rows] == [
        ["BTC", "coinbase", "BTC-USD"],
        ["binance", "BTC-USDT", "live"],
        ["ETH", "coinbase", "ETH-USD"],
        ["binance", "ETH-USDT", "live"],
    ]
    for column in range(6):  # the first six numbers: sizes, prices, mid, spread
        numbers = [list(re.finditer(r"\d+\.\d+", row))[column] for row in rows]
        assert len({number.start() + number.group().index(".") for number in numbers}) == 1


def test_it_follows_the_windows_size(world: Sandbox, produced: str, tmp_path: Path) -> None:
    with terminal(["consume", *world.options(produced)], LARGE, tmp_path) as window:
        window.wait_for(lambda: _is_complete(window) and window.line_with(" asset ", " mid "))
        window.resize(*SMALL)
        window.wait_for(lambda: _is_complete(window) and not window.line_with(" asset "))
        window.resize(*LARGE)
        window.wait_for(lambda: window.line_with(" asset ", " mid ") and window.lines[-1].startswith(LAST))
        window.resize(30, 8)
        window.wait_for(lambda: window.line_with("coinbase", "BTC-USD") and window.lines[-1])
        assert max(map(len, window.drawn())) <= 30
        window.type("\x03")
        assert window.end() == 0


def test_the_terminal_is_left_as_it_was_found_and_keys_leave_no_trace(
    world: Sandbox, produced: str, tmp_path: Path
) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path) as window:
        before = window.modes()
        window.wait_for(lambda: _is_complete(window))
        assert window.modes() != before
        window.type("typed\r\r\r\r")
        window.type("\x03")
        assert window.end() == 0
        assert window.modes() == before
    assert "typed" not in window.text
    assert _is_given_back(window)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_leaves_the_terminal_as_it_was_found_too(
    ending: signal.Signals, world: Sandbox, produced: str, tmp_path: Path
) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path) as window:
        before = window.modes()
        window.wait_for(lambda: _is_complete(window))
        assert window.process is not None
        window.process.send_signal(ending)
        assert window.end() == 0
        assert window.modes() == before
    assert _is_given_back(window)


def test_ctrl_backslash_leaves_the_terminal_as_it_was_found(world: Sandbox, produced: str, tmp_path: Path) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path) as window:
        before = window.modes()
        window.wait_for(lambda: _is_complete(window))
        window.type("\x1c")
        assert window.end() == -signal.SIGQUIT
        assert window.modes() == before
    assert _is_given_back(window)


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(world: Sandbox, produced: str, tmp_path: Path) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path) as window:
        before = window.modes()
        window.wait_for(lambda: _is_complete(window))
        window.type("\x1a")  # without a shell to come back to it goes on at once
        window.wait_for(lambda: window.raw.count(b"\x1b[?1049h") == 2 and _is_complete(window))
        window.type("\x03")
        assert window.end() == 0
        assert window.modes() == before
    assert re.findall(rb"\x1b\[\?1049([hl])", window.raw) == [b"h", b"l", b"h", b"l"]


def test_without_colour_there_is_none_and_the_table_is_the_same(world: Sandbox, produced: str, tmp_path: Path) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path, NO_COLOR="1") as window:
        window.wait_for(lambda: _is_complete(window))
        window.type("\x03")
        assert window.end() == 0
    codes = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", window.raw) for code in found.split(b";")}
    assert codes <= {b"0", b"1", b"4", b"7", b"39", b"49"}, "bold, underlined and reversed is no colour"


def test_a_closed_terminal_ends_it_with_status_0(world: Sandbox, produced: str, tmp_path: Path) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path) as window:
        window.wait_for(lambda: _is_complete(window))
        window.hang_up()
        assert window.end() == 0


def test_what_is_not_live_is_grey_and_says_why_and_since_when(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with (
        running("produce", *world.options(topic), folder=tmp_path) as producer,
        terminal(["consume", *world.options(topic)], SMALL, tmp_path) as window,
    ):
        window.wait_for(lambda: _is_complete(window))
        live = window.colour_of("BTC-USDT")
        producer.end()
        window.wait_for(lambda: window.line_with("BTC-USDT", "disconnected"))
        window.drawn()
        row = window.line_with("BTC-USDT", "disconnected")
        assert re.search(r"disconnected  shutdown, since \d\d:\d\d:\d\d UTC \(\d\.\d s\)", row)
        assert window.colour_of("BTC-USDT") not in (live, "default")
        window.wait_for(lambda: "0 of 4 live" in window.lines[1])
        window.type("\x03")
        assert window.end() == 0


def test_the_log_is_shown_below_the_table_and_kept_on_the_terminal(world: Sandbox, topic: str, tmp_path: Path) -> None:
    with (
        running("produce", *world.options(topic), folder=tmp_path) as first,
        running("produce", *world.options(topic), folder=tmp_path),
        terminal(["consume", *world.options(topic)], LARGE, tmp_path) as window,
    ):
        window.wait_for(lambda: window.line_with("WARNING", "another producer still publishes"))
        window.wait_for(lambda: window.line_with("of another producer"))
        first.end()
        window.type("\x03")
        assert window.end() == 0
    after = window.raw.rpartition(b"\x1b[?1049l")[2]
    assert b"another producer still publishes" in after
    assert b"order proven" in after


@pytest.mark.parametrize("options", [[], ["--view", "table"]], ids=["by default", "asked for a table"])
def test_a_terminal_that_can_not_be_drawn_on_gets_lines(
    options: list[str], world: Sandbox, produced: str, tmp_path: Path
) -> None:
    with terminal(["consume", *world.options(produced), *options], SMALL, tmp_path, TERM="dumb") as window:
        window.wait_for(lambda: "  bid " in window.text)
        window.type("\x03")
        assert window.end() == 0
    assert b"\x1b[?1049h" not in window.raw
    assert ("lines instead" in window.text) == bool(options)


def test_the_demo_on_a_terminal_is_a_table_and_closes_with_a_summary(tmp_path: Path) -> None:
    with terminal(["demo", "--seconds", "4"], SMALL, tmp_path, TMPDIR=str(tmp_path)) as window:
        window.wait_for(lambda: _is_complete(window))
        assert re.match(r" Demo: invented prices  127.0.0.1:\d+ market.books.v1 +\d+ records/s", window.lines[0])
        assert window.end() == 0
    after = window.raw.rpartition(b"\x1b[?1049l")[2].decode()
    assert "order proven by contiguous publish_seq: 0 holes, 0 doubled, 0 out of order" in after
    assert "0 gaps" in after
    assert list(tmp_path.iterdir()) == []


def test_a_crash_of_the_screen_gives_the_terminal_back_and_then_says_what_it_was(
    world: Sandbox, produced: str, tmp_path: Path
) -> None:
    (tmp_path / "crashing.py").write_text(_CRASHING)
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path, module="crashing") as window:
        before = window.modes()
        window.wait_for(lambda: _is_complete(window))
        window.type("e")
        assert window.end() == 1
        assert window.modes() == before
    assert _is_given_back(window)
    after = window.raw.rpartition(b"\x1b[?1049l")[2]
    assert b"ZeroDivisionError: a bug" in after
    assert b"locals" not in after


_CRASHING = """
from market_data.adapters.console.terminal import eventscreen
from market_data.cli import main

def bug(*_):
    raise ZeroDivisionError("a bug")

eventscreen.EventScreen._draw = bug
raise SystemExit(main())
"""


@pytest.mark.parametrize("key", ["q", "\x03"], ids=["q", "Ctrl-C"])
@pytest.mark.parametrize("view", ["", "\r", "x", "e", "?"], ids=["list", "book", "venues", "events", "help"])
def test_q_and_ctrl_c_end_it_in_every_view(view: str, key: str, world: Sandbox, produced: str, tmp_path: Path) -> None:
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path) as window:
        before = window.modes()
        window.wait_for(lambda: _is_complete(window))
        if view:
            window.type(view)
            window.wait_for(lambda: window.lines[-1].startswith(" Esc back"))
        window.type(key)
        assert window.end() == 0
        assert window.modes() == before
    assert _is_given_back(window)


def test_without_a_keyboard_it_is_shown_all_the_same(world: Sandbox, produced: str, tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(_DEAF)
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path, module="deaf") as window:
        window.wait_for(lambda: _is_complete(window))
        window.type("\x03")
        assert window.end() == 0
    assert _is_given_back(window)


_DEAF = """
import os, sys

os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
from market_data.cli import main

raise SystemExit(main())
"""


def test_the_log_may_be_led_elsewhere_without_the_picture(world: Sandbox, produced: str, tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text(_QUIET)
    with terminal(["consume", *world.options(produced)], SMALL, tmp_path, module="quiet") as window:
        window.wait_for(lambda: _is_complete(window))
        window.type("q")
        assert window.end() == 0
    assert b"\x1b" not in (tmp_path / "log").read_bytes()
    assert b"order proven" in (tmp_path / "log").read_bytes()


_QUIET = """
import os, sys

os.dup2(os.open("log", os.O_WRONLY | os.O_CREAT), 2)
from market_data.cli import main

raise SystemExit(main())
"""

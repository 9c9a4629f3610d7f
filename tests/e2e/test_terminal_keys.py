"""Every key and view of the screen, on terminals of three sizes, with the real program on the real topic."""

import re
import sys
from collections.abc import Iterator
from itertools import takewhile

import pytest
from tests.support.programs import Sandbox, running
from tests.support.terminal import Terminal, terminal

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are for POSIX"),
]

SIZES = [pytest.param((columns, rows), id=f"{columns}x{rows}") for columns, rows in ((80, 24), (120, 40), (200, 60))]
NAMES = ("coinbase BTC-USD", "binance BTC-USDT", "coinbase ETH-USD", "binance ETH-USDT")
UP, DOWN, PAGE_DOWN, PAGE_UP, HOME, END = "\x1b[A", "\x1b[B", "\x1b[6~", "\x1b[5~", "\x1b[H", "\x1b[F"
ENTER, ESCAPE = "\r", "\x1b"


@pytest.fixture(scope="module")
def produced(world: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name a topic that is written to."""
    name = "books-of-the-keys"
    with running("produce", *world.options(name), folder=tmp_path_factory.mktemp("producer")) as producer:
        yield name
        producer.end()


@pytest.fixture(params=SIZES)
def window(
    request: pytest.FixtureRequest, world: Sandbox, produced: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    """Open the screen, and see that it ends well from whatever view it is left in."""
    folder = tmp_path_factory.mktemp("screen")
    with terminal(["consume", *world.options(produced)], request.param, folder) as opened:
        opened.wait_for(lambda: len(listed(opened)) == len(NAMES) and "4 of 4 live" in opened.lines[1])
        yield opened
        opened.type("\x03")
        assert opened.end() == 0


def words(line: str) -> str:
    return " ".join(line.split())


def listed(window: Terminal) -> list[str]:
    """Name the instruments of the list, in its order; below it are lines that name some, too."""
    rows = takewhile(lambda line: not line.startswith("──"), window.lines[4:-1])
    found = (re.search(r"(coinbase|binance) +([A-Z]{3}-USDT?) +(live|gap|stale)", line) for line in rows)
    return [f"{match[1]} {match[2]}" for match in found if match]


def cursor(window: Terminal) -> str:
    """Name what the cursor is on."""
    line = next((line for line in window.lines if line.startswith("▸")), "")
    return next((name for name in NAMES if name in words(line)), "")


def press(window: Terminal, key: str, comes: object) -> None:
    """Press a key, and wait for what it does."""
    window.type(key)
    assert callable(comes)
    window.wait_for(comes)


def test_the_cursor_goes_where_it_is_sent(window: Terminal) -> None:
    for key, name in (
        (DOWN, 1),
        (DOWN, 2),
        (UP, 1),
        ("j", 2),
        ("k", 1),
        (END, 3),
        (HOME, 0),
        (PAGE_DOWN, 3),
        (PAGE_UP, 0),
    ):
        press(window, key, lambda name=name: cursor(window) == NAMES[name])


def test_it_is_sorted_filtered_and_marked_by_keys(window: Terminal) -> None:
    press(window, "s", lambda: "by " in window.lines[2] and "▲" in window.lines[2])
    first = window.lines[2]
    press(window, "s", lambda: window.lines[2] != first and "▲" in window.lines[2])
    press(window, "S", lambda: window.lines[2] == first)
    ascending = listed(window)
    press(window, "r", lambda: "▼" in window.lines[2])
    window.wait_for(lambda: sorted(listed(window)) == sorted(ascending))
    press(window, "o", lambda: "by " not in window.lines[2] and listed(window) == list(NAMES))
    press(window, "f", lambda: window.line_with("★"))
    press(window, "F", lambda: listed(window) == [NAMES[0]] and "only favourites: 1" in window.lines[2])
    press(window, "F", lambda: listed(window) == list(NAMES))
    press(window, "f", lambda: not window.line_with("★"))
    press(window, "/", lambda: window.line_with("part of an exchange's or a symbol's name"))
    press(window, "usdt", lambda: listed(window) == [NAMES[1], NAMES[3]])
    only = "only 'usdt': 2, Esc shows all"
    press(window, ENTER, lambda: window.lines[-2].strip() != "usdt" and only in window.lines[2])
    press(window, ESCAPE, lambda: listed(window) == list(NAMES))
    press(window, "p", lambda: listed(window) == list(NAMES))


def test_the_picture_stops_and_goes_on_while_the_header_counts(window: Terminal) -> None:
    press(window, " ", lambda: re.search(r"PAUSED since \d\d:\d\d:\d\d UTC, space goes on", window.lines[2]))
    _another_picture(window)
    rows = window.lines[4:8]
    _another_picture(window)
    assert window.lines[4:8] == rows
    press(window, " ", lambda: "PAUSED" not in window.lines[2] and window.lines[4:8] != rows)


def _another_picture(window: Terminal) -> None:
    """Wait until a picture was drawn after the present one: it begins with how many records there were."""
    for _ in range(2):
        counted = window.lines[1].partition(" records")[0]
        window.wait_for(lambda: window.lines[1].partition(" records")[0] != counted)  # noqa: B023


def test_times_are_utc_or_local(window: Terminal) -> None:
    window.wait_for(lambda: window.lines[1].endswith(" UTC"))
    press(window, "u", lambda: window.lines[1][-9:].strip() and "live" in window.lines[1])
    press(window, "u", lambda: window.lines[1].endswith(" UTC"))


def test_a_book_is_opened_walked_through_grouped_and_left(window: Terminal) -> None:
    window.type(DOWN)
    press(window, ENTER, lambda: "binance BTC-USDT" in window.lines[2] and window.line_with("── spread"))
    window.wait_for(lambda: _is_ladder(window.lines))
    for what in ("microprice", "imbalance 1", "imbalance 5", "imbalance 20", "for 100,000 USDT", "buy at", "sell at"):
        window.wait_for(lambda: window.line_with(what))  # noqa: B023
    press(window, UP, lambda: re.match(r" buy [\d.]+ at [\d.]+  [\d.]+ bps", window.lines[-2]))
    press(window, DOWN, lambda: "20 asks, 20 bids" in window.lines[-2])
    press(window, DOWN, lambda: re.match(r" sell [\d.]+ at [\d.]+  [\d.]+ bps", window.lines[-2]))
    press(window, END, lambda: re.match(r" sell [\d.]+ at [\d.]+  [\d.]+ bps", window.lines[-2]))
    press(window, "0", lambda: "20 asks, 20 bids" in window.lines[-2])
    press(window, "g", lambda: "binance BTC-USDT by 0.02" in window.lines[2])
    press(window, "g", lambda: "binance BTC-USDT by 0.05" in window.lines[2])
    press(window, "G", lambda: "binance BTC-USDT by 0.02" in window.lines[2])
    press(window, "G", lambda: " by " not in window.lines[2])
    press(window, "N", lambda: window.line_with("for 1,000,000 USDT") and window.line_with("buy at"))
    press(window, "n", lambda: window.line_with("amount: ") and "Enter takes it" in window.lines[-1])
    press(window, "2.5x" + ENTER, lambda: "no amount: say" in window.lines[-1])
    press(window, "\x7f", lambda: "no amount: say" not in window.lines[-1])
    press(window, "k" + ENTER, lambda: window.line_with("for 2,500 USDT") and "Esc back" in window.lines[-1])
    press(window, ESCAPE, lambda: cursor(window) == NAMES[1])


def _is_ladder(lines: list[str]) -> bool:
    """Tell whether asks are above bids, all in order, and the spread in the middle of them."""
    at = next((number for number, line in enumerate(lines) if "── spread" in line), 0)
    prices = [float(found[1]) for line in lines[4:-2] if (found := re.match(r"  +[\d.]+ +[\d.]+\+? +([\d.]+)", line))]
    room = len(lines) - 7
    return (
        prices == sorted(prices, reverse=True)
        and len(prices) == min(20, room // 2) + min(20, room - room // 2)
        and at == 4 + room // 2
    )


def test_the_venues_stand_side_by_side(window: Terminal) -> None:
    press(window, "x", lambda: "USD, USDT and USDC are never one" in window.lines[2])
    window.wait_for(
        lambda: [line[2:].split()[0] for line in window.lines[4:8]] == ["BTC-USD", "BTC-USDT", "ETH-USD", "ETH-USDT"]
    )
    window.wait_for(lambda: window.line_with("BTC-USDT", "binance"))
    press(window, DOWN, lambda: window.lines[5].startswith("▸ BTC-USDT"))
    window.wait_for(lambda: re.search(r"   binance  +[\d.]+  +[\d.]+  mid [+-]0.00 bps", "\n".join(window.lines)))
    press(window, ESCAPE, lambda: cursor(window))


def test_events_and_help_are_a_key_away_from_everywhere(window: Terminal) -> None:
    press(window, "e", lambda: re.search(r"\d+ events, the newest last", window.lines[2]))
    press(window, "?", lambda: window.line_with("q, Ctrl-C", "end"))
    window.wait_for(lambda: window.line_with("everywhere"))
    press(window, END, lambda: window.line_with("shutdown", "its producer was stopped"))
    press(window, HOME, lambda: window.line_with("everywhere"))
    press(window, "?", lambda: cursor(window))
    press(window, ENTER, lambda: window.line_with("── spread"))
    press(window, "x", lambda: "never one" in window.lines[2])
    press(window, ESCAPE, lambda: cursor(window))


def test_the_mouse_chooses_sorts_and_opens(window: Terminal) -> None:
    row = next(number for number, line in enumerate(window.lines) if "binance" in line and "ETH-USDT" in line)
    press(window, _click(10, row), lambda: cursor(window) == NAMES[3])
    spread = window.lines[3].index("spread")
    press(window, _click(spread + 2, 3), lambda: "by spread ▲" in window.lines[2])
    press(window, _click(spread + 2, 3), lambda: "by spread ▼" in window.lines[2])
    press(window, "o", lambda: listed(window) == list(NAMES) and window.lines[6] == "" and window.lines[7:8])
    row = next(number for number, line in enumerate(window.lines) if "binance" in line and "ETH-USDT" in line)
    window.type(_click(10, row) + _click(10, row))
    window.wait_for(lambda: "binance ETH-USDT" in window.lines[2] and window.line_with("── spread"))
    press(window, "\x1b[<64;10;10M", lambda: re.match(r" buy ", window.lines[-2]))
    press(window, "\x1b[<65;10;10M", lambda: "20 asks" in window.lines[-2])


def _click(column: int, row: int) -> str:
    """Press and release the left button, as a terminal reports it."""
    return f"\x1b[<0;{column + 1};{row + 1}M\x1b[<0;{column + 1};{row + 1}m"

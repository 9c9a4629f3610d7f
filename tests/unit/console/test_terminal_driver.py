"""A terminal that is slow, or takes nothing at all, costs pictures and nothing else."""

import fcntl
import io
import itertools
import os
import pty
import select
import struct
import sys
import termios
import threading
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import attrs
import pytest
from tests.support.scenes import NOON, book

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.terminal import driver
from market_data.adapters.console.terminal.display import TerminalDisplay
from market_data.application.ports import Pictures, Reading
from market_data.domain.across import Across
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.proof import OrderProof
from market_data.domain.watch import Watch

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Textual speaks asyncio alone."""
    return "asyncio"


async def test_who_does_not_read_gets_fewer_pictures_and_the_newest_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    market, read = Market(1e9, 6), bytearray()
    reading = Reading("nowhere", OrderProof(), Moment(NOON, 0.0))
    reader = threading.Thread(target=_read, args=(master, read), daemon=True)
    with Path(os.devnull).open() as nothing, os.fdopen(os.dup(slave), "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "__stdin__", nothing)
        display = TerminalDisplay("x", MessageBoard(io.StringIO()), Watch(1e9), Across(1e9), stream=stream)
        with anyio.fail_after(50):
            async with display.open(market, reading, lambda: None):
                for number in range(60):
                    _take(market, display, reading, number)
                    display.refresh(market, reading)
                    await anyio.sleep(0.02)
                assert not read, "all of it went on although nobody has read anything"
                reader.start()
                while b"1059.5" not in read:
                    display.refresh(market, reading)
                    await anyio.sleep(0.02)
    os.close(slave)
    reader.join(10)
    os.close(master)
    shown = [number for number in range(60) if f"{1000 + number}.5".encode() in read]
    assert len(shown) < 60


class _Shown(Pictures):
    """Counts the pictures, and how many of them the terminal has."""

    def __init__(self) -> None:
        self.begun = self.ended = 0

    def begin(self) -> None:
        self.begun += 1

    def end(self) -> None:
        self.ended = self.begun


async def test_a_picture_is_shown_once_the_terminal_has_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    market, shown, read, may_read = Market(1e9, 6), _Shown(), bytearray(), threading.Event()
    reading = Reading("nowhere", OrderProof(), Moment(NOON, 0.0), pictures=shown)
    reader = threading.Thread(target=_read, args=(master, read, may_read), daemon=True)
    with Path(os.devnull).open() as nothing, os.fdopen(os.dup(slave), "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "__stdin__", nothing)
        display = TerminalDisplay("x", MessageBoard(io.StringIO()), Watch(1e9), Across(1e9), stream=stream)
        numbers = itertools.count()

        async def draw() -> int:
            number = next(numbers)
            _take(market, display, reading, number)
            display.refresh(market, reading)
            await anyio.sleep(0.02)
            return number

        may_read.set()
        reader.start()
        with anyio.fail_after(50):
            async with display.open(market, reading, lambda: None):
                while not shown.ended:
                    await draw()
                while True:
                    may_read.clear()
                    for _ in range(50):
                        await draw()
                    await anyio.sleep(0.2)  # a read that had begun is over
                    if shown.ended < shown.begun:  # what the terminal has not taken cannot be seen
                        break
                    may_read.set()
                    await draw()
                may_read.set()
                last = await draw()
                while shown.ended < shown.begun or f"{1000 + last}.5".encode() not in read:
                    display.refresh(market, reading)
                    await anyio.sleep(0.02)
    os.close(slave)
    reader.join(10)
    os.close(master)


async def test_a_terminal_that_takes_nothing_is_left_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    before = termios.tcgetattr(slave)
    market = Market(1e9, 6)
    reading = Reading("nowhere", OrderProof(), Moment(NOON, 0.0))
    with (
        os.fdopen(os.dup(slave), encoding="utf-8") as keyboard,
        os.fdopen(os.dup(slave), "w", encoding="utf-8") as stream,
    ):
        monkeypatch.setattr(sys, "__stdin__", keyboard)
        display = TerminalDisplay("x", MessageBoard(io.StringIO()), Watch(1e9), Across(1e9), stream=stream)
        for number in range(2):
            _take(market, display, reading, number)
        async with display.open(market, reading, lambda: None):
            while _takes_more(slave):
                display.refresh(market, reading)
                await anyio.sleep(0.02)
            assert termios.tcgetattr(slave) != before
            began = time.monotonic()
        assert time.monotonic() - began < 10
        assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)


def _take(market: Market, display: TerminalDisplay, reading: Reading, number: int) -> None:
    """Let thirty instruments be read, all at another price."""
    reading.now = now = Moment(NOON + number * 1_000_000, float(number))
    for at in range(30):
        levels = [[(f"{1000 + number + way * (1 + level)}", f"{number + 1}") for level in range(20)] for way in (-1, 2)]
        made = book("binance", f"A{at:02d}-USDT", levels[0], levels[1])
        quote = market.take(attrs.evolve(made, publish_seq=number), now)
        assert quote is not None
        display.show([quote], market, reading)


async def test_a_terminal_with_room_for_half_a_line_end_is_not_asked_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    market, asked, is_asked = Market(1e9, 6), 0, anyio.Event()
    reading = Reading("nowhere", OrderProof(), Moment(NOON, 0.0))
    reader = threading.Thread(target=_read, args=(master, bytearray()), daemon=True)
    reader.start()

    def takes_none(*_: object) -> int:
        nonlocal asked
        asked += 1
        is_asked.set()
        return 0

    with Path(os.devnull).open() as nothing, os.fdopen(os.dup(slave), "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "__stdin__", nothing)
        display = TerminalDisplay("x", MessageBoard(io.StringIO()), Watch(1e9), Across(1e9), stream=stream)
        with anyio.fail_after(50):
            async with display.open(market, reading, lambda: None):
                with monkeypatch.context() as patch:
                    patch.setattr(driver, "write_some", takes_none)
                    while not is_asked.is_set():
                        _take(market, display, reading, asked + 1)
                        display.refresh(market, reading)
                        await anyio.sleep(0.02)
                    before = asked
                    for _ in range(1000):
                        await anyio.lowlevel.checkpoint()
                    assert asked <= before + 10
    os.close(slave)
    reader.join(10)
    os.close(master)


def _takes_more(terminal: int) -> bool:
    return bool(select.select([], [terminal], [], 0)[1])


def _read(master: int, read: bytearray, may_read: threading.Event | None = None) -> None:
    while may_read is None or may_read.wait():
        try:
            some = os.read(master, 65536)
        except OSError:
            return
        if not some:
            return
        read += some

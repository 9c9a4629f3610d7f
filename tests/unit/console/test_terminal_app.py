"""The screen as an app, without a terminal: what keys and the wheel do, and that no more is drawn than has changed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.scenes import NOON, book, scene, take, unproven
from tests.support.waiting import until
from textual.pilot import Pilot

from market_data.adapters.console.terminal.app import TerminalApp
from market_data.adapters.console.terminal.panes import ScrollPane
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Reason

pytestmark = pytest.mark.anyio
SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (200, 60)


@pytest.fixture
def anyio_backend() -> str:
    """Textual speaks asyncio alone."""
    return "asyncio"


def _many(count: int = 40) -> Scene:
    books = [book("binance", f"A{number:02d}-USDT") for number in range(count - 2)]
    broken = [book("binance", f"Z{number}-USDT", status=BookStatus.GAP, reason=Reason.SEQUENCE) for number in range(2)]
    return scene(*books, *broken)


@asynccontextmanager
async def _shown(made: Scene, size: tuple[int, int] = SMALL) -> AsyncIterator[tuple[TerminalApp, Pilot[None]]]:
    app = TerminalApp(made, lambda: None, lambda: None)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


def _lines(app: TerminalApp) -> list[str]:
    return ["".join(segment.text for segment in strip).rstrip() for strip in app.screen._compositor.render_strips()]


async def _press(pilot: Pilot[None], *keys: str) -> list[str]:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    assert isinstance(pilot.app, TerminalApp)
    return _lines(pilot.app)


async def test_at_80x24_of_40_instruments_those_that_are_broken_are_told_and_a_key_or_the_wheel_away() -> None:
    async with _shown(_many()) as (app, pilot):
        assert "2 not live: p lists them first" in _lines(app)[2]
        assert not any("Z0-USDT  gap" in line for line in _lines(app)[4:18])
        lines = await _press(pilot, "end")
        assert any("Z1-USDT" in line and "gap" in line for line in lines)
        await _press(pilot, "home")
        lines = await _press(pilot, "p")
        assert "Z0-USDT" in lines[4]
        assert "Z1-USDT" in lines[5]
        await _press(pilot, "p", "home")
        pane = app.screen.query_one(ScrollPane)
        pane.scroll_to(y=pane.max_scroll_y, animate=False)
        await pilot.pause()
        assert any("Z1-USDT" in line for line in _lines(app))


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
async def test_a_short_list_leaves_its_room_to_the_book_under_the_cursor(size: tuple[int, int]) -> None:
    made = scene(book("binance", "BTC-USDT"), book("coinbase", "BTC-USD"))
    async with _shown(made, size) as (app, pilot):
        lines = _lines(app)
        assert any("coinbase BTC-USD, Enter opens it" in line for line in lines)
        assert any("microprice" in line for line in lines)
        lines = await _press(pilot, "down")
        assert any("binance BTC-USDT, Enter opens it" in line for line in lines)
        assert len(lines) == size[1]
        assert lines[-1].startswith(" q quit")


async def test_where_nothing_has_changed_nothing_is_drawn() -> None:
    async with _shown(_many()) as (app, pilot):
        app.picture()
        await pilot.pause()
        app.picture()
        assert _to_be_drawn(app) == set()
        take(app.scene, book("binance", "A00-USDT", [("5", "1")], [("6", "1")]))
        app.picture()
        assert _to_be_drawn(app) == {"header", "list", "titles"}


def _to_be_drawn(app: TerminalApp) -> set[str | None]:
    return {pane.id for pane in app.screen.query("LinePane, ScrollPane") if pane._repaint_required}


async def test_a_row_that_breaks_stays_where_it_is_and_is_among_the_events() -> None:
    async with _shown(_many()) as (app, pilot):
        before = next(number for number, line in enumerate(_lines(app)) if "A03-USDT" in line)
        take(app.scene, book("binance", "A03-USDT", status=BookStatus.DISCONNECTED, reason=Reason.CONNECTION))
        app.picture()
        await pilot.pause()
        lines = _lines(app)
        assert "disconnected  connection, since" in lines[before]
        assert any("A03-USDT" in line and "disconnected: connection" in line for line in lines[before + 1 :])
        lines = await _press(pilot, "e")
        assert "1 events" not in lines[2]
        assert any("A03-USDT" in line and "the connection was" in line for line in lines)


async def test_a_view_that_is_opened_keeps_up_and_the_list_is_where_it_was_left() -> None:
    async with _shown(_many()) as (app, pilot):
        await _press(pilot, "down", "down", "enter")
        take(app.scene, book("binance", "A02-USDT", [("7", "1")], [("8", "1")]))
        app.picture()
        await pilot.pause()
        assert any("spread 1 " in line and "mid 7.5" in line for line in _lines(app))
        lines = await _press(pilot, "escape")
        assert lines[6].startswith("▸ binance  A02-USDT")


async def test_every_view_comes_back_to_the_list_and_none_is_stacked_on_another() -> None:
    async with _shown(_many()) as (app, pilot):
        for keys in ("x", "e", "question_mark"):
            await _press(pilot, keys)
            assert len(app.screen_stack) == 3
        await _press(pilot, "escape")
        assert len(app.screen_stack) == 2


async def test_an_amount_is_typed_taken_left_or_refused() -> None:
    made = scene(book("coinbase", "BTC-USD"))
    async with _shown(made) as (app, pilot):
        lines = await _press(pilot, "enter", "n")
        assert lines[-2].startswith(" amount: ")
        assert lines[-1] == " Enter takes it  Esc leaves it"
        lines = await _press(pilot, *"50", "comma", *"x0q", "enter")
        assert lines[-2].strip() == "amount: 50,x0q"
        assert lines[-1].endswith("no amount: say 50000, 50,000, 50k or 1.5M")
        lines = await _press(pilot, "backspace")
        assert "no amount" not in lines[-1]
        lines = await _press(pilot, "escape")
        assert any("for 100,000 USD" in line for line in lines)
        assert lines[-1].startswith(" Esc back  ? help  up down levels")
        lines = await _press(pilot, "n", *"50k", "enter")
        assert any("for 50,000 USD" in line for line in lines)
        lines = await _press(pilot, "N")
        assert any("for 100,000 USD" in line for line in lines)
        await _press(pilot, "n", "enter", "escape")
        assert len(app.screen_stack) == 2


async def test_the_footer_has_the_keys_that_matter_beside_an_unproven_venue_and_those_of_a_filter() -> None:
    made = scene(unproven(book("bitstamp", "BTC-USD")), book("kraken", "BTC-USD"))
    async with _shown(made) as (_, pilot):
        lines = await _press(pilot)
        said = " q quit  ? help  Enter book  / filter  x venues  e events  p not live first"
        assert lines[-1] == said
        lines = await _press(pilot, "slash", *"krq")
        assert lines[-2].strip() == "filter: krq"
        assert lines[-1] == " Enter keeps it  Esc clears it"
        lines = await _press(pilot, "enter")
        assert lines[-1] == said
        assert "only 'krq': 0" in lines[2]


async def test_the_footer_of_a_broken_book_offers_nothing_that_needs_prices() -> None:
    made = scene(book("kraken", "BTC-USD", status=BookStatus.GAP))
    async with _shown(made) as (_, pilot):
        lines = await _press(pilot, "enter")
        assert lines[-1] == " Esc back  ? help  x venues  e events  space pause  q quit"


async def test_events_and_help_are_read_whole_however_narrow_the_window() -> None:
    made = scene(book("kraken", "BTC-USD"))
    long = "the exchange said " + " ".join(f"word{number}" for number in range(30)) + " END"
    made.watch.tell(long, made.present)
    async with _shown(made) as (_, pilot):
        lines = await _press(pilot, "e")
        assert " ".join(" ".join(lines[3:-1]).split()) == long
        made.watch.tell("and more", made.present)
        lines = await _press(pilot, "u")
        assert "and more" in " ".join(lines)
        read = list[str]()
        await _press(pilot, "question_mark")
        for _ in range(12):
            read += (await _press(pilot, "pagedown"))[3:-1]
        said = " ".join(" ".join(read).split())
        for word in ("hundredths of a percent of the mid; beside venues negative where they cross", "locked", "epoch"):
            assert word in said


async def test_enter_opens_the_book_of_the_venue_with_the_best_bid_and_esc_comes_back() -> None:
    made = scene(
        book("coinbase", "BTC-USD", [("100", "1")], [("102", "1")]),
        book("kraken", "BTC-USD", [("101", "1")], [("103", "1")]),
        book("okx", "ETH-USD", status=BookStatus.GAP),
    )
    async with _shown(made) as (_, pilot):
        lines = await _press(pilot, "x", "enter")
        assert "kraken BTC-USD" in lines[2]
        lines = await _press(pilot, "escape")
        assert "never one" in lines[2]
        lines = await _press(pilot, "down", "enter")
        assert "never one" in lines[2], "no venue has a price"


async def test_with_another_size_of_the_window_all_of_it_is_drawn_anew() -> None:
    async with _shown(_many(), LARGE) as (app, pilot):
        assert "spread %" in _lines(app)[3]
        await pilot.resize_terminal(*SMALL)
        await until(lambda: " mid " in _lines(app)[3] and "spread %" not in _lines(app)[3])
        assert max(map(len, _lines(app))) <= 80


async def test_what_is_shown_between_two_ticks_of_the_reading_is_as_of_the_last() -> None:
    made = _many(4)
    async with _shown(made) as (app, pilot):
        made.reading.now = Moment(NOON + 5_000_000, 105.0)
        lines = await _press(pilot, "down")
        assert "12:00:05 UTC" in lines[1]
        assert app.failure is None


async def test_the_loop_makes_tasks_as_it_did_before() -> None:
    async with _shown(_many(2)):
        assert asyncio.get_running_loop().get_task_factory() is None


async def test_a_bug_in_a_view_ends_the_app_with_it() -> None:
    app = TerminalApp(_many(2), lambda: None, lambda: None)

    async def break_it() -> None:
        async with app.run_test(size=SMALL) as pilot:
            await pilot.pause()
            app.call_later(lambda: 1 // 0)
            await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        await break_it()
    assert isinstance(app.failure, ZeroDivisionError)


def test_no_other_view_waits_until_textual_is_loaded() -> None:
    program = (
        "import sys; from market_data.cli import main; from market_data.container import Container;"
        "from market_data.config import load_settings;"
        "c = Container(settings=load_settings('test', environ={}).settings);"
        "[(c.view.override(view), c.display()) for view in ('lines', 'json', 'table')];"
        "assert 'textual' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)

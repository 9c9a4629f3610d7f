"""README's pictures of the screen: ``python -m tests.screenshots`` draws them anew, always the same, into ``docs/``.

A made market at a made time is shown by the screen itself, without a terminal; ``--check`` says whether the files are
those that would be drawn now.
"""

import argparse
import asyncio
import io
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from tests.support.scenes import NOON, book, scene, take, unproven

from market_data.adapters.console.terminal.app import TerminalApp
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Level, NormalizedBook, Reason

__all__ = ["PICTURES", "draw"]

_DOCS = Path(__file__).resolve().parents[1] / "docs"
PICTURES: dict[str, tuple[tuple[int, int], Sequence[str]]] = {
    "watchlist.svg": ((112, 32), ()),
    "ladder.svg": ((112, 32), ("down", "down", "enter", "up", "up", "up")),
    "venues.svg": ((112, 24), ("x",)),
}
"""Size of the window, and the keys pressed."""
_SECONDS = 300
_VENUES = ("binance", "bitstamp", "bybit", "coinbase", "kraken", "okx")
_PRICES = {"BTC": 6_183_650, "ETH": 268_340, "SOL": 19_862}
"""In hundredths."""
_BREAKS = {("kraken", "BTC"): (140, 162), ("okx", "SOL"): (288, _SECONDS)}
"""Seconds from and to which a book is not live."""
_QUOTES = {"binance": "USDT", "bybit": "USDT", "okx": "USDT"}


def _made() -> Scene:
    """Let a market run for five minutes; one venue loses a message and comes back, another is away."""
    chance = random.Random(15)
    made = scene(now=Moment(NOON, 0.0))
    prices = {
        (venue, asset): price + chance.randrange(-40, 40) for asset, price in _PRICES.items() for venue in _VENUES
    }
    for second in range(_SECONDS):
        for step in range(4):
            at = Moment(NOON + second * 1_000_000 + step * 250_000, second + step / 4)
            made.reading.now = at
            for (venue, asset), before in prices.items():
                prices[venue, asset] = price = before + chance.choice((-7, -3, 0, 0, 2, 3, 6))
                take(made, _record(venue, asset, price, at, chance, second), now=at)
    made.reading.records = 21_600
    return made


def _record(venue: str, asset: str, price: int, at: Moment, chance: random.Random, second: int) -> NormalizedBook:
    sides = [_side(price + way * chance.randrange(2, 9), way, chance) for way in (-1, 1)]
    made = book(venue, f"{asset}-{_QUOTES.get(venue, 'USD')}", *sides)
    made = attrs.evolve(made, received_time=at.wall - 1, event_time=at.wall - 1, status_since=NOON, epoch=1)
    if venue == "bitstamp":
        made = unproven(made)
    begin, end = _BREAKS.get((venue, asset), (_SECONDS, _SECONDS))
    if second >= end:
        return attrs.evolve(made, epoch=2, status_since=NOON + end * 1_000_000)
    if second < begin:
        return made
    since = NOON + begin * 1_000_000
    return attrs.evolve(made, status=BookStatus.GAP, reason=Reason.SEQUENCE, bids=(), asks=(), status_since=since)


def _side(price: int, way: int, chance: random.Random) -> list[Level]:
    levels: list[Level] = []
    for _ in range(20):
        levels.append((f"{price / 100:.2f}", f"{chance.choice((0.02, 0.1, 0.4, 1.5)) * (1 + chance.random()):.4f}"))
        price += way * chance.choice((1, 1, 2, 3, 9))
    return levels


_THEME = TerminalTheme(
    (30, 32, 36),
    (214, 216, 220),
    [(30, 32, 36), (224, 90, 90), (96, 176, 100), (222, 178, 72), (92, 150, 220), (186, 120, 200), (86, 178, 190),
     (214, 216, 220)],
    [(110, 114, 122), (255, 110, 110), (130, 220, 130), (250, 210, 110), (130, 180, 250), (220, 160, 235),
     (130, 215, 225), (250, 250, 250)],
)  # fmt: skip


async def draw(name: str) -> str:
    """Draw one of the pictures."""
    size, keys = PICTURES[name]
    app = TerminalApp(_made(), lambda: None, lambda: None)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        app.picture()
        await pilot.pause()
        return _svg(app)


def _svg(app: TerminalApp) -> str:
    """Write what is on the screen as a terminal of usual colours shows it."""
    width, height = app.size
    console = Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor", record=True
    )
    console.print(app.screen._compositor.render_update(full=True), end="")
    return console.export_svg(title="python -m app consume", theme=_THEME)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw them; status 1 where a file is another one and ``--check`` was given."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, say what would change")
    options = parser.parse_args(arguments)
    others = 0
    for name in PICTURES:
        svg, path = asyncio.run(draw(name)) + "\n", _DOCS / name
        is_same = path.is_file() and path.read_text(encoding="utf-8") == svg
        others += not is_same
        if not options.check:
            path.write_text(svg, encoding="utf-8")
        print(f"{path.relative_to(_DOCS.parent)}: {'as it was' if is_same else 'another one'}")
    return 1 if options.check and others else 0


if __name__ == "__main__":
    sys.exit(main())

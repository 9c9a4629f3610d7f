"""README's pictures of the screen: ``python -m tests.screenshots`` draws them anew, always the same, into ``docs/``.

A made market at a made time is shown by the screen itself, without a terminal; ``--check`` says whether the files are
those that would be drawn now.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
from tests.support.scenes import NOON, book, scene, take, unproven

from market_data.adapters.console.terminal.app import TerminalApp
from market_data.adapters.console.terminal.scene import Scene
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Level, NormalizedBook, Reason

__all__ = ["PICTURES", "draw"]

_DOCS = Path(__file__).resolve().parents[1] / "docs"
PICTURES: dict[str, tuple[tuple[int, int], Sequence[str]]] = {
    "watchlist.svg": ((112, 32), ()),
    "ladder.svg": ((112, 32), ("down", "enter", "up", "up", "up")),
    "venues.svg": ((112, 24), ("x",)),
}
"""Size of the window, and the keys pressed."""
_SECONDS = 300
_VENUES = ("binance", "bitstamp", "bybit", "coinbase", "kraken", "okx")
_PRICES = {"BTC": 6_183_650, "ETH": 268_340, "SOL": 19_862}
"""In hundredths."""
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
    made = attrs.evolve(made, received_time=at.wall - 1, event_time=at.wall - 1, status_since=NOON)
    if venue == "bitstamp":
        made = unproven(made)
    broken = (venue == "okx" and asset == "SOL" and second >= _SECONDS - 12) or (
        venue == "kraken" and asset == "BTC" and 140 <= second < 162
    )
    if not broken:
        return attrs.evolve(made, epoch=2 if second >= 162 else 1)
    since = NOON + (140 if venue == "kraken" else _SECONDS - 12) * 1_000_000
    return attrs.evolve(made, status=BookStatus.GAP, reason=Reason.SEQUENCE, bids=(), asks=(), status_since=since)


def _side(price: int, way: int, chance: random.Random) -> list[Level]:
    levels: list[Level] = []
    for _ in range(20):
        levels.append((f"{price / 100:.2f}", f"{chance.choice((0.02, 0.1, 0.4, 1.5)) * (1 + chance.random()):.4f}"))
        price += way * chance.choice((1, 1, 2, 3, 9))
    return levels


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
        return app.export_screenshot(title="python -m app consume")


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

"""The page for every eye: widths, light and dark, less motion, and what assistive technology is told."""

import time
from random import Random

import attrs
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.browser.conftest import Opener, Server, serve
from tests.browser.test_page import random_book
from tests.support.web import fresh

from market_data.adapters.clock import SystemClock
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

VIEWS = {"list": "", "detail": "#/book/kraken:BTC-USD", "best": "#/best", "venues": "#/venues"}


def books() -> list[object]:
    random = Random(3)
    found: list[object] = []
    for symbol in ("BTC-USD", "ETH-USD", "SOL-USD"):
        found += [random_book(random, symbol=symbol, exchange=exchange) for exchange in ("kraken", "coinbase")]
        found.append(attrs.evolve(fresh(symbol=symbol, exchange="bitstamp"), proof=Proof.NONE, proven_levels=0))
        found.append(fresh(symbol=symbol, exchange="okx", status=BookStatus.GAP, reason=Reason.SEQUENCE))
    return found


def show(page: Page, server: Server, view: str) -> None:
    page.goto(f"{server.url}{VIEWS[view]}")
    page.wait_for_selector("body:not(.starting)")
    if view == "detail":
        expect(page.locator("#ladder .middle")).to_contain_text("spread")
    if view == "best":
        expect(page.locator("#best-body")).to_contain_text("kraken")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view(scheme: str, open_page: Opener) -> None:
    with serve(books=books()) as server:
        page = open_page(server.url, color_scheme=scheme)
        for view in VIEWS:
            show(page, server, view)
            found = Axe().run(page).response["violations"]
            assert [(view, each["id"], each["nodes"][0]["html"]) for each in found] == []
        page.keyboard.press("?")
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1280, 800), (2560, 1440)])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_stands_over_the_edge(view: str, width: int, height: int, open_page: Opener) -> None:
    with serve(books=books()) as server:
        page = open_page(server.url, viewport={"width": width, "height": height})
        show(page, server, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if view == "list":
            expect(page.locator("tr.live td.bid").first).to_be_in_viewport()
            expect(page.locator("tr.live td.ask").first).to_be_in_viewport()
            expect(page.locator("tr.not-live td.status").first).to_be_visible()
        if view == "detail" and width == 2560:
            expect(page.locator("#list")).to_be_visible()


@pytest.mark.parametrize(
    ("width", "view"),
    [(390, "list"), (600, "list"), (768, "list"), (900, "list"), (1000, "list"), (1280, "list"), (2000, "detail")],
)
def test_what_is_not_live_takes_no_room_from_the_prices_of_others(width: int, view: str, open_page: Opener) -> None:
    books = [fresh(symbol=symbol, exchange="kraken") for symbol in ("BTC-USD", "ETH-USD", "SOL-USD")]
    prices = "[...document.querySelectorAll('#rows :is(thead th, tr.live td):is(.bid, .ask)')]"
    widths = f"{prices}.map((cell) => cell.offsetWidth)"
    with serve(books=books) as server:
        page = open_page(server.url, viewport={"width": width, "height": 800})
        show(page, server, view)
        expect(page.locator("tr.live")).to_have_count(3)
        before = page.evaluate(widths)
        server.show(
            fresh(1, symbol="SOL-USD", exchange="kraken", status=BookStatus.SYNCING, reason=Reason.RATE_LIMITED)
        )
        expect(page.locator("tr.live")).to_have_count(2)
        assert page.evaluate(widths) == before[:-2]
        assert page.evaluate(f"{prices}.every((cell) => cell.scrollWidth <= cell.clientWidth)")
        cell = page.locator("tr.not-live td.status")
        outer = cell.bounding_box()
        assert outer is not None
        assert outer["x"] + outer["width"] <= width
        for said in (".is", ".since"):
            inner = cell.locator(said).bounding_box()
            assert inner is not None
            assert inner["width"] > 20
            assert inner["x"] + inner["width"] <= outer["x"] + outer["width"] + 1
            assert inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1


def test_gaps_in_the_past_are_blank(open_page: Opener) -> None:
    """Two minutes live, one of a gap, two live but for half a second: of the pixels, those of the gaps are empty."""
    with serve() as server:
        world = server.world
        now = SystemClock().now()

        def show_at(book: NormalizedBook, at: Moment) -> None:
            quote = world.market.take(book, at, at.wall)
            assert quote is not None
            world.display.show([quote], world.market, world.reading)

        def live_through() -> None:
            for second in range(300, -1, -1):
                at = attrs.evolve(now, mono=now.mono - second, wall=now.wall - second * 1_000_000)
                is_gap = 120 < second <= 180
                status = {"status": BookStatus.GAP, "reason": Reason.SEQUENCE} if is_gap else {}
                price = str(100 + second % 7)
                sides = {"bids": ((price, "5"),), "asks": (("120", "5"),)}
                number, epoch = 10 * (300 - second), 1 + (second <= 180) + (second < 60)
                show_at(fresh(number, epoch=epoch, **sides, **status), at)
                if second == 60:
                    short = fresh(number + 1, epoch=2, status=BookStatus.GAP, reason=Reason.SEQUENCE)
                    show_at(short, attrs.evolve(at, wall=at.wall + 200_000))
                    show_at(fresh(number + 2, epoch=3, **sides), attrs.evolve(at, wall=at.wall + 700_000))

        server.do(live_through)
        page = open_page(f"{server.url}#/book/binance:BTC-USDT", allowed=("willReadFrequently",))
        for canvas in ("curve", "heat"):
            columns = filled(page, canvas)
            first, last = columns.index(True), len(columns) - 1 - columns[::-1].index(True)
            seconds = (last - first) / 300
            share = [
                sum(columns[round(first + (300 - begin) * seconds) : round(first + (300 - end) * seconds)])
                / (abs(begin - end) * seconds)
                for begin, end in ((290, 190), (174, 126), (114, 10))
            ]
            assert share[0] > 0.9, (canvas, share)
            assert share[1] == 0, (canvas, share)
            assert share[2] > 0.9, (canvas, share)
            shown = "".join(".#"[has] for has in columns[first : last + 1])
            assert len(shown.replace("#", " ").split()) == 2, (canvas, shown)


def filled(page: Page, canvas: str) -> list[bool]:
    """Wait until something is drawn, and tell of each column of pixels whether something is."""
    until = time.monotonic() + 20
    while not any(columns := page.evaluate(f"({FILLED})('{canvas}')")):
        assert time.monotonic() < until, f"nothing is drawn on {canvas}"
        page.wait_for_timeout(100)
    return list(columns)


FILLED = """(id) => {
  const canvas = document.getElementById(id);
  if (!canvas.width) return [];
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width - 64, canvas.height - 20);
  const grid = getComputedStyle(document.documentElement).getPropertyValue('--grid').trim().slice(1);
  const muted = getComputedStyle(document.documentElement).getPropertyValue('--muted').trim().slice(1);
  const far = (at, hex) => [0, 2, 4].some((k, i) => Math.abs(data[at + i] - parseInt(hex.slice(k, k + 2), 16)) > 12);
  const found = [];
  for (let x = 0; x < width; x += 1) {
    let has = false;
    for (let y = 0; y < height; y += 1) {
      const at = (y * width + x) * 4;
      if (data[at + 3] > 30 && far(at, grid) && far(at, muted)) has = true;
    }
    found.push(has);
  }
  return found;
}"""


def test_less_motion_means_no_flashes(open_page: Opener) -> None:
    with serve(books=[fresh()]) as server:
        page = open_page(server.url, reduced_motion="reduce")
        page.wait_for_selector("tr.live")
        server.show(fresh(1, bids=(("99", "1"),)))
        expect(page.locator("tr.live td.bid")).to_have_text("99")
        assert page.evaluate("getComputedStyle(document.querySelector('td.bid')).backgroundColor") == "rgba(0, 0, 0, 0)"

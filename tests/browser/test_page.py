"""The page in a real browser: what it shows is what the record says, and what is not live has no price."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import attrs
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Opener, serve
from tests.support.web import fresh

from market_data.application.ports import Trouble
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
LOST = (
    *("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING"),
    "503",
)
LADDER = """[...document.querySelectorAll('#ladder tbody tr:not(.middle)')]
    .map((row) => [...row.children].map((cell) => cell.innerText))"""
FACTS = """Object.fromEntries([...document.querySelectorAll('#facts tr')]
    .map(({ children }) => [children[0].innerText, children[1].innerText]))"""


def random_book(random: Random, publish_seq: int = 0, **fields: Any) -> NormalizedBook:
    places, mid = random.choice((0, 2, 8)), random.uniform(0.01, 90000)
    step = Decimal(1).scaleb(-places)
    middle = Decimal(mid).quantize(step) + 30 * step

    def level(at: int, sign: int) -> tuple[str, str]:
        return format(middle + sign * at * step, "f"), f"{random.uniform(0.00000001, 50):.8f}"

    return fresh(
        publish_seq,
        bids=tuple(level(at, -1) for at in range(1, 21)),
        asks=tuple(level(at, 1) for at in range(1, 21)),
        **fields,
    )


def row_texts(page: Page, key: str) -> Sequence[str]:
    row = page.locator(f'tr[data-key="{key}"] td')
    return row.all_inner_texts()


def ladder(page: Page) -> tuple[list[list[str]], list[list[str]]]:
    """Give sum, size and price of the levels: asks, then bids, best first."""
    found: list[list[str]] = page.evaluate(LADDER)
    asks, bids = found[:20][::-1], found[20:]
    return [each for each in asks if each[2]], [each for each in bids if each[2]]


@pytest.mark.parametrize("seed", range(4))
def test_every_number_equals_the_records(seed: int, open_page: Opener) -> None:
    random = Random(seed)
    books = [random_book(random, symbol=f"A{at}-USD") for at in range(12)]
    with serve(books=books) as server:
        page = open_page(server.url)
        page.wait_for_selector(f'tr[data-key="{books[-1].key}"]')
        page.wait_for_timeout(300)
        for book in books:
            texts = row_texts(page, book.key)
            bid, ask = Decimal(book.bids[0][0]), Decimal(book.asks[0][0])
            shown = [Decimal(text) for text in texts[4:10]]
            expected = [Decimal(book.bids[0][1]), bid, ask, Decimal(book.asks[0][1]), (bid + ask) / 2, ask - bid]
            assert shown == expected, book.key
            bps = (ask - bid) / ((bid + ask) / 2) * 10000
            if texts[10].startswith("<"):
                assert 0 < bps < Decimal(texts[10][1:])
            else:
                assert abs(Decimal(texts[10]) - bps) <= Decimal("0.0001")
        book = books[random.randrange(12)]
        page.goto(f"{server.url}#/book/{book.key}")
        expect(page.locator("#ladder .middle")).to_contain_text("spread")
        for shown_levels, levels in zip(ladder(page), (book.asks, book.bids), strict=True):
            total = Decimal(0)
            assert len(shown_levels) == 20
            for (total_text, size, price), level in zip(shown_levels, levels, strict=True):
                total += Decimal(level[1])
                assert (Decimal(price), Decimal(size), Decimal(total_text)) == (*map(Decimal, level), total)
        facts = page.evaluate(FACTS)
        analytics = server.do(lambda: page_book(server.world, book))["analytics"]
        assert facts["Mid"].split()[0] == analytics["mid"]
        assert facts["Microprice"].split()[0] == analytics["microprice"]
        assert facts["Imbalance, 20 levels"] == analytics["imbalance"][2]["value"]


def page_book(world: Any, book: NormalizedBook) -> Any:
    return json.loads(world.display._hub.book(book.key))


def test_a_fill_is_priced_exactly_up_to_the_level_pointed_at(open_page: Opener) -> None:
    book = fresh(asks=(("101", "1"), ("102.5", "3"), ("104", "5")), bids=(("100", "2"), ("99", "2")))
    with serve(books=[book]) as server:
        page = open_page(f"{server.url}#/book/{book.key}")
        page.locator("#ladder").focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        expect(page.locator("#cursor")).to_have_text(
            "buy 4 BTC at 102.125 on average, 161.692 bps from the mid: 408.5 USDT"
        )
        page.locator("#ladder tbody tr.bid").nth(1).hover()
        expect(page.locator("#cursor")).to_have_text("sell 4 BTC at 99.5 on average, 99.502 bps from the mid: 398 USDT")


GUARD = """
window.leaked = [];
setInterval(() => {
  for (const row of document.querySelectorAll('tr.not-live[data-key]')) {
    const cells = [...row.querySelectorAll('td')].slice(4);
    if (cells.some((cell) => cell.offsetWidth && /[0-9]/.test(cell.innerText))) window.leaked.push(row.innerText);
  }
  if (document.querySelector('#detail.not-live') && /[0-9]/.test(document.querySelector('#ladder tbody').innerText)) {
    window.leaked.push(document.querySelector('#ladder').innerText);
  }
}, 5);
"""


@pytest.mark.parametrize("view", ["", "#/book/binance:BTC-USDT"], ids=["list", "detail"])
def test_a_fault_greys_its_instrument_within_a_second_and_never_shows_a_price_of_it(
    view: str, open_page: Opener
) -> None:
    with serve(books=[fresh(), fresh(symbol="ETH-USDT")]) as server:
        page = open_page(server.url)
        page.evaluate(GUARD)
        if view:
            page.evaluate(f"location.hash = '{view}'")
            page.wait_for_selector("#detail.live")
        for at in range(1, 12, 2):
            server.show(fresh(at, status=BookStatus.GAP, reason=Reason.SEQUENCE, epoch=at))
            # a second is what is promised, and measured by tests.benchmarks.web; the machine may be busy
            selector = "#detail.not-live #detail-why" if view else 'tr.not-live[data-key="binance:BTC-USDT"] .status'
            expect(page.locator(selector)).to_contain_text("gap: a message was lost, repeated or out of order, since")
            server.show(fresh(at + 1, epoch=at + 1))
            page.wait_for_selector("#detail.live" if view else 'tr.live[data-key="binance:BTC-USDT"]')
        assert page.evaluate("window.leaked") == []
        if not view:
            assert "live" in row_texts(page, "binance:ETH-USDT")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(None, "stale: nothing came for too long"), ("broker unreachable", "stale: broker unreachable")],
)
def test_what_is_not_heard_of_greys_it_too_and_the_broker_is_blamed_where_it_is_gone(
    open_page: Opener, trouble: str | None, said: str
) -> None:
    with serve(books=[fresh()]) as server:
        page = open_page(server.url)
        page.wait_for_selector("tr.live")

        def expire() -> None:
            world = server.world
            now = world.reading.started_at
            later = attrs.evolve(now, mono=now.mono + 100, wall=now.wall + 100_000_000)
            world.display.show(world.market.expire(later, trouble), world.market, world.reading)

        server.do(expire)
        expect(page.locator("tr.not-live .status")).to_contain_text(said)


def test_what_nothing_proves_is_marked(open_page: Opener) -> None:
    unproven = attrs.evolve(fresh(exchange="bitstamp"), proof=Proof.NONE, proven_levels=0)
    partly = attrs.evolve(random_book(Random(1), exchange="kraken"), proof=Proof.CHECKSUM, proven_levels=10)
    with serve(books=[fresh(), unproven, partly]) as server:
        page = open_page(server.url)
        marks = {key: page.locator(f'tr[data-key="{key}:BTC-USDT"] .mark') for key in ("binance", "bitstamp", "kraken")}
        expect(marks["bitstamp"]).to_have_text("?")
        expect(marks["kraken"]).to_have_text("10✓")
        expect(marks["binance"]).to_have_text("")
        page.goto(f"{server.url}#/book/bitstamp:BTC-USDT")
        expect(page.locator("#detail-why")).to_contain_text("Unproven")
        page.goto(f"{server.url}#/book/kraken:BTC-USDT")
        expect(page.locator("#ladder tr.unproven")).to_have_count(20)
        for side in ("ask", "bid"):
            color = "(row) => getComputedStyle(row.lastElementChild).color"
            proven, not_proven = (
                page.locator(f"#ladder tr.{side}{which}") for which in (":not(.unproven)", ".unproven")
            )
            assert proven.first.evaluate(color) == not_proven.first.evaluate(color)
        assert page.locator("#ladder tr.bid").first.evaluate(color) != page.locator("#ladder tr.ask").first.evaluate(
            color
        )


def test_before_the_first_record_it_says_what_it_waits_for(open_page: Opener) -> None:
    with serve() as server:
        page = open_page(server.url)
        page.route(re.compile(r"/stream(\?|$)"), lambda _: None)  # no answer yet
        page.reload(wait_until="commit")
        empty = page.locator("#empty")
        expect(empty).to_have_text("Connecting ...")
        page.unroute_all()
        page.reload()
        expect(empty).to_have_text("Waiting for the first record ...")
        expect(page.locator("#shown")).to_have_text("")
        page.keyboard.press("2")
        expect(page.locator("#best-body .none")).to_have_text("Waiting for the first record ...")
        page.keyboard.press("1")
        earlier = server.world.reading.started_at
        server.world.reading.started_at = attrs.evolve(earlier, wall=earlier.wall - 60_000_000)
        expect(empty).to_contain_text("No record came for")


def test_a_broken_book_has_no_mark_in_its_ladder_and_no_latency(open_page: Opener) -> None:
    with serve(books=[fresh()]) as server:
        page = open_page(f"{server.url}#/book/binance:BTC-USDT")
        page.wait_for_selector("#detail.live")
        page.keyboard.press("ArrowUp")
        expect(page.locator("#ladder .up-to")).to_have_count(1)
        expect(page.locator("#facts")).to_contain_text("Producer to here")
        server.show(fresh(1, status=BookStatus.GAP, reason=Reason.SEQUENCE))
        page.wait_for_selector("#detail.not-live")
        expect(page.locator("#ladder .up-to, #ladder .cursor")).to_have_count(0)
        expect(page.locator("#cursor-hint")).to_be_hidden()
        expect(page.locator("#facts")).to_contain_text("Last data")
        expect(page.locator("#facts")).not_to_contain_text("Producer to here")


def test_a_phone_is_told_to_tap_and_sees_as_many_bids_as_asks(open_page: Opener) -> None:
    book = random_book(Random(2), symbol="BTC-USD")
    with serve(books=[book]) as server:
        phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
        page = open_page(f"{server.url}#/book/{book.key}", **phone)
        expect(page.locator("#cursor-hint")).to_contain_text("tap a level")
        expect(page.locator("#cursor-hint .with-mouse")).to_be_hidden()
        expect(page.locator("#ladder .middle")).to_contain_text("spread")
        asks, bids = page.evaluate(IN_SIGHT)
        assert abs(asks - bids) <= 1, (asks, bids)
        assert bids > 5
        page.locator("#ladder tr.bid").nth(2).tap()
        expect(page.locator("#cursor")).to_contain_text("sell")


IN_SIGHT = """() => {
  const [box, head] = ['#ladder', '#ladder th'].map((name) => document.querySelector(name).getBoundingClientRect());
  const seen = (row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return top >= head.bottom - 1 && bottom <= box.bottom + 1;
  };
  return ['ask', 'bid'].map((side) => [...document.querySelectorAll(`#ladder tr.${side}`)].filter(seen).length);
}"""


def test_venues_stand_side_by_side_with_their_own_prices(open_page: Opener) -> None:
    one = fresh(symbol="BTC-USD", exchange="kraken", bids=(("100", "1"),), asks=(("101", "1"),))
    other = fresh(symbol="BTC-USD", exchange="coinbase", bids=(("99.5", "1"),), asks=(("100.5", "1"),))
    broken = fresh(symbol="BTC-USD", exchange="okx", status=BookStatus.GAP, reason=Reason.SEQUENCE)
    with serve(books=[one, other, broken]) as server:
        page = open_page(f"{server.url}#/best")
        rows = page.locator("#best-body tr.venue")
        expect(rows).to_have_count(3)
        assert [row.split("\t")[:3] for row in rows.all_inner_texts()[:2]] == [
            ["coinbase", "99.5", "100.5"],
            ["kraken", "100", "101"],
        ]
        expect(rows.nth(2)).to_contain_text("left out: gap: sequence")


def test_names_from_outside_are_text_and_nothing_else(open_page: Opener) -> None:
    """Records with such names are refused before; the page does not rely on it."""
    hostile = "<IMG/SRC=X>-USD"
    with serve(books=[fresh(symbol=hostile), fresh(symbol=hostile, exchange="okx")]) as server:
        page = open_page(server.url)
        expect(page.locator("#rows a").first).to_have_text(hostile)
        for view, body in (("#/best", "#best"), ("#/venues", "#venues")):
            page.evaluate(f"location.hash = '{view}'")
            expect(page.locator(body)).to_contain_text(hostile)
        assert page.locator("img").count() == 0


def test_a_lost_connection_greys_the_page_and_it_comes_back_by_itself(open_page: Opener) -> None:
    with serve(books=[fresh()]) as server:
        port = int(server.url.rsplit(":", 1)[1].strip("/"))
        page = open_page(server.url, allowed=LOST)
        page.wait_for_selector("tr.live")
    expect(page.locator("#lost")).to_contain_text("Connection lost since")
    expect(page.locator("body.lost")).to_have_count(1)
    assert "grayscale" in page.evaluate("getComputedStyle(document.querySelector('main')).filter")
    with serve(port=port, books=[fresh(7, bids=(("77", "1"),))]):
        expect(page.locator("body.lost")).to_have_count(0)
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("tr.live td.bid")).to_have_text("77")


def test_a_server_that_says_nothing_is_noticed(open_page: Opener) -> None:
    with serve(books=[fresh()]) as server:
        page = open_page(server.url, allowed=LOST)
        page.wait_for_selector("tr.live")
        server.world.display.refresh = lambda *_: None  # type: ignore[method-assign]
        expect(page.locator("#lost")).to_contain_text("nothing is heard from the server")
        del server.world.display.refresh
        expect(page.locator("#lost")).to_be_hidden()


def test_a_full_server_is_said_and_waited_for(open_page: Opener) -> None:
    with serve(max_clients=1, books=[fresh()]) as server:
        first = open_page(server.url)
        first.wait_for_selector("tr.live")
        second = open_page(server.url, allowed=LOST)
        expect(second.locator("#lost")).to_contain_text("1 streams are open already (web.max_clients)")
        first.goto("about:blank")
        second.wait_for_selector("tr.live")
        expect(second.locator("#lost")).to_be_hidden()


def test_trouble_of_the_broker_is_said_as_such(open_page: Opener) -> None:
    with serve(books=[fresh()]) as server:
        page = open_page(server.url)
        server.world.reading.trouble = Trouble("broker unreachable", 12.0)
        expect(page.locator("#trouble")).to_contain_text("broker unreachable since")
        server.world.reading.trouble = None
        expect(page.locator("#trouble")).to_be_hidden()


def test_a_token_is_asked_for_once_and_stands_in_no_address(open_page: Opener) -> None:
    with serve(books=[fresh()], token="0123456789abcdef") as server:  # noqa: S106 - of this test alone
        page = open_page(f"{server.url}?token=0123456789abcdef#/book/binance:BTC-USDT")
        page.wait_for_selector("#detail.live")
        assert page.url == f"{server.url}#/book/binance:BTC-USDT"
        page.reload()
        page.wait_for_selector("#detail.live")


def test_holes_in_the_order_are_said(open_page: Opener) -> None:
    with serve(books=[fresh(), fresh(5)]) as server:
        page = open_page(server.url)
        expect(page.locator("#proof")).to_contain_text("ORDER NOT PROVEN: 4 missing")


def test_of_a_thousand_only_what_is_in_sight_is_there(open_page: Opener) -> None:
    with serve(books=[fresh(symbol=f"A{at:04}-USD") for at in range(1500)]) as server:
        page = open_page(server.url)
        expect(page.locator("#shown")).to_have_text("1500 of 1500")
        assert page.locator("#rows tbody tr").count() < 60
        page.keyboard.press("End")
        expect(page.locator("tr.selected a")).to_have_text("A1499-USD")
        expect(page.locator("tr.selected")).to_be_in_viewport()


def test_the_keyboard_is_enough(open_page: Opener) -> None:
    symbols = ("AAA", "BBB", "CCC", "DDD")
    with serve(
        books=[fresh(symbol=f"{name}-USD", bids=((str(at + 1), "1"),)) for at, name in enumerate(symbols)]
    ) as server:
        page = open_page(server.url)
        page.wait_for_selector("tr.live")
        for key in ("j", "j", "j", "k"):
            page.keyboard.press(key)
        expect(page.locator("tr.selected a")).to_have_text("BBB-USD")
        expect(page.locator("#announced")).to_have_text("BBB-USD on binance: live")
        page.keyboard.press("Enter")
        expect(page.locator("#detail-title")).to_have_text("BBB-USD on binance")
        page.keyboard.press("Escape")
        expect(page.locator("#detail")).to_be_hidden()
        page.keyboard.press("/")
        page.keyboard.type("cc")
        expect(page.locator("#rows tbody tr[data-key]")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.locator("#rows tbody tr[data-key]")).to_have_count(4)
        page.keyboard.press("2")
        expect(page.locator("#best")).to_be_visible()
        page.keyboard.press("1")
        page.keyboard.press("End")
        page.keyboard.press("f")
        expect(page.locator("#rows tbody tr[data-key]").first).to_contain_text("DDD-USD")
        page.reload()
        expect(page.locator("#rows tbody tr[data-key]").first).to_contain_text("DDD-USD")
        while page.evaluate("document.activeElement.closest('th')?.dataset.column") != "bid":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        expect(page.locator("th[data-column=bid]")).to_have_attribute("aria-sort", "descending")
        expect(page.locator("#rows tbody tr[data-key]").nth(1)).to_contain_text("CCC-USD")
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()
        for key, section in (("2", "#best"), ("3", "#venues"), ("1", "#list")):
            page.keyboard.press(key)
            expect(page.locator(section)).to_be_visible()


def test_what_is_not_live_can_stand_first(open_page: Opener) -> None:
    books = [fresh(symbol="AAA-USD"), fresh(symbol="ZZZ-USD", status=BookStatus.STALE, reason=Reason.SILENCE)]
    with serve(books=books) as server:
        page = open_page(server.url)
        expect(page.locator("#rows tbody tr[data-key]").first).to_contain_text("AAA-USD")
        page.keyboard.press("p")
        expect(page.locator("#rows tbody tr[data-key]").first).to_contain_text("ZZZ-USD")
        expect(page).to_have_title("(1 not live) Test")


def test_times_are_local_or_utc(open_page: Opener) -> None:
    gap = attrs.evolve(fresh(status=BookStatus.GAP, reason=Reason.AUDIT), status_since=1_723_075_200_000_000)
    with serve(books=[gap]) as server:
        page = open_page(server.url, timezone_id="Asia/Tokyo")
        expect(page.locator("tr.not-live .status")).to_contain_text("since 2024-08-08 09:00:00")
        page.keyboard.press("u")
        expect(page.locator("tr.not-live .status")).to_contain_text("since 2024-08-08 00:00:00")


@pytest.mark.parametrize("name", ["%E0%A4%A", "foo", "%25", "binance:<b>-<i>", "x" * 300 + ":A-B"])
def test_an_address_that_names_no_instrument_costs_nothing_else(open_page: Opener, name: str) -> None:
    with serve() as server:
        server.show(fresh())
        page = open_page(f"{server.url}#/book/{name}", allowed=("400", "404"))
        expect(page.locator("body")).not_to_have_class(re.compile("starting|lost"), timeout=20_000)
        page.goto(f"{server.url}#/")
        expect(page.locator('tr[data-key="binance:BTC-USDT"]')).to_be_visible()
        assert row_texts(page, "binance:BTC-USDT")

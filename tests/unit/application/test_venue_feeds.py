"""No instrument is lost for the run: what is halted, not yet listed or gone is told, asked about, and followed."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from tests.support.producing import ASKS, BIDS, Bench, products
from tests.support.venues import binance_book
from tests.support.virtual import VIRTUAL_TIME
from tests.support.waiting import until

from market_data.application.ports import Request
from market_data.domain.errors import RequestFailed
from market_data.domain.normalized import Reason

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def refused(request: Request, status: int = 400) -> RequestFailed:
    return RequestFailed(request.url, f"HTTP {status}", reason=Reason.REJECTED, status=status)


def asked_natives(url: str) -> list[str]:
    """Give the names that a request for listings is about; none where it is about all."""
    query = parse_qs(urlsplit(url).query)
    return [*json.loads(query.get("symbols", ["[]"])[0]), *query.get("product_ids", [])]


def listing(states: Mapping[str, str]) -> Callable[[Request], bytes | RequestFailed]:
    """List symbols in these states, as Binance does: who names one that is not listed is refused altogether."""

    def answer(request: Request) -> bytes | RequestFailed:
        named = asked_natives(request.url)
        known = {symbol.replace("-", ""): symbol for symbol in states}
        if not set(named) <= set(known):
            return refused(request)
        symbols = [
            {
                "symbol": native,
                "status": states[known[native]],
                "baseAsset": known[native].partition("-")[0],
                "quoteAsset": known[native].partition("-")[2],
            }
            for native in named or known
        ]
        return json.dumps({"symbols": symbols}).encode()

    return answer


def bench_of(symbols: Sequence[str], states: Mapping[str, str], coinbase: Sequence[str] = ()) -> Bench:
    bench = Bench(binance=symbols, coinbase=coinbase)
    quiet = binance_book(101, BIDS, ASKS)
    bench.network.answers = {**bench.network.answers, "exchangeInfo": listing(states), "depth": lambda _: quiet}
    return bench


def listing_requests(bench: Bench) -> list[tuple[float, list[str]]]:
    return [(at, asked_natives(url)) for at, url in bench.network.requests if "exchangeInfo" in url]


@pytest.mark.parametrize("delay", [0.0, 3.0], ids=["a fast venue", "a slow venue"])
async def test_a_halted_instrument_is_rejected_at_once_and_followed_when_it_is_traded_again(delay: float) -> None:
    states = {"BTC-USDT": "TRADING", "ETH-USDT": "BREAK"}
    bench = bench_of(("BTC-USDT", "ETH-USDT"), states)
    bench.network.delay_seconds = delay
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        await anyio.sleep(100)
        assert bench.statuses("binance:ETH-USDT") == ["syncing", "disconnected rejected"]
        states["ETH-USDT"] = "TRADING"
        bench.network.delay_seconds = 0.0
        await until(lambda: bench.live("binance:ETH-USDT"), 65, 0.1)
    assert bench.statuses("binance:ETH-USDT") == [
        "syncing",
        "disconnected rejected",
        "syncing rejected",
        "live",
        "disconnected shutdown",
    ]
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"], "no gap for others"
    warned = [fields for message, fields in bench.telemetry.warnings if message == "instruments have no book now"]
    assert [(each["instruments"], each["state"]) for each in warned] == [("ETH-USDT", "BREAK")], "told once"
    assert [fields["instruments"] for message, fields in bench.telemetry.notes if "traded now" in message] == [
        "ETH-USDT"
    ]
    bench.check_records()


@pytest.mark.parametrize("state", ["HALT", "CANCEL_ONLY", "AUCTION_MATCH", "END_OF_DAY", "A_NEW_WORD"])
async def test_what_is_not_traded_but_has_a_book_is_followed_at_once_on_a_connection_of_its_own(state: str) -> None:
    bench = bench_of(("BTC-USDT", "ETH-USDT"), {"BTC-USDT": "TRADING", "ETH-USDT": state})
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT") and bench.live("binance:ETH-USDT"))
    assert bench.statuses("binance:ETH-USDT") == ["syncing", "live", "disconnected shutdown"]
    subscribed = [json.loads(connection.sent[0][1])["params"] for connection in bench.network.connections]
    assert sorted(subscribed) == [["btcusdt@depth@100ms"], ["ethusdt@depth@100ms"]]


async def test_what_has_no_connection_is_said_again_at_every_heartbeat() -> None:
    bench = bench_of(("BTC-USDT", "ETH-USDT"), {"BTC-USDT": "TRADING", "ETH-USDT": "BREAK"})
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        before = len(bench.of("binance:ETH-USDT"))
        await anyio.sleep(50)
        assert len(bench.of("binance:ETH-USDT")) - before in (9, 10), "one in five seconds"


async def test_connections_are_opened_at_the_pace_that_the_venue_allows() -> None:
    bench = Bench(binance=("BTC-USDT", "ETH-USDT"), connections_per_second=0.5)
    states = {"BTC-USDT": "TRADING", "ETH-USDT": "HALT"}
    bench.network.answers = {**bench.network.answers, "exchangeInfo": listing(states)}
    async with bench.running():
        await until(lambda: len(bench.network.attempts) == 2, 10, 0.1)
    first, second = bench.network.attempts
    assert round(second - first, 3) == 2.0


async def test_all_of_them_in_maintenance_is_no_mistake_and_all_of_them_come_back() -> None:
    states = dict.fromkeys(("BTC-USDT", "ETH-USDT"), "BREAK")
    bench = bench_of(tuple(states), states)
    async with bench.running():
        await anyio.sleep(130)
        assert {bench.statuses(f"binance:{symbol}")[-1] for symbol in states} == {"disconnected rejected"}
        states.update(dict.fromkeys(states, "TRADING"))
        await until(lambda: all(bench.live(f"binance:{symbol}") for symbol in states), 65, 0.1)
    bench.check_records()


async def test_what_is_not_listed_yet_is_asked_for_alone_until_it_is() -> None:
    states = {"BTC-USDT": "TRADING"}
    bench = bench_of(("BTC-USDT", "SOL-USDT"), states)
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        await anyio.sleep(130)
        states["SOL-USDT"] = "TRADING"
        await until(lambda: bench.live("binance:SOL-USDT"), 65, 0.1)
        await anyio.sleep(60)
    asked = listing_requests(bench)
    assert [natives for _, natives in asked] == [
        [],
        *[["BTCUSDT"], ["SOLUSDT"]] * 3,
        ["BTCUSDT", "SOLUSDT"],
    ], "the whole listing once"
    rounds = [at for at, natives in asked if natives == ["BTCUSDT"]]
    assert [round(later - earlier) for earlier, later in pairwise(rounds)] == [60, 60]
    bench.check_records()


async def test_what_is_delisted_meanwhile_is_told_once_and_costs_the_whole_listing_once() -> None:
    states = {"BTC-USDT": "TRADING", "ETH-USDT": "TRADING"}
    bench = bench_of(("BTC-USDT", "ETH-USDT"), states)
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT") and bench.live("binance:ETH-USDT"))
        del states["ETH-USDT"]
        await anyio.sleep(300)
    told = [fields["instruments"] for message, fields in bench.telemetry.warnings if "not listed any more" in message]
    assert told == ["ETH-USDT"]
    assert [natives for _, natives in listing_requests(bench)].count([]) == 2
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"]


async def test_what_the_venue_halts_meanwhile_is_told_and_so_is_its_return() -> None:
    states = {"BTC-USDT": "TRADING"}
    bench = bench_of(("BTC-USDT",), states)
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        states["BTC-USDT"] = "HALT"
        await anyio.sleep(61)
        states["BTC-USDT"] = "TRADING"
        await anyio.sleep(60)
    assert ("instruments are not traded now, only followed", "HALT") in [
        (message, fields.get("state")) for message, fields in bench.telemetry.warnings
    ]
    assert [fields["state"] for message, fields in bench.telemetry.notes if "traded now" in message] == ["TRADING"]


async def test_many_that_are_not_listed_are_few_lines_and_one_request_for_the_whole_listing() -> None:
    bench = bench_of(("BTC-USDT", *(f"TYPO{number}-USDT" for number in range(300))), {"BTC-USDT": "TRADING"})
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        await anyio.sleep(61)
    told = [fields for message, fields in bench.telemetry.warnings if "list" in message]
    assert len(told) == 6
    assert told[-1]["count"] == 295
    assert [natives for _, natives in listing_requests(bench)] == [[], []]
    assert bench.statuses("binance:TYPO299-USDT") == ["syncing", "disconnected rejected", "disconnected shutdown"]


async def test_a_firewalls_refusal_is_not_taken_for_a_delisting() -> None:
    bench = bench_of(("BTC-USDT",), {"BTC-USDT": "TRADING"})
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        bench.network.answers = {**bench.network.answers, "exchangeInfo": lambda request: refused(request, 403)}
        await anyio.sleep(100)
    told = {message for message, _ in bench.telemetry.warnings if "list" in message}
    assert told == {"could not ask what is listed"}
    assert bench.statuses("binance:BTC-USDT") == ["syncing", "live", "disconnected shutdown"]


@pytest.mark.parametrize("status", [403, 451])
async def test_where_rest_refuses_us_and_streams_do_not_books_are_followed_by_their_names(status: int) -> None:
    bench = Bench(binance=("BTC-USDT",), coinbase=(), bybit=("BTC-USDT", "ETH-USDT"))
    bench.network.answers = {
        "exchangeInfo": lambda request: refused(request, status),
        "instruments-info": lambda request: refused(request, status),
    }
    async with bench.running():
        await until(lambda: bench.live("bybit:BTC-USDT") and bench.live("bybit:ETH-USDT"))
        await anyio.sleep(100)
    said = ["syncing", "live", "disconnected shutdown"]
    assert [each for each in bench.statuses("bybit:BTC-USDT") if "stale" not in each][:2] == said[:2]
    assert "live" not in bench.statuses("binance:BTC-USDT"), "a venue whose streams are closed to us, too"
    subscribed = [json.loads(each.sent[0][1])["args"] for each in bench.network.connections if each.sent]
    assert subscribed[0] == ["orderbook.50.BTCUSDT", "orderbook.50.ETHUSDT"]


async def test_one_odd_entry_of_a_listing_is_left_out_and_told_with_a_count() -> None:
    bench = Bench()
    good = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    odd: list[object] = [{**good, "status": None}, {"symbol": "X"}, None, 7]
    bench.network.answers = {
        **bench.network.answers,
        "exchangeInfo": lambda _: json.dumps({"symbols": [*odd, good]}).encode(),
    }
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        await anyio.sleep(130)
    told = [fields for message, fields in bench.telemetry.warnings if "could not be read" in message]
    assert [each["count"] for each in told] == [4], "once, not every minute"
    assert "status" in str(told[0]["problem"])


async def test_an_alias_that_is_listed_later_is_followed_under_its_own_name() -> None:
    bench = Bench(binance=(), coinbase=("BTC-USD", "SOL-USDC"))
    listed = {"SOL-USD": False}

    def answer(request: Request) -> bytes:
        body = json.loads(products(request))
        for product in body["products"]:
            if product["product_id"] == "SOL-USD" and listed["SOL-USD"]:
                product["alias_to"] = ["SOL-USDC"]
        named = asked_natives(request.url)
        body["products"] = [each for each in body["products"] if not named or each["product_id"] in named]
        return json.dumps(body).encode()

    bench.network.answers = {**bench.network.answers, "products": answer}
    async with bench.running():
        await until(lambda: bench.live("coinbase:BTC-USD"))
        assert bench.statuses("coinbase:SOL-USDC")[-1] == "disconnected rejected"
        listed["SOL-USD"] = True
        await until(lambda: bench.live("coinbase:SOL-USDC"), 65, 0.1)
    bench.check_records()


async def test_what_joins_later_starts_where_its_stand_in_left_in_the_input_log() -> None:
    """Its first record after ``rejected`` keeps the place in the stream: no second ``syncing`` from nowhere."""
    states = {"BTC-USDT": "TRADING", "ETH-USDT": "BREAK", "SOL-USDT": "BREAK"}
    bench = bench_of(tuple(states), states)
    async with bench.running():
        await until(lambda: bench.live("binance:BTC-USDT"))
        states["ETH-USDT"] = "TRADING"
        await until(lambda: bench.live("binance:ETH-USDT"), 65, 0.1)
        states["SOL-USDT"] = "TRADING"
        await until(lambda: bench.live("binance:SOL-USDT"), 65, 0.1)
    for symbol in ("ETH-USDT", "SOL-USDT"):
        said = bench.statuses(f"binance:{symbol}")
        assert said == ["syncing", "disconnected rejected", "syncing rejected", "live", "disconnected shutdown"]
    assert len(bench.network.connections) == 3
    bench.check_records()

"""The API over a real socket: what it says of a record, and that its description is true."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from jsonschema import Draft202012Validator
from tests.support.web import WebWorld, fresh, offered

from market_data.domain.normalized import BookStatus, Proof, Reason

pytestmark = pytest.mark.anyio

BIDS = tuple((f"{100 - at}.50000000", "1.00000000") for at in range(20))
ASKS = tuple((f"{101 + at}.50000000", "2.00000000") for at in range(20))


def live(publish_seq: int = 0, **fields: Any) -> Any:
    return fresh(publish_seq, bids=BIDS, asks=ASKS, **fields)


def gap(publish_seq: int = 1, **fields: Any) -> Any:
    return fresh(publish_seq, status=BookStatus.GAP, reason=Reason.SEQUENCE, **fields)


def numbers_in(found: Any) -> Iterator[Any]:
    """Give all values but what says how they were asked for."""
    if isinstance(found, dict):
        for name, value in found.items():
            if name not in ("levels", "bps", "notional"):
                yield from numbers_in(value)
    elif isinstance(found, list):
        for value in found:
            yield from numbers_in(value)
    else:
        yield found


async def test_a_row_is_the_records_own_texts() -> None:
    async with offered(books=[live()]) as world:
        (row,) = (await world.get("api/books")).json()["books"]
    assert (row["bid"], row["bid_size"], row["ask"], row["ask_size"]) == (*BIDS[0], *ASKS[0])
    assert (row["mid"], row["spread"], row["spread_percent"]) == ("101", "1", "0.990099")
    assert (row["status"], row["reason"], row["proof"]) == ("live", None, "sequence")


async def test_what_is_not_live_has_no_price_anywhere() -> None:
    async with offered(books=[live(), gap()]) as world:
        (row,) = (await world.get("api/books")).json()["books"]
        book = (await world.get("api/books/binance/BTC-USDT")).json()
        best = (await world.get("api/best?asset=BTC")).json()
    assert {row[name] for name in ("bid", "bid_size", "ask", "ask_size", "mid", "spread", "spread_percent")} == {None}
    assert (book["record"]["bids"], book["record"]["asks"], book["minute"]) == ([], [], None)
    assert set(numbers_in(book["analytics"])) == {None}
    (symbol,) = best["assets"][0]["symbols"]
    assert (symbol["bid"], symbol["ask"], symbol["venues"]) == (None, None, [])
    assert symbol["excluded"][0]["why"] == "gap: sequence"


async def test_a_book_is_the_record_with_what_follows_from_it_and_its_proof() -> None:
    sent = attrs.evolve(live(), proof=Proof.CHECKSUM, proven_levels=10)
    async with offered(books=[sent]) as world:
        book = (await world.get("api/books/binance/BTC-USDT")).json()
    assert [tuple(level) for level in book["record"]["bids"]] == list(BIDS)
    assert [tuple(level) for level in book["record"]["asks"]] == list(ASKS)
    for name in ("event_time", "received_time", "sequence", "epoch", "run", "publish_seq", "status_since"):
        assert book["record"][name] == getattr(sent, name)
    assert book["analytics"]["imbalance"][0] == {"levels": 1, "value": "-0.333333"}
    assert book["analytics"]["fills"][0] == {
        "notional": "1000",
        "buy": {"price": "103.431373", "slippage_bps": "240.73"},
        "sell": {"price": "95.767196", "slippage_bps": "518.0994"},
    }
    assert book["analytics"]["fills"][3]["buy"] == {"price": None, "slippage_bps": None}
    assert (book["proof"]["proof"], book["proof"]["proven_levels"]) == ("checksum", 10)
    assert book["proof"]["order"]["is_proven"]
    assert book["minute"]["live_share"] == 1


async def test_the_status_says_how_the_reading_goes() -> None:
    async with offered(books=[live(), live(3), gap(0, symbol="ETH-USDT")]) as world:
        status = (await world.get("api/status")).json()
    assert (status["records"], status["instruments"], status["statuses"]) == (3, 2, {"gap": 1, "live": 1})
    assert (status["proof"]["is_proven"], status["proof"]["holes"]) == (False, 2)
    assert (status["trouble"], status["clients"], status["source"]) == (None, 0, "here books")


async def test_the_best_are_named_by_venue_and_usd_is_not_usdt() -> None:
    books = [
        live(),
        fresh(exchange="okx", bids=(("101", "1"),), asks=(("102", "1"),)),
        fresh(exchange="okx", symbol="BTC-USD", bids=(("99", "1"),), asks=(("100", "1"),)),
        fresh(exchange="okx", symbol="ETH-USD"),
    ]
    async with offered(books=books) as world:
        (asset,) = (await world.get("api/best")).json()["assets"]
    usd, usdt = asset["symbols"]
    assert (usdt["symbol"], usdt["bid"]) == ("BTC-USDT", {"exchange": "okx", "price": "101", "size": "1"})
    assert usdt["ask"]["exchange"] == "binance"
    assert (usd["symbol"], usd["bid"]["price"]) == ("BTC-USD", "99")
    (basis,) = asset["bases"]
    assert (basis["name"], basis["exchange"], basis["mid"]) == ("USDT/USD", "okx", "0.98029557")


async def test_the_past_has_the_mid_second_by_second_and_nothing_where_it_was_not_live() -> None:
    async with offered(books=[live()]) as world:
        history = (await world.get("api/history/binance/BTC-USDT")).json()
        since = history["mid"]["first"] + 898_000_000
        later = (await world.get(f"api/history/binance/BTC-USDT?since={since}")).json()
    buckets = history["mid"]["buckets"]
    assert len(buckets) == 900
    assert [bucket for bucket in buckets if bucket is not None][-1][:2] == [101.0, 101.0]
    assert buckets[0] is None
    assert later["mid"]["first"] == since
    assert 2 <= len(later["mid"]["buckets"]) < 100


@pytest.mark.parametrize(
    ("price", "size"),
    [
        ("9" * 39, "1"),
        ("9" * 40, "0." + "0" * 39 + "1"),
        ("0." + "0" * 38 + "1", "9" * 40),
        ("1", "0." + "0" * 39 + "1"),
    ],
)
async def test_numbers_of_any_size_that_a_record_may_have_are_answered(price: str, size: str) -> None:
    whole, _, _ = price.partition(".")
    ask = price + ".5" if whole == price else price[:-1] + "2"
    extreme = fresh(bids=((price, size),), asks=((ask, size),))
    async with offered(books=[extreme]) as world, world.listen(f"stream?book={extreme.key}") as events:
        answer = await world.get(f"api/books/{extreme.key.replace(':', '/')}")
        seen = {(await anext(events)).name for _ in range(2)}
    assert answer.status_code == 200
    assert answer.json()["record"]["bids"] == [[price, size]]
    assert seen == {"snapshot", "book"}


async def test_an_etag_stays_while_the_answer_does() -> None:
    async with offered(books=[live()]) as world:
        first = await world.get("api/books")
        again = await world.get("api/books", if_none_match=f'W/"other", {first.headers["etag"]}')
        world.show(live(1))
        after = await world.get("api/books", if_none_match=first.headers["etag"])
    assert (first.status_code, again.status_code, after.status_code) == (200, 304, 200)
    assert (again.content, again.headers["etag"]) == (b"", first.headers["etag"])
    assert after.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("path", ["api/books/binance/BTC-USDC", "api/history/binance/btc-usdt"])
async def test_an_instrument_that_is_none_is_404_with_the_nearest_names(path: str) -> None:
    async with offered(books=[live(), live(symbol="ETH-USDT")]) as world:
        answer = await world.get(path)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert problem["nearest"][0] == "binance:BTC-USDT"
    assert "did you mean binance:BTC-USDT" in problem["detail"]
    assert (problem["status"], problem["instance"], problem["type"]) == (404, f"/{path}", "about:blank")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "api/books", 405),
        ("DELETE", "api/books/binance/BTC-USDT", 405),
        ("GET", "nothing", 404),
        ("GET", "page/../display.py", 404),
        ("GET", "..%2fdisplay.py", 404),
        ("GET", "api/history/binance/BTC-USDT?since=never", 400),
        ("GET", "stream?book=nonsense", 400),
        ("GET", "stream?" + "&".join(["book=binance:BTC-USDT"] * 5), 400),
        ("GET", "api/best?asset=btc", 404),
    ],
)
async def test_bad_questions_are_problems(method: str, path: str, status: int) -> None:
    async with offered(books=[live()]) as world:
        answer = await world.client.request(method, f"{world.url}{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert set(answer.json()) >= {"type", "title", "status", "detail", "instance"}
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD"


async def described(world: WebWorld) -> dict[str, Any]:
    document: dict[str, Any] = (await world.get("openapi.json")).json()
    return document


async def test_all_answers_are_as_the_description_says() -> None:
    books = [live(), live(exchange="okx"), gap(0, symbol="ETH-USDT")]
    async with offered(books=books) as world:
        document = await described(world)
        for path in document["paths"]:
            if not path.startswith("/api"):
                continue
            for symbol in ("BTC-USDT", "ETH-USDT"):
                asked = path.format(exchange="binance", symbol=symbol)
                answer = await world.get(asked[1:])
                schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
                Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())
        problem = (await world.get("api/books/a/b")).json()
        Draft202012Validator({**document["components"]["schemas"]["Problem"]}).validate(problem)
        async with world.listen("stream?book=binance:BTC-USDT") as events:
            snapshot, book = await anext(events), await anext(events)
        checks = {"Row": snapshot.data["rows"], "Loss": snapshot.data["losses"], "Status": [snapshot.data["status"]]}
        for name, items in {**checks, "Book": [book.data]}.items():
            assert items
            for item in items:
                schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
                Draft202012Validator(schema).validate(item)


async def test_every_route_of_the_api_is_described() -> None:
    async with offered() as world:
        document = await described(world)
        routes = {route.path for route in world.display._application()._application.routes}  # type: ignore[attr-defined]
    pages = {path for path in routes if path == "/" or path.rpartition(".")[2] in ("js", "css", "svg")}
    assert set(document["paths"]) == routes - pages

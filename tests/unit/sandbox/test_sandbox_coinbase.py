"""Coinbase's dialect over a random market, on real sockets."""

import re
from typing import Any

import httpx
import pytest
from tests.unit.sandbox.sandbox_clients import CoinbaseClient, dial, receive, say, within
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from market_data_sandbox import Options, Running, Venue

pytestmark = pytest.mark.anyio

_QUICK = Options(broker=False, rate=200, coinbase_heartbeat_seconds=0.05)


def _client(running: Running, websocket: ClientConnection) -> CoinbaseClient:
    assert websocket.response is not None
    return CoinbaseClient(running.truth, websocket.response.headers["x-sandbox-connection"])


def _subscribe(channel: str, *product_ids: str) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "subscribe", "channel": channel}
    return {**message, "product_ids": list(product_ids)} if product_ids else message


async def test_a_client_that_follows_a_connection_has_the_true_book_at_every_frame() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        client = _client(running, websocket)
        await say(websocket, _subscribe("level2", "BTC-USD", "ETH-USD"))
        await say(websocket, _subscribe("heartbeats"))
        seen: dict[str, int] = {}
        events = 0
        while client.agreed < 300 or seen["heartbeats"] < 3:
            frame = await receive(websocket)
            seen[frame["channel"]] = seen.get(frame["channel"], 0) + 1
            events = max(events, len(frame["events"]))
            client.frame(frame)
        assert set(client.books) == {"BTC-USD", "ETH-USD"}
        assert len(client.books["BTC-USD"].bids) >= 300
        assert events == 2, "changes of both products sometimes share a frame"


async def test_snapshots_come_first_then_the_ack_with_the_whole_set() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("level2", "BTC-USD"))
        snapshot, ack = await receive(websocket), await receive(websocket)
        assert (snapshot["channel"], snapshot["sequence_num"]) == ("l2_data", 0)
        (event,) = snapshot["events"]
        assert (event["type"], event["product_id"]) == ("snapshot", "BTC-USD")
        assert ack["events"] == [{"subscriptions": {"level2": ["BTC-USD"]}}]
        assert ack["sequence_num"] == 1
        await say(websocket, _subscribe("heartbeats"))
        while (frame := await receive(websocket))["channel"] != "subscriptions":
            assert frame["channel"] == "l2_data"
        assert frame["events"] == [{"subscriptions": {"heartbeats": ["heartbeats"], "level2": ["BTC-USD"]}}]


async def test_levels_are_written_as_the_venue_does() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("level2", "BTC-USD"))
        frames = [await receive(websocket) for _ in range(100)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,8}[1-9])?Z", one["timestamp"]) for one in frames)
    updates = [one for frame in frames if frame["channel"] == "l2_data" for one in frame["events"][0]["updates"]]
    assert {one["side"] for one in updates} == {"bid", "offer"}
    texts = [one[key] for one in updates for key in ("price_level", "new_quantity")]
    assert all(re.fullmatch(r"0|[1-9]\d*|\d+\.\d*[1-9]", text) for text in texts)
    assert any(one["new_quantity"] == "0" for one in updates)
    assert all(len({one["event_time"] for one in frame["events"][0].get("updates", [])}) <= 1 for frame in frames)


async def test_heartbeats_count_by_one() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("heartbeats"))
        frames = [await receive(websocket) for _ in range(5)]
        assert [one["channel"] for one in frames] == ["subscriptions", *["heartbeats"] * 4]
        counters = [one["events"][0]["heartbeat_counter"] for one in frames[1:]]
        assert counters == list(range(counters[0], counters[0] + 4))
        assert re.search(r" \+0000 UTC m=\+\d+\.\d{9}$", frames[1]["events"][0]["current_time"])


async def test_a_client_that_subscribes_to_nothing_is_disconnected() -> None:
    options = Options(broker=False, coinbase_first_subscribe_seconds=0.1)
    async with within(options) as running, dial(running.coinbase.websocket_url) as websocket:
        with pytest.raises(ConnectionClosed):
            await websocket.recv()


@pytest.mark.parametrize(
    ("message", "error"),
    [
        pytest.param(_subscribe("level9", "BTC-USD"), "authentication failure", id="unknown channel"),
        pytest.param(_subscribe("user", "BTC-USD"), "authentication failure", id="private channel"),
        pytest.param(
            _subscribe("level2", "BTC-USD", "ETH-USD"),
            "too many L2 streams requested in a single session",
            id="too many products",
        ),
    ],
)
async def test_a_refused_subscription_is_told_without_a_number(message: dict[str, Any], error: str) -> None:
    options = Options(broker=False, coinbase_level2_products=1)
    async with within(options) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, message)
        assert await receive(websocket) == {"type": "error", "message": error}


async def test_the_usdc_name_of_a_product_yields_the_usd_product_and_an_unknown_one_is_not_in_the_ack() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("level2", "BTC-USDC", "NOSUCH-USD"))
        snapshot, ack = await receive(websocket), await receive(websocket)
        assert snapshot["events"][0]["product_id"] == "BTC-USD"
        assert ack["events"] == [{"subscriptions": {"level2": ["BTC-USD"]}}]


async def test_an_unsubscribed_product_is_silent_and_starts_with_a_snapshot_again() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        client = _client(running, websocket)
        await say(websocket, _subscribe("level2", "BTC-USD", "ETH-USD"))
        await say(websocket, {"type": "unsubscribe", "channel": "level2", "product_ids": ["BTC-USD"]})
        while True:
            frame = await receive(websocket)
            client.frame(frame)
            if frame["events"] == [{"subscriptions": {"level2": ["ETH-USD"]}}]:
                break
        for _ in range(20):
            frame = await receive(websocket)
            client.frame(frame)
            assert [event["product_id"] for event in frame["events"]] == ["ETH-USD"]
        await say(websocket, _subscribe("level2", "BTC-USD"))
        while frame["events"][0].get("product_id") != "BTC-USD":
            frame = await receive(websocket)
            client.frame(frame)
        assert frame["events"][0]["type"] == "snapshot"


async def test_each_connection_counts_from_zero_and_has_its_own_truth() -> None:
    async with within(_QUICK) as running:
        async with dial(running.coinbase.websocket_url) as one, dial(running.coinbase.websocket_url) as other:
            clients = {side: _client(running, side) for side in (one, other)}
            for side in clients:
                await say(side, _subscribe("level2", "ETH-USD"))
            for _ in range(50):
                for side, client in clients.items():
                    client.frame(await receive(side))
        assert {client.connection for client in clients.values()} == {"coinbase-1", "coinbase-2"}


async def test_products_are_listed_with_their_increments_and_aliases() -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.coinbase.rest_url) as rest:
        body = (await rest.get("/api/v3/brokerage/market/products")).json()
        products = {product["product_id"]: product for product in body["products"]}
        assert body["num_products"] == len(products) == 4
        assert (products["BTC-USD"]["alias"], products["BTC-USD"]["alias_to"]) == ("", ["BTC-USDC"])
        assert (products["BTC-USDC"]["alias"], products["BTC-USDC"]["alias_to"]) == ("BTC-USD", [])
        assert products["BTC-USD"]["price_increment"] == "0.01"
        assert products["BTC-USD"]["status"] == "online"
        assert not products["BTC-USD"]["auction_mode"]
        assert (await rest.get("/api/v3/brokerage/market/products/ETH-USD")).json()["base_currency_id"] == "ETH"
        assert (await rest.get("/api/v3/brokerage/market/products/NOSUCH")).status_code == 404
        assert int((await rest.get("/api/v3/brokerage/time")).json()["epochMillis"]) > 0


async def test_the_product_book_has_the_best_levels() -> None:
    options = Options(broker=False, instruments={Venue.COINBASE: ("BTC-USD",)}, rate=0.01)
    async with within(options) as running, httpx.AsyncClient(base_url=running.coinbase.rest_url) as rest:
        url = "/api/v3/brokerage/market/product_book"
        body = (await rest.get(url, params={"product_id": "BTC-USD", "limit": 5})).json()
        book = running.sources[Venue.COINBASE].book("BTC-USD")
        assert book is not None
        assert [(one["price"], one["size"]) for one in body["pricebook"]["bids"]] == book.bids(5)
        assert [(one["price"], one["size"]) for one in body["pricebook"]["asks"]] == book.asks(5)
        assert body["pricebook"]["product_id"] == "BTC-USD"
        assert (await rest.get(url, params={"product_id": "NOSUCH"})).status_code == 404

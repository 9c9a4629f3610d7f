"""Binance's dialect over a random market, on real sockets."""

import json
import time
from typing import Any

import anyio
import httpx
import pytest
from tests.unit.sandbox.sandbox_clients import BinanceClient, dial, receive, say, until_closed, within
from websockets.exceptions import ConnectionClosed

from market_data_sandbox import Options

pytestmark = pytest.mark.anyio

_QUICK = Options(broker=False, rate=200)


async def test_a_client_that_splices_diffs_into_a_snapshot_has_the_true_book_at_every_sequence() -> None:
    async with within(_QUICK) as running, dial(f"{running.binance.websocket_url}/stream") as websocket:
        clients = {
            native: BinanceClient(running.truth, symbol)
            for native, symbol in (("BTCUSDT", "BTC-USDT"), ("ETHUSDT", "ETH-USDT"))
        }
        await say(websocket, {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms", "ethusdt@depth@100ms"], "id": 1})
        assert await receive(websocket) == {"result": None, "id": 1}
        async with httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
            while min(client.agreed for client in clients.values()) < 100:
                frame = await receive(websocket)
                client = clients[frame["data"]["s"]]
                assert frame["stream"] == f"{frame['data']['s'].lower()}@depth@100ms"
                client.diff(frame["data"])
                if client.book is None:
                    response = await rest.get(f"/api/v3/depth?symbol={frame['data']['s']}&limit=1000")
                    body = response.json()
                    assert len(body["bids"]) == len(body["asks"]) == 1000
                    client.snapshot(body)


async def test_ids_are_contiguous_and_the_book_ticker_agrees_with_the_diffs() -> None:
    async with within(_QUICK) as running:
        url = f"{running.binance.websocket_url}/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
        async with dial(url) as websocket:
            last, tickers, agreed = None, {}, 0
            while agreed < 20:
                frame = await receive(websocket)
                event: dict[str, Any] = frame["data"]
                if frame["stream"] == "btcusdt@bookTicker":
                    tickers[event["u"]] = event
                    continue
                assert event["e"] == "depthUpdate"
                assert last is None or event["U"] == last + 1
                assert event["b"] or event["a"]
                assert all(len(text.partition(".")[2]) == 8 for level in event["b"] + event["a"] for text in level)
                last = event["u"]
                if (ticker := tickers.get(last)) is not None:
                    (record,) = running.truth.find("binance", "BTC-USDT", last)
                    assert record.bids[0] == (ticker["b"], ticker["B"])
                    assert record.asks[0] == (ticker["a"], ticker["A"])
                    agreed += 1


async def test_the_slow_stream_gathers_a_second_and_joins_the_same_ids() -> None:
    async with within(_QUICK) as running:
        async with dial(f"{running.binance.websocket_url}/ws/btcusdt@depth") as websocket:
            first, second = await receive(websocket), await receive(websocket)
        assert second["U"] == first["u"] + 1
        assert 900 < second["E"] - first["E"] < 2000
        assert running.truth.find("binance", "BTC-USDT", second["u"])


async def test_a_raw_stream_is_not_wrapped_until_the_property_is_set_and_counts_microseconds_when_asked() -> None:
    async with within(_QUICK) as running:
        url = f"{running.binance.websocket_url}/ws/btcusdt@depth@100ms?timeUnit=MICROSECOND"
        async with dial(url) as websocket:
            assert abs((await receive(websocket))["E"] / 1e6 - time.time()) < 60
            await say(websocket, {"method": "SET_PROPERTY", "params": ["combined", True], "id": "a1"})
            while (frame := await receive(websocket)) != {"result": None, "id": "a1"}:
                assert frame["e"] == "depthUpdate"
            assert (await receive(websocket))["stream"] == "btcusdt@depth@100ms"
            await say(websocket, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2})
            while (frame := await receive(websocket)) != {"result": True, "id": 2}:
                assert "stream" in frame


async def test_subscriptions_are_listed_and_end_with_unsubscribe() -> None:
    async with within(_QUICK) as running, dial(f"{running.binance.websocket_url}/stream") as websocket:
        await say(websocket, {"method": "SUBSCRIBE", "params": ["nosuch@depth@100ms", "other@depth"], "id": 1})
        assert await receive(websocket) == {"result": None, "id": 1}
        await say(websocket, {"method": "UNSUBSCRIBE", "params": ["other@depth", "never@depth"], "id": None})
        assert await receive(websocket) == {"result": None, "id": None}
        await say(websocket, {"method": "LIST_SUBSCRIPTIONS", "id": 3})
        assert await receive(websocket) == {"result": ["nosuch@depth@100ms"], "id": 3}


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        pytest.param("{", 3, "Invalid JSON", id="no JSON"),
        pytest.param("[]", 2, "Invalid request", id="no object"),
        pytest.param('{"id": 1}', 2, "missing field `method`", id="no method"),
        pytest.param('{"method": "DANCE", "id": 1}', 2, "unknown variant `DANCE`", id="unknown method"),
        pytest.param('{"method": "SUBSCRIBE", "params": ["a@depth"], "id": -1.5}', 2, "request ID", id="bad id"),
        pytest.param('{"method": "SUBSCRIBE", "params": "a@depth", "id": 1}', 2, "Invalid request", id="no list"),
        pytest.param('{"method": "GET_PROPERTY", "params": ["x"], "id": 1}', 0, "Unknown property", id="property"),
        pytest.param('{"method": "GET_PROPERTY", "params": [1], "id": 1}', 2, "must be a string", id="property name"),
        pytest.param('{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1, "Boolean", id="value"),
        pytest.param(
            '{"method": "SET_PROPERTY", "params": ["combined", true, 1], "id": 1}', 2, "too many", id="too many"
        ),
    ],
)
async def test_a_wrong_message_is_answered_with_the_documented_error(text: str, code: int, words: str) -> None:
    async with within(_QUICK) as running, dial(f"{running.binance.websocket_url}/stream") as websocket:
        await websocket.send(text)
        reply = await receive(websocket)
        assert reply["code"] == code
        assert words in reply["msg"]


async def test_a_sixth_message_within_a_second_ends_the_connection() -> None:
    async with within(_QUICK) as running, dial(f"{running.binance.websocket_url}/stream") as websocket:
        for number in range(6):
            await say(websocket, {"method": "LIST_SUBSCRIPTIONS", "id": number})
        replies = [json.loads(text) async for text in until_closed(websocket)]
        assert [reply["id"] for reply in replies] == [0, 1, 2, 3, 4]
        assert websocket.close_code == 1008


async def test_pings_of_the_client_count_as_messages() -> None:
    async with within(_QUICK) as running, dial(f"{running.binance.websocket_url}/stream") as websocket:
        for _ in range(6):
            await websocket.ping()
        with pytest.raises(ConnectionClosed):
            await websocket.recv()


async def test_the_server_pings_and_drops_who_does_not_answer() -> None:
    options = Options(broker=False, ping_interval_seconds=0.05, ping_timeout_seconds=0.2)
    async with within(options) as running:
        host, port = running.binance.rest_url.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(
                b"GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            received = b"".join([part async for part in stream])
        body = received.partition(b"\r\n\r\n")[2]
        assert body[0] == 0x89, "a ping"
        assert b"keepalive ping timeout" in body


async def test_symbols_are_listed_with_their_assets_and_filters() -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        listed = (await rest.get("/api/v3/exchangeInfo")).json()["symbols"]
        assert [(entry["symbol"], entry["baseAsset"], entry["quoteAsset"], entry["status"]) for entry in listed] == [
            ("BTCUSDT", "BTC", "USDT", "TRADING"),
            ("ETHUSDT", "ETH", "USDT", "TRADING"),
        ]
        (tick,) = (entry for entry in listed[0]["filters"] if entry["filterType"] == "PRICE_FILTER")
        assert tick["tickSize"] == "0.01000000"
        one = (await rest.get("/api/v3/exchangeInfo", params={"symbols": '["ETHUSDT"]'})).json()["symbols"]
        assert [entry["symbol"] for entry in one] == ["ETHUSDT"]
        assert (await rest.get("/api/v3/ping")).json() == {}
        assert abs((await rest.get("/api/v3/time")).json()["serverTime"] / 1000 - time.time()) < 60


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        pytest.param("", 400, -1102, id="no symbol"),
        pytest.param("symbol=NOSUCH", 400, -1121, id="unknown symbol"),
        pytest.param("symbol=btcusdt", 400, -1100, id="lower case"),
        pytest.param("symbol=BTCUSDT&limit=many", 400, -1100, id="limit is no number"),
        pytest.param("symbol=BTCUSDT&limit=0", 400, -1130, id="limit is zero"),
        pytest.param("symbol=BTCUSDT&depth=5", 400, -1104, id="unknown parameter"),
        pytest.param("symbol=BTCUSDT&symbolStatus=HALT", 400, -1220, id="another status"),
    ],
)
async def test_a_wrong_request_is_answered_with_the_documented_error(query: str, status: int, code: int) -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        response = await rest.get(f"/api/v3/depth?{query}")
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert set(response.json()) == {"code", "msg"}


async def test_requests_are_weighed_and_refused_beyond_the_budget() -> None:
    options = Options(broker=False, binance_weight_per_minute=400)
    async with within(options) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        used = []
        for query in ("", "&limit=100", "&limit=500", "&limit=1000", "&limit=6000"):
            response = await rest.get(f"/api/v3/depth?symbol=BTCUSDT{query}")
            used.append(int(response.headers["X-MBX-USED-WEIGHT-1M"]))
        # Unless a new minute began meanwhile, which forgets what was used.
        assert used == [5, 10, 35, 85, 335] or used != sorted(used)
        assert len(response.json()["bids"]) > 1000
        responses = [await rest.get("/api/v3/depth?symbol=BTCUSDT&limit=1000") for _ in range(20)]
        assert [one.status_code for one in responses].count(200) <= 8
        refused = next(one for one in responses if one.status_code == 429)
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert refused.json()["code"] == -1003
        assert responses[-1].status_code in {418, 429}


async def test_two_connections_get_the_same_events() -> None:
    async with within(_QUICK) as running:
        url = f"{running.binance.websocket_url}/ws/btcusdt@depth@100ms"
        async with dial(url) as one, dial(url) as other:
            assert one.response is not None
            assert other.response is not None
            names = {side.response.headers["x-sandbox-connection"] for side in (one, other) if side.response}
            assert names == {"binance-1", "binance-2"}
            ones = {json.loads(text)["u"]: text for text in [await one.recv() for _ in range(20)]}
            others = {json.loads(text)["u"]: text for text in [await other.recv() for _ in range(20)]}
            common = ones.keys() & others.keys()
            assert len(common) > 10
            assert all(ones[key] == others[key] for key in common)

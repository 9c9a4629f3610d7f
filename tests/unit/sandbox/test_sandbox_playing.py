"""Recorded frames played over real sockets."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup
from tests.unit.sandbox.sandbox_clients import BinanceClient, CoinbaseClient, dial, receive, say, within
from websockets.asyncio.client import ClientConnection

from market_data_sandbox import Options, Running, Venue

pytestmark = pytest.mark.anyio

_DEPTH = "btcusdt@depth@100ms"
_TICKER = "btcusdt@bookTicker"


def _options(*paths: Path, wait_for: int = 1, snapshot_wait_seconds: float = 10) -> Options:
    return Options(
        captures=paths,
        speed=None,
        wait_for=wait_for,
        snapshot_wait_seconds=snapshot_wait_seconds,
        broker=False,
        coinbase_heartbeat_seconds=0.05,
    )


def _frames(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line.partition(" ")[2]) for line in file]


async def _snapshot(running: Running, client: BinanceClient) -> None:
    async with httpx.AsyncClient(base_url=running.binance.rest_url, timeout=20) as rest:
        client.snapshot((await rest.get("/api/v3/depth?symbol=BTCUSDT&limit=1000")).json())


async def _compare_with_tickers(running: Running, count: int, tasks: TaskGroup) -> tuple[BinanceClient, int]:
    """Follow the diffs, and count the book tickers of the same id that say the same."""
    client, tickers, agreed = BinanceClient(running.truth, "BTC-USDT"), dict[int, Any](), 0
    async with dial(f"{running.binance.websocket_url}/stream?streams={_DEPTH}/{_TICKER}") as websocket:
        tasks.start_soon(_snapshot, running, client)
        for _ in range(count):
            frame = await receive(websocket)
            event = frame["data"]
            if frame["stream"] == _TICKER:
                tickers[event["u"]] = event
            else:
                client.diff(event)
            if client.book is not None and (ticker := tickers.pop(client.sequence, None)) is not None:
                best = [(ticker["b"], ticker["B"])], [(ticker["a"], ticker["A"])]
                assert client.book.top(1) == best
                agreed += 1
    return client, agreed


@pytest.mark.timeout(180)
async def test_every_book_ticker_of_the_capture_agrees_with_the_rebuilt_book(captures: Path) -> None:
    files = [captures / "binance_spot" / f"btcusdt_{day}.gz" for day in ("20240808", "20240809")]
    async with within(_options(*files), seconds=150) as running, anyio.create_task_group() as tasks:
        client, agreed = await _compare_with_tickers(running, 3451 + 3044 + 28040 + 45134, tasks)
        await running.capture_ended(Venue.BINANCE)
    assert agreed == 1072
    assert client.agreed == 6495 - 2


async def test_the_excerpt_is_played_whole_and_in_order(excerpts: Path) -> None:
    path = excerpts / "binance_btcusdt_excerpt.gz"
    recorded = [frame for frame in _frames(path) if frame.get("stream") in {_DEPTH, _TICKER}]
    async with within(_options(path, snapshot_wait_seconds=0)) as running, anyio.create_task_group() as tasks:
        async with dial(f"{running.binance.websocket_url}/stream?streams={_DEPTH}/{_TICKER}") as websocket:
            played = [await receive(websocket) for _ in recorded]
        tasks.cancel_scope.cancel()
    assert played == recorded


async def test_raw_streams_of_a_recording_are_not_wrapped(excerpts: Path) -> None:
    path = excerpts / "binance_btcusdt_excerpt.gz"
    async with (
        within(_options(path, snapshot_wait_seconds=0)) as running,
        dial(f"{running.binance.websocket_url}/ws/{_DEPTH}") as websocket,
    ):
        assert await receive(websocket) == _frames(path)[0]["data"]


async def test_the_recorded_snapshot_is_held_back_and_later_ones_are_the_rebuilt_book(excerpts: Path) -> None:
    path = excerpts / "binance_btcusdt_excerpt.gz"
    (recorded,) = (frame for frame in _frames(path) if "lastUpdateId" in frame)
    async with within(_options(path)) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        held: list[Any] = []

        async def ask() -> None:
            held.append((await rest.get("/api/v3/depth?symbol=BTCUSDT&limit=1000")).json())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            assert (await rest.get("/api/v3/ping")).status_code == 200
            assert held == []
            async with dial(f"{running.binance.websocket_url}/stream?streams={_DEPTH}"):
                await running.capture_ended(Venue.BINANCE)
        assert held == [recorded]
        later = (await rest.get("/api/v3/depth?symbol=BTCUSDT&limit=5")).json()
        assert later["lastUpdateId"] == max(
            frame["data"]["u"] for frame in _frames(path) if "data" in frame and frame["stream"] == _DEPTH
        )
        (record,) = running.truth.find("binance", "BTC-USDT", later["lastUpdateId"])
        assert [tuple(level) for level in later["bids"]] == record.bids[:5]
        assert [tuple(level) for level in later["asks"]] == record.asks[:5]


async def test_without_a_recorded_snapshot_none_is_given(tmp_path: Path, excerpts: Path) -> None:
    with gzip.open(excerpts / "binance_btcusdt_excerpt.gz", "rt") as file:
        lines = [line for line in file if "lastUpdateId" not in line]
    path = tmp_path / "capture"
    path.write_text("".join(lines))
    async with (
        within(_options(path, snapshot_wait_seconds=0)) as running,
        httpx.AsyncClient(base_url=running.binance.rest_url) as rest,
    ):
        async with dial(f"{running.binance.websocket_url}/stream?streams={_DEPTH}"):
            response = await rest.get("/api/v3/depth?symbol=BTCUSDT")
            assert (response.status_code, response.json()["code"]) == (503, -1008)
            await running.capture_ended(Venue.BINANCE)
        assert (await rest.get("/api/v3/depth?symbol=BTCUSDT")).status_code == 503
        assert len(running.truth) == 0


async def test_a_hole_in_the_recording_takes_the_book_away(tmp_path: Path, excerpts: Path) -> None:
    with gzip.open(excerpts / "binance_btcusdt_excerpt.gz", "rt") as file:
        lines = list(file)
    diffs = [line for line in lines if _DEPTH in line]
    path = tmp_path / "capture"
    path.write_text("".join(line for line in lines if line != diffs[20]))
    async with (
        within(_options(path, snapshot_wait_seconds=0)) as running,
        httpx.AsyncClient(base_url=running.binance.rest_url) as rest,
    ):
        async with dial(f"{running.binance.websocket_url}/stream?streams={_DEPTH}"):
            await running.capture_ended(Venue.BINANCE)
        assert (await rest.get("/api/v3/depth?symbol=BTCUSDT")).status_code == 503
        assert max(record.sequence for record in running.truth) == json.loads(diffs[19].split(" ", 1)[1])["data"]["u"]


async def test_a_recording_keeps_its_own_pace_times_the_speed(excerpts: Path) -> None:
    path = excerpts / "binance_btcusdt_excerpt.gz"
    options = Options(captures=(path,), speed=8.0, broker=False, snapshot_wait_seconds=0)
    async with within(options) as running, dial(f"{running.binance.websocket_url}/stream?streams={_DEPTH}"):
        started = time.monotonic()
        await running.capture_ended(Venue.BINANCE)
        assert 0.45 < time.monotonic() - started < 3


def _subscribe(*product_ids: str) -> dict[str, Any]:
    return {"type": "subscribe", "channel": "level2", "product_ids": list(product_ids)}


async def _follow(running: Running, websocket: ClientConnection, until: int) -> CoinbaseClient:
    assert websocket.response is not None
    client = CoinbaseClient(running.truth, websocket.response.headers["x-sandbox-connection"])
    while client.agreed < until:
        client.frame(await receive(websocket))
    return client


async def test_a_client_of_the_real_capture_has_the_true_book_at_every_frame(captures: Path) -> None:
    path = captures / "coinbase_advanced" / "rerendered_from_pro_20210417.gz"
    async with within(_options(path, wait_for=10)) as running:
        async with dial(running.coinbase.websocket_url) as websocket:
            await say(websocket, {"type": "subscribe", "channel": "heartbeats"})
            for product in running.coinbase.instruments:
                await say(websocket, _subscribe(product))
            client = await _follow(running, websocket, 9729)
        await running.capture_ended(Venue.COINBASE)
    assert len(client.books) == 10


async def test_frames_are_those_of_the_subscribed_products_and_numbered_anew(excerpts: Path) -> None:
    path = excerpts / "coinbase_ten_products_excerpt.gz"
    recorded = [
        (frame["timestamp"], event)
        for frame in _frames(path)
        for event in frame["events"]
        if event.get("product_id") in {"SKL-USD", "NU-GBP"}
    ]
    async with within(_options(path)) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("SKL-USD", "NU-GBP"))
        ack = await receive(websocket)
        played = [await receive(websocket) for _ in recorded]
    assert (ack["channel"], ack["sequence_num"]) == ("subscriptions", 0)
    assert [(frame["timestamp"], *frame["events"]) for frame in played] == recorded
    assert [frame["sequence_num"] for frame in played] == list(range(1, len(recorded) + 1))


async def test_who_reconnects_midway_goes_on_from_a_snapshot_of_the_book_there(excerpts: Path) -> None:
    path = excerpts / "coinbase_ten_products_excerpt.gz"
    recorded = [event for frame in _frames(path) for event in frame["events"]]
    async with within(Options(captures=(path,), speed=0.3, broker=False)) as running:
        url, products = running.coinbase.websocket_url, running.coinbase.instruments
        async with dial(url) as websocket:
            await say(websocket, _subscribe(*products))
            await _follow(running, websocket, 60)
        async with dial(url) as websocket:
            await say(websocket, _subscribe(*products))
            assert websocket.response is not None
            client = CoinbaseClient(running.truth, websocket.response.headers["x-sandbox-connection"])
            snapshots = [await receive(websocket) for _ in products]
            assert {event["type"] for frame in snapshots for event in frame["events"]} == {"snapshot"}
            assert any(event not in recorded for frame in snapshots for event in frame["events"])
            for snapshot in snapshots:
                client.frame(snapshot)
            while client.agreed < 100:
                client.frame(await receive(websocket))


async def test_a_recording_waits_until_enough_is_subscribed(excerpts: Path) -> None:
    path = excerpts / "coinbase_ten_products_excerpt.gz"
    async with within(_options(path, wait_for=2)) as running:
        url = running.coinbase.websocket_url
        async with dial(url) as one, dial(url) as other:
            await say(one, {"type": "subscribe", "channel": "heartbeats"})
            await say(one, _subscribe("SKL-USD"))
            frames = [await receive(one) for _ in range(4)]
            assert {frame["channel"] for frame in frames} == {"subscriptions", "heartbeats"}
            await say(other, _subscribe("NU-GBP"))
            await _follow(running, other, 1)


async def test_a_quiet_exchange_goes_on_with_heartbeats_and_its_book_after_the_end(excerpts: Path) -> None:
    path = excerpts / "coinbase_ten_products_excerpt.gz"
    async with within(_options(path)) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("SKL-USD"))
        await running.capture_ended(Venue.COINBASE)
        await say(websocket, {"type": "subscribe", "channel": "heartbeats"})
        while (await receive(websocket))["channel"] != "heartbeats":
            pass
        async with httpx.AsyncClient(base_url=running.coinbase.rest_url) as rest:
            response = await rest.get("/api/v3/brokerage/market/product_book?product_id=SKL-USD&limit=20")
        newest = [record for record in running.truth if record.symbol == "SKL-USD"][-1]
        assert [(one["price"], one["size"]) for one in response.json()["pricebook"]["bids"]] == newest.bids


async def test_frames_of_a_partial_recording_are_played_on_an_empty_book(captures: Path) -> None:
    path = captures / "coinbase_advanced" / "aetelier_frames_2_34.jsonl"
    async with within(_options(path)) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("BTC-USD"))
        client = await _follow(running, websocket, 20)
        assert set(client.books) == {"BTC-USD"}


async def test_the_snapshot_of_the_size_of_the_live_book_goes_through_whole(captures: Path) -> None:
    path = captures / "coinbase_advanced" / "snapshot_btc_usd_46655_levels.json.gz"
    async with within(_options(path)) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, _subscribe("BTC-USD"))
        client = await _follow(running, websocket, 1)
        assert sum(map(len, (client.books["BTC-USD"].bids, client.books["BTC-USD"].asks))) == 46655
        async with dial(running.coinbase.websocket_url) as late:
            await say(late, _subscribe("BTC-USD"))
            rebuilt = await _follow(running, late, 1)
        assert rebuilt.books == client.books

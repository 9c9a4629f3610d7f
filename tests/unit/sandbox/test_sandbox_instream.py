"""Recorded frames of OKX and Bybit played over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.sandbox.sandbox_clients import BybitClient, OkxClient, dial, receive, say, within
from websockets.asyncio.client import ClientConnection

from market_data_sandbox import Options, Running, Venue

pytestmark = pytest.mark.anyio

_OKX = {"v5_tickvault_btcusdt_20260824.jsonl": 7, "v5_rerendered_seq_20220513.gz": 290}
_BYBIT = {"v5_tickvault_btcusdt_50_20260824.jsonl": 9, "v5_rerendered_l2_25_20210417.gz": 3260}
"""Frames of books in each file."""


def _options(path: Path, venue: Venue, wait_for: int) -> Options:
    return Options(captures=(path,), venues=(venue,), speed=None, wait_for=wait_for, broker=False)


@asynccontextmanager
async def _connected(running: Running, venue: Venue) -> AsyncIterator[ClientConnection]:
    async with dial(running.endpoints[venue].websocket_url) as websocket:
        yield websocket


def _okx(*symbols: str) -> dict[str, Any]:
    return {"op": "subscribe", "args": [{"channel": "books", "instId": symbol} for symbol in symbols]}


def _topic(symbol: str) -> str:
    return f"orderbook.50.{symbol.replace('-', '')}"


@pytest.mark.parametrize(("name", "count"), _OKX.items())
async def test_every_recorded_frame_of_okx_leads_to_the_book_that_is_told_as_true(
    captures: Path, name: str, count: int
) -> None:
    async with within(_options(captures / "okx" / name, Venue.OKX, 3)) as running:
        async with _connected(running, Venue.OKX) as websocket:
            symbols = running.endpoints[Venue.OKX].instruments
            clients = {symbol: OkxClient(running.truth, symbol) for symbol in symbols}
            await say(websocket, _okx(*symbols))
            while sum(client.agreed for client in clients.values()) < count:
                frame = await receive(websocket)
                if "action" in frame:
                    clients[frame["arg"]["instId"]].frame(frame)
            await running.capture_ended(Venue.OKX)
        async with _connected(running, Venue.OKX) as websocket:
            await say(websocket, _okx("BTC-USDT"))
            assert (await receive(websocket))["event"] == "subscribe"
            snapshot = await receive(websocket)
            assert snapshot["data"][0]["seqId"] == clients["BTC-USDT"].sequence
            clients["BTC-USDT"].frame(snapshot)
        async with httpx.AsyncClient(base_url=running.endpoints[Venue.OKX].rest_url) as rest:
            params = {"instId": "BTC-USDT", "sz": "400"}
            (book,) = (await rest.get("/api/v5/market/books", params=params)).json()["data"]
            assert book["seqId"] == clients["BTC-USDT"].sequence


@pytest.mark.parametrize(("name", "count"), _BYBIT.items())
async def test_every_recorded_frame_of_bybit_leads_to_the_book_that_is_told_as_true(
    captures: Path, name: str, count: int
) -> None:
    async with within(_options(captures / "bybit" / name, Venue.BYBIT, 8)) as running:
        async with _connected(running, Venue.BYBIT) as websocket:
            symbols = running.endpoints[Venue.BYBIT].instruments
            clients = {_topic(symbol): BybitClient(running.truth, symbol) for symbol in symbols}
            await say(websocket, {"op": "subscribe", "args": list(clients)})
            while sum(client.agreed for client in clients.values()) < count:
                frame = await receive(websocket)
                if "topic" in frame:
                    clients[frame["topic"]].frame(frame)
            await running.capture_ended(Venue.BYBIT)
        topic, client = next(iter(clients.items()))
        async with _connected(running, Venue.BYBIT) as websocket:
            await say(websocket, {"op": "subscribe", "args": [topic]})
            assert (await receive(websocket))["success"]
            snapshot = await receive(websocket)
            assert snapshot["data"]["u"] == client.sequence
            client.frame(snapshot)

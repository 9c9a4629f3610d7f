"""Kraken's dialect over a random market, on real sockets."""

import json
import re
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from tests.unit.sandbox.kraken_client import KrakenClient, read, receive_text, subscribe
from tests.unit.sandbox.sandbox_clients import dial, receive, say, until_closed, within
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from market_data_sandbox import Fault, FaultKind, Options, Venue
from market_data_sandbox.market_source import MarketSource

pytestmark = pytest.mark.anyio

_QUICK = Options(venues=(Venue.KRAKEN,), broker=False, rate=200, kraken_heartbeat_seconds=0.05)
_QUIET = Options(venues=(Venue.KRAKEN,), broker=False, rate=0.01, kraken_heartbeat_seconds=0.05)
_MICROSECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


async def _answer(websocket: ClientConnection) -> dict[str, Any]:
    while "method" not in (frame := await receive(websocket)):
        pass
    return frame


async def test_the_checksum_of_the_test_is_the_one_of_the_live_venue(captures: Path) -> None:
    client = KrakenClient(None, 10)
    with (captures / "kraken" / "v2_tickvault_btcusd_d10_20260824.jsonl").open() as file:
        for line in file:
            client.frame(read(line))
    assert (client.agreed, client.wrong) == (4, [])


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
async def test_a_client_that_cuts_to_its_depth_has_the_true_book_at_every_frame(depth: int) -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        client = KrakenClient(running.truth, depth)
        await say(websocket, subscribe("BTC/USD", "ETH/USD", depth=depth))
        while client.agreed < 200:
            client.frame(frame := await receive_text(websocket))
            assert not client.wrong
            if frame.get("channel") == "book":
                assert client.is_true(frame["data"][0]["symbol"])
        assert set(client.books) == {"BTC/USD", "ETH/USD"}
        assert {len(book.bids) for book in client.books.values()} == {depth}


async def test_a_client_that_does_not_cut_is_soon_wrong_since_nothing_is_said_of_what_falls_out() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        client = KrakenClient(running.truth, 10**6)
        await say(websocket, subscribe("BTC/USD", depth=10))
        while not client.wrong:
            client.frame(await receive_text(websocket))


async def test_a_level_that_comes_back_into_the_depth_is_told_again() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        client = KrakenClient(running.truth, 10)
        await say(websocket, subscribe("BTC/USD"))
        both = 0
        while both < 10:
            client.frame(frame := await receive_text(websocket))
            if (frame.get("channel"), frame.get("type")) == ("book", "update"):
                sizes = [float(one["qty"]) for one in frame["data"][0]["bids"]]
                both += 0.0 in sizes and any(sizes)
                assert len(client.books["BTC/USD"].bids) == 10


async def test_numbers_are_json_numbers_of_exactly_the_decimals_that_are_listed() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        async with httpx.AsyncClient(base_url=running.endpoints[Venue.KRAKEN].rest_url) as rest:
            pair = (await rest.get("/0/public/AssetPairs?assetVersion=1")).json()["result"]["BTC/USD"]
        level = re.compile(rf'\{{"price":\d+\.\d{{{pair["pair_decimals"]}}},"qty":\d+\.\d{{{pair["lot_decimals"]}}}\}}')
        await say(websocket, subscribe("BTC/USD"))
        zeros = 0
        while zeros < 10:
            text = str(await websocket.recv())
            assert len(level.findall(text)) == text.count('"price"')
            zeros += '"qty":0.00000000}' in text


async def test_the_status_comes_first_then_the_ack_of_each_pair_before_its_snapshot() -> None:
    async with within(_QUIET) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        status = await receive(websocket)
        assert (status["channel"], status["type"], status["data"][0]["system"]) == ("status", "update", "online")
        assert status["data"][0]["connection_id"] > 2**53
        await say(websocket, {**subscribe("BTC/USD", "ETH/USD", depth=25), "req_id": 7})
        for name in ("BTC/USD", "ETH/USD"):
            ack, snapshot = await _answer(websocket), await receive_text(websocket)
            assert re.fullmatch(_MICROSECONDS, ack.pop("time_in"))
            assert re.fullmatch(_MICROSECONDS, ack.pop("time_out"))
            result = {"channel": "book", "depth": 25, "snapshot": True, "symbol": name}
            assert ack == {"method": "subscribe", "req_id": 7, "result": result, "success": True}
            (told,) = snapshot["data"]
            assert (snapshot["type"], told["symbol"], len(told["bids"])) == ("snapshot", name, 25)
            assert re.fullmatch(_MICROSECONDS, told["timestamp"])


async def test_a_subscription_without_a_snapshot_has_none() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        await say(websocket, subscribe("BTC/USD", snapshot=False))
        while (frame := await receive(websocket)).get("channel") != "book":
            pass
        assert frame["type"] == "update"


async def test_a_new_subscription_on_the_same_connection_begins_with_what_the_last_update_said() -> None:
    async with within(_QUIET) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        told = []
        for _ in range(2):
            await say(websocket, subscribe("BTC/USD"))
            while (frame := await receive_text(websocket)).get("channel") != "book":
                pass
            told.append(frame["data"][0])
            await say(websocket, subscribe("BTC/USD", method="unsubscribe"))
            while (frame := await receive(websocket)).get("method") != "unsubscribe":
                pass
            assert frame["success"]
            assert frame["result"] == {"channel": "book", "depth": 10, "symbol": "BTC/USD"}
        assert told[0] == told[1]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            subscribe("BTC/USD", depth=20),
            {"error": "Subscription depth not supported", "method": "subscribe", "success": False},
            id="depth",
        ),
        pytest.param(
            subscribe("XBT/USD"),
            {
                "error": "Currency pair not supported XBT/USD",
                "method": "subscribe",
                "success": False,
                "symbol": "XBT/USD",
            },
            id="pair",
        ),
        pytest.param(
            {"method": "sing"}, {"error": "Malformed request", "method": "error", "success": False}, id="method"
        ),
        pytest.param(
            subscribe("BTC/USD", depth=[10]),  # type: ignore[arg-type]
            {"error": "Subscription depth not supported", "method": "subscribe", "success": False},
            id="depth that is no number",
        ),
        pytest.param(
            {"method": "subscribe", "params": {"channel": "book", "symbol": [{}]}},
            {"error": "Malformed request", "method": "error", "success": False},
            id="pair that is no text",
        ),
        pytest.param([1], {"error": "Malformed request", "method": "error", "success": False}, id="no object"),
    ],
)
async def test_what_is_refused_is_told_and_the_connection_goes_on(message: object, expected: dict[str, Any]) -> None:
    async with within(_QUIET) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        await say(websocket, message)
        refusal = await _answer(websocket)
        assert {key: refusal[key] for key in refusal if not key.startswith("time_")} == expected
        await say(websocket, {"method": "ping", "req_id": 42})
        pong = await _answer(websocket)
        assert (pong["method"], pong["req_id"]) == ("pong", 42)
        assert {"time_in", "time_out"} <= pong.keys()


async def test_a_pair_that_is_listed_no_longer_is_not_supported() -> None:
    async with within(_QUIET) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        running.faults.inject(
            Fault(fault=FaultKind.LISTING_STATE, venue=Venue.KRAKEN, instrument="BTC-USD", state="missing")
        )
        error = None
        while error is None:
            await say(websocket, subscribe("BTC/USD"))
            error = (await _answer(websocket)).get("error")
            await say(websocket, subscribe("BTC/USD", method="unsubscribe"))
            await _answer(websocket)
        assert error == "Currency pair not supported BTC/USD"


async def test_it_beats_while_anything_is_subscribed_and_closes_when_nothing_is_said() -> None:
    options = Options(
        venues=(Venue.KRAKEN,), broker=False, rate=0.01, kraken_heartbeat_seconds=0.02, kraken_idle_seconds=0.3
    )
    async with within(options) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        await say(websocket, subscribe("BTC/USD"))
        beats = 0
        while beats < 30:
            beats += (await receive(websocket)).get("channel") == "heartbeat"
        await say(websocket, subscribe("BTC/USD", method="unsubscribe"))
        ended_at = anyio.current_time()
        frames = [json.loads(text) async for text in until_closed(websocket)]
        assert frames.count({"channel": "heartbeat"}) < 5
        assert anyio.current_time() - ended_at > 0.2


async def test_who_connects_too_often_is_refused() -> None:
    options = Options(venues=(Venue.KRAKEN,), broker=False, kraken_connections_per_10_minutes=2)
    async with within(options) as running:
        url = running.endpoints[Venue.KRAKEN].websocket_url
        for _ in range(2):
            async with dial(url) as websocket:
                await receive(websocket)
        with pytest.raises(InvalidStatus):
            await dial(url).__aenter__()


async def test_pairs_are_listed_under_all_their_names() -> None:
    options = Options(
        venues=(Venue.KRAKEN,), broker=False, instruments={Venue.KRAKEN: ("BTC-USD", "DOGE-EUR", "SOL-USD")}
    )
    async with (
        within(options) as running,
        httpx.AsyncClient(base_url=running.endpoints[Venue.KRAKEN].rest_url) as rest,
    ):
        old = (await rest.get("/0/public/AssetPairs")).json()
        assert old["error"] == []
        assert list(old["result"]) == ["XXBTZUSD", "XXDGZEUR", "SOLUSD"]
        bitcoin = old["result"]["XXBTZUSD"]
        assert [bitcoin[key] for key in ("altname", "wsname", "base", "quote")] == ["XBTUSD", "XBT/USD", "XXBT", "ZUSD"]
        new = (await rest.get("/0/public/AssetPairs", params={"assetVersion": 1})).json()["result"]
        assert {name: (pair["base"], pair["quote"], pair["status"]) for name, pair in new.items()} == {
            "BTC/USD": ("BTC", "USD", "online"),
            "DOGE/EUR": ("DOGE", "EUR", "online"),
            "SOL/USD": ("SOL", "USD", "online"),
        }
        assert (new["BTC/USD"]["pair_decimals"], new["BTC/USD"]["lot_decimals"]) == (2, 8)
        for spelling in ("XBTUSD", "XXBTZUSD", "XBT/USD", "BTC/USD"):
            assert list((await rest.get("/0/public/AssetPairs", params={"pair": spelling})).json()["result"]) == [
                "XXBTZUSD"
            ]
        unknown = await rest.get("/0/public/AssetPairs", params={"pair": "XBTUSD,NOSUCH"})
        assert (unknown.status_code, unknown.json()) == (200, {"error": ["EQuery:Unknown asset pair"]})


async def test_the_rest_book_is_padded_and_rounded() -> None:
    async with (
        within(_QUIET) as running,
        httpx.AsyncClient(base_url=running.endpoints[Venue.KRAKEN].rest_url) as rest,
    ):
        body = (await rest.get("/0/public/Depth", params={"pair": "XBTUSD", "count": 10})).json()
        assert body["error"] == []
        book = body["result"]["XXBTZUSD"]
        assert len(book["bids"]) == len(book["asks"]) == 10
        prices, sizes = ([level[at] for side in ("bids", "asks") for level in book[side]] for at in (0, 1))
        assert all(re.fullmatch(r"\d+\.\d{5}", price) for price in prices)
        assert all(re.fullmatch(r"\d+\.\d{3}", size) for size in sizes)
        depth = await running.sources[Venue.KRAKEN].depth("BTC-USD")
        assert depth is not None
        assert [float(level[0]) for level in depth.bids[:10]] == [float(level[0]) for level in book["bids"]]
        assert {level[2] for level in book["bids"]} == {(depth.changed_ns or 0) // 10**9}
        unknown = await rest.get("/0/public/Depth", params={"pair": "NOSUCH"})
        assert (unknown.status_code, unknown.json()) == (200, {"error": ["EQuery:Unknown asset pair"]})


async def test_time_and_system_status_and_one_request_too_many() -> None:
    options = Options(venues=(Venue.KRAKEN,), broker=False, kraken_requests_at_once=2)
    async with (
        within(options) as running,
        httpx.AsyncClient(base_url=running.endpoints[Venue.KRAKEN].rest_url) as rest,
    ):
        assert (await rest.get("/0/public/Time")).json()["result"]["unixtime"] > 0
        assert (await rest.get("/0/public/SystemStatus")).json()["result"]["status"] == "online"
        refused = await rest.get("/0/public/Time")
        assert (refused.status_code, refused.json()) == (200, {"error": ["EGeneral:Too many requests"]})


async def test_it_announces_maintenance_and_ends_the_connection_some_time_later() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        first = (await receive(websocket))["data"][0]
        await say(websocket, subscribe("BTC/USD"))
        await _answer(websocket)
        running.faults.inject(Fault(fault=FaultKind.NOTICE, venue=Venue.KRAKEN, seconds=0.3))
        frames = [json.loads(text) async for text in until_closed(websocket)]
        (status,) = (frame["data"][0] for frame in frames if frame.get("channel") == "status")
        assert status == {**first, "system": "maintenance"}


async def test_a_wrong_checksum_is_wrong_once() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        client = KrakenClient(running.truth, 10)
        await say(websocket, subscribe("BTC/USD"))
        client.frame(await receive_text(websocket))
        running.faults.inject(Fault(fault=FaultKind.WRONG_CHECKSUM, venue=Venue.KRAKEN))
        while client.agreed < 100:
            client.frame(await receive_text(websocket))
        assert client.wrong == ["BTC/USD"]
        assert client.is_true("BTC/USD")


async def test_a_lost_update_of_the_best_ten_is_told_by_a_checksum() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        client = KrakenClient(running.truth, 10)
        await say(websocket, subscribe("BTC/USD"))
        while client.agreed < 10:
            client.frame(await receive_text(websocket))
        running.faults.inject(Fault(fault=FaultKind.DROP, venue=Venue.KRAKEN, count=5))
        while not client.wrong:
            client.frame(await receive_text(websocket))


async def test_a_lost_level_beyond_the_best_ten_stands_wrong_under_checksums_that_agree() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        client = KrakenClient(running.truth, 100)
        source = running.sources[Venue.KRAKEN]
        assert isinstance(source, MarketSource)
        await say(websocket, subscribe("BTC/USD", depth=100))
        running.faults.inject(Fault(fault=FaultKind.LOST_LEVEL, venue=Venue.KRAKEN))
        while not running.faults.injected[FaultKind.LOST_LEVEL]:
            client.frame(await receive_text(websocket))
        source.rate = 0.001
        beats = 0
        while beats < 2:  # nothing happens any more
            client.frame(frame := await receive_text(websocket))
            beats = 0 if frame["channel"] == "book" else beats + 1
        true = source.book("BTC-USD")
        assert true is not None
        assert not client.wrong
        assert client.books["BTC/USD"].top(100) != (true.bids(100), true.asks(100))
        assert client.books["BTC/USD"].top(10) == (true.bids(10), true.asks(10))


async def test_a_subscription_that_dies_is_silent_while_the_connection_beats_and_a_new_one_lives() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        await say(websocket, subscribe("BTC/USD", "ETH/USD"))
        snapshots = 0
        while snapshots < 2:
            snapshots += (await receive(websocket)).get("type") == "snapshot"
        running.faults.inject(Fault(fault=FaultKind.SILENT_STREAM, venue=Venue.KRAKEN, instrument="BTC-USD"))
        seen: list[str] = []
        while seen.count("heartbeat") < 4 or "BTC/USD" in seen[-10:]:
            frame = await receive(websocket)
            seen.append(frame["data"][0]["symbol"] if frame.get("channel") == "book" else frame.get("channel", ""))
        client = KrakenClient(running.truth, 10)
        for method in ("unsubscribe", "subscribe"):
            await say(websocket, subscribe("BTC/USD", method=method))
        while client.agreed < 20:
            frame = await receive_text(websocket)
            if frame.get("channel") == "book" and frame["data"][0]["symbol"] == "BTC/USD":
                client.frame(frame)
        assert not client.wrong
        assert client.is_true("BTC/USD")

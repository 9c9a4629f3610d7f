"""Bybit's dialect over a random market, on real sockets."""

import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import httpx
import pytest
from tests.unit.sandbox.sandbox_clients import BybitClient, NaiveBook, dial, receive, say, within
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from market_data_sandbox import Fault, FaultKind, Options, Running, Venue
from market_data_sandbox.faults import FrameChoice, RefusalChoice

pytestmark = pytest.mark.anyio

_QUICK = Options(broker=False, venues=(Venue.BYBIT,), rate=200)
_QUIET = attrs.evolve(_QUICK, rate=0.01)
_BTC, _ETH = "orderbook.50.BTCUSDT", "orderbook.50.ETHUSDT"
_BOOK = {"category": "spot", "symbol": "BTCUSDT", "limit": "1000"}


@asynccontextmanager
async def _dialled(running: Running) -> AsyncIterator[ClientConnection]:
    async with dial(running.endpoints[Venue.BYBIT].websocket_url) as websocket:
        yield websocket


@asynccontextmanager
async def _following(running: Running, *topics: str) -> AsyncIterator[ClientConnection]:
    """Subscribe on a new connection; the acknowledgement has been received."""
    async with _dialled(running) as websocket:
        await say(websocket, {"op": "subscribe", "args": topics})
        assert (await receive(websocket))["success"]
        yield websocket


@asynccontextmanager
async def _asking(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.endpoints[Venue.BYBIT].rest_url) as rest:
        yield rest


async def _books(websocket: ClientConnection, count: int) -> list[dict[str, Any]]:
    """Receive so many frames of books, whatever else comes between them."""
    frames: list[dict[str, Any]] = []
    while len(frames) < count:
        frame = await receive(websocket)
        frames += [frame] if "topic" in frame else []
    return frames


def _steps(frames: list[dict[str, Any]]) -> list[int]:
    """Give how far each frame is from where it should follow on: 0 everywhere when all is well."""
    numbers = [frame["data"]["u"] for frame in frames]
    return [second - first - 1 for first, second in itertools.pairwise(numbers)]


async def _frames_around(running: Running, websocket: ClientConnection, fault: Fault) -> list[dict[str, Any]]:
    frames = await _books(websocket, 3)
    running.faults.inject(fault)
    while not running.faults.injected[fault.fault]:
        frames += await _books(websocket, 1)
    return frames + await _books(websocket, 40)


@pytest.mark.parametrize("depth", [50, 200])
async def test_a_client_that_counts_has_the_true_book_at_every_frame_and_never_more_than_was_asked(depth: int) -> None:
    topics = [f"orderbook.{depth}.BTCUSDT", f"orderbook.{depth}.ETHUSDT"]
    async with within(_QUICK) as running, _following(running, *topics) as websocket:
        clients = dict(
            zip(topics, (BybitClient(running.truth, each) for each in ("BTC-USDT", "ETH-USDT")), strict=True)
        )
        while min(client.agreed for client in clients.values()) < 150:
            (frame,) = await _books(websocket, 1)
            client = clients[frame["topic"]]
            client.frame(frame)
            assert client.book is not None
            assert (len(client.book.bids), len(client.book.asks)) == (depth, depth)


async def test_an_acknowledgement_names_no_topic_and_a_snapshot_follows() -> None:
    async with within(_QUIET) as running, _dialled(running) as websocket:
        await say(websocket, {"op": "subscribe", "req_id": "7", "args": [_BTC, _ETH]})
        ack, *snapshots = [await receive(websocket) for _ in range(3)]
        assert ack == {"success": True, "ret_msg": "subscribe", "conn_id": "bybit-1", "req_id": "7", "op": "subscribe"}
        assert [(frame["topic"], frame["type"]) for frame in snapshots] == [(_BTC, "snapshot"), (_ETH, "snapshot")]
        assert list(snapshots[0]) == ["topic", "ts", "type", "data", "cts"]
        assert list(snapshots[0]["data"]) == ["s", "b", "a", "u", "seq"]
        assert snapshots[0]["ts"] >= snapshots[0]["cts"]
        texts = [text for level in snapshots[0]["data"]["b"] for text in level]
        assert all(re.fullmatch(r"[1-9]\d*|\d+\.\d*[1-9]", text) for text in texts)


async def test_each_depth_counts_for_itself_and_all_share_the_cross_sequence() -> None:
    topics = (_BTC, "orderbook.200.BTCUSDT", "orderbook.1000.BTCUSDT")
    async with within(_QUICK) as running, _following(running, *topics) as websocket:
        clients = {topic: BybitClient(running.truth, "BTC-USDT") for topic in topics}
        seqs: dict[str, set[int]] = {topic: set() for topic in topics}
        for frame in await _books(websocket, 200):
            clients[frame["topic"]].frame(frame)
            seqs[frame["topic"]].add(frame["data"]["seq"])
        assert len({client.sequence // 10**8 for client in clients.values()}) == 3
        assert seqs[_BTC] & seqs["orderbook.1000.BTCUSDT"]


async def test_a_single_level_comes_whole_each_time_and_again_with_the_same_number() -> None:
    options = attrs.evolve(_QUIET, bybit_repeat_seconds=0.1)
    async with within(options) as running, _following(running, "orderbook.1.BTCUSDT") as websocket:
        frames = await _books(websocket, 3)
        assert [frame["type"] for frame in frames] == ["snapshot"] * 3
        assert len({frame["data"]["u"] for frame in frames}) == 1
        assert [(len(frame["data"]["b"]), len(frame["data"]["a"])) for frame in frames] == [(1, 1)] * 3
        await say(websocket, {"op": "unsubscribe", "req_id": "1", "args": ["orderbook.1.BTCUSDT"]})
        while (await receive(websocket)).get("req_id") != "1":
            pass
        with anyio.move_on_after(0.3) as waiting:
            await websocket.recv()
        assert waiting.cancelled_caught


async def test_an_unsubscribed_topic_is_silent_and_starts_with_a_snapshot_again_while_others_go_on() -> None:
    async with within(_QUICK) as running, _following(running, _BTC, _ETH) as websocket:
        other = BybitClient(running.truth, "ETH-USDT")
        await say(websocket, {"op": "unsubscribe", "req_id": "2", "args": [_BTC]})
        while "topic" in (frame := await receive(websocket)):
            if frame["topic"] == _ETH:
                other.frame(frame)
        assert (frame["success"], frame["req_id"], frame["op"]) == (True, "2", "unsubscribe")
        for frame in await _books(websocket, 30):
            other.frame(frame)
        await say(websocket, {"op": "subscribe", "args": [_BTC]})
        while (frame := (await _books(websocket, 1))[0])["topic"] == _ETH:
            other.frame(frame)
        assert frame["type"] == "snapshot"


async def test_a_client_that_sends_no_ping_is_cut_and_one_that_does_is_answered() -> None:
    options = attrs.evolve(_QUICK, bybit_ping_seconds=0.4)
    async with within(options) as running:
        async with _dialled(running) as websocket:
            for number in range(8):
                await anyio.sleep(0.1)
                await say(websocket, {"op": "ping", "req_id": str(number)})
                pong = await receive(websocket)
                assert (pong["ret_msg"], pong["req_id"], pong["op"]) == ("pong", str(number), "ping")
        async with _following(running, _BTC) as websocket:
            with pytest.raises(ConnectionClosed):
                await _books(websocket, 10_000)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        pytest.param("hello", "json unmarshal error", id="no JSON"),
        pytest.param('{"op":"explode"}', "unknown op", id="unknown operation"),
        pytest.param('{"op":"subscribe","args":[]}', "Param validation error", id="no topics"),
        pytest.param(
            '{"op":"subscribe","args":["orderbook.50.NOSUCHSYM"]}',
            "Invalid symbol :[orderbook.50.NOSUCHSYM]",
            id="unknown instrument",
        ),
        pytest.param(
            '{"op":"subscribe","args":["orderbook.51.BTCUSDT"]}',
            "Invalid topic: orderbook.51.BTCUSDT",
            id="no such depth",
        ),
        pytest.param(json.dumps({"op": "subscribe", "args": [_BTC] * 11}), "args size >10", id="too many topics"),
        pytest.param(json.dumps({"op": "subscribe", "args": [_BTC + " " * 21_000]}), "args length", id="too long"),
    ],
)
async def test_a_bad_request_is_refused_as_a_whole_and_the_connection_stays(message: str, words: str) -> None:
    async with within(_QUIET) as running, _dialled(running) as websocket:
        await websocket.send(message)
        refused = await receive(websocket)
        assert not refused["success"]
        assert words in refused["ret_msg"]
        await say(websocket, {"op": "ping"})
        assert (await receive(websocket))["ret_msg"] == "pong"


async def test_an_instrument_that_is_not_listed_is_refused_with_its_request() -> None:
    async with within(_QUIET) as running, _dialled(running) as websocket, _asking(running) as rest:
        running.sources[Venue.BYBIT].states["ETH-USDT"] = "missing"
        await say(websocket, {"op": "subscribe", "req_id": "1", "args": [_BTC, _ETH]})
        refused = await receive(websocket)
        assert (refused["success"], refused["ret_msg"]) == (False, f"Invalid symbol :[{_ETH}]")
        listed = (await rest.get("/v5/market/instruments-info", params={"category": "spot"})).json()["result"]["list"]
        assert [each["symbol"] for each in listed] == ["BTCUSDT"]


async def test_after_a_restart_a_snapshot_of_number_one_replaces_the_book() -> None:
    async with within(_QUICK) as running, _following(running, _BTC) as websocket:
        client = BybitClient(running.truth, "BTC-USDT")
        fault = Fault(fault=FaultKind.SEQUENCE_RESET, venue=Venue.BYBIT, instrument="BTC-USDT")
        frames = await _frames_around(running, websocket, fault)
        for frame in frames:
            client.frame(frame)
        (at,) = (index for index, frame in enumerate(frames) if frame["data"]["u"] == 1)
        assert frames[at]["type"] == "snapshot"
        assert [frame["data"]["u"] for frame in frames[at : at + 3]] == [1, 2, 3]


async def test_a_lost_delta_leaves_one_hole_of_one_topic_and_a_repeated_one_has_its_number_twice() -> None:
    async with within(_QUICK) as running, _following(running, _BTC, _ETH) as websocket:
        fault = Fault(fault=FaultKind.DROP, venue=Venue.BYBIT, instrument="BTC-USDT")
        frames = await _frames_around(running, websocket, fault)
        for topic, holes in ((_BTC, [1]), (_ETH, [])):
            assert [step for step in _steps([one for one in frames if one["topic"] == topic]) if step] == holes
        fault = Fault(fault=FaultKind.DUPLICATE, venue=Venue.BYBIT, instrument="BTC-USDT")
        frames = await _frames_around(running, websocket, fault)
        assert [step for step in _steps([one for one in frames if one["topic"] == _BTC]) if step] == [-1]


async def test_a_subscription_dies_without_a_word_while_pongs_and_others_come() -> None:
    async with within(_QUICK) as running, _following(running, _BTC, _ETH) as websocket:
        await _books(websocket, 3)
        running.faults.inject(Fault(fault=FaultKind.SILENT_STREAM, venue=Venue.BYBIT, instrument="BTC-USDT"))
        await say(websocket, {"op": "ping"})
        while (await receive(websocket)).get("ret_msg") != "pong":
            pass
        assert {frame["topic"] for frame in await _books(websocket, 50)} == {_ETH}


async def test_a_pong_is_lost() -> None:
    async with within(_QUIET) as running, _dialled(running) as websocket:
        running.faults.inject(Fault(fault=FaultKind.DROP, venue=Venue.BYBIT, frame=FrameChoice.PONG))
        for number in ("1", "2"):
            await say(websocket, {"op": "ping", "req_id": number})
        assert (await receive(websocket))["req_id"] == "2"


@pytest.mark.parametrize("kind", [FaultKind.CROSSED, FaultKind.WRONG_SIDE])
async def test_spoiled_levels_cross_the_book(kind: FaultKind) -> None:
    async with within(_QUICK) as running, _following(running, _BTC) as websocket:
        await _books(websocket, 1)
        running.faults.inject(Fault(fault=kind, venue=Venue.BYBIT, instrument="BTC-USDT"))
        is_crossed = False
        while not is_crossed:
            (frame,) = await _books(websocket, 1)
            truth, *_ = running.truth.find("bybit", "BTC-USDT", frame["data"]["u"])
            book = NaiveBook()
            book.apply(truth.bids, truth.asks)
            book.apply(frame["data"]["b"], frame["data"]["a"])
            is_crossed = book.is_crossed
        assert running.faults.injected == {kind: 1}


async def test_a_rest_book_compares_by_the_cross_sequence_alone() -> None:
    async with within(_QUICK) as running, _asking(running) as rest, _following(running, _BTC) as websocket:
        client, compared = BybitClient(running.truth, "BTC-USDT"), 0
        tops: dict[int, Any] = {}
        while compared < 3:
            body = (await rest.get("/v5/market/orderbook", params=_BOOK)).json()
            for frame in await _books(websocket, 20):
                client.frame(frame)
                assert client.book is not None
                tops[frame["data"]["seq"]] = client.book.top()
            assert (body["retCode"], body["retMsg"]) == (0, "OK")
            result = body["result"]
            assert result["u"] // 10**8 != client.sequence // 10**8
            theirs = tuple([(price, size) for price, size in result[side][:20]] for side in ("b", "a"))
            if result["seq"] in tops:
                assert theirs == tops[result["seq"]]
                compared += 1


async def test_a_stale_rest_book_is_older_than_the_stream() -> None:
    async with within(_QUICK) as running, _asking(running) as rest, _following(running, _BTC) as websocket:
        first, *_ = await _books(websocket, 5)
        running.faults.inject(Fault(fault=FaultKind.STALE_SNAPSHOT, venue=Venue.BYBIT))
        stale, fresh = [(await rest.get("/v5/market/orderbook", params=_BOOK)).json()["result"] for _ in range(2)]
        assert stale["seq"] < first["data"]["seq"] <= fresh["seq"]
        assert stale["cts"] < fresh["cts"]


async def test_instruments_are_listed_with_their_increments_and_states() -> None:
    async with within(_QUIET) as running, _asking(running) as rest:
        running.sources[Venue.BYBIT].states["ETH-USDT"] = "PreLaunch"
        body = (await rest.get("/v5/market/instruments-info", params={"category": "spot"})).json()
        btc, eth = body["result"]["list"]
        assert (btc["symbol"], btc["baseCoin"], btc["quoteCoin"], btc["status"]) == (
            "BTCUSDT",
            "BTC",
            "USDT",
            "Trading",
        )
        assert (btc["priceFilter"]["tickSize"], btc["lotSizeFilter"]["basePrecision"]) == ("0.01", "0.00001")
        assert eth["status"] == "PreLaunch"
        assert int((await rest.get("/v5/market/time")).json()["result"]["timeNano"]) > 10**18


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("orderbook?symbol=BTCUSDT", "Illegal category", id="no category"),
        pytest.param("orderbook?category=spot&symbol=NOSUCHSYM", "Not supported symbols", id="unknown instrument"),
        pytest.param("orderbook?category=spot&symbol=BTCUSDT&limit=1001", "limit invalid", id="too deep"),
        pytest.param("instruments-info", "Illegal category", id="no category of instruments"),
    ],
)
async def test_a_bad_rest_request_is_told_by_a_code(path: str, words: str) -> None:
    async with within(_QUIET) as running, _asking(running) as rest:
        answer = await rest.get(f"/v5/market/{path}")
        assert (answer.status_code, answer.json()["retCode"]) == (200, 10001)
        assert words in answer.json()["retMsg"]


async def test_rest_is_limited_for_ten_minutes_and_the_stream_goes_on() -> None:
    options = attrs.evolve(_QUICK, bybit_requests_per_five_seconds=2)
    async with within(options) as running, _asking(running) as rest, _following(running, _BTC) as websocket:
        answers = [await rest.get("/v5/market/time") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 403, 403]
        assert answers[-1].json()["retMsg"] == "access too frequent"
        assert await _books(websocket, 3)


async def test_where_rest_is_blocked_the_stream_is_not() -> None:
    async with within(_QUICK) as running, _asking(running) as rest:
        running.faults.inject(Fault(fault=FaultKind.REFUSE, venue=Venue.BYBIT, status=403, only=RefusalChoice.REST))
        assert (await rest.get("/v5/market/orderbook", params=_BOOK)).status_code == 403
        async with _following(running, _BTC) as websocket:
            assert await _books(websocket, 3)

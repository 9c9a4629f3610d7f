"""OKX's dialect over a random market, on real sockets."""

import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import anyio
import attrs
import httpx
import pytest
from tests.unit.sandbox.sandbox_clients import NaiveBook, OkxClient, dial, receive, say, until_closed, within
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from market_data_sandbox import Fault, FaultKind, Options, Running, Venue
from market_data_sandbox.faults import FrameChoice, RefusalChoice

pytestmark = pytest.mark.anyio

_QUICK = Options(broker=False, venues=(Venue.OKX,), rate=200)
_QUIET = attrs.evolve(_QUICK, rate=0.01)
_BTC = "BTC-USDT"


def _request(operation: str, *symbols: str, channel: str = "books") -> dict[str, Any]:
    return {"op": operation, "args": [{"channel": channel, "instId": symbol} for symbol in symbols]}


@asynccontextmanager
async def _following(running: Running, *symbols: str) -> AsyncIterator[ClientConnection]:
    """Subscribe to books on a new connection; nothing has been received yet."""
    async with dial(running.endpoints[Venue.OKX].websocket_url) as websocket:
        await say(websocket, _request("subscribe", *symbols))
        yield websocket


@asynccontextmanager
async def _asking(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.endpoints[Venue.OKX].rest_url) as rest:
        yield rest


async def _books(websocket: ClientConnection, count: int) -> list[dict[str, Any]]:
    """Receive so many frames of books, whatever else comes between them."""
    frames: list[dict[str, Any]] = []
    while len(frames) < count:
        frame = await receive(websocket)
        frames += [frame] if "action" in frame else []
    return frames


def _link(frame: dict[str, Any]) -> tuple[int, int]:
    (data,) = frame["data"]
    return data["prevSeqId"], data["seqId"]


def _breaks(frames: list[dict[str, Any]]) -> int:
    """Count where a frame does not name the one before it."""
    return sum(_link(second)[0] != _link(first)[1] for first, second in itertools.pairwise(frames))


async def _frames_around(running: Running, websocket: ClientConnection, fault: Fault) -> list[dict[str, Any]]:
    frames = await _books(websocket, 3)
    running.faults.inject(fault)
    while not running.faults.injected[fault.fault]:
        frames += await _books(websocket, 1)
    return frames + await _books(websocket, 40)


async def test_a_client_that_follows_the_chain_has_the_true_book_at_every_frame() -> None:
    async with within(_QUICK) as running, _following(running, _BTC, "ETH-USDT") as websocket:
        clients = {symbol: OkxClient(running.truth, symbol) for symbol in (_BTC, "ETH-USDT")}
        while min(client.agreed for client in clients.values()) < 200:
            (frame,) = await _books(websocket, 1)
            clients[frame["arg"]["instId"]].frame(frame)


async def test_the_venue_keeps_four_hundred_levels_and_sends_what_leaves_with_what_enters() -> None:
    async with within(_QUICK) as running, _following(running, _BTC) as websocket:
        client = OkxClient(running.truth, _BTC)
        for frame in await _books(websocket, 300):
            client.frame(frame)
            assert client.book is not None
            assert (len(client.book.bids), len(client.book.asks)) == (400, 400)


async def test_each_argument_is_acknowledged_before_its_snapshot() -> None:
    async with within(_QUIET) as running, dial(running.endpoints[Venue.OKX].websocket_url) as websocket:
        await say(websocket, {**_request("subscribe", _BTC, "ETH-USDT"), "id": "7"})
        frames = [await receive(websocket) for _ in range(4)]
        assert frames[0] == {
            "event": "subscribe",
            "id": "7",
            "arg": {"channel": "books", "instId": _BTC},
            "connId": "okx-1",
        }
        assert [frame["arg"]["instId"] for frame in frames] == [_BTC, _BTC, "ETH-USDT", "ETH-USDT"]
        assert [frame.get("action") for frame in frames] == [None, "snapshot", None, "snapshot"]
        assert frames[1]["data"][0]["prevSeqId"] == -1
        assert frames[1]["data"][0]["checksum"] == 0


async def test_levels_are_written_as_the_venue_does() -> None:
    async with within(_QUICK) as running, _following(running, _BTC) as websocket:
        data = [frame["data"][0] for frame in await _books(websocket, 150)]
    levels = [level for each in data for side in ("bids", "asks") for level in each[side]]
    assert all(re.fullmatch(r"0|[1-9]\d*|\d+\.\d*[1-9]", text) for level in levels for text in level[:2])
    assert {level[2] for level in levels} == {"0"}
    assert all((level[3] == "0") == (level[1] == "0") for level in levels)
    assert all(re.fullmatch(r"\d{13}", each["ts"]) for each in data)
    for each in data:
        prices = {side: [Decimal(level[0]) for level in each[side]] for side in ("bids", "asks")}
        assert prices["bids"] == sorted(prices["bids"], reverse=True)
        assert prices["asks"] == sorted(prices["asks"])
    steps = {each["seqId"] - each["prevSeqId"] for each in data[1:]}
    assert len(steps) > 10, "a step is no count"


async def test_an_unsubscribed_book_is_silent_and_starts_with_a_snapshot_again_while_others_go_on() -> None:
    async with within(_QUICK) as running, _following(running, _BTC, "ETH-USDT") as websocket:
        other, seen = OkxClient(running.truth, "ETH-USDT"), 0
        await say(websocket, _request("unsubscribe", _BTC))
        while (frame := await receive(websocket)).get("event") != "unsubscribe":
            if frame["arg"]["instId"] == "ETH-USDT" and "action" in frame:
                other.frame(frame)
        for frame in await _books(websocket, 30):
            other.frame(frame)
        await say(websocket, _request("subscribe", _BTC))
        while not seen:
            (frame,) = await _books(websocket, 1)
            if frame["arg"]["instId"] == _BTC:
                assert frame["action"] == "snapshot"
                seen += 1
            else:
                other.frame(frame)


async def test_a_quiet_book_repeats_its_number_and_a_ping_is_answered() -> None:
    options = attrs.evolve(_QUIET, okx_no_change_seconds=0.1)
    async with within(options) as running, _following(running, _BTC) as websocket:
        client = OkxClient(running.truth, _BTC)
        snapshot, *repeated = await _books(websocket, 4)
        client.frame(snapshot)
        for frame in repeated:
            assert (frame["action"], frame["data"][0]["bids"], frame["data"][0]["asks"]) == ("update", [], [])
            assert _link(frame) == (client.sequence, client.sequence)
            client.frame(frame)
        await websocket.send("ping")
        while (text := await websocket.recv()) != "pong":
            assert "action" in json.loads(text)


async def test_a_connection_to_which_nothing_is_said_is_closed_and_pings_keep_it_open() -> None:
    options = attrs.evolve(_QUIET, okx_silence_seconds=0.4)
    async with within(options) as running:
        async with dial(running.endpoints[Venue.OKX].websocket_url) as mute:
            with pytest.raises(ConnectionClosed) as closed:
                await mute.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4004
        async with _following(running, _BTC) as websocket:
            await _books(websocket, 1)
            for _ in range(10):
                await anyio.sleep(0.1)
                await websocket.send("ping")
                assert await websocket.recv() == "pong"
            with pytest.raises(ConnectionClosed):
                await websocket.recv()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param("hello", "60012", id="no JSON"),
        pytest.param('{"op":"explode","args":[]}', "60012", id="unknown operation"),
        pytest.param('{"op":"subscribe","args":[]}', "60013", id="no arguments"),
        pytest.param('{"op":"subscribe","args":[{"channel":"books"}]}', "60013", id="no instrument"),
        pytest.param(json.dumps(_request("subscribe", "NOSUCH-USDT")), "60018", id="unknown instrument"),
        pytest.param(json.dumps(_request("subscribe", _BTC, channel="books9")), "60018", id="unknown channel"),
        pytest.param(json.dumps(_request("subscribe", _BTC, channel="books-l2-tbt")), "60011", id="a key is needed"),
        pytest.param('{"op":"subscribe","args":["' + "x" * 70_000 + '"]}', "60012", id="too long"),
    ],
)
async def test_a_bad_request_is_refused_by_a_code_and_the_connection_stays(message: str, code: str) -> None:
    async with within(_QUIET) as running, dial(running.endpoints[Venue.OKX].websocket_url) as websocket:
        await websocket.send(message)
        refused = await receive(websocket)
        assert (refused["event"], refused["code"], refused["connId"]) == ("error", code, "okx-1")
        await say(websocket, _request("subscribe", _BTC))
        assert (await receive(websocket))["event"] == "subscribe"


async def test_an_unknown_instrument_is_refused_alone() -> None:
    async with within(_QUIET) as running:
        running.sources[Venue.OKX].states["ETH-USDT"] = "missing"
        async with _following(running, "ETH-USDT", _BTC) as websocket, _asking(running) as rest:
            refused, ack, snapshot = [await receive(websocket) for _ in range(3)]
            assert refused["code"] == "60018"
            assert "instId:ETH-USDT doesn't exist" in refused["msg"]
            assert ack["arg"]["instId"] == snapshot["arg"]["instId"] == _BTC
            listed = (await rest.get("/api/v5/public/instruments", params={"instType": "SPOT"})).json()["data"]
            assert [each["instId"] for each in listed] == [_BTC]


async def test_too_many_requests_an_hour_are_refused() -> None:
    async with within(attrs.evolve(_QUIET, okx_requests_per_hour=2)) as running, _following(running, _BTC) as websocket:
        await _books(websocket, 1)
        await say(websocket, _request("unsubscribe", _BTC))
        assert (await receive(websocket))["event"] == "unsubscribe"
        await say(websocket, _request("subscribe", _BTC))
        assert (await receive(websocket))["code"] == "60014"


async def test_an_end_is_announced_and_comes() -> None:
    async with within(_QUICK) as running, _following(running, _BTC) as websocket:
        await _books(websocket, 2)
        running.faults.inject(Fault(fault=FaultKind.NOTICE, venue=Venue.OKX, seconds=0.1))
        while (frame := await receive(websocket)).get("event") != "notice":
            pass
        assert frame["code"] == "64008"
        assert len(await _books(websocket, 3)) == 3, "it goes on until then"
        assert [frame async for frame in until_closed(websocket)]
        assert websocket.close_code == 1001


async def test_a_lost_frame_breaks_the_chain_of_one_instrument_once() -> None:
    async with within(_QUICK) as running, _following(running, _BTC, "ETH-USDT") as websocket:
        fault = Fault(fault=FaultKind.DROP, venue=Venue.OKX, instrument=_BTC)
        frames = await _frames_around(running, websocket, fault)
        for symbol, breaks in ((_BTC, 1), ("ETH-USDT", 0)):
            assert _breaks([frame for frame in frames if frame["arg"]["instId"] == symbol][1:]) == breaks


async def test_numbers_that_start_again_are_in_order() -> None:
    async with within(_QUICK) as running, _following(running, _BTC) as websocket:
        client = OkxClient(running.truth, _BTC)
        frames = await _frames_around(running, websocket, Fault(fault=FaultKind.SEQUENCE_RESET, venue=Venue.OKX))
        for frame in frames:
            client.frame(frame)
        assert [seq < before for before, seq in map(_link, frames[1:])].count(True) == 1


async def test_a_subscription_dies_without_a_word_while_pongs_and_others_come() -> None:
    options = attrs.evolve(_QUICK, okx_no_change_seconds=0.05)
    async with within(options) as running, _following(running, _BTC, "ETH-USDT") as websocket:
        await _books(websocket, 3)
        running.faults.inject(Fault(fault=FaultKind.SILENT_STREAM, venue=Venue.OKX, instrument=_BTC))
        await websocket.send("ping")
        while await websocket.recv() != "pong":
            pass
        assert {frame["arg"]["instId"] for frame in await _books(websocket, 50)} == {"ETH-USDT"}


async def test_a_pong_is_lost() -> None:
    async with within(_QUIET) as running, _following(running, _BTC) as websocket:
        await _books(websocket, 1)
        running.faults.inject(Fault(fault=FaultKind.DROP, venue=Venue.OKX, frame=FrameChoice.PONG))
        await websocket.send("ping")
        await say(websocket, _request("unsubscribe", _BTC))
        assert (await receive(websocket))["event"] == "unsubscribe"
        await websocket.send("ping")
        assert await websocket.recv() == "pong"


@pytest.mark.parametrize("kind", [FaultKind.CROSSED, FaultKind.WRONG_SIDE])
async def test_spoiled_levels_cross_the_book(kind: FaultKind) -> None:
    async with within(_QUICK) as running, _following(running, _BTC) as websocket:
        await _books(websocket, 1)
        running.faults.inject(Fault(fault=kind, venue=Venue.OKX, instrument=_BTC))
        is_crossed = False
        while not is_crossed:
            (frame,) = await _books(websocket, 1)
            truth, *_ = running.truth.find("okx", _BTC, _link(frame)[1])
            book = NaiveBook()
            book.apply(truth.bids, truth.asks)
            book.apply(*([level[:2] for level in frame["data"][0][side]] for side in ("bids", "asks")))
            is_crossed = book.is_crossed
        assert running.faults.injected == {kind: 1}


async def test_without_a_snapshot_in_band_the_rest_book_joins_by_its_number() -> None:
    options = attrs.evolve(_QUICK, okx_snapshot_in_band=False)
    async with within(options) as running, _asking(running) as rest, _following(running, _BTC) as websocket:
        early = await _books(websocket, 5)
        assert {frame["action"] for frame in early} == {"update"}
        body = (await rest.get("/api/v5/market/books", params={"instId": _BTC, "sz": "400"})).json()
        (data,) = body["data"]
        assert (body["code"], len(data["bids"]), len(data["asks"])) == ("0", 400, 400)
        client = OkxClient(running.truth, _BTC, NaiveBook())
        client.take(data)
        assert data["seqId"] >= _link(early[0])[0]
        frames = early
        while _link(frames[-1])[1] <= data["seqId"]:
            frames += await _books(websocket, 1)
        kept = [frame for frame in frames if _link(frame)[1] > data["seqId"]]
        before, after = _link(kept[0])
        assert before <= data["seqId"] < after
        client.sequence = before
        for frame in kept + await _books(websocket, 50):
            client.frame(frame)


async def test_a_stale_rest_book_is_older_than_the_stream() -> None:
    options = attrs.evolve(_QUICK, okx_snapshot_in_band=False)
    async with within(options) as running, _asking(running) as rest, _following(running, _BTC) as websocket:
        early = await _books(websocket, 5)
        running.faults.inject(Fault(fault=FaultKind.STALE_SNAPSHOT, venue=Venue.OKX))
        params = {"instId": _BTC, "sz": "400"}
        stale, fresh = [(await rest.get("/api/v5/market/books", params=params)).json() for _ in range(2)]
        assert stale["data"][0]["seqId"] < _link(early[0])[1] <= fresh["data"][0]["seqId"]


async def test_instruments_are_listed_with_their_increments_and_states() -> None:
    async with within(_QUIET) as running, _asking(running) as rest:
        body = (await rest.get("/api/v5/public/instruments", params={"instType": "SPOT"})).json()
        assert (body["code"], [each["instId"] for each in body["data"]]) == ("0", [_BTC, "ETH-USDT"])
        assert (body["data"][0]["baseCcy"], body["data"][0]["tickSz"], body["data"][0]["state"]) == (
            "BTC",
            "0.01",
            "live",
        )
        params = {"instType": "SPOT", "instId": "ETH-USDT"}
        running.sources[Venue.OKX].states["ETH-USDT"] = "suspend"
        (one,) = (await rest.get("/api/v5/public/instruments", params=params)).json()["data"]
        assert (one["instId"], one["state"]) == ("ETH-USDT", "suspend")
        assert int((await rest.get("/api/v5/public/time")).json()["data"][0]["ts"]) > 10**12


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        pytest.param("market/books", 400, "50014", id="no instrument"),
        pytest.param("market/books?instId=NOSUCH-USDT", 200, "51001", id="unknown instrument"),
        pytest.param("market/books?instId=BTC-USDT&sz=401", 400, "51000", id="too deep"),
        pytest.param("public/instruments", 400, "50014", id="no type"),
        pytest.param("public/instruments?instType=SPOT&instId=NOSUCH-USDT", 200, "51001", id="not listed"),
    ],
)
async def test_a_bad_rest_request_is_told_by_a_code(path: str, status: int, code: str) -> None:
    async with within(_QUIET) as running, _asking(running) as rest:
        answer = await rest.get(f"/api/v5/{path}")
        assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (status, code, [])


async def test_rest_is_limited_and_can_be_refused_alone() -> None:
    options = attrs.evolve(_QUIET, okx_book_requests_per_two_seconds=2)
    async with within(options) as running, _asking(running) as rest:
        answers = [await rest.get("/api/v5/market/books", params={"instId": _BTC}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].json()["code"] == "50011"
        refuse = Fault(fault=FaultKind.REFUSE, venue=Venue.OKX, status=403, only=RefusalChoice.REST)
        running.faults.inject(refuse)
        assert (await rest.get("/api/v5/public/time")).status_code == 403
        async with _following(running, _BTC) as websocket:
            assert await _books(websocket, 1)

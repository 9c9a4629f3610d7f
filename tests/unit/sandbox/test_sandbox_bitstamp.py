"""Bitstamp's dialect over a random market, on real sockets."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import attrs
import httpx
import pytest
from tests.unit.sandbox.sandbox_clients import NaiveBook, dial, receive, say, until_closed, within
from websockets.asyncio.client import ClientConnection

from market_data_sandbox import Fault, FaultKind, Options, Running, Truth, TruthRecord, Venue

pytestmark = pytest.mark.anyio

_QUICK = Options(venues=(Venue.BITSTAMP,), broker=False, rate=200)
_QUIET = Options(venues=(Venue.BITSTAMP,), broker=False, rate=0.01)
_WHOLE, _DIFFERENCE = "order_book_btcusd", "diff_order_book_btcusd"


def _url(running: Running) -> str:
    return running.endpoints[Venue.BITSTAMP].websocket_url


def _rest(running: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=running.endpoints[Venue.BITSTAMP].rest_url)


def _subscribe(channel: str, event: str = "bts:subscribe") -> dict[str, Any]:
    return {"event": event, "data": {"channel": channel}}


def _truth(truth: Truth, data: dict[str, Any]) -> TruthRecord:
    (record,) = truth.find("bitstamp", "BTC-USD", int(data["microtimestamp"]))
    assert record.event_time == int(data["microtimestamp"])
    return record


@attrs.define
class _Client:
    """Joins the REST book with the differences by their time, and counts what agrees with the truth."""

    truth: Truth
    book: NaiveBook | None = None
    time: int = -1
    agreed: int = 0
    early: list[dict[str, Any]] = attrs.field(factory=list)

    def snapshot(self, body: dict[str, Any]) -> None:
        self.book, self.time = NaiveBook(), int(body["microtimestamp"])
        self.book.apply(body["bids"], body["asks"])
        for data in self.early:
            self.diff(data)

    def diff(self, data: dict[str, Any]) -> None:
        if self.book is None:
            self.early.append(data)
        elif int(data["microtimestamp"]) > self.time:
            self.time = int(data["microtimestamp"])
            self.book.apply(data["bids"], data["asks"])
            record = _truth(self.truth, data)
            assert (record.bids, record.asks) == self.book.top()
            self.agreed += 1


async def _next(websocket: ClientConnection, channel: str) -> dict[str, Any]:
    while True:
        frame = await receive(websocket)
        if (frame["event"], frame["channel"]) == ("data", channel):
            data: dict[str, Any] = frame["data"]
            return data


async def _follow(client: _Client, websocket: ClientConnection) -> None:
    while True:
        client.diff(await _next(websocket, _DIFFERENCE))


async def test_differences_joined_with_the_rest_book_by_time_are_the_true_book() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket, _rest(running) as rest:
        client = _Client(running.truth)
        await say(websocket, _subscribe(_DIFFERENCE))
        for _ in range(20):
            client.diff(await _next(websocket, _DIFFERENCE))
        body = (await rest.get("/api/v2/order_book/btcusd/")).json()
        assert len(body["bids"]) >= 600
        client.snapshot(body)
        while client.agreed < 200:
            client.diff(await _next(websocket, _DIFFERENCE))


async def test_each_whole_book_is_the_true_one_and_has_a_hundred_levels_best_first() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket:
        await say(websocket, _subscribe(_WHOLE))
        times = []
        for _ in range(100):
            data = await _next(websocket, _WHOLE)
            record = _truth(running.truth, data)
            levels = {side: [tuple(level) for level in data[side]] for side in ("bids", "asks")}
            assert (len(levels["bids"]), len(levels["asks"])) == (100, 100)
            assert (levels["bids"][:20], levels["asks"][:20]) == (record.bids, record.asks)
            times.append(int(data["microtimestamp"]))
        assert times == sorted(set(times)), "the time rises"


async def test_numbers_have_fixed_decimals_and_a_zero_removes() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket:
        await say(websocket, _subscribe(_DIFFERENCE))
        levels: list[list[str]] = []
        while sum(size == "0.00000000" for _, size in levels) < 10:
            data = await _next(websocket, _DIFFERENCE)
            assert data["timestamp"] == data["microtimestamp"][:-6]
            levels += data["bids"] + data["asks"]
        assert all(re.fullmatch(r"\d+\.\d\d", price) and re.fullmatch(r"\d+\.\d{8}", size) for price, size in levels)


async def test_acks_name_their_channel_and_a_second_subscription_is_acknowledged_too() -> None:
    async with within(_QUIET) as running, dial(_url(running)) as websocket:
        for channel in (_WHOLE, _DIFFERENCE, _WHOLE):
            await say(websocket, _subscribe(channel))
            expected = {"event": "bts:subscription_succeeded", "channel": channel, "data": {}}
            assert await receive(websocket) == expected


async def test_an_unsubscribed_channel_is_silent() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket:
        for channel in (_WHOLE, _DIFFERENCE):
            await say(websocket, _subscribe(channel))
            await _next(websocket, channel)
        await say(websocket, _subscribe(_WHOLE, "bts:unsubscribe"))
        expected = {"event": "bts:unsubscription_succeeded", "channel": _WHOLE, "data": {}}
        while await receive(websocket) != expected:
            pass
        assert {(await receive(websocket))["channel"] for _ in range(20)} == {_DIFFERENCE}


async def test_a_heartbeat_is_answered() -> None:
    async with within(_QUIET) as running, dial(_url(running)) as websocket:
        await say(websocket, {"event": "bts:heartbeat"})
        expected = {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}
        assert await receive(websocket) == expected


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        pytest.param("{", None, "Incorrect JSON format.", id="no JSON"),
        pytest.param('{"event":"bts:ping"}', None, "Bad subscription string.", id="unknown event"),
        pytest.param('{"event":"bts:subscribe","data":{}}', None, "Bad subscription string.", id="no channel"),
        pytest.param(json.dumps(_subscribe("order_book_BTC/USD")), None, "Invalid channel provided.", id="misspelt"),
        pytest.param(
            json.dumps(_subscribe("private-my_orders_btcusd")), 4009, "Connection is unauthorized.", id="private"
        ),
    ],
)
async def test_what_is_refused_is_told_without_a_channel(text: str, code: int | None, message: str) -> None:
    async with within(_QUIET) as running, dial(_url(running)) as websocket:
        await websocket.send(text)
        expected = {"event": "bts:error", "channel": "", "data": {"code": code, "message": message}}
        assert await receive(websocket) == expected


async def test_an_unknown_market_is_acknowledged_and_silent() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket:
        await say(websocket, _subscribe("diff_order_book_nosuch"))
        assert (await receive(websocket))["event"] == "bts:subscription_succeeded"
        await say(websocket, _subscribe(_DIFFERENCE))
        channels = {(await receive(websocket))["channel"] for _ in range(50)}
        assert channels == {_DIFFERENCE}


async def test_a_long_message_ends_the_connection_and_so_does_a_channel_too_many_without_a_word() -> None:
    options = Options(venues=(Venue.BITSTAMP,), broker=False, rate=0.01, bitstamp_channels=1)
    async with within(options) as running:
        async with dial(_url(running)) as websocket:
            await say(websocket, _subscribe("x" * 600))
            assert [text async for text in until_closed(websocket)] == []
            assert (websocket.close_code, websocket.close_reason) == (1009, "read limited at 513 bytes")
        async with dial(_url(running)) as websocket:
            await say(websocket, _subscribe(_WHOLE))
            await receive(websocket)
            await say(websocket, _subscribe(_DIFFERENCE))
            assert [text async for text in until_closed(websocket)] == []
            assert websocket.close_code == 1006


async def test_markets_are_listed() -> None:
    async with within(_QUIET) as running, _rest(running) as rest:
        markets = {market["market_symbol"]: market for market in (await rest.get("/api/v2/markets/")).json()}
        assert set(markets) == {"btcusd", "ethusd"}
        names = ("name", "base_currency", "counter_currency", "trading", "market_type")
        assert [markets["btcusd"][key] for key in names] == ["BTC/USD", "BTC", "USD", "Enabled", "SPOT"]
        for state, listed in (("Disabled", ["Disabled", "Enabled"]), ("missing", ["Enabled"])):
            running.sources[Venue.BITSTAMP].states["BTC-USD"] = state
            assert [market["trading"] for market in (await rest.get("/api/v2/markets/")).json()] == listed
        assert (await rest.get("/api/v2/order_book/btcusd/")).status_code == 404


async def test_every_rest_answer_tells_the_time_of_day() -> None:
    async with within(_QUIET) as running, _rest(running) as rest:
        response = await rest.get("/api/v2/order_book/ethusd/")
        said = parsedate_to_datetime(response.headers["date"])
        assert abs((datetime.now(UTC) - said).total_seconds()) < 5


async def test_a_lost_difference_stays_wrong_and_nothing_tells_but_the_truth() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket, _rest(running) as rest:
        client = _Client(running.truth)
        await say(websocket, _subscribe(_DIFFERENCE))
        client.diff(await _next(websocket, _DIFFERENCE))
        client.snapshot((await rest.get("/api/v2/order_book/btcusd/")).json())
        running.faults.inject(Fault(fault=FaultKind.DROP, venue=Venue.BITSTAMP, count=5))
        with pytest.raises(AssertionError):
            await _follow(client, websocket)


async def test_it_asks_for_a_reconnection_and_ends_the_connection_some_time_later() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket:
        await say(websocket, _subscribe(_WHOLE))
        await _next(websocket, _WHOLE)
        running.faults.inject(Fault(fault=FaultKind.NOTICE, venue=Venue.BITSTAMP, seconds=0.3))
        frames = [json.loads(text) async for text in until_closed(websocket)]
        at = frames.index({"event": "bts:request_reconnect", "channel": "", "data": ""})
        assert len(frames) > at + 1, "its books go on meanwhile"


async def test_an_old_rest_book_bears_its_own_time() -> None:
    async with within(_QUICK) as running, dial(_url(running)) as websocket, _rest(running) as rest:
        await say(websocket, _subscribe(_DIFFERENCE))
        first = await _next(websocket, _DIFFERENCE)
        while running.truth.count < 100:
            await _next(websocket, _DIFFERENCE)
        running.faults.inject(Fault(fault=FaultKind.STALE_SNAPSHOT, venue=Venue.BITSTAMP))
        with anyio.fail_after(10):
            body = (await rest.get("/api/v2/order_book/btcusd/")).json()
        assert int(body["microtimestamp"]) < int(first["microtimestamp"]) + 10**6
        record = _truth(running.truth, body)
        assert [list(level) for level in record.bids] == body["bids"][:20]

"""Faults on frames and connections of the venues that number nothing, as a client sees them."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import anyio
import attrs
import httpx
import pytest
from tests.unit.sandbox.kraken_client import crc_of, read, receive_text, subscribe
from tests.unit.sandbox.sandbox_clients import dial, receive, say, until_closed, within
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from market_data_sandbox import Fault, FaultKind, Options, Running, Venue
from market_data_sandbox.faults import FrameChoice

pytestmark = pytest.mark.anyio


@attrs.frozen
class _Case:
    """How a venue's book is asked for, and where its frames have what."""

    venue: Venue
    subscription: dict[str, Any]
    depth_path: str

    def data(self, frame: dict[str, Any]) -> dict[str, Any] | None:
        """Give the book of an update; None in other frames."""
        if self.venue is Venue.KRAKEN:
            is_update = frame.get("channel") == "book" and frame["type"] == "update"
            return frame["data"][0] if is_update else None
        return frame["data"] if frame["event"] == "data" else None

    def time(self, frame: dict[str, Any]) -> str:
        """Give what the time of an update sorts by."""
        data = self.data(frame)
        assert data is not None
        return str(data["timestamp"] if self.venue is Venue.KRAKEN else data["microtimestamp"])

    def prices(self, frame: dict[str, Any], side: str) -> list[Decimal]:
        """Give the prices of an update that have a size."""
        data = self.data(frame)
        assert data is not None
        levels = [(one["price"], one["qty"]) if isinstance(one, dict) else one for one in data[side]]
        return [Decimal(price) for price, size in levels if Decimal(size)]


_KRAKEN = _Case(Venue.KRAKEN, subscribe("BTC/USD"), "/0/public/Depth?pair=XBTUSD")
_BITSTAMP = _Case(
    Venue.BITSTAMP,
    {"event": "bts:subscribe", "data": {"channel": "diff_order_book_btcusd"}},
    "/api/v2/order_book/btcusd/",
)
_BOTH = pytest.mark.parametrize("case", [_KRAKEN, _BITSTAMP], ids=lambda case: str(case.venue))
_QUICK = Options(venues=(Venue.KRAKEN, Venue.BITSTAMP), broker=False, rate=200, kraken_heartbeat_seconds=0.05)


@asynccontextmanager
async def _listening(running: Running, case: _Case) -> AsyncIterator[ClientConnection]:
    async with dial(running.endpoints[case.venue].websocket_url) as websocket:
        await say(websocket, case.subscription)
        while case.data(await receive(websocket)) is None:
            pass
        yield websocket


async def _updates_around(
    running: Running, case: _Case, websocket: ClientConnection, fault: Fault
) -> list[dict[str, Any]]:
    """Inject a fault, and give the updates from before it until well after it."""
    running.faults.inject(fault)
    updates: list[dict[str, Any]] = []
    while not running.faults.injected[fault.fault] or len(updates) < 40:
        frame = await receive_text(websocket)
        updates += [frame] if case.data(frame) is not None else []
    return updates + [
        frame for frame in [await receive_text(websocket) for _ in range(20)] if case.data(frame) is not None
    ]


def _told_times(running: Running, case: _Case) -> set[int]:
    return {record.sequence for record in running.truth if (record.exchange, record.symbol) == (case.venue, "BTC-USD")}


async def test_a_dropped_diff_is_missed_by_nothing_but_the_truth() -> None:
    async with within(_QUICK) as running, _listening(running, _BITSTAMP) as websocket:
        updates = await _updates_around(
            running, _BITSTAMP, websocket, Fault(fault=FaultKind.DROP, venue=Venue.BITSTAMP)
        )
        times = [int(_BITSTAMP.time(update)) for update in updates]
        missed = {time for time in _told_times(running, _BITSTAMP) if times[0] < time < times[-1]} - set(times)
        assert times == sorted(times)
        assert len(missed) == 1


@_BOTH
async def test_a_duplicate_comes_twice_and_a_reordered_update_comes_late(case: _Case) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        updates = await _updates_around(running, case, websocket, Fault(fault=FaultKind.DUPLICATE, venue=case.venue))
        times = [case.time(update) for update in updates]
        assert len(times) - len(set(times)) <= 1
        assert times == sorted(times)
        updates = await _updates_around(running, case, websocket, Fault(fault=FaultKind.REORDER, venue=case.venue))
        times = [case.time(update) for update in updates]
        assert sum(first > second for first, second in itertools.pairwise(times)) <= 1
        assert running.faults.injected == {FaultKind.DUPLICATE: 1, FaultKind.REORDER: 1}


@_BOTH
@pytest.mark.parametrize("kind", [FaultKind.TRUNCATE, FaultKind.GARBAGE, FaultKind.BINARY])
async def test_a_damaged_frame_is_no_json(case: _Case, kind: FaultKind) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=kind, venue=case.venue))
        damaged: list[str | bytes] = []
        while not damaged:
            text = await websocket.recv()
            try:
                json.loads(text)
            except ValueError:
                damaged.append(text)
        assert isinstance(damaged[0], bytes) == (kind is FaultKind.BINARY)
        assert await receive(websocket)


@_BOTH
async def test_a_crossing_update_has_a_bid_above_the_best_ask_and_its_numbers_are_written_as_ever(case: _Case) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=FaultKind.CROSSED, venue=case.venue))
        book = running.sources[case.venue].book("BTC-USD")
        assert book is not None
        crossed = False
        while not crossed:
            text = str(await websocket.recv())
            frame = read(text)
            if case.data(frame) is not None:
                crossed = max(case.prices(frame, "bids"), default=Decimal(0)) > Decimal(book.asks(1)[0][0])
        assert "e-" not in text.lower().replace("update", "")
        assert running.faults.injected == {FaultKind.CROSSED: 1}


@_BOTH
async def test_bids_and_asks_change_places(case: _Case) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=FaultKind.WRONG_SIDE, venue=case.venue))
        book = running.sources[case.venue].book("BTC-USD")
        assert book is not None
        wrong = False
        while not (wrong and running.faults.injected):
            frame = await receive_text(websocket)
            if case.data(frame) is not None:
                highest = max(case.prices(frame, "bids"), default=Decimal(0))
                lowest = min(case.prices(frame, "asks"), default=Decimal(10**9))
                wrong |= highest > Decimal(book.asks(1)[0][0]) or lowest < Decimal(book.bids(1)[0][0])
        assert running.faults.injected == {FaultKind.WRONG_SIDE: 1}


@_BOTH
async def test_an_error_comes_unasked(case: _Case) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=FaultKind.ERROR_FRAME, venue=case.venue, message="out of order"))
        while "out of order" not in (text := str(await websocket.recv())):
            pass
        error = json.loads(text)
        assert (error["error"] if case is _KRAKEN else error["data"]["message"]) == "out of order"


@_BOTH
@pytest.mark.parametrize("code", [1012, None], ids=["with a code", "without"])
async def test_a_connection_ends_with_or_without_a_code(case: _Case, code: int | None) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=FaultKind.CLOSE, venue=case.venue, code=code))
        _ = [text async for text in until_closed(websocket)]
        assert websocket.close_code == (code or 1006)


@_BOTH
async def test_a_half_open_socket_says_nothing_and_ends_in_time(case: _Case) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=FaultKind.HALF_OPEN, venue=case.venue, seconds=0.3))
        frames = [text async for text in until_closed(websocket)]
        assert len(frames) < 60


@_BOTH
async def test_a_dead_subscription_is_silent_on_a_living_connection(case: _Case) -> None:
    ping: dict[str, Any] = {"method": "ping"} if case is _KRAKEN else {"event": "bts:heartbeat"}
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=FaultKind.SILENT_STREAM, venue=case.venue))
        quiet = 0
        while quiet < 10:
            await say(websocket, ping)
            quiet = 0 if case.data(await receive(websocket)) is not None else quiet + 1
        running.faults.clear()
        while case.data(await receive(websocket)) is None:
            pass


@_BOTH
async def test_when_all_is_silent_pings_of_the_protocol_are_still_answered(case: _Case) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        running.faults.inject(Fault(fault=FaultKind.SILENT_ALL, venue=case.venue))
        with anyio.move_on_after(0.3):
            while True:
                await websocket.recv()
        await (await websocket.ping())
        with anyio.move_on_after(0.1) as waiting:
            await websocket.recv()
        assert waiting.cancelled_caught


@_BOTH
async def test_a_missing_ack_and_a_missing_pong(case: _Case) -> None:
    async with within(_QUICK) as running:
        running.faults.inject(Fault(fault=FaultKind.MISSING_ACK, venue=case.venue))
        running.faults.inject(Fault(fault=FaultKind.DROP, venue=case.venue, frame=FrameChoice.PONG))
        async with _listening(running, case) as websocket:
            await say(websocket, {"method": "ping"} if case is _KRAKEN else {"event": "bts:heartbeat"})
            texts = [str(await websocket.recv()) for _ in range(30)]
        assert running.faults.injected == {FaultKind.MISSING_ACK: 1, FaultKind.DROP: 1}
        assert not any("succe" in text for text in texts)


@_BOTH
async def test_ids_that_start_again_change_nothing_where_there_are_none(case: _Case) -> None:
    async with within(_QUICK) as running, _listening(running, case) as websocket:
        fault = Fault(fault=FaultKind.SEQUENCE_RESET, venue=case.venue)
        times = [case.time(update) for update in await _updates_around(running, case, websocket, fault)]
        assert times == sorted(set(times))
        told = [record for record in running.truth if record.exchange == case.venue]
        assert len({(record.symbol, record.sequence) for record in told}) == len(told)


async def test_a_leap_is_told_within_the_depth_and_the_checksum_agrees() -> None:
    async with within(_QUICK) as running, dial(running.endpoints[Venue.KRAKEN].websocket_url) as websocket:
        await say(websocket, subscribe("BTC/USD"))
        while (frame := await receive_text(websocket)).get("type") != "snapshot":
            pass
        highest = Decimal(frame["data"][0]["asks"][-1]["price"])
        running.faults.inject(Fault(fault=FaultKind.PRICE_LEAP, venue=Venue.KRAKEN))
        while True:
            data = _KRAKEN.data(frame := await receive_text(websocket))
            asks = [] if data is None else [(one["price"], one["qty"]) for one in data["asks"] if Decimal(one["qty"])]
            if data is not None and len(asks) == 10 and Decimal(asks[0][0]) > highest:
                break
        bids = [(one["price"], one["qty"]) for one in data["bids"] if Decimal(one["qty"])]
        assert crc_of(bids, asks) == data["checksum"]


@_BOTH
async def test_a_rest_book_that_is_refused_is_refused_as_the_venue_does(case: _Case) -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.endpoints[case.venue].rest_url) as rest:
        for kind, status in ((FaultKind.SNAPSHOT_ERROR, 500), (FaultKind.SNAPSHOT_STATUS, 429)):
            running.faults.inject(Fault(fault=kind, venue=case.venue))
            refused = await rest.get(case.depth_path)
            assert refused.status_code == status
            assert refused.json()["error" if case is _KRAKEN else "reason"]
        running.faults.inject(Fault(fault=FaultKind.SNAPSHOT_STATUS, venue=case.venue, status=200))
        assert (await rest.get(case.depth_path)).status_code == 200
        running.faults.inject(Fault(fault=FaultKind.REFUSE, venue=case.venue, status=503))
        with pytest.raises(InvalidStatus):
            await dial(running.endpoints[case.venue].websocket_url).__aenter__()

"""Faults on frames and connections, as a client sees them."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.unit.sandbox.sandbox_clients import CoinbaseClient, NaiveBook, dial, receive, say, until_closed, within
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from market_data_sandbox import Fault, FaultKind, Options, Running, Venue
from market_data_sandbox.faults import FrameChoice

pytestmark = pytest.mark.anyio

_QUICK = Options(broker=False, rate=200, coinbase_heartbeat_seconds=0.02)
_DEPTH = "btcusdt@depth@100ms"
_BOTH = pytest.mark.parametrize("venue", [Venue.BINANCE, Venue.COINBASE])


@asynccontextmanager
async def _listening(running: Running, venue: Venue) -> AsyncIterator[ClientConnection]:
    if venue is Venue.BINANCE:
        async with dial(f"{running.binance.websocket_url}/ws/{_DEPTH}") as websocket:
            await receive(websocket)
            yield websocket
        return
    async with dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD"]})
        await receive(websocket)
        await receive(websocket)
        yield websocket


def _numbers(frame: dict[str, Any]) -> tuple[int, int]:
    """Give the first and last number of a frame."""
    return (frame["U"], frame["u"]) if "u" in frame else (frame["sequence_num"], frame["sequence_num"])


def _steps(frames: list[dict[str, Any]]) -> list[int]:
    """Give how far each frame is from where it should follow on: 0 everywhere when all is well."""
    numbers = [_numbers(frame) for frame in frames]
    return [second[0] - first[1] - 1 for first, second in itertools.pairwise(numbers)]


async def _frames_around(running: Running, websocket: ClientConnection, fault: Fault) -> list[Any]:
    """Inject a fault, and give the frames from before it until well after it."""
    frames = [await receive(websocket)]
    running.faults.inject(fault)
    while not running.faults.injected[fault.fault]:
        frames.append(await receive(websocket))
    return frames + [await receive(websocket) for _ in range(40)]


@_BOTH
async def test_a_dropped_frame_leaves_one_hole_and_the_truth_knows_it(venue: Venue) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        frames = await _frames_around(running, websocket, Fault(fault=FaultKind.DROP, venue=venue))
        steps = [step for step in _steps(frames) if step]
        assert len(steps) == 1
        assert steps[0] > 0
        if venue is Venue.COINBASE:
            (before,) = (index for index, step in enumerate(_steps(frames)) if step)
            assert running.truth.find("coinbase", "BTC-USD", frames[before]["sequence_num"] + 1)


@_BOTH
async def test_a_duplicate_comes_twice_and_a_reordered_frame_comes_late(venue: Venue) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        frames = await _frames_around(running, websocket, Fault(fault=FaultKind.DUPLICATE, venue=venue))
        assert any(first == second for first, second in itertools.pairwise(frames))
        frames = await _frames_around(running, websocket, Fault(fault=FaultKind.REORDER, venue=venue))
        assert [step < 0 for step in _steps(frames)].count(True) == 1
        assert not any(_steps(sorted(frames, key=_numbers)))


async def test_a_dropped_heartbeat_is_missed_in_the_numbers() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        await say(websocket, {"type": "subscribe", "channel": "heartbeats"})
        fault = Fault(fault=FaultKind.DROP, venue=Venue.COINBASE, frame=FrameChoice.HEARTBEAT, count=2)
        running.faults.inject(fault)
        frames = [await receive(websocket) for _ in range(5)]
        assert _steps(frames) == [2, 0, 0, 0]
        assert running.faults.injected[FaultKind.DROP] == 2


@_BOTH
async def test_a_delay_holds_everything_back_and_loses_nothing(venue: Venue) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        running.faults.inject(Fault(fault=FaultKind.DELAY, venue=venue, seconds=0.3))
        longest, last, frames = 0.0, anyio.current_time(), []
        while longest < 0.25:
            frames.append(await receive(websocket))
            longest, last = max(longest, anyio.current_time() - last), anyio.current_time()
        assert not any(_steps([*frames, await receive(websocket)]))


@_BOTH
@pytest.mark.parametrize("kind", [FaultKind.TRUNCATE, FaultKind.GARBAGE, FaultKind.BINARY])
async def test_a_damaged_frame_is_no_json(venue: Venue, kind: FaultKind) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        running.faults.inject(Fault(fault=kind, venue=venue))
        damaged: list[str | bytes] = []
        while not damaged:
            text = await websocket.recv()
            try:
                json.loads(text)
            except ValueError:
                damaged.append(text)
        assert isinstance(damaged[0], bytes) == (kind is FaultKind.BINARY)
        assert running.faults.injected == {kind: 1}
        assert await receive(websocket)


async def test_an_oversized_frame_says_what_it_would_have_said() -> None:
    async with within(_QUICK) as running, _listening(running, Venue.BINANCE) as websocket:
        running.faults.inject(Fault(fault=FaultKind.OVERSIZED, venue=Venue.BINANCE, size=3_000_000))
        while len(text := await websocket.recv()) < 3_000_000:
            pass
        assert json.loads(text)["e"] == "depthUpdate"


@_BOTH
async def test_a_crossing_frame_sets_a_bid_above_the_best_ask(venue: Venue) -> None:
    symbol = "BTC-USDT" if venue is Venue.BINANCE else "BTC-USD"
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        running.faults.inject(Fault(fault=FaultKind.CROSSED, venue=venue, instrument=symbol))
        crossed = False
        while not crossed:
            frame = await receive(websocket)
            _, last = _numbers(frame)
            book = NaiveBook()
            (truth,) = running.truth.find(venue, symbol, last)
            book.apply(truth.bids, truth.asks)
            book.apply(*_levels(frame))
            crossed = book.is_crossed
        assert running.faults.injected == {FaultKind.CROSSED: 1}


def _levels(frame: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    if "u" in frame:
        return frame["b"], frame["a"]
    updates = [update for event in frame["events"] for update in event["updates"]]
    bids, asks = (
        [(update["price_level"], update["new_quantity"]) for update in updates if update["side"] == side]
        for side in ("bid", "offer")
    )
    return bids, asks


async def test_a_wrong_side_is_none_of_coinbase_and_the_other_one_of_binance() -> None:
    async with within(_QUICK) as running:
        async with _listening(running, Venue.COINBASE) as websocket:
            running.faults.inject(Fault(fault=FaultKind.WRONG_SIDE, venue=Venue.COINBASE))
            sides: set[str] = set()
            while sides <= {"bid", "offer"}:
                sides = {
                    update["side"] for event in (await receive(websocket))["events"] for update in event["updates"]
                }
            assert "middle" in sides
        async with _listening(running, Venue.BINANCE) as websocket:
            running.faults.inject(Fault(fault=FaultKind.WRONG_SIDE, venue=Venue.BINANCE))
            wrong = False
            while not wrong:
                frame = await receive(websocket)
                (truth,) = running.truth.find("binance", "BTC-USDT", frame["u"])
                bids, asks = ([float(price) for price, size in frame[side] if float(size)] for side in "ba")
                wrong = max(bids, default=0) >= float(truth.asks[0][0]) or min(asks, default=1e9) <= float(
                    truth.bids[0][0]
                )


@_BOTH
async def test_an_error_comes_unasked(venue: Venue) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        running.faults.inject(Fault(fault=FaultKind.ERROR_FRAME, venue=venue, message="out of order"))
        while "out of order" not in (text := await websocket.recv()):
            pass
        expected = (
            {"code": 2, "msg": "out of order"}
            if venue is Venue.BINANCE
            else {"type": "error", "message": "out of order"}
        )
        assert json.loads(text) == expected


@_BOTH
async def test_a_half_open_socket_stays_open_and_answers_nothing(venue: Venue) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        running.faults.inject(Fault(fault=FaultKind.HALF_OPEN, venue=venue, seconds=0.6))
        pong = await websocket.ping()
        seconds = anyio.current_time()
        frames = [text async for text in until_closed(websocket)]
        assert anyio.current_time() - seconds > 0.4, "it stayed open"
        assert len(frames) < 60, "nothing came anymore"
        assert isinstance(pong, asyncio.Future)
        assert not pong.done() or pong.exception() is not None


@_BOTH
@pytest.mark.parametrize("code", [1012, None], ids=["with a code", "without"])
async def test_a_connection_ends_with_or_without_a_code(venue: Venue, code: int | None) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        running.faults.inject(Fault(fault=FaultKind.CLOSE, venue=venue, code=code))
        _ = [text async for text in until_closed(websocket)]
        assert websocket.close_code == (code or 1006)


async def test_only_the_connection_that_is_named_ends() -> None:
    async with (
        within(_QUICK) as running,
        _listening(running, Venue.COINBASE) as first,
        _listening(running, Venue.COINBASE) as second,
    ):
        running.faults.inject(Fault(fault=FaultKind.CLOSE, venue=Venue.COINBASE, connection="coinbase-2", code=1000))
        with pytest.raises(ConnectionClosed):
            _ = [await second.recv() for _ in range(10_000)]
        assert await receive(first)


async def test_a_fault_waits_for_a_connection_to_do_it_to() -> None:
    async with within(_QUICK) as running:
        running.faults.inject(Fault(fault=FaultKind.CLOSE, venue=Venue.COINBASE, code=1011))
        async with dial(running.coinbase.websocket_url) as websocket:
            await say(websocket, {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD"]})
            _ = [text async for text in until_closed(websocket)]
            assert websocket.close_code == 1011


async def test_a_silent_stream_of_binance_is_a_hole_when_it_goes_on_and_all_else_goes_on_meanwhile() -> None:
    async with within(_QUICK) as running:
        streams = f"{_DEPTH}/ethusdt@depth@100ms/btcusdt@bookTicker"
        async with dial(f"{running.binance.websocket_url}/stream?streams={streams}") as websocket:
            while (last := await receive(websocket))["stream"] != _DEPTH:
                pass
            fault = Fault(fault=FaultKind.SILENT_STREAM, venue=Venue.BINANCE, instrument="BTC-USDT", seconds=0.3)
            running.faults.inject(fault)
            others = set()
            while (frame := await receive(websocket))["stream"] != _DEPTH or frame["data"]["U"] == last["data"][
                "u"
            ] + 1:
                if frame["stream"] == _DEPTH:
                    last = frame
                others.add(frame["stream"])
            assert {"ethusdt@depth@100ms", "btcusdt@bookTicker"} <= others


async def test_a_silent_stream_of_coinbase_misses_no_number_and_catches_up_at_the_end() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        assert websocket.response is not None
        client = CoinbaseClient(running.truth, websocket.response.headers["x-sandbox-connection"])
        await say(websocket, {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD", "ETH-USD"]})
        while client.agreed < 10:
            client.frame(await receive(websocket))
        fault = Fault(fault=FaultKind.SILENT_STREAM, venue=Venue.COINBASE, instrument="BTC-USD", seconds=0.3)
        running.faults.inject(fault)
        quiet = 0
        while quiet < 30:
            frame = await receive(websocket)
            client.frame(frame)
            quiet = 0 if any(event["product_id"] == "BTC-USD" for event in frame["events"]) else quiet + 1
        while quiet:
            frame = await receive(websocket)
            client.frame(frame)
            quiet *= all(event.get("product_id") != "BTC-USD" for event in frame["events"])
        assert len(frame["events"][0]["updates"]) > 10, "one update with all that happened"


@_BOTH
async def test_when_all_is_silent_pings_are_still_answered(venue: Venue) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        running.faults.inject(Fault(fault=FaultKind.SILENT_ALL, venue=venue))
        with anyio.move_on_after(0.3):
            while True:
                await websocket.recv()
        await (await websocket.ping())
        with anyio.move_on_after(0.1) as waiting:
            await websocket.recv()
        assert waiting.cancelled_caught
        running.faults.clear()
        assert await receive(websocket)


async def test_a_missing_ack_leaves_no_hole() -> None:
    async with within(_QUICK) as running:
        for venue in running.endpoints:
            running.faults.inject(Fault(fault=FaultKind.MISSING_ACK, venue=venue))
        async with dial(f"{running.binance.websocket_url}/ws") as websocket:
            await say(websocket, {"method": "SUBSCRIBE", "params": [_DEPTH], "id": 1})
            frames = [await receive(websocket) for _ in range(5)]
            assert not any(_steps(frames))
        async with dial(running.coinbase.websocket_url) as websocket:
            await say(websocket, {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD"]})
            frames = [await receive(websocket) for _ in range(5)]
            assert {frame["channel"] for frame in frames} == {"l2_data"}
            assert not any(_steps(frames))


@_BOTH
async def test_numbers_that_start_again_step_back_once(venue: Venue) -> None:
    async with within(_QUICK) as running, _listening(running, venue) as websocket:
        frames = await _frames_around(running, websocket, Fault(fault=FaultKind.SEQUENCE_RESET, venue=venue))
        (step,) = (step for step in _steps(frames) if step)
        assert step < 0


async def test_a_burst_is_ten_times_the_rate_for_a_while() -> None:
    async with within(Options(broker=False, rate=10)) as running, _listening(running, Venue.BINANCE) as websocket:
        running.faults.inject(Fault(fault=FaultKind.BURST, venue=Venue.BINANCE, seconds=0.8))
        count = 0
        with anyio.move_on_after(0.8):
            while True:
                await websocket.recv()
                count += 1
        assert 15 < count < 100


async def test_a_leap_goes_beyond_what_a_snapshot_of_a_thousand_levels_knows() -> None:
    async with within(_QUICK) as running, _listening(running, Venue.BINANCE) as websocket:
        source = running.sources[Venue.BINANCE]
        depth = await source.depth("BTC-USDT")
        assert depth is not None
        known = NaiveBook()
        known.apply(depth.bids[:1000], depth.asks[:1000])
        fault = Fault(fault=FaultKind.PRICE_LEAP, venue=Venue.BINANCE, instrument="BTC-USDT")
        running.faults.inject(fault)
        while depth.sequence >= (frame := await receive(websocket))["u"]:
            pass
        while len(frame["a"]) < 1000:
            known.apply(frame["b"], frame["a"])
            frame = await receive(websocket)
        known.apply(frame["b"], frame["a"])
        (truth,) = running.truth.find("binance", "BTC-USDT", frame["u"])
        assert known.top()[1] != truth.asks
        assert known.top()[0] == truth.bids


async def test_a_big_snapshot_has_the_same_best_levels() -> None:
    async with within(_QUICK) as running, dial(running.coinbase.websocket_url) as websocket:
        running.faults.inject(Fault(fault=FaultKind.BIG_SNAPSHOT, venue=Venue.COINBASE))
        assert websocket.response is not None
        client = CoinbaseClient(running.truth, websocket.response.headers["x-sandbox-connection"])
        await say(websocket, {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD"]})
        text = await websocket.recv()
        assert 4_500_000 < len(text) < 5_500_000
        client.frame(json.loads(text))
        assert client.agreed == 1
        assert len(client.books["BTC-USD"].bids) > 20_000

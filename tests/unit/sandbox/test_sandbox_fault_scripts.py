"""Faults of REST answers and handshakes, and scripts."""

from itertools import pairwise
from pathlib import Path

import anyio
import httpx
import pytest
from tests.support.waiting import until
from tests.unit.sandbox.sandbox_clients import dial, receive, within
from websockets.exceptions import InvalidStatus

from market_data_sandbox import Fault, FaultKind, Options, Venue
from market_data_sandbox.errors import FaultError
from market_data_sandbox.faults import load_script, ready_made_scripts

pytestmark = pytest.mark.anyio

_QUICK = Options(broker=False, rate=200)
_DEPTH = "/api/v3/depth?symbol=BTCUSDT&limit=1000"


@pytest.mark.parametrize("status", [429, 418, 451])
async def test_a_snapshot_is_refused_as_often_as_the_fault_says(status: int) -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        running.faults.inject(
            Fault(fault=FaultKind.SNAPSHOT_STATUS, venue=Venue.BINANCE, status=status, retry_after=7, count=2)
        )
        assert (await rest.get("/api/v3/ping")).status_code == 200
        for _ in range(2):
            refused = await rest.get(_DEPTH)
            assert (refused.status_code, refused.headers["retry-after"]) == (status, "7")
            assert "X-MBX-USED-WEIGHT-1M" in refused.headers
        assert (await rest.get(_DEPTH)).status_code == 200


async def test_a_snapshot_fails_only_for_the_instrument_that_is_named() -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        running.faults.inject(Fault(fault=FaultKind.SNAPSHOT_ERROR, venue=Venue.BINANCE, instrument="ETH-USDT"))
        assert (await rest.get(_DEPTH)).status_code == 200
        failed = await rest.get("/api/v3/depth?symbol=ETHUSDT")
        assert (failed.status_code, failed.json()["code"]) == (500, -1000)


async def test_a_stale_snapshot_is_a_book_of_the_past() -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        async with dial(f"{running.binance.websocket_url}/ws/btcusdt@depth@100ms") as websocket:
            first = await receive(websocket)
        running.faults.inject(Fault(fault=FaultKind.STALE_SNAPSHOT, venue=Venue.BINANCE))
        stale = (await rest.get(_DEPTH)).json()
        assert stale["lastUpdateId"] < first["U"]
        (truth,) = running.truth.find("binance", "BTC-USDT", stale["lastUpdateId"])
        assert [tuple(level) for level in stale["bids"][:20]] == truth.bids
        assert (await rest.get(_DEPTH)).json()["lastUpdateId"] >= first["u"]


async def test_a_snapshot_is_late_or_never_comes() -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        running.faults.inject(Fault(fault=FaultKind.SNAPSHOT_TIMEOUT, venue=Venue.BINANCE, seconds=0.3))
        began = anyio.current_time()
        assert (await rest.get(_DEPTH)).status_code == 200
        assert anyio.current_time() - began >= 0.3
        running.faults.inject(Fault(fault=FaultKind.SNAPSHOT_NEVER, venue=Venue.BINANCE))
        with pytest.raises(httpx.ReadTimeout):
            await rest.get(_DEPTH, timeout=0.3)
        assert (await rest.get(_DEPTH)).status_code == 200


async def test_a_big_snapshot_of_binance_says_the_same_in_more_bytes() -> None:
    async with within(_QUICK) as running, httpx.AsyncClient(base_url=running.binance.rest_url) as rest:
        running.faults.inject(Fault(fault=FaultKind.BIG_SNAPSHOT, venue=Venue.BINANCE))
        response = await rest.get(_DEPTH)
        assert len(response.content) == 5_000_000
        assert len(response.json()["bids"]) == 1000


@pytest.mark.parametrize("venue", [Venue.BINANCE, Venue.COINBASE])
@pytest.mark.parametrize("status", [451, 429, 418])
async def test_an_exchange_refuses_everything_until_it_is_told_not_to(
    venue: Venue, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with within(_QUICK) as running:
        endpoint = running.binance if venue is Venue.BINANCE else running.coinbase
        path = "/api/v3/ping" if venue is Venue.BINANCE else "/api/v3/brokerage/time"
        running.faults.inject(Fault(fault=FaultKind.REFUSE, venue=venue, status=status, retry_after=3))
        for _ in range(2):
            with pytest.raises(InvalidStatus) as refusal:
                await dial(f"{endpoint.websocket_url}/stream").__aenter__()
            assert refusal.value.response.status_code == status
            assert refusal.value.response.headers["retry-after"] == "3"
        async with httpx.AsyncClient(base_url=endpoint.rest_url) as rest:
            refused = await rest.get(path)
            assert (refused.status_code, refused.headers["retry-after"]) == (status, "3")
            running.faults.clear()
            assert (await rest.get(path)).status_code == 200
        async with dial(f"{endpoint.websocket_url}/stream"):
            pass
        assert running.faults.injected[FaultKind.REFUSE] == 3
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_every_kind_of_fault_is_in_a_ready_made_script() -> None:
    scripts = {name: load_script(name) for name in ready_made_scripts()}
    assert {"demo", "mixed", "network", "refused"} <= set(scripts)
    assert {fault.fault for script in scripts.values() for fault in script} == set(FaultKind)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("- {every: 1, venue: binance, fault: explode}", "explode", id="unknown fault"),
        pytest.param("- {every: 1, venue: nasdaq, fault: drop}", "nasdaq", id="unknown venue"),
        pytest.param("- {every: 1, venue: binance, fault: drop, colour: 1}", "colour", id="unknown parameter"),
        pytest.param("- {venue: binance, fault: drop}", "entry 1: expected `at`", id="no time"),
        pytest.param("- {at: 1, venue: binance, fault: lost_level}", "cannot be done to binance", id="unfit"),
        pytest.param("- {at: 1, every: 0, venue: binance, fault: drop}", "entry 1: expected `at`", id="no period"),
        pytest.param("- {at: -1, every: 1, venue: binance, fault: drop}", "entry 1: expected `at`", id="no beginning"),
        pytest.param("- {at: 1, venue: " + "x" * 5000 + "}", "enum value .{9,200}….{9,200}$", id="a long word"),
        pytest.param("{", "script", id="no YAML"),
        pytest.param("hello", "Expected `array`", id="no list"),
        pytest.param(f"- {{at: {'9' * 5000}}}", "4300 digits", id="a number without end"),
        pytest.param("- {at: 2024-13-01}", "month", id="a date that is none"),
        pytest.param("[" * 3000, "recursion", id="nested without end"),
    ],
)
def test_a_script_that_makes_no_sense_is_told(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(FaultError, match=problem):
        load_script(str(path))


def test_an_unknown_script_is_told_with_those_that_there_are() -> None:
    with pytest.raises(FaultError, match="nor one of damage, demo, mixed"):
        load_script("nothing")


def test_the_demos_story_breaks_one_thing_at_a_time_and_begins_again() -> None:
    story = load_script("demo")
    assert {fault.every for fault in story} == {60}
    chapters = sorted({fault.at or 0.0 for fault in story})
    assert chapters[0] >= 5
    assert min(later - at for at, later in pairwise([*chapters, chapters[0] + 60])) >= 10
    for at in chapters:
        assert len({(fault.venue) for fault in story if fault.at == at}) == 1, "one exchange at a time"
    assert {fault.fault for fault in story} >= {
        FaultKind.DROP,
        FaultKind.CLOSE,
        FaultKind.REFUSE,
        FaultKind.SILENT_STREAM,
    }


async def test_what_has_a_beginning_and_a_period_comes_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("- {at: 0.05, every: 0.3, times: 3, venue: binance, fault: price_leap}\n")
    async with within(Options(broker=False, faults=(str(path),))) as running:
        async with dial(f"{running.binance.websocket_url}/ws/btcusdt@depth@100ms"):
            await until(lambda: len(running.faults.history) == 3)
        assert running.faults.history[-1].seconds >= 0.05 + 2 * 0.3


async def test_a_script_is_carried_out_in_its_time_and_with_the_same_seed_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(
        "- {at: 0.1, venue: binance, fault: garbage}\n"
        "- {every: 0.1, jitter: 0.1, times: 3, venue: binance, instrument: ETH-USDT, fault: price_leap}\n"
    )
    rubbish: list[str | bytes] = []
    for run in range(2):
        async with within(Options(broker=False, faults=(str(path),), seed=5)) as running:
            assert not running.faults.history
            began = anyio.current_time()
            async with dial(f"{running.binance.websocket_url}/ws/btcusdt@depth@100ms") as websocket:
                while running.faults.injected.total() < 4 or len(rubbish) == run:
                    text = await websocket.recv()
                    if text[0] != "{":
                        rubbish.append(text)
            assert anyio.current_time() - began >= 0.3
            assert running.faults.injected == {FaultKind.GARBAGE: 1, FaultKind.PRICE_LEAP: 3}
    assert rubbish[0] == rubbish[1]
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fault: ")]
    assert told.count("fault: binance garbage binance-1 BTC-USDT") == 2
    assert told.count("fault: binance price_leap ETH-USDT") == 6

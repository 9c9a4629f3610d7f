"""What is told of books that stop being live and are again: once, many of a kind together, in virtual time."""

import anyio
import pytest
from tests.support.network import FakeTelemetry
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.application.changes import LiveChanges
from market_data.domain.normalized import BookStatus, Reason

pytestmark = pytest.mark.anyio

GAP, GONE = (BookStatus.GAP, Reason.SEQUENCE), (BookStatus.DISCONNECTED, Reason.CONNECTION)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class World:
    def __init__(self) -> None:
        self.telemetry = FakeTelemetry()
        self.changes = LiveChanges(LoopClock(), self.telemetry)

    def said(self) -> list[tuple[object, ...]]:
        """Give what was said, notes as ``live``, and forget it."""
        told = [(f["exchange"], f["status"], f["count"], f["instruments"]) for _, f in self.telemetry.warnings]
        notes = [fields for _, fields in self.telemetry.notes]
        told += [(f.get("exchange", f.get("exchanges")), "live", f["count"], f["instruments"]) for f in notes]
        self.telemetry.warnings.clear()
        self.telemetry.notes.clear()
        return told


async def test_many_that_are_lost_and_found_together_are_one_line_each() -> None:
    world = World()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.changes.run)
        for number in range(7):
            world.changes.lost("okx", f"okx:{number}", *GONE)
        world.changes.lost("kraken", "kraken:A", *GAP)
        await anyio.sleep(1.5)
        assert world.said() == [
            ("okx", "disconnected", 7, "okx:0, okx:1, okx:2, okx:3, okx:4 and 2 more"),
            ("kraken", "gap", 1, "kraken:A"),
        ]
        world.changes.back("okx", "okx:1", 0.5)
        world.changes.back("okx", "okx:2", 7.04)
        await anyio.sleep(1)
        assert world.telemetry.notes[0][1]["after_seconds"] == 7.0
        assert world.said() == [("okx", "live", 2, "okx:1, okx:2")]
        await anyio.sleep(100)
        assert world.said() == []
        tasks.cancel_scope.cancel()


async def test_what_comes_and_goes_within_a_second_is_told_as_both() -> None:
    world = World()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.changes.run)
        world.changes.lost("okx", "okx:1", *GAP)
        world.changes.back("okx", "okx:1", 0.1)
        await anyio.sleep(1.5)
        assert world.said() == [("okx", "gap", 1, "okx:1"), ("okx", "live", 1, "okx:1")]
        tasks.cancel_scope.cancel()


async def test_what_flaps_is_told_to_be_live_once_a_minute_at_most_and_only_if_it_is() -> None:
    world = World()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.changes.run)
        for _ in range(300):
            world.changes.lost("okx", "okx:1", *GAP)
            await anyio.sleep(0.1)
            world.changes.back("okx", "okx:1", 0.1)
            world.changes.back("okx", "okx:2", 0.1)
            world.changes.lost("okx", "okx:2", *GAP)
            await anyio.sleep(0.9)
        lives = [each for each in world.said() if each[1] == "live"]
        assert lives == [("okx", "live", 1, "okx:1")] * 5
        tasks.cancel_scope.cancel()


async def test_what_is_live_again_at_many_exchanges_is_one_line_a_minute() -> None:
    world = World()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.changes.run)
        world.changes.back("okx", "okx:1", 0.1)
        world.changes.back("kraken", "kraken:1", 0.2)
        await anyio.sleep(1.5)
        assert world.said() == [("okx", "live", 1, "okx:1"), ("kraken", "live", 1, "kraken:1")]
        await anyio.sleep(30)
        world.changes.back("okx", "okx:1", 3.0)
        world.changes.back("kraken", "kraken:1", 4.0)
        await anyio.sleep(10)
        assert world.said() == []
        world.changes.back("bybit", "bybit:1", 0.1)
        await anyio.sleep(1)
        assert world.said() == [("bybit", "live", 1, "bybit:1")], "an exchange that has none yet waits for nobody"
        await anyio.sleep(60)
        assert world.telemetry.notes[0][1]["after_seconds"] == 4.0
        assert world.telemetry.notes[0][1]["exchanges"] == "okx, kraken"
        assert world.said() == [("okx, kraken", "live", 2, "okx:1, kraken:1")]
        tasks.cancel_scope.cancel()

"""What waits for one connection."""

import anyio
import pytest

from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Goodbye, Outlet

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]


def _frame(text: str) -> Frame:
    return Frame(text, FrameKind.OTHER)


async def test_frames_are_taken_in_order_and_a_goodbye_is_the_last() -> None:
    outlet = Outlet(capacity=4, limit=8)
    for text in "ab":
        outlet.put(_frame(text))
    outlet.put(Goodbye(1000, "bye"))
    outlet.put(_frame("late"))
    assert await outlet.take() == [_frame("a"), _frame("b"), Goodbye(1000, "bye")]


async def test_there_is_room_again_when_frames_were_taken() -> None:
    outlet = Outlet(capacity=2, limit=8)
    order = []

    async def wait_for_room() -> None:
        await outlet.has_room()
        order.append("room")

    outlet.put(_frame("a"))
    await outlet.has_room()
    outlet.put(_frame("b"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait_for_room)
        await anyio.wait_all_tasks_blocked()
        order.append("full")
        await outlet.take()
    assert order == ["full", "room"]


async def test_a_closed_outlet_makes_nobody_wait() -> None:
    outlet = Outlet(capacity=1, limit=8)
    outlet.put(_frame("a"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outlet.has_room)
        await anyio.wait_all_tasks_blocked()
        outlet.close()
    await outlet.has_room()


async def test_who_is_far_too_slow_is_told_goodbye_and_nothing_else() -> None:
    outlet = Outlet(capacity=1, limit=3)
    for number in range(10):
        outlet.put(_frame(str(number)))
    assert await outlet.take() == [Goodbye(1008, "too slow")]

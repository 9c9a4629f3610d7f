"""Opening what may take long, and being told to stop meanwhile."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from market_data.application.opening import opened_unless

pytestmark = pytest.mark.anyio


class World:
    """Something that takes a while to open."""

    def __init__(self) -> None:
        self.may_open = anyio.Event()
        self.is_closed = False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[str]:
        try:
            await self.may_open.wait()
            with anyio.CancelScope():
                yield "open"
        finally:
            self.is_closed = True


async def test_what_opens_is_given_and_closed_and_a_stop_later_does_not_cut_it_off() -> None:
    world, stop = World(), anyio.Event()
    world.may_open.set()
    async with opened_unless(stop, world.open()) as what:
        assert what == "open"
        stop.set()
        await anyio.sleep(0.01)
        assert not world.is_closed
    assert world.is_closed


async def test_a_stop_before_it_is_open_gives_nothing() -> None:
    world, stop = World(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_set_soon, stop)
        with anyio.fail_after(5):
            async with opened_unless(stop, world.open()) as what:
                assert what is None
    assert world.is_closed


async def test_an_error_of_the_block_comes_out_as_it_was() -> None:
    world = World()
    world.may_open.set()
    with pytest.raises(ValueError, match="mine"):
        async with opened_unless(anyio.Event(), world.open()):
            raise ValueError("mine")
    assert world.is_closed


async def test_an_error_of_opening_comes_out_as_it_was() -> None:
    @asynccontextmanager
    async def refuse() -> AsyncGenerator[str]:
        raise ConnectionError("refused")
        yield "never"

    with pytest.raises(ConnectionError, match="refused"):
        async with opened_unless(anyio.Event(), refuse()):
            pass


async def _set_soon(stop: anyio.Event) -> None:
    await anyio.sleep(0.01)
    stop.set()

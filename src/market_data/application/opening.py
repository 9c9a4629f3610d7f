"""Doing what may take long, and giving it up when the program is told to stop meanwhile."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

__all__ = ["opened_unless", "tasks_beside", "until_stopped"]

T = TypeVar("T")


@asynccontextmanager
async def opened_unless(stop: anyio.Event, manager: AbstractAsyncContextManager[T]) -> AsyncGenerator[T | None]:
    """Open and close as ``manager`` does; None where ``stop`` was set before it was open.

    Raises:
        Exception: whatever the manager or the block raises, as it was.
    """
    is_open = False
    opening = anyio.CancelScope()
    failure: BaseException | None = None

    async def give_up() -> None:
        await stop.wait()
        if not is_open:
            opening.cancel()

    try:
        with opening:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(give_up, name="give up opening")
                async with manager as what:
                    is_open = True
                    yield what
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        failure = group.exceptions[0] if len(group.exceptions) == 1 else group
    if failure is not None:
        raise failure  # out here, so that it keeps its own cause and gets no other
    if not is_open:
        yield None


@asynccontextmanager
async def until_stopped(stop: anyio.Event) -> AsyncGenerator[None]:
    """Do what the block does, and leave it once ``stop`` is set.

    Raises:
        Exception: whatever the block raises, as it was.
    """
    async with tasks_beside() as tasks:

        async def leave() -> None:
            await stop.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(leave, name="stop")
        yield


@asynccontextmanager
async def tasks_beside() -> AsyncGenerator[TaskGroup]:
    """Give a task group whose tasks run beside the block and are cancelled at its end.

    Raises:
        Exception: whatever the block raises, as it was; what a task raises, in a group.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except Exception as error:  # noqa: BLE001 - the block's; a task group would wrap it
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure

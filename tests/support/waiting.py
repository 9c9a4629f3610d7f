"""Waiting for something to become true, with an end."""

from collections.abc import Callable

import anyio

__all__ = ["until"]


async def until(condition: Callable[[], object], within_seconds: float = 20.0, every_seconds: float = 0.01) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not within that time.
    """
    with anyio.fail_after(within_seconds):
        while not condition():  # noqa: ASYNC110 - whatever the condition is about tells nobody
            await anyio.sleep(every_seconds)

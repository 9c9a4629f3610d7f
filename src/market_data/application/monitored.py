"""A run that can be looked at: by metrics and health as long as it lasts, and by what the log sums up of it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from market_data.application.ports import Health, Listener
from market_data.application.summary import Summary

__all__ = ["Monitored"]

T = TypeVar("T")


class Monitored:
    """Runs a job while it is listened for whoever asks of it."""

    def __init__(self, listener: Listener, health: Health, summary: Summary) -> None:
        self._listener = listener
        self._health = health
        self._summary = summary

    async def run(self, job: Callable[[anyio.Event], Awaitable[T]], stop: anyio.Event) -> T:
        """Do the job; it begins once there is an answer to whoever asks.

        Raises:
            AppError: the address to listen at cannot be had; nothing has begun.
            Exception: whatever the job raises.
        """
        async with self._listener.open(self._health), anyio.create_task_group() as tasks:
            tasks.start_soon(self._summary.run, name="summary")
            result = await job(stop)
            tasks.cancel_scope.cancel()
        self._summary.total()
        return result

"""``python -m tests.soak.producing SETTINGS``: ``produce``, which says on stdout what it looks like inside.

Each line is an object with one of

    {"at": 1787610853.7, "tasks": 21, "outbox": 0, "in_flight": 3, "pending": 0}      every second
    {"at": 1787610853.7, "exchange": "binance", "native": "BTCUSDT"}                  an attempt that a venue accepted
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import attrs
import httpx
from dependency_injector import providers
from tests.support.recovery import Attempt
from tests.support.watching import WatchedTransport

from market_data.application.ports import Publication, Publisher
from market_data.cli.options import load
from market_data.cli.running import run

__all__ = ["main"]

_SAMPLE_SECONDS = 1.0


@attrs.define
class _WatchedPublisher(Publisher):
    """Passes everything on, and keeps what is open."""

    publisher: Publisher
    publication: Publication | None = None

    def open(self) -> AbstractAsyncContextManager[Publication]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Publication]:
        async with self.publisher.open() as self.publication:
            yield self.publication


def main(settings_file: Path, overrides: list[str]) -> int:
    """Produce until a signal comes; give 1 where records could not be delivered."""
    program = load("sandbox", [settings_file], overrides)
    container, settings = program.container, program.loaded.settings
    addresses = {
        _host(url): name for name, venue in settings.venues.items() for url in (venue.websocket_url, venue.rest_url)
    }

    def exchange_of(url: str) -> str:
        return addresses[_host(url)]

    def tell_attempt(attempt: Attempt) -> None:
        _tell({"at": attempt.at, "exchange": attempt.exchange, "native": attempt.native})

    transport = WatchedTransport(container.transport(), exchange_of, time.time, tell_attempt)
    publisher = _WatchedPublisher(container.publisher())
    container.transport.override(providers.Object(transport))
    container.publisher.override(providers.Object(publisher))
    outbox, producer = container.outbox(), container.producer()

    async def sample() -> None:
        while True:
            _tell(
                {
                    "at": time.time(),
                    "tasks": len(asyncio.all_tasks()),
                    "outbox": len(outbox),
                    "in_flight": 0 if publisher.publication is None else publisher.publication.undelivered,
                    "pending": sum(len(connection.connection._session.pending) for connection in transport.connections),
                }
            )
            await anyio.sleep(_SAMPLE_SECONDS)

    async def produce(stop: anyio.Event) -> int:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sample, name="samples")
            undelivered = await producer.run(stop)
            tasks.cancel_scope.cancel()
        return undelivered

    return int(run(produce, program.log, program.loop) > 0)


def _host(url: str) -> bytes:
    return httpx.URL(url).netloc


def _tell(what: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

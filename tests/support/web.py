"""The page's server on a real socket, fed by the test; and who listens to its stream."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
from tests.support.network import FakeTelemetry
from tests.support.records import record

from market_data.adapters.clock import SystemClock
from market_data.adapters.web.display import WebDisplay, WebPlace
from market_data.adapters.web.gate import Access
from market_data.application.ports import Reading
from market_data.domain.across import Across
from market_data.domain.market import Market
from market_data.domain.normalized import NormalizedBook
from market_data.domain.proof import OrderProof
from market_data.domain.watch import Watch

__all__ = ["Event", "WebWorld", "fresh", "offered"]


@attrs.frozen
class Event:
    """One event of the stream."""

    name: str
    id: str
    data: Any


def fresh(publish_seq: int = 0, **fields: Any) -> NormalizedBook:
    """Make a record of just now."""
    now = SystemClock().now().wall
    made = record(publish_seq, **fields)
    return attrs.evolve(made, status_since=now, event_time=now - 2000, received_time=now - 1000)


@attrs.define
class WebWorld:
    """A display that is open."""

    display: WebDisplay
    market: Market
    reading: Reading
    telemetry: FakeTelemetry
    client: httpx.AsyncClient
    url: str
    offsets: int = 0

    def show(self, *books: NormalizedBook) -> None:
        """Let the display be shown records."""
        now = SystemClock().now()
        for book in books:
            self.reading.proof.check(book, self.offsets, now.wall)
            self.offsets += 1
        quotes = [quote for book in books if (quote := self.market.take(book, now, now.wall)) is not None]
        self.reading.records += len(books)
        self.reading.now = now
        self.display.show(quotes, self.market, self.reading)

    def refresh(self) -> None:
        """Let time pass for it."""
        self.reading.now = SystemClock().now()
        self.display._told_at = 0.0
        self.display.refresh(self.market, self.reading)

    async def get(self, path: str, **headers: str | bytes) -> httpx.Response:
        """Ask."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(f"{self.url}{path}", headers=named)

    @asynccontextmanager
    async def listen(self, path: str = "stream", **headers: str) -> AsyncGenerator[AsyncIterator[Event]]:
        """Listen to the stream."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.stream("GET", f"{self.url}{path}", headers=named) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    last_id = ""
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        if "data" in fields:
            last_id = fields.get("id", last_id)
            yield Event(fields.get("event", "message"), last_id, json.loads(fields["data"]))
        fields = {}


@asynccontextmanager
async def offered(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    max_clients: int = 100,
    unread_seconds: float = 30.0,
    books: Sequence[NormalizedBook] = (),
    **access: Any,
) -> AsyncGenerator[WebWorld]:
    """Offer the page at any port that is free."""
    telemetry, clock = FakeTelemetry(), SystemClock()
    told: list[str] = []
    place = WebPlace(port, Access(host, **access), max_clients, unread_seconds)
    display = WebDisplay(place, "Test", Watch(15), Across(15), clock, telemetry, told.append)
    market, reading = Market(15, 6), Reading("here books", OrderProof(), clock.now())
    async with (
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
        display.open(market, reading, lambda: None),
    ):
        world = WebWorld(display, market, reading, telemetry, client, told[0])
        if books:
            world.show(*books)
            world.refresh()
        yield world

"""A venue's side of the network in memory: what connects, what is said, what is answered, all by the test's will."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs

from market_data.application.feeds import Feed
from market_data.application.inputs import HandOver, Released
from market_data.application.measures import Source
from market_data.application.metrics import Metric
from market_data.application.ports import Clock, Connection, Network, Received, Request, Response, Telemetry, Transport
from market_data.domain.errors import ConnectionFailed, ConnectionLost, RequestFailed
from market_data.domain.normalized import Reason

__all__ = ["FakeConnection", "FakeNetwork", "FakeTelemetry", "FakeTransport", "keep_all", "keep_connection"]


class FakeConnection(Connection):
    """An open socket whose other end is the test."""

    def __init__(self, clock: Clock, url: str) -> None:
        self._clock = clock
        self.url = url
        self._frames: deque[bytes] = deque()
        self._said = anyio.Event()
        self._failure: ConnectionLost | None = None
        self._partial_bytes = 0
        self.opened_at = clock.now().mono
        self.closed_at: float | None = None
        self.sent: list[tuple[float, str]] = []

    def say(self, *frames: bytes) -> None:
        """Send frames to the client."""
        self._frames.extend(frames)
        self._partial_bytes = 0
        self._said.set()

    def trickle(self, partial_bytes: int) -> None:
        """Let so much of a large frame have come."""
        self._partial_bytes = partial_bytes
        self._said.set()

    def drop(self, problem: str = "the peer closed the connection", reason: Reason = Reason.CONNECTION) -> None:
        """Close it from the venue's side."""
        self._failure = ConnectionLost(problem, reason=reason)
        self._said.set()

    async def receive(self) -> Received:
        await self._said.wait()
        if not self._frames and self._failure is not None:
            raise self._failure
        self._said = anyio.Event()
        frames = list(self._frames)
        self._frames.clear()
        if self._failure is not None:
            self._said.set()
        return Received(frames, self._clock.now(), self._partial_bytes)

    async def send(self, message: str) -> None:
        if self._failure is not None:
            raise self._failure
        self.sent.append((self._clock.now().mono, message))
        await anyio.lowlevel.checkpoint()


@attrs.define
class FakeNetwork(Network):
    """A way to venues that do what the test says."""

    clock: Clock
    on_connect: Callable[[FakeConnection], None] = lambda _: None
    """What the venue does when a connection is opened; it may raise ConnectionFailed."""
    answers: Mapping[str, Callable[[Request], bytes | RequestFailed]] = attrs.field(factory=dict)
    """By a part of the address; a request that none fits is never answered."""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delay_seconds: float = 0.0
    connections: list[FakeConnection] = attrs.field(factory=list)
    attempts: list[float] = attrs.field(factory=list)
    requests: list[tuple[float, str]] = attrs.field(factory=list)
    cancelled: int = 0

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncGenerator[Connection]:
        self.attempts.append(self.clock.now().mono)
        await anyio.sleep(self.delay_seconds)
        connection = FakeConnection(self.clock, url)
        self.on_connect(connection)
        self.connections.append(connection)
        try:
            yield connection
        finally:
            connection.closed_at = self.clock.now().mono

    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        return self._connected(url)

    async def get(self, request: Request) -> Response:
        self.requests.append((self.clock.now().mono, request.url))
        try:
            await anyio.sleep(self.delay_seconds)
            answer = next((answer for part, answer in self.answers.items() if part in request.url), None)
            if answer is None:
                await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        assert answer is not None
        body = answer(request)
        if isinstance(body, RequestFailed):
            raise body
        return Response(body, self.headers)

    @property
    def connection(self) -> FakeConnection:
        """The newest connection."""
        return self.connections[-1]


@attrs.define
class FakeTransport(Transport):
    """Gives one network."""

    network: FakeNetwork
    is_open: bool = False

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Network]:
        self.is_open = True
        try:
            yield self.network
        finally:
            self.is_open = False

    def open(self) -> AbstractAsyncContextManager[Network]:
        return self._opened()


def keep_all(handed: HandOver | Released) -> None:
    """Stand for a feed of which no book ever leaves."""
    raise AssertionError(handed)


def refuse(reason: Reason, retry_after: float | None = None) -> Callable[[FakeConnection], None]:
    """Make a venue that lets nobody in."""

    def fail(_: FakeConnection) -> None:
        raise ConnectionFailed("ws://venue", "no", reason=reason, retry_after_seconds=retry_after)

    return fail


@attrs.define
class FakeTelemetry(Telemetry):
    """Remembers what an operator would be told."""

    notes: list[tuple[str, Mapping[str, object]]] = attrs.field(factory=list)
    warnings: list[tuple[str, Mapping[str, object]]] = attrs.field(factory=list)
    counts: dict[str, int] = attrs.field(factory=dict)
    observed: list[tuple[str, float, Mapping[str, str]]] = attrs.field(factory=list)
    sources: list[Source] = attrs.field(factory=list)

    def note(self, message: str, **fields: object) -> None:
        self.notes.append((message, fields))

    def warn(self, message: str, **fields: object) -> None:
        self.warnings.append((message, fields))

    def count(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        assert set(labels) == set(metric.labels)
        key = metric.name + "".join(f" {label}={value}" for label, value in sorted(labels.items()))
        if amount:  # 0 only makes it known
            self.counts[key] = self.counts.get(key, 0) + amount

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        assert set(labels) == set(metric.labels)
        self.observed.append((metric.name, value, labels))

    def watch(self, source: Source) -> None:
        self.sources.append(source)

    def read(self) -> dict[str, float]:
        """Give what the sources say now, as ``name label=value`` in the order of the labels."""
        return {
            " ".join([metric.name, *map("=".join, zip(metric.labels, labels, strict=True))]): value
            for source in self.sources
            for metric, labels, value in source()
        }


def keep_connection(feed: Feed) -> None:
    """Stay with a connection that is about to be closed, for want of another."""

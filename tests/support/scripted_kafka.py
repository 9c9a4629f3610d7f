"""Brokers on real sockets that answer as a test says: which leads what, and what becomes of each produce request."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import anyio
import attrs
from aiokafka.protocol import produce
from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.metadata import MetadataRequest_v1, MetadataResponse_v1
from aiokafka.protocol.transaction import InitProducerIdResponse_v0

__all__ = ["HANG_UP", "NOT_LEADER", "PRODUCER_ID", "Asked", "ScriptedKafka", "Sent", "scripted_kafka"]

PRODUCER_ID = 4711
NOT_LEADER = 6
HANG_UP = -1000
"""Instead of an error code: close the connection without an answer."""
_PRODUCE, _METADATA, _API_VERSIONS, _INIT_PRODUCER_ID = 0, 3, 18, 22


@attrs.frozen
class Sent:
    """A batch as a broker sees it."""

    producer_id: int
    sequence: int
    records: int


@attrs.define(eq=False)
class Asked:
    """A produce request."""

    node: int
    batches: dict[int, Sent]
    """By partition."""
    _answer: "asyncio.Future[Mapping[int, int]]"

    def answer(self, errors: Mapping[int, int] | None = None) -> None:
        """Say that its batches are written, but for those of these partitions."""
        self._answer.set_result(errors or {})

    def hang_up(self) -> None:
        """Say nothing, and close the connection."""
        self._answer.set_result({HANG_UP: 0})

    async def answered(self) -> Mapping[int, int]:
        """Wait until a test has said what to answer."""
        return await self._answer


@attrs.define(eq=False)
class ScriptedKafka:
    """A cluster with one topic."""

    topic: str
    leaders: dict[int, int]
    """Node by partition; -1 is none."""
    produce_versions: tuple[int, int] = (0, 7)
    asked: list[Asked] = attrs.field(factory=list)
    told: int = 0
    """How often somebody asked for the metadata."""
    is_denied: bool = False
    ports: dict[int, int] = attrs.field(factory=dict)
    offsets: dict[int, int] = attrs.field(factory=dict)
    connections: "set[asyncio.Task[None]]" = attrs.field(factory=set)

    async def until_asked(self, count: int) -> Asked:
        """Wait for that produce request, counted from 1."""
        with anyio.fail_after(10):
            while len(self.asked) < count:  # noqa: ASYNC110
                await anyio.sleep(0.002)
        return self.asked[count - 1]

    async def serve(self, node: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (answer := await self._answer(node, await reader.readexactly(4), reader)) is not None:
                writer.write(struct.pack(">i", len(answer)) + answer)
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        self.connections.discard(task)

    async def _answer(self, node: int, size: bytes, reader: asyncio.StreamReader) -> bytes | None:
        request = await reader.readexactly(*struct.unpack(">i", size))
        key, version, correlation, length = struct.unpack_from(">hhih", request)
        body = request[10 + max(length, 0) :]
        head = struct.pack(">i", correlation)
        if key == _PRODUCE:
            written = await self._write(node, version, body)
            return None if written is None else head + written
        if key == _API_VERSIONS:
            spoken = [
                (_PRODUCE, *self.produce_versions),
                (_METADATA, 0, 1),
                (_API_VERSIONS, 0, 0),
                (_INIT_PRODUCER_ID, 0, 0),
            ]
            return head + ApiVersionResponse_v0(0, spoken).encode()
        if key == _INIT_PRODUCER_ID:
            return head + InitProducerIdResponse_v0(0, 0, PRODUCER_ID, 0).encode()
        assert (key, version) == (_METADATA, 1)
        MetadataRequest_v1.decode(BytesIO(body))
        self.told += 1
        brokers = [(each, "127.0.0.1", port, None) for each, port in self.ports.items()]
        partitions = [(0 if leader >= 0 else 5, at, leader, [], []) for at, leader in self.leaders.items()]
        topic = (29, self.topic, False, []) if self.is_denied else (0, self.topic, False, partitions)
        return head + MetadataResponse_v1(brokers, next(iter(self.ports)), [topic]).encode()

    async def _write(self, node: int, version: int, body: bytes) -> bytes | None:
        request = getattr(produce, f"ProduceRequest_v{version}").decode(BytesIO(body))
        assert request.required_acks == -1
        ((topic, batches),) = request.topics
        assert topic == self.topic
        asked = Asked(node, {at: _read(batch) for at, batch in batches}, asyncio.get_running_loop().create_future())
        self.asked.append(asked)
        errors = await asked.answered()
        if HANG_UP in errors:
            return None
        partitions = [self._written(at, sent.records, errors.get(at, 0)) for at, sent in asked.batches.items()]
        response = getattr(produce, f"ProduceResponse_v{version}")
        shown = [each if version >= 5 else each[:-1] for each in partitions]
        written: bytes = response([(topic, shown)], 0).encode()
        return written

    def _written(self, partition: int, records: int, error: int) -> tuple[int, int, int, int, int]:
        offset = self.offsets.get(partition, 0)
        if not error:
            self.offsets[partition] = offset + records
        return partition, error, -1 if error else offset, -1, 0


def _read(batch: bytes) -> Sent:
    producer_id, _epoch, sequence, records = struct.unpack_from(">qhii", batch, 43)
    return Sent(producer_id, sequence, records)


@asynccontextmanager
async def scripted_kafka(leaders: dict[int, int], nodes: int = 2, **settings: object) -> AsyncIterator[ScriptedKafka]:
    """Run a cluster of so many nodes, numbered from 0."""
    cluster = ScriptedKafka("books", leaders, **settings)  # type: ignore[arg-type]
    servers = []
    for node in range(nodes):

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, node: int = node) -> "asyncio.Task[None]":
            return asyncio.get_running_loop().create_task(cluster.serve(node, reader, writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        cluster.ports[node] = server.sockets[0].getsockname()[1]
    try:
        yield cluster
    finally:
        for server in servers:
            server.close()
        for task in tuple(cluster.connections):
            task.cancel()
        if cluster.connections:
            await asyncio.wait(tuple(cluster.connections))
        for server in servers:
            await server.wait_closed()

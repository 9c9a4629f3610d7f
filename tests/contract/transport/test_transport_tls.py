"""Sockets under TLS, which is what every venue speaks: read as those without it are, to the same end."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import attrs
import pytest
from anyio.streams.tls import TLSStream
from tests.contract.transport.conftest import SETTINGS
from tests.contract.transport.test_transport_sockets import Flood, StillClock, collect, lost
from tests.contract.transport.transport_world import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Handler,
    Peer,
    Stream,
    close_frame,
    frame,
    handshake_answer,
    make_certificate,
    serving,
    speaking,
)
from tests.support.waiting import until

from market_data.adapters.clock import SystemClock
from market_data.adapters.transport.network import HttpTransport
from market_data.application.ports import Clock, Connection
from market_data.domain.normalized import Reason

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make a server's certificate that this program trusts."""
    context = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    return context


@asynccontextmanager
async def connected(
    handle: Handler, tls: ssl.SSLContext, clock: Clock | None = None, behind: bytes = b"", **changes: object
) -> AsyncIterator[Connection]:
    """Open a socket under TLS to a server that does what the test says."""
    transport = HttpTransport(attrs.evolve(SETTINGS, **changes), clock or SystemClock())  # type: ignore[arg-type]
    with anyio.fail_after(30):
        async with (
            speaking(handle, tls, behind) as url,
            transport.open() as network,
            network.connect(url) as connection,
        ):
            yield connection


@pytest.mark.parametrize("turn", [0.0, 0.005])
async def test_frames_come_whole_and_in_order(tls: ssl.SSLContext, turn: float) -> None:
    sizes = [0, 1, 125, 126, 16_384, 65_535, 65_536, 5_000_000, 3, 300_000, 7]
    payloads = [bytes([97 + at]) * size for at, size in enumerate(sizes)]
    answers: list[tuple[int, bytes]] = []

    async def handle(peer: Peer) -> None:
        for payload in payloads:
            await peer.send(frame(TEXT, payload))
        await peer.send(frame(PING, b"alive"))
        answers.append(await peer.receive())
        await anyio.sleep_forever()

    async with connected(handle, tls, read_turn_seconds=turn) as connection:
        assert await collect(connection, len(payloads)) == payloads
        await until(lambda: answers == [(PONG, b"alive")])


async def first_and_a_hundred(peer: Peer) -> None:
    """Send a frame, and once it is answered a hundred more, each as a record of its own as venues do."""
    await peer.send(frame(TEXT, b"first"))
    await peer.receive()
    for number in range(100):
        await peer.send(frame(TEXT, str(number).encode()))
    await anyio.sleep_forever()


async def test_one_turn_takes_all_records_that_have_come(tls: ssl.SSLContext) -> None:
    """A stream gives one record for each read."""
    async with connected(first_and_a_hundred, tls, StillClock(), read_turn_seconds=2.0) as connection:
        assert (await connection.receive()).frames == [b"first"]
        await connection.send("another")
        assert (await connection.receive()).frames == [str(number).encode() for number in range(100)]


async def test_what_came_with_the_answer_to_the_handshake_is_read_first(tls: ssl.SSLContext) -> None:
    written = [str(number).encode() * 50 for number in range(2000)]

    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"end"))
        await anyio.sleep_forever()

    behind = b"".join(frame(TEXT, each) for each in written)
    async with connected(handle, tls, behind=behind, read_turn_seconds=0.005) as connection:
        assert await collect(connection, 2001) == [*written, b"end"]


@pytest.mark.parametrize(
    ("how", "reason", "said"),
    [
        ("close", Reason.CONNECTION, "the peer closed the connection with code 1001: bye"),
        ("end of stream", Reason.CONNECTION, "the peer closed the socket without a word"),
        ("end of TLS", Reason.CONNECTION, "the peer closed the socket without a word"),
        ("reset", Reason.CONNECTION, "the socket broke: connection reset by peer"),
        ("no TLS", Reason.CONNECTION, "the socket broke: TLS failed: "),
        ("no protocol", Reason.MALFORMED, "the peer broke the WebSocket protocol: "),
    ],
)
@pytest.mark.parametrize("turn", [0.0, 0.005])
async def test_it_ends_with_the_words_of_what_ended_it(
    tls: ssl.SSLContext, turn: float, how: str, reason: Reason, said: str
) -> None:
    async def handle(peer: Peer) -> None:
        stream = peer.stream
        assert isinstance(stream, TLSStream)
        await peer.send(frame(TEXT, b"one"))
        await peer.receive()
        await peer.send(frame(TEXT, b"two"))
        match how:
            case "close":
                await peer.send(close_frame(1001, "bye"))
                assert (await peer.receive())[0] == CLOSE
            case "end of TLS":
                await stream.unwrap()
            case "reset":
                await peer.receive()
                await peer.reset()
            case "no TLS":
                await stream.transport_stream.send(frame(TEXT, b"x" * 100))
                await anyio.sleep_forever()
            case "no protocol":
                await peer.send(b"\x83\x00")
                await anyio.sleep_forever()

    async with connected(handle, tls, read_turn_seconds=turn) as connection:
        assert await collect(connection, 1) == [b"one"]
        await connection.send("another")
        assert await collect(connection, 1) == [b"two"]
        if how == "reset":
            await connection.send("now")
        loss = await lost(connection)
    assert loss.reason is reason
    assert said in str(loss)


async def test_a_slow_reader_makes_the_sender_wait_and_loses_nothing(tls: ssl.SSLContext) -> None:
    flood = Flood(3000)
    async with connected(flood.handle, tls, max_pending_frames=200, read_turn_seconds=0.005) as connection:
        await flood.check(connection)


async def test_through_a_proxy(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pump(source: Stream, target: Stream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in source:
                await target.send(data)
            await target.send_eof()

    async def tunnel(stream: Stream) -> None:
        head = await stream.receive()
        host, _, port = head.split()[1].decode().partition(":")
        async with await anyio.connect_tcp(host, int(port)) as onward, anyio.create_task_group() as tasks:
            await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
            tasks.start_soon(pump, stream, onward)
            await pump(onward, stream)

    async with serving(tunnel) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        async with connected(first_and_a_hundred, tls, read_turn_seconds=0.005) as connection:
            assert (await connection.receive()).frames == [b"first"]
            await connection.send("another")
            assert await collect(connection, 100) == [str(number).encode() for number in range(100)]


async def test_another_handshake_in_the_middle_is_answered_at_once(
    tls: ssl.SSLContext,  # noqa: ARG001 - the certificate is trusted
    tmp_path: Path,
) -> None:
    """By ``openssl s_server``, which asks for one where a line of its input is R, as Python's servers cannot."""
    received, seen = list[bytes](), b""
    files = ("-cert", str(tmp_path / "certificate.pem"), "-key", str(tmp_path / "key.pem"))
    command = ("openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_2", *files)

    async def receive(port: int) -> None:
        transport = HttpTransport(attrs.evolve(SETTINGS, read_turn_seconds=0.005), SystemClock())
        async with transport.open() as network, network.connect(f"wss://127.0.0.1:{port}/") as connection:
            while True:
                received.extend((await connection.receive()).frames)

    async def tell(mark: bytes) -> bytes:
        nonlocal seen
        while mark not in seen:
            seen += await output.receive()
        told, _, seen = seen.partition(mark)
        return told

    with anyio.fail_after(30):
        async with await anyio.open_process(command) as process, anyio.create_task_group() as tasks:
            assert process.stdin is not None
            assert process.stdout is not None
            output = process.stdout
            await tell(b"ACCEPT 127.0.0.1:")
            tasks.start_soon(receive, int(await tell(b"\n")))
            await process.stdin.send(handshake_answer(await tell(b"\r\n\r\n")) + frame(TEXT, b"one"))
            await until(lambda: received == [b"one"])
            await process.stdin.send(b"R\n")
            await tell(b"SSL_do_handshake -> 1\n")
            await tell(b"Read BLOCK\n")
            await process.stdin.send(frame(TEXT, b"two"))
            await until(lambda: received == [b"one", b"two"])
            tasks.cancel_scope.cancel()
            process.kill()

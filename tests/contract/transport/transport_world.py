"""Servers on loopback that do to a client whatever a venue, a firewall or a dying machine may do."""

import base64
import hashlib
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.tls import TLSListener, TLSStream

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Handler",
    "Peer",
    "answering",
    "close_frame",
    "frame",
    "free_port",
    "handshake_answer",
    "http_answer",
    "make_certificate",
    "serving",
    "speaking",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Stream = SocketStream | TLSStream


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """Write a WebSocket frame as a server does: without mask."""
    head = bytes([(0x80 if is_last else 0) | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65536:
        return head + b"\x7e" + struct.pack(">H", len(payload)) + payload
    return head + b"\x7f" + struct.pack(">Q", len(payload)) + payload


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    """Write a close frame; without a code it is empty."""
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason.encode())


class Peer:
    """The server's end of one WebSocket, byte by byte."""

    def __init__(self, stream: Stream, request: bytes) -> None:
        self.stream = stream
        self.request = request
        self._buffer = b""

    async def send(self, *frames: bytes) -> None:
        """Write frames in one go."""
        await self.stream.send(b"".join(frames))

    async def receive(self) -> tuple[int, bytes]:
        """Read one frame of the client: opcode and payload."""
        head = await self._take(2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await self._take(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self._take(8))
        mask = await self._take(4)
        payload = await self._take(length)
        return head[0] & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))

    async def reset(self) -> None:
        """Break the connection without a word, as a crashed machine's kernel does."""
        raw: socket.socket = self.stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - no query
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.stream.aclose()

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += await self.stream.receive()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


Handler = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Callable[[Stream], Awaitable[None]], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Accept connections; gives the port."""
    listeners = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port: int = listeners.extra(SocketAttribute.local_port)  # noqa: S610 - no query
    listener = listeners if tls is None else TLSListener(listeners, tls, standard_compatible=False)

    async def accept(stream: Stream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await handle(stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(_serve, listener, accept)
        yield port
        tasks.cancel_scope.cancel()


async def _serve(listener: object, accept: Callable[[Stream], Awaitable[None]]) -> None:
    try:
        await listener.serve(accept)  # type: ignore[attr-defined]
    except* ssl.SSLError:
        pass  # the client does not trust us


@asynccontextmanager
async def speaking(handle: Handler, tls: ssl.SSLContext | None = None, behind: bytes = b"") -> AsyncGenerator[str]:
    """Serve WebSockets by hand, with frames right behind the answer to the handshake; gives the address."""

    async def shake_hands(stream: Stream) -> None:
        request = await _head(stream)
        await stream.send(handshake_answer(request) + behind)
        await handle(Peer(stream, request))

    async with serving(shake_hands, tls) as port:
        yield f"ws{'s' if tls else ''}://127.0.0.1:{port}/stream"


def handshake_answer(request: bytes) -> bytes:
    """Accept a handshake."""
    key = next(
        line.split(b":", 1)[1].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


@asynccontextmanager
async def answering(answer: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """Serve every HTTP request the same bytes and close; None: never answer. Gives host and port."""

    async def respond(stream: Stream) -> None:
        await _head(stream)
        if answer is None:
            await anyio.sleep_forever()
        else:
            await stream.send(answer)

    async with serving(respond, tls) as port:
        yield f"127.0.0.1:{port}"


def http_answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Write an HTTP answer; header names with underscores."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "Connection: close"])
    return head.encode() + b"\r\n\r\n" + body


async def _head(stream: Stream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive()
    return head


def make_certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate that nobody has reason to trust."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def free_port() -> int:
    """Find a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

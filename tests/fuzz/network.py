"""HTTP answers and WebSocket streams, byte by byte: the whole transport over sockets in memory.

An input is what the peer says, in two pieces, before it closes. ``{accept}`` stands for the right answer to the key of
a WebSocket's opening.
"""

import asyncio
import base64
import gzip
import hashlib
import os
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from importlib.util import find_spec
from unittest.mock import patch

import anyio
import attrs
import httpcore
from anyio._backends._asyncio import SocketStream, StreamProtocol
from httpcore._async import connection_pool
from httpcore._backends.anyio import AnyIOStream
from tests.contract.transport.conftest import SETTINGS
from tests.contract.transport.transport_world import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    http_answer,
)
from tests.fuzz.readers import Read, Reader, event_loop
from tests.support.venues import binance_book, binance_event

from market_data.adapters.clock import SystemClock
from market_data.adapters.transport.network import HttpTransport
from market_data.application.ports import Network, Request
from market_data.domain.errors import ConnectionFailed, ConnectionLost, RequestFailed

__all__ = ["READERS"]

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_FRAME_BYTES = 100_000
_SETTINGS = attrs.evolve(SETTINGS, max_frame_bytes=_MAX_FRAME_BYTES, max_pending_bytes=4 * _MAX_FRAME_BYTES)
_PATIENCE_SECONDS = 10.0
_BODY = binance_book(1_027_024, [("100.10", "1")], [("100.20", "0.5")])
_EVENT = binance_event("BTCUSDT", 101, 103, [("100.10", "1")], [("100.20", "0.5")])
_UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: {accept}\r\n\r\n"
)

Converse = Callable[[Network], Awaitable[None]]


class _Socket(asyncio.Transport):
    """A socket whose peer says what it has to say and closes."""

    def __init__(self, said: bytes) -> None:
        super().__init__()
        self._said = said
        self._pieces: list[bytes] | None = None
        self._is_reading = self._is_closing = False
        self._loop = asyncio.get_running_loop()
        self.streams = StreamProtocol()
        self.streams.connection_made(self)
        self._protocol: asyncio.Protocol = self.streams

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._pieces is None:
            head = bytes(data).partition(b"\r\n\r\n")[0]
            key = head.lower().partition(b"sec-websocket-key: ")[2].partition(b"\r\n")[0]
            start = head.lower().find(b"sec-websocket-key: ") + len(b"sec-websocket-key: ")
            accept = base64.b64encode(hashlib.sha1(head[start : start + len(key)] + _MAGIC).digest())  # noqa: S324
            said = self._said.replace(b"{accept}", accept)
            at = max(said.find(b"\r\n\r\n") + 4, len(said) * 2 // 3)
            self._pieces = [piece for piece in (said[:at], said[at:]) if piece]
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        if not self._is_reading or self._is_closing or self._pieces is None:
            return
        if self._pieces:
            self._protocol.data_received(self._pieces.pop(0))
            self._loop.call_soon(self._deliver)
        else:
            self._is_reading = False
            self._protocol.eof_received()

    def resume_reading(self) -> None:
        self._is_reading = True
        self._loop.call_soon(self._deliver)

    def pause_reading(self) -> None:
        self._is_reading = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever kept."""

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)


class _Stream(AnyIOStream):
    """httpcore's own stream, over such a socket."""

    def __init__(self, said: bytes) -> None:
        socket = _Socket(said)
        super().__init__(SocketStream(socket, socket.streams))

    def get_extra_info(self, info: str) -> object:  # noqa: ARG002
        return None


class _Backend(httpcore.AsyncNetworkBackend):
    """Every connection leads to the same peer."""

    said = b""

    async def connect_tcp(self, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        return _Stream(self.said)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def _through(
    converse: Converse, wrap: Callable[[bytes], bytes] = lambda content: content
) -> Callable[[], AbstractContextManager[Read]]:
    """Give what opens a transport that is kept open, and feeds it one input after the other."""

    @contextmanager
    def opened() -> Iterator[Read]:
        backend = _Backend()
        with _nothing_to_search("sniffio"), event_loop() as run:
            holding = _Holding(backend)
            run(holding.begin())

            def read(content: bytes) -> None:
                backend.said = wrap(content)
                run(_patiently(converse, holding.network))

            yield read
            run(holding.end())

    return opened


@contextmanager
def _nothing_to_search(module: str) -> Iterator[None]:
    """Let the import of a module that is not there fail at once.

    httpcore tries one for each lock, and the search through all of ``sys.path`` took a third of the time.
    """
    if find_spec(module) is not None:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment] - as the import system has it
    try:
        yield
    finally:
        del sys.modules[module]


async def _patiently(converse: Converse, network: Network) -> None:
    with anyio.fail_after(_PATIENCE_SECONDS):
        await converse(network)


class _Holding:
    """Keeps a transport open in a task of its own."""

    network: Network

    def __init__(self, backend: _Backend) -> None:
        self._backend = backend
        self._is_ready, self._is_done = asyncio.Event(), asyncio.Event()

    async def begin(self) -> None:
        self._task = asyncio.create_task(self._hold())
        await self._is_ready.wait()

    async def end(self) -> None:
        self._is_done.set()
        await self._task

    async def _hold(self) -> None:
        async with _network(self._backend) as self.network:
            self._is_ready.set()
            await self._is_done.wait()


@asynccontextmanager
async def _network(backend: _Backend) -> AsyncIterator[Network]:
    """Open the transport as it is, over sockets in memory and no proxies."""
    surroundings = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    async with AsyncExitStack() as stack:
        with (
            patch.dict(os.environ, surroundings, clear=True),
            patch.object(connection_pool, "AutoBackend", lambda: backend),
        ):
            network = await stack.enter_async_context(HttpTransport(_SETTINGS, SystemClock()).open())
        yield network


async def _get(network: Network) -> None:
    response = await network.get(Request("http://venue.test/api/v3/depth?symbol=BTCUSDT&limit=100"))
    assert all(name == name.lower() for name in response.headers)


async def _wait_as_told(network: Network) -> None:
    """Hold the wait that a refusal asks for: a number of seconds that ends."""
    try:
        await _get(network)
    except RequestFailed as error:
        _is_wait(error.retry_after_seconds)
        raise


async def _listen(network: Network) -> None:
    try:
        async with network.connect("ws://venue.test/stream") as connection:
            while True:
                received = await connection.receive()
                assert all(len(each) <= _MAX_FRAME_BYTES for each in received.frames)
    except ConnectionFailed as error:
        _is_wait(error.retry_after_seconds)
        raise


def _is_wait(seconds: float | None) -> None:
    most = max(_SETTINGS.max_wait_seconds, _SETTINGS.max_ban_seconds)
    assert seconds is None or 0 <= seconds <= most, f"a wait of {seconds} s"


# what peers say


def _encoded(encoding: str, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {encoding}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body


def _chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-MBX-USED-WEIGHT-1M: 20\r\n\r\n"
    return head + b"%x\r\n%s\r\n5;x=y\r\n12345\r\n0\r\nTrailer: x\r\n\r\n" % (len(body), body)


def _answers() -> list[bytes]:
    return [
        http_answer("200 OK", _BODY, Content_Type="application/json", X_MBX_USED_WEIGHT_1M="20"),
        http_answer("429 Too Many Requests", b'{"code":-1003,"msg":"Too many requests."}', Retry_After="30"),
        http_answer("418 I'm a teapot", b"banned", Retry_After="Thu, 01 Jan 2026 00:00:00 GMT", Date="now"),
        http_answer("503 Service Unavailable", b"<html>down</html>", Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"),
        http_answer("451 Unavailable For Legal Reasons", b"restricted location"),
        http_answer("301 Moved Permanently", Location="https://venue.test:99999/x\x1b[2J"),
        http_answer("204 No Content"),
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + http_answer("200 OK", _BODY),
        b"HTTP/1.0 200\r\n\r\n" + _BODY,
        _chunked(_BODY),
    ]


def _bodies() -> list[bytes]:
    large = gzip.compress(b"0" * 300_000, mtime=0)
    return [
        *(_encoded("gzip", gzip.compress(body, mtime=0)) for body in (_BODY, b"", b"0" * 100_000)),
        *(_encoded("deflate", body) for body in (zlib.compress(_BODY), zlib.compress(_BODY)[2:-4])),
        *(
            _encoded(name, gzip.compress(large, mtime=0))
            for name in ("gzip, gzip", "gzip,gzip,gzip", "x-gzip, deflate")
        ),
        *(_encoded(name, _BODY) for name in ("identity", "br", "zstd", "\x1b[2J", "", "gzip")),
        _encoded("gzip", gzip.compress(_BODY, mtime=0) * 2),
        _chunked(gzip.compress(_BODY, mtime=0)).replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer", 1),
    ]


def _waits() -> list[bytes]:
    return [
        *(b"30", b"0", b"-1", b"1795886687", b"1e3", b"9" * 30, b"", b"soon", "²".encode("latin-1")),
        b"Thu, 01 Jan 2026 00:00:30 GMT\nThu, 01 Jan 2026 00:00:00 GMT",
        b"Thu, 01 Jan 99999999999 00:00:00 GMT\nThu, 01 Jan 2026 00:00:00 GMT",
        b"Thu, 01 Jan 2026 00:00:30 +2359\nThu, 01 Jan 2026 00:00:00",
        b"Thursday, 01-Jan-26 00:00:30 GMT\nThu Jan  1 00:00:00 2026",
    ]


def _waiting(content: bytes) -> bytes:
    """Write a refusal of a wait and a date; what would end a header does not."""
    wait, _, date = content.replace(b"\r", b"").replace(b"\x00", b"").partition(b"\n")
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: " + wait + b"\r\nDate: " + date.replace(b"\n", b"")
    return head + b"\r\nContent-Length: 0\r\n\r\n"


def _openings() -> list[bytes]:
    return [
        _UPGRADE + frame(TEXT, _EVENT),
        _UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
        + frame(TEXT, _EVENT),
        _UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n") + frame(TEXT, _EVENT),
        _UPGRADE.replace(b"{accept}", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        http_answer("200 OK", b"hello"),
        http_answer("429 Too Many Requests", Retry_After="30"),
        http_answer("451 Unavailable For Legal Reasons", b"\x1b]0;owned\x07"),
        http_answer("302 Found", Location="ws://127.0.0.1:1/"),
        b"",
    ]


def _conversations() -> list[bytes]:
    thirds = [_EVENT[:20], _EVENT[20:50], _EVENT[50:]]
    fragments: Iterable[bytes] = (
        frame(TEXT if at == 0 else CONTINUATION, part, is_last=at == 2) for at, part in enumerate(thirds)
    )
    return [
        frame(TEXT, _EVENT) * 3,
        b"".join(fragments) + frame(TEXT, _EVENT),
        frame(TEXT, b"", is_last=False) + frame(CONTINUATION, b"", is_last=False) * 5 + frame(CONTINUATION, _EVENT),
        frame(TEXT, _EVENT[:30], is_last=False) + frame(PING, b"x" * 125) + frame(CONTINUATION, _EVENT[30:]),
        frame(PING) + frame(PONG, b"?") + frame(TEXT, _EVENT),
        frame(BINARY, _EVENT),
        frame(TEXT, "币安人生".encode()) + frame(TEXT, b"\xff\xfe"),
        *(frame(TEXT, _EVENT) + close_frame(code, "bye \x1b[2J") for code in (None, 1000, 1001, 1012, 3000, 4999)),
        b"\x88\x01\x03" + frame(TEXT, _EVENT),
        b"\x81\x7f" + struct.pack(">Q", 2**63) + b"x" * 20,
        b"\xc1\x05hello",
        frame(TEXT, b"x" * 66_000) + frame(TEXT, b"x" * 66_000, is_last=False) + frame(CONTINUATION, b"x" * 66_000),
    ]


_HTTP_WORDS = (
    b"gzip",
    b"deflate",
    b"chunked",
    b"Content-Length: ",
    b"HTTP/1.1 ",
    b"Retry-After: ",
    b"Transfer-Encoding: ",
)
_FRAME_WORDS = (
    b"\x81\x00",
    b"\x01\x00",
    b"\x80\x00",
    b"\x00\x00",
    b"\x89\x00",
    b"\x88\x02\x03\xe8",
    b"\x81\x7e\xff\xff",
)

READERS: Sequence[Reader] = (
    Reader("http answer", _through(_get), _answers, (RequestFailed,), _HTTP_WORDS, short=200),
    Reader("http body", _through(_get), _bodies, (RequestFailed,), (b"gzip", b"deflate", b"\x1f\x8b\x08"), short=200),
    Reader("retry after", _through(_wait_as_told, _waiting), _waits, (RequestFailed,), (b"GMT", b"-0000"), short=200),
    Reader("handshake", _through(_listen), _openings, (ConnectionFailed, ConnectionLost), _HTTP_WORDS, short=200),
    Reader(
        "websocket", _through(_listen, _UPGRADE.__add__), _conversations, (ConnectionLost,), _FRAME_WORDS, short=200
    ),
)

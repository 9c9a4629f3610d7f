"""A socket read in turns by the event loop's own callbacks, beneath httpcore and anyio.

Their streams wake a task for each read, and another waits for the next turn. Once a WebSocket is open, its socket gives
what comes to ``SocketReader`` instead: it decrypts, hands on, and sets a timer until which the kernel gathers. Writing,
closing, and the words of a failure stay with the streams.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, Self, runtime_checkable

import anyio
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream
from httpcore import AsyncNetworkStream

from market_data.application.ports import Clock

__all__ = ["SocketReader"]

_BACKLOG_BYTES = 65_536
"""A read that brought so much is followed by the next as soon as others had their turn."""
_RECORD_BYTES = 16_384
"""TLS has no larger record."""
_TIMER_SECONDS = 0.001
"""A timer may be early by so much: the turn that it was for is not waited for again."""


@runtime_checkable
class _StreamProtocol(Protocol):
    """What anyio has put between a transport and its stream."""

    read_queue: deque[bytes]
    is_at_eof: bool

    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


@runtime_checkable
class _SocketStream(Protocol):
    """anyio's stream over a socket of asyncio."""

    _transport: asyncio.Transport
    _protocol: _StreamProtocol


@runtime_checkable
class _TlsStream(Protocol):
    """anyio's stream of TLS over another."""

    _read_bio: ssl.MemoryBIO
    _write_bio: ssl.MemoryBIO
    _ssl_object: ssl.SSLObject

    async def _flush_write_bio(self) -> None: ...


class SocketReader(asyncio.Protocol):
    """Reads the socket under a stream, in place of the stream's own reading side.

    ``take`` is given what was read, decrypted. Where it gives False, and where TLS has something to say or the socket
    has ended, the owner is needed: nothing more is read until ``go_on``.
    """

    def __init__(
        self,
        socket: _SocketStream,
        layers: Sequence[TLSStream],
        take: Callable[[bytes], bool],
        clock: Clock,
        turn_seconds: float,
    ) -> None:
        """``layers`` are the streams of TLS over the socket, the nearest to it first (a proxy may have one, too)."""
        self.is_over = False
        """Nothing more comes: the stream itself says why, unless ``check`` does."""
        self._transport, self._streams = socket._transport, socket._protocol  # noqa: SLF001 - see _SocketStream
        self._layers = layers
        self._take = take
        self._clock = clock
        self._turn_seconds = turn_seconds
        self._loop = asyncio.get_running_loop()
        self._needed = asyncio.Event()
        self._timer: asyncio.Handle | None = None
        self._size = 0
        self._problem: Exception | None = None
        self._has_answer = False

    @classmethod
    def over(
        cls, stream: AsyncNetworkStream, take: Callable[[bytes], bool], clock: Clock, turn_seconds: float
    ) -> "SocketReader | None":
        """Find the socket under a stream; None where it is made of other parts than those known here."""
        inner: object = stream
        while inner is not None and not isinstance(inner, ByteStream):
            inner = getattr(inner, "_stream", None)
        layers: list[TLSStream] = []
        while isinstance(inner, TLSStream) and isinstance(inner, _TlsStream):
            layers.insert(0, inner)
            inner = inner.transport_stream
        if not isinstance(inner, _SocketStream) or not isinstance(inner._protocol, _StreamProtocol):  # noqa: SLF001 - see _SocketStream
            return None
        return cls(inner, layers, take, clock, turn_seconds)

    def start(self, size: int) -> None:
        """Read from now on, beginning with what the streams have read and not given; the last read was of ``size``."""
        self._transport.set_protocol(self)
        queue = self._streams.read_queue
        kept = b"".join(queue)
        queue.clear()
        self.is_over = self._streams.is_at_eof or self._transport.is_closing()
        self._receive(kept)
        if not self._needed.is_set():
            self._size = max(size, self._size)
            self.go_on()

    def close(self) -> None:
        """Read no more."""
        self._transport.pause_reading()
        if self._timer is not None:
            self._timer.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def needed(self) -> None:
        """Wait until the owner is needed."""
        await self._needed.wait()
        self._needed.clear()

    def check(self) -> None:
        """Raise what went wrong, if not with the stream."""
        if self._problem is not None:
            raise self._problem

    async def answer(self, lock: anyio.Lock) -> None:
        """Send what TLS has to say of its own, such as another key; ``lock`` is that of all who write."""
        if not self._has_answer:
            return
        self._has_answer = False
        async with lock:
            for layer in reversed(self._layers):
                try:
                    await layer._flush_write_bio()  # noqa: SLF001 - the stream sends it only where it reads or writes
                except anyio.BrokenResourceError:
                    self.is_over = True

    def go_on(self) -> None:
        """Read on: at the next turn, or at once where there are none or more is waiting."""
        if self.is_over:
            self._needed.set()
        elif self._size >= _BACKLOG_BYTES:
            self._wait(0.0)
        elif turn := self._turn_seconds:
            self._wait(turn + _TIMER_SECONDS - (self._clock.now().mono + _TIMER_SECONDS) % turn)
        else:
            self._transport.resume_reading()

    def _wait(self, seconds: float) -> None:
        self._transport.pause_reading()
        self._timer = self._loop.call_later(seconds, self._transport.resume_reading)

    # what asyncio calls

    def data_received(self, data: bytes) -> None:
        """Take what came, and read on."""
        try:
            if self._receive(data) and not self._needed.is_set():
                self.go_on()
        except Exception as error:  # noqa: BLE001 - asyncio would make a broken socket of it: it is the owner's
            self._fail(error)

    def eof_received(self) -> bool | None:
        """As the stream has it."""
        self._end()
        return self._streams.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """As the stream has it."""
        self._end()
        self._streams.connection_lost(exc)

    def pause_writing(self) -> None:
        """As the stream has it."""
        self._streams.pause_writing()

    def resume_writing(self) -> None:
        """As the stream has it."""
        self._streams.resume_writing()

    def _end(self) -> None:
        self.is_over = True
        self._transport.pause_reading()
        self._needed.set()

    def _fail(self, error: Exception) -> None:
        self._problem = error
        self._end()

    def _receive(self, data: bytes) -> bool:
        """Take what came; tell whether it was anything (of a record of TLS the rest may be missing)."""
        self._size = len(data)
        for layer in self._layers:
            data = self._decrypted(layer, data)
        is_taken = not data or self._take(data)
        if self._has_answer or not is_taken:
            self._transport.pause_reading()
            self._needed.set()
        return bool(data)

    def _decrypted(self, layer: TLSStream, data: bytes) -> bytes:
        """Read all whole records; a stream gives one for each time that it is asked."""
        layer._read_bio.write(data)  # noqa: SLF001 - it is fed nowhere else
        tls, parts = layer._ssl_object, list[bytes]()  # noqa: SLF001 - as above
        try:
            while part := tls.read(_RECORD_BYTES):
                parts.append(part)
            self._end()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._fail(error)
        self._has_answer = self._has_answer or layer._write_bio.pending > 0  # noqa: SLF001 - as above
        return b"".join(parts)

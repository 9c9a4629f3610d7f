"""What an open WebSocket says, frame by frame: httpx-ws's session with a receiving side of our own.

httpx-ws hands frames over one by one and stops answering pings while its reader is slow. The session here takes every
complete frame out of a read at once, messages of text without a way through wsproto (see ``frames``), and in the
callback that brings what was read (see ``reading``). What is left of a read, pings above all, is taken by a task,
whatever the consumer does.
"""

import asyncio
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import httpcore
import wsproto.events
from httpx_ws import AsyncWebSocketSession, HTTPXWSException
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from market_data.adapters.transport.frames import FrameCutter
from market_data.adapters.transport.reading import SocketReader
from market_data.adapters.transport.refusals import say
from market_data.adapters.transport.settings import TransportSettings
from market_data.application.ports import Clock
from market_data.domain.errors import ConnectionLost
from market_data.domain.normalized import Reason

__all__ = ["BROKEN", "Session"]

_EVENTS_PER_TURN = 256
"""After so many frames or parts of one read, others get their turn."""
_LEAST_FRAGMENT_BYTES = 1024
"""A fragment counts as so many bytes towards the bound at least: a flood of tiny or empty ones is work too."""
_CLOSE_SECONDS = 2.0
BROKEN = (
    *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError),
    *(anyio.ClosedResourceError, anyio.EndOfStream, OSError),
)
"""The end of a stream, too: TLS raises it where one writes to a peer that has gone, and httpcore lets it pass."""


class Session(AsyncWebSocketSession):
    """httpx-ws's session with a receiving side of our own: all frames of a read at once, pings answered at once."""

    settings: TransportSettings
    clock: Clock

    def prepare(self, settings: TransportSettings, clock: Clock) -> None:
        """Set up before the session is entered."""
        self.settings = settings
        self.clock = clock
        self.pending: list[bytes] = []
        self.pending_bytes = 0
        self.cutter = FrameCutter(settings.max_frame_bytes)
        self.parts: Iterator[tuple[bytes, bool]] = iter(())
        self.rest: bytes | None = None
        """What the task has to take before ``parts``: bytes for wsproto, or none; None: there is nothing to take."""
        self.taken = 0
        self.has_part = False
        self.partial = bytearray()
        self.partial_cost = 0
        self.read_at = clock.now()
        self.failure: ConnectionLost | None = None
        self.filled = asyncio.Event()
        self.emptied = anyio.Event()
        self.ponged = anyio.Event()

    def fail(self, problem: str, reason: Reason = Reason.CONNECTION) -> None:
        """Note why nothing more will come, and wake the consumer."""
        if self.failure is None:
            self.failure = ConnectionLost(problem, reason=reason)
        self._should_close.set()
        self.filled.set()

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close, without waiting for ever on a peer that does not read."""
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                await super().close(code, reason)
            except (*BROKEN, LocalProtocolError):
                await self.stream.aclose()

    async def _background_receive(self, max_bytes: int) -> None:
        """Take what a callback of the socket may not: what waits, or is for wsproto, and how it ends."""
        try:
            # What came behind the answer to the handshake is in the first read.
            size = await self._take_read(max_bytes)
            reader = SocketReader.over(self.stream, self._take_at_once, self.clock, self.settings.read_turn_seconds)
            if reader is None:
                while self.failure is None:
                    await self._take_read(max_bytes)
                return
            with reader:
                reader.start(size)
                while self.failure is None:
                    await reader.needed()
                    await reader.answer(self._write_lock)
                    if self.rest is not None:
                        await self._take_rest()
                    elif reader.is_over:
                        reader.check()
                        await self._take_read(max_bytes)
                    reader.go_on()
        except RemoteProtocolError as error:
            self.fail(f"the peer broke the WebSocket protocol: {error}", Reason.MALFORMED)
        except (*BROKEN, LocalProtocolError) as error:
            self.fail(f"the socket broke: {say(error)}")

    async def _take_read(self, max_bytes: int) -> int:
        """Read from the stream itself, and take that; give how many bytes."""
        data = await self.stream.read(max_bytes)
        if not data:
            self.read_at = self.clock.now()
            self.fail("the peer closed the socket without a word")
        elif not self._take_at_once(data):
            await self._take_rest()
        return len(data)

    def _take_at_once(self, data: bytes) -> bool:
        """Take what one read brought, as far as nothing has to wait; tell whether that is all of it."""
        if self.failure is not None:
            return False
        self.read_at = self.clock.now()
        self.taken = 0
        self.parts = self.cutter.cut(data)
        self.rest = self._take_messages()
        if self.rest is None:
            self._end_read()
            if not self._has_room():
                self.rest = b""
        return self.rest is None

    def _take_messages(self) -> bytes | None:
        """Take messages up to what is for wsproto, which is given; b"" where it is others' turn, None at the end."""
        for part, is_message in self.parts:
            if not is_message:
                return part
            self._append(part)
            self.taken += 1
            if self.taken >= _EVENTS_PER_TURN:
                return b""
        return None

    async def _take_rest(self) -> None:
        """Take what is left of a read, until it fails: what comes behind a failure is not to be trusted."""
        while self.rest is not None:
            if self.rest:
                self.connection.receive_data(self.rest)
                self.taken += await self._take_events()
            if not self.rest or self.taken >= _EVENTS_PER_TURN:
                self.taken = 0
                await self._take_turns()
            if self.failure is not None:
                return
            self.rest = self._take_messages()
        self._end_read()
        await self._wait_for_room()

    def _end_read(self) -> None:
        self.has_part = self.has_part or self.cutter.kept_bytes > 0
        self._hand_over()

    async def _take_events(self) -> int:
        """Take what wsproto makes of its bytes, until it fails; give how many events."""
        number = 0
        for number, event in enumerate(self.connection.events(), 1):
            if isinstance(event, wsproto.events.TextMessage):
                self._take(event)
            else:
                await self._act(event)
            if self.failure is not None:
                break
            if number % _EVENTS_PER_TURN == 0:
                await self._take_turns()
        return number

    async def _take_turns(self) -> None:
        self._hand_over()
        await self._wait_for_room()
        await anyio.lowlevel.checkpoint()

    def _take(self, event: wsproto.events.TextMessage) -> None:
        """Take a frame, a fragment of one, or the part of either that is there."""
        part = event.data.encode()
        is_fragment = event.frame_finished and not event.message_finished
        self.partial_cost += max(len(part), _LEAST_FRAGMENT_BYTES) if is_fragment else len(part)
        if self.partial_cost > self.settings.max_frame_bytes:
            counted = f", a fragment counted as {_LEAST_FRAGMENT_BYTES} at least" if is_fragment else ""
            self.fail(f"a frame is larger than {self.settings.max_frame_bytes} bytes{counted}", Reason.MALFORMED)
            return
        if not event.message_finished:
            self.partial += part
            self.has_part = True
            return
        if self.partial:  # copied once: a large one takes milliseconds
            self.partial += part
            part = bytes(self.partial)
            self.partial.clear()
        self.partial_cost = 0
        self._append(part)

    def _append(self, frame: bytes) -> None:
        self.pending.append(frame)
        self.pending_bytes += len(frame)

    def _hand_over(self) -> None:
        if self.pending or self.has_part:
            self.filled.set()

    async def _act(self, event: wsproto.events.Event) -> None:
        match event:
            case wsproto.events.Ping():
                answer = self.connection.send(event.response())
                async with self._write_lock:
                    await self.stream.write(answer)
            case wsproto.events.Pong():
                self.ponged.set()
            case wsproto.events.CloseConnection() if self.connection.state is ConnectionState.OPEN:
                self.fail(f"the peer broke the WebSocket protocol: {event.reason}", Reason.MALFORMED)
            case wsproto.events.CloseConnection():
                said = f": {event.reason}" if event.reason else ""
                self.fail(f"the peer closed the connection with code {int(event.code)}{said}")
            case wsproto.events.BytesMessage():
                self.fail("a binary frame came where text is spoken", Reason.MALFORMED)
            case _:
                pass

    def _has_room(self) -> bool:
        settings = self.settings
        return len(self.pending) <= settings.max_pending_frames and self.pending_bytes <= settings.max_pending_bytes

    async def _wait_for_room(self) -> None:
        while not self._has_room() and self.failure is None:
            self.emptied = anyio.Event()
            await self.emptied.wait()

    async def _background_keepalive_ping(self, interval_seconds: float, timeout_seconds: float | None = None) -> None:
        try:
            while self.failure is None:
                await anyio.sleep(interval_seconds)
                self.ponged = anyio.Event()
                await self._ping(timeout_seconds)
        except (HTTPXWSException, LocalProtocolError, *BROKEN) as error:
            self.fail(f"the socket broke: {say(error)}")

    async def _ping(self, timeout_seconds: float | None) -> None:
        """Send a ping; as long as anything is read, its pong may be on its way behind a large frame."""
        is_sent = False
        while not self.ponged.is_set() and self.failure is None:
            asked_at = self.clock.now().mono
            with anyio.move_on_after(timeout_seconds) as scope:
                if not is_sent:
                    await self.send(wsproto.events.Ping(b"?"))
                    is_sent = True
                await self.ponged.wait()
            if scope.cancelled_caught and (not is_sent or self.read_at.mono < asked_at):
                self.fail(f"no answer to a ping within {timeout_seconds} s", Reason.SILENCE)

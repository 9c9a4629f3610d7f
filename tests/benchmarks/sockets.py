"""CPU time a frame from the socket to the program: our transport beside other clients, where these are installed."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import anyio
import attrs
import httpx
from httpx_ws import aconnect_ws
from tests.benchmarks.results import Effort, Result, command, in_turns
from websockets.asyncio.client import connect

from market_data.adapters.clock import SystemClock
from market_data.adapters.transport.network import HttpTransport
from market_data.adapters.transport.settings import TransportSettings

_METHOD = """A venue in a process of its own (tests.benchmarks.feed: unmasked frames of text of 46 levels, 1.7 kB,
written ahead) sends to one connection over loopback. Each client is opened as a program would that wants every frame
as soon as it can have it, without compression, and does nothing with a frame but count it. What is measured is the CPU
time of the receiving process from the order to send until the last frame is there, by the operating system."""
_BURST = " As many frames as the client takes: frames a second of one core are 1,000,000 over the figure."
_PACED = " 2,000 frames a second, each sent at its own moment: nearly each is a wake-up and a read of its own."
_BASE = "httpx-ws"
_SETTINGS = TransportSettings(
    connect_timeout_seconds=10,
    request_timeout_seconds=10,
    max_frame_bytes=1 << 25,
    max_pending_frames=20_000,
    max_pending_bytes=1 << 27,
    ping_interval_seconds=15,
    ping_timeout_seconds=10,
    max_wait_seconds=10,
    max_ban_seconds=10,
)

Receive = Callable[[int], Awaitable[None]]
"""Returns when so many frames more were received."""


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Receive]:
    async with HttpTransport(_SETTINGS, SystemClock()).open() as network, network.connect(url) as connection:

        async def receive(count: int) -> None:
            while count > 0:
                count -= len((await connection.receive()).frames)

        yield receive


@asynccontextmanager
async def _httpx_ws(url: str) -> AsyncIterator[Receive]:
    async with httpx.AsyncClient() as client, aconnect_ws(url.replace("ws", "http", 1), client) as session:

        async def receive(count: int) -> None:
            for _ in range(count):
                await session.receive_text()

        yield receive


@asynccontextmanager
async def _websockets(url: str) -> AsyncIterator[Receive]:
    async with connect(url, compression=None, max_size=None) as connection:

        async def receive(count: int) -> None:
            for _ in range(count):
                await connection.recv(decode=False)

        yield receive


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Receive]:
    import aiohttp  # noqa: PLC0415 - only where it is installed

    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as connection:

        async def receive(count: int) -> None:
            for _ in range(count):
                await connection.receive()

        yield receive


@attrs.define
class _Counter:
    """Counts the frames that picows calls it with."""

    left: int = 0
    done: anyio.Event = attrs.field(factory=anyio.Event)

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set()


@asynccontextmanager
async def _picows(url: str) -> AsyncIterator[Receive]:
    import picows  # noqa: PLC0415 - only where it is installed

    counter = _Counter()

    class Listener(picows.WSListener):  # type: ignore[misc, name-defined]
        def on_ws_frame(self, transport: object, frame: Any) -> None:  # noqa: ARG002 - picows' own
            frame.get_payload_as_bytes()
            counter.count()

    transport, _ = await picows.ws_connect(Listener, url)

    async def receive(count: int) -> None:
        counter.left, counter.done = count, anyio.Event()
        await counter.done.wait()

    try:
        yield receive
    finally:
        transport.disconnect()


def clients() -> Mapping[str, Callable[[str], Any]]:
    """Give those that are installed, by name."""
    found = {"ours": _ours, _BASE: _httpx_ws, "websockets": _websockets}
    others = {"aiohttp": _aiohttp, "picows": _picows}
    return found | {name: client for name, client in others.items() if find_spec(name)}


@contextmanager
def _venue() -> Iterator[tuple[str, Callable[[str], None]]]:
    """Run a venue; gives its address, and what tells it to send."""
    words = [sys.executable, "-m", "tests.benchmarks.feed"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield (
                f"ws://127.0.0.1:{int(process.stdout.readline())}/stream",
                partial(print, file=process.stdin, flush=True),
            )
        finally:
            process.kill()


async def _receive(client: Callable[[str], Any], order: str, count: int) -> float:
    """Give CPU µs a frame."""
    with _venue() as (url, tell):
        async with client(url) as receive:
            await anyio.sleep(0.2)  # what opening left to do is not counted
            spent = time.process_time()
            tell(order)
            await receive(count)
            return (time.process_time() - spent) / count * 1e6


def _jobs(order: str, count: int) -> dict[str, Callable[[], float]]:
    loops = {"": False} | ({", uvloop": True} if find_spec("uvloop") else {})
    return {
        name + said: partial(anyio.run, _receive, client, order, count, backend_options={"use_uvloop": is_uvloop})
        for name, client in clients().items()
        for said, is_uvloop in loops.items()
    }


def measure(effort: Effort) -> Iterable[Result]:
    """Let them take turns."""
    absent = [name for name in ("aiohttp", "picows") if not find_spec(name)]
    notes = [f"not installed here: {', '.join(absent)} (nox -s bench_socket has them)"] if absent else []
    burst, seconds = (200, 0.1) if effort.is_small else (30_000, 3)
    figures = in_turns(_jobs(f"burst {burst}", burst), effort.rounds)
    yield Result(
        "socket_burst", "Socket, as fast as it goes", _METHOD + _BURST, "µs CPU a frame", figures, _BASE, notes
    )
    figures = in_turns(_jobs(f"rate 2000 {seconds}", int(2000 * seconds)), effort.rounds)
    yield Result("socket_paced", "Socket, one by one", _METHOD + _PACED, "µs CPU a frame", figures, _BASE, notes)


if __name__ == "__main__":
    sys.exit(command("sockets", measure))

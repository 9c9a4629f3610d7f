"""What every transport promises of its sockets, over real ones."""

import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import attrs
import httpcore
import pytest
from tests.contract.transport.conftest import SETTINGS, MakeTransport
from tests.contract.transport.transport_world import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Handler,
    Peer,
    close_frame,
    frame,
    speaking,
)
from tests.support.waiting import until
from websockets.asyncio.server import ServerConnection, serve

from market_data.adapters.clock import SystemClock
from market_data.adapters.transport.network import HttpTransport
from market_data.adapters.transport.reading import SocketReader
from market_data.application.ports import Clock, Connection, Received
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.errors import ConnectionLost
from market_data.domain.moment import Moment
from market_data.domain.normalized import Reason

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


@pytest.fixture(params=["at once", "in turns", "through the streams"])
def make_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MakeTransport:
    """Make a transport for each way to read; the last is for versions of httpcore and anyio that are made otherwise."""
    if request.param == "through the streams":
        monkeypatch.setattr(SocketReader, "over", lambda *_: None)
    usual = attrs.evolve(SETTINGS, read_turn_seconds=0.0 if request.param == "at once" else 0.005)
    return lambda **changes: HttpTransport(attrs.evolve(usual, **changes), SystemClock())


@asynccontextmanager
async def connected(make_transport: MakeTransport, handle: Handler, **changes: object) -> AsyncIterator[Connection]:
    """Open a socket to a server that does what the test says."""
    with anyio.fail_after(20):
        async with (
            speaking(handle) as url,
            make_transport(**changes).open() as network,
            network.connect(url) as connection,
        ):
            yield connection


async def collect(connection: Connection, count: int) -> list[bytes]:
    """Receive so many frames."""
    frames: list[bytes] = []
    while len(frames) < count:
        frames += (await connection.receive()).frames
    return frames


class Flood:
    """A peer that sends numbered frames of 10 kB as fast as they are taken."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._sent = 0

    async def handle(self, peer: Peer) -> None:
        """Be the peer."""
        for number in range(self._total):
            await peer.send(frame(TEXT, f"{number:010d}".encode() * 1000))
            self._sent += 1
        await anyio.sleep_forever()

    async def check(self, connection: Connection) -> None:
        """See that it has to wait for who does not take, and that nothing is lost."""
        before = -1
        while before != self._sent:
            before = self._sent
            await anyio.sleep(0.2)
        assert 0 < self._sent < self._total, "what is not taken is not read for ever"
        frames = await collect(connection, self._total)
        assert [int(each[:10]) for each in frames] == list(range(self._total))


async def lost(connection: Connection) -> ConnectionLost:
    """Receive until the connection is lost."""
    try:
        while True:
            await connection.receive()
    except ConnectionLost as loss:
        return loss


# frames


async def test_frames_come_whole_and_in_order_small_ones_and_five_megabytes(make_transport: MakeTransport) -> None:
    sizes = [0, 1, 125, 126, 65_535, 65_536, 5_000_000, 3, 300_000, 7]
    payloads = [bytes([97 + at]) * size for at, size in enumerate(sizes)]

    async def handle(connection: ServerConnection) -> None:
        for payload in payloads:
            await connection.send(payload.decode())
        await connection.wait_closed()

    async with serve(handle, "127.0.0.1", 0, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        with anyio.fail_after(20):
            async with make_transport().open() as network, network.connect(f"ws://127.0.0.1:{port}/") as connection:
                assert await collect(connection, len(payloads)) == payloads


async def test_many_frames_of_one_read_are_handed_over_together_with_its_time(make_transport: MakeTransport) -> None:
    frames = [f"frame {number}".encode() for number in range(500)]

    async def handle(peer: Peer) -> None:
        await peer.send(*(frame(TEXT, each) for each in frames))
        await anyio.sleep_forever()

    before = time.time_ns() // 1000, time.monotonic()
    async with connected(make_transport, handle) as connection:
        batches: list[Received] = []
        while sum(len(batch.frames) for batch in batches) < len(frames):
            batches.append(await connection.receive())
    assert [each for batch in batches for each in batch.frames] == frames
    assert len(batches) < 50
    assert before[0] <= batches[0].moment.wall <= time.time_ns() // 1000
    assert before[1] <= batches[0].moment.mono <= time.monotonic()


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled_or_out_of_order_however_it_comes(
    make_transport: MakeTransport, seed: int
) -> None:
    chance = random.Random(seed)
    payloads = [b"%d:" % number + b"x" * chance.choice([0, 10, 300, 3000, 70_000]) for number in range(1500)]
    pongs: list[bytes] = []

    async def handle(peer: Peer) -> None:
        written = bytearray()
        for number, payload in enumerate(payloads):
            written += frame(TEXT, payload)
            if number % 100 == 0:
                written += frame(PING, str(number).encode())
            if chance.random() < 0.2:
                cut = chance.randrange(len(written) + 1)
                await peer.send(bytes(written[:cut]))
                del written[:cut]
            if chance.random() < 0.02:
                await anyio.sleep(chance.random() / 100)
        await peer.send(bytes(written))
        while len(pongs) < 15:
            pongs.append((await peer.receive())[1])
        await anyio.sleep_forever()

    async with connected(make_transport, handle, max_pending_frames=100) as connection:
        assert await collect(connection, len(payloads)) == payloads
        await until(lambda: pongs == [str(number).encode() for number in range(0, 1500, 100)])


async def test_what_came_with_the_answer_to_the_handshake_is_read_first(make_transport: MakeTransport) -> None:
    written = [str(number).encode() * 50 for number in range(2000)]

    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"end"))
        await anyio.sleep_forever()

    behind = b"".join(frame(TEXT, each) for each in written)
    with anyio.fail_after(20):
        async with (
            speaking(handle, behind=behind) as url,
            make_transport().open() as network,
            network.connect(url) as connection,
        ):
            assert await collect(connection, 2001) == [*written, b"end"]


class StillClock(Clock):
    """Stands still where a turn begins."""

    def now(self) -> Moment:
        return Moment(0, 0.0)


async def test_what_keeps_coming_is_read_in_turns_and_the_first_at_once() -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"first"))
        for _ in range(10):
            await peer.receive()
            await peer.send(frame(TEXT, b"next"))
        await anyio.sleep_forever()

    transport = HttpTransport(attrs.evolve(SETTINGS, read_turn_seconds=2.0), StillClock())
    with anyio.fail_after(20):
        async with speaking(handle) as url, transport.open() as network, network.connect(url) as connection:
            assert (await connection.receive()).frames == [b"first"]
            for _ in range(10):
                await connection.send("another")
            assert (await connection.receive()).frames == [b"next"] * 10


async def test_a_large_frame_does_not_wait_for_turns() -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"x" * 5_000_000), frame(TEXT, b"end"))
        await anyio.sleep_forever()

    transport = HttpTransport(attrs.evolve(SETTINGS, read_turn_seconds=2.0), StillClock())
    with anyio.fail_after(20):
        async with speaking(handle) as url, transport.open() as network, network.connect(url) as connection:
            assert await collect(connection, 2) == [b"x" * 5_000_000, b"end"]


def test_a_stream_that_is_made_otherwise_is_left_to_read_itself() -> None:
    assert SocketReader.over(httpcore.AsyncMockStream([]), lambda _: True, SystemClock(), 0.005) is None


class FailingClock(SystemClock):
    """Fails at the fifth read."""

    reads = 0

    def now(self) -> Moment:
        self.reads += 1
        if self.reads > 5:
            raise ZeroDivisionError("the clock fell down")
        return super().now()


@pytest.mark.parametrize("turn", [0.0, 0.005])
async def test_an_error_of_ours_while_frames_are_taken_flies_out_as_itself(turn: float) -> None:
    async def handle(peer: Peer) -> None:
        while True:
            await peer.send(frame(TEXT, b"{}"))

    transport = HttpTransport(attrs.evolve(SETTINGS, read_turn_seconds=turn), FailingClock())
    async with speaking(handle) as url, transport.open() as network:
        with anyio.fail_after(20), pytest.raises(ZeroDivisionError, match="the clock fell down"):
            async with network.connect(url) as connection:
                await lost(connection)


@pytest.mark.parametrize(("linger", "turn"), [("auto", 0.005), ("0", 0.0), ("2", 0.0)])
def test_it_is_read_in_turns_where_kafka_linger_milliseconds_is_auto(linger: str, turn: float, tmp_path: Path) -> None:
    loaded = load_settings("test", (), [f"kafka.linger_milliseconds={linger}"], {}, tmp_path)
    assert Container(settings=loaded.settings).transport().settings.read_turn_seconds == turn


async def test_a_frame_in_crumbs_is_put_together(make_transport: MakeTransport) -> None:
    written = frame(TEXT, b"x" * 300) + frame(TEXT, "€ and ü".encode()) + frame(TEXT, b"end")

    async def handle(peer: Peer) -> None:
        for at in range(0, len(written), 7):
            await peer.send(written[at : at + 7])
        await anyio.sleep_forever()

    async with connected(make_transport, handle) as connection:
        assert await collect(connection, 3) == [b"x" * 300, "€ and ü".encode(), b"end"]


async def test_a_message_in_fragments_is_put_together_even_with_a_ping_between_them(
    make_transport: MakeTransport,
) -> None:
    text = "ein Füllhorn €".encode()
    pongs: list[tuple[int, bytes]] = []

    async def handle(peer: Peer) -> None:
        await peer.send(
            frame(TEXT, text[:6], is_last=False),
            frame(CONTINUATION, text[6:8], is_last=False),
            frame(PING, b"between"),
            frame(CONTINUATION, text[8:]),
            frame(TEXT, b"next"),
        )
        pongs.append(await peer.receive())
        await anyio.sleep_forever()

    async with connected(make_transport, handle) as connection:
        assert await collect(connection, 2) == [text, b"next"]
        await until(lambda: pongs == [(PONG, b"between")])


async def test_messages_are_sent_as_text_in_their_order(make_transport: MakeTransport) -> None:
    heard: list[tuple[int, bytes]] = []

    async def handle(peer: Peer) -> None:
        heard.extend([await peer.receive() for _ in range(3)])
        await peer.send(frame(TEXT, b"heard"))
        await anyio.sleep_forever()

    async with connected(make_transport, handle) as connection:
        for message in ("one", '{"method":"SUBSCRIBE"}', "€" * 1000):
            await connection.send(message)
        await connection.receive()
    assert heard == [(TEXT, b"one"), (TEXT, b'{"method":"SUBSCRIBE"}'), (TEXT, ("€" * 1000).encode())]


async def test_a_message_that_the_peer_reads_late_is_sent_whole(make_transport: MakeTransport) -> None:
    size = 20_000_000
    go_on, is_read, is_sent = anyio.Event(), anyio.Event(), anyio.Event()

    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"hello"))
        await go_on.wait()
        read = 0
        while read < size:
            read += len(await peer.stream.receive())
        is_read.set()
        await anyio.sleep_forever()

    async with connected(make_transport, handle) as connection, anyio.create_task_group() as tasks:
        assert await collect(connection, 1) == [b"hello"]

        async def send() -> None:
            await connection.send("x" * size)
            is_sent.set()

        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        assert not is_sent.is_set()
        go_on.set()
        await is_sent.wait()
        await is_read.wait()


async def test_receiving_is_safe_to_cancel_and_nothing_is_lost(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        for number in range(300):
            await peer.send(frame(TEXT, str(number).encode()))
            if number % 10 == 0:
                await anyio.sleep(0.001)
        await anyio.sleep_forever()

    frames: list[bytes] = []
    cancelled = 0
    async with connected(make_transport, handle) as connection:
        while len(frames) < 300:
            with anyio.move_on_after(0.0005) as scope:
                frames += (await connection.receive()).frames
            cancelled += scope.cancelled_caught
    assert frames == [str(number).encode() for number in range(300)]
    assert cancelled


# what ends a connection


async def _nothing_more(peer: Peer) -> None:
    while True:
        await peer.receive()


ENDINGS: Sequence[tuple[str, bytes, Reason, str]] = [
    ("close with a code and a reason", close_frame(1001, "going away"), Reason.CONNECTION, "1001: going away"),
    ("close with a code", close_frame(1011), Reason.CONNECTION, "1011"),
    ("close without a code", close_frame(), Reason.CONNECTION, "1005"),
    ("a binary frame", frame(BINARY, b"\x00\x01"), Reason.MALFORMED, "binary"),
    ("a frame that is too large", frame(TEXT, b"x" * 70_000), Reason.MALFORMED, "larger than 65536 bytes"),
    (
        "a fragmented message that is too large",
        frame(TEXT, b"x" * 40_000, is_last=False) + frame(CONTINUATION, b"x" * 40_000),
        Reason.MALFORMED,
        "larger than 65536 bytes",
    ),
    ("characters that are too many bytes", frame(TEXT, "€".encode() * 22_000), Reason.MALFORMED, "larger than 65536"),
    ("a frame of no known kind", bytes([0x83, 0x00]), Reason.MALFORMED, "protocol"),
    ("text that is no UTF-8", frame(TEXT, b"\xff\xfe"), Reason.MALFORMED, "protocol"),
    ("a continuation of nothing", frame(CONTINUATION, b"more"), Reason.MALFORMED, "protocol"),
    ("a frame with a mask", bytes([0x81, 0x81, 0, 0, 0, 0, 97]), Reason.MALFORMED, "protocol"),
]


@pytest.mark.parametrize(
    ("ending", "reason", "said"),
    [pytest.param(ending, reason, said, id=name) for name, ending, reason, said in ENDINGS],
)
async def test_what_came_before_the_end_is_handed_over_and_then_its_reason(
    make_transport: MakeTransport, ending: bytes, reason: Reason, said: str
) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"one"), frame(TEXT, b"two"), ending)
        await _nothing_more(peer)

    async with connected(make_transport, handle, max_frame_bytes=65_536) as connection:
        assert await collect(connection, 2) == [b"one", b"two"]
        loss = await lost(connection)
        assert loss.reason is reason
        assert said in str(loss)
        assert str(await lost(connection)) == str(loss), "it stays so"


async def test_what_comes_behind_a_frame_that_is_not_spoken_is_not_handed_over(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"one") + frame(BINARY, b"\x00") + frame(TEXT, b"two"))
        await _nothing_more(peer)

    async with connected(make_transport, handle) as connection:
        assert await collect(connection, 1) == [b"one"]
        assert (await lost(connection)).reason is Reason.MALFORMED


async def test_a_frame_may_be_as_large_as_the_bound(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"x" * 65_536))
        await _nothing_more(peer)

    async with connected(make_transport, handle, max_frame_bytes=65_536) as connection:
        assert await collect(connection, 1) == [b"x" * 65_536]


@pytest.mark.parametrize("how", ["end of stream", "reset", "in the middle of a frame"])
async def test_a_socket_that_breaks_is_a_lost_connection(make_transport: MakeTransport, how: str) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"one"))
        if how == "reset":
            await peer.receive()
            await peer.reset()
        elif how.startswith("in"):
            await peer.send(frame(TEXT, b"x" * 1000)[:500])

    async with connected(make_transport, handle) as connection:
        assert await collect(connection, 1) == [b"one"]
        await connection.send("now")
        loss = await lost(connection)
        assert loss.reason is Reason.CONNECTION


async def test_sending_over_a_lost_connection_says_that_it_is_lost(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(close_frame(1008, "too many messages"))

    async with connected(make_transport, handle) as connection:
        await lost(connection)
        with pytest.raises(ConnectionLost, match="1008: too many messages"):
            await connection.send("hello")


async def test_a_loss_flies_out_of_the_block_as_itself(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(close_frame(1012))

    async with speaking(handle) as url, make_transport().open() as network:
        with pytest.raises(ConnectionLost, match="1012"):
            async with network.connect(url) as connection:
                await connection.receive()


async def test_an_error_of_the_block_flies_out_as_itself(make_transport: MakeTransport) -> None:
    class Bug(Exception):
        pass

    async with speaking(_nothing_more) as url, make_transport().open() as network:
        with pytest.raises(Bug):
            async with network.connect(url):
                raise Bug


# silence and pings


async def test_a_peer_that_answers_no_ping_is_silent_within_the_bounds(make_transport: MakeTransport) -> None:
    pings: list[float] = []

    async def handle(peer: Peer) -> None:
        while True:
            opcode, _ = await peer.receive()
            if opcode == PING:
                pings.append(time.monotonic())

    started = time.monotonic()
    async with connected(make_transport, handle, ping_interval_seconds=0.2, ping_timeout_seconds=0.3) as connection:
        loss = await lost(connection)
        took = time.monotonic() - started
    assert loss.reason is Reason.SILENCE
    assert 0.5 <= took < 2.0
    assert len(pings) == 1


async def test_a_large_frame_on_a_slow_line_is_no_silence(make_transport: MakeTransport) -> None:
    written = frame(TEXT, b"x" * 20_000)

    async def handle(peer: Peer) -> None:
        for at in range(0, len(written), 1000):
            await peer.send(written[at : at + 1000])
            await anyio.sleep(0.06)
        while (await peer.receive())[0] == PING:
            await peer.send(frame(PONG, b"?"))

    async with connected(make_transport, handle, ping_interval_seconds=0.1, ping_timeout_seconds=0.4) as connection:
        batches = [await connection.receive()]
        while not batches[-1].frames:
            batches.append(await connection.receive())
        assert batches[-1].frames == [b"x" * 20_000]
        assert len(batches) > 5, "whoever receives learns that the peer is alive"


async def test_a_peer_that_does_not_even_read_is_silent_within_the_bounds(make_transport: MakeTransport) -> None:
    async def handle(_: Peer) -> None:
        await anyio.sleep_forever()

    started = time.monotonic()
    async with connected(make_transport, handle, ping_interval_seconds=0.2, ping_timeout_seconds=0.3) as connection:
        loss = await lost(connection)
        assert time.monotonic() - started < 2.0
    assert loss.reason is Reason.SILENCE
    assert time.monotonic() - started < 6.0


async def test_a_peer_that_answers_pings_and_says_nothing_else_is_kept(make_transport: MakeTransport) -> None:
    pinged: list[float] = []

    async def handle(peer: Peer) -> None:
        while True:
            opcode, payload = await peer.receive()
            if opcode == PING:
                pinged.append(time.monotonic())
                await peer.send(frame(PONG, payload))
                if len(pinged) == 8:
                    await peer.send(frame(TEXT, b"still here"))

    async with connected(make_transport, handle, ping_interval_seconds=0.05, ping_timeout_seconds=1.0) as connection:
        assert await collect(connection, 1) == [b"still here"]
    assert all(later - earlier >= 0.04 for earlier, later in pairwise(pinged)), "never faster than the venue allows"


async def test_pongs_that_nobody_asked_for_are_ignored(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(PONG, b"unasked"), frame(PONG), frame(TEXT, b"data"), frame(PONG, b"x" * 125))
        await _nothing_more(peer)

    async with connected(make_transport, handle) as connection:
        assert await collect(connection, 1) == [b"data"]


async def test_a_servers_pings_are_answered_while_nobody_receives(make_transport: MakeTransport) -> None:
    latencies: list[float] = []

    async def handle(connection: ServerConnection) -> None:
        for _ in range(5):
            for number in range(100):
                await connection.send(f"frame {number}")
            pong = await connection.ping()
            latencies.append(await pong)
        await connection.wait_closed()

    async with serve(handle, "127.0.0.1", 0, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        with anyio.fail_after(20):
            async with make_transport().open() as network, network.connect(f"ws://127.0.0.1:{port}/") as connection:
                await until(lambda: len(latencies) == 5)
                assert len(await collect(connection, 500)) == 500
    assert max(latencies) < 2.0


async def test_a_ping_is_answered_with_its_own_payload(make_transport: MakeTransport) -> None:
    answers: list[tuple[int, bytes]] = []

    async def handle(peer: Peer) -> None:
        for payload in (b"", b"1723161255208", b"\x00\xff" * 60):
            await peer.send(frame(PING, payload))
            answers.append(await peer.receive())
        await peer.send(frame(TEXT, b"done"))
        await anyio.sleep_forever()

    async with connected(make_transport, handle) as connection:
        await connection.receive()
    assert answers == [(PONG, b""), (PONG, b"1723161255208"), (PONG, b"\x00\xff" * 60)]


# bounds


@pytest.mark.parametrize(
    "bound",
    [
        pytest.param({"max_pending_frames": 200}, id="frames"),
        pytest.param({"max_pending_bytes": 2_000_000}, id="bytes"),
    ],
)
async def test_a_slow_reader_makes_the_sender_wait_and_loses_nothing(
    make_transport: MakeTransport, bound: dict[str, int]
) -> None:
    flood = Flood(5000)
    async with connected(make_transport, flood.handle, **bound) as connection:
        await flood.check(connection)


# closing


@pytest.mark.parametrize("peer_does", ["answers", "ignores it", "does not read", "floods", "is gone"])
async def test_leaving_closes_and_never_hangs(make_transport: MakeTransport, peer_does: str) -> None:
    closings: list[tuple[int, bytes]] = []

    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"hello"))
        match peer_does:
            case "does not read":
                await anyio.sleep_forever()
            case "floods":
                while True:
                    await peer.send(frame(TEXT, b"x" * 100_000))
            case "is gone":
                return
            case _:
                while True:
                    opcode, payload = await peer.receive()
                    if opcode == CLOSE:
                        closings.append((opcode, payload))
                        if peer_does == "answers":
                            await peer.send(close_frame(1000))
                            return

    async with speaking(handle) as url, make_transport(max_pending_bytes=1_000_000).open() as network:
        with anyio.fail_after(10):
            async with network.connect(url) as connection:
                await connection.receive()
                await anyio.sleep(0.05)
                leaving_at = time.monotonic()
            assert time.monotonic() - leaving_at < 4.0
        if peer_does in ("answers", "ignores it"):
            await until(lambda: closings == [(CLOSE, b"\x03\xe8")])


async def test_leaving_by_cancellation_never_hangs(make_transport: MakeTransport) -> None:
    async def handle(_: Peer) -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(10):
        async with speaking(handle) as url, make_transport().open() as network:
            with anyio.move_on_after(0.1) as scope:
                async with network.connect(url) as connection:
                    await connection.receive()
            assert scope.cancelled_caught


async def test_closing_the_network_leaves_no_connection_open(make_transport: MakeTransport) -> None:
    ended = anyio.Event()

    async def handle(peer: Peer) -> None:
        try:
            await _nothing_more(peer)
        finally:
            ended.set()

    with anyio.fail_after(10):
        async with speaking(handle) as url:
            async with make_transport().open() as network, network.connect(url):
                pass
            await ended.wait()


async def test_connections_are_independent_of_one_another(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        if b"/first" in peer.request:
            await peer.send(close_frame(1001))
        else:
            await peer.send(frame(TEXT, b"fine"))
            await _nothing_more(peer)

    with anyio.fail_after(10):
        async with speaking(handle) as url, make_transport().open() as network:
            base = url.removesuffix("/stream")
            async with network.connect(f"{base}/first") as first, network.connect(f"{base}/second") as second:
                await lost(first)
                assert await collect(second, 1) == [b"fine"]
                await second.send("still open")

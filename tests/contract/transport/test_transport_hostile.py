"""What every transport makes of answers and sockets that are there to harm, or might as well be."""

import gzip
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

import anyio
import pytest
from anyio.abc import SocketStream
from tests.contract.transport.conftest import MakeTransport
from tests.contract.transport.transport_world import (
    CONTINUATION,
    PONG,
    TEXT,
    Handler,
    Peer,
    answering,
    frame,
    http_answer,
    serving,
    speaking,
)

from market_data.application.ports import Connection, Request
from market_data.domain.errors import ConnectionFailed, ConnectionLost, RequestFailed
from market_data.domain.normalized import Reason

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def refusal(make_transport: MakeTransport, answer: bytes, **asked: int) -> RequestFailed:
    """Ask what is answered so."""
    async with answering(answer) as address, make_transport().open() as network:
        with pytest.raises(RequestFailed) as failure:
            await network.get(Request(f"http://{address}/depth", **asked))
    return failure.value


async def failure(make_transport: MakeTransport, answer: bytes) -> ConnectionFailed:
    """Open a socket and be answered so."""
    async with answering(answer) as address, make_transport().open() as network:
        with pytest.raises(ConnectionFailed) as failed:
            async with network.connect(f"ws://{address}/stream"):
                pytest.fail("it opened")
    return failed.value


# how long a venue asks to wait


@pytest.mark.parametrize(
    ("status", "text", "waited", "said"),
    [
        pytest.param(503, "Thu, 01 Jan 99999999999 00:00:00 GMT", None, "is no time", id="a date beyond all calendars"),
        pytest.param(503, "Thu, 01 Jan 2020 00:00:00 +99999999999999", None, "is no time", id="a zone that is none"),
        pytest.param(503, "Fri, 31 Dec 9999 23:59:59 GMT", 30.0, "max_backoff_seconds", id="a date of the year 9999"),
        pytest.param(503, "86400", 30.0, "86,400 s, 30 s is the longest", id="a day, without a ban"),
        pytest.param(429, "86400", 86_400.0, "86,400 s", id="a day, banned"),
        pytest.param(418, "999999999", 259_200.0, "259200 s is the longest (reconnect.max_ban_seconds)", id="31 years"),
        pytest.param(429, "{soon}", 600.0, "wait of", id="a time in seconds since 1970"),
        pytest.param(429, "{soon}000", 600.0, "wait of", id="a time in ms since 1970"),
        pytest.param(429, "1700000000", 0.0, "wait of 0 s", id="a time that is over"),
        pytest.param(429, "{soon_date}", 600.0, "wait of", id="a date, beside our own clock"),
        pytest.param(429, "9" * 60, 259_200.0, "max_ban_seconds", id="sixty digits"),
        pytest.param(429, "9" * 5000, None, "is no time", id="five thousand digits"),
        pytest.param(429, "-5", None, "is no time", id="before now"),
        pytest.param(429, "\xb2", None, "is no time", id="a digit that is none"),
        pytest.param(429, "\u202e5\x9b", None, r"'\u202e5\x9b' is no time", id="signs that turn a line around"),
        pytest.param(503, "", None, "is no time", id="empty"),
    ],
)
async def test_a_wait_is_bounded_and_told_however_it_is_asked_for(
    make_transport: MakeTransport, status: int, text: str, waited: float | None, said: str
) -> None:
    soon = int(time.time()) + 600
    text = text.format(soon=soon, soon_date=formatdate(soon, usegmt=True))
    head = f"HTTP/1.1 {status} No\r\nRetry-After: {text}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    for refused in (
        await refusal(make_transport, head.encode()),
        await failure(make_transport, head.encode()),
    ):
        assert refused.retry_after_seconds == (waited if waited is None else pytest.approx(waited, abs=30.0))
        assert said in str(refused)
        assert str(refused).isprintable()


async def test_a_date_is_held_against_the_answers_own(make_transport: MakeTransport) -> None:
    answer = http_answer(
        "429 Too Many", Date="Thu, 01 Jan 2099 00:00:00 GMT", Retry_After="Thu, 01 Jan 2099 00:00:07 GMT"
    )
    assert (await refusal(make_transport, answer)).retry_after_seconds == 7.0


# bodies

BOMB = gzip.compress(b" " * 200_000_000)


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        pytest.param("gzip", BOMB, "larger than the 100,000 bytes", id="200 MB in 200 kB"),
        pytest.param("gzip, gzip", gzip.compress(BOMB), "'gzip, gzip'", id="200 MB in a few bytes, by two layers"),
        pytest.param("gzip", gzip.compress(b"") * 10_000, "larger than", id="nothing, in 200 kB"),
        pytest.param("deflate", zlib.compress(b"[]"), "'deflate'", id="an encoding that was not asked for"),
        pytest.param("gzip", gzip.compress(b"[]" * 1000)[:-4], "no whole gzip stream", id="cut short"),
        pytest.param("gzip", b"", "no whole gzip stream", id="empty"),
        pytest.param("gzip", b"[]", "no gzip stream", id="not encoded at all"),
        pytest.param("identity", b" " * 100_001, "larger than the 100,000 bytes", id="a byte too many"),
    ],
)
async def test_an_answer_is_as_large_as_what_was_asked_for_and_encoded_once_or_refused(
    make_transport: MakeTransport, encoding: str, body: bytes, said: str
) -> None:
    refused = await refusal(make_transport, http_answer("200 OK", body, Content_Encoding=encoding), max_bytes=100_000)
    assert refused.reason is Reason.UNAVAILABLE
    assert said in str(refused)


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000])
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "identity"])
async def test_an_answer_may_be_as_large_as_the_bound(make_transport: MakeTransport, encoding: str, size: int) -> None:
    body = bytes(at * at % 251 for at in range(size))
    sent = body if encoding == "identity" else gzip.compress(body, 1)
    answer = http_answer("200 OK", sent, Content_Encoding=encoding)
    async with answering(answer) as address, make_transport().open() as network:
        assert (await network.get(Request(f"http://{address}/", max_bytes=max(size, len(sent))))).body == body


async def test_a_large_answer_is_decoded_whole_and_leaves_others_their_turn(make_transport: MakeTransport) -> None:
    body = b"".join(b"%08d" % at for at in range(1_000_000))
    answer = http_answer("200 OK", gzip.compress(body, 1), Content_Encoding="gzip")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with (
        answering(answer) as address,
        make_transport(request_timeout_seconds=20.0).open() as network,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(count)
        assert (await network.get(Request(f"http://{address}/"))).body == body
        tasks.cancel_scope.cancel()
    assert turns >= len(body) / 262_144


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http_answer("429 No", BOMB, Content_Encoding="gzip", Retry_After="7"), id="a bomb"),
        pytest.param(http_answer("429 No", b"hello", Content_Encoding="br", Retry_After="7"), id="an odd encoding"),
        pytest.param(http_answer("429 No", b"hello", Content_Encoding="gzip", Retry_After="7"), id="not encoded"),
        pytest.param(b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\nshort", id="cut in the middle"),
        pytest.param(http_answer("429 No", b"x" * 5_000_000, Retry_After="7"), id="five megabytes of words"),
    ],
)
async def test_a_refusal_is_understood_whatever_its_body_is(make_transport: MakeTransport, answer: bytes) -> None:
    refused = await refusal(make_transport, answer)
    assert (refused.reason, refused.retry_after_seconds) == (Reason.RATE_LIMITED, 7.0)
    assert "HTTP 429" in str(refused)
    assert len(str(refused)) < 500


async def test_a_refusal_whose_words_never_end_is_understood_all_the_same(make_transport: MakeTransport) -> None:
    async def drip(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 418 No\r\nRetry-After: 7\r\nContent-Length: 1000\r\n\r\nlong story")
        await anyio.sleep_forever()

    async with serving(drip) as port, make_transport(request_timeout_seconds=0.5).open() as network:  # type: ignore[arg-type]
        with pytest.raises(RequestFailed, match=r"HTTP 418, .*: long story") as refused:
            await network.get(Request(f"http://127.0.0.1:{port}/"))
    assert refused.value.retry_after_seconds == 7.0


# connections that were kept alive


class _Dropping:
    """A venue that answers the first question of each connection, and drops the next with the connection."""

    def __init__(self, answered: int) -> None:
        self.answered = answered
        self.connections = 0
        self.questions = 0
        self.reset = False

    async def __call__(self, stream: SocketStream) -> None:
        self.connections += 1
        for number in range(100):
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            self.questions += 1
            if number >= self.answered:
                return
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")


async def test_a_question_that_a_kept_connection_swallowed_is_asked_again_once_over_a_new_one(
    make_transport: MakeTransport,
) -> None:
    venue = _Dropping(answered=1)
    async with serving(venue) as port, make_transport().open() as network:  # type: ignore[arg-type]
        request = Request(f"http://127.0.0.1:{port}/")

        async def ask() -> None:
            assert (await network.get(request)).body == b"[]"

        for _ in range(2):  # several at a time, so that each of several connections swallows one
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(ask)
    assert venue.questions == 9, "three answered, three swallowed, three asked again"


async def test_a_question_that_a_new_connection_swallowed_is_not_asked_again(make_transport: MakeTransport) -> None:
    venue = _Dropping(answered=0)
    async with serving(venue) as port, make_transport().open() as network:  # type: ignore[arg-type]
        with pytest.raises(RequestFailed) as refused:
            await network.get(Request(f"http://127.0.0.1:{port}/"))
    assert refused.value.reason is Reason.UNAVAILABLE
    assert venue.questions == 1


# sockets


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


@pytest.mark.parametrize("accept", [None, "", "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "\xe9"])
async def test_an_upgrade_that_does_not_answer_our_key_is_refused(
    make_transport: MakeTransport, accept: str | None
) -> None:
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    line = "" if accept is None else f"Sec-WebSocket-Accept: {accept}\r\n"
    failed = await failure(make_transport, f"{head}{line}\r\n".encode("latin-1") + frame(TEXT, b"hello"))
    assert failed.reason is Reason.UNAVAILABLE
    assert "Sec-WebSocket-Accept" in str(failed)


@pytest.mark.parametrize("payload", [b"", b" "], ids=["empty", "of one byte"])
async def test_fragments_without_end_are_a_frame_that_is_too_large(
    make_transport: MakeTransport, payload: bytes
) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"whole"), frame(TEXT, payload, is_last=False))
        while True:
            await peer.send(frame(CONTINUATION, payload, is_last=False) * 10_000)

    async with connected(make_transport, handle, max_frame_bytes=1_000_000) as connection:
        largest = 0
        loss: ConnectionLost | None = None
        while loss is None:
            try:
                largest = max(largest, (await connection.receive()).partial_bytes)
            except ConnectionLost as error:
                loss = error
    assert largest <= 1000
    assert loss.reason is Reason.MALFORMED
    assert "larger than 1000000 bytes, a fragment counted as 1024 at least" in str(loss)


async def test_a_frame_of_as_many_fragments_as_the_bound_allows_is_whole(make_transport: MakeTransport) -> None:
    async def handle(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"a", is_last=False) + frame(CONTINUATION, b"b", is_last=False) * 62)
        await peer.send(frame(CONTINUATION, b"c" * 1024), frame(TEXT, b"next"))
        await anyio.sleep_forever()

    frames: list[bytes] = []
    async with connected(make_transport, handle, max_frame_bytes=65_536) as connection:
        while len(frames) < 2:
            frames += (await connection.receive()).frames
    assert frames == [b"a" + b"b" * 62 + b"c" * 1024, b"next"]


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(frame(TEXT, b"{}"), id="tiny frames"),
        pytest.param(frame(PONG), id="pongs"),
        pytest.param(frame(TEXT, b"", is_last=False) + frame(CONTINUATION, b""), id="empty frames in fragments"),
    ],
)
async def test_a_read_of_very_many_frames_leaves_others_their_turn(make_transport: MakeTransport, flood: bytes) -> None:
    count = 200_000 // len(flood)
    turns = 0

    async def handle(peer: Peer) -> None:
        await peer.send(flood * count, frame(TEXT, b"end"))
        await anyio.sleep_forever()

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    largest = 0
    async with (
        connected(make_transport, handle, max_pending_frames=1000) as connection,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(take_turns)
        while True:
            frames = (await connection.receive()).frames
            largest = max(largest, len(frames))
            if frames and frames[-1] == b"end":
                break
        tasks.cancel_scope.cancel()
    assert turns >= count / 256
    assert largest <= 1000 + 256, "what waits is bounded within a read too"


async def test_who_receives_learns_how_much_of_a_frame_has_come(make_transport: MakeTransport) -> None:
    written = frame(TEXT, b"x" * 200_000)
    go_on = anyio.Event()

    async def handle(peer: Peer) -> None:
        await peer.send(written[:50_000])
        await go_on.wait()
        await peer.send(written[50_000:], frame(TEXT, b"next"))
        await anyio.sleep_forever()

    async with connected(make_transport, handle) as connection:
        received = [await connection.receive()]
        while received[-1].partial_bytes < 49_990:
            received.append(await connection.receive())
        go_on.set()
        while not received[-1].frames:
            received.append(await connection.receive())
    assert [each.partial_bytes for each in received[:-1]] == sorted(each.partial_bytes for each in received[:-1])
    assert received[-1].partial_bytes == 0
    assert received[-1].frames[0] == b"x" * 200_000

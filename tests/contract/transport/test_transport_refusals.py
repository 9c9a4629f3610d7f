"""What every transport says when it is refused: sockets that do not open, questions that are not answered."""

import time
from pathlib import Path

import anyio
import pytest
from tests.contract.transport.conftest import MakeTransport
from tests.contract.transport.transport_world import (
    Peer,
    answering,
    frame,
    free_port,
    http_answer,
    make_certificate,
    serving,
    speaking,
)

from market_data.application.ports import Request, Response
from market_data.domain.errors import ConnectionFailed, RequestFailed
from market_data.domain.normalized import Reason

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def connect(make_transport: MakeTransport, url: str, **changes: object) -> ConnectionFailed:
    """Try to open a socket that does not open."""
    with pytest.raises(ConnectionFailed) as failure:
        async with make_transport(**changes).open() as network, network.connect(url):
            pytest.fail("it opened")
    return failure.value


async def ask(make_transport: MakeTransport, url: str, **changes: object) -> RequestFailed:
    """Ask something that is not answered."""
    with pytest.raises(RequestFailed) as failure:
        async with make_transport(**changes).open() as network:
            await network.get(Request(url))
    return failure.value


REFUSALS = [
    pytest.param("429 Too Many Requests", {"Retry_After": "17"}, Reason.RATE_LIMITED, 17.0, id="429 with its time"),
    pytest.param("429 Too Many Requests", {}, Reason.RATE_LIMITED, None, id="429 without a time"),
    pytest.param("418 I'm a teapot", {"Retry_After": "7200"}, Reason.RATE_LIMITED, 7200.0, id="418, banned"),
    pytest.param("451 Unavailable For Legal Reasons", {}, Reason.REJECTED, None, id="451"),
    pytest.param("403 Forbidden", {}, Reason.REJECTED, None, id="403"),
    pytest.param("404 Not Found", {}, Reason.REJECTED, None, id="404"),
    pytest.param("400 Bad Request", {"Retry_After": "soon"}, Reason.REJECTED, None, id="400, no time in its time"),
    pytest.param("301 Moved", {"Location": "http://127.0.0.1:9/"}, Reason.REJECTED, None, id="301, not followed"),
    pytest.param("500 Internal Server Error", {}, Reason.UNAVAILABLE, None, id="500"),
    pytest.param("503 Service Unavailable", {"Retry_After": "3"}, Reason.UNAVAILABLE, 3.0, id="503 with its time"),
]


@pytest.mark.parametrize(("status", "headers", "reason", "retry_after"), REFUSALS)
async def test_a_refused_handshake_gives_its_reason_and_the_venues_time(
    make_transport: MakeTransport, status: str, headers: dict[str, str], reason: Reason, retry_after: float | None
) -> None:
    async with answering(http_answer(status, b'{"code":0,"msg":"no"}', **headers)) as address:
        failure = await connect(make_transport, f"ws://{address}/stream")
    assert (failure.reason, failure.retry_after_seconds) == (reason, retry_after)
    assert f"HTTP {status[:3]}" in str(failure)
    assert str(failure).startswith(f"ws://{address}/stream: ")


@pytest.mark.parametrize(("status", "headers", "reason", "retry_after"), REFUSALS)
async def test_a_refused_question_gives_its_reason_the_venues_time_and_its_words(
    make_transport: MakeTransport, status: str, headers: dict[str, str], reason: Reason, retry_after: float | None
) -> None:
    async with answering(http_answer(status, b'{"code":-1003,"msg":"Way too\nmuch"}', **headers)) as address:
        failure = await ask(make_transport, f"http://{address}/api/v3/depth")
    assert (failure.reason, failure.retry_after_seconds) == (reason, retry_after)
    assert f"HTTP {status[:3]}" in str(failure)
    assert "-1003" in str(failure)
    assert "\n" not in str(failure)


async def test_a_region_that_is_not_served_is_told_what_to_do(make_transport: MakeTransport) -> None:
    async with answering(http_answer("451 Unavailable")) as address:
        failure = await connect(make_transport, f"ws://{address}/")
    assert "websocket_url" in str(failure)


async def test_an_answer_is_its_body_and_its_headers_in_lower_case(make_transport: MakeTransport) -> None:
    answer = http_answer("200 OK", b'{"lastUpdateId":1}', X_MBX_USED_WEIGHT_1M="55")
    async with answering(answer) as address, make_transport().open() as network:
        response = await network.get(Request(f"http://{address}/"))
    assert response.body == b'{"lastUpdateId":1}'
    assert response.headers["x-mbx-used-weight-1m"] == "55"


async def test_a_question_carries_the_headers_that_it_is_given(make_transport: MakeTransport) -> None:
    heard: list[bytes] = []

    async def respond(stream: anyio.abc.SocketStream) -> None:
        heard.append(await stream.receive())
        await stream.send(http_answer("200 OK", b"{}"))

    async with serving(respond) as port, make_transport().open() as network:  # type: ignore[arg-type]
        await network.get(Request(f"http://127.0.0.1:{port}/book?limit=5", 1, {"cache-control": "no-cache"}))
    assert heard[0].startswith(b"GET /book?limit=5 HTTP/1.1\r\n")
    assert b"cache-control: no-cache" in heard[0].lower()


async def test_several_questions_are_answered_at_once(make_transport: MakeTransport) -> None:
    async with answering(http_answer("200 OK", b"[]")) as address, make_transport().open() as network:
        answers: list[Response] = []

        async def get() -> None:
            answers.append(await network.get(Request(f"http://{address}/")))

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(get)
    assert len(answers) == 20


# nobody there, or nobody who speaks


async def test_a_port_where_nobody_listens_is_unavailable(make_transport: MakeTransport) -> None:
    address = f"127.0.0.1:{free_port()}"
    assert (await connect(make_transport, f"ws://{address}/")).reason is Reason.UNAVAILABLE
    assert (await ask(make_transport, f"http://{address}/")).reason is Reason.UNAVAILABLE


async def test_a_peer_that_accepts_and_never_answers_is_given_up_in_time(make_transport: MakeTransport) -> None:
    async with answering(None) as address:
        started = time.monotonic()
        failure = await connect(make_transport, f"ws://{address}/", connect_timeout_seconds=0.5)
        assert 0.4 < time.monotonic() - started < 3.0
        assert failure.reason is Reason.UNAVAILABLE
        assert "0.5 s" in str(failure)
        started = time.monotonic()
        refusal = await ask(make_transport, f"http://{address}/", request_timeout_seconds=0.5)
        assert 0.4 < time.monotonic() - started < 3.0
        assert refusal.reason is Reason.UNAVAILABLE
        assert "0.5 s" in str(refusal)


async def test_an_answer_that_drips_is_given_up_in_time(make_transport: MakeTransport) -> None:
    async def drip(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await stream.send(b"x")
            await anyio.sleep(0.05)

    async with serving(drip) as port:  # type: ignore[arg-type]
        started = time.monotonic()
        refusal = await ask(make_transport, f"http://127.0.0.1:{port}/", request_timeout_seconds=0.5)
        assert time.monotonic() - started < 3.0
        assert "0.5 s" in str(refusal)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", id="cut in the middle"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
            id="not what it says it is",
        ),
    ],
)
async def test_an_answer_that_is_none_is_unavailable(make_transport: MakeTransport, answer: bytes) -> None:
    async with answering(answer) as address:
        assert (await ask(make_transport, f"http://{address}/")).reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(b"", Reason.UNAVAILABLE, id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", Reason.UNAVAILABLE, id="another protocol"),
        pytest.param(http_answer("200 OK", b"<html>"), Reason.REJECTED, id="a web page"),
    ],
)
async def test_a_handshake_that_is_none_is_a_failed_connection(
    make_transport: MakeTransport, answer: bytes, reason: Reason
) -> None:
    async with answering(answer) as address:
        assert (await connect(make_transport, f"ws://{address}/")).reason is reason


async def test_giving_up_while_it_opens_or_asks_never_hangs(make_transport: MakeTransport) -> None:
    async with answering(None) as address, make_transport(connect_timeout_seconds=60.0).open() as network:
        with anyio.fail_after(5):
            with anyio.move_on_after(0.1):
                async with network.connect(f"ws://{address}/"):
                    pytest.fail("it opened")
            with anyio.move_on_after(0.1):
                await network.get(Request(f"http://{address}/"))


# TLS and proxies


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    make_transport: MakeTransport, tmp_path: Path
) -> None:
    tls = make_certificate(tmp_path)

    async def handle(peer: Peer) -> None:
        await peer.send(frame(0x1, b"secret"))

    async with speaking(handle, tls) as url:
        failure = await connect(make_transport, url)
    assert failure.reason is Reason.UNAVAILABLE
    assert "TLS certificate not trusted" in str(failure)
    async with answering(http_answer("200 OK"), tls) as address:
        refusal = await ask(make_transport, f"https://{address}/")
    assert refusal.reason is Reason.UNAVAILABLE
    assert "TLS certificate not trusted" in str(refusal)


async def test_a_peer_that_speaks_no_tls_is_unavailable(make_transport: MakeTransport) -> None:
    async def complain(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        await stream.send(http_answer("400 Bad Request"))

    async with serving(complain) as port:  # type: ignore[arg-type]
        failure = await connect(make_transport, f"wss://127.0.0.1:{port}/")
    assert failure.reason is Reason.UNAVAILABLE
    assert "TLS" in str(failure)


async def test_a_proxy_of_the_environment_is_used_and_its_refusal_told(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    async def refuse(stream: anyio.abc.SocketStream) -> None:
        heard.append(await stream.receive())
        await stream.send(http_answer("407 Proxy Authentication Required"))

    async with serving(refuse) as port:  # type: ignore[arg-type]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        failure = await connect(make_transport, "wss://venue.example/stream")
        refusal = await ask(make_transport, "https://venue.example/api")
    assert heard[0].startswith(b"CONNECT venue.example:443 HTTP/1.1\r\n")
    assert failure.reason is refusal.reason is Reason.UNAVAILABLE
    assert "407" in str(failure)


@pytest.mark.parametrize("location", ["ws:x", "http://[", "http://127.0.0.1:99999999/", "//\xe9:x"])
async def test_a_redirection_to_what_is_no_address_is_a_refusal(make_transport: MakeTransport, location: str) -> None:
    async with answering(http_answer("302 Found", Location=location)) as host:
        assert await connect(make_transport, f"ws://{host}/stream")
        assert await ask(make_transport, f"http://{host}/api")


async def test_an_answer_that_is_none_is_quoted_in_short(make_transport: MakeTransport) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n" + b"x" * 5000 + b"\r\n\r\n") as host:
        assert len(str(await ask(make_transport, f"http://{host}/api"))) < 400
        assert len(str(await connect(make_transport, f"ws://{host}/stream"))) < 400

"""Who is let in, over a real socket."""

import re
import socket
from contextlib import closing
from importlib import resources

import anyio
import httpx
import pytest
from tests.support.waiting import until
from tests.support.web import fresh, offered

from market_data.config import SettingsError, load_settings
from market_data.domain.errors import AppError
from market_data.serving import Bounds, bound, serving

pytestmark = pytest.mark.anyio

TOKEN = "0123456789abcdef"  # noqa: S105 - of these tests alone
PAGE = resources.files("market_data.adapters.web") / "page"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:1", 200),
        ("localhost:8000", 200),
        ("LocalHost", 200),
        ("[::1]:8000", 200),
        ("desk.example.com", 200),
        ("evil.example.com", 421),
        ("127.0.0.1.evil.example.com", 421),
        ("192.0.2.1", 421),
        ("[::1", 421),
        ("evil.example.com@localhost", 421),
        ("localhost/evil.example.com", 421),
        ("[::1]evil.example.com", 421),
        ("localhost:port", 421),
        ("", 421),
    ],
)
async def test_only_known_hosts_are_answered(host: str, status: int) -> None:
    async with offered(allowed_hosts=["Desk.example.com"], books=[fresh()]) as world:
        answer = await world.get("api/books", host=host)
        stream = await world.client.head(f"{world.url}stream", headers={"host": host})
    assert (answer.status_code, stream.status_code) == (status, status)
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "web.allowed_hosts" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:1"}, 200),
        ({"origin": "https://127.0.0.1:1"}, 200),
        ({"origin": "https://desk.example.com"}, 200),
        ({"origin": "http://127.0.0.1:2"}, 403),
        ({"origin": "https://evil.example.com"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
    ],
)
async def test_pages_of_other_origins_may_not_ask(headers: dict[str, str], status: int) -> None:
    async with offered(cors_origins=["https://desk.example.com"], books=[fresh()]) as world:
        answer = await world.get("api/books", host="127.0.0.1:1", **headers)
    assert answer.status_code == status
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == ("https://desk.example.com" if "desk" in headers.get("origin", "") else None)


async def test_only_a_named_origin_may_ask_beforehand() -> None:
    async with offered(cors_origins=["https://desk.example.com"], token=TOKEN) as world:
        answers = [
            await world.client.options(f"{world.url}api/books", headers={"origin": origin})
            for origin in ("https://desk.example.com", "https://evil.example.com")
        ]
    assert [answer.status_code for answer in answers] == [204, 403]
    assert "Authorization" in answers[0].headers["access-control-allow-headers"]


async def test_a_token_is_asked_for_and_a_page_gets_a_cookie_for_it() -> None:
    async with offered(token=TOKEN, books=[fresh()]) as world:
        refused = [
            await world.get(path, **headers)
            for path, headers in (
                ("", {}),
                ("api/books", {"authorization": "Bearer 0123456789abcdeX"}),
                ("api/books", {"authorization": f"Basic {TOKEN}"}),
                ("api/books", {"cookie": f"market_data={TOKEN}"}),
                ("stream", {}),
                ("?token=another", {}),
                ("openapi.json", {"authorization": b"Bearer \xe9"}),
            )
        ]
        by_bearer = await world.get("api/books", authorization=f"Bearer {TOKEN}")
        entered = await world.get(f"?x=1&token={TOKEN}")
        world.client.cookies.clear()
        cookie = entered.headers["set-cookie"].partition(";")[0]
        by_cookie = await world.get("api/books", cookie=cookie)
    for answer in refused:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in answer.text
    assert by_bearer.status_code == by_cookie.status_code == 200
    assert (entered.status_code, entered.headers["location"]) == (303, "/?x=1")
    assert TOKEN not in entered.headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert word in entered.headers["set-cookie"]


@pytest.mark.parametrize(
    "path",
    ["//evil.example.com/a", "///evil.example.com/a", "/%2f/evil.example.com", "/%09/evil.example.com", "/\\evil"],
)
async def test_a_token_leads_to_no_other_host(path: str) -> None:
    async with offered(token=TOKEN) as world:
        url = httpx.URL(world.url)
        stream = await anyio.connect_tcp(url.host, url.port or 0)
        async with stream:
            await stream.send(f"GET {path}?token={TOKEN} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            said = b""
            with anyio.fail_after(20):
                while b"\r\n\r\n" not in said:
                    said += await stream.receive()
    (location,) = [line for line in said.decode().splitlines() if line.startswith("location: ")]
    assert re.fullmatch(r"location: /([^/\\\t].*)?", location)


async def test_a_request_that_breaks_off_is_refused_once_and_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async with offered(books=[fresh()]) as world:
        url = httpx.URL(world.url)
        for said in (b"transfer-encoding: chunked\r\n\r\nZZ\r\n", b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"):
            stream = await anyio.connect_tcp(url.host, url.port or 0)
            async with stream:
                await stream.send(b"GET /stream HTTP/1.1\r\nhost: localhost\r\n" + said)
                with anyio.fail_after(20):
                    answer = await stream.receive()
            assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200"))
        assert (await world.get("api/books")).status_code == 200
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []
    assert [each.getMessage() for each in caplog.records if "pip install" in each.getMessage()] == []


async def test_every_answer_keeps_a_browser_to_this_server() -> None:
    async with offered(books=[fresh()]) as world:
        answers = [await world.get(path) for path in ("", "main.js", "api/books", "nothing", "stream?book=x")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


async def test_the_page_asks_for_nothing_that_is_not_served() -> None:
    async with offered() as world:
        for file in PAGE.iterdir():
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), file.name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|style=\"", text), (
                file.name
            )
            for name in re.findall(r'from "\./([^"]+)"', text) + re.findall(r'(?:src|href)="/([^"]+)"', text):
                assert (await world.get(name)).status_code == 200, name


async def test_beyond_this_machine_the_log_says_that_it_is_open() -> None:
    async with offered(host="0.0.0.0", token=TOKEN) as world:  # noqa: S104 - that is the point
        assert ("the page is open to other machines", "to whoever has web.token") in [
            (message, fields.get("open")) for message, fields in world.telemetry.warnings
        ]
        port = httpx.URL(world.url).port
        answer = await world.client.get(f"http://127.0.0.1:{port}/", headers={"host": "192.0.2.9"})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    ("overrides", "environ", "problem"),
    [
        (["web.listen=0.0.0.0:8000"], {}, r"web\.listen: other machines reach 0\.0\.0\.0: set APP__WEB__TOKEN"),
        (["web.listen=desk.example.com:8000"], {}, "other machines reach desk.example.com"),
        (["web.listen=[::]:8000"], {}, "other machines reach ::"),
        ([], {"APP__WEB__TOKEN": "short"}, r"web\.token: expected 16 characters or more, received fewer"),
        ([], {"APP__WEB__TOKEN": "0123456789abcdé€"}, r"web\.token: expected visible ASCII"),
        ([f"web.listen=1{'9' * 5000}:1"], {}, r"web\.listen: other machines reach 19{99}…9{100}: set"),
        (["web.token=0123456789abcdef"], {}, "a secret does not belong here: set APP__WEB__TOKEN"),
        (["web.cors_origins=[desk.example.com]"], {}, r"expected an origin such as https://desk\.example\.com"),
        (["web.cors_origins=['*']"], {}, "expected an origin"),
        (["web.allowed_hosts=['a b']"], {}, "expected the name or address of a host"),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(
    overrides: list[str], environ: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        load_settings("test", overrides=overrides, environ=environ)


@pytest.mark.parametrize(
    ("overrides", "environ"),
    [
        (["web.listen=0.0.0.0:8000"], {"APP__WEB__TOKEN": TOKEN}),
        (["web.listen=0.0.0.0:8000", "web.allow_without_token=true"], {}),
        (["web.listen=[::1]:8000"], {}),
        (["web.listen=localhost:8000"], {}),
    ],
)
def test_settings_that_say_who_may_look_are_taken(overrides: list[str], environ: dict[str, str]) -> None:
    load_settings("test", overrides=overrides, environ=environ)


async def test_a_taken_port_is_one_line_that_names_the_setting() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(AppError) as raised:
            async with offered(port=port):
                pytest.fail("it began")
    (line,) = raised.value.lines
    assert line == (
        f"the page cannot be offered at 127.0.0.1:{port}: address already in use. Set web.listen to another address"
    )
    assert raised.value.exit_status == 1


async def until_closed(stream: anyio.abc.SocketStream) -> None:
    with anyio.fail_after(20):
        try:
            while True:
                await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            await stream.aclose()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nhost: a", b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HT"])
async def test_who_does_not_finish_a_request_is_cut_off(said: bytes) -> None:
    async def application(_: object, __: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

    with bound("127.0.0.1", 0, lambda error: error) as listener:
        async with serving(application, listener, Bounds(10, request_seconds=0.3), "test"):  # type: ignore[arg-type]
            stream = await anyio.connect_tcp(*listener.getsockname()[:2])
            if said:
                await stream.send(said)
            await until_closed(stream)


async def test_of_too_many_connections_those_that_ask_for_nothing_go_first() -> None:
    async with offered(max_clients=2, books=[fresh()]) as world, world.listen() as events:
        await anext(events)
        url = httpx.URL(world.url)
        idle = [await anyio.connect_tcp(url.host, url.port or 0) for _ in range(150)]
        await until_closed(idle[0])
        assert (await world.get("api/books")).status_code == 200
        world.show(fresh(1))
        assert (await anext(events)).name == "change"
        for stream in idle[1:]:
            await stream.aclose()
        await until(lambda: world.display._hub.clients == 1)

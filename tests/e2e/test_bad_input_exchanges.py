"""What comes of an exchange that refuses, that cannot be trusted, or that talks nonsense: the other one goes on."""

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import refusing, speaking
from tests.support.programs import Ended, Running, Sandbox, running
from websockets.sync.server import ServerConnection

pytestmark = pytest.mark.timeout(60)

Book = dict[str, Any]


@contextmanager
def _binance_at(
    world: Sandbox,
    topic: str,
    folder: Path,
    *,
    rest: str | None = None,
    websocket: str | None = None,
    longest_wait: float = 0.25,
) -> Iterator[tuple[Running, Running, list[Ended]]]:
    """Run a producer whose Binance is elsewhere, and a consumer; the producer's end is added to the list."""
    settings = [*world.options(topic), "--set", "log.repeat_seconds=0.5"]
    settings += ["--set", f"reconnect.max_backoff_seconds={longest_wait}"]
    settings += ["--set", f"venues.binance.rest_url={rest}"] if rest else []
    settings += ["--set", f"venues.binance.websocket_url={websocket}"] if websocket else []
    ends: list[Ended] = []
    with (
        running("produce", *settings, folder=folder) as producer,
        running("consume", *world.options(topic), "--view", "json", folder=folder) as consumer,
    ):
        yield producer, consumer, ends
        ends.append(producer.end())
        consumer.end()


def _books(consumer: Running, exchange: str) -> list[Book]:
    return [book for book in map(json.loads, consumer.out[:]) if book["exchange"] == exchange]


def _is_told(status: str, reason: str) -> Callable[[Book], bool]:
    return lambda book: (book["status"], book["reason"]) == (status, reason)


def _wait(consumer: Running, exchange: str, what: Callable[[Book], bool]) -> None:
    consumer.wait_for(lambda: any(what(book) for book in _books(consumer, exchange)))


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        pytest.param(451, "rejected", "HTTP 451, not served in this region; set another host in venues", id="451"),
        pytest.param(429, "rate_limited", "HTTP 429, too many requests", id="429"),
        pytest.param(418, "rate_limited", "HTTP 418, banned for too many requests", id="418"),
        pytest.param(503, "unavailable", "HTTP 503", id="503"),
    ],
)
def test_a_refused_request_is_told_clearly_retried_when_told_and_the_other_venue_goes_on(
    status: int, reason: str, words: str, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    with (
        refusing(status, {"Retry-After": "2"}) as venue,
        _binance_at(world, topic, tmp_path, rest=f"http://{venue.address}", longest_wait=2) as (_, consumer, ends),
    ):
        _wait(consumer, "binance", _is_told("disconnected", reason))
        _wait(consumer, "coinbase", lambda book: book["status"] == "live")
        consumer.wait_for(lambda: len(venue.asked_at) >= 2)
    assert venue.asked_at[1] - venue.asked_at[0] >= 2
    assert ends[0].status == 0
    assert words in ends[0].err
    assert f"http://{venue.address}" in ends[0].err
    assert "Traceback" not in ends[0].err


@pytest.mark.parametrize(
    ("status", "reason"),
    [pytest.param(451, "rejected", id="451"), pytest.param(429, "rate_limited", id="429")],
)
def test_a_refused_handshake_is_told_clearly_and_retried_when_told(
    status: int, reason: str, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    with (
        refusing(status, {"Retry-After": "1"}) as venue,
        _binance_at(world, topic, tmp_path, websocket=f"ws://{venue.address}", longest_wait=1) as (_, consumer, ends),
    ):
        _wait(consumer, "binance", _is_told("disconnected", reason))
        _wait(consumer, "coinbase", lambda book: book["status"] == "live")
        consumer.wait_for(lambda: len(venue.asked_at) >= 2)
    assert venue.asked_at[1] - venue.asked_at[0] >= 1
    assert ends[0].status == 0
    assert "could not connect" in ends[0].err
    assert f"HTTP {status}" in ends[0].err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("Thu, 01 Jan 99999999999 00:00:00 GMT", "is no time: ignored", id="a date beyond all calendars"),
        pytest.param("86400", "86,400 s, 0.25 s is the longest (reconnect.max_backoff_seconds)", id="a day"),
    ],
)
@pytest.mark.parametrize("where", ["rest", "websocket"])
def test_a_wait_that_makes_no_sense_is_told_and_not_waited(
    text: str, said: str, where: str, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    with refusing(503, {"Retry-After": text}) as venue:
        addresses = {where: f"{'http' if where == 'rest' else 'ws'}://{venue.address}"}
        with _binance_at(world, topic, tmp_path, **addresses) as (_, consumer, ends):
            _wait(consumer, "binance", _is_told("disconnected", "unavailable"))
            _wait(consumer, "coinbase", lambda book: book["status"] == "live")
            consumer.wait_for(lambda: len(venue.asked_at) >= 3)
    assert ends[0].status == 0
    assert said in ends[0].err
    assert "Traceback" not in ends[0].err


def test_an_unreachable_exchange_is_told_once_a_while_and_the_other_venue_goes_on(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with _binance_at(world, topic, tmp_path, rest=f"http://{address}") as (producer, consumer, ends):
            _wait(consumer, "binance", _is_told("disconnected", "unavailable"))
            _wait(consumer, "coinbase", lambda book: book["status"] == "live")
            producer.wait_for_err("could not ask what is listed")
    assert ends[0].status == 0
    assert f"http://{address}/api/v3/exchangeInfo: connection refused" in ends[0].err
    assert "Traceback" not in ends[0].err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_certificate_that_is_not_trusted_is_told_and_the_other_venue_goes_on(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out certificate.pem"
    subprocess.run(["openssl", *made.split()], cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with (
        refusing(200, tls=tls) as venue,
        _binance_at(world, topic, tmp_path, rest=f"https://{venue.address}") as (_, consumer, ends),
    ):
        _wait(consumer, "binance", _is_told("disconnected", "unavailable"))
        _wait(consumer, "coinbase", lambda book: book["status"] == "live")
    assert ends[0].status == 0
    assert "TLS certificate not trusted: self-signed certificate" in ends[0].err
    assert "Traceback" not in ends[0].err


def _garbage(connection: ServerConnection) -> None:
    connection.recv()
    connection.send("}{ this is no JSON")
    connection.recv(timeout=5)


def _binary(connection: ServerConnection) -> None:
    connection.recv()
    connection.send(b"\x00\x01")
    connection.recv(timeout=5)


def _oversized(connection: ServerConnection) -> None:
    connection.recv()
    connection.send('{"stream":"' + "x" * 2_000_000 + '"}')
    connection.recv(timeout=5)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        pytest.param(_garbage, "a frame could not be read", id="garbage"),
        pytest.param(_binary, "a binary frame came where text is spoken", id="binary"),
        pytest.param(_oversized, "a frame is larger than 1000000 bytes", id="oversized"),
    ],
)
def test_nonsense_is_told_in_band_and_never_shown_as_a_book(
    talk: Callable[[ServerConnection], None], words: str, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text("transport:\n  max_frame_bytes: 1000000\n")
    settings = (*world.options(topic), "--config", str(tmp_path / "small.yaml"))
    with (
        speaking(talk) as address,
        running("produce", *settings, "--set", f"venues.binance.websocket_url={address}", folder=tmp_path) as producer,
        running("consume", *world.options(topic), "--view", "json", folder=tmp_path) as consumer,
    ):
        _wait(consumer, "binance", lambda book: book["reason"] == "malformed")
        _wait(consumer, "coinbase", lambda book: book["status"] == "live")
        producer.wait_for_err(words)
        ended = producer.end()
        _wait(consumer, "binance", _is_told("disconnected", "shutdown"))
        consumer.end()
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert not any(book["status"] == "live" for book in _books(consumer, "binance"))

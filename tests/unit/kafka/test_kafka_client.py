"""What is said of a broker that does not answer, or does not let us in; on real sockets, without a broker."""

import gc
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import pytest
from aiokafka import errors as kafka
from anyio.streams.tls import TLSListener
from tests.contract.kafka.kafka_world import FakeTelemetry

from market_data.adapters.kafka.client import KafkaCluster, explain
from market_data.adapters.kafka.security import Security
from market_data.domain.errors import BrokerError, BrokerUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1, signed by itself, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=broker -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [*command.split(), "-keyout", "key.pem", "-out", "ca.pem"], cwd=folder, check=True, capture_output=True
    )
    return folder


@asynccontextmanager
async def listening(
    answer: Callable[[anyio.abc.ByteStream], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Listen on a port, and do something with whoever connects."""

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await answer(stream)

    async def ignore(_error: BaseException, _stream: object) -> None:
        """Not to finish a handshake is what these tests are about."""

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port: int = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610
    spoken = listener if tls is None else _Quiet(listener, tls)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(spoken.serve, serve)
        yield port
        tasks.cancel_scope.cancel()


class _Quiet(TLSListener):
    """Does not report handshakes that fail."""

    @staticmethod
    async def handle_handshake_error(_error: BaseException, stream: anyio.abc.AnyByteStream) -> None:
        await stream.aclose()


async def hang_up(_stream: anyio.abc.ByteStream) -> None:
    """Close at once."""


async def say_nothing(_stream: anyio.abc.ByteStream) -> None:
    await anyio.sleep_forever()


def cluster(port: int, security: Security | None = None, host: str = "127.0.0.1") -> KafkaCluster:
    return KafkaCluster(
        f"{host}:{port}",
        security=security or Security(),
        connect_timeout_seconds=0.5,
        request_timeout_seconds=0.3,
    )


def server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


async def test_a_closed_port_is_connection_refused() -> None:
    telemetry = FakeTelemetry()
    with pytest.raises(
        BrokerUnavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:1: connection refused\. Start"
    ):
        await cluster(1).reach(telemetry)
    ((message, fields),) = telemetry.warnings
    assert message == "no Kafka broker answers, trying again"
    assert fields == {"brokers": "127.0.0.1:1", "problem": "connection refused"}


def test_a_host_without_an_address_is_told() -> None:
    assert cluster(9092)._describe(socket.gaierror(-2, "Name or service not known")) == "its name is not known"


async def test_a_broker_that_says_nothing_is_told_with_the_time() -> None:
    async with listening(say_nothing) as port:
        assert await cluster(port).problem() == "no answer within 0.3 s"


async def test_a_broker_that_hangs_up_leads_to_the_protocol() -> None:
    async with listening(hang_up) as port:
        expected = "it hangs up at once (is kafka.security.protocol PLAINTEXT right?)"
        assert await cluster(port).problem() == expected


async def test_tls_to_a_broker_that_hangs_up_leads_to_the_protocol() -> None:
    async with listening(hang_up) as port:
        problem = await cluster(port, Security("SSL")).problem()
        assert problem == "it hangs up at once (is kafka.security.protocol SSL right?)"


@needs_openssl
async def test_a_certificate_of_another_authority_is_told_at_once(certificate: Path) -> None:
    async with listening(say_nothing, server_context(certificate)) as port:
        with pytest.raises(
            BrokerError, match=r"a certificate that is not trusted .*kafka\.security\.ca_file"
        ) as caught:
            await cluster(port, Security("SSL")).reach(FakeTelemetry())
    assert not isinstance(caught.value, BrokerUnavailable)


@needs_openssl
async def test_a_certificate_for_another_address_is_told_at_once(certificate: Path) -> None:
    security = Security("SSL", ca_file=certificate / "ca.pem")
    async with listening(say_nothing, server_context(certificate)) as port:
        with pytest.raises(BrokerError, match=r"not trusted .*the address is the one in the certificate"):
            await cluster(port, security, host="localhost").reach(FakeTelemetry())


@needs_openssl
def test_what_was_asked_leaves_no_socket_behind_where_the_broker_is_slow_to_close(certificate: Path) -> None:
    """The loop may end right after; with TLS a socket is open until the other side has said that it closes as well."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_nothing_and_close_late() -> None:
            accepted, _ = listener.accept()
            with server_context(certificate).wrap_socket(accepted, server_side=True) as stream:
                while stream.recv(1024):
                    pass
                time.sleep(0.3)

        broker = threading.Thread(target=answer_nothing_and_close_late)
        broker.start()
        asked = cluster(listener.getsockname()[1], Security("SSL", ca_file=certificate / "ca.pem"))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert anyio.run(asked.problem) == "no answer within 0.3 s"
            gc.collect()
        broker.join()
    assert not [str(warning.message) for warning in caught if "unclosed" in str(warning.message)]


def test_an_alert_in_the_handshake_is_told_at_once() -> None:
    lost = kafka.KafkaConnectionError("closed")
    lost.__cause__ = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] certificate required")
    refusal = cluster(1, Security("SSL"))._refusal(lost)
    assert refusal is not None
    assert refusal.startswith("ends the TLS handshake (")
    assert refusal.endswith("see protocol and certificate_file under kafka.security")


@pytest.mark.parametrize(
    "error",
    [
        kafka.SaslAuthenticationFailed("invalid credentials"),
        kafka.UnsupportedSaslMechanismError("PLAIN only"),
        kafka.IllegalSaslStateError(),
        kafka.AuthenticationFailedError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refused_user_is_told_by_name_and_without_password(error: Exception) -> None:
    security = Security("SASL_PLAINTEXT", "SCRAM-SHA-256", "market", "s3cret")
    lost = kafka.KafkaConnectionError("closed")
    lost.__cause__ = error
    refusal = cluster(1, security)._refusal(lost)
    expected = "refuses user market with SCRAM-SHA-256: see kafka.security.username, password and mechanism"
    assert refusal == expected


async def test_a_step_is_tried_again_while_that_may_help() -> None:
    answers = [kafka.KafkaConnectionError("lost"), kafka.KafkaTimeoutError(), OSError("reset")]

    async def step() -> str:
        if answers:
            raise answers.pop(0)
        return "done"

    assert await cluster(1).attempt(step) == "done"


class AnsweringCluster(KafkaCluster):
    """A cluster that answers, whatever a step meets."""

    async def look(self) -> BrokerUnavailable | None:
        return None


def answering() -> KafkaCluster:
    return AnsweringCluster("127.0.0.1:1", connect_timeout_seconds=0.5, request_timeout_seconds=0.3)


async def test_a_step_that_does_not_end_is_given_up() -> None:
    with pytest.raises(BrokerUnavailable, match=r"it takes connections, but was not ready in 0\.5 s \(no answer\)"):
        await answering().attempt(anyio.sleep_forever)


async def test_a_step_that_does_not_end_because_nobody_answers_any_more_says_so() -> None:
    with pytest.raises(BrokerUnavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:1: connection refused"):
        await cluster(1).attempt(anyio.sleep_forever)


async def test_a_step_that_keeps_failing_is_given_up_with_its_last_problem() -> None:
    async def step() -> None:
        raise kafka.KafkaConnectionError("lost")

    with pytest.raises(BrokerUnavailable, match="KafkaConnection: lost"):
        await answering().attempt(step)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (kafka.ClusterAuthorizationFailedError(), "does not allow this user this: give it Describe and Write"),
        (kafka.IncompatibleBrokerVersion("too old"), "refuses: IncompatibleBrokerVersion: too old"),
        (kafka.InvalidTopicError(), "refuses: InvalidTopic"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_a_step_that_is_refused_is_told_at_once(error: Exception, words: str) -> None:
    async def step() -> None:
        raise error

    with pytest.raises(BrokerError, match=words):
        await cluster(1).attempt(step)


def test_an_error_is_explained_in_few_words() -> None:
    assert explain(kafka.TopicAuthorizationFailedError()) == "TopicAuthorizationFailed"
    assert explain(kafka.KafkaConnectionError("gone")) == "KafkaConnection: gone"

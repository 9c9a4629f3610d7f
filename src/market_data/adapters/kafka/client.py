"""The way to the brokers: their addresses, how to speak to them, and what it means when they do not answer."""

import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio
import anyio.lowlevel
import attrs
from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    BrokerResponseError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedCodecError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from market_data.adapters.kafka.security import PLAINTEXT, Security
from market_data.application.ports import Telemetry
from market_data.domain.errors import BrokerError, BrokerMisadvertised, BrokerUnavailable

__all__ = ["HINT", "UNAUTHORIZED", "KafkaCluster", "explain"]

HINT = "Start one with: docker-compose up -d redpanda, or set KAFKA_BROKERS"

T = TypeVar("T")

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 1.0
_PROBE_SECONDS = 5.0
_FAREWELL_SECONDS = 2.0
"""How long the other side of TLS may take to say that it closes as well."""

_RIGHTS = "give it Describe and Write on the topic to publish, Describe and Read to consume"

UNAUTHORIZED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, GroupAuthorizationFailedError)
"""What a missing permission looks like."""

_MISADVERTISED = "the Kafka broker cannot be reached at the address that it advertises, trying again"

_FINAL = (BrokerResponseError, IncompatibleBrokerVersion, UnsupportedCodecError)
_REFUSED = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)


@attrs.frozen
class KafkaCluster:
    """Which brokers, and how to speak to them."""

    brokers: str
    """``host:port``, several with commas: where to ask for all others."""
    client_id: str = "market-data"
    security: Security = PLAINTEXT
    connect_timeout_seconds: float = 30.0
    """How long an absent broker is waited for at the start."""
    request_timeout_seconds: float = 30.0
    """How long one request may take before its connection counts as dead."""

    def arguments(self) -> dict[str, object]:
        """Say it in the words of aiokafka.

        Raises:
            UsageError: a certificate or key cannot be used.
        """
        return {
            "bootstrap_servers": self.brokers,
            "client_id": self.client_id,
            "request_timeout_ms": int(self.request_timeout_seconds * 1000),
            **self.security.arguments(),
        }

    async def reach(self, telemetry: Telemetry) -> None:
        """Wait until a broker answers; what waiting cannot help is raised at once.

        Raises:
            BrokerUnavailable: none answered within ``connect_timeout_seconds``.
            BrokerMisadvertised: one did, and cannot be reached at the address that it advertises.
            BrokerError: one answered, and does not let us in.
            UsageError: a certificate or key cannot be used.
        """
        wait, told, failure = _FIRST_WAIT_SECONDS, False, self.unavailable("no answer")
        with anyio.move_on_after(self.connect_timeout_seconds):
            while True:
                found = await self.look()
                if found is None:
                    return
                failure = found
                if not told:
                    is_astray = isinstance(failure, BrokerMisadvertised)
                    message = _MISADVERTISED if is_astray else "no Kafka broker answers, trying again"
                    telemetry.warn(message, brokers=self.brokers, problem=failure.problem)
                    told = True
                await anyio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        raise failure

    async def attempt(self, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step of connecting, again where that may help, for ``connect_timeout_seconds`` at most.

        Raises:
            BrokerUnavailable: it did not succeed in that time.
            BrokerError: the broker refuses it.
        """
        problem = "no answer"
        with anyio.move_on_after(self.connect_timeout_seconds):
            while True:
                try:
                    return await step()
                except (KafkaError, OSError) as error:
                    problem = explain(error)
                    if isinstance(error, UNAUTHORIZED):
                        raise BrokerError(
                            f"Kafka at {self.brokers} does not allow {self.user} this: {_RIGHTS}"
                        ) from error
                    if isinstance(error, _FINAL) and not error.retriable:
                        raise BrokerError(f"Kafka at {self.brokers} refuses: {problem}") from error
                await anyio.sleep(_FIRST_WAIT_SECONDS)
        # What the step met last says less than where the brokers cannot be reached.
        raise await self.look() or BrokerUnavailable(
            self.brokers, f"it takes connections, but was not ready in {self.connect_timeout_seconds:g} s ({problem})"
        )

    @property
    def user(self) -> str:
        """Who we are to the broker, as part of a line."""
        return self.security.username or "this user"

    def unavailable(self, problem: str) -> BrokerUnavailable:
        """Make the error that says that nobody answers and what to do."""
        return BrokerUnavailable(self.brokers, problem, hint=HINT)

    async def problem(self) -> str | None:
        """As ``look``, as part of a line."""
        failure = await self.look()
        return failure.problem if failure is not None else None

    async def look(self) -> BrokerUnavailable | None:
        """Try every address once, and those that are advertised there; None where a broker answers at one of these.

        Raises:
            BrokerError: one answers, and does not let us in.
        """
        problems = []
        for host, port, _ in collect_hosts(self.brokers, randomize=False):
            try:
                return await self._look_behind(host, port, await self._ask(host, port))
            except (OSError, KafkaError, TimeoutError) as error:
                problems.append(self._describe(error))
        return self.unavailable(problems[0])

    async def _look_behind(
        self, host: str, port: int, advertised: Sequence[tuple[str, int]]
    ) -> BrokerUnavailable | None:
        """Try what a broker sends its clients to; one of them is enough."""
        failure = None
        for address in advertised:
            if address == (host, port):
                return None
            try:
                await self._ask(*address)
            except (OSError, KafkaError, TimeoutError) as error:
                failure = failure or BrokerMisadvertised(
                    f"{host}:{port}", "{}:{}".format(*address), self._describe(error)
                )
            else:
                return None
        return failure

    async def _ask(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Ask a broker for the addresses of all that there are.

        Raises:
            BrokerError: it does not let us in.
            OSError, KafkaError, TimeoutError: it does not answer.
        """
        arguments = self.arguments()
        del arguments["bootstrap_servers"]
        arguments["request_timeout_ms"] = int(min(_PROBE_SECONDS, self.request_timeout_seconds) * 1000)
        opened: list[object] = []
        connection = AIOKafkaConnection(host, port, on_close=lambda closed, _: opened.append(closed), **arguments)
        try:
            await connection.connect()
            answer = await connection.send(MetadataRequest([]))
        except (OSError, KafkaError, TimeoutError) as error:
            if (refusal := self._refusal(error)) is not None:
                raise BrokerError(f"Kafka at {host}:{port} {refusal}") from error
            raise
        finally:
            closed = connection.close()
            if opened:  # else there never was a socket, and nothing to wait for
                with anyio.move_on_after(_FAREWELL_SECONDS, shield=True):
                    await closed
            # What was closed is gone only a turn of the loop later, which may be its last.
            await anyio.lowlevel.cancel_shielded_checkpoint()
        return [(broker[1], broker[2]) for broker in answer.brokers]

    def _refusal(self, error: BaseException) -> str | None:
        """Say why a broker that answers does not let us in, and what to do; None where waiting may help."""
        for cause in _chain(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                what = f"shows a certificate that is not trusted ({cause.verify_message or cause})"
                return f"{what}: see kafka.security.ca_file, and whether the address is the one in the certificate"
            if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
                said = (getattr(cause, "reason", None) or str(cause)).replace("_", " ").lower()
                return f"ends the TLS handshake ({said}): see protocol and certificate_file under kafka.security"
            if isinstance(cause, _REFUSED):
                who = f"user {self.security.username} with {self.security.mechanism}"
                return f"refuses {who}: see kafka.security.username, password and mechanism"
        return None

    def _describe(self, error: BaseException) -> str:
        match error:
            case TimeoutError():
                return f"no answer within {min(_PROBE_SECONDS, self.request_timeout_seconds):g} s"
            case socket.gaierror():
                return "its name is not known"
            case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError() | ssl.SSLEOFError():
                return self._hangs_up()
            case OSError():
                is_refused = isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error)
                return "connection refused" if is_refused else error.strerror or explain(error)
            case KafkaConnectionError():
                return self._hangs_up()
            case _:
                return explain(error)

    def _hangs_up(self) -> str:
        return f"it hangs up at once (is kafka.security.protocol {self.security.protocol} right?)"


def explain(error: BaseException) -> str:
    """Write a foreign error as part of a line."""
    name = type(error).__name__.removesuffix("Error")
    said = str(error.args[0]) if error.args else ""
    return f"{name}: {said}" if said and said != name else name


def _chain(error: BaseException) -> Sequence[BaseException]:
    """List the error and what caused it."""
    errors = [error]
    while (cause := errors[-1].__cause__ or errors[-1].__context__) is not None and cause not in errors:
        errors.append(cause)
    return errors

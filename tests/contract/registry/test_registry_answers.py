"""What a schema registry may answer, on real sockets, and what becomes of it: one line that says what to do."""

import json
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from tests.contract.transport.transport_world import make_certificate
from tests.support.registries import Asked, answering

from market_data.adapters.schema_registry import ConfluentRegistry
from market_data.application.ports import Registration
from market_data.domain.errors import RegistryUnavailable, SchemaIncompatible, UsageError

pytestmark = pytest.mark.anyio

SUBJECT = "market.books.v1-value"
KNOWN = Registration(SUBJECT, 7, 3, "FORWARD_TRANSITIVE")
LOOK_UP = ("POST", f"/subjects/{SUBJECT}")
REGISTER = ("POST", f"/subjects/{SUBJECT}/versions")
CONFIG = f"/config/{SUBJECT}"


def registry(url: str, *, login: tuple[str, str] | None = None, seconds: float = 30.0) -> ConfluentRegistry:
    username, password = login or (None, None)
    return ConfluentRegistry(url, SUBJECT, "{}", username=username, password=password, timeout_seconds=seconds)


@attrs.define
class FakeRegistry:
    """Answers as Confluent's documentation has it, for one subject."""

    has_subject: bool = False
    has_schema: bool = False
    is_compatible: bool = True
    is_raced: bool = False
    """Another producer registers the same at the same time."""
    level: str | None = None

    def __call__(self, asked: Asked) -> tuple[int, bytes]:
        status, said = self._answer((asked.method, asked.path.partition("?")[0]), asked.body)
        return status, json.dumps(said).encode()

    def _answer(self, question: tuple[str, str], body: dict[str, str] | None) -> tuple[int, object]:
        match question:
            case ("POST", path) if path == LOOK_UP[1]:
                said: tuple[int, object] = self._looked_up()
            case ("GET", path) if path == CONFIG:
                said = 200, {"compatibilityLevel": self.level or "BACKWARD"}
            case ("PUT", path) if path == CONFIG and body is not None:
                self.level = body["compatibility"]
                said = 200, body
            case ("POST", path) if path == REGISTER[1]:
                said = self._registered()
            case ("POST", path) if path == f"/compatibility/subjects/{SUBJECT}/versions/latest":
                why = [] if self.is_compatible else ["no such field"]
                said = 200, {"is_compatible": self.is_compatible, "messages": why}
            case _:
                said = 404, {"error_code": 404, "message": f"no such question {question}"}
        return said

    def _looked_up(self) -> tuple[int, object]:
        if self.has_schema:
            return 200, {"subject": SUBJECT, "id": 7, "version": 3, "schema": "{}", "schemaType": "JSON"}
        code, what = (40403, "Schema not found") if self.has_subject else (40401, f"Subject '{SUBJECT}' not found.")
        return 404, {"error_code": code, "message": what}

    def _registered(self) -> tuple[int, object]:
        self.has_subject, self.has_schema = True, self.is_raced or self.is_compatible
        if self.is_raced or not self.is_compatible:
            return 409, {"error_code": 409, "message": 'Schema is\nincompatible: {"oldSchemaVersion": 1}'}
        return 200, {"id": 7}


async def test_a_new_subject_gets_its_level_before_its_first_schema() -> None:
    with answering(FakeRegistry()) as (url, asked):
        assert await registry(f"{url}/").register() == KNOWN
    assert [(each.method, each.path) for each in asked][:3] == [LOOK_UP, ("PUT", CONFIG), REGISTER]
    assert asked[1].body == {"compatibility": "FORWARD_TRANSITIVE"}
    assert asked[2].body == {"schemaType": "JSON", "schema": "{}"}


async def test_a_schema_that_is_known_changes_nothing() -> None:
    with answering(FakeRegistry(has_subject=True, has_schema=True, level="FULL")) as (url, asked):
        assert await registry(url).register() == attrs.evolve(KNOWN, compatibility="FULL")
        assert await registry(url).look() == attrs.evolve(KNOWN, compatibility="FULL")
    assert {(each.method, each.path.partition("?")[0]) for each in asked} == {LOOK_UP, ("GET", CONFIG)}


async def test_a_subject_that_is_there_keeps_its_level() -> None:
    with answering(FakeRegistry(has_subject=True, level="NONE")) as (url, asked):
        assert await registry(url).register() == attrs.evolve(KNOWN, compatibility="NONE")
    assert "PUT" not in [each.method for each in asked]


async def test_a_schema_that_is_not_compatible_is_told_with_why_and_what_to_do() -> None:
    with answering(FakeRegistry(has_subject=True, is_compatible=False)) as (url, _):
        with pytest.raises(SchemaIncompatible) as told:
            await registry(url).register()
        with pytest.raises(SchemaIncompatible, match=r"\(no such field\)"):
            await registry(url).look()
    assert str(told.value) == (
        f"the schema registry at {url} refuses the schema of the records as not compatible with those of {SUBJECT} "
        '(Schema is incompatible: {"oldSchemaVersion": 1}): publish to another topic (kafka.topics.books), '
        f"or change the level of {SUBJECT} there"
    )


async def test_a_conflict_because_another_producer_was_faster_is_none() -> None:
    with answering(FakeRegistry(is_raced=True)) as (url, _):
        assert await registry(url).register() == KNOWN


@pytest.mark.parametrize("has_subject", [False, True], ids=["no subject", "another schema"])
async def test_a_look_at_what_may_be_registered_registers_nothing(has_subject: bool) -> None:  # noqa: FBT001
    with answering(FakeRegistry(has_subject=has_subject)) as (url, asked):
        assert await registry(url).look() is None
    assert REGISTER not in [(each.method, each.path) for each in asked]
    assert "PUT" not in [each.method for each in asked]


def _says(status: int, body: bytes) -> Callable[[Asked], tuple[int, bytes]]:
    return lambda _: (status, body)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            _says(401, b'{"error_code": 401, "message": "Unauthorized"}'),
            "refuses user ann (HTTP 401: Unauthorized). See kafka.schema_registry.username and "
            "APP__KAFKA__SCHEMA_REGISTRY__PASSWORD",
            id="a wrong password",
        ),
        pytest.param(
            _says(403, b"<html>"), "refuses user ann (HTTP 403). See kafka.schema_registry.username", id="403"
        ),
        pytest.param(
            _says(500, b'{"error_code": 50001, "message": "the store\\nis away"}'),
            "answers HTTP 500: the store is away. See its log",
            id="500",
        ),
        pytest.param(_says(503, b""), "answers HTTP 503. See its log", id="503 without words"),
        pytest.param(_says(429, b"slow"), "is asked too often (HTTP 429). Wait", id="429"),
        pytest.param(
            _says(422, b'{"error_code": 42201, "message": "Invalid schema"}'),
            "cannot take the schema (HTTP 422: Invalid schema). Does it know JSON Schema draft-07?",
            id="a schema it does not know",
        ),
        pytest.param(
            _says(404, b"<html>nginx</html>"), "answers HTTP 404: is kafka.schema_registry.url", id="a web server"
        ),
        pytest.param(
            _says(404, b'{"message": "no page"}'), "answers HTTP 404: no page: is kafka.sch", id="an interface"
        ),
        pytest.param(_says(302, b""), "answers HTTP 302: is kafka.schema_registry.url", id="a redirection"),
        pytest.param(_says(200, b"<html>welcome</html>"), "answers with what it does not say in its", id="a page"),
        pytest.param(_says(200, b"\xff\xfe\x00"), "answers with what it does not say in its", id="garbage"),
        pytest.param(_says(200, b"[" * 100_000), "answers with what it does not say in its", id="deep garbage"),
        pytest.param(
            _says(200, b'{"id": "seven", "version": 1}'), "answers with what it does not say", id="other types"
        ),
        pytest.param(
            _says(200, b"{}"), "gives the schema no id and version: is kafka.schema_registry.url", id="nothing"
        ),
        pytest.param(_says(200, b" " * 2_000_000), "answers with more than 1,048,576 bytes", id="a flood"),
    ],
)
@pytest.mark.parametrize("question", ["register", "look"])
async def test_an_answer_that_does_not_help_is_one_line_that_says_what_to_do(
    question: str, answer: Callable[[Asked], tuple[int, bytes]], said: str
) -> None:
    with answering(answer) as (url, asked), pytest.raises(RegistryUnavailable) as told:
        await getattr(registry(url, login=("ann", "s3cr3t-of-ann")), question)()
    assert str(told.value).startswith(f"the schema registry at {url} {said}")
    assert "\n" not in str(told.value)
    assert "s3cr3t" not in str(told.value) + repr(told.value) + repr(registry(url, login=("ann", "s3cr3t-of-ann")))
    assert asked[0].headers["authorization"].startswith("Basic ")


async def test_without_a_user_name_no_login_is_sent_and_a_refusal_says_so() -> None:
    refused = pytest.raises(RegistryUnavailable, match=r"refuses who gives no user name \(HTTP 401\)")
    with answering(_says(401, b"")) as (url, asked), refused:
        await registry(url).register()
    assert "authorization" not in asked[0].headers


async def test_a_registry_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(
            RegistryUnavailable, match=r"does not answer: connection refused\. See kafka.schema_registry"
        ):
            await registry(url).register()


async def test_a_registry_that_says_nothing_is_waited_for_no_longer_than_it_may_take() -> None:
    is_over = threading.Event()

    def hang(_: Asked) -> tuple[int, bytes]:
        is_over.wait(30)
        return 200, b"{}"

    with answering(hang) as (url, _):
        with pytest.raises(RegistryUnavailable, match=r"does not answer within 0.2 s. See kafka.schema_registry.url"):
            await registry(url, seconds=0.2).register()
        is_over.set()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_a_certificate_that_is_not_trusted_is_told_and_one_of_a_named_authority_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(FakeRegistry(), tls=make_certificate(tmp_path)) as (url, asked):
        with pytest.raises(RegistryUnavailable, match=r"TLS certificate not trusted: self-signed certificate"):
            await registry(url, login=("ann", "secret")).register()
        assert asked == [], "nothing is told to whoever that is"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert await registry(url).register() == KNOWN


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(_says(503, b"")) as (url, asked):
        monkeypatch.setenv("HTTP_PROXY", url)
        with pytest.raises(
            RegistryUnavailable, match=r"the schema registry at http://registry\.example answers HTTP 503"
        ):
            await registry("http://registry.example").register()
    assert asked[0].path == f"http://registry.example/subjects/{SUBJECT}"


async def test_a_proxy_that_cannot_be_used_is_a_mistake_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://proxy:70")
    with pytest.raises(UsageError, match=r"the proxy of the environment \(HTTPS_PROXY, HTTP_PROXY, ALL_PROXY\)"):
        await registry("http://registry.example").register()

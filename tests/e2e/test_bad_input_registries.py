"""What a person gets whose schema registry is away, refuses or is none: a line, and every record."""

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.programs import Sandbox, run, running
from tests.support.registries import Asked, answering

pytestmark = pytest.mark.timeout(90)

SECRET = "s3cr3t-of-the-registry"  # noqa: S105 - of a test


def _says(status: int, body: bytes) -> Callable[[Asked], tuple[int, bytes]]:
    return lambda _: (status, body)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(_says(500, b'{"error_code": 50001, "message": "Error"}'), "answers HTTP 500: Error", id="500"),
        pytest.param(_says(401, b""), "refuses user ann (HTTP 401). See kafka.schema_registry.username", id="401"),
        pytest.param(
            _says(200, b"<html>"), "is kafka.schema_registry.url the address of a schema registry?", id="none"
        ),
        pytest.param(None, "does not answer: connection refused. See kafka.schema_registry.url", id="away"),
    ],
)
def test_a_registry_that_does_not_help_is_a_line_and_every_record_is_published(
    answer: Callable[[Asked], tuple[int, bytes]] | None, said: str, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    environ = {"APP__KAFKA__SCHEMA_REGISTRY__USERNAME": "ann", "APP__KAFKA__SCHEMA_REGISTRY__PASSWORD": SECRET}
    with answering(answer or _says(200, b"")) as (url, _):
        options = (
            *world.options(topic),
            "--set",
            f"kafka.schema_registry.url={url if answer else 'http://127.0.0.1:9'}",
        )
        options = (*options, "--set", "log.level=DEBUG")
        with running("produce", *options, folder=tmp_path, environ=environ) as producer:
            producer.wait_for_err("records are published all the same and it is tried again")
            with running("consume", *world.options(topic), folder=tmp_path) as consumer:
                consumer.wait_for_out("BTC-USDT", "ETH-USD", " bid ")
            ended = producer.end()
        checked = run("check", *options, folder=tmp_path, environ=environ)
    assert ended.status == 0
    told, *_ = [line for line in ended.err.splitlines() if "tried again" in line]
    assert said in json.loads(told)["problem"]
    assert "Traceback" not in ended.err
    assert SECRET not in ended.err + checked.out + checked.err
    assert checked.status == 1
    assert said in checked.out.splitlines()[-1]
    assert run("verify", *world.options(topic), folder=tmp_path).status == 0


def test_a_registry_is_given_the_login_that_is_set(world: Sandbox, topic: str, tmp_path: Path) -> None:
    environ = {"APP__KAFKA__SCHEMA_REGISTRY__USERNAME": "ann", "APP__KAFKA__SCHEMA_REGISTRY__PASSWORD": SECRET}
    with answering(_says(500, b"")) as (url, asked):
        options = ("--set", f"kafka.schema_registry.url={url}")
        assert run("check", *world.options(topic), *options, folder=tmp_path, environ=environ).status == 1
    assert asked[0].headers["authorization"] == f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"


def test_a_registry_that_says_nothing_is_waited_for_as_long_as_the_setting_says(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    is_over = threading.Event()

    def hang(_: Asked) -> tuple[int, bytes]:
        is_over.wait(60)
        return 200, b"{}"

    with answering(hang) as (url, _):
        options = ("--set", f"kafka.schema_registry.url={url}", "--set", "kafka.schema_registry.timeout_seconds=0.25")
        checked = run("check", *world.options(topic), *options, folder=tmp_path)
        is_over.set()
    assert checked.status == 1
    assert f"the schema registry at {url} does not answer within 0.25 s. See" in checked.out.splitlines()[-1]


def test_a_schema_that_is_not_compatible_ends_produce_with_a_line_and_status_1(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    def refuse(asked: Asked) -> tuple[int, bytes]:
        if asked.path.endswith("/versions"):
            return 409, b'{"error_code": 409, "message": "Schema being registered is incompatible"}'
        return 404, b'{"error_code": 40403, "message": "Schema not found"}'

    with answering(refuse) as (url, _):
        registry = ("--set", f"kafka.schema_registry.url={url}")
        ended = run("produce", *world.options(topic), *registry, folder=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.splitlines()[-1] == (
        f"the schema registry at {url} refuses the schema of the records as not compatible with those of {topic}-value "
        "(Schema being registered is incompatible): publish to another topic (kafka.topics.books), or change the level "
        f"of {topic}-value there"
    )
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("kafka.schema_registry.url=registry:8081", "kafka.schema_registry.url: expected"),
        ("kafka.schema_registry.url=http://ann:secret@registry", "kafka.schema_registry.url: expected"),
        ("kafka.schema_registry.password=secret", "APP__KAFKA__SCHEMA_REGISTRY__PASSWORD in the environment or .env"),
        ("kafka.schema_registry.username=ann", "kafka.schema_registry.password: missing, username needs it"),
    ],
)
def test_a_setting_of_the_registry_that_cannot_be_is_told(setting: str, said: str, tmp_path: Path) -> None:
    ended = run("produce", "--env", "test", "--set", setting, folder=tmp_path)
    assert (ended.status, len(ended.err.splitlines())) == (2, 1)
    assert said in ended.err
    assert "secret" not in ended.err.replace("a secret does not belong here", "")

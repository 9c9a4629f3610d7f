"""produce and a real schema registry: what is registered, what is refused, and what its coming and going costs."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from tests.support.programs import Sandbox, run, running
from tests.support.registries import ProcessRegistry, missing, process_registry

from market_data.adapters.kafka.records import json_schema

pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(180),
    pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}"),
]

REGISTERED = "the schema is registered"
SCHEMA = json.loads(json_schema())


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessRegistry]:
    """Run a real registry."""
    with process_registry(tmp_path_factory.mktemp("registry") / "home") as running_registry:
        yield running_registry


def _options(world: Sandbox, topic: str, url: str) -> tuple[str, ...]:
    return (*world.options(topic), "--set", f"kafka.schema_registry.url={url}", "--set", "log.format=json")


def _register(registry: ProcessRegistry, topic: str, schema: Any) -> None:
    body = {"schemaType": "JSON", "schema": json.dumps(schema)}
    registry.ask("PUT", f"/config/{topic}-value", {"compatibility": "FORWARD_TRANSITIVE"})
    registry.ask("POST", f"/subjects/{topic}-value/versions", body)


def _produce(options: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Produce until the schema is registered and every exchange speaks; gives what the log says of the schema."""
    with running("produce", *options, folder=folder) as producer:
        producer.wait_for_err(REGISTERED)
        with running("consume", *options, folder=folder) as consumer:
            consumer.wait_for_out("binance    BTC-USDT    bid", "coinbase   BTC-USD     bid")
        ended = producer.end()
    assert ended.status == 0, ended.err
    (told,) = [json.loads(line) for line in ended.err.splitlines() if REGISTERED in line]
    return {name: told[name] for name in ("subject", "id", "version", "compatibility")}


def test_the_schema_is_registered_at_the_start_once_and_the_values_stay_plain_json(
    registry: ProcessRegistry, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    options = _options(world, topic, registry.url)
    before = run("check", *options, folder=tmp_path)
    assert before.out.splitlines()[-1].startswith("ok    schema registry     it does not know the schema yet: produce")
    told = _produce(options, tmp_path)
    assert (told["subject"], told["version"], told["compatibility"]) == (f"{topic}-value", 1, "FORWARD_TRANSITIVE")
    assert _produce(options, tmp_path) == told, "again and again is the same as once"
    held = registry.ask("GET", f"/subjects/{topic}-value/versions/latest")
    assert (held["id"], json.loads(held["schema"])) == (told["id"], SCHEMA)
    after = run("check", *options, folder=tmp_path)
    assert f"version 1 of {topic}-value, id {told['id']}, FORWARD_TRANSITIVE" in after.out.splitlines()[-1]
    assert (before.status, after.status) == (0, 0)
    consumer = Consumer({"bootstrap.servers": world.brokers, "group.id": topic, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = consumer.poll(30)
        assert message is not None
        value = message.value()
        assert value is not None
        assert json.loads(value)["schema_version"] == 2
        assert value.startswith(b"{"), "no byte before the JSON"
    finally:
        consumer.close()


def test_a_schema_with_a_new_field_is_the_next_version(
    registry: ProcessRegistry, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    """What a later program does to a topic of this one: ours has what an earlier one had not."""
    earlier = copy.deepcopy(SCHEMA)
    del earlier["properties"]["conflated"]
    earlier["required"].remove("conflated")
    _register(registry, topic, earlier)
    assert _produce(_options(world, topic, registry.url), tmp_path)["version"] == 2


@pytest.mark.parametrize(
    ("field", "schema"),
    [("publish_seq", {"type": "string"}), ("status", {"enum": ["live", "syncing"]})],
    ids=["another type", "a word that readers do not know"],
)
def test_a_schema_that_readers_could_not_read_ends_produce_before_the_first_record(
    field: str, schema: object, registry: ProcessRegistry, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    earlier = copy.deepcopy(SCHEMA)
    earlier["properties"][field] = schema
    _register(registry, topic, earlier)
    options = _options(world, topic, registry.url)
    ended = run("produce", *options, folder=tmp_path)
    said = f"the schema registry at {registry.url} refuses the schema of the records as not compatible with those of "
    assert ended.status == 1
    assert ended.err.splitlines()[-1].startswith(f"{said}{topic}-value (")
    assert "Traceback" not in ended.err
    checked = run("check", *options, folder=tmp_path)
    assert (checked.status, said in checked.out.splitlines()[-1]) == (1, True)
    verified = run("verify", *options, folder=tmp_path)
    assert "nothing was read" in verified.err, "no record was published"


def test_a_registry_that_comes_later_is_given_the_schema_and_no_record_waits_for_it(
    registry: ProcessRegistry, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    registry.stop()
    try:
        with running("produce", *_options(world, topic, registry.url), folder=tmp_path) as producer:
            producer.wait_for_err("records are published all the same and it is tried again")
            with running("consume", *world.options(topic), folder=tmp_path) as consumer:
                consumer.wait_for_out("binance    BTC-USDT    bid", "coinbase   BTC-USD     bid")
            registry.start()
            producer.wait_for_err(REGISTERED, seconds=60)
            assert producer.end().status == 0
    finally:
        registry.stop()
        registry.start()
    assert run("verify", *world.options(topic), folder=tmp_path).status == 0

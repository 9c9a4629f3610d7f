"""The topic at the start: made where it is missing, compared where it is there."""

from pathlib import Path
from typing import Any

import attrs
import pytest
from aiokafka import errors as kafka
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource
from tests.contract.kafka.kafka_world import FakeTelemetry

from market_data.adapters.kafka.topics import Admin, KafkaTopic, make_or_check
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.errors import BrokerError, TopicMismatch

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]

TOPIC = KafkaTopic("books", partitions=3)


@attrs.define
class Answer:
    """What aiokafka gives back of a request."""

    topic_errors: list[tuple[object, ...]] = attrs.field(factory=list)
    resources: list[tuple[object, ...]] = attrs.field(factory=list)


@attrs.define
class FakeAdmin(Admin):
    """A broker with at most one topic."""

    partitions: int = 0
    leaderless: int = 0
    config: dict[str, str] = attrs.field(factory=dict)
    create_error: tuple[object, ...] = (0, None)
    makes_on_asking: int = 0
    describe_error: int = 0
    unsupported: bool = False
    config_error: Exception | None = None
    made: list[NewTopic] = attrs.field(factory=list)

    async def describe_topics(self, topics: list[str] | None = None) -> list[Any]:
        if topics is None and not self.partitions:
            return [{"topic": "other", "error_code": 0, "partitions": [{"leader": 1}]}]
        if topics is not None and not self.partitions:
            self.partitions = self.makes_on_asking
        leaders = [-1] * self.leaderless + [1] * (self.partitions - self.leaderless)
        self.leaderless = max(0, self.leaderless - 1)
        code = self.describe_error or (0 if self.partitions else 3)
        return [{"topic": "books", "error_code": code, "partitions": [{"leader": leader} for leader in leaders]}]

    async def create_topics(self, new_topics: list[NewTopic]) -> Any:
        if self.unsupported:
            raise kafka.IncompatibleBrokerVersion
        self.made += new_topics
        if self.create_error[0] in (0, 36):
            self.partitions, self.config = new_topics[0].num_partitions, dict(new_topics[0].topic_configs)
        return Answer(topic_errors=[("books", *self.create_error)])

    async def describe_configs(self, config_resources: list[ConfigResource]) -> list[Any]:
        if self.unsupported:
            raise kafka.IncompatibleBrokerVersion
        if self.config_error is not None:
            raise self.config_error
        (resource,) = config_resources
        entries = [(name, value, False) for name, value in self.config.items() if name in resource.configs]
        return [Answer(resources=[(0, None, 2, resource.name, entries)])]


async def see_to(admin: FakeAdmin, topic: KafkaTopic = TOPIC) -> tuple[int, FakeTelemetry]:
    telemetry = FakeTelemetry()
    return await make_or_check(admin, topic, telemetry, 0.5), telemetry


async def test_a_missing_topic_is_made_with_every_setting() -> None:
    admin = FakeAdmin()
    taken, telemetry = await see_to(admin, attrs.evolve(TOPIC, replication_factor=2, max_message_bytes=5000))
    (made,) = admin.made
    assert (made.name, made.num_partitions, made.replication_factor) == ("books", 3, 2)
    assert made.topic_configs == {
        "cleanup.policy": "delete",
        "retention.ms": "86400000",
        "retention.bytes": "1073741824",
        "min.insync.replicas": "1",
        "max.message.bytes": "5000",
        "compression.type": "producer",
        "message.timestamp.type": "LogAppendTime",
    }
    assert taken == 5000
    assert [message for message, _ in telemetry.notes] == ["topic made"]
    assert not telemetry.warnings


@pytest.mark.parametrize(
    ("setting", "value", "kafkas_name", "given"),
    [
        ("partitions", "7", None, 7),
        ("replication_factor", "3", None, 3),
        ("min_insync_replicas", "2", "min.insync.replicas", "2"),
        ("retention_hours", "1.5", "retention.ms", "5400000"),
        ("retention_bytes_per_partition", "5000", "retention.bytes", "5000"),
        ("max_message_bytes", "500000", "max.message.bytes", "500000"),
        ("compression", "zstd", "compression.type", "zstd"),
        ("compression", "none", "compression.type", "producer"),
    ],
)
async def test_each_setting_of_the_topic_has_its_effect(
    setting: str, value: str, kafkas_name: str | None, given: object, tmp_path: Path
) -> None:
    """A topic is made as the settings say by their names in YAML, and only if they say that it shall be."""

    def configured(*more: str) -> KafkaTopic:
        overrides = ("kafka.topics.books=books", "kafka.replication_factor=3", f"kafka.{setting}={value}", *more)
        topic: KafkaTopic = Container(settings=load_settings("test", (), overrides, {}, tmp_path).settings).topic()
        return topic

    admin = FakeAdmin()
    await see_to(admin, configured("kafka.create_topic=true"))
    (made,) = admin.made
    by_name = {"partitions": made.num_partitions, "replication_factor": made.replication_factor}
    assert (made.topic_configs[kafkas_name] if kafkas_name else by_name[setting]) == given
    with pytest.raises(BrokerError, match="does not exist"):
        await see_to(FakeAdmin(), configured("kafka.create_topic=false"))


async def test_a_topic_that_somebody_else_has_just_made_is_taken_as_it_is() -> None:
    _, telemetry = await see_to(FakeAdmin(create_error=(36, "exists")))
    assert telemetry == FakeTelemetry()


async def test_a_topic_whose_partitions_find_their_leaders_one_by_one_is_waited_for() -> None:
    await see_to(FakeAdmin(leaderless=2))


async def test_a_broker_that_makes_topics_at_their_first_use_is_left_to_it() -> None:
    _, telemetry = await see_to(FakeAdmin(unsupported=True, makes_on_asking=3))
    assert len(telemetry.notes) == 1
    assert not telemetry.warnings


async def test_a_topic_that_shall_not_be_made_is_not_even_asked_for_by_name() -> None:
    with pytest.raises(BrokerError, match="does not exist"):
        await see_to(FakeAdmin(makes_on_asking=3), attrs.evolve(TOPIC, create=False))


async def test_a_topic_that_nobody_makes_is_missed() -> None:
    with pytest.raises(BrokerError, match=r"topic books does not exist: create it, or set kafka\.create_topic to true"):
        await see_to(FakeAdmin(), attrs.evolve(TOPIC, create=False))


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        pytest.param(38, "Replication factor 3 > 1", r"3 > 1 \(kafka\.replication_factor\)", id="replication"),
        pytest.param(44, None, "cannot be made: PolicyViolation", id="policy, without a word"),
        pytest.param(29, None, "may not be made by this user: create it, or allow", id="topic permission"),
        pytest.param(31, None, "may not be made by this user: create it, or allow", id="cluster permission"),
    ],
)
async def test_a_topic_that_can_not_be_made_is_told(code: int, said: str | None, words: str) -> None:
    with pytest.raises(BrokerError, match=words):
        await see_to(FakeAdmin(create_error=(code, said)))


async def test_a_topic_that_may_not_be_seen_is_told() -> None:
    with pytest.raises(BrokerError, match="may not be seen by this user: allow it to Describe"):
        await see_to(FakeAdmin(describe_error=29))


async def test_another_number_of_partitions_is_refused() -> None:
    with pytest.raises(TopicMismatch, match=r"books has 7 partitions, kafka\.partitions says 3: set kafka\.partitions"):
        await see_to(FakeAdmin(partitions=7))


async def test_other_differences_are_told_each_by_the_name_of_its_setting() -> None:
    config = {"retention.ms": "1000", "retention.bytes": "-1", "max.message.bytes": "900", "cleanup.policy": "delete"}
    config["compression.type"] = "gzip"
    taken, telemetry = await see_to(FakeAdmin(partitions=3, config=config), attrs.evolve(TOPIC, compression="lz4"))
    assert taken == 900
    told = {fields["setting"]: (fields["expected"], fields["received"]) for _, fields in telemetry.warnings}
    assert told == {
        "kafka.retention_hours": ("86400000", "1000"),
        "kafka.retention_bytes_per_partition": ("1073741824", "-1"),
        "kafka.max_message_bytes": ("1048576", "900"),
        "kafka.compression": ("lz4", "gzip"),
    }


async def test_a_topic_that_takes_larger_messages_is_no_matter() -> None:
    taken, telemetry = await see_to(FakeAdmin(partitions=3, config={"max.message.bytes": "2000000"}))
    assert taken == 2000000
    assert not telemetry.warnings


async def test_a_configuration_that_may_not_be_read_is_told_and_lived_with() -> None:
    taken, telemetry = await see_to(FakeAdmin(partitions=3, config_error=kafka.TopicAuthorizationFailedError()))
    assert taken == TOPIC.max_message_bytes
    ((_, fields),) = telemetry.warnings
    assert fields["problem"] == "TopicAuthorizationFailed"


@pytest.mark.parametrize("said", ["", "many", "1e6", "9" * 5000, "-1", None])
async def test_a_largest_message_that_is_no_number_is_taken_to_be_as_configured(said: str) -> None:
    taken, telemetry = await see_to(FakeAdmin(partitions=3, config={"max.message.bytes": said}))
    assert taken == TOPIC.max_message_bytes
    assert [message for message, _ in telemetry.warnings] in ([], ["the topic is not as configured, and stays so"])

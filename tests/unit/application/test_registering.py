"""A publisher whose schema is registered, in virtual time: what the registry's answers stop, and what they do not."""

from collections.abc import Sequence
from itertools import pairwise

import anyio
import attrs
import pytest
from tests.support.network import FakeTelemetry
from tests.support.publishing import FakePublisher
from tests.support.records import record
from tests.support.virtual import VIRTUAL_TIME

from market_data.application.ports import Registration, SchemaRegistry
from market_data.application.registering import RegisteringPublisher
from market_data.domain.errors import DeliveryFailed, RegistryUnavailable, SchemaIncompatible

pytestmark = pytest.mark.anyio

KNOWN = Registration("books-value", 7, 3, "FORWARD_TRANSITIVE")
AWAY = RegistryUnavailable("http://registry", "does not answer: connection refused")
REFUSED = SchemaIncompatible("http://registry", "books-value", "no such field")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.define
class FakeRegistry(SchemaRegistry):
    """Gives one answer after the other, the last one again and again."""

    answers: Sequence[Registration | Exception]
    asked_at: list[float] = attrs.field(factory=list)

    async def register(self) -> Registration:
        answer = self.answers[min(len(self.asked_at), len(self.answers) - 1)]
        self.asked_at.append(anyio.current_time())
        await anyio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def look(self) -> Registration | None:
        raise NotImplementedError


@attrs.define
class Bench:
    """A publisher, a registry and what is told."""

    registry: FakeRegistry
    publisher: FakePublisher = attrs.field(factory=FakePublisher)
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)

    async def publish_for(self, seconds: float) -> None:
        registering = RegisteringPublisher(self.publisher, self.registry, self.telemetry)
        async with registering.open() as publication:
            await publication.publish([record(0)])
            await anyio.sleep(seconds)
            await publication.publish([record(1)])


async def test_a_schema_that_is_registered_is_told_once_with_its_id_and_version() -> None:
    bench = Bench(FakeRegistry([KNOWN]))
    await bench.publish_for(1000)
    assert bench.telemetry.notes == [
        (
            "the schema is registered",
            {"subject": "books-value", "id": 7, "version": 3, "compatibility": "FORWARD_TRANSITIVE"},
        )
    ]
    assert (bench.telemetry.warnings, len(bench.registry.asked_at)) == ([], 1)
    assert len(bench.publisher.delivered) == 2


async def test_a_schema_that_is_not_compatible_ends_the_start_before_anything_is_published() -> None:
    bench = Bench(FakeRegistry([REFUSED]))
    with pytest.raises(SchemaIncompatible):
        await bench.publish_for(1)
    assert (bench.publisher.delivered, bench.publisher.is_open) == ([], False)


async def test_a_registry_that_gives_no_answer_stops_nothing_and_is_asked_less_and_less_often() -> None:
    bench = Bench(FakeRegistry([AWAY]))
    await bench.publish_for(2000)
    assert len(bench.publisher.delivered) == 2
    waits = [round(later - earlier) for earlier, later in pairwise(bench.registry.asked_at)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]
    assert bench.telemetry.warnings[0] == (
        "the schema is not registered, records are published all the same and it is tried again",
        {"problem": str(AWAY)},
    )


async def test_a_registry_that_comes_back_is_given_the_schema() -> None:
    bench = Bench(FakeRegistry([AWAY, AWAY, KNOWN]))
    await bench.publish_for(1000)
    assert [message for message, _ in bench.telemetry.notes] == ["the schema is registered"]
    assert len(bench.registry.asked_at) == 3


async def test_a_refusal_that_comes_late_is_told_once_and_stops_nothing() -> None:
    bench = Bench(FakeRegistry([AWAY, REFUSED]))
    await bench.publish_for(1000)
    assert len(bench.publisher.delivered) == 2
    assert bench.telemetry.warnings[1:] == [
        ("this run goes on, and the next one will not start", {"problem": str(REFUSED)})
    ]
    assert len(bench.registry.asked_at) == 2


@pytest.mark.parametrize("answers", [[KNOWN], [AWAY]], ids=["answered", "still asked"])
async def test_what_ends_the_publication_is_raised_as_it_is(answers: Sequence[Registration | Exception]) -> None:
    bench = Bench(FakeRegistry(answers), FakePublisher(failure=DeliveryFailed("refused for good")))
    with pytest.raises(DeliveryFailed, match="refused for good"):
        await bench.publish_for(1)
    assert not bench.publisher.is_open

"""A broker that answers, and sends its clients to an address where they find nobody: the classic of Docker."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from tests.contract.kafka.kafka_world import World
from tests.support.brokers import free_port, missing, process_broker

from market_data.adapters.kafka.probe import KafkaProbe
from market_data.application.ports import Start
from market_data.application.probe import TopicReport
from market_data.domain.errors import BrokerMisadvertised

pytestmark = [pytest.mark.anyio, pytest.mark.broker, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Give the address of such a broker, and the one that it advertises."""
    if what := missing():
        pytest.skip(f"needs a real broker as a process: {what}")
    advertised = f"127.0.0.1:{free_port()}"
    home = tmp_path_factory.mktemp("astray") / "home"
    with process_broker(home, f"advertised.listeners=CLIENT://{advertised}") as broker:
        yield broker.brokers, advertised


@pytest.mark.parametrize("role", ["publisher", "subscriber", "check"])
async def test_a_wrong_advertised_listener_is_told_by_its_address(addresses: tuple[str, str], role: str) -> None:
    brokers, advertised = addresses
    world = World.at(brokers, connect_timeout_seconds=2.0)

    @asynccontextmanager
    async def looked_at() -> AsyncIterator[TopicReport]:
        yield await KafkaProbe(world.cluster, world.topic).look()

    opened: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
        "publisher": lambda: world.publisher().open(),
        "subscriber": lambda: world.subscriber().open(Start("latest"), None),
        "check": looked_at,
    }
    with pytest.raises(BrokerMisadvertised) as caught:
        async with opened[role]():
            pass
    assert str(caught.value) == (
        f"Kafka at {brokers} answers, but sends its clients to {advertised} (its advertised.listeners), where they "
        "find: connection refused. Let the broker advertise an address that this machine can reach"
    )
    if role != "check":
        ((message, fields),) = world.telemetry.warnings
        assert message == "the Kafka broker cannot be reached at the address that it advertises, trying again"
        assert advertised in str(fields["problem"])

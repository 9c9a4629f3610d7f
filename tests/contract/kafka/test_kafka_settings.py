"""What each setting under ``outbox`` and ``kafka`` does, from its name in YAML to what is seen of it from outside.

``SHOWN`` names for every setting the test that shows its effect; a setting without one fails here.
"""

import ast
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from tests.contract.kafka.kafka_world import FakeTelemetry, World, batches, book, publish, read, sequences
from tests.support.programs import Running, running

from market_data.adapters.kafka.partitioner import partition_of
from market_data.application.outbox import Outbox
from market_data.application.ports import Delivered, Start
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.errors import BrokerUnavailable, DeliveryFailed, UsageError
from market_data.domain.normalized import BookState, BookStatus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ROOT = Path(__file__).parents[3]
SYMBOLS = [f"S{number}-USD" for number in range(4)]
LATEST = Start("latest")
EARLIEST = Start("earliest")

HERE = "tests/contract/kafka/test_kafka_settings.py"
SECURE = "tests/contract/kafka/test_kafka_secure.py::test_every_setting_of_security_has_its_effect"
MADE = "tests/unit/kafka/test_kafka_topics.py::test_each_setting_of_the_topic_has_its_effect"

REGISTRY = "tests/e2e/test_bad_input_registries.py"

SHOWN = {
    "outbox.policy": f"{HERE}::test_policy_decides_what_waits",
    "outbox.max_records": f"{HERE}::test_records_beyond_max_records_are_merged",
    "outbox.max_bytes": f"{HERE}::test_records_beyond_max_bytes_are_merged",
    "kafka.brokers": f"{HERE}::test_records_go_to_the_brokers_and_the_topic_that_are_named",
    "kafka.client_id": f"{HERE}::test_the_broker_is_told_the_client_id",
    "kafka.topics.books": f"{HERE}::test_records_go_to_the_brokers_and_the_topic_that_are_named",
    "kafka.create_topic": MADE,
    "kafka.partitions": MADE,
    "kafka.replication_factor": MADE,
    "kafka.min_insync_replicas": MADE,
    "kafka.retention_hours": MADE,
    "kafka.retention_bytes_per_partition": MADE,
    "kafka.max_message_bytes": MADE,
    "kafka.compression": f"{HERE}::test_batches_are_compressed_as_set",
    "kafka.linger_milliseconds": f"{HERE}::test_a_record_lingers_as_long_as_set",
    "kafka.max_batch_bytes": f"{HERE}::test_batches_are_no_larger_than_set",
    "kafka.max_in_flight_records": f"{HERE}::test_no_more_is_in_flight_than_set",
    "kafka.connect_timeout_seconds": f"{HERE}::test_an_absent_broker_is_waited_for_as_long_as_set",
    "kafka.ride_out_seconds": f"{HERE}::test_a_broker_that_is_gone_is_ridden_out_as_long_as_set",
    "kafka.security.protocol": SECURE,
    "kafka.security.mechanism": SECURE,
    "kafka.security.username": SECURE,
    "kafka.security.password": SECURE,
    "kafka.security.ca_file": SECURE,
    "kafka.security.certificate_file": SECURE,
    "kafka.security.key_file": SECURE,
    "kafka.security.key_password": SECURE,
    "kafka.schema_registry.url": f"{REGISTRY}::test_a_registry_is_given_the_login_that_is_set",
    "kafka.schema_registry.username": f"{REGISTRY}::test_a_registry_is_given_the_login_that_is_set",
    "kafka.schema_registry.password": f"{REGISTRY}::test_a_registry_is_given_the_login_that_is_set",
    "kafka.schema_registry.timeout_seconds": (
        f"{REGISTRY}::test_a_registry_that_says_nothing_is_waited_for_as_long_as_the_setting_says"
    ),
    "kafka.consumer.group": f"{HERE}::test_consume_reads_as_the_group_and_from_the_start_that_are_set",
    "kafka.consumer.start": f"{HERE}::test_consume_reads_as_the_group_and_from_the_start_that_are_set",
    "kafka.consumer.max_poll_records": f"{HERE}::test_no_more_is_taken_at_a_time_than_set",
    "kafka.consumer.fetch_wait_milliseconds": f"{HERE}::test_a_broker_is_asked_to_hold_a_request_as_long_as_set",
    "kafka.consumer.session_timeout_seconds": f"{HERE}::test_a_silent_member_loses_its_partitions_after_the_time_set",
    "kafka.consumer.warm_start_records": f"{HERE}::test_a_reader_is_shown_what_so_many_records_hold",
}


def settings_of(section: Mapping[str, Any], above: str) -> Iterator[str]:
    """Walk the dotted names of a section."""
    for name, value in section.items():
        if isinstance(value, dict):
            yield from settings_of(value, f"{above}.{name}")
        else:
            yield f"{above}.{name}"


def test_every_setting_has_a_test_that_shows_its_effect() -> None:
    base = yaml.safe_load((ROOT / "config" / "base.yaml").read_text(encoding="utf-8"))
    known = {name for section in ("outbox", "kafka") for name in settings_of(base[section], section)}
    assert sorted(SHOWN) == sorted(known)


@pytest.mark.parametrize("where", sorted(set(SHOWN.values())))
def test_each_test_that_is_named_is_there(where: str) -> None:
    file, _, name = where.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def container_of(folder: Path, **settings: object) -> Container:
    """Put the program together from settings by their names, ``__`` for each point."""
    overrides = [f"{name.replace('__', '.')}={value}" for name, value in settings.items()]
    container = Container(settings=load_settings("test", (), overrides, {}, folder).settings)
    container.telemetry.override(FakeTelemetry())
    return container


def program(world: World, folder: Path, **settings: object) -> Container:
    """Put it together for a broker and a topic of its own."""
    where = {"kafka__brokers": world.cluster.brokers, "kafka__topics__books": world.topic}
    return container_of(folder, **where, kafka__connect_timeout_seconds=15, **settings)


# outbox


def state(symbol: str, *, is_live: bool = True) -> BookState:
    status = BookStatus.LIVE if is_live else BookStatus.STALE
    level = (("1", "1"),) if is_live else ()
    return BookState("binance", symbol, status, None, 1, level, level, 1, 1, 1, 1)


async def leaving(outbox: Outbox, count: int) -> list[tuple[int, int]]:
    """Put in so many states of one instrument; give (publish_seq, conflated) of what leaves."""
    for _ in range(count):
        outbox.put(state("BTC-USDT"))
    return [(each.publish_seq, each.conflated) for each in await outbox.take(100)]


async def test_policy_decides_what_waits(tmp_path: Path) -> None:
    every = container_of(tmp_path, outbox__policy="keep_until_full").outbox()
    newest = container_of(tmp_path, outbox__policy="latest_only").outbox()
    assert await leaving(every, 5) == [(number, 0) for number in range(5)]
    assert await leaving(newest, 5) == [(0, 4)]
    with pytest.raises(UsageError, match=r"outbox\.policy: block is for replays"):
        container_of(tmp_path, outbox__policy="block").outbox()


async def test_records_beyond_max_records_are_merged(tmp_path: Path) -> None:
    assert len(await leaving(container_of(tmp_path, outbox__max_records=5).outbox(), 5)) == 5
    assert await leaving(container_of(tmp_path, outbox__max_records=4).outbox(), 5) == [(0, 4)]


async def test_records_beyond_max_bytes_are_merged(tmp_path: Path) -> None:
    """A record is reckoned at 400 bytes, and 40 for each level."""
    assert len(await leaving(container_of(tmp_path, outbox__max_bytes=2400).outbox(), 5)) == 5
    assert await leaving(container_of(tmp_path, outbox__max_bytes=2399).outbox(), 5) == [(0, 4)]


# writing


async def send(container: Container, symbols: list[str], numbers: range) -> None:
    """Publish by it."""
    async with container.publisher().open() as publication:
        await publish(publication, symbols, numbers)


async def test_records_go_to_the_brokers_and_the_topic_that_are_named(world: World, tmp_path: Path) -> None:
    await send(program(world, tmp_path), SYMBOLS, range(2))
    consumer = AIOKafkaConsumer(bootstrap_servers=world.cluster.brokers)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(world.topic, number) for number in range(4)])
        await consumer.seek_to_beginning()
        with anyio.fail_after(20):
            assert len([await consumer.getone() for _ in range(2 * len(SYMBOLS))]) == 8
    finally:
        await consumer.stop()


async def test_the_broker_is_told_the_client_id(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def listen(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            asked.append(await stream.receive())

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, listen)
        container = container_of(
            tmp_path,
            kafka__brokers=f"127.0.0.1:{port}",
            kafka__client_id="desk-7",
            kafka__connect_timeout_seconds=0.5,
        )
        with pytest.raises(BrokerUnavailable):
            await send(container, SYMBOLS, range(1))
        tasks.cancel_scope.cancel()
    # a request: size, api, version, number, then the client's name with its length
    assert asked[0][12:20] == b"\x00\x06desk-7"


@pytest.mark.parametrize(("compression", "codec"), [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)])
async def test_batches_are_compressed_as_set(world: World, compression: str, codec: int, tmp_path: Path) -> None:
    await send(program(world, tmp_path, kafka__compression=compression), SYMBOLS, range(5))
    assert {batch.codec for batch in await batches(world)} == {codec}


@pytest.mark.parametrize(("linger", "at_least", "below"), [("auto", 0.0, 0.3), (0, 0.0, 0.3), (500, 0.5, 5.0)])
async def test_a_record_lingers_as_long_as_set(
    world: World, linger: float | str, at_least: float, below: float, tmp_path: Path
) -> None:
    container = program(world, tmp_path, kafka__linger_milliseconds=linger)
    took = []
    outbox = container.outbox()
    async with container.publisher().open() as publication:
        for _ in range(3):
            began = anyio.current_time()
            outbox.put(state("S0-USD"))
            await publication.publish(await outbox.take(500, publication.admission, publication.linger))
            await publication.flush()
            took.append(anyio.current_time() - began)
    assert at_least <= min(took) < below


@pytest.mark.parametrize(("size", "most"), [(4000, 2), (40_000, 24)])
async def test_batches_are_no_larger_than_set(world: World, size: int, most: int, tmp_path: Path) -> None:
    """A record of twenty levels a side takes about 1,700 bytes."""
    container = program(world, tmp_path, kafka__max_batch_bytes=size, kafka__compression="none")
    async with container.publisher().open() as publication:
        await publication.publish([book("S0-USD", number) for number in range(200)])
        await publication.flush()
    found = await batches(world)
    assert max(batch.size for batch in found) <= size + 100
    assert most / 2 <= max(batch.records for batch in found) <= most


@pytest.mark.parametrize("most", [1, 30])
async def test_no_more_is_in_flight_than_set(world: World, most: int, tmp_path: Path) -> None:
    container = program(world, tmp_path, kafka__max_in_flight_records=most)
    seen = []

    async def publish_all() -> None:
        await publish(publication, SYMBOLS, range(50))
        tasks.cancel_scope.cancel()

    async with container.publisher().open() as publication, anyio.create_task_group() as tasks:
        tasks.start_soon(publish_all)
        while True:
            await anyio.lowlevel.checkpoint()
            seen.append(publication.undelivered)
    assert max(seen) == most


@pytest.mark.parametrize("seconds", [0.2, 1.2])
async def test_an_absent_broker_is_waited_for_as_long_as_set(seconds: float, tmp_path: Path) -> None:
    container = container_of(tmp_path, kafka__brokers="127.0.0.1:1", kafka__connect_timeout_seconds=seconds)
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        await send(container, SYMBOLS, range(1))
    assert seconds <= time.monotonic() - began < seconds + 0.9


@contextmanager
def mortal_broker() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the embedded broker in a process of its own."""
    code = (
        "import signal; from confluent_kafka import Producer\n"
        "p = Producer({'test.mock.num.brokers': 1, 'log_level': 3})\n"
        "(b,) = p.list_topics(timeout=15).brokers.values()\n"
        "print(f'{b.host}:{b.port}', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


async def test_a_broker_that_is_gone_is_ridden_out_as_long_as_set(tmp_path: Path) -> None:
    with mortal_broker() as (brokers, process):
        world = World.at(brokers)
        container = program(world, tmp_path, kafka__ride_out_seconds=1.5)
        async with container.publisher().open() as publication:
            await publish(publication, SYMBOLS, range(1))
            process.send_signal(signal.SIGKILL)
            process.wait()
            began = anyio.current_time()
            with pytest.raises(DeliveryFailed, match=r"nothing for 1\.5 s \(kafka\.ride_out_seconds\)"):
                await publish(publication, SYMBOLS, range(1, 2))
            assert 1.4 < anyio.current_time() - began < 5


# reading


@pytest.mark.parametrize("most", [1, 7])
async def test_no_more_is_taken_at_a_time_than_set(world: World, most: int, tmp_path: Path) -> None:
    container = program(world, tmp_path, kafka__consumer__max_poll_records=most)
    await send(container, ["S0-USD"], range(30))
    taken: list[int] = []
    async with container.subscriber().open(EARLIEST, None) as subscription:
        with anyio.fail_after(30):
            while sum(taken) < 30:
                taken.append(len(await subscription.receive()))
    assert max(taken) == most


@pytest.mark.parametrize("wait", [20, 700])
async def test_a_broker_is_asked_to_hold_a_request_as_long_as_set(
    world: World, wait: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: set[int] = set()
    send_request = AIOKafkaClient.send

    async def watched(client: AIOKafkaClient, node: int, request: object, **named: object) -> object:
        if isinstance(request, FetchRequest):
            waits.add(request._max_wait_ms)
        return await send_request(client, node, request, **named)

    monkeypatch.setattr(AIOKafkaClient, "send", watched)
    container = program(world, tmp_path, kafka__consumer__fetch_wait_milliseconds=wait)
    await send(container, ["S0-USD"], range(1))
    async with container.subscriber().open(EARLIEST, None) as subscription:
        await read(subscription, 1)
    assert waits == {wait}


async def test_a_reader_is_shown_what_so_many_records_hold(world: World, tmp_path: Path) -> None:
    """Two instruments of one partition: one record of the first, then five of the second."""
    partition = partition_of(b"binance:S0-USD", 4)
    other = next(
        each for n in range(1, 99) if partition_of(f"binance:{(each := f'S{n}-USD')}".encode(), 4) == partition
    )
    container = program(world, tmp_path)
    await send(container, ["S0-USD"], range(1))
    await send(container, [other], range(5))
    for records, newest in ((0, {}), (5, {other: [4]}), (6, {"S0-USD": [0], other: [4]})):
        reader = program(world, tmp_path, kafka__consumer__warm_start_records=records).subscriber()
        async with reader.open(LATEST, None) as subscription:
            shown: list[Delivered] = []
            with anyio.move_on_after(1.5):
                while True:
                    shown += await subscription.receive()
        assert sequences(shown) == newest


@contextmanager
def consuming(world: World, folder: Path, **settings: object) -> Iterator[Running]:
    """Run ``consume``."""
    where = {"kafka__brokers": world.cluster.brokers, "kafka__topics__books": world.topic, "log__level": "INFO"}
    named = [f"{name.replace('__', '.')}={value}" for name, value in (where | settings).items()]
    options = [part for each in named for part in ("--set", each)]
    with running("consume", "--env", "test", "--view", "json", *options, folder=folder) as command:
        yield command


async def test_consume_reads_as_the_group_and_from_the_start_that_are_set(world: World, tmp_path: Path) -> None:
    await send(program(world, tmp_path), ["S0-USD"], range(20))
    for start, first in (("earliest", 0), ("latest", 19)):
        with consuming(world, tmp_path, kafka__consumer__start=start) as command:
            command.wait_for_out('"publish_seq":19,')
            assert json.loads(command.out[0])["publish_seq"] == first
            assert command.end().status == 0
    with consuming(world, tmp_path, kafka__consumer__start="earliest", kafka__consumer__group=world.topic) as command:
        command.wait_for_out('"publish_seq":19,')
        assert command.end().status == 0
    consumer = AIOKafkaConsumer(bootstrap_servers=world.cluster.brokers, group_id=world.topic)
    await consumer.start()
    try:
        assert await consumer.committed(TopicPartition(world.topic, partition_of(b"binance:S0-USD", 4))) == 20
    finally:
        await consumer.stop()


@pytest.mark.broker
@pytest.mark.parametrize("seconds", [6, 12])
async def test_a_silent_member_loses_its_partitions_after_the_time_set(
    broker_world: World, seconds: int, tmp_path: Path
) -> None:
    await send(program(broker_world, tmp_path), ["S0-USD"], range(1))
    member = {"kafka__consumer__group": broker_world.topic, "kafka__consumer__session_timeout_seconds": seconds}
    with consuming(broker_world, tmp_path, **member) as first:
        first.wait_for_err('"ours": "0, 1, 2, 3"')
        with consuming(broker_world, tmp_path, **member) as second:
            second.wait_for(lambda: any(half in line for line in second.err for half in ('"0, 1"', '"2, 3"')))
            first.process.send_signal(signal.SIGKILL)
            began = time.monotonic()
            second.wait_for_err('"ours": "0, 1, 2, 3"', seconds=40)
            assert seconds - 3 < time.monotonic() - began < seconds + 9
            assert second.end().status == 0

"""What the idempotent producer does on the wire when brokers answer late, not at all, or no: order and sequence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from aiokafka import errors as kafka
from tests.support.scripted_kafka import NOT_LEADER, PRODUCER_ID, ScriptedKafka, Sent, scripted_kafka

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.producer import Acknowledgement, IdempotentProducer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

Answer = asyncio.Future[Acknowledgement]


@asynccontextmanager
async def producing(cluster: ScriptedKafka, **settings: float) -> AsyncIterator[IdempotentProducer]:
    address = KafkaCluster(f"127.0.0.1:{cluster.ports[0]}", **({"request_timeout_seconds": 10.0} | settings))  # type: ignore[arg-type]
    producer = IdempotentProducer.of(
        address, cluster.topic, compression="none", max_batch_bytes=10_000, batch_timeout_seconds=60
    )
    try:
        await producer.open()
        yield producer
    finally:
        await producer.close()


def send(producer: IdempotentProducer, partition: int, records: int = 1) -> Answer:
    batch = producer.batch()
    for _ in range(records):
        assert batch.append(timestamp=1, key=b"k", value=b"v", headers=[]) is not None
    batch.close()
    return producer.send(batch, partition)


async def offset(answer: Answer) -> int:
    with anyio.fail_after(10):
        return (await answer).offset


async def settle() -> None:
    """Let the loop and its sockets do what they can do now."""
    for _ in range(50):
        await anyio.lowlevel.checkpoint()
    await anyio.sleep(0.02)


def sent(sequence: int, records: int = 1) -> Sent:
    return Sent(PRODUCER_ID, sequence, records)


@pytest.mark.parametrize("versions", [(0, 3), (0, 5), (0, 7), (3, 9)])
async def test_batches_of_a_broker_share_a_request_in_the_version_that_it_speaks(versions: tuple[int, int]) -> None:
    async with scripted_kafka({0: 0, 1: 0, 2: 1}, produce_versions=versions) as cluster, producing(cluster) as producer:
        answers = [send(producer, 0, 2), send(producer, 1, 3), send(producer, 2, 4)]
        await cluster.until_asked(2)
        requests = {asked.node: asked for asked in cluster.asked}
        assert requests[0].batches == {0: sent(0, 2), 1: sent(0, 3)}
        assert requests[1].batches == {2: sent(0, 4)}
        for asked in cluster.asked:
            asked.answer()
        assert [await offset(answer) for answer in answers] == [0, 0, 0]
        last = send(producer, 0)
        (await cluster.until_asked(3)).answer()
        assert await offset(last) == 2
        assert cluster.asked[2].batches == {0: sent(2)}


async def test_a_broker_has_one_request_under_way_and_the_others_do_not_wait_for_it() -> None:
    async with scripted_kafka({0: 0, 1: 0, 2: 1}) as cluster, producing(cluster) as producer:
        first = send(producer, 0)
        await cluster.until_asked(1)
        second, third = send(producer, 1), send(producer, 2)
        (await cluster.until_asked(2)).answer()
        assert await offset(third) == 0
        await settle()
        assert [(asked.node, *asked.batches) for asked in cluster.asked] == [(0, 0), (1, 2)]
        cluster.asked[0].answer()
        assert await offset(first) == 0
        (await cluster.until_asked(3)).answer()
        assert await offset(second) == 0


async def test_a_partition_has_one_batch_under_way_wherever_its_leader_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whom aiokafka asks for metadata is drawn; the first broker would tell no more before it has answered.
    monkeypatch.setattr("aiokafka.client.random.shuffle", lambda nodes: nodes.sort(reverse=True))
    async with scripted_kafka({0: 0, 1: 1}) as cluster, producing(cluster) as producer:
        first = send(producer, 0)
        await cluster.until_asked(1)
        cluster.leaders[0] = 1
        with anyio.fail_after(10):
            await producer._producer.client.force_metadata_update()
        second, other = send(producer, 0), send(producer, 1)
        (await cluster.until_asked(2)).answer()
        assert await offset(other) == 0
        await settle()
        assert [(asked.node, *asked.batches) for asked in cluster.asked] == [(0, 0), (1, 1)]
        cluster.asked[0].answer()
        assert await offset(first) == 0
        (await cluster.until_asked(3)).answer()
        assert await offset(second) == 1
        assert (cluster.asked[2].node, cluster.asked[2].batches) == (1, {0: sent(1)})


@pytest.mark.parametrize("way", ["hang up", "refuse", "no answer"])
async def test_what_failed_is_sent_again_with_its_numbers_before_what_follows(way: str) -> None:
    seconds = 0.5 if way == "no answer" else 10.0
    async with (
        scripted_kafka({0: 0, 1: 0}) as cluster,
        producing(cluster, request_timeout_seconds=seconds) as producer,
    ):
        done = send(producer, 0, 5)
        (await cluster.until_asked(1)).answer()
        await offset(done)
        first = send(producer, 0, 2)
        failing = await cluster.until_asked(2)
        following, after, other = send(producer, 0, 3), send(producer, 0, 4), send(producer, 1)
        if way == "hang up":
            failing.hang_up()
        elif way == "refuse":
            failing.answer({0: NOT_LEADER})
        again = await cluster.until_asked(3)
        assert again.batches == {0: sent(5, 2), 1: sent(0)}
        again.answer()
        assert [await offset(first), await offset(other)] == [5, 0]
        for asked, batch, answer in ((4, sent(7, 3), following), (5, sent(10, 4), after)):
            (await cluster.until_asked(asked)).answer()
            assert await offset(answer) == batch.sequence
            assert cluster.asked[asked - 1].batches == {0: batch}


async def test_a_batch_is_sent_again_to_the_new_leader() -> None:
    async with scripted_kafka({0: 0, 1: 0}) as cluster, producing(cluster) as producer:
        answers = [send(producer, 0, 2), send(producer, 1)]
        failing = await cluster.until_asked(1)
        cluster.leaders[0] = 1
        failing.answer({0: NOT_LEADER})
        assert await offset(answers[1]) == 0
        again = await cluster.until_asked(2)
        assert (again.node, again.batches) == (1, {0: sent(0, 2)})
        again.answer()
        assert await offset(answers[0]) == 0


async def test_a_partition_without_a_leader_waits_for_one() -> None:
    async with scripted_kafka({0: 0, 1: -1}) as cluster, producing(cluster) as producer:
        assert producer.leader(1) is None
        waiting, other = send(producer, 1), send(producer, 0)
        (await cluster.until_asked(1)).answer()
        assert await offset(other) == 0
        told = cluster.told
        with anyio.fail_after(10):
            while cluster.told < told + 3:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert not waiting.done()
        cluster.leaders[1] = 1
        (await cluster.until_asked(2)).answer()
        assert await offset(waiting) == 0
        assert (cluster.asked[1].node, cluster.asked[1].batches) == (1, {1: sent(0)})


async def test_what_cannot_be_handed_over_is_told() -> None:
    async with scripted_kafka({0: 0}) as cluster, producing(cluster) as producer:
        with pytest.raises(AssertionError, match="Unrecognized partition"):
            send(producer, 1)
        update = producer._producer.client.force_metadata_update
        leaders, cluster.leaders = cluster.leaders, {}
        cluster.is_denied = True
        with anyio.fail_after(10):
            await update()
        with pytest.raises(kafka.TopicAuthorizationFailedError):
            send(producer, 0)
        cluster.is_denied, cluster.leaders = False, leaders
        with anyio.fail_after(10):  # having been asked for is enough for the metadata to come
            while producer.leader(0) is None:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        answer = send(producer, 0)
        (await cluster.until_asked(1)).answer()
        assert await offset(answer) == 0
        assert cluster.asked[0].batches == {0: sent(0)}


async def test_a_request_that_ends_is_followed_at_once_though_a_leader_is_sought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted_kafka({0: 0, 1: 0, 2: -1}) as cluster, producing(cluster) as producer:
        first = send(producer, 0)
        await cluster.until_asked(1)
        monkeypatch.setattr(producer._producer.client, "force_metadata_update", asyncio.Future)  # does not come
        send(producer, 2)
        await settle()
        second = send(producer, 1)
        cluster.asked[0].answer()
        assert await offset(first) == 0
        (await cluster.until_asked(2)).answer()
        assert await offset(second) == 0


async def test_leaving_during_requests_is_prompt_and_leaves_nothing_behind() -> None:
    async with scripted_kafka({0: 0, 1: 1}) as cluster:
        before = asyncio.all_tasks()
        async with producing(cluster) as producer:
            answers = [send(producer, 0), send(producer, 1)]
            await cluster.until_asked(2)
            answers.append(send(producer, 0))
            with anyio.fail_after(5):
                await producer.close()
            left = {task for task in asyncio.all_tasks() - before if "scripted" not in repr(task)}
            assert not left
            assert not any(answer.done() for answer in answers)


async def test_an_error_of_our_own_in_a_request_fails_all_batches_instead_of_waiting_for_ever() -> None:
    """As here, where a broker speaks only versions that aiokafka does not."""
    async with (
        scripted_kafka({0: 0, 1: 1}, produce_versions=(9, 11)) as cluster,
        producing(cluster) as producer,
    ):
        for answer in (send(producer, 0), send(producer, 1)):
            with pytest.raises(kafka.KafkaError, match="Unexpected error during batch delivery"):
                await offset(answer)
        with pytest.raises(kafka.KafkaError, match="Unexpected error during batch delivery"):
            send(producer, 0)

"""``latency`` against exchanges whose clocks are known."""

import json
import math
import re
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.support.programs import run, running, sandbox

pytestmark = pytest.mark.timeout(90)

_AHEAD = 2_000_000
"""µs."""


def median(values: list[int]) -> int:
    return sorted(values)[max(1, math.ceil(len(values) / 2)) - 1]


def own_reading(brokers: str, topic: str) -> dict[str, list[int]]:
    """Measure what the records themselves say, by another client: µs to the socket and to the queue."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "own", "enable.auto.commit": False})
    hops: dict[str, list[int]] = {"venue to socket": [], "socket to broker's queue": []}
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        for partition in partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 10)
            consumer.assign([TopicPartition(topic, partition, 0)])
            for _ in range(end):
                message = consumer.poll(10)
                assert message is not None
                record = json.loads(message.value())
                stamp = int(dict(message.headers())["published_at"])
                if record["status"] == "live":
                    hops["venue to socket"].append(record["received_time"] - record["event_time"])
                    hops["socket to broker's queue"].append(stamp - record["received_time"])
    finally:
        consumer.close()
    return hops


def test_hops_are_those_of_the_records_and_clocks_that_are_off_are_told(tmp_path: Path) -> None:
    with sandbox(tmp_path, "--clock-offset", str(_AHEAD / 1e6)) as world:
        options = (*world.options("books"), "--set", "book.max_clock_skew_seconds=10")
        with running("produce", *options, folder=tmp_path) as producer:
            producer.wait_for(lambda: len([line for line in producer.err if '"connected"' in line]) == 2)
            measured = run("latency", *options, "--seconds", "4", "--json", folder=tmp_path)
            shown = run("latency", *options, "--seconds", "1", folder=tmp_path)
            assert producer.end().status == 0
        truth = own_reading(world.brokers, "books")
    assert measured.status == 0, measured
    hops = {(each["exchange"], each["hop"]): each for each in map(json.loads, measured.out.splitlines())}
    for exchange in ("binance", "coinbase"):
        clock = hops[exchange, "venue to socket"]["venue_clock"]
        assert abs(clock["ahead"] - _AHEAD) <= 50_000
        assert abs(clock["ahead"] - _AHEAD) <= clock["doubt"] + 1_000
        assert hops[exchange, "venue to socket"]["p50"] < 0, "what differs is not hidden"
        assert hops[exchange, "queue to reader"]["p50"] > 0
        assert hops[exchange, "venue to socket"]["count"] > 10
    for hop, values in truth.items():
        told = [each["p50"] for (_, name), each in hops.items() if name == hop]
        assert min(told) - 5_000 <= median(values) <= max(told) + 5_000
    assert shown.status == 0
    assert re.search(
        r"^binance: its clock is (1,9\d\d|2,0\d\d)\.\d ms ahead of ours, give or take ", shown.out, re.MULTILINE
    )
    assert "venue to reader, by one clock" in shown.out


def test_where_nothing_live_is_published_it_says_so(tmp_path: Path) -> None:
    with sandbox(tmp_path) as world:
        options = world.options("books")
        with running("produce", *options, folder=tmp_path) as producer:
            producer.wait_for_err('"connected"')
            producer.end()
        ended = run("latency", *options, "--seconds", "1", folder=tmp_path)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.splitlines()[-1] == "nothing live was published within 1 s: is a producer running?"

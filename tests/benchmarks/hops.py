"""What ``latency`` says of each hop, held against a bare WebSocket client and a consumer of another library.

python -m tests.benchmarks.hops --seconds 20
"""

import argparse
import json
import statistics
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from confluent_kafka import Consumer, Message, TopicPartition
from tests.benchmarks.results import machine
from tests.support.brokers import process_broker
from tests.support.programs import Sandbox, run, running, sandbox
from websockets.sync.client import connect

from market_data.adapters.console.plain import in_columns
from market_data.domain.latency import Hop

_METHOD = """The sandbox's exchanges stamp each event as they send it. On the same machine run: produce, once with
kafka.linger_milliseconds=0 and once as it is by default, to a real Apache Kafka; latency --json; a bare WebSocket
client (websockets, by threads) of the same streams, for when an event can be had from a socket; a consumer of
librdkafka, for when its record can be had from the topic. The truth of "venue to socket" is the bare client's, of the
other hops what stands in the records and in Kafka's own time of each, and when that consumer has them. Medians over the
same seconds; Kafka and Binance tell whole milliseconds."""
_TOPIC = "books"
_WARM_UP_SECONDS = 3.0
_BOUND_MS = 1.0
_SETTINGS: Mapping[str, Sequence[str]] = {
    "linger 0": ("--set", "kafka.linger_milliseconds=0"),
    "by default": (),
}


@attrs.define
class Truth:
    """What others measured, µs, by exchange and hop."""

    hops: dict[tuple[str, Hop], list[int]] = attrs.field(factory=dict)
    is_counting: bool = False
    is_over: bool = False

    def add(self, exchange: str, hop: Hop, microseconds: int) -> None:
        """Take one measurement."""
        if self.is_counting:
            self.hops.setdefault((exchange, hop), []).append(microseconds)

    def median(self, exchange: str, hop: Hop) -> float:
        """Give it in ms."""
        return statistics.median(self.hops[exchange, hop]) / 1e3

    # the way in

    def listen(self, exchange: str, url: str, subscribe: object, sent: Callable[[Any], int | None]) -> None:
        """Read a stream until it is over."""
        with connect(url, max_size=None, compression=None) as socket:
            socket.send(json.dumps(subscribe))
            while not self.is_over:
                text = socket.recv(timeout=30)
                now = time.time_ns() // 1000
                if (at := sent(json.loads(text))) is not None:
                    self.add(exchange, Hop.RECEIVED, now - at)

    # the way out

    def consume(self, brokers: str) -> None:
        """Read the topic until it is over."""
        consumer = Consumer({"bootstrap.servers": brokers, "group.id": "truth", "enable.auto.commit": False})
        partitions = consumer.list_topics(_TOPIC, 10).topics[_TOPIC].partitions
        consumer.assign(
            [
                TopicPartition(_TOPIC, each, consumer.get_watermark_offsets(TopicPartition(_TOPIC, each), 10)[1])
                for each in partitions
            ]
        )
        known: dict[str, int] = {}
        try:
            while not self.is_over:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    self._take(message, time.time_ns() // 1000, known)
        finally:
            consumer.close()

    def _take(self, message: Message, now: int, known: dict[str, int]) -> None:
        value = message.value()
        assert value is not None
        record, stamp = json.loads(value), int(dict(message.headers() or ())["published_at"])
        received, exchange = record["received_time"], record["exchange"]
        key = f"{exchange}:{record['symbol']}"
        if record["status"] != "live" or received is None or known.get(key) == received:
            return
        known[key] = received
        self.add(exchange, Hop.PUBLISHED, stamp - received)
        self.add(exchange, Hop.APPENDED, message.timestamp()[1] * 1000 - stamp)
        self.add(exchange, Hop.SEEN, now - stamp)
        if record["event_time"] is not None:
            self.add(exchange, Hop.WHOLE, now - record["event_time"])


def _sent_by_binance(frame: Any) -> int | None:
    return int(frame["data"]["E"]) * 1000 if "data" in frame else None


def _sent_by_coinbase(frame: Any) -> int | None:
    if frame.get("channel") != "l2_data" or any(each["type"] == "snapshot" for each in frame["events"]):
        return None
    return round(datetime.fromisoformat(frame["timestamp"][:26] + "Z").timestamp() * 1e6)


def _streams(world: Sandbox) -> list[tuple[str, str, object, Callable[[Any], int | None]]]:
    venues = world.addresses
    symbols = [f"{symbol.replace('-', '').lower()}@depth@100ms" for symbol in venues["binance"]["instruments"]]
    binance = {"method": "SUBSCRIBE", "params": symbols, "id": 1}
    coinbase = {"type": "subscribe", "channel": "level2", "product_ids": venues["coinbase"]["instruments"]}
    return [
        ("binance", venues["binance"]["websocket_url"] + "/stream", binance, _sent_by_binance),
        ("coinbase", venues["coinbase"]["websocket_url"], coinbase, _sent_by_coinbase),
    ]


def measure(name: str, settings: Sequence[str], seconds: float) -> list[tuple[str, ...]]:
    """Give a row for each exchange and hop."""
    with tempfile.TemporaryDirectory() as text, process_broker(Path(text) / "home") as broker:
        folder = Path(text)
        with sandbox(folder, "--no-broker") as world:
            options = ("--env", "sandbox", "--config", world.settings_file)
            options = (*options, "--set", f"kafka.brokers={broker.brokers}", "--set", f"kafka.topics.books={_TOPIC}")
            with running("produce", *options, *settings, folder=folder) as producer:
                producer.wait_for_err("books are live")
                truth = Truth()
                jobs = [threading.Thread(target=truth.listen, args=each, daemon=True) for each in _streams(world)]
                jobs.append(threading.Thread(target=truth.consume, args=(broker.brokers,), daemon=True))
                for job in jobs:
                    job.start()
                time.sleep(_WARM_UP_SECONDS)
                truth.is_counting = True
                told = run("latency", *options, "--seconds", f"{seconds:g}", "--json", folder=folder, seconds=600)
                truth.is_counting, truth.is_over = False, True
                for job in jobs:
                    job.join(30)
                producer.end()
    if told.status != 0:
        raise SystemExit(told.err)
    return [_row(name, each, truth) for each in map(json.loads, told.out.splitlines())]


def _row(name: str, told: Mapping[str, Any], truth: Truth) -> tuple[str, ...]:
    exchange, hop = told["exchange"], Hop(told["hop"])
    said, true = told["p50"] / 1e3, truth.median(exchange, hop)
    off = said - true
    return (
        *(name, exchange, hop.value, f"{told['count']:,}", f"{len(truth.hops[exchange, hop]):,}"),
        *(f"{said:.2f}", f"{true:.2f}", f"{off:+.2f}", "yes" if abs(off) <= _BOUND_MS else "NO"),
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hops")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="N", help="how long, each (default 20)")
    options = parser.parse_args()
    print(json.dumps(machine(), ensure_ascii=False))
    print(f"\n{textwrap.fill(' '.join(_METHOD.split()), 118)}\n")
    rows = [row for name, settings in _SETTINGS.items() for row in measure(name, settings, options.seconds)]
    titles = ("settings", "exchange", "hop", "told of", "true of", "p50 told, ms", "true", "off", "within 1 ms")
    print("\n".join(in_columns([titles, *rows], right=range(3, 8))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

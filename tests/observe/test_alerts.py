"""A real Prometheus with the shipped rules watches a pipeline that things happen to: each alert fires, and clears.

The rules are the shipped ones but for their times and two bounds, which are shortened so that minutes do for hours.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
import yaml
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.support.brokers import ProcessBroker, can_limit, free_port, missing, process_broker
from tests.support.programs import Running, run, running, sandbox

pytestmark = [
    pytest.mark.observe,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus is not installed (apt install prometheus)"
    ),
    pytest.mark.skipif(bool(missing()), reason=f"needs a real broker as a process: {missing()}"),
]

_RULES = Path(__file__).resolve().parents[2] / "config" / "observe" / "alerts.yml"
_SHORTER = {"30m": "20s", "15m": "20s", "5m": "20s", "2m": "10s", "1m": "3s", "30s": "4s", "10s": "2s"}
_TOPIC = "books"
_SCRAPED_SECONDS = float(os.environ.get("OBSERVE_SECONDS", "30"))


def hastened(rules: str) -> str:
    """Shorten all times; a reader counts as cut off, and as behind, sooner."""
    shorter = re.sub(r"(\[|for: |offset )(\d+[ms])", lambda found: found[1] + _SHORTER[found[2]], rules)
    shorter = shorter.replace("trouble_seconds) > 30", "trouble_seconds) > 6")
    return shorter.replace("lag_records) > 10000", "lag_records) > 200")


@attrs.frozen
class Prometheus:
    """One that runs."""

    port: int

    def get(self, path: str) -> dict[str, object]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            read: dict[str, object] = json.loads(answer.read())["data"]
            return read

    def firing(self) -> set[str]:
        alerts = self.get("/api/v1/alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}  # type: ignore[attr-defined]

    def value(self, query: str) -> float:
        """Ask for one number."""
        quoted = urllib.request.quote(query)  # type: ignore[attr-defined]
        result = self.get(f"/api/v1/query?query={quoted}")["result"]
        return float(result[0]["value"][1]) if result else 0.0  # type: ignore[index]

    def wait_for(self, what: Callable[[], bool], seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, f"firing: {self.firing()}"
            time.sleep(0.5)

    def sees(self, alert: str, seconds: float = 60.0) -> None:
        self.wait_for(lambda: alert in self.firing(), seconds)

    def is_quiet(self, seconds: float = 90.0) -> None:
        """Wait until nothing fires any more."""
        self.wait_for(lambda: not self.firing(), seconds)


@contextmanager
def prometheus(folder: Path, ports: Mapping[str, int]) -> Iterator[Prometheus]:
    """Run Prometheus with the rules, on these programs."""
    (folder / "alerts.yml").write_text(hastened(_RULES.read_text()))
    targets = [{"targets": [f"127.0.0.1:{port}"], "labels": {"program": name}} for name, port in ports.items()]
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "market-data", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        watching = Prometheus(port)
        try:
            until = time.monotonic() + 30
            while True:
                try:
                    watching.get("/api/v1/alerts")
                    break
                except OSError:
                    assert time.monotonic() < until, (folder / "prometheus.log").read_text()[-2000:]
                    time.sleep(0.2)
            yield watching
        finally:
            process.terminate()
            process.wait(20)


def forge_a_hole(brokers: str) -> None:
    """Write an instrument's last record once more, with a number that leaves some out."""
    reader = Consumer({"bootstrap.servers": brokers, "group.id": "forger", "enable.auto.commit": False})
    try:
        for partition in reader.list_topics(_TOPIC, 10).topics[_TOPIC].partitions:
            _, end = reader.get_watermark_offsets(TopicPartition(_TOPIC, partition), 10)
            if end:
                reader.assign([TopicPartition(_TOPIC, partition, end - 1)])
                last = reader.poll(20)
                assert last is not None
                record = json.loads(last.value())
                record["publish_seq"] += 1_000_000
                writer = Producer({"bootstrap.servers": brokers})
                writer.produce(_TOPIC, json.dumps(record), last.key(), partition, headers=last.headers())
                writer.flush(20)
                return
    finally:
        reader.close()
    pytest.fail("the topic is empty")


@contextmanager
def stopped(program: Running) -> Iterator[None]:
    """Hold a process up."""
    program.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        program.process.send_signal(signal.SIGCONT)


def options_of(broker: ProcessBroker, settings_file: str, topic: str = _TOPIC) -> list[str]:
    settings = {
        "kafka.brokers": broker.brokers,
        "kafka.topics.books": topic,
        "kafka.partitions": 3,
        "kafka.max_in_flight_records": 200,
        "outbox.max_records": 1000,
        "book.audit_seconds": 2,
        "book.connection_silence_seconds": 3,
        "transport.connect_timeout_seconds": 2,
        "reconnect.max_backoff_seconds": 2,
    }
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return ["--env", "sandbox", "--config", settings_file, *sets]


def test_each_alert_fires_with_its_fault_and_clears_after_it(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("produce", "consume", "second", "late")}
    (tmp_path / "faults.yaml").write_text(
        "- {at: 45, venue: binance, fault: refuse, only: rest, status: 500, seconds: 60}\n"
    )
    with (
        process_broker(tmp_path / "broker") as broker,
        sandbox(tmp_path, "--no-broker", "--faults", str(tmp_path / "faults.yaml")) as world,
        prometheus(tmp_path, {name: ports[name] for name in ("produce", "consume")}) as watching,
    ):
        options = options_of(broker, world.settings_file)
        with (
            running(
                "produce", *options, "--set", f"metrics.listen=127.0.0.1:{ports['produce']}", folder=tmp_path
            ) as producer,
            running(
                "consume", *options, "--set", f"metrics.consume_listen=127.0.0.1:{ports['consume']}", folder=tmp_path
            ) as consumer,
        ):
            consumer.wait_for_out("BTC-USDT", seconds=60)
            watching.is_quiet()

            watching.sees("NoAudit", 150)
            watching.is_quiet(180)

            with stopped(world.command):
                watching.sees("BookNotLive")
                watching.sees("NoConnection")
            watching.is_quiet()

            broker.command("pause")
            for alert in ("BrokerStalled", "ConsumerCutOff", "OutboxFilling"):
                watching.sees(alert, 90)
            broker.command("resume")
            watching.is_quiet(120)

            for _ in range(6):
                with stopped(producer):
                    time.sleep(0.6)
                time.sleep(0.3)
            watching.sees("EventLoopStalls")
            watching.is_quiet(120)

            with running("produce", *options, "--instruments", "binance:BTC-USDT", folder=tmp_path) as second:
                watching.sees("ForeignRun", 90)
                second.end()
            watching.is_quiet(120)

            # until here all was in order, and the numbers of both ends agree with the topic's own
            counted = watching.value("sum(market_data_consumer_records_total)")
            assert counted > 0
            assert watching.value("sum(market_data_consumer_holes_total)") == 0

            forge_a_hole(broker.brokers)
            watching.sees("OrderNotProven")
            consumer.end()
            watching.sees("ProgramDown")
            assert producer.end().status == 0
        verified = run("verify", *options, "--json", folder=tmp_path, seconds=60)
        reports = [json.loads(line) for line in verified.out.splitlines()]
        assert verified.status == 1
        assert sum(bool(each["holes"]) for each in reports) == 1


def test_what_prometheus_has_scraped_under_faults_is_what_verify_counts_from_the_topic(tmp_path: Path) -> None:
    """For as long as OBSERVE_SECONDS says."""
    ports = {name: free_port() for name in ("produce", "consume")}
    with (
        process_broker(tmp_path / "broker") as broker,
        sandbox(tmp_path, "--no-broker", "--venues", "all", "--faults", "mixed") as world,
        prometheus(tmp_path, ports) as watching,
    ):
        options = options_of(broker, world.settings_file)
        listen = f"metrics.consume_listen=127.0.0.1:{ports['consume']}"
        arguments = (*options, "--from", "earliest", "--set", listen)
        with (
            running(
                "produce", *options, "--set", f"metrics.listen=127.0.0.1:{ports['produce']}", folder=tmp_path
            ) as producer,
            running("consume", *arguments, folder=tmp_path) as consumer,
        ):
            consumer.wait_for_out("BTC-USDT", seconds=60)
            time.sleep(_SCRAPED_SECONDS)
            assert producer.end().status == 0
            verified = run("verify", *options, "--json", folder=tmp_path, seconds=60)
            reports = [json.loads(line) for line in verified.out.splitlines()]
            records = sum(each["records"] for each in reports)
            scraped = "sum(market_data_consumer_records_total)"
            watching.wait_for(lambda: watching.value(scraped) == records)
            assert watching.value("sum(market_data_consumer_holes_total)") == sum(each["holes"] for each in reports)
            epochs = "sum(max_over_time(market_data_book_epochs_total[1h]))"
            last_scraped = watching.value("sum(max_over_time(market_data_book_records_total[1h]))")
            assert records * 0.9 - 200 < last_scraped <= records, "the last second's are scraped no more"
            assert watching.value(epochs) <= sum(each["epochs"] for each in reports)
            consumer.end()


def test_a_book_that_differs_from_the_exchanges_own_is_told(tmp_path: Path) -> None:
    port, faults = free_port(), tmp_path / "faults.yaml"
    faults.write_text("".join(f"- {{at: {at}, venue: binance, fault: wrong_side}}\n" for at in range(30, 60, 3)))
    with (
        sandbox(tmp_path, "--venues", "binance", "--faults", str(faults)) as world,
        prometheus(tmp_path, {"produce": port}) as watching,
    ):
        sets = ("--set", f"metrics.listen=127.0.0.1:{port}", "--set", "book.audit_seconds=2")
        with running("produce", *world.options(), *sets, folder=tmp_path) as producer:
            watching.is_quiet()
            watching.sees("BookRefuted", 120)
            watching.is_quiet(120)
            assert producer.end().status == 0


@pytest.mark.skipif(not can_limit(), reason="the broker's tool came without what sets quotas")
def test_a_reader_that_falls_behind_is_told_until_it_has_caught_up(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("produce", "consume")}
    with (
        process_broker(tmp_path / "broker") as broker,
        sandbox(tmp_path, "--no-broker") as world,
        prometheus(tmp_path, ports) as watching,
    ):
        options = options_of(broker, world.settings_file)
        listens = {
            "produce": f"metrics.listen=127.0.0.1:{ports['produce']}",
            "consume": f"metrics.consume_listen=127.0.0.1:{ports['consume']}",
        }
        with (
            running("produce", *options, "--set", listens["produce"], folder=tmp_path) as producer,
            running("consume", *options, "--set", listens["consume"], folder=tmp_path) as consumer,
        ):
            consumer.wait_for_out("BTC-USDT", seconds=60)
            watching.is_quiet()
            broker.limit_readers(5_000)
            watching.sees("ConsumerBehind", 120)
            assert watching.value("sum(market_data_consumer_holes_total)") == 0
            broker.limit_readers(None)
            watching.is_quiet(120)
            consumer.end()
            producer.end()


def test_a_clock_that_is_off_is_told_either_way(tmp_path: Path) -> None:
    for ahead in (-20, 20):
        folder = tmp_path / str(ahead)
        folder.mkdir()
        port = free_port()
        with sandbox(folder, "--clock-offset", str(ahead)) as world, prometheus(folder, {"produce": port}) as watching:
            listen = ("--set", f"metrics.listen=127.0.0.1:{port}")
            with running("produce", *world.options(), *listen, folder=folder) as producer:
                watching.sees("ClockOff", 90)
                producer.end()

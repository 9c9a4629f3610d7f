"""Metrics and health of the program as it is run: what they add up to, what they say in trouble, and bad addresses."""

import json
import re
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import attrs
import httpx
import pytest
from confluent_kafka import Producer as Client
from tests.support.asking import Asked
from tests.support.network import FakeTelemetry
from tests.support.programs import Sandbox, run, running, sandbox
from tests.support.records import EARLIER_RUN, record
from tests.support.scraping import Scrape

from market_data.adapters.kafka.records import HEADERS, encode
from market_data.adapters.telemetry.listener import HttpListener
from market_data.application import metrics
from market_data.application.health import ProducerHealth
from market_data.application.metrics import CATALOGUE, MOST_INSTRUMENTS, OTHER, Program
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.normalized import BookStatus, NormalizedBook
from market_data.reader import read_books

pytestmark = pytest.mark.timeout(180)

LISTEN = ("--set", "metrics.listen=127.0.0.1:0", "--set", "metrics.consume_listen=127.0.0.1:0")
FAULTS = """
- {every: 1, venue: binance, instrument: BTC-USDT, fault: drop}
- {every: 2, venue: coinbase, fault: close}
- {at: 1.5, venue: binance, fault: snapshot_status, status: 500}
"""
GONE = ("--set", "book.connection_silence_seconds=2", "--set", "transport.ping_interval_seconds=1")


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run exchanges that lose frames and connections."""
    folder = tmp_path_factory.mktemp("troubled")
    script = folder / "faults.yaml"
    script.write_text(FAULTS)
    with sandbox(folder, "--faults", str(script)) as world:
        yield world


def gaps_of(books: list[NormalizedBook]) -> Counter[str]:
    """Count by key how often the records enter a gap."""
    gaps: Counter[str] = Counter()
    last: dict[str, BookStatus] = {}
    for book in books:
        gaps[book.key] += book.status is BookStatus.GAP and last.get(book.key) is not BookStatus.GAP
        last[book.key] = book.status
    return gaps


@pytest.mark.anyio
async def test_the_sums_of_the_metrics_are_what_verify_counts_from_the_topic(
    troubled: Sandbox, topic: str, tmp_path: Path
) -> None:
    chosen = (f"kafka.topics.books={topic}",)
    settings = load_settings("sandbox", [Path(troubled.settings_file)], chosen, environ={}, folder=tmp_path).settings
    container, told, stop = Container(settings=settings), FakeTelemetry(), anyio.Event()
    producer, measures = container.producer(), container.measures()
    listener = HttpListener("127.0.0.1", 0, "metrics.listen", measures, told)
    async with listener.open(ProducerHealth(producer, container.clock())):
        address = told.notes[0][1]["address"]
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(producer.run, stop)
            with anyio.fail_after(90):
                while True:
                    scrape = Scrape.read((await client.get(f"{address}/metrics")).text)
                    if scrape.sum(metrics.BOOK_GAPS) >= 3 and scrape.sum(metrics.BOOK_RECOVERY) >= 3:
                        break
                    await anyio.sleep(0.1)
            stop.set()
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            scrape = Scrape.read((await client.get(f"{address}/metrics")).text)
    proven = await anyio.to_thread.run_sync(lambda: run("verify", *troubled.options(topic), "--json", folder=tmp_path))
    reports = [json.loads(line) for line in proven.out.splitlines()]
    assert proven.status == 0
    assert len(reports) == 4
    for report in reports:
        assert scrape.sum(metrics.BOOK_RECORDS, instrument=report["instrument"]) == report["records"]
        assert scrape.sum(metrics.BOOK_EPOCHS, instrument=report["instrument"]) == report["epochs"]
    total = sum(report["records"] for report in reports)
    assert scrape.sum(metrics.KAFKA_ACKNOWLEDGED) == scrape.sum(metrics.BOOK_RECORDS) == total > 50
    assert scrape.sum(metrics.OUTBOX_CONFLATED) == sum(report["conflated"] for report in reports)
    assert scrape.sum(metrics.OUTBOX_RECORDS) == scrape.sum(metrics.KAFKA_IN_FLIGHT) == 0
    async with read_books(troubled.brokers, topic=topic, start="earliest", until="latest") as books:
        gaps = gaps_of([book async for book in books])
    assert {key: scrape.sum(metrics.BOOK_GAPS, instrument=key) for key in gaps} == dict(gaps)
    assert sum(gaps.values()) >= 3
    assert scrape.sum(metrics.RECONNECTS, exchange="coinbase") >= 1
    assert scrape.sum(metrics.BOOK_STATUS, status="disconnected") == 4
    assert scrape.sum(metrics.CONNECTIONS) == 0


def strange(count: int) -> list[tuple[bytes, bytes]]:
    """Make records of as many instruments, holes, doubles and strange bytes among them, keys and values."""
    books = [record(0, exchange=f"x{number % 7}", symbol=f"S{number}-USD") for number in range(count)]
    books += [record(number) for number in (0, 1, 5, 6, 6, 3)]
    books += [record(0, run=EARLIER_RUN), record(7)]
    messages = [(book.key.encode(), encode(book)) for book in books]
    return [*messages, *((f"x:junk{number}".encode(), b"no book") for number in range(2000))]


def put(brokers: str, topic: str, messages: list[tuple[bytes, bytes]]) -> None:
    client = Client({"bootstrap.servers": brokers, "queue.buffering.max.messages": 100_000})
    for key, value in messages:
        client.produce(topic, value, key, headers=HEADERS)
    assert client.flush(60) == 0


def test_ten_thousand_strange_keys_leave_the_labels_of_a_consumer_bounded_and_its_sums_as_verify_counts_them(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    put(world.brokers, topic, strange(10_000))
    with running("consume", *world.options(topic), *LISTEN, "--from", "earliest", folder=tmp_path) as consumer:
        asked = Asked.of(consumer)
        asked.wait_until(lambda: asked.scrape().sum(metrics.CONSUMER_RECORDS) == 10_008)
        asked.wait_until(lambda: asked.scrape().sum(metrics.CONSUMER_UNREADABLE) == 2000)
        scrape = asked.scrape()
        assert consumer.end().status == 0
    reports = [
        json.loads(line) for line in run("verify", *world.options(topic), "--json", folder=tmp_path).out.splitlines()
    ]
    for name, metric in (
        ("records", metrics.CONSUMER_RECORDS),
        ("holes", metrics.CONSUMER_HOLES),
        ("doubles", metrics.CONSUMER_DOUBLES),
        ("disorder", metrics.CONSUMER_DISORDER),
    ):
        assert scrape.sum(metric) == sum(report[name] for report in reports) > 0
        (btc,) = (report for report in reports if report["instrument"] == "binance:BTC-USDT")
        assert scrape.sum(metric, instrument="binance:BTC-USDT") == btc[name]
        assert len(scrape.labels(metric)) <= MOST_INSTRUMENTS + 20
        assert scrape.sum(metric, instrument=OTHER) >= 0
    assert scrape.sum(metrics.CONSUMER_FOREIGN, instrument="binance:BTC-USDT") == 1
    assert len(scrape.labels(metrics.CONSUMER_UNREADABLE)) <= 4
    assert len(scrape.series) < 6 * MOST_INSTRUMENTS


def test_every_metric_is_in_a_scrape_and_every_one_that_is_ours_is_in_the_catalogue(
    troubled: Sandbox, topic: str, tmp_path: Path
) -> None:
    options = (*troubled.options(topic), *LISTEN)
    put(troubled.brokers, topic, [(b"x:y", b"no book")])
    with (
        running("produce", *options, folder=tmp_path) as producer,
        running("consume", *options, "--from", "earliest", folder=tmp_path) as consumer,
    ):
        asked = {Program.PRODUCE: Asked.of(producer), Program.CONSUME: Asked.of(consumer)}
        for program, of in asked.items():
            wanted = [metric for metric in CATALOGUE if metric.program in (program, Program.BOTH)]
            of.wait_until(lambda of=of, wanted=wanted: all(of.scrape().has(metric) for metric in wanted))
            ours = {name for name in of.scrape().kinds if name.startswith("market_data_")}
            assert ours == {metric.name.removesuffix("_total") for metric in wanted}
        info = asked[Program.PRODUCE].scrape().labels(metrics.INFO)
        assert [each["program"] for each in info] == ["produce"]
        assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}", info[0]["run"])
        assert producer.end().status == 0
        assert consumer.end().status == 0


def told_of(log: list[str], message: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log if line.startswith("{")]
    return [line for line in lines if line["message"] == message]


def test_the_log_says_what_runs_sums_it_up_and_ends_with_a_total_that_is_the_topics(
    world: Sandbox, topic: str, tmp_path: Path
) -> None:
    options = (*world.options(topic), "--set", "log.summary_seconds=1", "--set", "kafka.client_id=mine")
    with running("produce", *options, "--shard", "1/1", folder=tmp_path) as producer:
        producer.wait_for(lambda: sum("summary" in line for line in producer.err) >= 2)
        ended = producer.end()
    (begun,) = told_of(producer.err, "producing")
    assert (begun["shard"], begun["client_id"], begun["count"]) == ("1/1", "mine", 4)
    assert begun.keys() >= {"version", "run", "engine", "event_loop", "instruments"}
    assert "coinbase:ETH-USD" in str(begun["instruments"])
    summaries = told_of(producer.err, "summary")
    (total,) = told_of(producer.err, "total")
    assert all(summary["books"] == 4 for summary in summaries)
    assert int(str(total["records"])) > sum(int(str(summary["records"])) for summary in summaries)
    reports = [
        json.loads(line) for line in run("verify", *world.options(topic), "--json", folder=tmp_path).out.splitlines()
    ]
    assert total["records"] == sum(report["records"] for report in reports)
    assert ended.status == 0
    with running("consume", *options, "--from", "earliest", folder=tmp_path) as consumer:
        consumer.wait_for(lambda: any(each["records"] == total["records"] for each in told_of(consumer.err, "summary")))
        consumer.end()
    assert told_of(consumer.err, "total")[0]["records"] == total["records"]
    assert told_of(consumer.err, "consuming")[0]["client_id"] == "mine"


def test_a_broker_that_hangs_makes_both_unready_until_it_is_back(world: Sandbox, tmp_path: Path) -> None:
    with sandbox(tmp_path, "--venues", "bitstamp") as broker:
        options = (*world.options(), "--set", f"kafka.brokers={broker.brokers}", *LISTEN)
        with (
            running("produce", *options, folder=tmp_path) as producer,
            running("consume", *options, folder=tmp_path) as consumer,
        ):
            asked, reader = Asked.of(producer), Asked.of(consumer)
            asked.wait_for_status(200)
            reader.wait_for_status(200)
            broker.command.process.send_signal(signal.SIGSTOP)
            said = asked.wait_for_status(503).json()
            assert said["broker"]["problem"] == "does not acknowledge"
            assert said["broker"]["undelivered"] > 0
            assert "not_live" not in said
            assert asked.get("/healthz").status_code == 200
            assert asked.scrape().sum(metrics.KAFKA_STALLED_SECONDS) >= 5
            assert asked.scrape().sum(metrics.KAFKA_STALLS) == 1
            assert reader.wait_for_status(503).json()["broker"]["problem"] == "broker unreachable"
            assert reader.scrape().sum(metrics.CONSUMER_TROUBLE) > 0
            told = run("health", "--url", f"{asked.address}/readyz", folder=tmp_path)
            assert (told.status, told.out) == (1, "")
            assert re.fullmatch(r"http://127.*/readyz says 503: .*does not acknowledge.*", told.err)
            broker.command.process.send_signal(signal.SIGCONT)
            asked.wait_for_status(200)
            reader.wait_for_status(200)
            assert asked.scrape().sum(metrics.KAFKA_STALLED_SECONDS) == 0
            assert producer.end().status == 0
            assert consumer.end().status == 0


def test_venues_that_are_cut_off_make_it_unready_and_named_until_they_are_back(tmp_path: Path) -> None:
    with sandbox(tmp_path) as venues, sandbox(tmp_path, "--venues", "bitstamp") as broker:
        options = (*venues.options(), "--set", f"kafka.brokers={broker.brokers}", *LISTEN, *GONE)
        with running("produce", *options, folder=tmp_path) as producer:
            asked = Asked.of(producer)
            asked.wait_for_status(200)
            well = run("health", "--url", f"{asked.address}/readyz", folder=tmp_path)
            assert (well.status, len(well.out.splitlines())) == (0, 1)
            venues.command.process.send_signal(signal.SIGSTOP)
            asked.wait_until(lambda: len(asked.get("/readyz").json().get("not_live", ())) == 4)
            said = asked.get("/readyz")
            assert said.status_code == 503
            told = {each["instrument"]: each for each in said.json()["not_live"]}
            assert set(told) == {"binance:BTC-USDT", "binance:ETH-USDT", "coinbase:BTC-USD", "coinbase:ETH-USD"}
            assert all(each["reason"] and each["since"] for each in told.values())
            assert asked.scrape().sum(metrics.BOOK_STATUS, status="live") == 0
            venues.command.process.send_signal(signal.SIGCONT)
            asked.wait_for_status(200)
            scrape = asked.scrape()
            assert scrape.sum(metrics.BOOK_STATUS, status="live") == 4
            assert scrape.sum(metrics.BOOK_RECOVERY) >= 4
            assert producer.end().status == 0


@attrs.frozen
class Taken:
    command: str
    setting: str


@pytest.mark.parametrize(
    "of", [Taken("produce", "metrics.listen"), Taken("consume", "metrics.consume_listen")], ids=str
)
def test_an_address_that_is_taken_is_one_line_with_status_1_and_nothing_is_published(
    of: Taken, world: Sandbox, topic: str, tmp_path: Path
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        ended = run(of.command, *world.options(topic), "--set", f"{of.setting}={address}", folder=tmp_path)
    assert ended.status == 1
    (line,) = (line for line in ended.err.splitlines() if not line.startswith("{"))
    assert line == (
        f"metrics and health cannot be offered at {address}: address already in use. Each program of a machine needs "
        f"an address of its own: set {of.setting} to another one, or to null for none"
    )
    assert "Traceback" not in ended.err
    assert run("verify", *world.options(topic), folder=tmp_path).status == 1, "there is no such topic"


def test_health_says_what_to_set_where_nothing_listens_and_where_nobody_answers(tmp_path: Path) -> None:
    unset = run("health", folder=tmp_path)
    assert (unset.status, unset.out) == (2, "")
    assert unset.err == "produce cannot be asked: set metrics.listen to host:port, for both, or give --url"
    reader = run("health", "consume", folder=tmp_path)
    assert (reader.status, "metrics.consume_listen" in reader.err) == (2, True)
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        alone = run("health", "--set", f"metrics.listen={address}", folder=tmp_path)
    assert (alone.status, alone.out, len(alone.err.splitlines())) == (1, "", 1)
    assert alone.err.startswith(f"http://{address}/readyz gives no answer: ")
    assert alone.err.endswith("Is produce running?")
    wrong = run("health", "--url", "nonsense", folder=tmp_path)
    assert (wrong.status, len(wrong.err.splitlines())) == (1, 1)


def test_who_listens_everywhere_is_asked_here(tmp_path: Path) -> None:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        ended = run("health", "--set", f"metrics.listen=0.0.0.0:{port}", folder=tmp_path)
    assert ended.err.startswith(f"http://127.0.0.1:{port}/readyz gives no answer")

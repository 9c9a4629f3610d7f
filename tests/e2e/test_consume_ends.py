"""A consumer that ends by itself: at a time, after so many records, after so long; and what it says of bad values."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from tests.support.programs import Sandbox, run

pytestmark = pytest.mark.timeout(60)

SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT", "DOT-USDT")
GOLDEN = Path(__file__).parents[1] / "unit" / "kafka" / "golden" / "v2" / "live.json"


def write(world: Sandbox, topic: str, records: int = 20) -> None:
    """Publish so many records of each of some instruments, in whatever partitions they fall into."""
    producer = Producer({"bootstrap.servers": world.brokers})
    book = json.loads(GOLDEN.read_bytes())
    for seq in range(records):
        for symbol in SYMBOLS:
            value = json.dumps({**book, "symbol": symbol, "publish_seq": seq})
            producer.produce(topic, value, key=f"{book['exchange']}:{symbol}")
    assert producer.flush(20) == 0


def test_until_latest_all_that_was_there_is_shown_and_then_it_ends(world: Sandbox, topic: str, tmp_path: Path) -> None:
    write(world, topic)
    options = (*world.options(topic), "--from", "earliest", "--until", "latest", "--view", "json", "--depth", "2")
    ended = run("consume", *options, folder=tmp_path)
    assert ended.status == 0
    shown = [json.loads(line) for line in ended.out.splitlines()]
    assert sorted((book["symbol"], book["publish_seq"]) for book in shown) == sorted(
        (symbol, seq) for symbol in SYMBOLS for seq in range(20)
    )
    golden = json.loads(GOLDEN.read_bytes())
    for book in shown:
        assert (book["bids"], book["asks"]) == (golden["bids"][:2], golden["asks"][:2])
        assert (book["run"], book["conflated"], book["status"]) == (golden["run"], golden["conflated"], "live")


def test_an_end_before_the_first_record_is_reached_at_once(world: Sandbox, topic: str, tmp_path: Path) -> None:
    write(world, topic, 1)
    options = (*world.options(topic), "--from", "earliest", "--until", "2001-01-01T00:00:00Z", "--view", "json")
    ended = run("consume", *options, folder=tmp_path)
    assert (ended.status, ended.out) == (0, "")


def test_so_many_records_are_shown_and_no_more(world: Sandbox, topic: str, tmp_path: Path) -> None:
    write(world, topic)
    options = (*world.options(topic), "--from", "earliest", "--count", "7", "--view", "json")
    ended = run("consume", *options, folder=tmp_path)
    assert ended.status == 0
    assert len(ended.out.splitlines()) == 7
    assert "order proven" in ended.err


def test_it_ends_after_so_long(world: Sandbox, topic: str, tmp_path: Path) -> None:
    write(world, topic, 1)
    ended = run("consume", *world.options(topic), "--seconds", "1", "--view", "lines", folder=tmp_path)
    assert ended.status == 0
    lines = [line.split() for line in ended.out.splitlines() if not line.endswith(" UTC")]
    assert {symbol for _, _, symbol, *_ in lines} == set(SYMBOLS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--count", "0"), "--count: expected a whole number from 1, received '0'"),
        (("--count", "many"), "--count: expected a whole number from 1, received 'many'"),
        (("--view", "json", "--depth", "-1"), "--depth: expected a whole number from 0, received '-1'"),
        (("--view", "lines", "--depth", "5"), "--depth: levels are shown by --view json alone"),
        (("--seconds", "0"), "--seconds: expected a time above 0 such as 30s, 5m or 1h, received '0'"),
        (("--until", "earliest"), "--until: expected latest, an ISO time or a span such as -15m, received 'earliest'"),
        (("--from", "-5m", "--until", "-10m"), "--until: expected a time after --from ("),
        (("--group", "a", "--until", "latest"), "--until: a group shares the reading"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_bad_value_is_one_line_that_says_what_was_expected(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    ended = run("consume", *options, folder=tmp_path)
    assert (ended.status, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert ended.err.startswith(said)

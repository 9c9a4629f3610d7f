"""How a book is proven, as it reaches a person and a program."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from tests.support.programs import Sandbox, running

from market_data import NormalizedBook, iter_books

pytestmark = pytest.mark.timeout(60)


def _write_proofs(world: Sandbox, topic: str) -> None:
    """Publish one record of each kind of proof, and one of schema 1, that is, by sequence."""
    records = Path(__file__).parents[1] / "unit" / "kafka" / "golden"
    producer = Producer({"bootstrap.servers": world.brokers})
    for name in ("v1/live_one_sided", "v2/live", "v2/live_by_checksum", "v2/live_unproven"):
        value = (records / f"{name}.json").read_bytes()
        book = json.loads(value)
        producer.produce(topic, value, key=f"{book['exchange']}:{book['symbol']}")
    assert producer.flush(20) == 0


@pytest.mark.parametrize("chosen", [["--proven-only"], ["--set", "market.proven_only=true"]], ids=["option", "setting"])
def test_consume_shows_how_books_are_proven_and_leaves_out_the_others_where_asked(
    chosen: list[str], world: Sandbox, topic: str, tmp_path: Path
) -> None:
    _write_proofs(world, topic)
    options = ("consume", *world.options(topic), "--from", "earliest", "--view", "json")
    with running(*options, folder=tmp_path) as consumer:
        for exchange in ("binance", "kraken", "bitstamp", "coinbase"):
            consumer.wait_for_out(exchange)
        shown = {book["exchange"]: (book["proof"], book["proven_levels"]) for book in map(json.loads, consumer.out)}
        consumer.end()
    assert shown == {
        "binance": ("sequence", None),
        "coinbase": ("sequence", None),
        "kraken": ("checksum", 2),
        "bitstamp": ("none", 0),
    }
    with running(*options, *chosen, folder=tmp_path) as consumer:
        for exchange in ("binance", "kraken", "coinbase"):
            consumer.wait_for_out(exchange)
        ended = consumer.end()
    assert "bitstamp" not in ended.out


def test_a_program_that_asks_for_proven_books_alone_gets_no_level_beyond_the_proof(world: Sandbox, topic: str) -> None:
    _write_proofs(world, topic)

    def read(*overrides: str, proven_only: bool | None = None) -> dict[str, NormalizedBook]:
        with iter_books(
            world.brokers,
            topic=topic,
            start="earliest",
            until="latest",
            proven_only=proven_only,
            overrides=["kafka.consumer.fetch_wait_milliseconds=20", *overrides],
        ) as books:
            return {book.exchange: book for book in books}

    everything = read()
    assert {exchange: len(book.asks) for exchange, book in everything.items()} == {
        "binance": 3,
        "coinbase": 0,
        "kraken": 3,
        "bitstamp": 3,
    }
    for proven in (read(proven_only=True), read("market.proven_only=true")):
        assert {exchange: len(book.asks) for exchange, book in proven.items()} == {
            "binance": 3,
            "coinbase": 0,
            "kraken": 2,
        }
    assert read("market.proven_only=true", proven_only=False).keys() == everything.keys()

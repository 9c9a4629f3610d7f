"""Running an example as its reader would, and records for it to read."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer
from tests.support.processes import ROOT
from tests.support.programs import Ended, Running, environment

from market_data import NormalizedBook
from market_data.adapters.kafka.records import HEADERS, encode

__all__ = ["EXAMPLES", "KEYS", "ended", "publish", "started"]

EXAMPLES = ROOT / "examples"
KEYS = {"binance:BTC-USDT", "binance:ETH-USDT", "coinbase:BTC-USD", "coinbase:ETH-USD"}


@contextmanager
def started(*command: str | Path, folder: Path = EXAMPLES, **environ: str) -> Iterator[Running]:
    """Run an example; it is killed at the end if it still runs."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(**environ),
    ) as process:
        program = Running(process)
        program.listen()
        try:
            yield program
        finally:
            process.kill()


def ended(*command: str | Path, folder: Path = EXAMPLES, seconds: float = 50, **environ: str) -> Ended:
    """Run an example to its end."""
    with started(*command, folder=folder, **environ) as program:
        return program.end(None, seconds)


def publish(brokers: str, topic: str, *books: NormalizedBook) -> None:
    """Write records as a producer would, all into one partition."""
    producer = Producer({"bootstrap.servers": brokers, "log_level": 3})
    for book in books:
        producer.produce(topic, encode(book), book.key, partition=0, headers=HEADERS)
    assert producer.flush(10) == 0

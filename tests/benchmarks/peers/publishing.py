"""CPU time a record from socket to broker beside cryptofeed: ``python -m tests.benchmarks.peers.publishing PYTHON``.

PYTHON has cryptofeed and aiokafka; ``nox -s bench_peers_kafka`` makes it.
"""

import argparse
import json
import subprocess
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import attrs
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.benchmarks.end_to_end import HERE, INSTRUMENTS, Launch, Producing, Program, Variant, results, take_turns
from tests.benchmarks.engines import book_engines
from tests.benchmarks.results import Effort, Result, command
from tests.support.brokers import missing

__all__ = ["FEEDS", "WAYS", "Cryptofeed", "main", "ours"]

WAYS = {"top": "top 20", "changes": "changes only"}
"""What it publishes: a whole top 20 at every change, as we do; or what costs it least, and is its default."""
FEEDS = {
    "turnover": "43 in a hundred are removed, as many are new and the others change their sizes, near the best and far "
    "from it as in the recorded frames, of which 48 are removed and 40 new",
    "sizes": "none is new and none removed, all change their sizes only, as in tests.benchmarks.end_to_end",
}
"""What a frame does."""
_BURST = 10_000
_PATIENCE_SECONDS = 30
_WORKER = Path(__file__).with_name("publish_with_cryptofeed.py")
_DEPTH = 20
_METHOD = """Whole programs, each a process of its own pinned to one core (the last; all share it, and one at a time has
work): ours is python -m app produce, cryptofeed is its FeedHandler with its Binance feed and its BookKafka, changed in
nothing but addresses (no TLS for any), in an environment of its own with the versions that the notes say. Each follows
the same 20 instruments of its own copy of one venue on loopback (tests.benchmarks.feed: frames of 46 levels written
ahead, each changes the best bid; books of about 1,000 levels a side; of a frame's levels {feed}) over a real WebSocket,
and publishes to topics of its own on one real broker (Apache Kafka, one node): ours one topic of 12 partitions,
cryptofeed, by its design, one topic an instrument. Both on uvloop (cryptofeed's default). Ours publishes with acks=all,
idempotent, lz4; cryptofeed with its own defaults (acks=1, neither idempotent nor compressed), which cost it least. "top
20" (max_depth=20, snapshots_only=True) is what compares: like ours, one record with the best 20 levels of both sides at
every change, though in floats. "changes only" is its sink as it comes: the changed levels, no book but one after every
1,000 changes of an instrument. Rates are open loops, each event at its own moment, evenly; saturation is 10,000 events
as fast as they are taken. CPU is what the operating system counts for the process until the last record is in its
topic, records by the topics' end offsets. Latency is the broker's time of a record less the venue's time of its event,
both in whole ms."""


@attrs.frozen
class Cryptofeed:
    """cryptofeed with its own sink."""

    python: Path
    way: str
    version: str

    @property
    def name(self) -> str:
        """Say version and way."""
        return f"cryptofeed {self.version}, {WAYS[self.way]}"

    @property
    def topics(self) -> list[str]:
        """Name its topics as it does."""
        return [f"{self.way}-BINANCE-{each}" for each in INSTRUMENTS]

    @property
    def partitions(self) -> Sequence[TopicPartition]:
        """Give the one partition of each topic."""
        return [TopicPartition(topic, 0) for topic in self.topics]

    def launch(self, port: int, brokers: str, folder: Path) -> Launch:
        """Make its topics, which it leaves to the broker, with the broker's time in them as in ours."""
        admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
        broker_time = {"message.timestamp.type": "LogAppendTime"}
        made = admin.create_topics([NewTopic(topic, 1, 1, config=broker_time) for topic in self.topics])
        for future in made.values():
            future.result()
        worker = (f"{_WORKER}", f"{port}", brokers, self.way, self.way)
        return Launch([f"{self.python}", *worker, *INSTRUMENTS], folder)

    def begin(self, producing: Producing) -> None:
        """Send events: it fetches a book when the first one comes, and nothing is counted yet."""
        if not producing.order(f"wait {_PATIENCE_SECONDS}"):
            raise SystemExit(f"{self.name} does not follow the feed\n{producing.log.read_text()[-2000:]}")
        producing.order("rate 100 2")

    def sent(self, value: bytes) -> tuple[str, float] | None:
        """Read a record.

        Raises:
            ValueError: it is not what this way is said to publish.
        """
        record = json.loads(value)
        if self.way == "changes":
            return (record["symbol"], record["timestamp"] * 1000) if "delta" in record else None
        levels = {side: len(record["book"][side]) for side in ("bid", "ask")}
        if set(levels.values()) != {_DEPTH}:
            raise ValueError(f"expected the best {_DEPTH} levels of both sides, received {levels}")
        return record["symbol"], record["timestamp"] * 1000


def ours() -> list[Variant]:
    """Give ours on each engine that is here, the native one, which the others are held against, first."""
    return [
        Variant(f"ours, {engine} engine, uvloop", HERE, (f"book.engine={engine}", "event_loop=uvloop"))
        for engine in sorted(book_engines())
    ]


def _versions(python: Path) -> dict[str, str]:
    """Say what is installed there.

    Raises:
        SystemExit: something is missing.
    """
    names = ("cryptofeed", "aiokafka", "websockets", "aiohttp", "order-book", "yapic.json", "uvloop")
    code = f"import json; from importlib.metadata import version; print(json.dumps({{n: version(n) for n in {names}}}))"
    asked = [f"{python}", "-c", code]
    try:
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise SystemExit(f"{python} does not have cryptofeed and aiokafka ({why}): nox -s bench_peers_kafka") from None
    said: dict[str, str] = json.loads(done.stdout)
    return said


def measure(python: Path, ways: Sequence[str], feeds: Sequence[str], effort: Effort) -> Iterable[Result]:
    """Let ours and cryptofeed take turns at each load of each feed."""
    versions = _versions(python)
    programs: list[Program] = [*ours(), *(Cryptofeed(python, way, versions["cryptofeed"]) for way in ways)]
    installed = "cryptofeed's environment: " + ", ".join(f"{name} {version}" for name, version in versions.items())
    for feed in feeds:
        about, name, title = FEEDS[feed], f"peers_end_to_end_{feed}", f"End to end beside cryptofeed, {feed}"
        for load, found in take_turns(programs, effort, _BURST, turnover=feed == "turnover").items():
            result = results(load, found, name=name, title=title, method=_METHOD.format(feed=about))
            yield attrs.evolve(result, notes=[*result.notes, installed])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    name = "peers.publishing"
    parser = argparse.ArgumentParser(prog=f"python -m tests.benchmarks.{name}", add_help=False, allow_abbrev=False)
    parser.add_argument("python", type=Path)
    parser.add_argument("--way", action="append", choices=WAYS, help="what cryptofeed publishes (default: both)")
    parser.add_argument("--feed", action="append", choices=FEEDS, help="what its frames do (default: each)")
    chosen, others = parser.parse_known_args(arguments)
    if what := missing():
        print(f"skipped: needs {what}")
        return 0
    asked = partial(measure, chosen.python.absolute(), chosen.way or list(WAYS), chosen.feed or list(FEEDS))
    return command(name, asked, others)


if __name__ == "__main__":
    raise SystemExit(main())

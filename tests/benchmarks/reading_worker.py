"""Reads a file of records as programs do, with the code of any tree of this project: ``TREE FILE``.

It stands alone but for that tree. For each line of stdin that names a way, it reads all records once and says the
CPU seconds.
"""

import gc
import importlib
import inspect
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
from aiokafka.structs import ConsumerRecord

BATCH = 500
"""Records taken at a time."""


class Topic:
    """The records as aiokafka would give them, in place of its consumer: each batch is made just before it is read."""

    topic = "books"
    assigned = frozenset({0})
    last_answer_ms = 0

    def __init__(self, file: Path, headers: Sequence[tuple[str, bytes]], begin: int) -> None:
        self._lines = file.read_bytes().splitlines(keepends=True)
        self.count = len(self._lines)
        named = map(json.loads, self._lines)
        self._keys = [f"{each['exchange']}:{each['symbol']}".encode() for each in named]
        self._headers = tuple(headers)
        self._begin = begin
        self._at = 0
        self.seconds = 0.0
        """CPU time that making them took."""

    def rewind(self) -> None:
        self._at, self.seconds = 0, 0.0

    async def take(self, **_: object) -> Mapping[int, Sequence[Any]]:
        if self._at == self.count:
            await anyio.sleep(0.001)
            return {}
        started = time.process_time()
        batch = [self._record(offset) for offset in range(self._at, min(self._at + BATCH, self.count))]
        self._at += len(batch)
        self.seconds += time.process_time() - started
        return {0: batch}

    def _record(self, offset: int) -> Any:
        at, value = self._begin + offset * 100, self._lines[offset][:-1]
        headers = (*self._headers, ("published_at", b"%d" % at))
        return ConsumerRecord("books", 0, offset, at // 1000, 1, self._keys[offset], value, None, 0, 0, headers)

    def watch(self, _: object) -> None: ...

    def assign(self, _: object) -> None: ...

    def seek(self, *_: object) -> None: ...

    async def beginnings(self, partitions: Sequence[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)

    ends = beginnings

    async def position(self, _: int) -> int:
        return 0


class Tree:
    """The reading side of one tree's program."""

    def __init__(self, source: Path) -> None:
        sys.path.insert(0, str(source))
        self._package = "market_data" if (source / "market_data").is_dir() else "app"
        self.headers = self._of("adapters.kafka.records").HEADERS

    def _of(self, module: str) -> Any:
        found = importlib.import_module(f"{self._package}.{module}")
        assert Path(str(found.__file__)).is_relative_to(sys.path[0])
        return found

    @asynccontextmanager
    async def subscribed(self, topic: Topic) -> AsyncIterator[Any]:
        cluster = self._of("adapters.kafka.client").KafkaCluster("127.0.0.1:1")
        subscription = self._of("adapters.kafka.subscription").KafkaSubscription(
            cluster,
            topic,
            self._of("application.ports").Start("earliest"),
            Silent(),
            is_member=False,
            max_poll_records=BATCH,
            warm_records=0,
        )
        await subscription.begin([0])
        yield subscription

    def clock(self) -> Any:
        moment = self._of("domain.moment").Moment
        return SimpleNamespace(now=lambda: moment(time.time_ns() // 1000, time.monotonic()))

    async def verify(self, topic: Topic) -> None:
        module, application = self._of("application.verify"), self._of("application.probe")
        report = application.TopicReport({0: 0}, {0: topic.count})
        probe = SimpleNamespace(look=lambda: _given(report))
        subscriber = SimpleNamespace(open=lambda *_: self.subscribed(topic))
        takes_clock = "clock" in inspect.signature(module.Verification).parameters  # older trees do not
        clocks = {"clock": self.clock()} if takes_clock else {}
        verification = module.Verification(subscriber, probe, "books", 15.0, **clocks)
        reports = await verification.run(module.VerifyRequest(_Start("earliest"), None, None), anyio.Event())
        assert all(each.is_proven for each in reports)
        assert sum(each.records for each in reports) == topic.count

    async def read(self, topic: Topic, look: Callable[[Any], object]) -> None:
        proven, reader = self._of("application.proven"), self._of("reader")
        async with self.subscribed(topic) as subscription:
            reading = proven.ProvenSubscription(subscription, None, Silent())
            books = reader.Books(reading, self._of("domain.market").Market(15.0, 6), self.clock())
            read = 0
            async for book in books:
                look(book)
                read += 1
                if read == topic.count:
                    break
            assert books.proof.is_proven

    async def consume(self, topic: Topic) -> None:
        module, stop = self._of("application.consume"), anyio.Event()
        display = Display(topic.count, stop)
        market, subscriber = self._of("domain.market").Market(15.0, 6), _Opening(lambda: self.subscribed(topic))
        consumer = module.Consumer(
            subscriber, market, display, self.clock(), Silent(), source="books", refresh_seconds=0.25
        )
        await consumer.run(module.ConsumeRequest(_Start("earliest"), None, None), stop)
        assert consumer.reading.proof.is_proven
        assert len(market.quotes()) == len(consumer.reading.proof.keys)


class _Start:
    def __init__(self, at: str) -> None:
        self.at = at


class _Opening:
    def __init__(self, opened: Callable[[], object]) -> None:
        self._opened = opened

    def open(self, *_: object) -> object:
        return self._opened()


class Silent:
    """Telemetry that says nothing."""

    def note(self, *_: object, **__: object) -> None: ...

    warn = count = observe = watch = note


class Display:
    """A table that is looked at by nobody."""

    def __init__(self, count: int, stop: anyio.Event) -> None:
        self._count = count
        self._stop = stop

    def open(self, *_: object) -> Any:
        """Be opened with or without ``async``: other versions are measured, too."""
        return nullcontext()

    def show(self, _: object, __: object, reading: Any) -> None:
        if reading.records == self._count:
            self._stop.set()

    def refresh(self, *_: object) -> None: ...


async def _given(report: object) -> object:
    return report


def _unseen(_: object) -> None: ...


def _best(book: Any) -> object:
    return (book.bids[0], book.asks[0]) if book.is_live else None


def _levels(book: Any) -> object:
    return [price for side in (book.bids, book.asks) for price, _ in side]


def ways(tree: Tree) -> Mapping[str, Callable[[Topic], Awaitable[None]]]:
    """Name the ways to read."""
    return {
        "verify": tree.verify,
        "unseen": lambda topic: tree.read(topic, _unseen),
        "best": lambda topic: tree.read(topic, _best),
        "levels": lambda topic: tree.read(topic, _levels),
        "consume": tree.consume,
    }


def main() -> None:
    """Do as told until there is no more."""
    tree = Tree(Path(sys.argv[1]) / "src")
    topic = Topic(Path(sys.argv[2]), tree.headers, 1_723_075_200_000_000)
    found = ways(tree)
    print(json.dumps({"ways": dict.fromkeys(found, "")}), flush=True)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        topic.rewind()
        gc.collect()
        started = time.process_time()
        anyio.run(found[line.strip()], topic)
        print(json.dumps({"seconds": time.process_time() - started - topic.seconds}), flush=True)


if __name__ == "__main__":
    main()

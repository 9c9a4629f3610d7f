"""What lies on a topic, and all that shows or proves it; and what a broker says of the topic itself."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
from tests.fuzz.readers import Read, Reader, event_loop, of_function
from tests.support.network import FakeTelemetry
from tests.support.records import EARLIER_RUN, LATER_RUN, record
from tests.unit.kafka.test_kafka_subscription import FakeConsumer, FakeMessage
from tests.unit.kafka.test_kafka_topics import TOPIC, FakeAdmin

from market_data.adapters.console.lines import JsonDisplay, LinesDisplay
from market_data.adapters.console.terminal.analysis import draw_analysis
from market_data.adapters.console.terminal.happenings import draw_event
from market_data.adapters.console.terminal.header import draw_header
from market_data.adapters.console.terminal.ladderview import LadderView
from market_data.adapters.console.terminal.scene import Scene
from market_data.adapters.console.terminal.watching import WatchView
from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.records import HEADERS, decode, encode
from market_data.adapters.kafka.stamps import stamp
from market_data.adapters.kafka.subscription import KafkaSubscription
from market_data.adapters.kafka.topics import make_or_check
from market_data.application.ports import Reading, Start
from market_data.application.proven import ProvenSubscription
from market_data.domain.across import Across
from market_data.domain.errors import BrokerError, MalformedRecord
from market_data.domain.history import KeyHistory
from market_data.domain.market import Market
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, Proof, Reason
from market_data.domain.watch import Watch

__all__ = ["READERS"]

_NOW = Moment(wall=1_723_075_201_000_000, mono=100.0)
_LEVELS = tuple((f"{60000 + level}.12000000", f"0.{level:08d}") for level in range(20))


def _values() -> list[bytes]:
    gap = record(18, status=BookStatus.GAP, reason=Reason.SEQUENCE)
    books = [
        *(record(17), record(17, bids=_LEVELS, asks=_LEVELS), record(0, bids=()), record(1, exchange="coinbase")),
        *(gap, record(19, status=BookStatus.DISCONNECTED, reason=Reason.SHUTDOWN), record(2, run=LATER_RUN)),
        *(record(3, run=EARLIER_RUN, conflated=4), record(5, symbol="币安人生-USDT")),
        attrs.evolve(record(6, exchange="kraken"), proof=Proof.CHECKSUM, proven_levels=10),
        attrs.evolve(record(7, exchange="bitstamp"), proof=Proof.NONE, proven_levels=0),
        attrs.evolve(record(8), schema_version=1),
    ]
    return [*map(encode, books), b"\n".join(map(encode, (record(17), gap, record(20, run=LATER_RUN))))]


def _decode(value: bytes) -> None:
    book = decode(value)
    numbers = (book.sequence or 0, book.epoch, book.publish_seq, book.conflated, book.status_since, book.schema_version)
    assert all(-(2**63) <= number < 2**63 for number in numbers), "a number of more than 64 bits was taken"
    assert decode(encode(book)) == book


@contextmanager
def _consuming() -> Iterator[Read]:
    with event_loop() as run:
        yield lambda content: run(_consume([FakeMessage(0, value=None), *_messages(content.split(b"\n"))]))


@contextmanager
def _consuming_keys() -> Iterator[Read]:
    value = encode(record(17))
    with event_loop() as run:
        yield lambda key: run(_consume([FakeMessage(0, key, b"{"), FakeMessage(1, key, value, _NOW.wall // 1000)]))


@contextmanager
def _consuming_headers() -> Iterator[Read]:
    value = encode(record(17))

    def headers_of(content: bytes) -> tuple[tuple[str, bytes | None], ...]:
        lines = (line.partition(b"=") for line in content.split(b"\n"))
        return tuple((name.decode("utf-8", "replace"), text if sign else None) for name, sign, text in lines)

    with event_loop() as run:
        yield lambda content: run(_consume([FakeMessage(0, None, value, _NOW.wall // 1000, headers_of(content))]))


def _messages(values: Sequence[bytes]) -> list[FakeMessage]:
    return [
        FakeMessage(offset, _key_of(value), value, _NOW.wall // 1000) for offset, value in enumerate(values, start=1)
    ]


def _key_of(value: bytes) -> bytes:
    try:
        return decode(value).key.encode()
    except MalformedRecord:
        return b"binance:BTC-USDT"


_A_LINE = re.compile(r"\d{4}-\d\d-\d\d UTC|(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{3}  \S.*", re.ASCII)
"""A date, or what a record says."""


async def _consume(messages: Sequence[FakeMessage]) -> None:
    """Do what the commands do with records: prove, show in each view, tell how the market was over time."""
    consumer, telemetry = FakeConsumer(), FakeTelemetry()
    consumer.given.append({0: messages})
    subscription = KafkaSubscription(
        KafkaCluster("127.0.0.1:1"),
        consumer,
        Start("earliest"),
        telemetry,
        is_member=False,
        max_poll_records=100,
        warm_records=0,
    )
    await subscription.begin([0, 1])
    proven = ProvenSubscription(subscription, None, telemetry)
    market, reading = Market(15.0, 6), Reading("books at 127.0.0.1:1", proven.proof, _NOW, now=_NOW)
    stream, objects = io.StringIO(), io.StringIO()
    screen = Scene("market", market, reading, Watch(15.0), Across(15.0))
    delivered = await proven.receive()
    quotes = [quote for quote, _ in proven.take(delivered, market, _NOW)]
    for display in (LinesDisplay(stream), JsonDisplay(objects)):
        display.show(quotes, market, reading)
    screen.watch.take(quotes)
    screen.across.take(quotes)
    drawn = _drawn(screen)
    later = attrs.evolve(_NOW, mono=_NOW.mono + 100.0)
    screen.watch.take(proven.pass_time(market, later)[1])
    drawn += _drawn(screen)
    history = KeyHistory(15_000_000)
    for each in delivered:
        history.add(each.book, each.timestamp)
    assert history.live_share is None or 0 <= history.live_share <= 1
    *lines, rest = stream.getvalue().split("\n")
    assert all(map(_A_LINE.fullmatch, lines)), "a record took more than a line"
    said = [line for line in lines if not line.endswith(" UTC")]
    assert len({quote.book.key for quote in quotes}) <= len(said) <= len(quotes), "a record said nothing, or too much"
    assert len(lines) <= 2 * len(said), "a date without a line"
    json_lines = objects.getvalue().split("\n")
    assert len(json_lines) == len(quotes) + 1, "a record took more than a line of JSON"
    assert all(map(str.isprintable, (*lines, rest, *json_lines, *drawn))), "what cannot be printed was shown"


def _drawn(screen: Scene) -> list[str]:
    """Draw all views of the screen, each instrument's book among them."""
    view = WatchView(screen)
    view.update(20)
    lines = [*draw_header(screen, view.notes, 80), *view.draw(0, 80, 20), view.titles]
    for quote in screen.market.quotes():
        ladder = LadderView(screen, quote.book.key, cursor=1)
        for by in (0, 1):
            ladder.regroup(by)
            lines += ladder.draw(60, 30)
        lines += draw_analysis(screen, quote, 100_000, 40, 40)
    lines += [draw_event(event, screen) for event in screen.watch.events]
    return ["".join(segment.text for segment in line) for line in lines]


def _headers() -> list[bytes]:
    headers = [*HEADERS, stamp(_NOW.wall)]
    whole = b"\n".join(name.encode() + b"=" + value for name, value in headers)
    return [whole, b"published_at=1723075200131007", b"published_at\nschema=x", b""]


def _configurations() -> list[bytes]:
    settings = {name: value for name, (value, _) in TOPIC.configuration.items()}
    return ["\n".join(f"{name}={value}" for name, value in settings.items()).encode(), b"max.message.bytes=", b""]


@contextmanager
def _checking() -> Iterator[Read]:
    async def check(content: bytes) -> None:
        lines = (line.partition("=") for line in content.decode("utf-8", "replace").split("\n"))
        admin = FakeAdmin(partitions=TOPIC.partitions, config={name: value for name, _, value in lines})
        await make_or_check(admin, TOPIC, FakeTelemetry(), 0.5)

    with event_loop() as run:
        yield lambda content: run(check(content))


READERS: Sequence[Reader] = (
    of_function("record", _decode, _values, MalformedRecord, tokens=(b"live", b"gap", b"sequence", b"2024")),
    Reader("record shown", _consuming, _values, short=150),
    Reader(
        "record key", _consuming_keys, lambda: [b"binance:BTC-USDT", "binance:币安人生-USDT".encode(), b""], short=100
    ),
    Reader("record headers", _consuming_headers, _headers, tokens=(b"published_at=", b"=", b"\n"), short=100),
    Reader(
        "topic configuration", _checking, _configurations, (BrokerError,), (b"max.message.bytes=", b"\n"), short=300
    ),
)

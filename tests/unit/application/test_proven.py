"""Reading with the proof checked: what one record costs, what is told of many, and what is kept of them."""

import anyio
import attrs
import pytest
from tests.support.bounds import HandClock
from tests.support.network import FakeTelemetry
from tests.support.operations import operations
from tests.support.reading import FakeSubscriber
from tests.support.records import EARLIER_RUN, LATER_RUN, record

from market_data.application.ports import Delivered
from market_data.application.proven import ProvenSubscription
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason
from market_data.domain.proof import OrderProof

STALE_AFTER = 15.0


@attrs.define
class Bench:
    """A reader of many instruments in memory, fed by hand."""

    market: Market = attrs.field(factory=lambda: Market(STALE_AFTER, 6))
    proof: OrderProof = attrs.field(factory=OrderProof)
    subscriber: FakeSubscriber = attrs.field(factory=FakeSubscriber)
    telemetry: FakeTelemetry = attrs.field(factory=FakeTelemetry)
    clock: HandClock = attrs.field(factory=HandClock)
    reader: ProvenSubscription = attrs.field(init=False)
    shown: int = 0

    def __attrs_post_init__(self) -> None:
        self.reader = ProvenSubscription(self.subscriber, None, self.telemetry, self.proof)

    def read(self, *delivered: Delivered) -> None:
        """Do with some records what ``read_books`` does after each receive."""
        self.subscriber.waiting.extend(delivered)
        received = anyio.run(self.reader.receive)
        self.use(received)

    def use(self, received: list[Delivered]) -> None:
        """Take what was received, and let time pass."""
        now = self.clock.now()
        self.shown += len(self.reader.take(received, self.market, now))
        self.reader.pass_time(self.market, now)


def symbol(number: int) -> str:
    return f"A{number:05d}-USD"


def _of_many(keys: int, *, is_past: bool) -> Bench:
    bench = Bench()
    if is_past:
        bench.subscriber.behind_now = frozenset({0})
    bench.read(
        *(
            Delivered(record(0, symbol=symbol(number)), 0, number, bench.clock.now().wall, 1, is_past=is_past)
            for number in range(keys)
        )
    )
    return bench


@pytest.mark.parametrize("is_past", [False, True], ids=["new", "of before reading began"])
def test_one_record_costs_the_same_however_many_instruments_there_are(*, is_past: bool) -> None:
    costs = []
    for keys in (10, 3000):
        bench = _of_many(keys, is_past=is_past)
        now = bench.clock.advance(1)
        each = Delivered(record(1, symbol=symbol(5)), 0, keys, now.wall, 1, is_past=is_past)
        costs.append(operations(lambda bench=bench, each=each: bench.use([each])))  # type: ignore[misc]
        assert bench.shown == keys + 1
    assert costs[0] == costs[1]


def test_looking_for_silence_costs_the_same_however_many_instruments_speak() -> None:
    costs = []
    for keys in (10, 3000):
        bench = _of_many(keys, is_past=False)
        now = bench.clock.advance(1)
        costs.append(operations(lambda bench=bench, now=now: bench.reader.pass_time(bench.market, now)))  # type: ignore[misc]
    assert costs[0] == costs[1]


def test_each_instrument_is_looked_at_once_in_the_time_that_it_may_be_silent() -> None:
    keys, bench = 300, _of_many(300, is_past=False)
    spent = 0
    for second in range(1, 31):  # two bounds of silence
        now = bench.clock.advance(1)
        spoken = [
            Delivered(record(second, symbol=symbol(number)), 0, second * keys + number, now.wall, 1)
            for number in range(keys)
        ]
        bench.reader.take(spoken, bench.market, now)
        spent += operations(lambda now=now: bench.reader.pass_time(bench.market, now))  # type: ignore[misc]
    assert spent < 2 * 2 * keys * 100, "twice by two clocks, some dozens of instructions each"
    assert not any(not quote.is_live for quote in bench.market.quotes())


def test_what_was_behind_is_stale_once_all_of_before_was_read() -> None:
    bench = Bench()
    bench.subscriber.behind_now = frozenset({0})
    hour_ago = bench.clock.now().wall - 3_600_000_000
    bench.read(Delivered(record(0), 0, 0, hour_ago, 1, is_past=True))
    assert [quote.status for quote in bench.market.quotes()] == [BookStatus.LIVE]
    bench.subscriber.behind_now = frozenset()
    bench.read()
    assert [(quote.status, quote.reason) for quote in bench.market.quotes()] == [(BookStatus.STALE, Reason.SILENCE)]


def test_a_flood_of_another_producers_records_is_one_line_with_a_count() -> None:
    bench = _of_many(300, is_past=False)
    wall = bench.clock.now().wall
    bench.read(
        *(
            Delivered(record(seq, run=EARLIER_RUN, symbol=symbol(number)), 0, 300 + 300 * seq + number, wall, 1)
            for seq in range(3)
            for number in range(300)
        )
    )
    ((message, fields),) = bench.telemetry.warnings
    assert message == "another producer still publishes this instrument"
    assert fields == {
        "run": EARLIER_RUN,
        "instruments": "binance:A00000-USD, binance:A00001-USD, binance:A00002-USD and 297 more",
        "records": 900,
    }
    assert (bench.proof.foreign, bench.proof.keys["binance:A00007-USD"].foreign, bench.shown) == (900, 3, 300)


def test_a_few_instruments_of_another_producer_are_all_named() -> None:
    bench = _of_many(3, is_past=False)
    wall = bench.clock.now().wall
    others = (record(0, run=EARLIER_RUN, symbol=symbol(number)) for number in range(3))
    bench.read(*(Delivered(other, 0, 3 + number, wall, 1) for number, other in enumerate(others)))
    ((_, fields),) = bench.telemetry.warnings
    assert fields["instruments"] == "binance:A00000-USD, binance:A00001-USD, binance:A00002-USD"


def test_going_back_to_an_older_producer_is_told_once_and_counted() -> None:
    bench = Bench()
    wall = bench.clock.now().wall
    goodbye = {"status": BookStatus.DISCONNECTED, "reason": Reason.SHUTDOWN}
    books = [
        *(record(seq, run=EARLIER_RUN) for seq in range(2)),
        *(record(0, run=LATER_RUN), record(1, run=LATER_RUN, **goodbye)),  # type: ignore[arg-type]
        *(record(seq, run=EARLIER_RUN) for seq in range(2, 9)),
    ]
    bench.read(*(Delivered(book, 0, offset, wall, 1) for offset, book in enumerate(books)))
    assert [message for message, _ in bench.telemetry.warnings] == [
        "the newer producer has ended or is silent, following the older one again"
    ]
    (key,) = bench.proof.keys.values()
    assert (key.returns, bench.proof.returns, key.foreign, key.is_proven) == (1, 1, 0, True)
    assert [quote.book.publish_seq for quote in bench.market.quotes()] == [8]


def test_the_memory_of_instruments_is_bounded_and_it_is_said_once() -> None:
    bench = Bench(market=Market(STALE_AFTER, 6, most_keys=50), proof=OrderProof(most_keys=50))
    for number in range(500):
        wall = bench.clock.advance(0.01).wall
        bench.read(
            Delivered(record(number, symbol="OWN-USD"), 0, 2 * number, wall, 1),
            Delivered(record(0, symbol=symbol(number)), 0, 2 * number + 1, wall, 1),
        )
    assert len(bench.market.quotes()) == len(bench.proof.keys) == 50
    assert "binance:OWN-USD" in bench.proof.keys, "what speaks is not forgotten"
    assert (bench.proof.is_proven, bench.proof.forgotten, bench.market.forgotten) == (True, 451, 451)
    assert [message for message, _ in bench.telemetry.warnings] == [
        "more instruments than are kept in mind, forgetting those not heard of for longest"
    ]
    assert len(bench.market._by_mono) <= 200


def _by_checksum(seq: int) -> NormalizedBook:
    levels = (("100", "1"), ("99", "1"), ("98", "1"))
    book = record(seq, exchange="kraken", symbol="BTC-USD", bids=levels, asks=(("101", "1"),))
    return attrs.evolve(book, proof=Proof.CHECKSUM, proven_levels=2)


def _unproven(seq: int) -> NormalizedBook:
    return attrs.evolve(record(seq, exchange="bitstamp", symbol="BTC-USD"), proof=Proof.NONE, proven_levels=0)


def _delivered(*books: NormalizedBook) -> list[Delivered]:
    return [Delivered(book, 0, offset, 0, 1) for offset, book in enumerate(books)]


def test_proven_only_leaves_out_books_of_which_nothing_is_proven_and_levels_that_no_checksum_covers() -> None:
    bench = Bench()
    bench.reader = ProvenSubscription(bench.subscriber, None, bench.telemetry, bench.proof, proven_only=True)
    bench.read(*_delivered(record(0), _unproven(0), _by_checksum(0), _unproven(1), record(1)))
    assert [quote.book.exchange for quote in bench.market.quotes()] == ["kraken", "binance"]
    kraken = bench.market.quotes()[0].book
    assert (kraken.bids, kraken.asks) == ((("100", "1"), ("99", "1")), (("101", "1"),))
    assert (kraken.proof, kraken.proven_levels) == (Proof.CHECKSUM, 2)
    assert bench.proof.foreign == 0
    assert bench.proof.keys["bitstamp:BTC-USD"].records == 2, "the order is proven of all"


def test_the_order_of_what_proven_only_leaves_out_is_proven_too() -> None:
    bench = Bench()
    bench.reader = ProvenSubscription(bench.subscriber, None, bench.telemetry, bench.proof, proven_only=True)
    bench.read(*_delivered(_unproven(0), _unproven(2)))
    assert (bench.proof.holes, bench.market.quotes()) == (1, [])


def test_without_proven_only_all_is_handed_out_as_it_is() -> None:
    bench = Bench()
    bench.read(*_delivered(_unproven(0), _by_checksum(0)))
    assert [(len(quote.book.bids), quote.book.proof) for quote in bench.market.quotes()] == [
        (1, Proof.NONE),
        (3, Proof.CHECKSUM),
    ]

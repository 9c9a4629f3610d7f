"""Runs of ``verify`` in virtual time: the topic in memory."""

from collections.abc import Mapping

import anyio
import attrs
import pytest
from tests.support.reading import FakeSubscriber
from tests.support.records import LATER_RUN, record
from tests.support.virtual import VIRTUAL_TIME

from market_data.application.ports import Start
from market_data.application.probe import TopicProbe, TopicReport
from market_data.application.verify import KeyReport, Verification, VerifyRequest
from market_data.domain.errors import BrokerError
from market_data.domain.normalized import BookStatus, Proof, Reason

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@attrs.frozen
class FakeProbe(TopicProbe):
    """Says what the test says."""

    beginnings: Mapping[int, int]
    ends: Mapping[int, int]

    async def look(self) -> TopicReport:
        return TopicReport(self.beginnings, self.ends)

    async def ends_at(self, time: int) -> Mapping[int, int]:
        raise NotImplementedError(time)


async def _verify(
    subscriber: FakeSubscriber, end: int, *, beginning: int = 0, start: str = "earliest", keys: list[str] | None = None
) -> list[KeyReport]:
    job = Verification(subscriber, FakeProbe({0: beginning}, {0: end}), "books", stale_after_seconds=15)
    return await job.run(VerifyRequest(Start(start), None, keys), anyio.Event())


async def test_it_ends_where_the_topic_ended_when_it_began() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(publish_seq=0), record(publish_seq=1))
    (report,) = await _verify(subscriber, end=2)
    assert (report.records, report.verdict, report.is_proven) == (2, "proven", True)


@pytest.mark.parametrize("proof", Proof)
async def test_it_says_how_a_book_is_proven_beside_what_its_order_shows(proof: Proof) -> None:
    subscriber = FakeSubscriber()
    levels = 0 if proof is Proof.NONE else None
    subscriber.deliver(record(publish_seq=0), attrs.evolve(record(publish_seq=1), proof=proof, proven_levels=levels))
    report, other = await _verify(subscriber, end=2, keys=["binance:BTC-USDT", "binance:ETH-USDT"])
    assert (report.proof, report.verdict) == (proof, "proven")
    assert other.proof is None


async def test_a_broker_that_stops_to_answer_proves_nothing() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(publish_seq=0), record(publish_seq=1))
    began = anyio.current_time()
    with pytest.raises(BrokerError, match="gave nothing for 60 s, and 3 records before its end were not read"):
        await _verify(subscriber, end=5)
    assert anyio.current_time() - began == pytest.approx(61, abs=1)


async def test_a_pause_of_the_broker_is_waited_for() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(publish_seq=0))
    reports: list[KeyReport] = []

    async def verify() -> None:
        reports.extend(await _verify(subscriber, end=3))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(verify)
        await anyio.sleep(40)
        subscriber.deliver(record(publish_seq=2))
        await anyio.sleep(40)
        subscriber.deliver(record(publish_seq=3))
    assert [(report.records, report.holes) for report in reports] == [(3, 1)]


async def test_of_an_instrument_without_a_record_nothing_is_proven() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(publish_seq=0))
    key = record().key
    seen, unseen = sorted(
        await _verify(subscriber, end=1, keys=[key, "nowhere:BTC-USD"]), key=lambda report: report.records, reverse=True
    )
    assert (seen.instrument, seen.verdict) == (key, "proven")
    assert (unseen.instrument, unseen.verdict, unseen.is_proven) == ("nowhere:BTC-USD", "no record", False)


async def test_what_can_not_be_read_is_not_explained_and_its_instrument_is_named() -> None:
    subscriber = FakeSubscriber(unreadable={"coinbase:BTC-USD": 50, "?": 1})
    subscriber.deliver(record(publish_seq=0))
    said = {each.instrument: (each.records, each.verdict, each.is_proven) for each in await _verify(subscriber, end=1)}
    assert said == {
        "?": (0, "1 unreadable", False),
        "binance:BTC-USDT": (1, "proven", True),
        "coinbase:BTC-USD": (0, "50 unreadable", False),
    }


@pytest.mark.parametrize(
    ("beginning", "start", "holes"),
    [(0, "earliest", 2), (7, "earliest", 0), (0, "latest", 0)],
    ids=["the topic from its first record", "older records were deleted", "not from the first record"],
)
async def test_what_is_missing_before_the_first_record_is_missing_where_it_must_be_there(
    beginning: int, start: str, holes: int
) -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(publish_seq=2), offset=beginning)
    (report,) = await _verify(subscriber, end=beginning + 1, beginning=beginning, start=start)
    assert report.holes == holes


async def test_more_instruments_than_are_kept_in_mind_are_told_and_not_called_proven() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(*(record(seq, symbol=f"A{number}-USD") for number in range(5) for seq in range(2)))
    job = Verification(subscriber, FakeProbe({0: 0}, {0: 10}), "books", stale_after_seconds=15, most_keys=3)
    *known, others = await job.run(VerifyRequest(Start("earliest"), None, None), anyio.Event())
    assert [(report.instrument, report.verdict) for report in known] == [
        (f"binance:A{number}-USD", "proven") for number in (2, 3, 4)
    ]
    assert (others.instrument, others.forgotten, others.is_proven) == ("others", 2, False)
    assert others.verdict == "2 forgotten: name those wanted by --instruments"


async def test_an_older_producer_that_goes_on_after_a_stray_one_counts_as_live_again() -> None:
    subscriber = FakeSubscriber()
    goodbye = record(1, run=LATER_RUN, status=BookStatus.DISCONNECTED, reason=Reason.SHUTDOWN)
    subscriber.deliver(record(0), record(0, run=LATER_RUN), record(1), goodbye, record(2), record(3))
    (report,) = await _verify(subscriber, end=6)
    assert (report.verdict, report.runs, report.epochs) == ("proven, 1 foreign run", 2, 3)

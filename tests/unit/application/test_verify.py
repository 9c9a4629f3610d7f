"""Runs of ``verify`` in virtual time: the topic in memory."""

from collections.abc import Mapping

import anyio
import attrs
import pytest
from tests.support.bounds import HandClock
from tests.support.reading import FakeSubscriber
from tests.support.records import EARLIER_RUN, LATER_RUN, record
from tests.support.virtual import VIRTUAL_TIME

from market_data.application.ports import Start
from market_data.application.probe import TopicProbe, TopicReport
from market_data.application.reports import KeyReport, ProducerState, Requirements
from market_data.application.verify import Verification, VerifyRequest
from market_data.domain.errors import BrokerError
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason

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


def _now(seconds: float = 0.0) -> HandClock:
    """Read the clock so long after the records were published, which the fake says was in 1970."""
    return HandClock(Moment(wall=round(seconds * 1e6), mono=100.0))


async def _verify(
    subscriber: FakeSubscriber,
    end: int,
    *,
    beginning: int = 0,
    start: str = "earliest",
    keys: list[str] | None = None,
    after: float = 0.0,
    required: Requirements | None = None,
) -> list[KeyReport]:
    """Verify so many seconds after the last record."""
    probe = FakeProbe({0: beginning}, {0: end})
    job = Verification(subscriber, probe, "books", stale_after_seconds=15, clock=_now(after))
    return await job.run(VerifyRequest(Start(start), None, keys, required or Requirements()), anyio.Event())


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
    job = Verification(
        subscriber, FakeProbe({0: 0}, {0: 10}), "books", stale_after_seconds=15, clock=_now(), most_keys=3
    )
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


GOODBYE = {"status": BookStatus.DISCONNECTED, "reason": Reason.SHUTDOWN}
EPOCH = "1970-01-01 00:00:00 UTC"


@pytest.mark.parametrize(
    ("last", "after", "state", "verdict"),
    [
        pytest.param(record(1), 14, ProducerState.RUNNING, "proven", id="quiet for less than three heartbeats"),
        pytest.param(record(1), 60, ProducerState.SILENT, f"proven, silent since {EPOCH}", id="silent"),
        pytest.param(
            record(1, status=BookStatus.GAP, reason=Reason.SEQUENCE),
            60,
            ProducerState.SILENT,
            f"proven, silent since {EPOCH}",
            id="killed in a gap",
        ),
        pytest.param(record(1, **GOODBYE), 1, ProducerState.ENDED, f"proven, ended at {EPOCH}", id="just ended"),
        pytest.param(record(1, **GOODBYE), 60, ProducerState.ENDED, f"proven, ended at {EPOCH}", id="ended long ago"),
    ],
)
async def test_a_producer_that_ended_or_fell_silent_is_told_and_its_records_stay_proven(
    last: NormalizedBook, after: float, state: ProducerState, verdict: str
) -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(0), last)
    (report,) = await _verify(subscriber, end=2, after=after)
    assert (report.state, report.verdict, report.is_ok) == (state, verdict, True)
    assert (report.last_record_time, report.age_seconds, report.status) == (0, after, last.status)


async def test_a_producer_that_goes_on_after_a_newer_one_ended_is_running() -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(0), record(0, run=LATER_RUN), record(1, run=LATER_RUN, **GOODBYE), record(1))
    (report,) = await _verify(subscriber, end=4)
    assert report.state is ProducerState.RUNNING


@pytest.mark.parametrize(
    ("required", "after", "failures"),
    [
        pytest.param(Requirements(max_age_seconds=30), 30, [], id="as old as it may be"),
        pytest.param(
            Requirements(max_age_seconds=30),
            31.5,
            ["its last record is 31.5 s old, more than 30 s (--max-age)"],
            id="too old",
        ),
        pytest.param(
            Requirements(max_age_seconds=30),
            -3600,
            ["its last record is 3,600.0 s ahead of this machine's clock: set both by NTP (--max-age)"],
            id="dated ahead, so that its age says nothing",
        ),
        pytest.param(Requirements(max_age_seconds=30), -1, [], id="dated a little ahead"),
        pytest.param(
            Requirements(is_alone=True), 0, ["1 foreign run (--no-foreign)"], id="another producer where none may be"
        ),
        pytest.param(Requirements(), 3600, [], id="nothing is required"),
    ],
)
async def test_what_is_required_and_not_so_fails_and_is_named(
    required: Requirements, after: float, failures: list[str]
) -> None:
    subscriber = FakeSubscriber()
    subscriber.deliver(record(0), record(0, run=EARLIER_RUN), record(1))
    (report,) = await _verify(subscriber, end=3, after=after, required=required)
    assert (list(report.failures), report.is_ok, report.is_proven) == (failures, not failures, True)
    assert all(each in report.verdict for each in failures)
    assert report.verdict.count("foreign run") == 1


def _report(share: float | None) -> KeyReport:
    return KeyReport("binance:BTC-USDT", 2, *(0,) * 7, share, 0.0, age_seconds=1.0)


@pytest.mark.parametrize(
    ("required", "share", "said"),
    [
        (0.999, 0.999, None),
        (0.999, 0.998999999, "live for 99.8999% of the time, less than 99.9% (--require-live)"),
        (1.0, 0.99999999, "live for 99.9999% of the time, less than 100% (--require-live)"),
        (0.5, None, "live for an unknown share of the time, less than 50% (--require-live)"),
        (0.0, 0.0, None),
    ],
)
def test_a_share_of_time_live_is_compared_exactly_and_never_rounded_up(
    required: float, share: float | None, said: str | None
) -> None:
    assert Requirements(live_share=required).unmet(_report(share)) == ([] if said is None else [said])


async def test_an_instrument_without_a_record_fails_for_that_alone() -> None:
    required = Requirements(max_age_seconds=1, live_share=0.5, is_alone=True)
    (report,) = await _verify(FakeSubscriber(), end=0, keys=["nowhere:BTC-USD"], required=required)
    assert (list(report.failures), report.state, report.is_ok) == (["no record"], None, False)


async def test_the_age_counts_to_where_the_topic_ended_and_not_to_when_it_was_read_so_far() -> None:
    subscriber, clock = FakeSubscriber(), _now(5)

    async def deliver_late() -> None:
        await anyio.sleep(30)
        clock.advance(30)
        subscriber.deliver(record(0))

    job = Verification(subscriber, FakeProbe({0: 0}, {0: 1}), "books", stale_after_seconds=15, clock=clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deliver_late)
        (report,) = await job.run(VerifyRequest(Start("earliest"), None, None), anyio.Event())
    assert (report.age_seconds, report.state) == (5, ProducerState.RUNNING)


async def test_where_it_reads_for_a_while_the_age_counts_to_the_end_of_that() -> None:
    subscriber, clock = FakeSubscriber(), _now()
    subscriber.deliver(record(0))

    async def pass_time() -> None:
        await anyio.sleep(1)
        clock.advance(20)

    job = Verification(subscriber, FakeProbe({0: 0}, {0: 1}), "books", stale_after_seconds=15, clock=clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pass_time)
        (report,) = await job.run(VerifyRequest(Start("earliest"), 3, None), anyio.Event())
    assert (report.age_seconds, report.state) == (20, ProducerState.SILENT)

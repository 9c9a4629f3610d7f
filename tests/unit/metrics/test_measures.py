"""What is measured is read where it stands; the log's summary says the same."""

import anyio
import pytest
from tests.support.network import FakeTelemetry
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.adapters.telemetry.logs import LogTelemetry
from market_data.application import metrics
from market_data.application.measures import Distribution, Measures
from market_data.application.summary import PRODUCED, Summary

LIVE, GAP = ("binance", "binance:A-B", "live"), ("binance", "binance:A-C", "gap")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def test_what_several_tell_of_one_series_is_added_up() -> None:
    measures = Measures()
    measures.count(metrics.RECONNECTS, ("okx", "silence"), 2)
    measures.watch(lambda: [(metrics.RECONNECTS, ("okx", "silence"), 0), (metrics.RECONNECTS, ("okx", "clock"), 1)])
    assert measures.read() == {metrics.RECONNECTS: {("okx", "silence"): 2, ("okx", "clock"): 1}}


def test_a_value_on_a_bound_is_in_its_bucket_and_one_beyond_all_in_the_last() -> None:
    found = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        found.observe(value)
    assert (found.counts, found.total) == ([2, 2, 1], 14.0)


def test_what_was_read_of_a_histogram_does_not_change() -> None:
    measures = Measures()
    measures.observe(metrics.EVENT_LOOP_LAG, (), 0.2)
    read = measures.read_distributions()[metrics.EVENT_LOOP_LAG][()]
    measures.observe(metrics.EVENT_LOOP_LAG, (), 0.4)
    assert sum(read.counts) == 1


def test_the_greatest_value_is_that_since_it_was_asked_for_last() -> None:
    measures = Measures()
    for value in (0.2, 0.7, 0.1):
        measures.observe(metrics.EVENT_LOOP_LAG, (), value)
    assert [measures.take_most(metrics.EVENT_LOOP_LAG) for _ in range(2)] == [0.7, 0.0]


def test_labels_go_by_their_names_whatever_their_order() -> None:
    measures = Measures()
    telemetry = LogTelemetry(measures)
    telemetry.count(metrics.RECONNECTS, reason="clock", exchange="okx")
    telemetry.observe(metrics.BOOK_RECOVERY, 1.0, exchange="okx")
    assert measures.read() == {metrics.RECONNECTS: {("okx", "clock"): 1}}
    assert list(measures.read_distributions()) == [metrics.BOOK_RECOVERY]


@pytest.mark.anyio
async def test_the_summary_says_how_counters_have_grown_and_how_all_else_is_and_at_last_the_total() -> None:
    measures, telemetry, records = Measures(), FakeTelemetry(), [100.0]
    measures.watch(lambda: [(metrics.BOOK_STATUS, LIVE, 1), (metrics.BOOK_STATUS, GAP, 0)])
    measures.watch(lambda: [(metrics.BOOK_STATUS, (*GAP[:2], "live"), 0), (metrics.BOOK_STATUS, (*GAP[:2], "gap"), 1)])
    measures.watch(lambda: [(metrics.KAFKA_ACKNOWLEDGED, (), records[0]), (metrics.OUTBOX_RECORDS, (), 5)])
    measures.count(metrics.BOOK_COMPARISONS, ("binance", "audit", "same"), 3)
    measures.count(metrics.BOOK_COMPARISONS, ("binance", "audit", "different"), 1)
    measures.count(metrics.BOOK_COMPARISONS, ("binance", "probe", "same"), 9)
    summary = Summary(PRODUCED, measures, LoopClock(), telemetry, 300.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(summary.run)
        await anyio.sleep(301)
        records[0], _ = 160.0, measures.observe(metrics.EVENT_LOOP_LAG, (), 0.25)
        await anyio.sleep(300)
        tasks.cancel_scope.cancel()
    summary.total()
    (first, said), (second, then), (last, total) = telemetry.notes
    assert (first, second, last) == ("summary", "summary", "total")
    assert (said["live"], said["books"], said["records"], said["audits"], said["different"]) == (1, 2, 100, 4, 1)
    assert (said["waiting"], said["event_loop_lag_seconds"]) == (5, 0)
    assert (then["records"], then["audits"], then["waiting"], then["event_loop_lag_seconds"]) == (60, 0, 5, 0.25)
    assert (total["records"], total["audits"], total["seconds"]) == (160, 4, 601.0)


@pytest.mark.anyio
async def test_without_seconds_only_the_total_is_said() -> None:
    telemetry = FakeTelemetry()
    summary = Summary(PRODUCED, Measures(), LoopClock(), telemetry, None)
    await summary.run()
    summary.total()
    assert [message for message, _ in telemetry.notes] == ["total"]

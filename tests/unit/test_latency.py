"""The way of a record, measured: exact sums, signed distributions, and what does not count."""

from collections import deque
from collections.abc import Sequence

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.network import FakeNetwork, FakeTransport
from tests.support.reading import FakeSubscriber
from tests.support.records import record
from tests.support.venues import BINANCE, KRAKEN
from tests.support.virtual import VIRTUAL_TIME, LoopClock

from market_data.adapters.histograms import SignedHistogram
from market_data.application.latency import LatencyMeasurement, VenueLatency
from market_data.application.ports import Delivered, Request
from market_data.application.venue_clock import compare_clocks
from market_data.domain.latency import Hop, passage
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason

DAY = 24 * 3600 * 10**6


@given(
    st.lists(st.integers(-DAY, DAY), min_size=1, max_size=200), st.sampled_from([0.1, 50.0, 90.0, 99.0, 99.9, 100.0])
)
def test_a_percentile_is_the_naive_one_to_three_digits(values: list[int], share: float) -> None:
    histogram = SignedHistogram()
    for value in values:
        histogram.record(value)
    ranked = sorted(values)
    exact = ranked[max(1, -int(-share * len(values) // 100)) - 1]
    assert histogram.count == len(values)
    assert abs(histogram.percentile(share) - exact) <= max(1, abs(exact) / 1000)


def test_without_values_there_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        SignedHistogram().percentile(50)


def test_what_is_further_than_a_day_counts_as_a_day() -> None:
    histogram = SignedHistogram()
    histogram.record(3 * DAY)
    histogram.record(-3 * DAY)
    assert histogram.percentile(100) >= DAY * 0.999
    assert histogram.percentile(1) <= -DAY * 0.999


def book(number: int, event: int | None, received: int, *, is_live: bool = True) -> NormalizedBook:
    state = (BookStatus.LIVE, None) if is_live else (BookStatus.STALE, Reason.SILENCE)
    made = record(number, status=state[0], reason=state[1])
    return attrs.evolve(made, event_time=event, received_time=received)


def test_hops_sum_up_and_none_is_clamped() -> None:
    hops = passage(book(0, 5_000, 3_000), 3_400, 4_000, 4_100)
    assert hops == {Hop.RECEIVED: -2_000, Hop.PUBLISHED: 400, Hop.APPENDED: 600, Hop.SEEN: 700, Hop.WHOLE: -900}
    assert hops[Hop.RECEIVED] + hops[Hop.PUBLISHED] + hops[Hop.SEEN] == hops[Hop.WHOLE]


def test_a_hop_of_which_a_time_is_unknown_is_left_out() -> None:
    assert passage(book(0, None, 3_000), None, 4_000, 4_100) == {}
    assert passage(book(0, None, 3_000), 3_400, 4_000, 4_100).keys() == {Hop.PUBLISHED, Hop.APPENDED, Hop.SEEN}


class Reader(FakeSubscriber):
    """Gives records with their producer's stamps."""

    def hand_out(self, *records: Delivered) -> None:
        self.waiting.extend(records)
        self._changed.set()


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def measure(
    records: Sequence[Delivered], ahead_us: int = 0, keys: Sequence[str] | None = None
) -> list[VenueLatency]:
    clock, reader = LoopClock(), Reader()
    network = FakeNetwork(clock)

    def tell_time(_: Request) -> bytes:
        return b'{"serverTime":%d}' % ((clock.now().wall + ahead_us) // 1000)

    network.answers = {"time": tell_time}
    job = LatencyMeasurement(reader, [BINANCE], FakeTransport(network), clock, SignedHistogram)
    reader.hand_out(*records)
    return await job.run(3.0, keys, anyio.Event())


def delivered(made: NormalizedBook, stamp: int | None, *, is_past: bool = False) -> Delivered:
    return Delivered(made, 0, made.publish_seq, 0, stamp=stamp, is_past=is_past)


@pytest.mark.anyio
async def test_only_live_records_with_news_count() -> None:
    start = LoopClock().now().wall
    records = deque(
        [
            delivered(book(0, start - 900, start - 500), start - 100, is_past=True),
            delivered(book(1, start - 900, start - 500), start - 100),
            delivered(book(2, start - 800, start - 400), start - 100),
            delivered(book(3, start - 800, start - 400), start - 50),
            delivered(book(4, start - 700, start - 300, is_live=False), start - 50),
            delivered(book(5, start - 600, start - 200), None),
        ]
    )
    (measured,) = await measure(records)
    assert measured.exchange == "binance"
    assert {hop: values.count for hop, values in measured.hops.items()} == {
        Hop.RECEIVED: 2,
        Hop.PUBLISHED: 1,
        Hop.APPENDED: 1,
        Hop.SEEN: 1,
        Hop.WHOLE: 2,
    }
    assert measured.hops[Hop.RECEIVED].percentile(100) == 400
    assert measured.hops[Hop.PUBLISHED].percentile(50) == 300


@pytest.mark.anyio
async def test_others_than_those_asked_for_do_not_count() -> None:
    start = LoopClock().now().wall
    records = [delivered(book(number, start, start + number), start) for number in range(3)]
    assert await measure(records, keys=["binance:ETH-USDT"]) == []


@pytest.mark.anyio
@pytest.mark.parametrize("ahead", [2_000_000, -2_000_000, 0])
async def test_a_venues_clock_that_is_off_is_told(ahead: int) -> None:
    start = LoopClock().now().wall
    (measured,) = await measure([delivered(book(n, start, start + n), start) for n in range(2)], ahead)
    assert measured.offset is not None
    assert abs(measured.offset.seconds * 1e6 - ahead) <= 1000
    assert measured.problem is None


@pytest.mark.anyio
async def test_the_fastest_answer_is_the_one_that_counts() -> None:
    clock = LoopClock()
    network = FakeNetwork(clock)
    delays = deque([0.02, 0.3])

    def tell_time(_: Request) -> bytes:
        network.delay_seconds = delays.popleft()
        return b'{"serverTime":%d}' % (clock.now().wall // 1000)

    network.answers, network.delay_seconds = {"time": tell_time}, 0.4
    offset = await compare_clocks(BINANCE, network, clock, tries=2)
    assert offset.doubt_seconds == pytest.approx(0.01, abs=0.002)


@pytest.mark.anyio
async def test_what_a_venue_leaves_open_is_doubt_too() -> None:
    """Kraken tells whole seconds."""
    clock = LoopClock()
    network = FakeNetwork(clock)
    network.answers = {"Time": lambda _: b'{"error":[],"result":{"unixtime":%d}}' % (clock.now().wall // 10**6)}
    offset = await compare_clocks(KRAKEN, network, clock)
    assert 0.5 <= offset.doubt_seconds < 0.6
    assert abs(offset.seconds) <= offset.doubt_seconds

"""The rule of several producers: the greatest run that still speaks is followed, whatever their clocks say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.bounds import HandClock
from tests.support.effort import effort
from tests.support.records import EARLIER_RUN, LATER_RUN, RUN, record

from market_data.domain.following import RunFollower
from market_data.domain.market import Arrival, Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason

SECOND = 1_000_000
STALE_AFTER = 15
KEY = record().key
GONE = BookStatus.DISCONNECTED
OLDER, NEWER = EARLIER_RUN, RUN


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def market() -> Market:
    return Market(stale_after_seconds=STALE_AFTER, digits=6)


def test_an_older_run_that_goes_on_is_shown_again_after_the_newer_ones_shutdown(
    market: Market, clock: HandClock
) -> None:
    market.take(record(7, run=OLDER), clock.now())
    assert market.take(record(0), clock.now()) is not None
    assert market.take(record(8, run=OLDER), clock.advance(1)) is None
    assert market.take(record(1, status=GONE, reason=Reason.SHUTDOWN), clock.advance(1)) is not None
    quote = market.take(record(9, run=OLDER), clock.advance(1))
    assert quote is not None
    assert (quote.book.run, quote.book.publish_seq, quote.is_live) == (OLDER, 9, True)
    assert market.run_of(KEY) == OLDER


def test_an_older_run_that_goes_on_is_shown_again_after_three_heartbeats_of_silence_of_the_newer_one(
    market: Market, clock: HandClock
) -> None:
    market.take(record(7, run=OLDER), clock.now())
    market.take(record(0), clock.now())
    for seq in range(8, 11):
        assert market.take(record(seq, run=OLDER), clock.advance(4.9)) is None
        assert market.expire(clock.now()) == []
    (quote,) = market.expire(clock.advance(0.3))
    assert (quote.status, quote.reason) == (BookStatus.STALE, Reason.SILENCE)
    quoted = market.take(record(11, run=OLDER), clock.now())
    assert quoted is not None
    assert quoted.is_live
    # and back again where the newer one speaks after all
    quoted = market.take(record(1), clock.now())
    assert quoted is not None
    assert (quoted.book.run, market.run_of(KEY)) == (RUN, RUN)
    assert market.take(record(12, run=OLDER), clock.now()) is None


def test_a_run_that_was_read_back_and_is_long_silent_hides_no_other(market: Market, clock: HandClock) -> None:
    now = clock.now()
    market.take(record(70, run=LATER_RUN), now, now.wall - 60 * SECOND, Arrival.READ_BACK)
    market.catch_up([KEY])
    quote = market.take(record(0), now, now.wall)
    assert quote is not None
    assert quote.book.run == RUN


def test_what_a_run_that_is_not_followed_says_last_is_no_news(market: Market, clock: HandClock) -> None:
    market.take(record(0, run=LATER_RUN, status=GONE, reason=Reason.SHUTDOWN), clock.now())
    assert market.take(record(3, status=GONE, reason=Reason.SHUTDOWN), clock.now()) is None
    market.take(record(0, run=OLDER), clock.now())
    assert market.take(record(4, status=GONE, reason=Reason.SHUTDOWN), clock.now()) is None
    assert market.run_of(KEY) == OLDER


def test_an_old_number_again_proves_no_life_of_its_run() -> None:
    follower = RunFollower(STALE_AFTER * SECOND)
    follower.take(record(0, run=OLDER), 0)
    follower.take(record(5), 0)
    follower.take(record(6, status=GONE, reason=Reason.SHUTDOWN), 0)
    assert not follower.take(record(5), 0)
    assert follower.take(record(1, run=OLDER), 0)


def test_what_the_clock_of_one_run_has_shown_of_a_greater_one_holds_for_all() -> None:
    follower = RunFollower(STALE_AFTER * SECOND)
    for run in (OLDER, NEWER, LATER_RUN):
        follower.take(record(0, run=run), 0)
    follower.take(record(1, run=OLDER), 0)
    assert follower.take(record(2, run=OLDER), STALE_AFTER * SECOND)
    assert follower.take(record(1, run=NEWER), STALE_AFTER * SECOND), "the greatest was found silent"


def test_a_clock_that_is_set_back_counts_on_from_there() -> None:
    follower = RunFollower(STALE_AFTER * SECOND)
    follower.take(record(0, run=OLDER), 3600 * SECOND)
    follower.take(record(0), 0)
    shown = [
        follower.take(record(seq, run=OLDER), at * SECOND)
        for seq, at in enumerate((3605, 3610, 5, 10, 14, 15, 20), start=1)
    ]
    assert shown == [False, False, False, False, False, True, True]


def test_a_reader_that_pauses_calls_no_producer_silent(market: Market, clock: HandClock) -> None:
    """What was published meanwhile waits in the topic; only once it is taken can silence be told."""
    began = clock.now()
    market.take(record(0, run=OLDER), began, 0)
    market.take(record(0), began, 0)
    market.expire(began)
    now = clock.advance(60)
    for seq in range(1, 60):
        assert market.take(record(seq, run=OLDER), now, seq * SECOND) is None
        assert market.take(record(seq), now, seq * SECOND) is not None


def test_the_memory_of_runs_is_bounded_and_the_followed_one_is_not_forgotten() -> None:
    follower = RunFollower(STALE_AFTER * SECOND)
    assert follower.take(record(0, run="z"), 0)
    for number in range(100):
        assert not follower.take(record(0, run=f"run {number}"), 0)
    assert len(follower._voices) <= 9
    assert not follower.take(record(0, run="z"), 0), "its number is known still"
    assert follower.take(record(1, run="z"), 0)


# the rule, for any interleaving


@attrs.frozen
class Step:
    """One producer says something, some time after the step before."""

    wait: int
    """Seconds."""
    producer: int
    is_last: bool
    """It ends with this record, or with none (``is_killed``); what it says later is of its next run."""
    is_killed: bool = False


@attrs.frozen
class Said:
    """One record in the topic."""

    at: int
    """True time, seconds."""
    book: NormalizedBook
    published: int
    """By its producer's clock."""


_steps = st.lists(
    st.builds(
        Step,
        st.sampled_from([0, 1, 2, 4, 4, 5, 9, 15, 16, 40]),
        st.integers(0, 2),
        st.sampled_from([False, False, False, True]),
        st.booleans(),
    ),
    max_size=40,
)
_skews = st.lists(st.sampled_from([-3600, -60, -7, 0, 0, 3, 60, 3600]), min_size=60, max_size=60)
"""Seconds that a producer's clock is fast, of each run: it may be mended between two of them."""


def _topic(steps: Sequence[Step], skews: Sequence[int]) -> list[Said]:
    """Play producers that start when they first speak, with names and times by clocks of their own."""
    said: list[Said] = []
    runs: dict[int, str] = {}
    seqs: dict[int, int] = {}
    skew: dict[int, int] = {}
    at = started = 0
    for step in steps:
        at += step.wait
        who = step.producer
        if who not in runs:
            skew[who] = skews[started]
            name = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at + skew[who])
            runs[who], seqs[who] = f"{name:%Y%m%dT%H%M%S.%f}Z-{started:08x}", 0
            started += 1
        is_goodbye = step.is_last and not step.is_killed
        status, reason = (GONE, Reason.SHUTDOWN) if is_goodbye else (BookStatus.LIVE, None)
        book = record(seqs[who], run=runs[who], status=status, reason=reason)
        said.append(Said(at, book, (1_800_000_000 + at + skew[who]) * SECOND))
        seqs[who] += 1
        if step.is_last:
            del runs[who]
    return said


def _speaking(said: Sequence[Said], now: int) -> set[str]:
    """Tell who speaks, by the words of the rule and by true time, from all that was said so far."""
    last = {each.book.run: each for each in said}
    return {run for run, each in last.items() if each.book.reason is None and now - each.at < STALE_AFTER}


def _expected(said: Sequence[Said]) -> list[bool]:
    """Tell which records are shown."""
    followed, shown = "", []
    for number, each in enumerate(said, start=1):
        run, speaking = each.book.run, _speaking(said[:number], each.at)
        if run == max(speaking, default=max(run, followed)):
            followed = run
        shown.append(run == followed)
    return shown


@given(_steps, _skews)
@effort(300)
def test_a_reader_of_what_is_new_follows_the_greatest_run_that_still_speaks(
    steps: list[Step], skews: list[int]
) -> None:
    said = _topic(steps, skews)
    clock, market = HandClock(), Market(STALE_AFTER, 6)
    began, shown = clock.now(), []
    for each in said:
        now = clock.advance(each.at - (clock.now().mono - began.mono))
        market.expire(now)
        shown.append(market.take(each.book, now, each.published) is not None)
    assert shown == _expected(said)


@given(_steps, _skews)
@effort(300)
def test_a_reader_of_the_past_is_never_early_to_follow_an_older_run_and_late_by_its_silence_at_most(
    steps: list[Step], skews: list[int]
) -> None:
    said = _topic(steps, skews)
    clock, market = HandClock(), Market(STALE_AFTER, 6)
    greatest_since: dict[str, int] = {}
    """Of each run, the time of its first record since when it is the greatest that speaks, and no greater one has."""
    for number, each in enumerate(said, start=1):
        is_shown = market.take(each.book, clock.now(), each.published, Arrival.PAST) is not None
        run, speaking = each.book.run, _speaking(said[:number], each.at)
        greatest_since = {other: at for other, at in greatest_since.items() if other >= run}
        if run != max(speaking, default=None):
            greatest_since.pop(run, None)
            assert not is_shown or not {other for other in speaking if other > run}
        elif each.at - greatest_since.setdefault(run, each.at) >= STALE_AFTER:
            assert is_shown
    assert not market.expire(clock.now()), "none of it is called silent while more of the past may come"


@given(_steps, _skews, st.integers(0, 40))
@effort(100)
def test_any_run_is_followed_in_the_end_once_the_others_have_ended(
    steps: list[Step], skews: list[int], ago: int
) -> None:
    said = _topic(steps, skews)
    follower = RunFollower(STALE_AFTER * SECOND)
    for each in said:
        follower.take(each.book, each.published)
    last = "20200101T000000.000000Z-00000000"  # sorts below all others: its clock is years behind
    shown = [follower.take(record(seq, run=last), (ago + 5 * seq) * SECOND) for seq in range(5)]
    assert shown[3:] == [True, True]

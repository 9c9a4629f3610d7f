"""The last minute and the curve of one instrument, beside naive ones that look at every moment anew."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.captured import CAPTURED, captured_books

from market_data.domain.curve import CURVE_SECONDS, MidBucket, merge_buckets
from market_data.domain.rolling import MINUTE_SECONDS, Rolling

BEGIN = 1_700_000_000_250_000
SECOND = 1_000_000
HOLD = 15 * SECOND


@attrs.frozen
class Said:
    """What was said of the book at one time: live with these prices, not live, or nothing in time."""

    at: int
    is_live: bool = False
    bid: str | None = None
    ask: str | None = None
    received: int | None = None
    is_lapse: bool = False

    @property
    def mid(self) -> Fraction | None:
        if self.bid is None or self.ask is None:
            return None
        return (Fraction(self.bid) + Fraction(self.ask)) / 2

    @property
    def spread(self) -> Fraction:
        return Fraction(self.ask or 0) - Fraction(self.bid or 0)


def rolled(story: Sequence[Said], begin: int = BEGIN) -> Rolling:
    rolling = Rolling(begin, HOLD)
    for each in story:
        if each.is_lapse:
            rolling.lapse()
        elif each.is_live:
            rolling.live(each.at, each.bid, each.ask, each.received)
        else:
            rolling.stop(each.at)
    return rolling


def rounded(number: Fraction) -> Decimal:
    context = Context(prec=28, rounding=ROUND_HALF_EVEN)
    return context.divide(Decimal(number.numerator), Decimal(number.denominator))


def exactly(number: Fraction) -> Decimal:
    return Context(prec=200).divide(Decimal(number.numerator), Decimal(number.denominator))


def stands(story: Sequence[Said], now: int) -> list[tuple[int, int, Said]]:
    """Give from when until when each word of a live book stood; one that waited in vain stood for no time at all."""
    found: list[tuple[int, int, Said]] = []
    for at, each in enumerate(story):
        if not each.is_live:
            continue
        after = story[at + 1] if at + 1 < len(story) else None
        until = now if after is None else each.at if after.is_lapse else after.at
        found.append((each.at, each.at if until - each.at >= HOLD else until, each))
    return found


def naive_minute(story: Sequence[Said], now: int) -> dict[str, object] | None:
    if not story or not story[-1].is_live or now - story[-1].at >= HOLD:
        return None
    begin = (now // SECOND - MINUTE_SECONDS + 1) * SECOND
    span = now - max(BEGIN, begin)
    live = quoted = 0
    mids: list[Fraction] = []
    total = apart = Fraction(0)
    for since, until, each in stands(story, now):
        passed = max(0, until - max(since, begin))
        live += passed
        if each.mid is not None and (since >= begin or passed or each is story[-1]):
            mids.append(each.mid)
        if each.mid is not None:
            quoted += passed
            total += each.mid * passed
            apart += each.spread * passed
    told = [each.received for each in story if each.is_live]
    updates, last = 0, None
    for received, each in zip(told, [each for each in story if each.is_live], strict=True):
        updates += received != last and last is not None and each.at >= begin
        last = received
    current = story[-1].mid
    if mids and not quoted and current is not None:
        quoted, total, apart = 1, current, story[-1].spread
    change = None if current is None else current - mids[0]
    return {
        "seconds": span / SECOND,
        "high": exactly(max(mids)) if mids else None,
        "low": exactly(min(mids)) if mids else None,
        "change": None if change is None else exactly(change),
        "change_bps": None if change is None else rounded(change * 10_000 / mids[0]),
        "mean": rounded(total / quoted) if quoted else None,
        "spread": rounded(apart / quoted) if quoted else None,
        "spread_bps": rounded(apart * 10_000 / total) if quoted else None,
        "updates_per_second": updates / (span / SECOND) if span else 0.0,
        "live_share": live / span if span else 1.0,
    }


def naive_buckets(story: Sequence[Said], now: int, seconds: int) -> list[tuple[int, float, float, float, bool] | None]:
    found: list[tuple[int, float, float, float, bool] | None] = []
    quotes = [(*each, float(each[2].mid)) for each in stands(story, now) if each[2].mid is not None]
    for second in range(now // SECOND - seconds + 1, now // SECOND + 1):
        begin, end = second * SECOND, min((second + 1) * SECOND, now)
        mids: list[float] = []
        quoted = 0
        for since, until, each, mid in quotes:
            passed = max(0, min(until, end) - max(since, begin))
            is_now = each is story[-1] and second == now // SECOND and now - each.at < HOLD
            if begin <= since < begin + SECOND or passed or is_now:
                mids.append(mid)
                quoted += passed
        found.append((second, min(mids), max(mids), mids[-1], quoted == end - begin) if mids else None)
    return found


def random_story(random: Random, most: int = 60) -> list[Said]:
    """Tell of a book that is mostly live: quick and slow, with gaps, silences and one-sided times."""
    at, tick = BEGIN, Decimal(random.choice(["0.01", "0.1", "0.00000001"]))
    mid = Decimal(random.randint(1000, 10**7)) / 100
    story: list[Said] = []
    pace = random.choice([3_000, 200_000, 2 * SECOND, 6 * SECOND])
    received = 1
    for _ in range(random.randint(1, most)):
        at += random.choice([0, random.randint(0, pace), random.randint(0, pace), -at % SECOND])
        if random.random() < 0.02:
            at += random.choice([14 * SECOND, 15 * SECOND, 70 * SECOND])
        what = random.random()
        if what < 0.3 and story and not story[-1].is_lapse:  # a heartbeat
            story.append(attrs.evolve(story[-1], at=at))
        elif what < 0.36:
            story.append(Said(at))
        elif what < 0.38 and story and not story[-1].is_lapse:
            story.append(Said(at, is_lapse=True))
        else:
            mid += tick * random.randint(-9, 9)
            half = tick * random.randint(0, 5)
            bid, ask = format(mid - half, "f"), format(mid + half + random.choice([0, tick]), "f")
            received += random.random() < 0.7
            is_thin = random.random() < 0.05
            story.append(Said(at, is_live=True, bid=None if is_thin else bid, ask=ask, received=received))
    return story


def check(story: Sequence[Said], now: int) -> bool:
    """Compare both with naive ones; tells whether there was a minute."""
    rolling = rolled(story)
    minute = rolling.minute(now)
    assert (None if minute is None else attrs.asdict(minute)) == naive_minute(story, now)
    seconds = 90
    drawn = rolling.buckets(now, seconds)
    told = [None if each is None else (each.second, each.low, each.high, each.last, each.is_whole) for each in drawn]
    expected = naive_buckets(story, now, seconds)
    assert [None if each is None else (each[0], each[4]) for each in told] == [
        None if each is None else (each[0], each[4]) for each in expected
    ]
    for one, other in zip(told, expected, strict=True):
        assert one is None or one == pytest.approx(other, rel=1e-12)
    return minute is not None


def test_both_equal_naive_ones_on_hundreds_of_random_stories() -> None:
    random = Random(15)
    answers = 0
    for _ in range(500):
        story = random_story(random)
        answers += check(story, story[-1].at + random.choice([0, 1, 400_000, 3 * SECOND, 16 * SECOND]))
    assert answers > 250


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20 * SECOND),
            st.sampled_from(["live", "thin", "stop", "lapse"]),
            st.integers(1, 500),
            st.integers(0, 30),
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 20 * SECOND),
)
def test_both_equal_naive_ones_whatever_is_said(steps: list[tuple[int, str, int, int]], later: int) -> None:
    story: list[Said] = []
    at = BEGIN
    for number, (passed, what, bid, spread) in enumerate(steps):
        at += passed
        if what == "lapse":
            if not story or story[-1].is_lapse:
                continue
            story.append(Said(at, is_lapse=True))
        elif what == "stop":
            story.append(Said(at))
        else:
            story.append(Said(at, True, str(bid) if what == "live" else None, str(bid + spread), number))
    if story:
        check(story, at + later)


@pytest.mark.parametrize("exchange", CAPTURED)
def test_both_equal_naive_ones_on_the_real_captures(exchange: str) -> None:
    random = Random(15)
    stories: dict[str, list[Said]] = {}
    for native, bids, asks in captured_books(exchange):
        story = stories.setdefault(native, [])
        if len(story) < 500:
            at = (story[-1].at if story else BEGIN) + random.choice([0, 20_000, 100_000, 700_000])
            bid, ask = (side[0][0] if side else None for side in (bids, asks))
            story.append(Said(at, is_live=True, bid=bid, ask=ask, received=len(story)))
    books = 0
    for story in stories.values():
        assert check(story, story[-1].at + 123_456)
        books += len(story)
    print(f"{books} books of {exchange}")


def live(seconds: float, bid: str = "100", ask: str = "101", received: int = 1) -> Said:
    return Said(BEGIN + round(seconds * SECOND), is_live=True, bid=bid, ask=ask, received=received)


def test_by_hand() -> None:
    minute = rolled([live(0), live(1, "101", "103", 2), live(3, "99", "100", 3)]).minute(BEGIN + 4 * SECOND)
    assert minute is not None
    assert (minute.high, minute.low, minute.change) == (102, Decimal("99.5"), Decimal(-1))
    assert minute.mean == rounded((Fraction("100.5") + 2 * 102 + Fraction("99.5")) / 4)
    assert minute.spread == Decimal("1.5")
    assert (minute.seconds, minute.updates_per_second, minute.live_share) == (4.0, 0.5, 1.0)


def test_what_is_quiet_but_live_goes_on_and_what_fell_silent_ends_with_its_last_word() -> None:
    rolling = rolled([live(0), live(10)])
    end = BEGIN + 24 * SECOND
    assert rolling.minute(end) is not None
    assert None not in rolling.buckets(end, 24)
    assert rolling.minute(end + SECOND) is None
    later = rolling.buckets(end + SECOND, 30)
    assert [each is None for each in later][-16:] == [False] + [True] * 15, "nothing after the last word"


def test_a_gap_is_a_hole_in_the_curve_and_its_edges_are_marked() -> None:
    rolling = rolled([live(0), Said(BEGIN + 5 * SECOND), live(8, "200", "201", 2)])
    drawn = rolling.buckets(BEGIN + 10 * SECOND, 11)
    assert [each is not None for each in drawn] == [True] * 6 + [False] * 2 + [True] * 3
    assert [each.is_whole for each in drawn if each is not None] == [False, *[True] * 4, False, False, True, True]
    assert {each.last for each in drawn if each is not None} == {100.5, 200.5}, "nothing between"


def test_a_clock_that_is_set_back_begins_anew_and_one_that_jitters_does_not() -> None:
    rolling = rolled([live(0), live(9.5), live(9.4, "102", "103", 2)])
    minute = rolling.minute(BEGIN + 10 * SECOND)
    assert minute is not None
    assert minute.seconds == 10.0
    rolling.live(BEGIN - 3600 * SECOND, "100", "101", 3)
    minute = rolling.minute(BEGIN - 3599 * SECOND)
    assert minute is not None
    assert (minute.seconds, minute.high) == (1.0, Decimal("100.5"))


def test_memory_is_bounded_whatever_the_pace_and_however_long() -> None:
    rolling = Rolling(BEGIN, HOLD)
    for step in range(3 * CURVE_SECONDS):
        for part in range(3):
            rolling.live(BEGIN + step * SECOND + part, str(100 + step % 7), "110", step)
    now = BEGIN + (3 * CURVE_SECONDS - 1) * SECOND
    assert len(rolling._recent) == MINUTE_SECONDS
    assert len(rolling._curve._numbers) <= 7 * (CURVE_SECONDS + 100)
    assert None not in rolling.buckets(now)


def test_a_short_gap_that_ends_where_it_began_is_seen() -> None:
    story = [live(0), live(2), Said(BEGIN + 3 * SECOND), live(3.2), live(6)]
    assert check(story, BEGIN + 7 * SECOND)
    drawn = rolled(story).buckets(BEGIN + 7 * SECOND, 7)
    assert [each is not None and each.is_whole for each in drawn] == [True, True, False, True, True, True, True]


@pytest.mark.parametrize("is_live", [True, False])
def test_heartbeats_cost_no_memory(is_live: bool) -> None:  # noqa: FBT001
    rolling = Rolling(BEGIN, HOLD)
    for beat in range(2000):
        if is_live:
            rolling.live(BEGIN + beat * 5 * SECOND, "100", "101", 1)
        else:
            rolling.stop(BEGIN + beat * 5 * SECOND)
    now = BEGIN + 1999 * 5 * SECOND
    assert len(rolling._recent) <= 2
    assert len(rolling._curve._numbers) <= 2 * 7
    assert [each is not None for each in rolling.buckets(now)] == [is_live] * CURVE_SECONDS


def bucket(second: int, low: float, high: float, last: float, *, is_whole: bool = True) -> MidBucket:
    return MidBucket(second, low, high, last, 1.0, is_whole)


def test_buckets_are_merged_at_seconds_that_do_not_move_as_time_passes() -> None:
    seconds: list[MidBucket | None] = [bucket(at, at, at + 1, at + 0.5) for at in range(7, 17)]
    merged = merge_buckets(seconds, 5)
    assert [(each.second, each.low, each.high, each.last) for each in merged if each is not None] == [
        (7, 7, 10, 9.5),
        (10, 10, 15, 14.5),
        (15, 15, 17, 16.5),
    ]
    seconds[4] = None
    assert [each is not None and each.is_whole for each in merge_buckets(seconds, 5)] == [True, False, True]
    assert merge_buckets([None, None, None], 2) == [None, None]
    assert merge_buckets([], 3) == []

"""What the records of one instrument say over time."""

import attrs
import pytest

from market_data.domain.history import KeyHistory
from market_data.domain.normalized import BookStatus, NormalizedBook, Reason

SECOND = 1_000_000
START = 1_790_251_200 * SECOND
RUN = "20260924T120000.000000Z-1"  # begins at START
LATER = "20260924T120010.000000Z-2"

LIVE = NormalizedBook(
    *("binance", "BTC-USDT", BookStatus.LIVE, None, START, (("1", "1"),), (("2", "1"),), None, START, 1, 1, RUN, 0, 0)
)
GAP = attrs.evolve(LIVE, status=BookStatus.GAP, reason=Reason.SEQUENCE, bids=(), asks=())


def _history(*records: tuple[float, NormalizedBook]) -> KeyHistory:
    history = KeyHistory(stale_after=15 * SECOND)
    for seconds, book in records:
        history.add(book, START + int(seconds * SECOND))
    return history


def test_the_share_of_time_live_counts_from_the_first_record_to_the_last() -> None:
    history = _history((0, LIVE), (6, GAP), (8, attrs.evolve(LIVE, epoch=2)), (10, attrs.evolve(LIVE, epoch=2)))
    assert history.live_share == pytest.approx(0.8)
    assert history.epochs == 2


def test_there_is_no_share_of_no_time() -> None:
    assert _history().live_share is None
    assert _history((0, LIVE)).live_share is None


def test_a_live_book_without_records_was_not_live_beyond_the_bound_of_silence() -> None:
    assert _history((0, LIVE), (30, LIVE)).live_share == pytest.approx(0.5)


def test_the_age_of_fresh_data_counts_and_that_of_heartbeats_does_not() -> None:
    fresh = attrs.evolve(LIVE, received_time=START + 2 * SECOND)
    assert _history((0.5, LIVE), (1, LIVE), (2.25, fresh), (60, fresh)).worst_age == SECOND // 2


def test_what_is_not_live_has_no_age() -> None:
    assert _history((5, GAP)).worst_age == 0


def test_any_number_of_runs_is_counted() -> None:
    runs = [f"20260924T12{minute:02}{second:02}.000000Z-1" for minute in range(20) for second in range(60)]
    history = KeyHistory(15 * SECOND)
    for number, run in enumerate(runs):
        for seq in range(3):
            history.add(attrs.evolve(LIVE, run=run, publish_seq=seq), START + number * SECOND)
    assert (history.run_count, len(history.foreign_runs)) == (1200, 0)
    assert len(history.runs) == 1000


def test_the_rest_of_an_older_run_is_foreign_and_counts_for_nothing_else() -> None:
    newer = attrs.evolve(LIVE, run=LATER)
    history = _history((0, LIVE), (10, newer), (11, GAP), (12, LIVE), (20, newer))
    assert history.foreign_runs == {RUN}
    assert history.live_share == 1.0
    assert history.epochs == 2

"""The market as a reader sees it: the latest of each instrument, stale after silence, older runs left out."""

import attrs
import pytest
from tests.support.bounds import HandClock
from tests.support.records import EARLIER_RUN, LATER_RUN, record

from market_data.domain.market import Arrival, Market
from market_data.domain.normalized import BookStatus, Reason


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def market() -> Market:
    return Market(stale_after_seconds=15.0, digits=6)


def test_the_latest_record_of_each_instrument_is_shown(market: Market, clock: HandClock) -> None:
    market.take(record(0), clock.now())
    quote = market.take(record(1, bids=(("100.5", "3"),)), clock.now())
    market.take(record(0, symbol="ETH-USDT"), clock.now())
    assert quote is not None
    assert quote.top.best_bid == "100.5"
    assert [(each.book.symbol, each.book.publish_seq) for each in market.quotes()] == [("BTC-USDT", 1), ("ETH-USDT", 0)]
    assert set(market.keys()) == {"binance:BTC-USDT", "binance:ETH-USDT"}


def test_quotes_stand_side_by_side_by_asset_and_usd_is_not_usdt(market: Market, clock: HandClock) -> None:
    for exchange, symbol in (
        ("coinbase", "ETH-USD"),
        ("binance", "BTC-USDT"),
        ("coinbase", "BTC-USD"),
        ("a", "BTC-USD"),
    ):
        market.take(record(exchange=exchange, symbol=symbol), clock.now())
    assert [quote.book.key for quote in market.quotes()] == [
        "a:BTC-USD",
        "coinbase:BTC-USD",
        "binance:BTC-USDT",
        "coinbase:ETH-USD",
    ]


def test_a_book_without_a_record_for_too_long_is_stale_and_has_no_numbers(market: Market, clock: HandClock) -> None:
    market.take(record(0), clock.now())
    clock.advance(14.9)
    assert market.expire(clock.now()) == []
    clock.advance(0.1)
    (quote,) = market.expire(clock.now())
    assert (quote.status, quote.reason, quote.is_live) == (BookStatus.STALE, Reason.SILENCE, False)
    assert (quote.top.best_bid, quote.top.mid) == (None, None)
    assert market.quotes() == [quote]
    clock.advance(100)
    assert market.expire(clock.now()) == [], "it is told once"


@pytest.mark.parametrize(
    ("age_seconds", "status", "stale_after"),
    [
        pytest.param(14, BookStatus.LIVE, 1.0, id="its producer may still be there"),
        pytest.param(15, BookStatus.STALE, None, id="its producer is gone"),
        pytest.param(-60, BookStatus.LIVE, 15.0, id="a clock ahead of ours"),
    ],
)
def test_what_is_read_back_is_as_old_as_its_publishing(
    market: Market, clock: HandClock, age_seconds: int, status: BookStatus, stale_after: float | None
) -> None:
    now = clock.now()
    quote = market.take(record(0), now, now.wall - age_seconds * 1_000_000, Arrival.READ_BACK)
    market.catch_up([record().key])
    assert quote is not None
    assert quote.status is status
    if stale_after is None:
        assert (quote.reason, quote.book.bids, quote.book.status_since) == (Reason.SILENCE, (), now.wall)
        assert market.expire(now) == []
    else:
        assert market.expire(clock.advance(stale_after - 0.1)) == []
        assert len(market.expire(clock.advance(0.1))) == 1


def test_what_is_read_again_is_shown_as_it_was_and_is_stale_once_no_more_of_it_comes(
    market: Market, clock: HandClock
) -> None:
    now = clock.now()
    for number in range(2):
        quote = market.take(record(number), now, now.wall - 3_600_000_000, Arrival.PAST)
        assert quote is not None
        assert quote.is_live
        assert market.expire(now) == []
    market.catch_up([record().key])
    (quote,) = market.expire(now)
    assert (quote.status, quote.book.publish_seq) == (BookStatus.STALE, 1)


def test_a_machine_that_slept_shows_nothing_of_before_as_live(market: Market, clock: HandClock) -> None:
    market.take(record(0), clock.now())
    now = clock.now()
    woken = attrs.evolve(now, wall=now.wall + 3_600_000_000, mono=now.mono + 0.1)
    assert [quote.status for quote in market.expire(woken)] == [BookStatus.STALE]


def test_any_record_keeps_a_book_from_being_stale(market: Market, clock: HandClock) -> None:
    for seq in range(10):
        market.take(record(seq), clock.now())
        clock.advance(10)
        assert market.expire(clock.now()) == []


def test_a_stale_book_is_live_again_with_its_next_record(market: Market, clock: HandClock) -> None:
    market.take(record(0), clock.now())
    market.expire(clock.advance(20))
    quote = market.take(record(1), clock.now())
    assert quote is not None
    assert quote.is_live
    assert len(market.expire(clock.advance(20))) == 1


@pytest.mark.parametrize(
    ("status", "reason", "becomes_stale"),
    [
        pytest.param(BookStatus.GAP, Reason.SEQUENCE, True, id="gap"),
        pytest.param(BookStatus.SYNCING, None, True, id="syncing"),
        pytest.param(BookStatus.DISCONNECTED, Reason.CONNECTION, True, id="disconnected"),
        pytest.param(BookStatus.STALE, Reason.SILENCE, False, id="stale already"),
        pytest.param(BookStatus.DISCONNECTED, Reason.SHUTDOWN, False, id="its producer has said goodbye"),
    ],
)
def test_silence_makes_whatever_was_said_last_stale(
    market: Market, clock: HandClock, status: BookStatus, reason: Reason | None, *, becomes_stale: bool
) -> None:
    market.take(record(0, status=status, reason=reason), clock.now())
    assert len(market.expire(clock.advance(20))) == becomes_stale


def test_a_record_of_an_older_run_is_not_shown(market: Market, clock: HandClock) -> None:
    market.take(record(5), clock.now())
    assert market.take(record(900, run=EARLIER_RUN, bids=(("1", "1"),)), clock.now()) is None
    (quote,) = market.quotes()
    assert quote.book.publish_seq == 5


def test_a_newer_run_begins_anew_and_is_shown(market: Market, clock: HandClock) -> None:
    market.take(record(500, epoch=7), clock.now())
    quote = market.take(record(0, run=LATER_RUN, epoch=0, status=BookStatus.SYNCING), clock.now())
    assert quote is not None
    assert quote.status is BookStatus.SYNCING
    assert market.take(record(501, epoch=7), clock.now()) is None


@pytest.mark.parametrize("seq", [3, 5], ids=["an older one", "the same again"])
def test_what_was_shown_before_is_not_shown_again_and_proves_no_life(
    market: Market, clock: HandClock, seq: int
) -> None:
    market.take(record(5), clock.now())
    clock.advance(10)
    assert market.take(record(seq, bids=(("1", "1"),)), clock.now()) is None
    assert market.quotes()[0].top.best_bid == "100"
    assert len(market.expire(clock.advance(5))) == 1


def test_rates_are_records_a_second_of_the_last_seconds(market: Market, clock: HandClock) -> None:
    assert market.rates(clock.now(), market.keys()) == {}
    market.take(record(0), clock.now())
    for seq in range(1, 41):
        market.take(record(seq), clock.advance(0.125))
    assert market.rates(clock.now(), market.keys()) == {"binance:BTC-USDT": 41 / 5.0}
    for _ in range(40):
        clock.advance(0.125)
    assert market.rates(clock.now(), market.keys()) == {"binance:BTC-USDT": 0.0}


def test_what_another_member_of_the_group_has_now_is_forgotten_and_its_last_word_stale(
    market: Market, clock: HandClock
) -> None:
    market.take(record(0), clock.now())
    (last,) = market.forget(["binance:BTC-USDT", "binance:NEVER-SEEN"], clock.now())
    assert (last.status, last.reason, last.book.bids) == (BookStatus.STALE, Reason.SILENCE, ())
    assert not market.quotes()


def test_what_was_read_back_counts_as_old_as_it_is_when_the_machine_sleeps(market: Market, clock: HandClock) -> None:
    now = clock.now()
    market.take(record(0), now, now.wall - 10_000_000, Arrival.READ_BACK)
    market.catch_up([record().key])
    asleep = attrs.evolve(now, wall=now.wall + 4_900_000, mono=now.mono + 0.1)
    assert market.expire(asleep) == []
    woken = attrs.evolve(asleep, wall=asleep.wall + 100_000)
    assert [quote.status for quote in market.expire(woken)] == [BookStatus.STALE]


def test_each_of_many_is_stale_at_its_own_time(market: Market, clock: HandClock) -> None:
    for number in range(20):
        market.take(record(0, symbol=f"A{number}-USD"), clock.advance(1))
    clock.advance(1)
    for number in range(20):
        if number % 3 == 0:
            market.take(record(1, symbol=f"A{number}-USD"), clock.now())
    stale_in_turn: list[str] = []
    for _ in range(40):
        stale_in_turn += [quote.book.symbol for quote in market.expire(clock.advance(0.5))]
    quiet = [f"A{number}-USD" for number in range(20) if number % 3]
    assert stale_in_turn[: len(quiet)] == quiet
    assert sorted(stale_in_turn[len(quiet) :]) == sorted(f"A{number}-USD" for number in range(0, 20, 3))


def test_of_too_many_instruments_the_ones_heard_of_last_are_kept(clock: HandClock) -> None:
    market = Market(15.0, 6, most_keys=3)
    for seq, number in enumerate((0, 1, 2, 0, 3)):
        market.take(record(seq, symbol=f"A{number}-USD"), clock.advance(1))
    assert set(market.keys()) == {"binance:A0-USD", "binance:A2-USD", "binance:A3-USD"}
    assert market.forgotten == 1
    assert len(market.expire(clock.advance(60))) == 3


def test_what_expires_in_trouble_blames_that_and_not_its_producer(market: Market, clock: HandClock) -> None:
    market.take(record(0), clock.now())
    clock.advance(15)
    (quote,) = market.expire(clock.now(), "broker unreachable")
    assert (quote.status, quote.reason, quote.why) == (
        BookStatus.STALE,
        Reason.SILENCE,
        "stale: broker unreachable",
    )
    clock.advance(100)
    assert market.expire(clock.now(), "broker unreachable") == []


def test_once_the_trouble_is_over_who_stays_silent_is_blamed_himself(market: Market, clock: HandClock) -> None:
    market.take(record(0), clock.now())
    market.take(record(0, symbol="ETH-USDT"), clock.now())
    clock.advance(15)
    assert len(market.expire(clock.now(), "broker unreachable")) == 2
    clock.advance(60)
    assert market.expire(clock.now()) == []
    clock.advance(10)
    market.take(record(1), clock.now())
    assert market.expire(clock.now()) == [], "the other one has its time yet"
    clock.advance(5)
    (quote,) = market.expire(clock.now())
    assert (quote.book.symbol, quote.why) == ("ETH-USDT", "stale: silence of the producer")
    clock.advance(5)
    assert market.expire(clock.now()) == []


def test_trouble_that_comes_again_begins_anew(market: Market, clock: HandClock) -> None:
    market.take(record(0), clock.now())
    clock.advance(15)
    market.expire(clock.now(), "broker unreachable")
    market.expire(clock.now())
    clock.advance(14)
    assert market.expire(clock.now(), "broker unreachable") == []
    clock.advance(14)
    assert market.expire(clock.now()) == []
    clock.advance(15)
    assert len(market.expire(clock.now())) == 1

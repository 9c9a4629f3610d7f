"""Venues side by side: whose prices are best, who takes no part and why, and since when they lock or cross."""

from decimal import Decimal
from fractions import Fraction
from random import Random

import attrs
import pytest
from tests.support.bounds import HandClock
from tests.support.records import record

from market_data.domain.across import Across, CrossingKind, SymbolView
from market_data.domain.basis import Basis
from market_data.domain.market import Market
from market_data.domain.normalized import BookStatus, NormalizedBook, Proof, Reason

LIVE, GAP, STALE = BookStatus.LIVE, BookStatus.GAP, BookStatus.STALE


@attrs.define
class Bench:
    """A market and the comparison, by a clock that is moved by hand."""

    clock: HandClock = attrs.field(factory=HandClock)
    market: Market = attrs.field(factory=lambda: Market(15.0, 6))
    across: Across = attrs.field(factory=lambda: Across(15.0))
    seq: int = 0

    def say(self, exchange: str, bid: str | None, ask: str | None, symbol: str = "BTC-USD", **changes: object) -> None:
        """Publish a live record of one level a side, or none."""
        bids, asks = (() if price is None else ((price, "1"),) for price in (bid, ask))
        self.give(attrs.evolve(record(exchange=exchange, symbol=symbol, bids=bids, asks=asks), **changes))

    def stop(self, exchange: str, symbol: str = "BTC-USD", status: BookStatus = GAP) -> None:
        """Publish a record that is not live."""
        self.give(record(exchange=exchange, symbol=symbol, status=status, reason=Reason.SEQUENCE))

    def give(self, book: NormalizedBook) -> None:
        self.seq += 1
        quote = self.market.take(attrs.evolve(book, publish_seq=self.seq), self.clock.now())
        assert quote is not None
        self.across.take([quote])

    def wait(self, seconds: float, *, is_told: bool = True) -> int:
        """Let time pass, and take what fell silent; gives the time."""
        self.clock.advance(seconds)
        if is_told:
            self.across.take(self.market.expire(self.clock.now()))
        return self.clock.now().wall

    def look(self, symbol: str = "BTC-USD") -> SymbolView:
        view = self.across.look(symbol, self.clock.now())
        assert view is not None
        return view

    @property
    def best(self) -> tuple[str | None, str | None]:
        view = self.look()
        bid, ask = (None if quote is None else quote.book.exchange for quote in (view.bid, view.ask))
        return bid, ask


def excluded(view: SymbolView) -> dict[str, str]:
    return {each.quote.book.exchange: each.why for each in view.excluded}


def test_the_best_are_the_highest_bid_and_the_lowest_ask_compared_as_numbers() -> None:
    bench = Bench()
    for exchange, bid, ask in (("c", "9", "1000"), ("b", "100.25", "101.0"), ("a", "99.5", "102")):
        bench.say(exchange, bid, ask)
    view = bench.look()
    assert bench.best == ("b", "b")
    assert (view.mid, view.spread, view.crossing, view.excluded) == (Decimal("100.625"), Decimal("0.75"), None, [])
    assert [each.quote.book.exchange for each in view.venues] == ["a", "b", "c"]
    assert [each.mid for each in view.venues] == [Decimal("100.75"), Decimal("100.625"), Decimal("504.5")]
    assert view.venues[0].from_mid_bps == rounded((Fraction("100.75") / Fraction("100.625") - 1) * 10_000)
    assert view.difference_bps == rounded(Fraction("403.875") / Fraction("302.5625") * 10_000)


def rounded(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def test_they_are_those_of_a_naive_comparison_on_random_books_whoever_comes_and_goes() -> None:
    random, bench = Random(15), Bench()
    state: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    since: dict[CrossingKind, int] = {}
    for _ in range(3_000):
        now = bench.wait(0.01)
        exchange = random.choice("abcde")
        if random.random() < 0.1:
            bench.stop(exchange)
            state[exchange] = (None, None)
        else:
            bid, ask = (random.choice([None, *range(95, 106)]) if random.random() < 0.9 else None for _ in range(2))
            bench.say(exchange, bid and str(bid), ask and str(ask))
            state[exchange] = (bid and Decimal(bid), ask and Decimal(ask))
        view = bench.look()
        bids = [(bid, exchange) for exchange, (bid, _) in state.items() if bid is not None]
        asks = [(ask, exchange) for exchange, (_, ask) in state.items() if ask is not None]
        best_bid = max((bid for bid, _ in bids), default=None)
        best_ask = min((ask for ask, _ in asks), default=None)
        first = min((exchange for bid, exchange in bids if bid == best_bid), default=None)
        assert (view.bid and view.bid.book.best_bid, view.bid and view.bid.book.exchange) == (best_bid, first)
        first = min((exchange for ask, exchange in asks if ask == best_ask), default=None)
        assert (view.ask and view.ask.book.best_ask, view.ask and view.ask.book.exchange) == (best_ask, first)
        kind = None
        if best_bid is not None and best_ask is not None and best_bid >= best_ask:
            kind = CrossingKind.CROSSED if best_bid > best_ask else CrossingKind.LOCKED
        since = {kind: since.get(kind, now)} if kind is not None else {}
        assert (view.crossing and (view.crossing.kind, view.crossing.since)) == (kind and (kind, since[kind]))


def test_usd_and_usdt_stand_side_by_side_and_are_never_compared() -> None:
    bench = Bench()
    bench.say("a", "100", "101", "BTC-USD")
    bench.say("a", "200", "201", "BTC-USDT")
    bench.say("b", "150", "151", "BTC-USDC")
    bench.say("b", "90", "91", "BTC-USD")
    bench.say("b", "1", "2", "ETH-USD")
    views = bench.across.look_at_asset("BTC", bench.clock.now())
    assert [(view.symbol, view.bid and view.bid.book.best_bid) for view in views] == [
        ("BTC-USD", 100),
        ("BTC-USDC", 150),
        ("BTC-USDT", 200),
    ]
    assert views[0].crossing is not None
    assert [view.crossing for view in views[1:]] == [None, None], "a dollar more for a USDT is no crossing"
    assert bench.across.assets == ["BTC", "ETH"]
    assert bench.across.symbols == ["BTC-USD", "BTC-USDC", "BTC-USDT", "ETH-USD"]
    assert bench.across.look("BTC-EUR", bench.clock.now()) is None
    assert bench.across.look_at_asset("SOL", bench.clock.now()) == []


def test_where_two_are_equal_the_proven_one_is_best_and_then_the_first() -> None:
    bench = Bench()
    bench.say("a", "100", "101", proof=Proof.NONE, proven_levels=0)
    bench.say("c", "100", "101")
    bench.say("b", "100", "101")
    assert bench.best == ("b", "b")
    bench.stop("b")
    bench.stop("c")
    assert bench.best == ("a", "a")


def test_unproven_venues_can_be_left_out() -> None:
    bench = Bench(across=Across(15.0, proven_only=True))
    bench.say("a", "105", "106", proof=Proof.NONE, proven_levels=0)
    bench.say("b", "100", "101")
    assert bench.best == ("b", "b")
    assert excluded(bench.look()) == {"a": "unproven"}
    assert bench.look().crossing is None


def test_who_is_not_live_takes_no_part_and_the_reason_is_named() -> None:
    bench = Bench()
    bench.say("a", "100", "101")
    bench.say("b", "105", "106")
    bench.stop("b")
    assert bench.best == ("a", "a")
    assert excluded(bench.look()) == {"b": "gap: sequence"}
    assert bench.look().difference_bps is None


def test_a_dead_venue_leaves_within_three_heartbeats() -> None:
    bench = Bench()
    bench.say("dead", "105", "106")
    bench.say("a", "100", "101")
    bench.wait(14.9)
    bench.say("a", "100", "101")
    assert bench.best == ("dead", "a")
    crossing = bench.look().crossing
    assert crossing is not None
    assert (crossing.kind, crossing.since) == (CrossingKind.CROSSED, bench.clock.now().wall - 14_900_000)
    bench.wait(0.1)
    assert bench.best == ("a", "a")
    assert excluded(bench.look()) == {"dead": "stale: silence of the producer"}
    assert bench.look().crossing is None


def test_a_dead_venue_leaves_even_where_nobody_has_said_so_yet() -> None:
    bench = Bench()
    bench.say("dead", "105", "106")
    bench.wait(10)
    bench.say("a", "100", "101")
    bench.wait(5, is_told=False)
    assert bench.best == ("a", "a")
    assert excluded(bench.look()) == {"dead": "no record for 15 s"}


def test_locked_or_crossed_says_since_when_and_by_how_much() -> None:
    bench = Bench()
    bench.say("a", "100", "102")
    bench.wait(1)
    bench.say("b", "99", "101")
    assert bench.look().crossing is None
    locked = bench.wait(1)
    bench.say("a", "101", "102")
    bench.wait(1)
    bench.say("b", "99", "101")
    crossing = bench.look().crossing
    assert crossing is not None
    assert (crossing.kind, crossing.since, crossing.bps) == (CrossingKind.LOCKED, locked, 0)
    crossed = bench.wait(1)
    bench.say("a", "103", "104")
    bench.wait(1)
    bench.say("c", "100", "104")
    crossing = bench.look().crossing
    assert crossing is not None
    assert (crossing.kind, crossing.since) == (CrossingKind.CROSSED, crossed)
    assert crossing.bps == rounded(Fraction(2, 102) * 10_000)
    bench.stop("a")
    assert bench.look().crossing is None


def test_the_basis_is_right_to_the_last_digit() -> None:
    bench = Bench()
    bench.say("a", "61837.63", "61837.65", "BTC-USD")
    bench.say("a", "61901.21", "61901.27", "BTC-USDT")
    bench.say("b", "1", "2", "BTC-USDT")
    assert bench.across.bases("BTC", bench.clock.now()) == [
        Basis(
            exchange="a",
            asset="BTC",
            currency="USDT",
            unit="USD",
            bid=rounded(Fraction("61837.63") / Fraction("61901.27")),
            ask=rounded(Fraction("61837.65") / Fraction("61901.21")),
            mid=rounded((Fraction("61837.63") + Fraction("61837.65")) / (Fraction("61901.21") + Fraction("61901.27"))),
        )
    ]
    (basis,) = bench.across.bases("BTC", bench.clock.now())
    assert basis.name == "USDT/USD"
    assert str(basis.mid) == "0.9989725569310081672031125709"


def test_a_currency_is_valued_in_dollars_where_it_can_be_and_only_by_books_that_take_part() -> None:
    bench = Bench()
    for currency in ("EUR", "USDC", "USDT", "USD", "GBP"):
        bench.say("a", "10", "11", f"BTC-{currency}")
    assert [basis.name for basis in bench.across.bases("BTC", bench.clock.now())] == [
        "USDT/USD",
        "USDC/USD",
        "EUR/USD",
        "GBP/USD",
        "USDC/USDT",
        "EUR/USDT",
        "GBP/USDT",
        "EUR/USDC",
        "GBP/USDC",
        "GBP/EUR",
    ]
    for currency in ("EUR", "USDC", "GBP"):
        bench.stop("a", f"BTC-{currency}")
    bench.say("a", None, "11", "BTC-USDT")
    (basis,) = bench.across.bases("BTC", bench.clock.now())
    assert (basis.name, basis.ask, basis.mid) == ("USDT/USD", None, None)
    assert basis.bid == rounded(Fraction(10, 11))


@pytest.mark.parametrize("seed", range(3))
def test_the_basis_is_a_price_that_somebody_gets_on_random_books(seed: int) -> None:
    random, bench = Random(seed), Bench()
    for _ in range(300):
        for currency in ("USD", "USDT"):
            bid = Decimal(random.randint(1, 10**9)) / 10**4
            bench.say("a", str(bid), str(bid + Decimal(random.randint(1, 999)) / 10**4), f"BTC-{currency}")
        (basis,) = bench.across.bases("BTC", bench.clock.now())
        dollar, tether = (bench.look(f"BTC-{currency}").bid for currency in ("USD", "USDT"))
        assert dollar is not None
        assert tether is not None
        ours, theirs = dollar.book, tether.book
        assert ours.best_bid is not None
        assert theirs.best_ask is not None
        assert basis.bid == rounded(Fraction(ours.best_bid) / Fraction(theirs.best_ask))
        assert basis.mid == rounded(Fraction(ours.mid or 0) / Fraction(theirs.mid or 1))
        assert basis.bid < basis.mid < basis.ask  # type: ignore[operator]


def test_of_too_many_those_not_heard_of_for_longest_are_forgotten() -> None:
    bench = Bench(across=Across(15.0, most_keys=3))
    bench.say("a", "1", "2", "A-USD")
    bench.say("b", "1", "2", "A-USD")
    bench.say("a", "1", "2", "B-USD")
    bench.say("a", "1", "2", "A-USD")
    bench.say("a", "1", "2", "C-USD")
    assert bench.across.symbols == ["A-USD", "C-USD"]
    bench.say("a", "1", "2", "D-USD")
    assert bench.across.symbols == ["C-USD", "D-USD"]
    assert bench.across.assets == ["C", "D"]

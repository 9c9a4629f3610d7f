"""A seeded random market of one instrument: what happens to its book, step by step.

The same seed gives the same steps, whatever the clock does. Prices walk on their tick, several levels change at once,
the book keeps its depth and is never crossed. Now and then a level is removed that was never told, as both venues do,
and some steps change nothing, so that nothing is sent.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from random import Random

import attrs

from market_data_sandbox.book import Level
from market_data_sandbox.source import Listing

__all__ = ["MarketBook", "Step", "exact_text", "fixed_text", "listing_of", "opening_price", "trimmed_text"]

_OPENING_PRICES = {"BTC": 61837.5, "ETH": 2683.2, "SOL": 154.6, "XRP": 0.6134, "DOGE": 0.1021}
_WIDEST_SPREAD_TICKS = 40
_MEAN_SIZE = 0.4
_IDLE = 0.05
_TRADE = 0.12
_LEAST_LEFT = 40
_MOST_RESTORED = 60

Changes = dict[int, int]
"""Absolute size in steps by price in ticks; zero removes."""


@attrs.frozen
class Step:
    """What one step changed, in the venue's text: bids descending, asks ascending, no price twice."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def __bool__(self) -> bool:
        """Tell whether anything changed."""
        return bool(self.bids or self.asks)


def fixed_text(value: int, decimals: int) -> str:
    """Write a whole number of ticks as Binance does: always 8 decimals."""
    whole, fraction = divmod(value, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}".ljust(len(str(whole)) + 9, "0") if decimals else f"{whole}.00000000"


def trimmed_text(value: int, decimals: int) -> str:
    """Write a whole number of ticks as Coinbase does: no trailing zeros."""
    whole, fraction = divmod(value, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)


def exact_text(value: int, decimals: int) -> str:
    """Write a whole number of ticks as Kraken and Bitstamp do: with exactly its decimals."""
    whole, fraction = divmod(value, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)


def opening_price(base: str, random: Random) -> float:
    """Give the price that a market opens at."""
    return _OPENING_PRICES.get(base) or random.uniform(1.0, 500.0)


def listing_of(symbol: str, random: Random, size_decimals: int = 5) -> Listing:
    """List an instrument with a tick that leaves its book plenty of room."""
    base, _, quote = symbol.partition("-")
    price = opening_price(base, random)
    decimals = 2 if price > 1000 else 4 if price > 10 else 6
    return Listing(base, quote, decimals, size_decimals)


@attrs.define(eq=False)
class MarketBook:
    """The walk of one instrument. Prices are whole ticks, sizes whole steps."""

    listing: Listing
    depth: int
    """Levels a side that it keeps, at least."""
    _random: Random
    _text: Callable[[int, int], str]
    _bids: list[int] = attrs.field(factory=list, init=False)
    """Prices of the buyers, ascending: the best is the last."""
    _asks: list[int] = attrs.field(factory=list, init=False)
    """Prices of the sellers, ascending: the best is the first."""

    def open(self) -> Step:
        """Fill an empty book around the opening price."""
        bids: Changes = {}
        asks: Changes = {}
        middle = int(opening_price(self.listing.base, self._random) * 10**self.listing.price_decimals)
        bid, ask = middle, middle + self._random.randint(1, 5)
        for _ in range(self.depth + self.depth // 20):
            self._set(self._bids, bids, bid)
            self._set(self._asks, asks, ask)
            bid -= self._random.randint(1, 12)
            ask += self._random.randint(1, 12)
        return self._told(bids, asks)

    def step(self) -> Step:
        """Let a moment pass; empty when nothing happened."""
        if self._random.random() < _IDLE:
            return Step((), ())
        bids: Changes = {}
        asks: Changes = {}
        if self._random.random() < _TRADE:
            self._trade(bids, asks)
        for _ in range(self._random.randint(1, 10)):
            self._touch(bids, asks)
        self._narrow(bids, asks)
        self._restore(bids, asks)
        return self._told(bids, asks)

    def leap(self, levels: int, *, falls: bool) -> Step:
        """Take the best levels of the asks, or of the bids, in one step; the other side follows.

        What is beyond them was always there: who has only seen the levels that were taken does not know what comes now.
        """
        bids: Changes = {}
        asks: Changes = {}
        if falls and self._bids[0] > self.depth * 20:
            first = max(_LEAST_LEFT, len(self._bids) - levels)
            bids.update(dict.fromkeys(self._bids[first:], 0))
            del self._bids[first:]
            for price in range(self._bids[-1] + 3, self._bids[-1] + 3 + 5 * _LEAST_LEFT, 5):
                self._set(self._asks, asks, price)
        else:
            end = max(0, min(levels, len(self._asks) - _LEAST_LEFT))
            asks.update(dict.fromkeys(self._asks[:end], 0))
            del self._asks[:end]
            for price in range(self._asks[0] - 3, self._asks[0] - 3 - 5 * _LEAST_LEFT, -5):
                self._set(self._bids, bids, price)
        self._restore(bids, asks)
        return self._told(bids, asks)

    def _trade(self, bids: Changes, asks: Changes) -> None:
        """Somebody takes the best levels of a side, and the other side follows."""
        count = self._random.randint(1, 4)
        rises = self._random.random() < 0.5 or self._bids[0] < self.depth * 2
        for _ in range(count):
            if rises:
                asks[self._asks.pop(0)] = 0
            else:
                bids[self._bids.pop()] = 0
        bid, ask = self._bids[-1], self._asks[0]
        if ask - bid > 1:
            price = self._random.randint(bid + 1, ask - 1)
            self._set(*((self._bids, bids) if rises else (self._asks, asks)), price)

    def _touch(self, bids: Changes, asks: Changes) -> None:
        """Set, insert or remove one level, most often near the best."""
        buys = self._random.random() < 0.5
        prices, changes = (self._bids, bids) if buys else (self._asks, asks)
        index = min(int(self._random.expovariate(1 / 15)), len(prices) - 1)
        price = prices[-1 - index] if buys else prices[index]
        what = self._random.random()
        if what < 0.5:
            self._set(prices, changes, price)
        elif what < 0.75:
            self._set(prices, changes, price + (-1 if buys else 1) * self._random.randint(1, 10))
        elif what < 0.95 and len(prices) > self.depth:
            prices.remove(price)
            changes[price] = 0
        else:
            self._remove_unknown(prices, changes, price, -1 if buys else 1)

    def _remove_unknown(self, prices: list[int], changes: Changes, price: int, away: int) -> None:
        """Remove a level that nobody was told of: it came and went within this step."""
        price += away * self._random.randint(1, 10)
        found = bisect_left(prices, price)
        if price not in changes and (found == len(prices) or prices[found] != price):
            changes[price] = 0

    def _narrow(self, bids: Changes, asks: Changes) -> None:
        """Keep the spread within bounds."""
        while self._asks[0] - self._bids[-1] > _WIDEST_SPREAD_TICKS:
            self._set(self._bids, bids, self._bids[-1] + self._random.randint(1, 9))
            self._set(self._asks, asks, self._asks[0] - self._random.randint(1, 9))

    def _restore(self, bids: Changes, asks: Changes) -> None:
        """Add levels far away where there are too few, and drop some where there are too many."""
        for _ in range(min(_MOST_RESTORED, self.depth - len(self._bids))):
            self._set(self._bids, bids, self._bids[0] - self._random.randint(1, 12))
        for _ in range(min(_MOST_RESTORED, self.depth - len(self._asks))):
            self._set(self._asks, asks, self._asks[-1] + self._random.randint(1, 12))
        most = self.depth + self.depth // 10 + 1
        while len(self._bids) > most:
            bids[self._bids.pop(0)] = 0
        while len(self._asks) > most:
            asks[self._asks.pop()] = 0

    def _set(self, prices: list[int], changes: Changes, price: int) -> None:
        found = bisect_left(prices, price)
        if found == len(prices) or prices[found] != price:
            insort(prices, price)
        mean = _MEAN_SIZE * 10**self.listing.size_decimals
        changes[price] = int(self._random.expovariate(1 / mean)) + 1

    def _told(self, bids: Changes, asks: Changes) -> Step:
        return Step(
            tuple(self._level(price, bids[price]) for price in sorted(bids, reverse=True)),
            tuple(self._level(price, asks[price]) for price in sorted(asks)),
        )

    def _level(self, price: int, size: int) -> Level:
        return (
            self._text(price, self.listing.price_decimals),
            self._text(size, self.listing.size_decimals),
        )

"""Lines: for people who read along, what is news; for programs behind a pipe, each record as JSON."""

import sys
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import TextIO

import msgspec

from market_data.adapters.console.numbers import shortest
from market_data.adapters.console.plain import padded
from market_data.application.ports import Display, Reading
from market_data.domain.market import Market
from market_data.domain.moment import utc_of
from market_data.domain.normalized import MOST_KEYS, Level, NormalizedBook
from market_data.domain.printable import printable
from market_data.domain.quote import Quote
from market_data.domain.top import plain, whole

__all__ = ["JsonDisplay", "LinesDisplay"]


class _StreamDisplay(Display):
    """Text written as it comes; a closed pipe is the reader's way of saying that it has enough."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:  # noqa: ARG002
        reading.pictures.begin()
        if text := "".join([f"{printable(line)}\n" for quote in quotes for line in self._lines(quote)]):
            self._stream.write(text)
            self._stream.flush()
        reading.pictures.end()

    def refresh(self, market: Market, reading: Reading) -> None:
        """Lines say nothing of passing time."""

    @asynccontextmanager
    async def open(
        self,
        market: Market,  # noqa: ARG002
        reading: Reading,  # noqa: ARG002
        leave: Callable[[], None],  # noqa: ARG002
    ) -> AsyncGenerator[None]:
        yield

    def _lines(self, quote: Quote) -> Iterable[str]:
        raise NotImplementedError


class LinesDisplay(_StreamDisplay):
    """``12:34:56.789  binance    BTC-USDT    bid 61837.63 x 3.788  ask …``; what is not live says why instead, and what
    nothing proves says so at the end.

    A line is written when it says something else of its instrument than the last one did: a heartbeat, or a change
    below the best prices, writes none. A live book's time is when its data was received, any other's when its status
    began. The date stands alone before its first line, and with its time in a line of an earlier day. Numbers are the
    venue's own, but for zeros that say nothing.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._said: OrderedDict[str, str] = OrderedDict()
        """Of each instrument, the one that spoke last at the end."""
        self._day: date | None = None
        """The latest that was written."""

    def _lines(self, quote: Quote) -> Iterable[str]:
        book = quote.book
        time = utc_of(book.received_time or book.status_since if quote.is_live else book.status_since)
        what = _market_of(quote) if quote.is_live else _why(quote)
        if not self._is_news(book.key, what if quote.is_live else f"{time} {what}"):
            return
        day, shown = time.date(), f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}"
        if self._day is None or day > self._day:
            self._day = day
            yield f"{day} UTC"
        elif day < self._day:
            shown = f"{day} {shown}"
        yield f"{shown}  {book.exchange:<10} {padded(book.symbol, 10)}  {what}"

    def _is_news(self, key: str, said: str) -> bool:
        """Tell whether it says something else than the last time, and keep it in mind."""
        if self._said.get(key) == said:
            return False
        self._said[key] = said
        self._said.move_to_end(key)
        if len(self._said) > MOST_KEYS:
            self._said.popitem(last=False)
        return True


def _why(quote: Quote) -> str:
    reason = quote.trouble or quote.reason
    return f"{quote.status} ({reason})" if reason else str(quote.status)


def _market_of(quote: Quote) -> str:
    top = quote.top
    bid = _side("bid", top.best_bid, top.best_bid_size)
    ask = _side("ask", top.best_ask, top.best_ask_size)
    middle = f"  mid {plain(top.mid)}  spread {plain(top.spread)} ({top.spread_percent:f}%)" if top.mid else ""
    return f"{bid}  {ask}{middle}{'' if quote.book.can_prove else '  unproven'}"


def _side(name: str, price: str | None, size: str | None) -> str:
    return f"no {name}" if price is None or size is None else f"{name} {shortest(price)} x {shortest(size)}"


class JsonDisplay(_StreamDisplay):
    """One object a line; decimals are strings, what is not known is null.

    With a ``depth`` it holds so many levels of each side, best first, as arrays of price and size.
    """

    def __init__(self, stream: TextIO | None = None, depth: int = 0) -> None:
        super().__init__(stream)
        self._depth = depth

    def _lines(self, quote: Quote) -> Iterable[str]:
        book, top = quote.book, quote.top
        yield msgspec.json.encode(
            {
                "exchange": book.exchange,
                "symbol": book.symbol,
                "status": quote.status,
                "reason": quote.reason,
                "trouble": quote.trouble,
                "best_bid": top.best_bid,
                "best_bid_size": top.best_bid_size,
                "best_ask": top.best_ask,
                "best_ask_size": top.best_ask_size,
                "mid": plain(top.mid),
                "spread": plain(top.spread),
                "spread_percent": whole(top.spread_percent),
                "event_time": book.event_time,
                "received_time": book.received_time,
                "sequence": book.sequence,
                "epoch": book.epoch,
                "run": book.run,
                "publish_seq": book.publish_seq,
                "conflated": book.conflated,
                "proof": book.proof,
                "proven_levels": book.proven_levels,
                **self._levels_of(book),
            }
        ).decode()

    def _levels_of(self, book: NormalizedBook) -> Mapping[str, Sequence[Level]]:
        if not self._depth:
            return {}
        return {"bids": book.bids[: self._depth], "asks": book.asks[: self._depth]}

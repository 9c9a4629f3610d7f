"""One line a record: for people who read along, and as JSON for programs behind a pipe."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TextIO

import msgspec

from market_data.adapters.console.plain import padded
from market_data.application.ports import Display, Reading
from market_data.domain.market import Market, Quote
from market_data.domain.moment import utc_of
from market_data.domain.printable import printable
from market_data.domain.top import plain

__all__ = ["JsonDisplay", "LinesDisplay"]


class _StreamDisplay(Display):
    """Text written as it comes; a closed pipe is the reader's way of saying that it has enough."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def show(self, quotes: Sequence[Quote], market: Market, reading: Reading) -> None:  # noqa: ARG002
        self._stream.write("".join([f"{printable(self._line(quote))}\n" for quote in quotes]))
        self._stream.flush()

    def refresh(self, market: Market, reading: Reading) -> None:
        """Lines say nothing of passing time."""

    @contextmanager
    def open(self) -> Generator[None]:
        yield

    def _line(self, quote: Quote) -> str:
        raise NotImplementedError


class LinesDisplay(_StreamDisplay):
    """``12:34:56.789  binance   BTC-USDT  bid 61837.63 x 3.788  ask …``; what is not live says why instead, and what
    nothing proves says so at the end.
    """

    def _line(self, quote: Quote) -> str:
        book, top = quote.book, quote.top
        time = utc_of(book.received_time or book.status_since)
        head = f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}  {book.exchange:<10} {padded(book.symbol, 10)} "
        if not quote.is_live:
            reason = f" ({quote.reason})" if quote.reason else ""
            return f"{head} {quote.status}{reason}"
        bid = f"bid {top.best_bid} x {top.best_bid_size}" if top.best_bid else "no bid"
        ask = f"ask {top.best_ask} x {top.best_ask_size}" if top.best_ask else "no ask"
        middle = f"  mid {plain(top.mid)}  spread {plain(top.spread)} ({top.spread_percent:f}%)" if top.mid else ""
        return f"{head} {bid}  {ask}{middle}{'' if book.can_prove else '  unproven'}"


class JsonDisplay(_StreamDisplay):
    """One object a line; decimals are strings, what is not known is null."""

    def _line(self, quote: Quote) -> str:
        book, top = quote.book, quote.top
        return msgspec.json.encode(
            {
                "exchange": book.exchange,
                "symbol": book.symbol,
                "status": quote.status,
                "reason": quote.reason,
                "best_bid": top.best_bid,
                "best_bid_size": top.best_bid_size,
                "best_ask": top.best_ask,
                "best_ask_size": top.best_ask_size,
                "mid": plain(top.mid),
                "spread": plain(top.spread),
                "spread_percent": None if top.spread_percent is None else format(top.spread_percent, "f"),
                "event_time": book.event_time,
                "received_time": book.received_time,
                "sequence": book.sequence,
                "epoch": book.epoch,
                "publish_seq": book.publish_seq,
                "proof": book.proof,
                "proven_levels": book.proven_levels,
            }
        ).decode()

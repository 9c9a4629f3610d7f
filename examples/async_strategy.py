"""The skeleton of a strategy on two venues: a signal only while both books are live and fresh.

    python examples/async_strategy.py localhost:19092 binance:BTC-USDT coinbase:BTC-USD

It prints each change between ``on`` and ``off`` (with the reason), and while on, once a second, how far the first mid
lies above the second. USDT is not USD: where the quote currencies differ, that premium holds the USDT/USD basis too, so
it is no edge that could be traded away, and is marked as such.
"""

import argparse
import time
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal

import anyio

from market_data import AppError, NormalizedBook, read_books

__all__ = ["difference", "premium", "trouble"]

LOOK_SECONDS = 0.1
"""A leg grows old without a record too: look at least so often."""
TELL_SECONDS = 1.0


def trouble(book: NormalizedBook | None, now: int, max_age: int) -> str | None:
    """Tell why a leg cannot be relied on; None if it can. ``now`` and ``max_age`` are µs.

    Age compares this machine's clock with the producer's: keep both on NTP.
    """
    if book is None:
        return "no record yet"
    if not book.is_live:
        return f"{book.status} ({book.reason})" if book.reason else book.status
    if book.mid is None:
        return "one side is empty"
    age = now - (book.received_time or 0)
    return f"older than {max_age / 1e6:g} s" if age > max_age else None


def premium(first: Decimal, second: Decimal) -> Decimal:
    """Give how far the first price lies above the second, in basis points."""
    return (first / second - 1) * 10_000


def difference(first: NormalizedBook, second: NormalizedBook) -> str:
    """Word the premium of two live books with both sides."""
    if first.mid is None or second.mid is None:
        raise ValueError("expected books that have a mid")
    words = f"{first.key} {first.mid} over {second.key} {second.mid}: {premium(first.mid, second.mid):+.2f} bps"
    quotes = [book.symbol.partition("-")[2] for book in (first, second)]
    return words if quotes[0] == quotes[1] else f"{words}, {quotes[0]}/{quotes[1]} basis included: no edge"


def state_of(legs: Mapping[str, NormalizedBook | None], max_age: int) -> str | None:
    """Tell what keeps the signal off, leg by leg; None if nothing does."""
    now = time.time_ns() // 1000
    found = ((key, trouble(book, now, max_age)) for key, book in legs.items())
    return ", ".join(f"{key}: {what}" for key, what in found if what is not None) or None


async def follow(brokers: str, pair: tuple[str, str], max_age: int, topic: str | None) -> None:
    """React to the books of both legs until cancelled.

    Raises:
        SystemExit: a record is missing, doubled or out of order.
        AppError: the broker cannot be read, or an instrument makes no sense.
    """
    legs: dict[str, NormalizedBook | None] = dict.fromkeys(pair)
    said: str | None = ""  # nothing yet: neither on nor off
    tell_at = 0.0
    async with read_books(brokers, instruments=pair, topic=topic) as books:
        while True:
            with anyio.move_on_after(LOOK_SECONDS):
                book = await anext(books)
                legs[book.key] = book
            if not books.proof.is_proven:
                raise SystemExit("async_strategy: records are missing, doubled or out of order: stop and look")
            state = state_of(legs, max_age)
            if state != said:
                print("on" if state is None else f"off {state}", flush=True)
                said = state
            first, second = legs.values()
            if state is None and first and second and time.monotonic() >= tell_at:
                tell_at = time.monotonic() + TELL_SECONDS
                print(difference(first, second), flush=True)


def main() -> None:
    """Follow two instruments until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("brokers", help="host:port, several with commas")
    parser.add_argument("first", nargs="?", default="binance:BTC-USDT")
    parser.add_argument("second", nargs="?", default="coinbase:BTC-USD")
    parser.add_argument("--max-age", type=float, default=2.0, metavar="SECONDS", help="of a quote to act on (2)")
    parser.add_argument("--topic", help="by default market.books.v1")
    arguments = parser.parse_args()
    pair, max_age = (arguments.first, arguments.second), int(arguments.max_age * 1e6)
    try:
        with suppress(KeyboardInterrupt):
            anyio.run(follow, arguments.brokers, pair, max_age, arguments.topic)
    except AppError as error:
        raise SystemExit(f"async_strategy: {error}") from error


if __name__ == "__main__":
    main()

"""cryptofeed: its Binance feed, given each frame as its connection would."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version

from cryptofeed.defines import BINANCE, L2_BOOK
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols
from cryptofeed.types import OrderBook
from worker import Pass, work
from yapic import json

_NAME = f"cryptofeed {version('cryptofeed')}"
_DEPTH = 20
_TIME = 1_700_000_000.0


async def _keep(_book: OrderBook, _: float) -> None:
    """Do nothing."""


async def _write_top(book: OrderBook, _: float) -> None:
    """Write the best levels as texts, as fast as its book can be read."""
    bids, asks = book.book.bids.to_list(), book.book.asks.to_list()
    json.dumpb(
        {
            "symbol": book.symbol,
            "bids": [(str(price), str(size)) for price, size in bids],
            "asks": [(str(price), str(size)) for price, size in asks],
            "sequence": book.sequence_number,
        }
    )


async def _write_all(book: OrderBook, received: float) -> None:
    """Write what its Kafka backend writes when it is told to send snapshots only."""
    data = book.to_dict(numeric_type=float, none_to=None)
    del data["delta"]
    data["receipt_timestamp"] = received
    json.dumpb(data)


def _pass(callback: object, snapshot: bytes, frames: Sequence[bytes]) -> Pass:
    feed = Binance(symbols=["BTC-USDT"], channels=[L2_BOOK], callbacks={L2_BOOK: callback}, max_depth=_DEPTH)
    feed._reset()
    feed._l2_book.clear()

    async def answer(_: str) -> str:
        return snapshot.decode()

    feed.http_conn.read = answer
    texts = [frame.decode() for frame in frames]

    async def run() -> None:
        for text in texts:
            await feed.message_handler(text, None, _TIME)

    def top() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        book = feed._l2_book["BTC-USDT"].book
        bids, asks = ([(str(price), str(size)) for price, size in side.to_list()] for side in (book.bids, book.asks))
        return bids[:_DEPTH], asks[:_DEPTH]

    return lambda: asyncio.run(run()), top


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    Symbols.set(BINANCE, {"BTC-USDT": "BTCUSDT"}, {"instrument_type": {"BTC-USDT": "spot"}})
    said = "its Binance handler (decodes, checks the ids, keeps its book of Decimals, in C)"
    work(
        {
            f"{_NAME}, book alone": (f"{said}; nothing taken from the book", partial(_pass, _keep)),
            f"{_NAME}, top 20 by hand": (
                f"{said}; the best 20 taken as fast as can be, as JSON; no record",
                partial(_pass, _write_top),
            ),
            f"{_NAME}, to_dict": (
                f"{said}; its own to_dict of 20 levels as JSON, as its Kafka backend writes snapshots, in floats",
                partial(_pass, _write_all),
            ),
        }
    )

"""nautilus_trader: its types of Binance's frames, its deltas and its book, from Python."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version

import msgspec
from nautilus_trader.adapters.binance.common.schemas.market import (
    BinanceOrderBookData,
    BinanceOrderBookDelta,
    BinanceOrderBookMsg,
)
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import InstrumentId
from worker import Pass, work

_NAME = f"nautilus_trader {version('nautilus_trader')}"
_ID = InstrumentId.from_str("BTCUSDT.BINANCE")
_DEPTH = 20


class _Snapshot(msgspec.Struct):
    lastUpdateId: int
    bids: list[BinanceOrderBookDelta]
    asks: list[BinanceOrderBookDelta]


def _begin(snapshot: bytes) -> tuple[OrderBook, int]:
    held = msgspec.json.decode(snapshot, type=_Snapshot)
    whole = BinanceOrderBookData(e="", E=0, s="", U=0, u=held.lastUpdateId, b=held.bids, a=held.asks)
    book = OrderBook(_ID, BookType.L2_MBP)
    book.apply_deltas(whole.parse_to_order_book_deltas(_ID, 0, snapshot=True))
    return book, held.lastUpdateId


def _top(book: OrderBook) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Take the best levels as texts: ``bids()`` gives all, of which most are not looked at."""
    bids, asks = (
        [(str(level.price), str(level.orders()[0].size)) for level in side[:_DEPTH]]
        for side in (book.bids(), book.asks())
    )
    return bids, asks


def _pass(with_top: bool, snapshot: bytes, frames: Sequence[bytes]) -> Pass:  # noqa: FBT001 - bound by name below
    book, last_id = _begin(snapshot)
    decode = msgspec.json.Decoder(BinanceOrderBookMsg).decode
    encode = msgspec.json.Encoder().encode

    def run() -> None:
        for frame in frames:
            data = decode(frame).data
            if data.u <= last_id:
                continue
            book.apply_deltas(data.parse_to_order_book_deltas(instrument_id=_ID, ts_init=0))
            if with_top:
                encode(_top(book))

    return run, lambda: _top(book)


if __name__ == "__main__":
    said = "its adapter's types of Binance's frames, its OrderBookDeltas, its OrderBook; no proof of continuity"
    work(
        {
            f"{_NAME}, book alone": (f"{said}; nothing taken from the book", partial(_pass, False)),
            f"{_NAME}, top 20": (
                f"{said}; the best 20 of its bids() and asks() as JSON; no record",
                partial(_pass, True),
            ),
        }
    )

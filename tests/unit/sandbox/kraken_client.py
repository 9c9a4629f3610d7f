"""A naive client of Kraken: what it rebuilds is compared with the sandbox's truth. It shares no code with it.

Numbers are kept as their text; the checksum is computed bit by bit, as the venue's guide says it.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
from tests.unit.sandbox.sandbox_clients import NaiveBook
from websockets.asyncio.client import ClientConnection

from market_data_sandbox import Truth

__all__ = ["KrakenClient", "crc_of", "read", "receive_text", "subscribe"]


def subscribe(*names: str, depth: int | None = None, method: str = "subscribe", **more: object) -> dict[str, Any]:
    """Write a subscription of books, or its end."""
    depths = {} if depth is None else {"depth": depth}
    return {"method": method, "params": {"channel": "book", "symbol": list(names), **depths, **more}}


def read(text: str | bytes) -> Any:
    """Read a message; numbers with a point stay text."""
    return json.loads(text, parse_float=str)


async def receive_text(websocket: ClientConnection) -> Any:
    """Receive a message; numbers with a point stay text."""
    return read(await websocket.recv())


def crc_of(bids: Iterable[tuple[str, str]], asks: Iterable[tuple[str, str]]) -> int:
    """Compute the checksum of best levels, best first: at most ten of each side count."""
    numbers = [number for side in (asks, bids) for level in list(side)[:10] for number in level]
    text = "".join(str(int(number.replace(".", ""))) for number in numbers)
    crc = 0xFFFFFFFF
    for byte in text.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@attrs.define
class KrakenClient:
    """Follows books at one depth, cuts them to it, and counts what agrees with the checksums and with the truth."""

    truth: Truth | None
    depth: int
    books: dict[str, NaiveBook] = attrs.field(factory=dict)
    times: dict[str, int] = attrs.field(factory=dict)
    """Time of the last message of each book, µs."""
    wrong: list[str] = attrs.field(factory=list)
    """Names of the books whose checksum did not agree, one for each time."""
    agreed: int = 0

    def frame(self, frame: dict[str, Any]) -> None:
        if frame.get("channel") != "book":
            return
        (told,) = frame["data"]
        name = told["symbol"]
        if frame["type"] == "snapshot":
            self.books[name] = NaiveBook()
        book = self.books[name]
        book.apply(*([(one["price"], one["qty"]) for one in told[side]] for side in ("bids", "asks")))
        self._cut(book)
        moment = datetime.fromisoformat(told["timestamp"])
        self.times[name] = int(moment.timestamp()) * 10**6 + moment.microsecond
        if crc_of(*book.top(10)) != told["checksum"]:
            self.wrong.append(name)
            return
        self.agreed += 1
        assert not book.is_crossed

    def is_true(self, name: str) -> bool:
        """Tell whether the best levels of a book, as many as are told and 20 at most, are the true ones."""
        assert self.truth is not None
        (record,) = self.truth.find("kraken", name.replace("/", "-"), self.times[name])
        assert record.event_time == self.times[name]
        count = min(self.depth, 20)
        return (record.bids[:count], record.asks[:count]) == self.books[name].top(count)

    def _cut(self, book: NaiveBook) -> None:
        for side, is_bids in ((book.bids, True), (book.asks, False)):
            kept: set[Decimal] = set(sorted(side, reverse=is_bids)[: self.depth])
            for price in side.keys() - kept:
                del side[price]

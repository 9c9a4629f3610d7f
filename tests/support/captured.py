"""Books as they were on the real venues: the captures beside the repository, rebuilt as simply as can be."""

import json
from collections.abc import Iterator

from tests.support.captures import capture, lines
from tests.support.naive import NaiveBook
from tests.support.raw import tuples
from tests.support.venues import BINANCE, BYBIT, COINBASE, KRAKEN, OKX_SPOT, instrument

from market_data.domain.events import Change, Snapshot
from market_data.domain.instrument import Instrument
from market_data.domain.normalized import Levels

__all__ = ["CAPTURED", "captured_books"]

CAPTURED = {
    "binance": (BINANCE, ("binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz")),
    "bybit": (BYBIT, ("bybit/v5_rerendered_l2_25_20210417.gz",)),
    "coinbase": (COINBASE, ("coinbase_advanced/rerendered_from_pro_20210417.gz",)),
    "kraken": (KRAKEN, ("kraken/v2_rerendered_book1000_20210417.gz",)),
    "okx": (OKX_SPOT, ("okx/v5_rerendered_seq_20220513.gz",)),
}
"""The venues of which there are changes of whole books, and their files in order."""

_BINANCE_SNAPSHOT = b'{"lastUpdateId"'


def captured_books(name: str, every: int = 1) -> Iterator[tuple[str, Levels, Levels]]:
    """Give, after each change or each so many, whose book it is (the venue's own id) and its best twenty levels.

    The test is skipped where the captures are not.
    """
    venue, files = CAPTURED[name]
    frames = [line for file in files for line in lines(capture(file))]
    frames.sort(key=lambda frame: not frame.startswith(_BINANCE_SNAPSHOT))  # it was fetched late; its id tells the rest
    opened = venue.session(_instruments(name, frames))
    opened.opening()
    books: dict[str, NaiveBook] = {}
    count, known = 0, -1
    for frame in frames:
        if frame.startswith(_BINANCE_SNAPSHOT):
            snapshot = json.loads(frame)
            known = snapshot["lastUpdateId"]
            books["BTCUSDT"] = NaiveBook()
            books["BTCUSDT"].replace(snapshot["bids"], snapshot["asks"])
            continue
        for event in opened.read(frame):
            if isinstance(event, Snapshot):
                books[event.native] = NaiveBook()
                books[event.native].replace(tuples(event.bids), tuples(event.asks))
            elif isinstance(event, Change) and event.native in books and event.last_id > known:
                books[event.native].apply(tuples(event.bids), tuples(event.asks))
            else:
                continue
            count += 1
            if count % every == 0:
                yield event.native, *books[event.native].top(20)


def _instruments(name: str, frames: list[bytes]) -> list[Instrument]:
    if name == "binance":
        return [instrument("binance:BTC-USDT")]
    return [Instrument(name, native, native) for native in sorted(_natives(frames))]


def _natives(frames: list[bytes]) -> set[str]:
    """Find all ids of instruments in frames."""
    found: set[str] = set()
    for frame in frames:
        told = json.loads(frame)
        data = told.get("data") or [{}]
        found.add(told.get("arg", {}).get("instId", ""))
        found.update(event.get("product_id", "") for event in told.get("events", ()))
        found.update(part.get("s") or part.get("symbol") or "" for part in (data if isinstance(data, list) else [data]))
    return found - {""}

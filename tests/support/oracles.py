"""The real captures beside the project, and a naive rebuild of them: the oracle that the program is compared with.

The rebuild shares nothing with the program: it parses by ``json``, keeps a dict by price text and sorts by ``Decimal``.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from heapq import nlargest, nsmallest
from pathlib import Path
from typing import Any

import attrs
import pytest

__all__ = ["CAPTURES", "BinanceCapture", "CoinbaseCapture", "NaiveRebuild", "Top", "captures_or_skip"]

CAPTURES = Path(__file__).parents[3] / "shared" / "captures"
BINANCE = ("binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz")
COINBASE = "coinbase_advanced/rerendered_from_pro_20210417.gz"

Top = tuple[tuple[tuple[Decimal, Decimal], ...], tuple[tuple[Decimal, Decimal], ...]]


def captures_or_skip() -> Path:
    """Give the folder of the captures, or skip the test, saying so."""
    if not CAPTURES.is_dir():
        pytest.skip("the captures (../shared/captures) are absent")
    return CAPTURES


@attrs.frozen
class Frame:
    """One recorded frame."""

    received: int
    """µs UTC."""
    payload: bytes
    is_depth: bool
    is_snapshot: bool


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with gzip.open(path, "rb") as file:
        for line in file:
            received, _, payload = line.strip().partition(b" ")
            yield int(received) // 1000, payload


@attrs.frozen
class BinanceCapture:
    """Both files, one run."""

    frames: list[Frame]
    ticks: dict[int, tuple[str, str, str, str]]
    """``@bookTicker`` by update id: bid, its size, ask, its size."""

    @classmethod
    def load(cls) -> "BinanceCapture | None":
        """Read the files; None where they are absent."""
        return cls.read([CAPTURES / name for name in BINANCE]) if CAPTURES.is_dir() else None

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "BinanceCapture":
        """Read files that are one run."""
        frames: list[Frame] = []
        ticks: dict[int, tuple[str, str, str, str]] = {}
        for path in paths:
            for received, payload in _lines(path):
                is_depth = b"@depth" in payload[:60]
                frames.append(Frame(received, payload, is_depth, payload.startswith(b'{"lastUpdateId"')))
                if b"@bookTicker" in payload[:60]:
                    tick = json.loads(payload)["data"]
                    ticks[tick["u"]] = (tick["b"], tick["B"], tick["a"], tick["A"])
        return cls(frames, ticks)


class NaiveRebuild:
    """The book that the recorded snapshot and diffs make, as simply as can be."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, tuple[str, str]] = {}
        self.asks: dict[Decimal, tuple[str, str]] = {}
        self.sequence = -1
        self._early: list[dict[str, Any]] = []

    @property
    def is_ready(self) -> bool:
        """Tell whether the snapshot was reached."""
        return self.sequence >= 0

    def take(self, frame: Frame) -> None:
        """Take the next recorded frame."""
        if frame.is_snapshot:
            snapshot = json.loads(frame.payload)
            self.bids, self.asks = (
                {Decimal(price): (price, size) for price, size in snapshot[side]} for side in ("bids", "asks")
            )
            self.sequence = snapshot["lastUpdateId"]
            for event in self._early:
                self._apply(event)
        elif frame.is_depth:
            event = json.loads(frame.payload)["data"]
            if self.is_ready:
                self._apply(event)
            else:
                self._early.append(event)

    def _apply(self, event: dict[str, Any]) -> None:
        if event["u"] <= self.sequence:
            return
        for side, changes in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, size in changes:
                key = Decimal(price)
                side.pop(key, None)
                if Decimal(size):
                    side[key] = (price, size)
        self.sequence = event["u"]

    def sorted(self, levels: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Give the best levels of both sides, best first."""
        bids = [self.bids[price] for price in nlargest(levels, self.bids)]
        asks = [self.asks[price] for price in nsmallest(levels, self.asks)]
        return bids, asks

    def depth(self, levels: int) -> bytes:
        """Answer ``/depth`` as the venue would."""
        bids, asks = self.sorted(levels)
        return json.dumps({"lastUpdateId": self.sequence, "bids": bids, "asks": asks}).encode()

    def top(self) -> Top:
        """Give the best 20 levels of both sides as numbers."""
        return numbers(self.sorted(20))


def numbers(ladders: Any) -> Top:
    """Turn two ladders of text into numbers."""
    bids, asks = (tuple((Decimal(price), Decimal(size)) for price, size in side) for side in ladders)
    return bids, asks


@attrs.frozen
class CoinbaseCapture:
    """The re-rendered capture: for each product, its books in order, one for each frame that holds it."""

    tops: dict[str, list[Top]]

    @classmethod
    def load(cls) -> "CoinbaseCapture":
        """Read the file and rebuild every book naively."""
        books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
        tops: dict[str, list[Top]] = {}
        for _, payload in _lines(CAPTURES / COINBASE):
            message = json.loads(payload)
            if message["channel"] != "l2_data":
                continue
            for event in message["events"]:
                product = event["product_id"]
                if event["type"] == "snapshot":
                    books[product] = ({}, {})
                bids, asks = books[product]
                for update in event["updates"]:
                    side = bids if update["side"] == "bid" else asks
                    price, size = Decimal(update["price_level"]), Decimal(update["new_quantity"])
                    side.pop(price, None)
                    if size:
                        side[price] = size
                tops.setdefault(product, []).append(
                    (tuple(nlargest(20, bids.items())), tuple(nsmallest(20, asks.items())))
                )
        return cls(tops)

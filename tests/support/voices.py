"""What each venue says on its wire when it is well, when it loses a frame, and when it refuses: for any test that plays
a dialect's own frames through the core.

A ``Market`` is the truth, and outlives connections. A ``Voice`` is the venue on one connection: it answers what it is
sent, tells of changes, and serves books. A new dialect is one more voice, and one more line in ``VOICES``.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

import attrs
from tests.support import bitstamp, kraken
from tests.support.naive import NaiveBook
from tests.support.venues import (
    BINANCE,
    BYBIT,
    COINBASE,
    OKX_SPOT,
    binance_book,
    binance_event,
    bybit_book,
    bybit_frame,
    coinbase_event,
    coinbase_frame,
    instrument,
    okx_book,
    okx_frame,
)

from market_data.application.ports import Venue
from market_data.domain.instrument import Instrument
from market_data.domain.levels import Level

__all__ = ["VOICES", "Market", "Voice"]

_LEVELS = 30
_FEWEST = 25
_STEP_MS = 100
_FIRST_ID = 1000

Sides = tuple[Sequence[Level], Sequence[Level]]


@attrs.define
class Market:
    """The true books by native id, and what the venue thinks of who asks for them."""

    instruments: Sequence[Instrument]
    random: Random = attrs.field(factory=lambda: Random(5))
    books: dict[str, NaiveBook] = attrs.field(factory=dict)
    ids: dict[str, int] = attrs.field(factory=dict)
    """The last id given, by native id."""
    time_ms: int = 1_700_000_000_000
    refused: Collection[str] = ()
    """Native ids that the venue does not send."""
    is_mute: bool = False
    """It answers nothing at all."""

    def __attrs_post_init__(self) -> None:
        for each in self.instruments:
            self.books[each.native] = NaiveBook()
            bids = [(f"{1000 - at}", f"{1 + at}.5") for at in range(_LEVELS)]
            asks = [(f"{1001 + at}", f"{1 + at}.5") for at in range(_LEVELS)]
            self.books[each.native].replace(bids, asks)
            self.ids[each.native] = _FIRST_ID

    def move(self, native: str) -> Sides:
        """Change one level a side, near the best, as a venue would say it."""
        self.time_ms += _STEP_MS
        book = self.books[native]
        changes: tuple[list[Level], list[Level]] = ([], [])
        for side, prices, changed in (
            (book.bids, range(1000, 970, -1), changes[0]),
            (book.asks, range(1001, 1031), changes[1]),
        ):
            price = str(prices[self.random.randrange(5)])
            held = any(level[0] == price for level in side.levels.values())
            is_leaving = held and len(side.levels) > _FEWEST and self.random.random() < 0.4
            size = "0" if is_leaving else f"{self.random.randrange(1, 10_000)}.25"
            changed.append((price, size))
            side.apply(changed)
        return changes

    @property
    def time(self) -> str:
        """The venue's time, RFC 3339."""
        return datetime.fromtimestamp(self.time_ms / 1000, UTC).isoformat()

    def whole(self, native: str) -> Sides:
        """Give all levels of a book."""
        return self.books[native].top(_LEVELS)


class Voice(ABC):
    """A venue on one connection."""

    venue: ClassVar[Venue]
    symbols: ClassVar[Sequence[str]] = ("BTC-USDT", "ETH-USDT")
    names_first: ClassVar[bool] = True
    """A frame says whose it is before its levels."""
    spares_others: ClassVar[bool] = False
    """What it refuses of one instrument costs the others of the connection nothing in the end."""

    def __init__(self, market: Market) -> None:
        self.market = market

    @classmethod
    def open_market(cls) -> Market:
        """Make the market that this venue's connections show."""
        return Market([instrument(f"{cls.venue.name}:{symbol}") for symbol in cls.symbols])

    @abstractmethod
    def answer(self, message: str) -> Sequence[bytes]:
        """Say what follows one message: acknowledgement or refusal, and the book where it comes in band."""

    @abstractmethod
    def change(self, native: str) -> bytes:
        """Let the market move, and tell of it."""

    @abstractmethod
    def book(self, native: str, levels: int) -> bytes:
        """Serve a book over REST."""


class BinanceVoice(Voice):
    """Snapshots are fetched; events cover ranges of ids."""

    venue = BINANCE

    def answer(self, message: str) -> Sequence[bytes]:
        sent = json.loads(message)
        streams = {f"{native.lower()}@depth@100ms" for native in self.market.refused}
        if sent["method"] == "SUBSCRIBE" and streams & set(sent["params"]):
            return [_json({"code": 2, "msg": "Invalid request", "id": sent["id"]})]
        return [_json({"result": None, "id": sent["id"]})]

    def change(self, native: str) -> bytes:
        first = self.market.ids[native] + 1
        self.market.ids[native] += 3
        return binance_event(native, first, first + 2, *self.market.move(native), self.market.time_ms)

    def book(self, native: str, levels: int) -> bytes:
        return binance_book(self.market.ids[native], *self.market.books[native].top(levels))


class CoinbaseVoice(Voice):
    """Every frame of the connection is numbered."""

    venue = COINBASE
    symbols = ("BTC-USD", "ETH-USD")

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._number = -1

    def answer(self, message: str) -> Sequence[bytes]:
        sent = json.loads(message)
        if sent["channel"] != "level2":
            return [self._frame([{"subscriptions": {"heartbeats": ["heartbeats"]}}], "subscriptions")]
        if set(sent["product_ids"]) & set(self.market.refused):
            return [_json({"type": "error", "message": "Failed to subscribe"})]
        books = [
            self._frame([coinbase_event("snapshot", native, *self.market.whole(native), self.market.time)])
            for native in sent["product_ids"]
        ]
        return [*books, self._frame([{"subscriptions": {"level2": sent["product_ids"]}}], "subscriptions")]

    def change(self, native: str) -> bytes:
        return self._frame([coinbase_event("update", native, *self.market.move(native), self.market.time)])

    def book(self, native: str, levels: int) -> bytes:
        sides = [
            [{"price": price, "size": size} for price, size in side] for side in self.market.books[native].top(levels)
        ]
        return _json({"pricebook": {"product_id": native, "bids": sides[0], "asks": sides[1]}})

    def _frame(self, events: Sequence[dict[str, Any]], channel: str = "l2_data") -> bytes:
        self._number += 1
        return coinbase_frame(self._number, events, channel)


class OKXVoice(Voice):
    """Each update names the id of the one before; ids leap, and step back."""

    venue = OKX_SPOT
    spares_others = True
    sends_snapshots: ClassVar[bool] = True

    def answer(self, message: str) -> Sequence[bytes]:
        if message == "ping":
            return [b"pong"]
        sent = json.loads(message)
        return [
            frame
            for argument in sent["args"]
            for frame in self._answer(sent["op"], argument, {"id": sent["id"], "connId": "32f4414f"})
        ]

    def _answer(self, verb: str, argument: dict[str, str], rest: dict[str, str]) -> Sequence[bytes]:
        native = argument["instId"]
        if native in self.market.refused:
            text = f"channel:books,instId:{native} doesn't exist"
            return [_json({"event": "error", "code": "60018", "msg": text, **rest})]
        acknowledged = _json({"event": verb, "arg": argument, **rest})
        if verb == "unsubscribe" or not self.sends_snapshots:
            return [acknowledged]
        bids, asks = self.market.whole(native)
        last, time = self.market.ids[native], self.market.time_ms
        return [acknowledged, okx_frame(native, -1, last, bids, asks, time, action="snapshot")]

    def change(self, native: str) -> bytes:
        previous = self.market.ids[native]
        self.market.ids[native] += self.market.random.choice((8, 53, 79, -17))
        return okx_frame(native, previous, self.market.ids[native], *self.market.move(native), self.market.time_ms)

    def book(self, native: str, levels: int) -> bytes:
        return okx_book(self.market.ids[native], *self.market.books[native].top(levels), self.market.time_ms)


class OKXVoiceWithoutSnapshots(OKXVoice):
    """As the venue has announced: the stream begins with an update."""

    sends_snapshots = False


class BybitVoice(Voice):
    """Each topic counts its frames."""

    venue = BYBIT
    spares_others = True

    def answer(self, message: str) -> Sequence[bytes]:
        sent = json.loads(message)
        if sent["op"] == "ping":
            return [b'{"success":true,"ret_msg":"pong","conn_id":"1","op":"ping"}']
        natives = [topic.rpartition(".")[2] for topic in sent["args"]]
        refused = [topic for topic, native in zip(sent["args"], natives, strict=True) if native in self.market.refused]
        if refused and sent["op"] == "subscribe":
            text = f"Invalid symbol :[{refused[0]}]"
            return [_json({"success": False, "ret_msg": text, "conn_id": "1", "op": "subscribe"})]
        done = {"success": True, "ret_msg": sent["op"], "conn_id": "1", "req_id": sent["req_id"], "op": sent["op"]}
        frames = [_json(done)]
        if sent["op"] == "subscribe":
            frames += [self._frame(native, *self.market.whole(native), "snapshot") for native in natives]
        return frames

    def change(self, native: str) -> bytes:
        self.market.ids[native] += 1
        return self._frame(native, *self.market.move(native), "delta")

    def _frame(self, native: str, bids: Sequence[Level], asks: Sequence[Level], kind: str) -> bytes:
        return bybit_frame(native, self.market.ids[native], bids, asks, self.market.time_ms, kind=kind)

    def book(self, native: str, levels: int) -> bytes:
        return bybit_book(native, *self.market.books[native].top(levels), self.market.time_ms)


class KrakenVoice(Voice):
    """Each message has the checksum of the best ten levels; what falls out of them is not told."""

    venue = kraken.KRAKEN

    @classmethod
    def open_market(cls) -> Market:
        return Market([kraken.BTC, kraken.ETH])

    def answer(self, message: str) -> Sequence[bytes]:
        sent = json.loads(message)
        verb, number = sent["method"], sent["req_id"]
        frames: list[bytes] = []
        for native in sent["params"]["symbol"]:
            if native not in self.market.refused:
                frames.append(kraken.acknowledgement(native, method=verb, number=number))
                frames += [self._frame("snapshot", native, *self._best(native))] if verb == "subscribe" else []
            elif verb == "subscribe":
                text = f"Currency pair not supported {native}"
                frames.append(_json({"error": text, "method": verb, "req_id": number, "success": False}))
        return frames

    def change(self, native: str) -> bytes:
        before = self._best(native)
        self.market.move(native)
        book, after = self.market.books[native], self._best(native)
        told: list[list[Level]] = []
        for side, old, new in zip((book.bids, book.asks), before, after, strict=True):
            held = {level[0] for level in side.levels.values()}
            told.append([*((price, "0") for price, _ in old if price not in held), *(set(new) - set(old))])
        return self._frame("update", native, told[0], told[1])

    def _best(self, native: str) -> Sides:
        return self.market.books[native].top(10)

    def _frame(self, kind: str, native: str, bids: Sequence[Level], asks: Sequence[Level]) -> bytes:
        checksum = kraken.naive_checksum(*self._best(native))
        return kraken.book_frame(kind, native, bids, asks, checksum, self.market.time)

    def book(self, native: str, levels: int) -> bytes:
        sides = [[[*level, 0] for level in side] for side in self.market.books[native].top(levels)]
        return _json({"error": [], "result": {native: {"bids": sides[0], "asks": sides[1]}}})


class BitstampVoice(Voice):
    """Each message is the whole of the best levels; a quiet market says nothing, not even at first."""

    venue = bitstamp.BITSTAMP
    names_first = False

    @classmethod
    def open_market(cls) -> Market:
        return Market([bitstamp.BTC, bitstamp.ETH])

    def answer(self, message: str) -> Sequence[bytes]:
        sent = json.loads(message)
        if sent["event"] == "bts:heartbeat":
            return [b'{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}']
        native = sent["data"]["channel"].removeprefix("order_book_")
        if sent["event"] != "bts:subscribe":
            return [_json({"event": "bts:unsubscription_succeeded", **sent["data"], "data": {}})]
        if native in self.market.refused:
            told = {"code": None, "message": "Invalid channel provided."}
            return [_json({"event": "bts:error", "channel": "", "data": told})]
        return [bitstamp.acknowledgement(native)]

    def change(self, native: str) -> bytes:
        self.market.move(native)
        return bitstamp.book_frame(native, self.market.time_ms * 1000, *self.market.whole(native))

    def book(self, native: str, levels: int) -> bytes:  # noqa: ARG002 - it is served whole
        bids, asks = self.market.whole(native)
        return _json({"microtimestamp": str(self.market.time_ms * 1000), "bids": bids, "asks": asks})


VOICES: Mapping[str, Sequence[type[Voice]]] = {
    "binance": (BinanceVoice,),
    "bitstamp": (BitstampVoice,),
    "bybit": (BybitVoice,),
    "coinbase": (CoinbaseVoice,),
    "kraken": (KrakenVoice,),
    "okx": (OKXVoice, OKXVoiceWithoutSnapshots),
}
"""By dialect: every way in which its venue is known to speak."""


def _json(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()

"""The few parts of the venues' messages that playing a recording must understand."""

import msgspec

from market_data_sandbox.book import Level
from market_data_sandbox.times import parse_rfc3339

__all__ = ["BinanceData", "BinanceFrame", "CoinbaseEvent", "CoinbaseFrame"]


class BinanceData(msgspec.Struct, rename={"time_ms": "E", "first_id": "U", "last_id": "u", "bids": "b", "asks": "a"}):
    """The payload of a stream's frame; `b` and `a` are levels in a depth update and texts in a book ticker."""

    time_ms: int = 0
    first_id: int = 0
    last_id: int = 0
    bids: msgspec.Raw = msgspec.Raw(b"[]")
    asks: msgspec.Raw = msgspec.Raw(b"[]")

    def bid_levels(self) -> tuple[Level, ...]:
        """Decode the buyers' levels of a depth update."""
        return _decode_levels(self.bids)

    def ask_levels(self) -> tuple[Level, ...]:
        """Decode the sellers' levels of a depth update."""
        return _decode_levels(self.asks)

    def levels(self) -> tuple[Level, ...]:
        """Decode all levels of a depth update."""
        return self.bid_levels() + self.ask_levels()


class BinanceFrame(msgspec.Struct, rename={"last_update_id": "lastUpdateId"}):
    """A frame of the combined stream, or a REST depth body in its place (`last_update_id` of 1 and more)."""

    stream: str = ""
    data: BinanceData = msgspec.field(default_factory=BinanceData)
    last_update_id: int = 0
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class CoinbaseUpdate(msgspec.Struct):
    """One level of an `l2_data` event."""

    side: str
    event_time: str
    price_level: str
    new_quantity: str


class CoinbaseEvent(msgspec.Struct):
    """One event of an `l2_data` frame: a product's snapshot or update."""

    type: str
    product_id: str
    updates: list[CoinbaseUpdate]

    def side(self, name: str) -> tuple[Level, ...]:
        """Give the levels of a side, in the order of the event."""
        return tuple((update.price_level, update.new_quantity) for update in self.updates if update.side == name)

    def levels(self) -> tuple[Level, ...]:
        """Give the levels of both sides."""
        return tuple((update.price_level, update.new_quantity) for update in self.updates)

    def time_ns(self) -> int | None:
        """Give the newest time of its levels; None when it has none, or only times that mean none (1970, year 1)."""
        # All levels of a frame have the same time, as far as anybody has seen: one look a distinct text is cheap.
        times = [parse_rfc3339(text) for text in {update.event_time for update in self.updates}]
        return max((time for time in times if time > 0), default=None)


class CoinbaseFrame(msgspec.Struct):
    """A frame of Coinbase Advanced Trade; the events of channels other than `l2_data` are left unread."""

    channel: str
    timestamp: str = "1970-01-01T00:00:00Z"
    events: list[msgspec.Raw] = []

    def l2_events(self) -> list[CoinbaseEvent]:
        """Decode the events of an `l2_data` frame."""
        return [_decode_event(event) for event in self.events]


_decode_levels = msgspec.json.Decoder(tuple[Level, ...]).decode
_decode_event = msgspec.json.Decoder(CoinbaseEvent).decode

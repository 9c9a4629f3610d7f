"""Frames and answers as the venues write them, and what the judge must know of each.

Nothing here is the program's: the texts are put together by hand.
"""

from collections.abc import Sequence

import attrs

__all__ = [
    "BinanceTexts",
    "CoinbaseTexts",
    "Frame",
    "KrakenTexts",
    "Ladder",
    "Part",
    "Texts",
    "Ticks",
    "as_numbers",
    "binance_book",
    "binance_event",
    "coinbase_book",
    "coinbase_event",
    "coinbase_frame",
    "coinbase_heartbeat",
    "iso_time",
    "pairs",
]

Ladder = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]
Ticks = Sequence[tuple[int, int]]
"""(tick, size) of one side."""

_DAY = 1_787_529_600_000_000
"""2026-08-24T00:00:00Z, µs."""


class Texts:
    """How a venue writes prices and sizes; each text is made once."""

    def __init__(self) -> None:
        self._levels: dict[tuple[int, int], tuple[str, str]] = {}
        self._json: dict[tuple[int, int], str] = {}

    def level(self, tick: int, size: int) -> tuple[str, str]:
        """Write one level."""
        known = self._levels.get((tick, size))
        if known is None:
            known = self._levels[tick, size] = (self.price(tick), self.size(size))
        return known

    def pair(self, tick: int, size: int) -> str:
        """Write one level as a JSON pair."""
        known = self._json.get((tick, size))
        if known is None:
            price, text = self.level(tick, size)
            known = self._json[tick, size] = f'["{price}","{text}"]'
        return known

    def price(self, tick: int) -> str:
        """Write a price."""
        raise NotImplementedError

    def size(self, size: int) -> str:
        """Write a size."""
        raise NotImplementedError


class BinanceTexts(Texts):
    """Always eight decimals."""

    def price(self, tick: int) -> str:
        return f"{tick // 100}.{tick % 100:02d}000000"

    def size(self, size: int) -> str:
        return f"{size}.00000000"


class CoinbaseTexts(Texts):
    """No zeros at the end."""

    def price(self, tick: int) -> str:
        whole, cents = divmod(tick, 100)
        return f"{whole}.{cents:02d}".rstrip("0") if cents else str(whole)

    def size(self, size: int) -> str:
        return f"0.{size}" if size else "0"


class KrakenTexts(Texts):
    """Always as many decimals as the market has."""

    def price(self, tick: int) -> str:
        return f"{tick // 100}.{tick % 100:02d}"

    def size(self, size: int) -> str:
        return f"{size}.00000000"


def as_numbers(ladder: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
    """Levels as numbers: the texts here are short enough for floats."""
    return [(float(price), float(size)) for price, size in ladder]


@attrs.define
class Part:
    """What a depth frame holds of one instrument."""

    instrument: int
    since: int
    """It holds the changes after this version; -1 in a snapshot."""
    version: int
    """The book's version once it is applied."""
    time: int | None
    """The venue's time in it, µs."""
    is_false: bool = False
    """A level in it is not what the market has."""
    sequence: int | None = None
    """What the record's is once it is applied, where the venue numbers each stream."""
    is_astray: bool = False
    """Its number does not follow what was said before."""


@attrs.define
class Frame:
    """One frame on its way."""

    payload: bytes
    parts: Sequence[Part] = ()
    number: int | None = None
    """Its place in the connection, where the venue counts frames."""
    era: int = 0
    """Which of the venue's sequences its ids belong to."""
    damage: str = ""
    """Empty, ``one`` (unreadable, but whose it is can be read), ``all``, or ``number`` (a level that is no number)."""


def pairs(texts: Texts, levels: Ticks) -> str:
    """Write levels as JSON pairs."""
    return ",".join([texts.pair(*each) for each in levels])


def binance_event(texts: Texts, native: str, first: int, last: int, bids: Ticks, asks: Ticks, time_ms: int) -> bytes:
    """Write a diff event of the combined stream."""
    pair = texts.pair
    below, above = ",".join([pair(*each) for each in bids]), ",".join([pair(*each) for each in asks])
    return (
        f'{{"stream":"{native.lower()}@depth@100ms","data":{{"e":"depthUpdate","E":{time_ms},"s":"{native}",'
        f'"U":{first},"u":{last},"b":[{below}],"a":[{above}]}}}}'
    ).encode()


def binance_book(texts: Texts, last: int, bids: Ticks, asks: Ticks) -> bytes:
    """Write the body of ``/api/v3/depth``."""
    pair = texts.pair
    below, above = ",".join([pair(*each) for each in bids]), ",".join([pair(*each) for each in asks])
    return f'{{"lastUpdateId":{last},"bids":[{below}],"asks":[{above}]}}'.encode()


def iso_time(venue_us: int) -> str:
    """Write a time of the one day on which all schedules take place."""
    seconds, micros = divmod(venue_us - _DAY, 1_000_000)
    return f"2026-08-24T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{micros:06d}Z"


def coinbase_event(
    texts: Texts, kind: str, native: str, bids: Ticks, asks: Ticks, time: str, ask: str = "offer"
) -> str:
    """Write one event of an l2_data frame."""
    level = texts.level
    updates = [
        f'{{"side":"{side}","event_time":"{time}","price_level":"{price}","new_quantity":"{size}"}}'
        for side, levels in (("bid", bids), (ask, asks))
        for price, size in [level(*each) for each in levels]
    ]
    return f'{{"type":"{kind}","product_id":"{native}","updates":[{",".join(updates)}]}}'


def coinbase_frame(channel: str, number: int, events: str) -> bytes:
    """Write one frame."""
    return (
        f'{{"channel":"{channel}","timestamp":"2026-08-24T22:34:13.793075885Z","sequence_num":{number},'
        f'"events":[{events}]}}'
    ).encode()


def coinbase_heartbeat(number: int) -> bytes:
    """Write a heartbeat."""
    beat = f'{{"current_time":"2026-08-24 20:28:53.16 +0000 UTC m=+75497.3","heartbeat_counter":{75_497 + number}}}'
    return coinbase_frame("heartbeats", number, beat)


def coinbase_book(texts: Texts, native: str, bids: Ticks, asks: Ticks, time: str) -> bytes:
    """Write the body of ``product_book``."""
    level = texts.level
    below, above = (
        ",".join([f'{{"price":"{price}","size":"{size}"}}' for price, size in [level(*each) for each in side]])
        for side in (bids, asks)
    )
    return (f'{{"pricebook":{{"product_id":"{native}","bids":[{below}],"asks":[{above}],"time":"{time}"}}}}').encode()

"""Kraken for tests: on an address that leads nowhere, its frames, real ones or as it writes them, and its checksum by
another way than the program's.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from zlib import crc32

from tests.support.captures import lines

from market_data.adapters.venues.kraken import Kraken
from market_data.adapters.venues.wire import Endpoint
from market_data.domain.instrument import Instrument
from market_data.domain.levels import Level

__all__ = [
    "BTC",
    "ETH",
    "KRAKEN",
    "acknowledgement",
    "best",
    "book_frame",
    "frames_of",
    "kraken_at",
    "naive_checksum",
    "narrowed",
]

_TIME = "2026-08-24T22:21:58.343688Z"
_FRAME = b'"frame": '


def kraken_at(levels: int | None) -> Kraken:
    """Make the venue, subscribed at a depth."""
    return Kraken(
        Endpoint(
            name="kraken",
            websocket_url="ws://127.0.0.1:9/v2",
            rest_url="http://127.0.0.1:9",
            instruments_per_connection=100,
            messages_per_second=5,
            request_weight_per_minute=60,
            book_levels=levels,
        )
    )


KRAKEN = kraken_at(None)
BTC = Instrument("kraken", "BTC-USD", "BTC/USD")
ETH = Instrument("kraken", "ETH-USD", "ETH/USD")


def frames_of(path: Path) -> Iterator[bytes]:
    """Give what was received, text for text, out of a recording with or without an envelope."""
    for line in lines(path):
        if not line.startswith(b'{"rx_ns"'):
            yield line
        elif b'"dir": "tx"' not in line:
            yield line[line.index(_FRAME) + len(_FRAME) : -1]


def naive_checksum(bids: Iterable[Level], asks: Iterable[Level]) -> int:
    """Compute it of any levels, sorted or not."""
    best_bids, best_asks = best(bids, 10, -1), best(asks, 10, 1)
    texts = [text for level in (*best_asks, *best_bids) for text in level]
    return crc32("".join(str(int(text.replace(".", ""))) for text in texts).encode())


def best(levels: Iterable[Level], count: int, sign: int) -> Sequence[Level]:
    """Give the best of a side: ``sign`` is -1 for bids, 1 for asks."""
    return sorted(levels, key=lambda level: sign * Decimal(level[0]))[:count]


def book_frame(
    kind: str, native: str, bids: Iterable[Level], asks: Iterable[Level], checksum: int, time: str = _TIME
) -> bytes:
    """Write a snapshot or an update, its numbers as they stand."""
    sides = [
        f'"{name}":[{",".join([f"""{{"price":{price},"qty":{size}}}""" for price, size in levels])}]'
        for name, levels in (("bids", bids), ("asks", asks))
    ]
    book = f'{{"symbol":"{native}",{",".join(sides)},"checksum":{checksum},"timestamp":"{time}"}}'
    return f'{{"channel":"book","type":"{kind}","data":[{book}]}}'.encode()


def acknowledgement(native: str, depth: int = 10, method: str = "subscribe", number: int = 1) -> bytes:
    """Write what answers a subscription of one symbol."""
    return (
        f'{{"method":"{method}","req_id":{number},"result":{{"channel":"book","depth":{depth},"snapshot":true,'
        f'"symbol":"{native}"}},"success":true,"time_in":"{_TIME}","time_out":"{_TIME}"}}'
    ).encode()


def narrowed(frames: Iterable[bytes], depth: int) -> Iterator[bytes]:
    """Make of real frames at a large depth those that the venue would send at a small one, with their real checksums.

    As measured: a level that falls out is not told, one that comes back in is sent again, and what does not change the
    best levels is no message.
    """
    held: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    shown: dict[str, list[dict[str, str]]] = {}
    for frame in frames:
        message = json.loads(frame, parse_float=str, parse_int=str)
        if message.get("channel") != "book":
            yield frame
            continue
        for book in message["data"]:
            native, is_snapshot = book["symbol"], message["type"] == "snapshot"
            sides = held[native] = ({}, {}) if is_snapshot else held[native]
            before = [{}, {}] if is_snapshot else shown[native]
            told: list[list[Level]] = []
            shown[native] = []
            for at, (name, sign) in enumerate((("bids", -1), ("asks", 1))):
                for level in book[name]:
                    sides[at][level["price"]] = level["qty"]
                    if not Decimal(level["qty"]):
                        del sides[at][level["price"]]
                after = dict(best(sides[at].items(), depth, sign))
                shown[native].append(after)
                gone = [(price, "0.00000000") for price in before[at] if price not in sides[at]]
                told.append([*gone, *(level for level in after.items() if before[at].get(level[0]) != level[1])])
            if is_snapshot or told[0] or told[1]:
                yield book_frame(message["type"], native, told[0], told[1], book["checksum"], book["timestamp"])

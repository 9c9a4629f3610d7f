"""Recorded frames of Bybit's topics `orderbook.N.SYMBOL`."""

import msgspec

from market_data_sandbox.book import Level
from market_data_sandbox.exchanges.instream import in_stream_format
from market_data_sandbox.recording import split_symbol
from market_data_sandbox.source import Change

__all__ = ["FORMAT"]


class _Data(msgspec.Struct, rename={"native": "s", "bids": "b", "asks": "a"}):
    native: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    u: int
    seq: int


class _Frame(msgspec.Struct):
    topic: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")
    cts: int = 0


_decode = msgspec.json.Decoder(_Frame).decode
_decode_data = msgspec.json.Decoder(_Data).decode


def _read(text: str) -> tuple[Change, str] | None:
    frame = _decode(text)
    if not frame.topic.startswith("orderbook."):
        return None
    data = _decode_data(frame.data)
    change = Change(
        symbol="-".join(split_symbol(data.native)),
        first_id=data.u,
        last_id=data.seq,
        time_ns=frame.cts * 10**6,
        bids=data.bids,
        asks=data.asks,
        replaces=frame.type == "snapshot",
    )
    return change, frame.topic


FORMAT = in_stream_format(lambda keys: bool(keys & {"topic", "ret_msg"}), _read)

"""Recorded frames of OKX's channel `books`."""

import msgspec

from market_data_sandbox.exchanges.instream import in_stream_format
from market_data_sandbox.source import Change

__all__ = ["FORMAT"]

_Level = tuple[str, str, str, str]


class _Argument(msgspec.Struct):
    channel: str = ""
    symbol: str = msgspec.field(default="", name="instId")


class _Data(msgspec.Struct):
    bids: list[_Level]
    asks: list[_Level]
    ts: str
    sequence: int = msgspec.field(name="seqId")
    before: int = msgspec.field(default=-1, name="prevSeqId")


class _Frame(msgspec.Struct):
    arg: _Argument = msgspec.field(default_factory=_Argument)
    action: str = ""
    data: list[_Data] = []


_decode = msgspec.json.Decoder(_Frame).decode


def _read(text: str) -> tuple[Change, str] | None:
    frame = _decode(text)
    if not frame.action or frame.arg.channel != "books":
        return None
    (data,) = frame.data
    change = Change(
        symbol=frame.arg.symbol,
        first_id=data.before,
        last_id=data.sequence,
        time_ns=int(data.ts) * 10**6,
        bids=tuple((price, size) for price, size, *_ in data.bids),
        asks=tuple((price, size) for price, size, *_ in data.asks),
        replaces=frame.action == "snapshot",
    )
    return change, frame.arg.channel


FORMAT = in_stream_format(lambda keys: "arg" in keys, _read)

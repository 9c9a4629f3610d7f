"""The record on the topic: NormalizedBook to bytes and back.

The value is one JSON object whose fields stand in the order of ``_Value``; ``normalized_book.schema.json`` beside this
file says the same for other programs. Fields may be added (``schema_version`` then grows, and readers ignore what they
do not know); a change of meaning is another topic, whose name ends in the next ``.vN``.
"""

import re
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from market_data.domain.errors import MalformedRecord
from market_data.domain.instrument import is_key
from market_data.domain.levels import EMPTY, NONE, Ladder, Level, Levels
from market_data.domain.normalized import (
    LARGEST_NUMBER,
    LATEST_TIME,
    MOST_KEYS,
    SCHEMA_NAME,
    SCHEMA_VERSION,
    BookStatus,
    NormalizedBook,
    Proof,
    Reason,
)

__all__ = ["HEADERS", "NAMELESS", "decode", "encode", "json_schema", "name_of", "read"]

HEADERS: list[tuple[str, bytes]] = [
    ("schema", SCHEMA_NAME.encode()),
    ("schema_version", str(SCHEMA_VERSION).encode()),
    ("content-type", b"application/json"),
]
"""Every record carries these; never changed after import."""
NAMELESS = "?"

_MAX_PROBLEM_LENGTH = 200
_MOST_LEVELS = 20
_NUMBER = r"[0-9]{1,40}+(?:\.[0-9]{1,40}+)?+"
_LEVEL = rf'\["{_NUMBER}","{_NUMBER}"\]'
_LEVELS = re.compile(rf"\[{_LEVEL}(?:,{_LEVEL}){{0,{_MOST_LEVELS - 1}}}+\]".encode())
"""Levels as they are written here, which need no closer look; nothing in it is tried twice."""
_DECIMAL = re.compile(_NUMBER, re.ASCII)

_Name = Annotated[str, Meta(min_length=1, max_length=100)]
_Count = Annotated[int, Meta(ge=0, le=LARGEST_NUMBER)]
_Version = Annotated[int, Meta(ge=1, le=LARGEST_NUMBER)]
_SAYS_PROOF = 2
"""The first version that says how a book is proven; before, every one was by its sequence."""
_Sequence = Annotated[int, Meta(ge=-1, le=LARGEST_NUMBER)]
"""Binance gives -1 for a book that never had an order."""
_Time = Annotated[int, Meta(ge=0, le=LATEST_TIME)]
"""µs since 1970."""


class _Value(msgspec.Struct, gc=False):
    """The wire form, written in this order; 40 levels take about 1.6 kB and 1.5 µs.

    {"schema_version":2,"exchange":"binance","symbol":"BTC-USDT","status":"live","reason":null,
     "status_since":1723075200000000,"bids":[["55000.01000000","0.50000000"]],"asks":[["55000.02000000","1.2"]],
     "event_time":1723075200100000,"received_time":1723075200150000,"sequence":50123456789,"epoch":1,
     "run":"20240808T000000Z-1f2e3d","publish_seq":17,"conflated":0,"proof":"sequence","proven_levels":null}
    """

    schema_version: _Version
    exchange: _Name
    symbol: _Name
    status: BookStatus
    reason: Reason | None
    status_since: _Time
    bids: msgspec.Raw
    asks: msgspec.Raw
    event_time: _Time | None
    received_time: _Time | None
    sequence: _Sequence | None
    epoch: _Count
    run: _Name
    publish_seq: _Count
    conflated: _Count
    proof: Proof | UnsetType = UNSET
    proven_levels: _Count | UnsetType | None = UNSET


_read_value = msgspec.json.Decoder(_Value).decode
_read_levels = msgspec.json.Decoder(tuple[Level, ...]).decode
_write = msgspec.json.Encoder().encode


def encode(book: NormalizedBook) -> bytes:
    """Write the value of a record, as its schema version has it; its key is ``book.key``."""
    says_proof = book.schema_version >= _SAYS_PROOF
    return _write(
        _Value(
            book.schema_version,
            book.exchange,
            book.symbol,
            book.status,
            book.reason,
            book.status_since,
            _levels(book.bids),
            _levels(book.asks),
            book.event_time,
            book.received_time,
            book.sequence,
            book.epoch,
            book.run,
            book.publish_seq,
            book.conflated,
            book.proof if says_proof else UNSET,
            book.proven_levels if says_proof else UNSET,
        )
    )


def _levels(levels: Levels) -> msgspec.Raw:
    """Give what is written as it is; texts are written along with all else."""
    if isinstance(levels, Ladder):
        written = levels.written
        return msgspec.Raw(written) if written is not None else cast("msgspec.Raw", levels.levels)
    return cast("msgspec.Raw", levels)


def decode(value: bytes | None) -> NormalizedBook:
    """Read the value of a record; fields that are not known are ignored. None is a tombstone.

    Raises:
        MalformedRecord: it is no NormalizedBook: no JSON, a field missing or of another type, a time or count that can
            be none, a name with what cannot be printed, an unknown status or reason, levels in a book that is not
            live, or such as are no decimal numbers.
    """
    return _decode(value)[0]


def read(key: bytes | None, value: bytes | None) -> NormalizedBook:
    """Read a record: as ``decode``, and held against its key, which says in which partition and order it lies.

    Raises:
        MalformedRecord: as ``decode``, or it is of another instrument than its key.
    """
    book, named = _decode(value)
    if key != named:
        received = "none" if key is None else repr(key)[1:_MAX_PROBLEM_LENGTH]
        raise MalformedRecord(f"expected the key {book.key}, received {received}")
    return book


def name_of(key: bytes | None) -> str:
    """Give the instrument that a record's key names, ``NAMELESS`` where it names none."""
    text = "" if key is None else key.decode("utf-8", "replace")
    return text if is_key(text) else NAMELESS


def _decode(value: bytes | None) -> tuple[NormalizedBook, bytes]:
    """Give the book, and the key that it must have."""
    if value is None:
        raise MalformedRecord("expected a JSON object, received no value")
    try:
        read = _read_value(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRecord(str(error)[:_MAX_PROBLEM_LENGTH]) from error
    key = _key(read.exchange, read.symbol)
    if key is None or not read.run.isprintable():  # they will be printed
        raise MalformedRecord("expected an exchange, BASE-QUOTE and a run that can be printed, received others")
    bids, asks = _ladder(read.bids), _ladder(read.asks)
    if read.status is BookStatus.LIVE:
        if read.reason is not None:
            raise MalformedRecord(f"expected no reason in a live book, received {read.reason}")
    elif bids or asks:
        raise MalformedRecord(f"expected no levels in a book that is {read.status}")
    proof, proven_levels = read.proof, read.proven_levels
    if proof is not Proof.SEQUENCE or proven_levels is not None:  # what nearly all say needs no closer look
        proof, proven_levels = _proof(read)
    book = NormalizedBook(
        read.exchange,
        read.symbol,
        read.status,
        read.reason,
        read.status_since,
        bids,
        asks,
        read.event_time,
        read.received_time,
        read.sequence,
        read.epoch,
        read.run,
        read.publish_seq,
        read.conflated,
        read.schema_version,
        proof,
        proven_levels,
    )
    return book, key


def _proof(read: _Value) -> tuple[Proof, int | None]:
    """Give what a record says of its proof: of the first version that does so on, it must.

    Raises:
        MalformedRecord: it does not, or contradicts itself.
    """
    proof, levels = read.proof, read.proven_levels
    if read.schema_version < _SAYS_PROOF:
        return Proof.SEQUENCE, None
    if proof is UNSET or levels is UNSET:
        raise MalformedRecord(f"Object missing required field `{'proof' if proof is UNSET else 'proven_levels'}`")
    if (proof is Proof.NONE) is not (levels == 0):
        raise MalformedRecord(f"expected 0 proven levels if proof is none, else some, received {proof}, {levels}")
    return proof, levels


def _ladder(raw: msgspec.Raw) -> Ladder:
    """Take levels as they are, once it is sure that they are pairs of decimal numbers; no more is read.

    Raises:
        MalformedRecord: they are not.
    """
    json = bytes(raw)
    if _LEVELS.fullmatch(json):
        return Ladder(json)
    if json == NONE:
        return EMPTY
    try:
        levels = _read_levels(json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRecord(str(error)[:_MAX_PROBLEM_LENGTH]) from error
    for level in levels:
        if not all(map(_DECIMAL.fullmatch, level)):
            raise MalformedRecord(f"expected a price and a size, received {str(level)[:_MAX_PROBLEM_LENGTH]}")
    return Ladder.of(levels)


@lru_cache(MOST_KEYS)
def _key(exchange: str, symbol: str) -> bytes | None:
    """Give an instrument's key; None where the names make none that can be printed."""
    key = f"{exchange}:{symbol}"
    return key.encode() if is_key(key) else None


@cache
def json_schema() -> str:
    """Give the JSON Schema of the value, as text: of draft-07, the newest that all registries can compare."""
    return resources.files(__package__).joinpath("normalized_book.schema.json").read_text(encoding="utf-8")

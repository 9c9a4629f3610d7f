"""Books kept by the domain's own engine; what takes long in pure Python, reading numbers, is left to C.

An expression tells that levels are plain, and msgspec reads their texts and, once more, their numbers: together half of
what it takes to make numbers of the texts, one by one.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from market_data.domain.book import Book, OrderBook
from market_data.domain.side import MOST_SAFE_DIGITS, Read

__all__ = ["make_book"]

_NUMBER = rb'"[0-9]{1,19}+(?:\.[0-9]++)?+"'
_is_plain = re.compile(rb"\[(?:\[%b,%b\],?+)*+\]" % (_NUMBER, _NUMBER)).fullmatch
_Price = Annotated[str, Meta(max_length=MOST_SAFE_DIGITS)]
_Size = Annotated[str, Meta(max_length=38)]
_texts = msgspec.json.Decoder(list[tuple[_Price, _Size]]).decode
_numbers = msgspec.json.Decoder(list[tuple[float, float]], strict=False).decode


def make_book(depth: int) -> Book:
    """Make an empty book whose ``top`` gives so many levels a side."""
    return OrderBook(depth, read)


def read(raw: bytes) -> Read | None:
    """Read raw levels without white space whose prices are of few digits, as nearly all are; None where they are not.

    Takes about 4 µs for 46 levels.
    """
    if _is_plain(raw) is None:
        return None
    try:
        return _texts(raw), _numbers(raw)
    except msgspec.DecodeError:  # a comma is missing, or a number is too long
        return None

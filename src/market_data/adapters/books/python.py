"""Books kept by the domain's own engine; what takes long in pure Python, making numbers of texts, is left to msgspec.

It reads the texts and, once more, the numbers, which takes half as long as ``float`` of each. Of a text it takes only
what JSON takes for a number, so ``1.``, ``.5``, ``1_0`` and the like are no numbers to it; what has a sign, an exponent
or a name has other characters than plain levels have.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from market_data.domain.book import Book, OrderBook
from market_data.domain.levels import MOST_WHOLE_DIGITS
from market_data.domain.side import MOST_SAFE_DIGITS, Read

__all__ = ["make_book", "read"]

_PLAIN = b'0123456789.",[]'
_Price = Annotated[str, Meta(max_length=MOST_SAFE_DIGITS)]
_Size = Annotated[str, Meta(max_length=MOST_WHOLE_DIGITS)]
_texts = msgspec.json.Decoder(list[tuple[_Price, _Size]]).decode
_numbers = msgspec.json.Decoder(list[tuple[float, float]], strict=False).decode


def make_book(depth: int) -> Book:
    """Make an empty book whose ``top`` gives so many levels a side."""
    return OrderBook(depth, read)


def read(raw: bytes, sign: int) -> Read | None:
    """Read raw levels of few digits and without white space, as nearly all are; None where they are not."""
    if raw.translate(None, _PLAIN):
        return None
    try:
        return _texts(raw), _numbers(raw if sign > 0 else raw.replace(b'["', b'["-'))
    except msgspec.DecodeError:
        return None

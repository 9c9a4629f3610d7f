"""Books kept by the extension ``market_data_native`` (``pip install ./native``): the engine of Rust.

The whole depth is kept sorted, prices are exact scaled integers.
"""

from market_data_native import Book as _Book
from market_data_native import __version__ as VERSION  # noqa: N812 - of the extension

from market_data.domain.book import Book, Difference
from market_data.domain.levels import InvalidLevel, Ladder

__all__ = ["VERSION", "make_book"]


def make_book(depth: int) -> Book:
    """Make an empty book whose ``top`` gives so many levels a side."""
    return _Book(depth, InvalidLevel, Ladder, Difference)

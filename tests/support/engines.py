"""The engine that keeps the books of the tests: TEST_BOOK_ENGINE is python, where it is not set, or native.

Programs that the tests start choose for themselves where it is not set, as anybody's do.
"""

import os

from market_data.adapters.books import choose_engine
from market_data.domain.book import BookFactory

__all__ = ["VARIABLE", "book_engine"]

VARIABLE = "TEST_BOOK_ENGINE"


def book_engine() -> BookFactory:
    """Give the engine of this run."""
    return choose_engine(os.environ.get(VARIABLE, "python")).books

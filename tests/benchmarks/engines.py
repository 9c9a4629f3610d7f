"""The book engines that are here, by name: pure Python always, native where it is installed."""

from collections.abc import Mapping
from typing import Any

from market_data.adapters.books import choose_engine

__all__ = ["book_engines"]


def book_engines() -> dict[str, Mapping[str, Any]]:
    """Give what a core is told so that this engine keeps its books."""
    names = ["python"]
    if choose_engine("auto").name.startswith("native"):
        names.append("native")
    return {name: {"books": choose_engine(name).books} for name in names}

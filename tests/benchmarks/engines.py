"""The book engines that are here, by name: pure Python always, native where it is installed."""

from collections.abc import Mapping
from typing import Any

__all__ = ["book_engines"]


def book_engines() -> dict[str, Mapping[str, Any]]:
    """Give what a core is told so that this engine keeps its books."""
    try:
        from market_data.adapters.books import choose_engine  # noqa: PLC0415 - where there is a choice
    except ModuleNotFoundError:
        return {"python": {}}
    names = ["python"]
    if choose_engine("auto").name.startswith("native"):
        names.append("native")
    return {name: {"books": choose_engine(name).books} for name in names}

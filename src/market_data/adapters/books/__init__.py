"""What keeps the books: the domain's own engine, or the native one where it is installed.

This is the one place that knows whether the extension is there.
"""

import attrs

from market_data import __version__
from market_data.adapters.books import python
from market_data.domain.book import BookFactory
from market_data.domain.errors import UsageError

__all__ = ["Engine", "choose_engine"]

_native: BookFactory | None = None
_version = _problem = ""
try:
    from market_data.adapters.books import native
except ModuleNotFoundError as error:
    if error.name != "market_data_native":
        raise
except ImportError as error:
    _problem = f"the native book engine cannot be loaded ({error}): pip install --force-reinstall ./native"
else:
    _native, _version = native.make_book, native.VERSION
    if _version != __version__:
        _problem = f"the native book engine is of version {_version}, expected {__version__}: pip install ./native"


@attrs.frozen
class Engine:
    """An engine; ``str()`` names it, with its version where that is its own."""

    name: str
    books: BookFactory
    advice: str | None = None
    """What keeps the native one from being used though it is installed, and what to do."""

    def __str__(self) -> str:
        return self.name


def choose_engine(wanted: str) -> Engine:
    """Give the engine that is wanted: ``python``, ``native``, or ``auto``, which is native where it can be used.

    Raises:
        UsageError: native is wanted and cannot be used.
    """
    if wanted != "python" and _native is not None and not _problem:
        return Engine(f"native {_version}", _native)
    if wanted == "native":
        raise UsageError(f"book.engine: {_problem or 'native is not installed: pip install ./native adds it'}")
    return Engine("python", python.make_book, (_problem or None) if wanted == "auto" else None)

"""Order books of several venues, checked, normalised and delivered in order through Kafka.

What other programs use is here: ``read_books`` and ``iter_books``, the records and the errors. It is loaded when first
used, so that a command's start does not wait for it; ``__init__.pyi`` declares it, type by type.

The rooms, inwards: ``adapters -> application -> domain``. ``factories`` make the parts, ``container`` wires them,
``config`` holds the settings, ``cli`` is the front door, ``reader`` the door for programs. README.md draws the whole.
"""

from importlib import import_module

__all__ = [
    "AppError",
    "Basis",
    "BookStatus",
    "Books",
    "BooksIterator",
    "BrokerError",
    "BrokerUnavailable",
    "Fill",
    "KeyProof",
    "Level",
    "Levels",
    "Minute",
    "NormalizedBook",
    "OrderProof",
    "OverTime",
    "Proof",
    "Reason",
    "SettingsError",
    "SymbolView",
    "UsageError",
    "__version__",
    "iter_books",
    "read_books",
]

__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("market_data.reader"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

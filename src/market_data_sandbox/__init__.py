"""The outside world on loopback: two exchanges over a market or recorded frames, and a Kafka-protocol broker.

`python -m sandbox` runs it as a process; `serve` runs it inside another program, a test above all. It shares nothing
with the application that is developed against it: they meet on sockets only.

What is here is loaded when first used, so that a signal finds a handler while a command starts; `__init__.pyi` declares
it, type by type.
"""

from importlib import import_module

_MODULES = {
    "Endpoint": "server",
    "Fault": "faults",
    "FaultKind": "faults",
    "Faults": "faults",
    "Options": "options",
    "Running": "server",
    "Truth": "truth",
    "TruthRecord": "truth",
    "Venue": "options",
    "serve": "server",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Errors that a person at the command line can do something about.

The tree:

    SandboxError
    ├── CaptureError      a capture file cannot be read or played
    ├── InstrumentError   an instrument is asked for that no capture has
    ├── PortError         an address cannot be listened on
    ├── BrokerError       the embedded broker did not come up
    ├── FaultError        a fault script cannot be carried out
    └── OutputError       a file cannot be written
"""

from collections.abc import Sequence
from typing import ClassVar

__all__ = ["BrokerError", "CaptureError", "FaultError", "InstrumentError", "OutputError", "PortError", "SandboxError"]

_MOST_LETTERS = 400


class SandboxError(Exception):
    """Base of all errors of the sandbox; its text is one line for a person."""

    is_misuse: ClassVar[bool] = False
    """What was asked for makes no sense."""


class CaptureError(SandboxError):
    """A capture cannot be played: which file, and what is wrong with it."""

    is_misuse = True

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(f"capture {path}: {_shortened(problem)}")


class InstrumentError(SandboxError):
    """An instrument was asked for that no capture has."""

    is_misuse = True

    def __init__(self, venue: str, expected: Sequence[str], received: str) -> None:
        known = ", ".join(expected) or "none"
        super().__init__(f"instruments: expected some of the captured ones of {venue} ({known}), received {received!r}")


class PortError(SandboxError):
    """An address on loopback cannot be listened on."""

    def __init__(self, port: int, problem: object) -> None:
        super().__init__(f"cannot listen on 127.0.0.1:{port}: {problem}; choose another port, or 0 for any free one")


class BrokerError(SandboxError):
    """The embedded broker gave no address."""

    def __init__(self, problem: object) -> None:
        super().__init__(f"the embedded broker did not start: {problem}")


class FaultError(SandboxError):
    """A fault script makes no sense: which one, and where."""

    is_misuse = True

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"fault script {name}: {_shortened(problem)}")


class OutputError(SandboxError):
    """A file that the sandbox was told to write cannot be written."""

    def __init__(self, path: object, problem: object) -> None:
        super().__init__(f"cannot write {path}: {problem}")


def _shortened(problem: str) -> str:
    """Leave out the middle of what is longer than a person reads of a line: it repeats what a file holds."""
    half = _MOST_LETTERS // 2
    return problem if len(problem) <= _MOST_LETTERS else f"{problem[:half]}…{problem[-half:]}"

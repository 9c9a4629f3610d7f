"""What is wrong with settings, where it was written, and the one error that carries all of it."""

from collections.abc import Sequence

import attrs

from market_data.domain.errors import AppError
from market_data.domain.printable import shortened

__all__ = ["Fault", "Origin", "SettingsError"]


@attrs.frozen(order=True)
class Origin:
    """Where a value was written: a file and its line, or the name of a variable or an option."""

    name: str
    line: int | None = None
    is_environment: bool = False
    """Whether it comes from the environment or `.env`: the only places where a secret may stand."""

    def __str__(self) -> str:
        name = shortened(self.name) if self.is_environment else self.name
        return name if self.line is None else f"{name}:{self.line}"


@attrs.frozen
class Fault:
    """One thing that a person has to mend.

    Attributes:
        origin: The place to edit.
        path: Dotted path of the setting, such as `kafka.brokers`; empty where a whole source is meant.
        message: What was expected and what was received; never holds a secret.

    """

    origin: Origin
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.origin), shortened(self.path), self.message) if part)


class SettingsError(AppError):
    """The settings cannot be used and nothing was started; the text has one line for each fault, by file and line."""

    exit_status = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Take at least one fault."""
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.origin.name, fault.origin.line or 0, fault.path)))
        super().__init__(*map(str, self.faults))

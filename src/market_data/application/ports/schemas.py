"""Where other programs look up what a record is made of."""

from abc import abstractmethod
from typing import Protocol

import attrs

__all__ = ["Registration", "SchemaRegistry"]


@attrs.frozen
class Registration:
    """Where the record's schema stands in a registry."""

    subject: str
    """Whose schema it is: the topic's values."""
    id: int
    version: int
    compatibility: str
    """What the registry asks of the next version, in its own word."""


class SchemaRegistry(Protocol):
    """Holds the schema of the topic's records. Records are read without it."""

    @abstractmethod
    async def register(self) -> Registration:
        """See to it that the schema is there; again and again is the same as once. Safe to cancel, bounded in time.

        Raises:
            SchemaIncompatible: the registry says that it does not go with the versions before it.
            RegistryUnavailable: the registry gives no such answer, and may later.
        """
        raise NotImplementedError

    @abstractmethod
    async def look(self) -> Registration | None:
        """Ask, changing nothing; None where the schema is not there and may be registered.

        Raises:
            SchemaIncompatible: as above.
            RegistryUnavailable: as above.
        """
        raise NotImplementedError

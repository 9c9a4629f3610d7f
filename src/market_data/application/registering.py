"""Publishing with the schema of what is published in a registry.

No record is lost for the registry's sake: nobody needs it to read them. So it is asked once before the first record,
and stops the start by one answer alone, that the schema does not go with those before it. Where it gives no answer,
records are published all the same and it is asked again, less and less often; what it says then is told, and stops
nothing.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs

from market_data.application.opening import tasks_beside
from market_data.application.ports import Publication, Publisher, Registration, SchemaRegistry, Telemetry
from market_data.domain.errors import RegistryUnavailable, SchemaIncompatible

__all__ = ["RegisteringPublisher"]

_FIRST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 300.0


@attrs.frozen
class RegisteringPublisher(Publisher):
    """Another publisher, once the registry was asked."""

    publisher: Publisher
    registry: SchemaRegistry
    telemetry: Telemetry

    def open(self) -> AbstractAsyncContextManager[Publication]:
        """As the other publisher does.

        Raises:
            SchemaIncompatible: the registry refuses the schema for good.
        """
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Publication]:
        async with self.publisher.open() as publication:
            is_answered = await self._register()
            async with tasks_beside() as tasks:
                if not is_answered:
                    tasks.start_soon(self._register_later, name="schema registry")
                yield publication

    async def _register(self) -> bool:
        """Ask once; tells whether there was an answer."""
        try:
            found = await self.registry.register()
        except RegistryUnavailable as error:
            self.telemetry.warn(
                "the schema is not registered, records are published all the same and it is tried again",
                problem=str(error),
            )
            return False
        self._tell(found)
        return True

    def _tell(self, found: Registration) -> None:
        self.telemetry.note(
            "the schema is registered",
            subject=found.subject,
            id=found.id,
            version=found.version,
            compatibility=found.compatibility,
        )

    async def _register_later(self) -> None:
        wait, is_answered = _FIRST_WAIT_SECONDS, False
        while not is_answered:
            await anyio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
            try:
                is_answered = await self._register()
            except SchemaIncompatible as error:
                self.telemetry.warn("this run goes on, and the next one will not start", problem=str(error))
                return

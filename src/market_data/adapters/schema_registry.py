"""The schema in a registry that speaks Confluent's HTTP interface, as Redpanda's, Apicurio's and Karapace do too.

The procedure:

    1. Look the schema up under its subject. There: nothing is changed, and the right to read is enough.
    2. No such subject: set the level of compatibility that it begins with. A subject that is there keeps its own.
    3. Register the schema. 409 means that it does not go with the versions before it, unless it is there now because
       another producer did the same at the same time.
    4. Look it up again, for its version.

``FORWARD_TRANSITIVE`` is what the record promises: whoever reads by any earlier version can read what is written by
the next. ``BACKWARD``, the usual default, would refuse every new field, since a record of before could have had one of
that name with anything in it.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import anyio
import attrs
import httpx
import msgspec

from market_data.application.ports import Registration, SchemaRegistry
from market_data.domain.causes import say_cause
from market_data.domain.errors import RegistryUnavailable, SchemaIncompatible, UsageError

__all__ = ["LEVEL", "ConfluentRegistry"]

LEVEL = "FORWARD_TRANSITIVE"

_JSON = "application/vnd.schemaregistry.v1+json"
_MOST_BYTES = 1 << 20
_MOST_LETTERS = 300
_NO_SUBJECT = (40401, 40404)
"""Never there, or deleted."""
_NO_SCHEMA = 40403
_NOT_ONE = "is kafka.schema_registry.url the address of a schema registry?"


class _Answer(msgspec.Struct):
    """What is read of the answers to all questions."""

    id: int | None = None
    version: int | None = None
    compatibility_level: str | None = msgspec.field(default=None, name="compatibilityLevel")
    is_compatible: bool | None = None
    messages: list[str] = []
    reason: str | None = None
    error_code: int | None = None
    message: str | None = None


_read = msgspec.json.Decoder(_Answer).decode


@attrs.frozen
class ConfluentRegistry(SchemaRegistry):
    """One subject of one registry. Proxies from the usual environment variables, TLS verified."""

    url: str
    """Its base, without a user: ``/subjects/...`` is added."""
    subject: str
    schema: str
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    timeout_seconds: float = 5.0
    """For all the questions of one call together."""

    async def register(self) -> Registration:
        async with self._asking() as client:
            found = await self._look_up(client)  # step 1
            if isinstance(found, Registration):
                return found
            if found in _NO_SUBJECT:  # step 2
                await self._expect(client, "PUT", f"/config/{self._name}", {"compatibility": LEVEL})
            status, answer = await self._ask(client, "POST", self._versions, self._body)  # step 3
            if status not in (httpx.codes.OK, httpx.codes.CONFLICT):
                raise self._refusal(status, answer)
            registered = await self._look_up(client)  # step 4
            if isinstance(registered, Registration):
                return registered
            if status == httpx.codes.CONFLICT:
                raise self._incompatible(answer.message)
            raise self._unavailable(f"has taken the schema and does not know it. {_NOT_ONE.capitalize()}")

    async def look(self) -> Registration | None:
        async with self._asking() as client:
            found = await self._look_up(client)
            if isinstance(found, Registration):
                return found
            if found in _NO_SUBJECT:
                return None
            path = f"/compatibility{self._versions}/latest?verbose=true"
            answer = await self._expect(client, "POST", path, self._body)
            if answer.is_compatible is None:
                raise self._strange("says nothing of whether the schema is compatible")
            if not answer.is_compatible:
                raise self._incompatible(answer.reason or "; ".join(answer.messages))
            return None

    async def _look_up(self, client: httpx.AsyncClient) -> Registration | int:
        """Find the schema; else give the registry's own code for what is not there."""
        status, answer = await self._ask(client, "POST", f"/subjects/{self._name}", self._body)
        if status == httpx.codes.NOT_FOUND and answer.error_code in (*_NO_SUBJECT, _NO_SCHEMA):
            return answer.error_code
        if status != httpx.codes.OK:
            raise self._refusal(status, answer)
        if answer.id is None or answer.version is None:
            raise self._strange("gives the schema no id and version")
        level = await self._expect(client, "GET", f"/config/{self._name}?defaultToGlobal=true")
        return Registration(self.subject, answer.id, answer.version, level.compatibility_level or "unknown")

    @property
    def _name(self) -> str:
        return quote(self.subject, safe="")

    @property
    def _versions(self) -> str:
        return f"/subjects/{self._name}/versions"

    @property
    def _body(self) -> Mapping[str, str]:
        return {"schemaType": "JSON", "schema": self.schema}

    # asking

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[httpx.AsyncClient]:
        """Give a client, and bound all that is asked with it.

        Raises:
            RegistryUnavailable: there is no answer, or not in time.
            UsageError: the proxy of the environment cannot be used.
        """
        auth = None if self.username is None else httpx.BasicAuth(self.username, self.password or "")
        try:
            tls = httpx.create_ssl_context()
            client = httpx.AsyncClient(verify=tls, auth=auth, timeout=None, follow_redirects=False)  # noqa: S113
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise UsageError(
                f"the proxy of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) cannot be used: {error}"
            ) from error
        try:
            async with client:
                with anyio.fail_after(self.timeout_seconds):
                    yield client
        except TimeoutError as error:
            raise self._unavailable(f"does not answer within {self.timeout_seconds:g} s. {_SEE}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unavailable(f"does not answer: {say_cause(error)}. {_SEE}") from error

    async def _expect(
        self, client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, str] | None = None
    ) -> _Answer:
        status, answer = await self._ask(client, method, path, body)
        if status != httpx.codes.OK:
            raise self._refusal(status, answer)
        return answer

    async def _ask(
        self, client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, str] | None = None
    ) -> tuple[int, _Answer]:
        """Ask one question; an answer that cannot be read says nothing beside its status."""
        headers = {"accept": f"{_JSON}, application/json", "accept-encoding": "identity", "content-type": _JSON}
        content = None if body is None else msgspec.json.encode(body)
        read = bytearray()
        url = self.url.rstrip("/") + path
        async with client.stream(method, url, content=content, headers=headers) as response:
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > _MOST_BYTES:
                    raise self._strange(f"answers with more than {_MOST_BYTES:,} bytes")
        try:
            return response.status_code, _read(bytes(read))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if response.status_code == httpx.codes.OK:
                raise self._strange("answers with what it does not say in its interface") from error
            return response.status_code, _Answer()

    # what is wrong

    def _refusal(self, status: int, answer: _Answer) -> RegistryUnavailable:
        """Judge an answer that is no success."""
        said = f": {_cut(answer.message)}" if answer.message else ""
        match status:
            case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
                who = f"user {self.username}" if self.username is not None else "who gives no user name"
                secrets = "kafka.schema_registry.username and APP__KAFKA__SCHEMA_REGISTRY__PASSWORD"
                return self._unavailable(f"refuses {who} (HTTP {status}{said}). See {secrets}")
            case httpx.codes.UNPROCESSABLE_ENTITY:
                return self._unavailable(f"cannot take the schema (HTTP 422{said}). Does it know JSON Schema draft-07?")
            case httpx.codes.TOO_MANY_REQUESTS:
                return self._unavailable(f"is asked too often (HTTP 429{said}). Wait")
            case _ if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                return self._unavailable(f"answers HTTP {status}{said}. See its log")
        return self._strange(f"answers HTTP {status}{said}")

    def _strange(self, problem: str) -> RegistryUnavailable:
        return self._unavailable(f"{problem}: {_NOT_ONE}")

    def _unavailable(self, problem: str) -> RegistryUnavailable:
        return RegistryUnavailable(self.url, problem)

    def _incompatible(self, said: str | None) -> SchemaIncompatible:
        return SchemaIncompatible(self.url, self.subject, _cut(said or "it does not say why"))


_SEE = "See kafka.schema_registry.url, the network and the proxy"


def _cut(text: str) -> str:
    return " ".join(text.split())[:_MOST_LETTERS]

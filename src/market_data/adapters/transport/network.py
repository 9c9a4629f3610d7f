"""The network behind the port: one pool of connections for all venues."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx

from market_data.adapters.transport.rest import Rest
from market_data.adapters.transport.settings import TransportSettings
from market_data.adapters.transport.websocket import open_websocket
from market_data.application.ports import Clock, Connection, Network, Request, Response, Transport
from market_data.domain.errors import UsageError

__all__ = ["HttpNetwork", "HttpTransport"]

_MAX_KEPT_ALIVE = 10


class HttpNetwork(Network):
    """Proxies from the usual environment variables, TLS verified."""

    def __init__(self, client: httpx.AsyncClient, rest: Rest, settings: TransportSettings, clock: Clock) -> None:
        self._client = client
        self._rest = rest
        self._settings = settings
        self._clock = clock

    def connect(self, url: str) -> AbstractAsyncContextManager[Connection]:
        return open_websocket(self._client, url, self._settings, self._clock)

    async def get(self, request: Request) -> Response:
        return await self._rest.get(request)


class HttpTransport(Transport):
    """Makes the pools."""

    def __init__(self, settings: TransportSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Network]:
        settings, clock = self.settings, self._clock
        try:
            tls = httpx.create_ssl_context()
            client, fresh = self._client(tls, _MAX_KEPT_ALIVE), self._client(tls, 0)
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            problem = str(error).partition(" Make sure")[0]
            raise UsageError(
                f"the proxy of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) cannot be used: {problem}"
            ) from error
        async with client, fresh:
            yield HttpNetwork(client, Rest(client, fresh, settings, clock), settings, clock)

    def _client(self, tls: ssl.SSLContext, max_kept_alive: int) -> httpx.AsyncClient:
        timeout = httpx.Timeout(None, connect=self.settings.connect_timeout_seconds)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=max_kept_alive)
        return httpx.AsyncClient(verify=tls, timeout=timeout, limits=limits, follow_redirects=False)

    def open(self) -> AbstractAsyncContextManager[Network]:
        return self._open()

"""Both venues on one loopback port, for measuring: ``python -m tests.benchmarks.venue_server FRAME RATE SECONDS``.

Binance says so many changes a second, whose last ids are the µs of the machine's monotonic clock at which each is sent:
whoever publishes a book knows how old it is. Coinbase sends the one large frame of a file to each connection,
heartbeats behind it, and closes after so many seconds, so that it is asked for again. The port is printed.
"""

import os
import sys
import time
from http import HTTPStatus
from pathlib import Path

import anyio
from tests.benchmarks.synthetic import Market
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

_LEVELS = 500
_CHANGES = 10
_HEARTBEAT_SECONDS = 0.1
_INFO = b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT"}]}'
_PRODUCTS = (
    b'{"products":[{"product_id":"BTC-USD","base_currency_id":"BTC","quote_currency_id":"USD","status":"online",'
    b'"product_type":"SPOT"}]}'
)


class Venues:
    """What both say."""

    def __init__(self, large: bytes, rate: float, seconds: float) -> None:
        self.market = Market.make(_LEVELS, _CHANGES)
        self.large = large
        self.rate = rate
        self.seconds = seconds
        self.last_id = time.monotonic_ns() // 1000

    def answer(self, _: ServerConnection, request: Request) -> Response | None:
        """Answer what is asked over REST; None opens a WebSocket."""
        path = request.path.partition("?")[0]
        bodies = {"exchangeInfo": _INFO, "products": _PRODUCTS, "depth": self.market.snapshot(self.last_id)}
        body = bodies.get(path.rpartition("/")[2])
        if body is None:
            return None
        headers = Headers({"content-type": "application/json", "content-length": str(len(body))})
        return Response(HTTPStatus.OK, "OK", headers, body)

    async def attend(self, client: ServerConnection) -> None:
        """Be the venue that was asked for."""
        assert client.request is not None
        try:
            await client.recv()
            await (self._binance(client) if client.request.path == "/stream" else self._coinbase(client))
        except ConnectionClosed:
            pass

    async def _binance(self, client: ServerConnection) -> None:
        await client.send('{"result":null,"id":1}')
        number, began = 0, time.monotonic()
        while True:
            now = time.monotonic_ns() // 1000
            frame = self.market.frame("BTCUSDT", self.last_id + 1, now, number, time.time_ns() // 1_000_000)
            self.last_id = now
            await client.send(frame, text=True)
            number += 1
            await anyio.sleep(max(0.0, began + number / self.rate - time.monotonic()))

    async def _coinbase(self, client: ServerConnection) -> None:
        await client.send(self.large, text=True)
        until, number = time.monotonic() + self.seconds, 0
        while time.monotonic() < until:
            number += 1
            await client.send(f'{{"channel":"heartbeats","sequence_num":{number},"events":[]}}')
            await anyio.sleep(_HEARTBEAT_SECONDS)


async def run(*arguments: str) -> None:
    """Serve until killed."""
    frame, rate, seconds = arguments
    venues = Venues(Path(frame).read_bytes(), float(rate), float(seconds))
    async with serve(venues.attend, "127.0.0.1", 0, process_request=venues.answer, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    anyio.run(run, *sys.argv[1:])

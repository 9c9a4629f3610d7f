"""A venue that costs little: Binance's dialect on loopback, its frames written ahead, at any rate, on command.

``python -m tests.benchmarks.feed --instruments N --levels N`` prints its port; each line on stdin then starts a phase
and is answered by a line when all of it is written: ``rate EVENTS_PER_SECOND SECONDS`` is an open loop, each event due
at its own moment, instruments in turns; ``burst EVENTS`` is as fast as the reader takes them. Every event changes the
best bid, so that each makes a record.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

_VARIANTS = 64
_KNOWN = 1000
_MOST_WAITING_BYTES = 1 << 20
_FIRST_ID = 1000
_BEST_BID = 6_000_000
"""Cents."""


def _level(price: int, size: int) -> tuple[str, str]:
    return f"{price / 100:.8f}", f"{size / 1000:.8f}"


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Instrument:
    """One book: a snapshot, and frames that follow it for ever."""

    def __init__(self, number: int, levels: int, random_: random.Random) -> None:
        self.base = f"S{number:03}"
        self.native = f"{self.base}USDT"
        self.last_id = _FIRST_ID
        self._changes = [self._change(levels, variant, random_) for variant in range(_VARIANTS)]
        self._tails = [b"%b}" % _compact(change)[1:] for change in self._changes]
        stream = self.native.lower() + "@depth@100ms"
        self._head = _compact({"stream": stream, "data": {"e": "depthUpdate", "s": self.native}})[:-2] + b","

    @staticmethod
    def _change(levels: int, variant: int, random_: random.Random) -> dict[str, list[tuple[str, str]]]:
        """Change the best bid and ask, and others near and far."""
        sides = {}
        for name, best, step in (("b", _BEST_BID, -1), ("a", _BEST_BID + 1, 1)):
            far = sorted(random_.sample(range(1, _KNOWN), levels // 2 - 1))
            sides[name] = [_level(best + step * at, variant * 7 + at % 5 + 1) for at in (0, *far)]
        return sides

    def snapshot(self) -> bytes:
        """Give the book as ``/depth`` has it: every change comes again, so the last round of them tells all."""
        bids = dict(_level(_BEST_BID - at, 500) for at in range(_KNOWN))
        asks = dict(_level(_BEST_BID + 1 + at, 500) for at in range(_KNOWN))
        for number in range(max(_FIRST_ID, self.last_id - _VARIANTS) + 1, self.last_id + 1):
            change = self._changes[number % _VARIANTS]
            bids.update(change["b"])
            asks.update(change["a"])
        return _compact({"lastUpdateId": self.last_id, "bids": [*bids.items()], "asks": [*asks.items()]})

    def frame(self) -> bytes:
        """Write the next change as a WebSocket frame."""
        self.last_id = number = self.last_id + 1
        numbers = b'"E":%d,"U":%d,"u":%d,' % (time.time_ns() // 10**6, number, number)
        payload = self._head + numbers + self._tails[number % _VARIANTS]
        size = len(payload)
        return (b"\x81\x7e%b" % size.to_bytes(2) if size < 1 << 16 else b"\x81\x7f%b" % size.to_bytes(8)) + payload


class Feed:
    """All of them, and the one connection that they go to."""

    def __init__(self, instruments: int, levels: int) -> None:
        random_ = random.Random(1)
        self._instruments = [Instrument(number, levels, random_) for number in range(instruments)]
        self._by_native = {each.native: each for each in self._instruments}
        self._connection: ServerConnection | None = None

    def answer(self, _: ServerConnection, request: Request) -> Response | None:
        """Answer REST; None lets a WebSocket be opened."""
        url = urlsplit(request.path)
        if url.path.endswith("/stream"):
            return None
        if url.path.endswith("exchangeInfo"):
            entries = [
                {"symbol": each.native, "status": "TRADING", "baseAsset": each.base, "quoteAsset": "USDT"}
                for each in self._instruments
            ]
            body = json.dumps({"symbols": entries}).encode()
        elif url.path.endswith("depth"):
            body = self._by_native[parse_qs(url.query)["symbol"][0]].snapshot()
        else:
            body = json.dumps({"serverTime": time.time_ns() // 10**6}).encode()
        return Response(200, "OK", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)

    async def handle(self, connection: ServerConnection) -> None:
        """Say yes to whatever is subscribed."""
        self._connection = connection
        async for message in connection:
            await connection.send(json.dumps({"result": None, "id": json.loads(message)["id"]}))

    async def rate(self, events_per_second: float, seconds: float) -> int:
        """Send each event at its own moment."""
        count = int(events_per_second * seconds)
        began, given = time.monotonic(), 0
        while given < count:
            due = min(count, int((time.monotonic() - began) * events_per_second) + 1)
            while given < due:
                self._write(given)
                given += 1
            await asyncio.sleep(max(0.0, began + given / events_per_second - time.monotonic()))
        return given

    async def burst(self, events: int) -> int:
        """Send as fast as they are taken."""
        assert self._connection is not None
        for number in range(events):
            self._write(number)
            while self._connection.transport.get_write_buffer_size() > _MOST_WAITING_BYTES:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.001)
        return events

    def _write(self, number: int) -> None:
        assert self._connection is not None
        self._connection.transport.write(self._instruments[number % len(self._instruments)].frame())


async def _serve(instruments: int, levels: int) -> None:
    feed = Feed(instruments, levels)
    async with serve(feed.handle, "127.0.0.1", 0, process_request=feed.answer, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            if words[0] == "rate":
                print(await feed.rate(float(words[1]), float(words[2])), flush=True)
            else:
                print(await feed.burst(int(words[1])), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.feed")
    parser.add_argument("--instruments", type=int, default=20)
    parser.add_argument("--levels", type=int, default=46)
    asyncio.run(_serve(**vars(parser.parse_args())))

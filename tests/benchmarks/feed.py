"""A venue that costs little: Binance's dialect on loopback, its frames written ahead, at any rate, on command.

``python -m tests.benchmarks.feed --instruments N --levels N`` prints its port; each line on stdin then starts a phase
and is answered by a line when all of it is written: ``rate EVENTS_PER_SECOND SECONDS`` is an open loop, each event due
at its own moment, instruments in turns; ``burst EVENTS`` is as fast as the reader takes them; ``wait SECONDS`` sends
nothing and is answered by the number of readers, as soon as there is one. Every event changes the best bid, so that
each makes a record. The others of its levels change their sizes, or, with ``--turnover``, come and go, as nearly nine
in ten of the recorded ones do.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from contextlib import suppress
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


Changes = dict[str, list[tuple[str, str]]]
_SIDES = (("b", _BEST_BID, -1), ("a", _BEST_BID + 1, 1))
_RECORDED = ((3, 0, 40), (3, 40, 200), (4, 200, 2 * _KNOWN))
"""How many in ten of the recorded levels are how far from the best: half of these prices have a level that stays."""


def _level(price: int, size: int) -> tuple[str, str]:
    return f"{price / 100:.8f}", f"{size / 1000:.8f}"


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _change_sizes(levels: int, random_: random.Random) -> list[Changes]:
    """Change the best bid and ask, and others near and far."""
    changes: list[Changes] = [{} for _ in range(_VARIANTS)]
    for variant, change in enumerate(changes):
        for name, best, step in _SIDES:
            far = sorted(random_.sample(range(1, _KNOWN), levels // 2 - 1))
            change[name] = [_level(best + step * at, variant * 7 + at % 5 + 1) for at in (0, *far)]
    return changes


def _come_and_go(levels: int, random_: random.Random) -> list[Changes]:
    """Take away what the change before brought and bring as many new ones, and change the sizes of a few."""
    tenth = levels // 46
    changes: list[Changes] = [{} for _ in range(_VARIANTS)]
    for name, best, step in _SIDES:
        coming = [
            [at for count, low, high in _RECORDED for at in random_.sample(range(low + odd, high, 4), count * tenth)]
            for _ in range(_VARIANTS // 2)
            for odd in (1, 3)  # so that no change brings again what it takes away
        ]
        for variant, change in enumerate(changes):
            stay = random_.sample(range(2, 2 * _KNOWN, 2), levels // 2 - 20 * tenth - 1)
            sizes = {at: variant * 7 + at % 5 + 1 for at in (0, *stay, *coming[variant])}
            sizes |= dict.fromkeys(coming[variant - 1], 0)
            change[name] = [_level(best + step * at, size) for at, size in sorted(sizes.items())]
    return changes


class Instrument:
    """One book: a snapshot, and frames that follow it for ever."""

    def __init__(self, number: int, levels: int, random_: random.Random, *, turnover: bool = False) -> None:
        self.base = f"S{number:03}"
        self.native = f"{self.base}USDT"
        self.last_id = _FIRST_ID
        self._stay = range(0, 2 * _KNOWN, 2) if turnover else range(_KNOWN)
        self._changes = _come_and_go(levels, random_) if turnover else _change_sizes(levels, random_)
        self._tails = [b"%b}" % _compact(change)[1:] for change in self._changes]
        stream = self.native.lower() + "@depth@100ms"
        self._head = _compact({"stream": stream, "data": {"e": "depthUpdate", "s": self.native}})[:-2] + b","

    def snapshot(self) -> bytes:
        """Give the book as ``/depth`` has it: every change comes again, so the last round of them tells all."""
        books = {name: dict(_level(best + step * at, 500) for at in self._stay) for name, best, step in _SIDES}
        for number in range(max(_FIRST_ID, self.last_id - _VARIANTS) + 1, self.last_id + 1):
            for name, levels in self._changes[number % _VARIANTS].items():
                books[name].update(levels)
        bids, asks = ([level for level in books[name].items() if float(level[1])] for name in "ba")
        return _compact({"lastUpdateId": self.last_id, "bids": bids, "asks": asks})

    def frame(self) -> bytes:
        """Write the next change as a WebSocket frame."""
        self.last_id = number = self.last_id + 1
        numbers = b'"E":%d,"U":%d,"u":%d,' % (time.time_ns() // 10**6, number, number)
        payload = self._head + numbers + self._tails[number % _VARIANTS]
        size = len(payload)
        return (b"\x81\x7e%b" % size.to_bytes(2) if size < 1 << 16 else b"\x81\x7f%b" % size.to_bytes(8)) + payload


class Feed:
    """All of them, and the one connection that they go to."""

    def __init__(self, instruments: int, levels: int, *, turnover: bool) -> None:
        random_ = random.Random(1)
        self._instruments = [Instrument(number, levels, random_, turnover=turnover) for number in range(instruments)]
        self._by_native = {each.native: each for each in self._instruments}
        self._connection: ServerConnection | None = None
        self._has_reader = asyncio.Event()

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
        self._has_reader.set()
        async for message in connection:
            await connection.send(json.dumps({"result": None, "id": json.loads(message)["id"]}))

    async def wait(self, seconds: float) -> int:
        """Wait for the reader; give how many there are."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_reader.wait(), seconds)
        return int(self._has_reader.is_set())

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


async def _serve(instruments: int, levels: int, *, turnover: bool) -> None:
    feed = Feed(instruments, levels, turnover=turnover)
    async with serve(feed.handle, "127.0.0.1", 0, process_request=feed.answer, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            if words[0] == "rate":
                print(await feed.rate(float(words[1]), float(words[2])), flush=True)
            elif words[0] == "wait":
                print(await feed.wait(float(words[1])), flush=True)
            else:
                print(await feed.burst(int(words[1])), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.feed")
    parser.add_argument("--instruments", type=int, default=20)
    parser.add_argument("--levels", type=int, default=46)
    parser.add_argument("--turnover", action="store_true")
    asyncio.run(_serve(**vars(parser.parse_args())))

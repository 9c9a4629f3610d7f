"""Kraken as the adversary plays it: a checksum in each message."""

import json
from collections.abc import Sequence
from zlib import crc32

import attrs
from tests.chaos.exchanges import replaced
from tests.chaos.streams.base import Request, StreamedExchange
from tests.chaos.wire import Frame, Part, Ticks, iso_time

__all__ = ["KrakenExchange"]

_CHECKED = 10


@attrs.define
class KrakenExchange(StreamedExchange):
    """A checksum of the best ten in each message, nothing numbered; the client cuts."""

    levels = 10
    is_window_kept = False
    wants_pings = False

    def _levels(self, i: int, since: int, version: int, twist: str, amount: int) -> tuple[Ticks, Ticks]:
        """The checksum's text does not say where asks end and bids begin: an only level may be either's."""
        is_thin = twist == "swapped" and min(map(len, self.markets[i].levels(version, 2))) < 2
        return super()._levels(i, since, version, "" if is_thin else twist, amount)

    def _book_frame(self, i: int, since: int, version: int, bids: Ticks, asks: Ticks, *, is_false: bool) -> Frame:
        time = self.time_of(i, version)
        kind = "snapshot" if since < 0 else "update"
        payload = (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{self.natives[i]}","bids":[{self._objects(bids)}],'
            f'"asks":[{self._objects(asks)}],"checksum":{self._checksum(i, version)},'
            f'"timestamp":"{iso_time(time)}"}}]}}'
        )
        return Frame(payload.encode(), (Part(i, since, version, time, is_false=is_false),))

    def _objects(self, levels: Ticks) -> str:
        texts = [self.texts.level(*each) for each in levels]
        return ",".join([f'{{"price":{price},"qty":{size}}}' for price, size in texts])

    def _checksum(self, i: int, version: int) -> int:
        bids, asks = self.markets[i].levels(version, _CHECKED)
        texts = [text for side in (asks, bids) for each in side for text in self.texts.level(*each)]
        return crc32("".join([text.replace(".", "").lstrip("0") for text in texts]).encode())

    def _beat(self) -> None:
        if self.sent:
            self.say(Frame(b'{"channel":"heartbeat"}'))

    def reset(self, i: int) -> bool:  # noqa: ARG002 - there are no numbers
        return False

    def _parse(self, message: str) -> Request:
        request = json.loads(message)
        if request["method"] == "ping":
            return Request("ping", (), request.get("req_id"))
        return Request(request["method"], request["params"]["symbol"], request.get("req_id"))

    def _pong(self) -> Frame:
        return Frame(b'{"method":"pong","req_id":1}')

    def _say_taken(self, taken: Sequence[int], request: Request, *, is_whole: bool) -> None:  # noqa: ARG002 - one by one
        for i in taken:
            self._answer("subscribe", i, request)

    def _say_left(self, left: Sequence[int], request: Request) -> None:
        for i in left:
            self._answer("unsubscribe", i, request)

    def _answer(self, method: str, i: int, request: Request) -> None:
        result = {"channel": "book", "depth": self.levels, "snapshot": True, "symbol": self.natives[i]}
        answer = {"method": method, "result": result, "success": True, "req_id": request.name}
        self.say(Frame(json.dumps(answer).encode()))

    def _refusal(self, i: int, request: Request) -> Frame:
        answer = {
            "error": f"Currency pair not supported {self.natives[i]}",
            "method": "subscribe",
            "success": False,
            "symbol": self.natives[i],
            "req_id": request.name,
        }
        return Frame(json.dumps(answer).encode())

    def stranger(self) -> None:
        self.say(
            Frame(
                b'{"channel":"book","type":"update","data":[{"symbol":"XRP/USD","bids":[{"price":1.0,"qty":2.0}],'
                b'"asks":[],"checksum":3,"timestamp":"2026-08-24T22:34:13.793075Z"}]}'
            )
        )

    def complain(self) -> None:
        self.say(Frame(b'{"error":"Malformed request","method":"subscribe","success":false}'))

    def spoil(self, payload: bytes, bad: bytes) -> bytes | None:
        return replaced(payload, b'"price":', b",", bad)

    def damage_of(self, bad: bytes) -> str:  # noqa: ARG002 - numbers stand without quotes here
        return "number"

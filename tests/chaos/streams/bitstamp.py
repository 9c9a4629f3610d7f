"""Bitstamp as the adversary plays it: whole books."""

import json
from collections.abc import Sequence

import attrs
from tests.chaos.exchanges import DAY, falsified
from tests.chaos.streams.base import Request, StreamedExchange
from tests.chaos.wire import Frame, Part, Ticks, pairs

__all__ = ["BitstampExchange"]


@attrs.define
class BitstampExchange(StreamedExchange):
    """Whole books, and nothing that tells whether one is missing."""

    levels = 100

    def _name(self, i: int) -> str:
        return f"order_book_{self.natives[i]}"

    def _levels(self, i: int, since: int, version: int, twist: str, amount: int) -> tuple[Ticks, Ticks]:  # noqa: ARG002
        bids, asks = self.markets[i].levels(version, self.levels)
        if twist == "swapped":
            return asks, bids
        return falsified(bids, asks) if twist else (bids, asks)

    def _book_frame(self, i: int, since: int, version: int, bids: Ticks, asks: Ticks, *, is_false: bool) -> Frame:  # noqa: ARG002 - each is whole
        time = self.time_of(i, version)
        payload = (
            f'{{"data":{{"timestamp":"{time // 1_000_000}","microtimestamp":"{time}",'
            f'"bids":[{pairs(self.texts, bids)}],"asks":[{pairs(self.texts, asks)}]}},'
            f'"channel":"order_book_{self.natives[i]}","event":"data"}}'
        )
        return Frame(payload.encode(), (Part(i, -1, version, time, is_false=is_false, sequence=time),))

    def reset(self, i: int) -> bool:  # noqa: ARG002 - there are no numbers
        return False

    def _parse(self, message: str) -> Request:
        request = json.loads(message)
        verb = request["event"].removeprefix("bts:")
        if verb == "heartbeat":
            return Request("ping")
        return Request(verb, [request["data"]["channel"].removeprefix("order_book_")])

    def _pong(self) -> Frame:
        return Frame(b'{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}')

    def _say_taken(self, taken: Sequence[int], request: Request, *, is_whole: bool) -> None:  # noqa: ARG002 - one by one
        for i in taken:
            self._answer("subscription_succeeded", i)

    def _say_left(self, left: Sequence[int], request: Request) -> None:  # noqa: ARG002 - one by one
        for i in left:
            self._answer("unsubscription_succeeded", i)

    def _answer(self, event: str, i: int) -> None:
        self.say(Frame(f'{{"event":"bts:{event}","channel":"order_book_{self.natives[i]}","data":{{}}}}'.encode()))

    def _refusal(self, i: int, request: Request) -> Frame:  # noqa: ARG002 - it has no name
        data = '{"code":null,"message":"Subscription failed."}'
        return Frame(f'{{"event":"bts:error","channel":"order_book_{self.natives[i]}","data":{data}}}'.encode())

    def stranger(self) -> None:
        self.say(
            Frame(
                b'{"data":{"timestamp":"1787612486","microtimestamp":"1787612486338338","bids":[["1","2"]],"asks":[]},'
                b'"channel":"order_book_xrpusd","event":"data"}'
            )
        )

    def complain(self) -> None:
        self.say(Frame(b'{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}'))

    def depart(self) -> None:
        """Say that another connection is wanted."""
        self.say(Frame(b'{"event":"bts:request_reconnect","channel":"","data":""}'))

    def book(self, i: int, version: int, levels: int) -> bytes:  # noqa: ARG002 - it comes whole
        return self._rest(*self.markets[i].levels(version, None))

    def false_book(self, i: int, version: int, levels: int) -> bytes:  # noqa: ARG002 - it comes whole
        return self._rest(*falsified(*self.markets[i].levels(version, None)))

    def _rest(self, bids: Ticks, asks: Ticks) -> bytes:
        time = DAY + int(self.mono * 1_000_000)
        return (
            f'{{"timestamp":"{time // 1_000_000}","microtimestamp":"{time}","bids":[{pairs(self.texts, bids)}],'
            f'"asks":[{pairs(self.texts, asks)}]}}'
        ).encode()

"""Bybit as the adversary plays it: a counter for each stream."""

import json
from collections.abc import Sequence

import attrs
from tests.chaos.exchanges import DAY, falsified
from tests.chaos.streams.base import Request, StreamedExchange
from tests.chaos.wire import Frame, Part, Ticks, pairs

__all__ = ["BybitExchange"]


@attrs.define
class BybitExchange(StreamedExchange):
    """Counters of each stream; a snapshot may come at any time."""

    counts: dict[int, int] = attrs.field(factory=lambda: {0: 500, 1: 7_000, 2: 90_000})
    counted: dict[int, int] = attrs.field(factory=dict)
    """The version at which each was counted last."""
    prefix: str = "orderbook.200."
    were_reset: set[int] = attrs.field(factory=set)
    """Twice on a connection, and frames of before could pass for such of now."""

    def connect(self) -> None:
        super().connect()
        self.were_reset = set()

    def _begin(self, i: int) -> None:
        """What moved while nobody listened is counted, too."""
        if self.counted.get(i, self.sent[i]) != self.sent[i]:
            self.unheard(i)

    def unheard(self, i: int) -> None:
        self.counts[i] += 1
        self.counted[i] = self.sent[i]

    def _name(self, i: int) -> str:
        return self.prefix + self.natives[i]

    def _book_frame(self, i: int, since: int, version: int, bids: Ticks, asks: Ticks, *, is_false: bool) -> Frame:
        is_snapshot = since < 0
        if not is_snapshot:
            self.counts[i] += 1
        self.counted[i] = version
        kind, number, time = ("snapshot" if is_snapshot else "delta"), self.counts[i], self.venue_time()
        native = self.natives[i]
        payload = (
            f'{{"topic":"{self.prefix}{native}","ts":{time // 1000 + 2},"type":"{kind}","data":{{"s":"{native}",'
            f'"b":[{pairs(self.texts, bids)}],"a":[{pairs(self.texts, asks)}],"u":{number},"seq":{version}}},'
            f'"cts":{time // 1000}}}'
        )
        return Frame(payload.encode(), (Part(i, since, version, time, is_false=is_false, sequence=number),))

    def snapshot(self, i: int) -> None:
        """Say all of it; what it tells that was not told before is counted, but for a count that begins anew."""
        if self.counts[i] != 1 and self.counted.get(i, self.markets[i].version) != self.markets[i].version:
            self.counts[i] += 1
        super().snapshot(i)

    def reset(self, i: int) -> bool:
        """Begin to count anew, with a snapshot."""
        if i not in self.sent or i in self.dead or i in self.were_reset:
            return False
        self.were_reset.add(i)
        self.counts[i] = 1
        self.snapshot(i)
        return True

    def overlap(self, i: int, amount: int) -> bool:
        """Count one too many."""
        if not self.unsaid(i) or i in self.dead:
            return False
        self.counts[i] += amount
        self.emit(i)
        self.wire[-1].parts[0].is_astray = True
        return True

    def _parse(self, message: str) -> Request:
        request = json.loads(message)
        natives = [topic.rpartition(".")[2] for topic in request.get("args", ())]
        for topic in request.get("args", ()):
            self.prefix = topic.rpartition(".")[0] + "."
        return Request(request["op"], natives, request.get("req_id"))

    def _pong(self) -> Frame:
        return Frame(b'{"success":true,"ret_msg":"pong","conn_id":"a","op":"ping"}')

    def _say_taken(self, taken: Sequence[int], request: Request, *, is_whole: bool) -> None:
        if is_whole and taken:
            self._answer("subscribe", request)

    def _say_left(self, left: Sequence[int], request: Request) -> None:  # noqa: ARG002 - nobody is named
        self._answer("unsubscribe", request)

    def _answer(self, verb: str, request: Request) -> None:
        answer = {"success": True, "ret_msg": verb, "conn_id": "a", "req_id": request.name, "op": verb}
        self.say(Frame(json.dumps(answer).encode()))

    def _refusal(self, i: int, request: Request) -> Frame:  # noqa: ARG002 - it names none
        message = f"Invalid symbol :[{self.prefix}{self.natives[i]}]"
        return Frame(json.dumps({"success": False, "ret_msg": message, "conn_id": "a", "op": "subscribe"}).encode())

    def stranger(self) -> None:
        self.say(
            Frame(
                b'{"topic":"orderbook.200.XRPUSDT","ts":1787612486116,"type":"delta","data":{"s":"XRPUSDT","b":[["1","2"]],'
                b'"a":[],"u":9,"seq":10},"cts":1787612486108}'
            )
        )

    def complain(self) -> None:
        self.say(Frame(b'{"success":false,"ret_msg":"Params Error","conn_id":"a","op":"subscribe"}'))

    def book(self, i: int, version: int, levels: int) -> bytes:
        return self._rest(i, *self.markets[i].levels(version, levels))

    def false_book(self, i: int, version: int, levels: int) -> bytes:
        return self._rest(i, *falsified(*self.markets[i].levels(version, levels)))

    def _rest(self, i: int, bids: Ticks, asks: Ticks) -> bytes:
        time = DAY // 1000 + int(self.mono * 1000)
        return (
            f'{{"retCode":0,"retMsg":"OK","result":{{"s":"{self.natives[i]}","b":[{pairs(self.texts, bids)}],'
            f'"a":[{pairs(self.texts, asks)}],"ts":{time},"u":17,"seq":18,"cts":{time}}},"time":{time}}}'
        ).encode()

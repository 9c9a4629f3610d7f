"""OKX as the adversary plays it: chains of ids."""

import json
from collections.abc import Sequence

import attrs
from tests.chaos.exchanges import ERA, FIRST_ERA, Exchange, falsified
from tests.chaos.streams.base import Request, StreamedExchange
from tests.chaos.truth import ASK, BID
from tests.chaos.wire import Frame, Part, Ticks

__all__ = ["OKXExchange"]

_STEP = 3
"""OKX's ids grow by more than one."""


@attrs.define
class OKXExchange(StreamedExchange):
    """Chains of ids; a stream may begin without a snapshot."""

    eras: dict[int, list[int]] = attrs.field(factory=lambda: {0: [0], 1: [0], 2: [0]})
    """For each instrument the first version of each sequence of ids."""
    told: dict[int, int] = attrs.field(factory=dict)
    """The last id that each stream gave."""
    quiet_at: dict[int, float] = attrs.field(factory=dict)

    def id_of(self, i: int, version: int) -> int:
        """Give the venue's id of a version."""
        era = sum(first <= version for first in self.eras[i]) - 1
        return (FIRST_ERA - era) * ERA + version * _STEP

    def share(self, other: Exchange) -> None:
        super().share(other)
        assert isinstance(other, OKXExchange)
        self.eras = other.eras

    def _begin(self, i: int) -> None:
        self.told[i] = self.id_of(i, self.sent[i])

    def unheard(self, i: int) -> None:
        self.told[i] = self.id_of(i, self.sent[i])

    def _book_frame(self, i: int, since: int, version: int, bids: Ticks, asks: Ticks, *, is_false: bool) -> Frame:
        before, number = self.told[i], self.id_of(i, version)
        self.told[i] = number
        return self._chained(i, since, version, before, bids, asks, is_false=is_false)

    def _chained(
        self, i: int, since: int, version: int, before: int, bids: Ticks, asks: Ticks, *, is_false: bool
    ) -> Frame:
        time, number = self.time_of(i, version), self.id_of(i, version)
        is_snapshot = since < 0
        kind, prev = ("snapshot", -1) if is_snapshot else ("update", before)
        payload = (
            f'{{"arg":{{"channel":"books","instId":"{self.natives[i]}"}},"action":"{kind}","data":[{{'
            f'"asks":[{self._four(asks)}],"bids":[{self._four(bids)}],"ts":"{time // 1000}","checksum":0,'
            f'"seqId":{number},"prevSeqId":{prev}}}]}}'
        )
        return Frame(payload.encode(), (Part(i, since, version, time, is_false=is_false, sequence=number),))

    def _four(self, levels: Ticks) -> str:
        texts = [self.texts.level(*each) for each in levels]
        return ",".join([f'["{price}","{size}","0","4"]' for price, size in texts])

    def overlap(self, i: int, amount: int) -> bool:
        """Say what follows, chained to something else than what was said last."""
        if not self.unsaid(i) or i in self.dead:
            return False
        since, self.sent[i] = self.sent[i], self.markets[i].version
        bids, asks = self._changes(i, since, self.sent[i])
        frame = self._chained(i, since, self.sent[i], self.told[i] - amount, bids, asks, is_false=False)
        frame.parts[0].is_astray = True
        self.told[i] = self.id_of(i, self.sent[i])
        self.say(frame)
        return True

    def idle(self, i: int) -> None:
        """Say that there is nothing to say."""
        if i in self.sent and i not in self.dead and not self.unsaid(i) and i in self.told:
            version = self.sent[i]
            if self.told[i] == self.id_of(i, version):
                self.say(self._chained(i, version, version, self.told[i], (), (), is_false=False))

    def _beat(self) -> None:
        for i in list(self.sent):
            if int(self.mono) % 5 == i:
                self.idle(i)

    def reset(self, i: int) -> bool:
        """Let ids step back, which the chain survives."""
        if i not in self.sent or len(self.eras[i]) >= FIRST_ERA:
            return False
        self.emit(i)
        market = self.markets[i]
        bids, asks = market.levels(market.version, 1)
        side, (tick, size) = (BID, bids[0]) if bids else (ASK, asks[0]) if asks else (BID, (5_000, 0))
        market.put(side, tick, size % 9 + 1)
        self.eras[i].append(market.version)
        self.emit(i)
        return True

    def _parse(self, message: str) -> Request:
        if message == "ping":
            return Request("ping")
        request = json.loads(message)
        return Request(request["op"], [each["instId"] for each in request["args"]], request.get("id"))

    def _pong(self) -> Frame:
        return Frame(b"pong")

    def _say_taken(self, taken: Sequence[int], request: Request, *, is_whole: bool) -> None:  # noqa: ARG002 - one by one
        for i in taken:
            self.say(self._acknowledgement("subscribe", i))

    def _say_left(self, left: Sequence[int], request: Request) -> None:  # noqa: ARG002 - one by one
        for i in left:
            self.say(self._acknowledgement("unsubscribe", i))

    def _acknowledgement(self, event: str, i: int) -> Frame:
        text = f'{{"event":"{event}","arg":{{"channel":"books","instId":"{self.natives[i]}"}},"connId":"32f4414f"}}'
        return Frame(text.encode())

    def _refusal(self, i: int, request: Request) -> Frame:
        message = f"Wrong URL or channel:books,instId:{self.natives[i]} doesn't exist."
        return Frame(
            json.dumps({"event": "error", "id": request.name, "msg": message, "code": "60018", "connId": "3"}).encode()
        )

    def stranger(self) -> None:
        self.say(
            Frame(
                b'{"arg":{"channel":"books","instId":"XRP-USDT"},"action":"update","data":[{"asks":[],"bids":[["1","2",'
                b'"0","1"]],"ts":"1787612486000","checksum":0,"seqId":9,"prevSeqId":8}]}'
            )
        )

    def complain(self) -> None:
        self.say(Frame(b'{"event":"error","code":"60012","msg":"Illegal request: {}","connId":"32f4414f"}'))

    def depart(self) -> None:
        """Say that the connection is about to be closed."""
        self.say(Frame(b'{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"3"}'))

    def book(self, i: int, version: int, levels: int) -> bytes:
        return self._rest(i, version, *self.markets[i].levels(version, min(levels, self.levels)))

    def false_book(self, i: int, version: int, levels: int) -> bytes:
        return self._rest(i, version, *falsified(*self.markets[i].levels(version, min(levels, self.levels))))

    def _rest(self, i: int, version: int, bids: Ticks, asks: Ticks) -> bytes:
        time, number = self.venue_time() // 1000, self.id_of(i, version)
        return (
            f'{{"code":"0","msg":"","data":[{{"asks":[{self._four(asks)}],"bids":[{self._four(bids)}],'
            f'"ts":"{time}","seqId":{number}}}]}}'
        ).encode()

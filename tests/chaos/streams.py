"""The servers of venues whose streams are renewed one by one: OKX, Bybit, Kraken, Bitstamp."""

import json
from collections.abc import Sequence
from zlib import crc32

import attrs
from tests.chaos.exchanges import DAY, ERA, FIRST_ERA, Exchange, falsified, replaced
from tests.chaos.truth import ASK, BID
from tests.chaos.wire import Frame, Part, Ticks, iso_time, pairs

__all__ = ["BitstampExchange", "BybitExchange", "KrakenExchange", "OKXExchange", "StreamedExchange"]

_PATIENCE_SECONDS = 4.0
"""A client that says nothing for so long is sent away, where it is asked to speak."""
_STEP = 3
"""OKX's ids grow by more than one."""
_CHECKED = 10


@attrs.frozen
class Request:
    """What a client asks for: ``subscribe``, ``unsubscribe`` or ``ping``, of which instruments, under which name."""

    verb: str
    natives: Sequence[str] = ()
    name: object = None


@attrs.define
class StreamedExchange(Exchange):
    """Subscriptions of single instruments, each with its snapshot in band."""

    levels = 24
    """A side of the window that the stream tells of."""
    is_window_kept = True
    """The venue says what leaves the window."""
    wants_pings = True
    heard_at: float | None = None
    """When the client of the open connection spoke last."""
    beats_at: float | None = None
    is_in_band: bool = True
    """A stream begins with a snapshot."""
    asked: dict[int, list[float]] = attrs.field(factory=dict)
    """When each was subscribed."""

    def connect(self) -> None:
        super().connect()
        self.heard_at = self.mono
        self.beats_at = self.mono + 1.0

    def disconnect(self) -> None:
        super().disconnect()
        self.heard_at = self.beats_at = None

    @property
    def is_sending_away(self) -> bool:
        """The client has not said that it is there for too long."""
        return self.wants_pings and self.heard_at is not None and self.mono - self.heard_at >= _PATIENCE_SECONDS

    def hear(self, messages: Sequence[str]) -> None:
        for message in messages:
            self.heard_at = self.mono
            request = self._parse(message)
            if request.verb == "ping":
                self.say(self._pong())
                continue
            asked = [self.natives.index(native) for native in request.natives]
            if request.verb == "unsubscribe":
                for i in asked:
                    self.sent.pop(i, None)
                self._say_left(asked, request)
            else:
                self._subscribe(asked, request)

    def _subscribe(self, asked: Sequence[int], request: Request) -> None:
        faults = {i: self._armed(("missing_ack", "refusal"), i) for i in asked}
        refused = [i for i in asked if any(kind == "refusal" for kind, _, _ in faults[i])]
        unacknowledged = [i for i in asked if faults[i] and i not in refused]
        ignored = [i for i in unacknowledged if any(flavour % 2 for _, _, flavour in faults[i])]
        for i in asked:
            self.asked.setdefault(i, []).append(self.mono)
            for kind, _, _ in faults[i]:
                self.struck(kind, i)
        for i in refused:
            self.say(self._refusal(i, request))
        taken = [i for i in asked if i not in refused and i not in ignored]
        acknowledged = [i for i in taken if i not in unacknowledged]
        self._say_taken(acknowledged, request, is_whole=len(acknowledged) == len(asked))
        for i in taken:
            self.dead.discard(i)
            self.sent[i] = self.markets[i].version
            self._begin(i)
            if early := self._armed(("early_update",), i):
                self.struck("early_update", i)
                self.markets[i].put(BID, 9_900 - early[0][2] % 40, 1 + early[0][2] % 9)
                self.emit(i)
            if self.is_in_band:
                self.snapshot(i)

    def _begin(self, i: int) -> None:
        """A stream begins anew."""

    def snapshot(self, i: int) -> None:
        """Say the whole book."""
        version = self.sent[i] = self.markets[i].version
        bids, asks = self.markets[i].levels(version, self.levels)
        self.say(self._book_frame(i, -1, version, bids, asks, is_false=False))

    def unsaid(self, i: int) -> bool:
        """What changes nothing in the window is not said."""
        return super().unsaid(i) and self._changes(i, self.sent[i], self.markets[i].version) != ([], [])

    def _event(self, i: int, since: int, twist: str, amount: int) -> Frame:
        version = self.sent[i]
        bids, asks = self._levels(i, since, version, twist, amount)
        return self._book_frame(i, since, version, bids, asks, is_false=bool(twist))

    def _changes(self, i: int, since: int, version: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """What changed in the window: what leaves it is said where the venue keeps it."""
        market = self.markets[i]
        before, after = market.levels(since, self.levels), market.levels(version, self.levels)
        sides: list[list[tuple[int, int]]] = []
        for side in (BID, ASK):
            old, new = dict(before[side]), dict(after[side])
            changed = [(tick, size) for tick, size in new.items() if old.get(tick) != size]
            gone = [tick for tick in old if tick not in new]
            left = [tick for tick in gone if self.is_window_kept or not market.size_at(version, side, tick)]
            sides.append(sorted([*changed, *((tick, 0) for tick in left)], reverse=side == BID))
        return sides[BID], sides[ASK]

    def is_named(self, payload: bytes, i: int) -> bool:
        return f'"{self._name(i)}"'.encode() in payload

    def _name(self, i: int) -> str:
        """How a frame names its book."""
        return self.natives[i]

    def beat(self) -> None:
        while self.beats_at is not None and self.mono >= self.beats_at:
            self.beats_at += 1.0
            self._beat()

    def _beat(self) -> None:
        """Say what the venue says each second."""

    # each venue's own

    def _parse(self, message: str) -> Request:
        raise NotImplementedError

    def _pong(self) -> Frame:
        raise NotImplementedError

    def _say_taken(self, taken: Sequence[int], request: Request, *, is_whole: bool) -> None:
        """Acknowledge; ``is_whole``: all that was asked for."""
        raise NotImplementedError

    def _say_left(self, left: Sequence[int], request: Request) -> None:
        raise NotImplementedError

    def _refusal(self, i: int, request: Request) -> Frame:
        raise NotImplementedError

    def _book_frame(self, i: int, since: int, version: int, bids: Ticks, asks: Ticks, *, is_false: bool) -> Frame:
        """Write a snapshot, where ``since`` is -1, or an update."""
        raise NotImplementedError


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
        time, number = self.venue_time(), self.id_of(i, version)
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


@attrs.define
class BybitExchange(StreamedExchange):
    """Counters of each stream; a snapshot may come at any time."""

    counts: dict[int, int] = attrs.field(factory=lambda: {0: 500, 1: 7_000, 2: 90_000})
    prefix: str = "orderbook.200."
    were_reset: set[int] = attrs.field(factory=set)
    """Twice on a connection, and frames of before could pass for such of now."""

    def connect(self) -> None:
        super().connect()
        self.were_reset = set()

    def unheard(self, i: int) -> None:
        self.counts[i] += 1

    def _name(self, i: int) -> str:
        return self.prefix + self.natives[i]

    def _book_frame(self, i: int, since: int, version: int, bids: Ticks, asks: Ticks, *, is_false: bool) -> Frame:
        is_snapshot = since < 0
        if not is_snapshot:
            self.counts[i] += 1
        kind, number, time = ("snapshot" if is_snapshot else "delta"), self.counts[i], self.venue_time()
        native = self.natives[i]
        payload = (
            f'{{"topic":"{self.prefix}{native}","ts":{time // 1000 + 2},"type":"{kind}","data":{{"s":"{native}",'
            f'"b":[{pairs(self.texts, bids)}],"a":[{pairs(self.texts, asks)}],"u":{number},"seq":{version}}},'
            f'"cts":{time // 1000}}}'
        )
        return Frame(payload.encode(), (Part(i, since, version, time, is_false=is_false, sequence=number),))

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


@attrs.define
class KrakenExchange(StreamedExchange):
    """A checksum of the best ten in each message, nothing numbered; the client cuts."""

    levels = 10
    is_window_kept = False
    wants_pings = False
    times: dict[tuple[int, int], int] = attrs.field(factory=dict)
    """When each version was said first: a book keeps the time of its last change."""

    def _levels(self, i: int, since: int, version: int, twist: str, amount: int) -> tuple[Ticks, Ticks]:
        """The checksum's text does not say where asks end and bids begin: an only level may be either's."""
        is_thin = twist == "swapped" and min(map(len, self.markets[i].levels(version, 2))) < 2
        return super()._levels(i, since, version, "" if is_thin else twist, amount)

    def _book_frame(self, i: int, since: int, version: int, bids: Ticks, asks: Ticks, *, is_false: bool) -> Frame:
        time = self.times.get((i, version))
        if time is None:
            time = self.times[i, version] = self.venue_time()
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
        time = self.venue_time()
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

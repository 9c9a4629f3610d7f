"""The venues' servers as the adversary plays them: one connection at a time, and the REST interface beside it."""

import json
from collections.abc import Callable, Sequence

import attrs
from tests.chaos.truth import ASK, BID, Market
from tests.chaos.wire import (
    Frame,
    Part,
    Texts,
    Ticks,
    binance_book,
    binance_event,
    coinbase_book,
    coinbase_event,
    coinbase_frame,
    coinbase_heartbeat,
    iso_time,
)

__all__ = ["DAY", "ERA", "FIRST_ERA", "BinanceExchange", "CoinbaseExchange", "Exchange", "falsified", "replaced"]

ERA = 10_000_000
"""Binance's ids of one sequence lie within so many; each reset leads to lower ones."""
FIRST_ERA = 9
DAY = 1_787_529_600_000_000


@attrs.define
class VenueClock:
    """The venue's clock: it never steps, no two events share a millisecond, and what is said on several connections has
    the time when it was said first.
    """

    last_ms: int = 0
    times: dict[tuple[int, int], int] = attrs.field(factory=dict)
    """By instrument and version, µs."""

    def advance(self, mono: float) -> int:
        """Give the time of the next event, µs."""
        self.last_ms = max(self.last_ms + 1, DAY // 1000 + int(mono * 1000))
        return self.last_ms * 1000


@attrs.define
class Exchange:
    """What both venues' servers do. ``struck`` is called when an armed fault of the subscription comes to bear."""

    natives: Sequence[str]
    markets: Sequence[Market]
    texts: Texts
    struck: Callable[[str, int | None], None]
    mono: float = 0.0
    wire: list[Frame] = attrs.field(factory=list)
    """Frames of the open connection that are on their way, oldest first."""
    is_deaf: bool = False
    """Nothing of the connection arrives any more, in either direction."""
    dead: set[int] = attrs.field(factory=set)
    """Streams that say nothing any more on this connection."""
    sent: dict[int, int] = attrs.field(factory=dict)
    """The version that each subscribed stream has told."""
    armed: list[tuple[str, int, int]] = attrs.field(factory=list)
    """What goes wrong with the next subscription: kind, instrument, flavour."""
    is_slow_ack: bool = False
    clock: VenueClock = attrs.field(factory=VenueClock)

    def share(self, other: "Exchange") -> None:
        """Be another connection of the same venue."""
        self.clock = other.clock

    def connect(self) -> None:
        """A client connects."""
        self.disconnect()

    def disconnect(self) -> None:
        """The connection ends; what was on its way is lost."""
        self.wire = []
        self.is_deaf = False
        self.dead = set()
        self.sent = {}

    def say(self, frame: Frame) -> None:
        """Put a frame on the wire."""
        if not self.is_deaf:
            self.wire.append(frame)

    def venue_time(self) -> int:
        """Give the time of an event of this connection alone, µs."""
        return self.clock.advance(self.mono)

    def time_of(self, i: int, version: int) -> int:
        """Give the time of a version, µs: the same on every connection."""
        time = self.clock.times.get((i, version))
        if time is None:
            time = self.clock.times[i, version] = self.venue_time()
        return time

    def unsaid(self, i: int) -> bool:
        """Tell whether the market moved since the stream last spoke."""
        return i in self.sent and self.markets[i].version > self.sent[i]

    def emit(self, i: int, twist: str = "", amount: int = 0) -> bool:
        """Say what changed; a ``twist`` makes it false. Tells whether anything was said."""
        if not self.unsaid(i):
            return False
        since, self.sent[i] = self.sent[i], self.markets[i].version
        if i in self.dead:
            self.unheard(i)
            return False
        self.say(self._event(i, since, twist, amount))
        return True

    def unheard(self, i: int) -> None:
        """A stream has something to say and does not."""

    def overlap(self, i: int, amount: int) -> bool:
        """Say what changed, beginning before what was said last; the venue's to redefine."""
        return self.emit(i) and amount < 0

    def _levels(self, i: int, since: int, version: int, twist: str, amount: int) -> tuple[Ticks, Ticks]:
        """Give what changed, or something else."""
        market = self.markets[i]
        bids, asks = self._changes(i, since, version)
        if twist == "swapped":
            return asks, bids
        if twist == "content" and (bids or asks):
            side, levels = (BID, bids) if bids else (ASK, asks)
            tick, size = levels[0]
            match amount % 3:
                case 0:
                    levels[0] = (tick, size % 9 + 1)
                case 1 if len(bids) + len(asks) > 1:
                    del levels[0]
                case _:
                    best, _ = market.levels(version, 1)[side][0] if market.levels(version, 1)[side] else (tick, 0)
                    extra = best - 1 if side == BID else best + 1
                    levels[:] = [each for each in levels if each[0] != extra]
                    levels.append((extra, market.size_at(version, side, extra) % 9 + 1))
        return bids, asks

    def _changes(self, i: int, since: int, version: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Give what changed of what the venue tells."""
        return self.markets[i].changes(since, version)

    # each venue's own

    def hear(self, messages: Sequence[str]) -> None:
        """Take the client's messages."""
        raise NotImplementedError

    def _event(self, i: int, since: int, twist: str, amount: int) -> Frame:
        raise NotImplementedError

    def beat(self) -> None:
        """Say what the venue says when time passes."""

    def stranger(self) -> None:
        """Say something of an instrument that nobody asked for."""
        raise NotImplementedError

    def complain(self) -> None:
        """Say that something is wrong, for no reason."""
        raise NotImplementedError

    def depart(self) -> None:
        """Say that the connection is about to be closed."""
        raise NotImplementedError

    def spoil(self, payload: bytes, bad: bytes) -> bytes | None:
        """Write something else in the place of a level's price; None where there is no level."""
        return replaced(payload, b'["', b'"', bad)

    def damage_of(self, bad: bytes) -> str:
        """Say what becomes of a frame with this in the place of a price."""
        return "number" if bad.startswith(b'"') else "one"

    def is_named(self, payload: bytes, i: int) -> bool:  # noqa: ARG002 - the venue's own
        """Tell whether a damaged frame still says whose it is."""
        return False

    def reset(self, i: int) -> bool:
        """Begin the numbers anew."""
        raise NotImplementedError

    def book(self, i: int, version: int, levels: int) -> bytes:
        """Answer the REST interface with the book of a version."""
        raise NotImplementedError

    def false_book(self, i: int, version: int, levels: int) -> bytes:
        """Answer with a book that is not the market's."""
        raise NotImplementedError

    def _armed(self, kinds: Sequence[str], i: int | None = None) -> list[tuple[str, int, int]]:
        """Take the armed faults of some kinds, of one instrument where it is named."""
        found = [fault for fault in self.armed if fault[0] in kinds and i in (None, fault[1])]
        self.armed = [fault for fault in self.armed if fault not in found]
        return found


@attrs.define
class BinanceExchange(Exchange):
    """Diff streams with id ranges, snapshots by REST."""

    eras: dict[int, list[int]] = attrs.field(factory=lambda: {0: [0], 1: [0], 2: [0]})
    """For each instrument the first version of each sequence of ids."""

    def id_of(self, i: int, version: int) -> int:
        """Give the venue's id of a version."""
        era = sum(first <= version for first in self.eras[i]) - 1
        return (FIRST_ERA - era) * ERA + version

    def share(self, other: Exchange) -> None:
        super().share(other)
        assert isinstance(other, BinanceExchange)
        self.eras = other.eras

    def version_of(self, i: int, sequence: int) -> int | None:
        """Give the version of an id; None when the venue never gave it."""
        version = sequence % ERA
        if version > self.markets[i].version or self.id_of(i, version) != sequence:
            return None
        return version

    def hear(self, messages: Sequence[str]) -> None:
        for message in messages:
            request = json.loads(message)
            asked = [self.natives.index(stream.partition("@")[0].upper()) for stream in request["params"]]
            if request["method"] == "UNSUBSCRIBE":
                for i in asked:
                    self.sent.pop(i, None)
                self._acknowledge(request["id"])
                continue
            faults = self._armed(("missing_ack", "refusal"))
            for kind, i, _ in faults:
                self.struck(kind, i)
            if any(kind == "refusal" for kind, _, _ in faults):
                self.say(Frame(b'{"code":2,"msg":"Invalid request: too many","id":%d}' % request["id"]))
                continue
            if not any(flavour % 2 for _, _, flavour in faults):
                for i in asked:
                    self.sent[i] = self.markets[i].version
                    self.dead.discard(i)
            if not faults:
                self._acknowledge(request["id"])

    def is_named(self, payload: bytes, i: int) -> bool:  # noqa: ARG002 - it is his
        return b"@depth" in payload[:80]

    def _acknowledge(self, number: int) -> None:
        self.say(Frame(b'{"result":null,"id":%d}' % number))

    def _event(self, i: int, since: int, twist: str, amount: int) -> Frame:
        version = self.sent[i]
        first, last = self.id_of(i, since + 1), self.id_of(i, version)
        if first > last:
            since, first = self.eras[i][-1] - 1, self.id_of(i, self.eras[i][-1])
        bids, asks = self._levels(i, since, version, twist, amount)
        time = self.time_of(i, version)
        payload = binance_event(self.texts, self.natives[i], first, last, bids, asks, time // 1000)
        part = Part(i, since, version, time, is_false=bool(twist))
        return Frame(payload, (part,), era=len(self.eras[i]) - 1)

    def overlap(self, i: int, amount: int) -> bool:
        if not self.unsaid(i) or i in self.dead:
            return False
        since = max(self.eras[i][-1] - 1, self.sent[i] - 1 - amount, 0)
        self.sent[i] = self.markets[i].version
        self.say(self._event(i, since, "", 0))
        return True

    def stranger(self) -> None:
        self.say(Frame(binance_event(self.texts, "XRPUSDT", 1, 2, [(10_000, 1)], [], 1_787_529_600_000)))

    def complain(self) -> None:
        self.say(Frame(b'{"code":1,"msg":"Invalid value type: expected Boolean"}'))

    def reset(self, i: int) -> bool:
        if len(self.eras[i]) >= FIRST_ERA:
            return False
        self.emit(i)
        market = self.markets[i]
        market.put(BID, 5_000, 1 + market.version % 9)
        self.eras[i].append(market.version)
        return True

    def depart(self) -> None:
        """Say that the connection is about to be closed."""
        self.say(Frame(b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}'))

    def book(self, i: int, version: int, levels: int) -> bytes:
        return binance_book(self.texts, self.id_of(i, version), *self.markets[i].levels(version, levels))

    def false_book(self, i: int, version: int, levels: int) -> bytes:
        bids, asks = self.markets[i].levels(version, levels)
        return binance_book(self.texts, self.id_of(i, version), *falsified(bids, asks))


@attrs.define
class CoinbaseExchange(Exchange):
    """Frames numbered per connection, snapshots in band."""

    number: int = 0
    """The next frame's."""
    beats_at: float | None = None

    def connect(self) -> None:
        super().connect()
        self.number = 0

    def disconnect(self) -> None:
        super().disconnect()
        self.beats_at = None

    def count(self) -> int:
        """Give the next frame its number."""
        self.number += 1
        return self.number - 1

    def hear(self, messages: Sequence[str]) -> None:
        for message in messages:
            request = json.loads(message)
            if request["channel"] == "heartbeats":
                self.beats_at = self.mono + 1.0
                self._acknowledge([])
                continue
            asked = [self.natives.index(product) for product in request["product_ids"]]
            faults = self._armed(("missing_ack", "refusal"))
            for kind, i, _ in faults:
                self.struck(kind, i)
            if any(kind == "missing_ack" and flavour % 2 for kind, _, flavour in faults):
                continue
            refused = {i for kind, i, _ in faults if kind == "refusal"}
            accepted = [i for i in asked if i not in refused]
            is_acked = not any(kind == "missing_ack" for kind, _, _ in faults)
            if is_acked and not self.is_slow_ack:
                self._acknowledge(accepted)
            for i in accepted:
                if i in self.sent:
                    continue
                if early := self._armed(("early_update",), i):
                    self._update_early(i, early[0][2])
                self.snapshot(i)
            if is_acked and self.is_slow_ack:
                self._acknowledge(accepted)

    def _update_early(self, i: int, flavour: int) -> None:
        """Say changes before the book that they change."""
        self.struck("early_update", i)
        market = self.markets[i]
        self.sent[i] = market.version
        market.put(BID, 9_900 - flavour % 40, 1 + flavour % 9)
        self.emit(i)

    def _acknowledge(self, accepted: Sequence[int]) -> None:
        level2 = sorted({*accepted, *self.sent})
        products = ",".join(f'"{self.natives[i]}"' for i in level2)
        number = self.count()
        events = f'{{"subscriptions":{{"level2":[{products}]}}}}' if products else '{"subscriptions":{}}'
        self.say(Frame(coinbase_frame("subscriptions", number, events), number=number))

    def snapshot(self, i: int) -> None:
        """Say the whole book."""
        version = self.sent[i] = self.markets[i].version
        is_timeless = version % 3 == 0
        time = None if is_timeless else self.venue_time()
        text = "1970-01-01T00:00:00Z" if time is None else iso_time(time)
        bids, asks = self.markets[i].levels(version, None)
        self._say_book(
            [Part(i, -1, version, time if bids or asks else None)],
            coinbase_event(self.texts, "snapshot", self.natives[i], bids, asks, text),
        )

    def _say_book(self, parts: Sequence[Part], events: str) -> None:
        number = self.count()
        self.say(Frame(coinbase_frame("l2_data", number, events), parts, number))

    def _event(self, i: int, since: int, twist: str, amount: int) -> Frame:
        version = self.sent[i]
        time = self.venue_time()
        bids, asks = self._levels(i, since, version, twist, amount)
        word = "sell" if twist == "word" else "offer"
        if twist == "word" and not asks:
            asks = [(1, 0)]
        event = coinbase_event(self.texts, "update", self.natives[i], bids, asks, iso_time(time), word)
        is_false = twist not in ("", "word")
        part = Part(i, since, version, time, is_false=is_false)
        number = self.count()
        return Frame(coinbase_frame("l2_data", number, event), (part,), number, damage="one" if twist == "word" else "")

    def emit_all(self) -> None:
        """Say what changed in all books in one frame, as the venue may."""
        parts: list[Part] = []
        events: list[str] = []
        for i in list(self.sent):
            if i in self.dead or not self.unsaid(i):
                continue
            since, version = self.sent[i], self.markets[i].version
            self.sent[i] = version
            time = self.venue_time()
            parts.append(Part(i, since, version, time))
            bids, asks = self.markets[i].changes(since, version)
            events.append(coinbase_event(self.texts, "update", self.natives[i], bids, asks, iso_time(time)))
        if parts:
            self._say_book(parts, ",".join(events))

    def spoil(self, payload: bytes, bad: bytes) -> bytes | None:
        return replaced(payload, b'"price_level":"', b'"', bad)

    def beat(self) -> None:
        while self.beats_at is not None and self.mono >= self.beats_at:
            self.beats_at += 1.0
            number = self.count()
            self.say(Frame(coinbase_heartbeat(number), number=number))

    def stranger(self) -> None:
        event = coinbase_event(self.texts, "update", "XRP-USD", [(10_000, 1)], [], iso_time(DAY))
        self._say_book((), event)

    def complain(self) -> None:
        self.say(Frame(b'{"type":"error","message":"too many L2 streams requested in a single session"}'))

    def reset(self, i: int) -> bool:
        if self.number == 0:
            return False
        self.number = 0
        self.emit(i)
        return True

    def book(self, i: int, version: int, levels: int) -> bytes:
        bids, asks = self.markets[i].levels(version, levels)
        return coinbase_book(self.texts, self.natives[i], bids, asks, iso_time(DAY + int(self.mono * 1e6)))

    def false_book(self, i: int, version: int, levels: int) -> bytes:
        bids, asks = self.markets[i].levels(version, levels)
        return coinbase_book(self.texts, self.natives[i], *falsified(bids, asks), iso_time(DAY + 1))


def replaced(payload: bytes, before: bytes, behind: bytes, text: bytes) -> bytes | None:
    """Write another text, quotes included, in the place of the one that stands last between two others."""
    place = payload.rfind(before)
    if place < 0:
        return None
    place += len(before) - before.endswith(b'"')
    end = payload.find(behind, place + 1)
    return payload[:place] + text + payload[end + len(behind) if behind == b'"' else end :]


def falsified(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> tuple[Ticks, Ticks]:
    if bids:
        tick, size = bids[len(bids) // 3]
        bids[len(bids) // 3] = (tick, size % 9 + 1)
    return bids, asks

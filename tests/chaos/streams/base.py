"""What the servers of venues share whose streams are renewed one by one."""

from collections.abc import Sequence

import attrs
from tests.chaos.exchanges import Exchange
from tests.chaos.truth import ASK, BID
from tests.chaos.wire import Frame, Ticks

__all__ = ["Request", "StreamedExchange"]

_PATIENCE_SECONDS = 4.0
"""A client that says nothing for so long is sent away, where it is asked to speak."""


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

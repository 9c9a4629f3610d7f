"""One connection's way out, with all that can go wrong on it."""

from abc import abstractmethod
from math import inf
from random import Random
from typing import Protocol

import anyio
import attrs

from market_data_sandbox.exchanges import damage
from market_data_sandbox.exchanges.dialect import dialect_of
from market_data_sandbox.exchanges.outlet import Frame, FrameKind, Goodbye
from market_data_sandbox.exchanges.seam import Client, Passage
from market_data_sandbox.faults.matching import OF_CONNECTIONS
from market_data_sandbox.faults.script import Fault, FaultKind
from market_data_sandbox.options import Venue
from market_data_sandbox.source import Source

__all__ = ["BIG_SNAPSHOT_BYTES", "FaultyPassage", "Rule", "Rules"]

_DELAY_SECONDS = 1.0
_OVERSIZED_BYTES = 40 * 2**20
BIG_SNAPSHOT_BYTES = 5_000_000
"""As large as Coinbase's snapshot of BTC-USD is."""


@attrs.define(eq=False)
class Rule:
    """A fault that waits for what it can be done to."""

    fault: Fault
    until: float
    """When it ends; with that, it is done to everything until then."""
    remaining: int
    was_told: bool = False


class Rules(Protocol):
    """Who knows what is to be done to a frame."""

    random: Random

    @abstractmethod
    def source(self, venue: Venue) -> Source:
        """Give what stands behind a venue."""

    @abstractmethod
    def find(self, client: Client, frame: Frame) -> Rule | None:
        """Give what is to be done to a frame, if anything."""

    @abstractmethod
    def afflict(self, rule: Rule, client: Client) -> None:
        """Let a whole connection go wrong."""

    @abstractmethod
    def use(self, rule: Rule, connection: str | None, symbols: tuple[str, ...]) -> None:
        """Take note that it was done."""


@attrs.define(eq=False)
class FaultyPassage(Passage):
    """Sends what no rule is about as it is."""

    client: Client
    _rules: Rules
    _silent_until: float = attrs.field(default=-inf, init=False)
    _muted_until: dict[str, float] = attrs.field(factory=dict, init=False)
    _withheld: set[str] = attrs.field(factory=set, init=False)
    """Muted instruments whose frames are written all the same, and held back here."""
    _held: Frame | None = attrs.field(default=None, init=False)

    async def send(self, frame: Frame) -> None:
        rule = self._rules.find(self.client, frame)
        if rule is not None and rule.fault.fault in OF_CONNECTIONS:
            self._rules.afflict(rule, self.client)
            rule = None
        if frame.kind is FrameKind.SNAPSHOT:
            self._begin_anew(frame.symbols)
        if self._is_silent(frame):
            return
        held, self._held = self._held, None
        if rule is not None and await self._damage(frame, rule.fault):
            self._rules.use(rule, self.client.name, frame.symbols)
        else:
            await self._send_text(frame.text)
        if held is not None:
            await self._send_text(held.text)

    def suffer(self, fault: Fault) -> None:
        """Let the connection itself go wrong."""
        client = self.client
        until = inf if fault.seconds is None else anyio.current_time() + fault.seconds
        match fault.fault:
            case FaultKind.HALF_OPEN:
                client.protocol.fall_silent()
            case FaultKind.CLOSE if fault.code is None:
                client.protocol.cut()
            case FaultKind.CLOSE:
                client.outlet.put(Goodbye(fault.code or 0, ""))
            case FaultKind.ERROR_FRAME:
                client.outlet.put(Frame(dialect_of(client.venue).damage.error(fault.message), FrameKind.OTHER))
            case FaultKind.SILENT_ALL:
                self._silent_until = until
            case FaultKind.SEQUENCE_RESET:
                client.restart_numbers()
            case FaultKind.NOTICE:
                client.announce_end()
            case FaultKind.SILENT_STREAM:
                for symbol in client.symbols:
                    if fault.instrument in {None, symbol}:
                        self._mute(symbol, until)

    def wake(self) -> None:
        """Let what was muted for a while go on."""
        now = anyio.current_time()
        for symbol in [symbol for symbol, until in self._muted_until.items() if until <= now]:
            del self._muted_until[symbol]
            self._withheld.discard(symbol)
            self.client.unmute(symbol)

    def recover(self) -> None:
        """End every silence that can be ended."""
        self._silent_until = -inf
        self._muted_until = dict.fromkeys(self._muted_until, -inf)
        self.wake()

    def _begin_anew(self, symbols: tuple[str, ...]) -> None:
        """End the silence of a subscription that a new one has taken the place of, as its snapshot tells."""
        for symbol in self._withheld.intersection(symbols):
            self._withheld.discard(symbol)
            del self._muted_until[symbol]

    def _mute(self, symbol: str, until: float) -> None:
        self._muted_until[symbol] = until
        if not self.client.mute(symbol):
            self._withheld.add(symbol)

    def _is_silent(self, frame: Frame) -> bool:
        now = anyio.current_time()
        if self._silent_until > now:
            return True
        # A connection that numbers its frames writes none of what is muted, so that none of its numbers is missing.
        return (
            bool(self._withheld and frame.symbols)
            and frame.kind is FrameKind.UPDATE
            and all(symbol in self._withheld and self._muted_until[symbol] > now for symbol in frame.symbols)
        )

    async def _damage(self, frame: Frame, fault: Fault) -> bool:
        """Do something else than sending the frame as it is; False when it cannot be done to this one."""
        match fault.fault:
            case FaultKind.DROP:
                pass
            case FaultKind.DUPLICATE:
                await self._send_text(frame.text)
                await self._send_text(frame.text)
            case FaultKind.REORDER:
                self._held = frame
            case FaultKind.DELAY:
                await anyio.sleep(_DELAY_SECONDS if fault.seconds is None else fault.seconds)
                await self._send_text(frame.text)
            case FaultKind.BINARY:
                await self.client.websocket.send_bytes(self._rules.random.randbytes(200))
            case _:
                text = self._rewritten(frame, fault)
                if text is None:
                    return False
                await self._send_text(text)
        return True

    def _rewritten(self, frame: Frame, fault: Fault) -> str | None:
        symbol = fault.instrument or next(iter(frame.symbols), "")
        book = self._rules.source(self.client.venue).book(symbol)
        venue_damage = dialect_of(self.client.venue).damage
        text: str | None = None
        match fault.fault:
            case FaultKind.TRUNCATE:
                text = damage.truncated(frame.text)
            case FaultKind.GARBAGE:
                text = damage.garbage(self._rules.random)
            case FaultKind.OVERSIZED:
                text = damage.padded(frame.text, fault.size or _OVERSIZED_BYTES)
            case FaultKind.WRONG_SIDE if book is not None:
                text = venue_damage.wrong_sided(frame.text, symbol, book)
            case FaultKind.CROSSED if book is not None:
                text = venue_damage.crossed(frame.text, symbol, book)
            case FaultKind.LOST_LEVEL if book is not None:
                text = venue_damage.without_level(frame.text, book)
            case FaultKind.WRONG_CHECKSUM:
                text = venue_damage.with_wrong_checksum(frame.text)
            case FaultKind.BIG_SNAPSHOT if book is not None:
                text = venue_damage.enlarged(frame.text, symbol, book, fault.size or BIG_SNAPSHOT_BYTES)
        return text

    async def _send_text(self, text: str) -> None:
        await self.client.websocket.send({"type": "websocket.send", "text": text})

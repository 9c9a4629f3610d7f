"""Carries out faults: those of a script in their time, and those that a test injects."""

import sys
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from math import inf
from random import Random
from typing import Any

import anyio
import attrs
from anyio.abc import TaskGroup
from starlette.responses import Response

from market_data_sandbox.exchanges.damage import padded
from market_data_sandbox.exchanges.dialect import dialect_of
from market_data_sandbox.exchanges.outlet import Frame, Goodbye
from market_data_sandbox.exchanges.seam import Client, Passage, Responder, Seam
from market_data_sandbox.faults.matching import OF_CONNECTIONS, SECONDS_ARE_NO_PERIOD, concerns, is_about, is_asked
from market_data_sandbox.faults.passage import BIG_SNAPSHOT_BYTES, FaultyPassage, Rule, Rules
from market_data_sandbox.faults.refusals import refusal, snapshot_answer
from market_data_sandbox.faults.script import Fault, FaultKind, RefusalChoice
from market_data_sandbox.faults.sources import PastBooks, burst, leap, list_in_state, restart_ids
from market_data_sandbox.options import Venue
from market_data_sandbox.source import Source

__all__ = ["Faults", "Injection"]

_MOST_RULES = 1000
_MOST_REMEMBERED = 10_000
_HALF_OPEN_SECONDS = 120.0
_NOTICE_SECONDS = 60.0
_GOING_AWAY = 1001


@attrs.frozen
class Injection:
    """Something that was done wrong."""

    seconds: float
    """Since the sandbox began."""
    fault: Fault
    connection: str | None
    symbols: tuple[str, ...]


@attrs.define(eq=False)
class Faults(Seam, Rules):
    """What goes wrong in a sandbox. Without a script and without injections: nothing.

    Everything that is done is counted in `injected`, remembered in `history` (the newest 10,000), and told on stderr,
    once for a fault that goes on.
    """

    _script: Sequence[Fault]
    _sources: Mapping[Venue, Source]
    _seed: int
    injected: Counter[FaultKind] = attrs.field(factory=Counter, init=False)
    history: deque[Injection] = attrs.field(factory=lambda: deque(maxlen=_MOST_REMEMBERED), init=False)
    random: Random = attrs.field(init=False)
    _rules: list[Rule] = attrs.field(factory=list, init=False)
    _passages: dict[str, FaultyPassage] = attrs.field(factory=dict, init=False)
    _past: PastBooks = attrs.field(factory=PastBooks, init=False)
    _connected: dict[Venue, anyio.Event] = attrs.field(init=False)
    _closing: anyio.Event = attrs.field(factory=anyio.Event, init=False)
    _started: float = attrs.field(factory=anyio.current_time, init=False)
    _tasks: TaskGroup | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.random = Random(f"{self._seed}/faults")
        self._connected = {venue: anyio.Event() for venue in Venue}

    async def run(self) -> None:
        """Carry out the script until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._past.watch, self._sources, name="past books")
            self.schedule(self._script)
            await anyio.sleep_forever()

    def close(self) -> None:
        """Let go of every answer that hangs."""
        self._closing.set()

    def schedule(self, script: Sequence[Fault]) -> None:
        """Carry out a script from now on, besides what is carried out already; of the venues that run."""
        for number, fault in enumerate(script):
            if fault.venue in self._sources:
                self._start(partial(self._carry_out, fault, Random(f"{self._seed}/{number}/{fault.fault}")))

    def inject(self, fault: Fault) -> None:
        """Do something wrong now, or as soon as there is something to do it to."""
        source = self._sources[fault.venue]
        passages = [passage for passage in self._passages.values() if concerns(fault, passage.client)]
        rule = Rule(fault, inf, fault.count)
        match fault.fault:
            case FaultKind.BURST:
                self._tell(fault, None, ())
                self._start(partial(burst, source, fault))
            case FaultKind.LISTING_STATE:
                self._tell(fault, None, (fault.instrument,) if fault.instrument else ())
                self._start(partial(list_in_state, source, fault))
            case FaultKind.PRICE_LEAP:
                if leap(source, fault):
                    self._tell(fault, None, (fault.instrument,) if fault.instrument else ())
            case FaultKind.SEQUENCE_RESET if not dialect_of(fault.venue).numbers_connections:
                if restart_ids(source, fault):
                    self._tell(fault, None, (fault.instrument,) if fault.instrument else ())
            case kind if kind in OF_CONNECTIONS and passages:
                for passage in passages:
                    self._afflict(passage, fault)
            case kind:
                if fault.seconds is not None and kind not in SECONDS_ARE_NO_PERIOD:
                    rule.until = anyio.current_time() + fault.seconds
                elif kind is FaultKind.REFUSE:
                    rule.remaining = sys.maxsize
                self._rules = [*self._rules[-_MOST_RULES + 1 :], rule]

    def clear(self) -> None:
        """End what still waits or goes on; connections that were silent go on, as far as they can."""
        self._rules = []
        for passage in self._passages.values():
            passage.recover()

    def source(self, venue: Venue) -> Source:
        return self._sources[venue]

    def find(self, client: Client, frame: Frame) -> Rule | None:
        return self._first(lambda fault: is_about(fault, client, frame)) if self._rules else None

    def use(self, rule: Rule, connection: str | None, symbols: tuple[str, ...]) -> None:
        if rule.until == inf:
            rule.remaining -= 1
        self._tell(rule.fault, connection, symbols, aloud=not rule.was_told)
        rule.was_told = True

    def afflict(self, rule: Rule, client: Client) -> None:
        rule.remaining -= 1
        self._afflict(self._passages[client.name], rule.fault)

    def handshake(self, venue: Venue) -> Response | None:
        return self._refused(venue, RefusalChoice.HANDSHAKE)

    def passage(self, connection: Client) -> Passage:
        self._connected[connection.venue].set()
        passage = self._passages[connection.name] = FaultyPassage(connection, self)
        return passage

    def gone(self, connection: Client) -> None:
        self._passages.pop(connection.name, None)

    def withholds_reply(self, connection: Client) -> bool:
        rule = self._first(lambda fault: fault.fault is FaultKind.MISSING_ACK and concerns(fault, connection))
        if rule is not None:
            self.use(rule, connection.name, ())
        return rule is not None

    async def answer(self, venue: Venue, symbol: str | None, respond: Responder, *, is_book: bool = False) -> Response:
        if (refused := self._refused(venue, RefusalChoice.REST)) is not None:
            return refused
        rule = self._first(lambda fault: is_asked(fault, venue, symbol)) if is_book else None
        if rule is None:
            return await respond(None)
        self.use(rule, None, (symbol,) if symbol else ())
        if rule.fault.fault is FaultKind.BIG_SNAPSHOT:
            response = await respond(None)
            text = padded(bytes(response.body).decode(), rule.fault.size or BIG_SNAPSHOT_BYTES)
            return Response(text, response.status_code, media_type="application/json")
        return await snapshot_answer(rule.fault, respond, self._past.oldest(venue, symbol), self._closing.wait)

    async def _carry_out(self, fault: Fault, random: Random) -> None:
        if fault.fault is not FaultKind.LISTING_STATE and fault.only is not RefusalChoice.REST:
            # these may be what nobody connects for
            await self._connected[fault.venue].wait()
        every = inf if fault.every is None else fault.every
        due = anyio.current_time() + (every if fault.at is None else fault.at)
        count = 0
        while fault.times is None or count < fault.times:
            await anyio.sleep_until(due + random.random() * fault.jitter)
            self.inject(fault)
            count += 1
            if fault.every is None:
                return
            due += every

    def _afflict(self, passage: FaultyPassage, fault: Fault) -> None:
        passage.suffer(fault)
        self._tell(fault, passage.client.name, tuple(sorted(passage.client.symbols)))
        self._start(partial(_end_affliction, passage, fault))

    def _refused(self, venue: Venue, asked: RefusalChoice) -> Response | None:
        rule = self._first(
            lambda fault: fault.fault is FaultKind.REFUSE and fault.venue is venue and fault.only in {None, asked}
        )
        if rule is None:
            return None
        self.use(rule, None, ())
        return refusal(venue, rule.fault.status or 451, rule.fault.retry_after)

    def _first(self, is_meant: Callable[[Fault], bool]) -> Rule | None:
        now = anyio.current_time()
        if any(rule.until <= now or rule.remaining <= 0 for rule in self._rules):
            self._rules = [rule for rule in self._rules if rule.until > now and rule.remaining > 0]
        return next((rule for rule in self._rules if is_meant(rule.fault)), None)

    def _tell(self, fault: Fault, connection: str | None, symbols: tuple[str, ...], *, aloud: bool = True) -> None:
        self.injected[fault.fault] += 1
        self.history.append(Injection(anyio.current_time() - self._started, fault, connection, symbols))
        if aloud:
            where = " ".join(filter(None, (connection, *symbols)))
            sys.stderr.write(f"fault: {fault.venue} {fault.fault} {where}".rstrip() + "\n")
            sys.stderr.flush()

    def _start(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._tasks is not None:
            self._tasks.start_soon(task)


async def _end_affliction(passage: FaultyPassage, fault: Fault) -> None:
    """Let a silence end in time; a half-open socket ends at some time, too, and one whose end was announced."""
    if fault.fault is FaultKind.HALF_OPEN:
        await anyio.sleep(_HALF_OPEN_SECONDS if fault.seconds is None else fault.seconds)
        passage.client.protocol.cut()
    elif fault.fault is FaultKind.NOTICE:
        await anyio.sleep(_NOTICE_SECONDS if fault.seconds is None else fault.seconds)
        passage.client.outlet.put(Goodbye(fault.code or _GOING_AWAY, ""))
    elif fault.seconds is not None:
        await anyio.sleep(fault.seconds)
        passage.wake()

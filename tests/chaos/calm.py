"""Faults cease: every book must become live again, and true, and nothing may leave ``live`` any more.

What is broken for good stays so until somebody notices: a dead stream or a half-open connection does not mend itself.
"""

from math import inf

from tests.chaos.exchanges import BinanceExchange
from tests.chaos.faults import FAULTS, inject
from tests.chaos.judge import Violation
from tests.chaos.streams import OKXExchange, StreamedExchange
from tests.chaos.world import World

from market_data.domain.normalized import Reason

__all__ = ["calm"]

_OPENING_SECONDS = 0.2
_STEP = 100
_MOST_SECONDS = 120.0
_AUCTION_SECONDS = 20.0
_FEWEST_INPUTS = 100
_NOTICE_SECONDS = 10.0
_TROUBLED = 0.7
"""So often something goes wrong just before a book is dropped."""
_DROPPED_STEPS = 10


def calm(world: World, *, is_long: bool) -> None:
    """End a schedule. ``is_long``: the markets fall quiet, too, and every book must stay live through it; else the
    connection is lost once more, so that every book has to recover.

    Raises:
        Violation: a book does not become live and true, or does not stay so.
    """
    world.cease()
    if not is_long:
        for line in world.lines:
            line.lose(Reason.CONNECTION)
    began = world.now.mono
    while not _is_over(world):
        elapsed = world.now.mono - began
        if elapsed > _AUCTION_SECONDS and any(seen.is_tainted for seen in world.seen):
            break  # false content may look like an auction, which only an audit can tell
        if elapsed > _MOST_SECONDS:
            states = [f"{seen.status} {seen.last.reason}" for seen in world.seen]
            raise Violation(f"not live again after {_MOST_SECONDS:.0f} s without faults: {', '.join(states)}")
        _step(world)
    while world.inputs < _FEWEST_INPUTS:
        _step(world)
    if any(seen.is_tainted for seen in world.seen):
        _audit(world)  # last of all: what is false below the levels that it compares may rise later
    elif is_long:
        _stay(world)
    _compare(world)
    _drop(world)
    world.stop()


def _step(world: World) -> None:
    """Let a tenth of a second pass in a good world."""
    if not world.are_open:
        world.tick(round(_OPENING_SECONDS * 1000))
        world.open()
        return
    world.turn += 1
    world.pulse(world.turn % 3, 1, 0)
    world.tick(_STEP // 2)
    world.deliver(1000)
    for i in world.waiting:
        if world.now.mono - world.of(i).asked_at[i] >= _STEP / 2000:
            world.answer(i)
    world.tick(_STEP // 2)
    for i, seen in enumerate(world.seen):
        attempts = world.of(i).attempts
        if seen.last.is_live and i in attempts:
            world.tally.recoveries.append(seen.live_at - attempts.pop(i))


def _is_over(world: World) -> bool:
    for line in world.lines:
        carried, exchange = line.judge.seen.keys(), line.exchange
        if line.successor is not None:
            return False
        if exchange.is_deaf or exchange.dead & carried or not line.is_reading or carried - exchange.sent.keys():
            return False
    followed = [each for i, each in enumerate(world.seen) if i not in world.dropped]
    return all(each.last.is_live and not each.is_frozen for each in followed)


def _audit(world: World) -> None:
    """Give the next comparable audit its chance: a whole period, or silence where only a silent book is comparable."""
    settings = world.settings
    until = world.now.mono + 1.5 * settings.audit_seconds + 2.0
    while isinstance(world.exchange, (BinanceExchange, OKXExchange)) and world.now.mono < until:
        _step(world)
    until = world.now.mono + max(settings.stream_silence_seconds, settings.quiet_probe_seconds) + 2.0
    while world.now.mono < until:
        _wait(world, 250)
    while not _is_over(world):
        _step(world)
        if world.now.mono - until > _MOST_SECONDS:
            raise Violation("not live again after an audit")


def _stay(world: World) -> None:
    """Nothing may leave ``live`` without a reason: neither while the markets move nor while they are quiet."""
    until = world.now.mono + world.settings.join_quiet_seconds + 0.2
    while world.now.mono < until or not _is_over(world):
        _step(world)
        if world.now.mono - until > _MOST_SECONDS:
            raise Violation("not live again after an old answer")
    for line in world.lines:
        line.judge.is_calm = True
    for i in range(3):
        _begin_anew(world, i)
    if world.venue in FAULTS["departing"].venues:
        _replace(world)
    until = world.now.mono + 2 * world.settings.stream_silence_seconds
    while world.now.mono < until:
        _wait(world, 500)
    for line in world.lines:
        line.judge.is_calm = False


def _replace(world: World) -> None:
    """A connection that the venue is about to close is replaced, and nothing is lost."""
    for line in world.lines:
        line.depart(_NOTICE_SECONDS)
    replaced, until = world.tally.replaced, world.now.mono + _NOTICE_SECONDS
    while world.now.mono < until and world.tally.replaced < replaced + len(world.lines):
        _step(world)
    if any(line.closes_at < inf for line in world.lines):
        raise Violation(f"not replaced after {_NOTICE_SECONDS:.0f} s")


def _drop(world: World) -> None:
    """A book is followed no more, whatever just happened: the others become live again, or stay it."""
    names = [name for name, fault in FAULTS.items() if world.venue in fault.venues]
    is_troubled = world.draw.random() < _TROUBLED
    if is_troubled:
        inject(world, world.draw.choice(names), world.draw.randrange(3), world.draw.randrange(1000))
        for _ in range(world.draw.randrange(8)):
            _wait(world, 100)
    for line in world.lines:
        line.judge.is_calm = not is_troubled
    if world.drop(world.draw.randrange(3)):
        for _ in range(_DROPPED_STEPS):
            world.pulse(world.draw.randrange(3), 1, 0)
            _wait(world, 100)
    world.cease()
    began = world.now.mono
    while not _is_over(world) and not any(seen.is_tainted for seen in world.seen):
        _step(world)
        if world.now.mono - began > _MOST_SECONDS:
            raise Violation("not live again after another book was dropped")
    for line in world.lines:
        line.judge.is_calm = False


def _begin_anew(world: World, i: int) -> None:
    """What the venue may do at any time loses nothing."""
    exchange = world.exchange
    if isinstance(exchange, StreamedExchange) and i in exchange.sent:
        exchange.reset(i)
        exchange.snapshot(i)
        _wait(world, 100)


def _wait(world: World, milliseconds: int) -> None:
    if not world.are_open:
        world.open()
    world.deliver(1000)
    for i in world.waiting:
        world.answer(i)
    world.tick(milliseconds)


def _compare(world: World) -> None:
    """What is live at the end is the market of now, as deep as the book claims to know."""
    for i in range(3):
        world.emit(i)
    world.deliver(1000)
    for i, seen in enumerate(world.seen):
        market, judge = world.markets[i], world.of(i).judge
        judge._compare(seen.last, market.ladder(market.version, judge.depth), "not true at the end")
        world.tally.levels += judge.depth_of(i)

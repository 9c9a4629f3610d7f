"""What can go wrong, and in which states of a book it can.

The table of a campaign shows every kind of fault against the status that a book had when the fault hit it. A dash marks
what cannot be, for one of these reasons:

    no connection   a book that is ``disconnected`` has none, so nothing on its way that could suffer; and where there
                    is none (while ``disconnected``, after our own closing, at the start), nothing can be closed
    a connection    a book that is ``live`` has one, so none is being opened; so is one about to be acknowledged or
                    refused not yet live, since that happens when a stream begins
"""

from collections.abc import Callable, Sequence

import attrs
from tests.chaos.exchanges import CoinbaseExchange
from tests.chaos.streams import StreamedExchange
from tests.chaos.truth import WILD
from tests.chaos.venues import VENUES
from tests.chaos.wire import Frame
from tests.chaos.world import World

from market_data.domain.normalized import BookStatus, Reason

__all__ = ["FAULTS", "Fault", "cells", "inject"]

_ALL = tuple(BookStatus)
_CONNECTED = tuple(status for status in BookStatus if status is not BookStatus.DISCONNECTED)
_OPENING = tuple(status for status in BookStatus if status is not BookStatus.LIVE)
_BEGINNING = (BookStatus.SYNCING, BookStatus.GAP)
ALL = tuple(VENUES)
STREAMED = tuple(name for name, each in VENUES.items() if issubclass(each.exchange, StreamedExchange))
ANSWERING = tuple(name for name in ALL if name != "kraken")
"""Venues whose REST books are asked for."""

Inject = Callable[[World, int, int], bool]


@attrs.frozen
class Fault:
    """One kind. ``inject`` takes world, instrument and flavour, and tells whether it hit (or will, when ``armed``)."""

    name: str
    inject: Inject
    statuses: Sequence[BookStatus]
    venues: Sequence[str] = ALL
    is_armed: bool = False
    """It counts when it comes to bear, not when it is prepared."""
    is_wide: bool = False
    """It hits every instrument of the connection."""


FAULTS: dict[str, Fault] = {}


def _fault(
    statuses: Sequence[BookStatus],
    *,
    venues: Sequence[str] = ALL,
    is_armed: bool = False,
    is_wide: bool = False,
) -> Callable[[Inject], Inject]:
    def register(inject: Inject) -> Inject:
        name = inject.__name__.strip("_")
        FAULTS[name] = Fault(name, inject, statuses, venues, is_armed, is_wide)
        return inject

    return register


def cells(venue: str) -> list[tuple[str, BookStatus]]:
    """Every kind and status that can come together at a venue."""
    found = [(fault.name, status) for fault in FAULTS.values() if venue in fault.venues for status in fault.statuses]
    return [(name, status) for name, status in found if (venue, name, status) not in _NOT_THERE]


_NOT_THERE = frozenset(
    {
        # a stream is subscribed anew on the same connection by Binance only; Coinbase reconnects, which says syncing
        ("coinbase", "missing_ack", BookStatus.STALE),
        ("coinbase", "refusal", BookStatus.STALE),
        # Binance sends no heartbeats: its socket is closed by the transport, which says disconnected
        ("binance", "unavailable", BookStatus.STALE),
        ("binance", "rate_limited", BookStatus.STALE),
        ("binance", "rejected", BookStatus.STALE),
    }
)


def inject(world: World, name: str, i: int, flavour: int) -> bool:
    """Let something go wrong; False where it cannot now."""
    fault = FAULTS[name]
    if world.venue not in fault.venues:
        return False
    world = world.of(i)
    if world.successor is not None and flavour % 2:  # of a connection that nobody relies on yet
        return fault.inject(world.successor, i, flavour)
    statuses = world.statuses()
    if not fault.inject(world, i, flavour):
        return False
    if not fault.is_armed:
        world.struck(name, None if fault.is_wide else i, statuses)
    return True


# frames on their way


def _place(world: World, i: int) -> int | None:
    """Find a frame of an instrument on its way; have one sent where there is none."""
    for attempt in range(2):
        found = [
            at for at, frame in enumerate(world.exchange.wire) if any(part.instrument == i for part in frame.parts)
        ]
        if found:
            return found[-1] if attempt else found[len(found) // 2]
        if not world.can_speak or i not in world.exchange.sent or i in world.exchange.dead:
            return None
        world.markets[i].move(2, 0, world.draw)
        world.exchange.emit(i)
    return None


@_fault(_CONNECTED)
def _drop(world: World, i: int, flavour: int) -> bool:
    at = _place(world, i)
    if at is None:
        return False
    del world.exchange.wire[at]
    world.follow(i, flavour)
    return True


@_fault(_CONNECTED)
def _duplicate(world: World, i: int, flavour: int) -> bool:
    at = _place(world, i)
    if at is None:
        return False
    wire = world.exchange.wire
    wire.insert(min(len(wire), at + 1 + flavour % 4), wire[at])
    return True


@_fault(_CONNECTED)
def _reorder(world: World, i: int, flavour: int) -> bool:
    at = _place(world, i)
    if at is None:
        return False
    world.follow(i, flavour)
    wire = world.exchange.wire
    frame = wire.pop(at)
    wire.insert(min(len(wire), at + 1 + flavour % 3), frame)
    return True


@_fault(_CONNECTED, is_wide=True)
def _delay(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - a connection's trouble
    if not world.is_reading:
        return False
    world.held_until = world.now.mono + 0.5 + flavour % 4
    return True


def _damage(world: World, i: int, payload: Callable[[bytes], bytes]) -> bool:
    at = _place(world, i)
    if at is None:
        return False
    frame = world.exchange.wire[at]
    damaged = payload(frame.payload)
    is_named = world.exchange.is_named(damaged, i)
    damage = "one" if is_named else "all"
    world.exchange.wire[at] = Frame(damaged, frame.parts, frame.number, frame.era, damage)
    return True


@_fault(_CONNECTED)
def _truncate(world: World, i: int, flavour: int) -> bool:
    return _damage(world, i, lambda payload: payload[: len(payload) * (flavour % 100) // 100])


_GARBAGE = (
    b"",
    b"\x00\xff\xfe\xfd",
    b"<html>502</html>",
    b"{",
    b"[]",
    b"null",
    b"[[[[[[[[",
    b"17",
    b'{"stream":1,"channel":1}',
)


@_fault(_CONNECTED, is_wide=True)
def _garbage(world: World, i: int, flavour: int) -> bool:
    if not world.can_speak:
        return False
    garbage = _GARBAGE[: len(_GARBAGE) if VENUES[world.venue].garbage_is_typed else -1]
    frame = Frame(garbage[flavour % len(garbage)], damage="all")
    at = _place(world, i) if flavour % 2 else None
    if at is not None:
        world.exchange.wire[at] = frame
    elif world.exchange.is_deaf:
        return False
    else:
        world.exchange.wire.append(frame)
    return True


@_fault(_CONNECTED)
def _bad_number(world: World, i: int, flavour: int) -> bool:
    bad = (b'"NaN"', b'"1e5"', b'"-1.0"', b'"1_0"', b'""', b'"1,5"', b"12.5", b"null")[flavour % 8]

    if not _twisted(world, i, "", 0):
        return False
    frame = world.exchange.wire[-1]
    spoilt = world.exchange.spoil(frame.payload, bad)
    if spoilt is None:
        return False
    frame.payload, frame.damage = spoilt, world.exchange.damage_of(bad)
    return True


@_fault(_CONNECTED)
def _wrong_side(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - one way only
    return _twisted(world, i, "word" if world.venue == "coinbase" else "swapped", 0)


@_fault(_CONNECTED)
def _false_content(world: World, i: int, flavour: int) -> bool:
    return _twisted(world, i, "content", flavour)


def _twisted(world: World, i: int, twist: str, flavour: int) -> bool:
    if not world.can_speak or i not in world.exchange.sent or i in world.exchange.dead:
        return False
    world.exchange.emit(i)
    world.markets[i].move(1 + flavour % 4, 0, world.draw)
    for other in world.root.lines:
        if other is not world and other.can_speak:  # a connection that it has left
            other.exchange.emit(i, twist, flavour)
    return world.exchange.emit(i, twist, flavour)


@_fault(_CONNECTED, venues=("binance", "okx", "bybit"))
def _overlap(world: World, i: int, flavour: int) -> bool:
    if not world.can_speak or i in world.exchange.dead:
        return False
    world.markets[i].move(2, 0, world.draw)
    return world.exchange.overlap(i, 1 + flavour % 5)


@_fault(_CONNECTED, venues=("binance", "coinbase", "okx", "bybit"))
def _sequence_reset(world: World, i: int, flavour: int) -> bool:
    if not world.can_speak or i not in world.exchange.sent or i in world.exchange.dead:
        return False
    world.root.emit(i)
    if not world.exchange.reset(i):
        return False
    world.follow(i, flavour)
    return True


@_fault(_CONNECTED, venues=("coinbase",), is_wide=True)
def _heartbeat_drop(world: World, i: int, flavour: int) -> bool:
    exchange = world.exchange
    if not world.can_speak or not isinstance(exchange, CoinbaseExchange) or exchange.beats_at is None:
        return False
    exchange.count()
    world.follow(i, flavour)
    return True


@_fault(_CONNECTED, venues=("coinbase", *STREAMED))
def _second_snapshot(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - one way only
    exchange = world.exchange
    if not world.can_speak or not isinstance(exchange, (CoinbaseExchange, StreamedExchange)) or i not in exchange.sent:
        return False
    exchange.snapshot(i)
    return True


@_fault(_CONNECTED, is_wide=True)
def _foreign_product(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - nobody's
    if not world.can_speak:
        return False
    world.exchange.stranger()
    return True


@_fault(_CONNECTED, is_wide=True)
def _error_frame(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - nobody's
    if not world.can_speak:
        return False
    world.exchange.complain()
    return True


@_fault(_CONNECTED, venues=("binance", "okx", "bitstamp"), is_wide=True)
def _departing(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - a connection's trouble
    if not world.can_speak:
        return False
    world.depart((0.3, 1.5, 5.0, 60.0)[flavour % 4])
    return True


# silence


@_fault(_CONNECTED)
def _silent_stream(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - one way only
    if not world.is_reading or i not in world.exchange.sent:
        return False
    world.exchange.dead.add(i)
    return True


@_fault(_CONNECTED, is_wide=True)
def _half_open(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - a connection's trouble
    if not world.is_reading:
        return False
    world.go_deaf()
    return True


@_fault(_CONNECTED, is_wide=True)
def _silent_everything(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - a connection's trouble
    if not world.is_reading:
        return False
    world.go_deaf()
    world.mute_rest(4.0 + flavour % 4)
    return True


# connections

_CLOSES = (Reason.CONNECTION, Reason.SILENCE, Reason.MALFORMED)


@_fault(_CONNECTED, is_wide=True)
def _close(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - a connection's trouble
    if not world.is_open:
        return False
    world.lose(_CLOSES[flavour % 3], is_doubled=flavour % 7 == 0)
    return True


def _unopened(reason: Reason) -> Inject:
    def refuse(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - a connection's trouble
        if world.is_open or world.succession is not None:
            return False
        world.refuse(reason)
        return True

    return refuse


for _name, _reason in (
    ("unavailable", Reason.UNAVAILABLE),
    ("rate_limited", Reason.RATE_LIMITED),
    ("rejected", Reason.REJECTED),
):
    FAULTS[_name] = Fault(_name, _unopened(_reason), _OPENING, is_wide=True)


@_fault((*_BEGINNING, BookStatus.STALE), is_armed=True)
def _missing_ack(world: World, i: int, flavour: int) -> bool:
    world.exchange.armed.append(("missing_ack", i, flavour))
    return True


@_fault((*_BEGINNING, BookStatus.STALE), is_armed=True)
def _refusal(world: World, i: int, flavour: int) -> bool:
    world.exchange.armed.append(("refusal", i, flavour))
    return True


@_fault(_BEGINNING, venues=("coinbase", "okx", "bybit"), is_armed=True)
def _early_update(world: World, i: int, flavour: int) -> bool:
    world.exchange.armed.append(("early_update", i, flavour))
    return True


# the REST interface


def _rest(name: str) -> None:
    def arm(world: World, i: int, flavour: int) -> bool:
        return world.spoil(i, name, flavour)

    FAULTS[name] = Fault(name, arm, _ALL, ANSWERING, is_armed=True)


for _name in (
    "snapshot_error",
    "snapshot_429",
    "snapshot_451",
    "snapshot_timeout",
    "snapshot_never",
    "snapshot_stale",
    "snapshot_malformed",
    "snapshot_false",
):
    _rest(_name)


@_fault(_ALL, venues=ANSWERING)
def _late_answer(world: World, i: int, flavour: int) -> bool:
    return world.answer_late(i, flavour)


# the market and the clocks


@_fault(_ALL)
def _crossed(world: World, i: int, flavour: int) -> bool:
    world.markets[i].cross()
    world.exchange.emit(i)
    if flavour % 3 == 0:
        world.markets[i].uncross()
        world.exchange.emit(i)
    return True


@_fault(_CONNECTED)
def _burst(world: World, i: int, flavour: int) -> bool:
    if not world.can_speak:
        return False
    for _ in range(10 + flavour % 25):
        world.markets[i].move(1, 0, world.draw)
        world.exchange.emit(i)
    return True


@_fault(_ALL)
def _leap(world: World, i: int, flavour: int) -> bool:
    for _ in range(1 + flavour % 2):
        world.markets[i].leap(8 + flavour % 20, world.draw)
        world.exchange.emit(i)
    return True


@_fault(_ALL)
def _wild(world: World, i: int, flavour: int) -> bool:
    for _ in range(3):
        world.markets[i].move(4 + flavour % 8, WILD, world.draw)
        world.exchange.emit(i)
    return True


@_fault(_ALL)
def _quiet_market(world: World, i: int, flavour: int) -> bool:
    world.quiet[i] = world.now.mono + 2.0 + flavour % 5
    return True


@_fault(_ALL, is_wide=True)
def _clock_step(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - everybody's clock
    world.step_clock((-3600.0, -5.0, -0.5, 0.5, 5.0, 3600.0)[flavour % 6])
    return True


@_fault(_ALL, is_wide=True)
def _suspended(world: World, i: int, flavour: int) -> bool:  # noqa: ARG001 - everybody's time
    world.suspend((1.5, 4.0, 20.0, 100.0)[flavour % 4], wakes_to_frames=flavour // 4 % 2 == 1)
    return True

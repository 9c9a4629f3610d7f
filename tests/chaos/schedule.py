"""Which steps a schedule has: made of (seed, number), or read from a list.

A schedule is made while it is played: half of it is steered so that a given fault hits a book in a given status, the
rest is chance. What was done is kept as a list of small steps, each of which can be done, or comes to nothing, in any
world: so a list can be cut down and played again.
"""

from collections.abc import Callable, Sequence
from random import Random

import attrs
from tests.chaos import faults
from tests.chaos.calm import calm
from tests.chaos.faults import FAULTS
from tests.chaos.judge import Violation
from tests.chaos.venues import VENUES
from tests.chaos.world import Plan, Tally, World

from market_data.domain.normalized import BookStatus

__all__ = ["Outcome", "Step", "play", "replay"]

Step = list[int | str]
_FEWEST_INPUTS = 100
_CHANCE_INPUTS = 62
_VENUES = tuple(VENUES)


@attrs.define
class Outcome:
    """What came of one schedule."""

    plan: Plan
    is_long: bool
    steps: list[Step]
    tally: Tally
    problem: str | None = None


def play(seed: int, number: int) -> Outcome:
    """Make and play one schedule."""
    draw = Random(f"{seed}:{number}")
    venue = _VENUES[number % len(_VENUES)]
    plan = Plan(
        venue,
        draw.randrange(1 << 30),
        levels=draw.choice((40, 40, 40, 24, 12, 3)),
        snapshot_limit=draw.choice((32, 32, 100)),
        auction=draw.choice((-1, -1, 0, 1, 2)),
    )
    director = Director(plan, draw)
    targets = _TARGETS[venue]
    return _run(
        plan,
        director.steps,
        lambda world: director.direct(world, *targets[number // len(_VENUES) % len(targets)]),
        number // len(_VENUES) % 2 < 1,
    )


def replay(plan: Plan, steps: Sequence[Step], *, is_long: bool) -> Outcome:
    """Play a list of steps."""

    def follow(world: World) -> None:
        for step in steps:
            do(world, step)

    return _run(plan, list(steps), follow, is_long)


def _run(plan: Plan, steps: list[Step], direct: Callable[[World], None], is_long: bool) -> Outcome:  # noqa: FBT001
    tally = Tally(schedules=1)
    outcome = Outcome(plan, is_long, steps, tally)
    world = None
    try:
        world = World(plan, tally)
        direct(world)
        calm(world, is_long=is_long)
    except Violation as violation:
        outcome.problem = str(violation)
    except Exception as error:  # noqa: BLE001 - whatever the core raises is a finding
        outcome.problem = f"{type(error).__name__}: {error}"
    if world is not None:
        tally.inputs += world.inputs
        tally.records += sum(line.judge.records for line in world.lines)
        tally.checked += sum(line.judge.checked for line in world.lines)
    return outcome


def do(world: World, step: Step) -> None:
    """Do one step."""
    name, *arguments = step
    _STEPS[str(name)](world, *arguments)


_STEPS: dict[str, Callable[..., object]] = {
    "pulse": World.pulse,
    "pulse_all": World.pulse_all,
    "uncross": World.uncross,
    "deliver": World.deliver,
    "tick": World.tick,
    "answer": World.answer,
    "answer_aligned": World.answer_aligned,
    "open": World.open,
    "fault": faults.inject,
}
_TARGETS = {venue: faults.cells(venue) for venue in _VENUES}
_OF_VENUE = {venue: [name for name, fault in FAULTS.items() if venue in fault.venues] for venue in _VENUES}
_REST = ("snapshot_", "late_answer")


class Director:
    """Makes one schedule."""

    def __init__(self, plan: Plan, draw: Random) -> None:
        self.plan = plan
        self.draw = draw
        self.steps: list[Step] = []
        self.world: World

    def direct(self, world: World, fault: str, status: BookStatus) -> None:
        """Have a fault hit a book in a status, then leave the rest to chance."""
        self.world = world
        i = self.draw.randrange(3)
        for _ in range(4):
            before = world.tally.cells[world.venue, fault, status]
            self._steer(i, fault, status)
            if world.tally.cells[world.venue, fault, status] > before:
                break
        self._bite(i)
        while world.inputs < _CHANCE_INPUTS or sum(world.tally.faults.values()) < 2:
            self._chance()
        while world.inputs < _FEWEST_INPUTS - 30:
            self._chance(is_fair=True)

    def _do(self, *step: int | str) -> None:
        self.steps.append(list(step))
        do(self.world, list(step))

    def _fault(self, name: str, i: int) -> None:
        self._do("fault", name, i, self.draw.randrange(1000))

    # by chance

    def _chance(self, *, is_fair: bool = False) -> None:
        world, draw = self.world, self.draw
        if not world.are_open and draw.random() < 0.4:
            self._do("open")
            return
        what = draw.random()
        if what < 0.30:
            self._do("pulse", draw.randrange(3), 1 + draw.randrange(4), int(draw.random() < 0.1))
        elif what < 0.36:
            self._do("pulse_all")
        elif what < 0.60:
            self._do("deliver", 1 + draw.randrange(6))
        elif what < 0.80:
            self._do("tick", draw.choice((50, 100, 100, 250, 250, 500)))
        elif what < 0.93 or is_fair:
            self._answer()
        elif what < 0.96:
            self._do("uncross", draw.randrange(3))
        elif sum(world.tally.faults.values()) < 6:
            self._fault(draw.choice(_OF_VENUE[self.plan.venue]), draw.randrange(3))

    def _answer(self) -> None:
        waiting = self.world.waiting
        if not waiting:
            self._do("deliver", 10)
            return
        i = self.draw.choice(waiting)
        if self.draw.random() < 0.3:
            self._do("answer_aligned", i)
        else:
            self._do("answer", i, 0)

    def _bite(self, i: int) -> None:
        """Let what was just done show."""
        if self.draw.random() < 0.7:
            for _ in range(2):
                self._do("pulse", i, 2, 0)
                self._do("deliver", 100)
                self._do("tick", 100)

    # with a purpose

    def _steer(self, i: int, fault: str, status: BookStatus) -> None:
        kind = FAULTS[fault]
        needs_answer = fault.startswith(_REST)
        if fault == "late_answer":
            self._pend(i)
            if self._home(i).is_open:
                self._fault("close", i)
        elif needs_answer and status is not BookStatus.SYNCING:
            self._pend(i)
        elif kind.is_armed and not needs_answer:
            self._subscribe_badly(i, fault, status)
            return
        if not self._reach(i, status, is_open=fault not in _UNOPENED, keeps_answer=needs_answer):
            return
        if needs_answer and fault != "late_answer" and i not in self.world.waiting:
            self._await_request(i, status)
        self._fault(fault, i)

    def _reach(self, i: int, status: BookStatus, *, is_open: bool, keeps_answer: bool) -> bool:
        match status:
            case BookStatus.LIVE:
                self._live(i, answers=not keeps_answer)
            case BookStatus.SYNCING:
                self._syncing(is_open=is_open, keeps_answer=keeps_answer, i=i)
            case BookStatus.GAP:
                self._gap(i, is_open=is_open, keeps_answer=keeps_answer)
            case BookStatus.STALE:
                self._stale(i, is_open=is_open, keeps_answer=keeps_answer)
            case BookStatus.DISCONNECTED:
                self._disconnected(i)
        return self._status(i) is status

    def _home(self, i: int) -> World:
        return self.world.of(i)

    def _status(self, i: int) -> BookStatus:
        return self.world.seen[i].status

    def _live(self, i: int, *, answers: bool = True) -> None:
        for _ in range(80):
            if self._status(i) is BookStatus.LIVE:
                return
            if not self._home(i).is_open:
                self._do("open")
            self._do("pulse", i, 1, 0)
            self._do("deliver", 100)
            for at in self.world.waiting:
                if answers or at != i or self._home(i).pending[at].serial > self._kept_serial(i):
                    self._do("answer", at, 0)
            self._do("tick", 250)
            if self.draw.random() < 0.05:
                self._do("uncross", i)

    def _kept_serial(self, i: int) -> int:
        late = self._home(i).late.get(i)
        return late.serial if late is not None else 0

    def _syncing(self, *, i: int, is_open: bool, keeps_answer: bool) -> None:
        if self._status(i) is not BookStatus.SYNCING:
            if self._home(i).is_open:
                self._fault("close", i)
            self._do("open")
        home = self._home(i)
        if is_open and not home.is_open:
            self._do("open")
        if keeps_answer and i not in home.pending and i not in home.late and self.plan.venue != "binance":
            self._pend(i)
            self._fault("close", i)
            self._do("open")

    def _gap(self, i: int, *, is_open: bool, keeps_answer: bool) -> None:
        self._live(i, answers=not keeps_answer)
        if self.plan.venue != "coinbase" and not is_open:
            self._fault("garbage", i)
            self._do("deliver", 1000)
        elif self.plan.venue == "bitstamp":  # which misses nothing that is lost
            self._do("fault", "bad_number", i, 0)
            self._do("deliver", 1000)
        else:
            self._fault("drop", i)
            self._do("pulse", i, 1, 0)
            self._do("deliver", 1000)
        if self._home(i).is_closing:
            self._do("tick", 50)
            if is_open:
                self._do("open")

    def _stale(self, i: int, *, is_open: bool, keeps_answer: bool) -> None:
        if not is_open:
            self._live(i)
            self._fault("half_open", i)
            self._pass(i, until=lambda: self._status(i) is BookStatus.STALE)
            if self._home(i).is_closing:
                self._do("tick", 50)
            return
        if VENUES[self.plan.venue].is_renewed and keeps_answer:
            self._pend(i)
            self._do("fault", "clock_step", i, 4)
            return
        if VENUES[self.plan.venue].is_renewed:
            self._live(i)
            self._do("fault", "silent_stream", i, 0)
            self._do("fault", "missing_ack", i, 1)
            self._pass(i, until=lambda: self._status(i) is not BookStatus.LIVE)
            return
        self._pend(i)
        self._fault("snapshot_error", i)
        if keeps_answer:
            self._pass(i, until=lambda: i in self.world.waiting)

    def _disconnected(self, i: int) -> None:
        if not self._home(i).is_open and self._status(i) is not BookStatus.DISCONNECTED:
            self._do("open")
        if self._home(i).is_open:
            self._fault("close", i)

    def _pend(self, i: int) -> None:
        """Have a request for a live book wait for its answer: its stream is dead, or just has nothing to say."""
        self._live(i)
        if self.draw.random() < 0.3:
            self._fault("silent_stream", i)
        self._pass(i, until=lambda: i in self.world.waiting or self._status(i) is not BookStatus.LIVE)

    def _pass(self, i: int, *, until: Callable[[], bool]) -> None:
        """Let time pass; the others' answers come."""
        for _ in range(24):
            if until():
                return
            self._do("deliver", 100)
            for at in self.world.waiting:
                if at != i:
                    self._do("answer", at, 0)
            self._do("tick", 500)

    def _await_request(self, i: int, status: BookStatus) -> None:
        if status is BookStatus.SYNCING or status is BookStatus.GAP:
            self._do("deliver", 100)
        self._pass(i, until=lambda: i in self.world.waiting or self._status(i) is not status)

    def _subscribe_badly(self, i: int, fault: str, status: BookStatus) -> None:
        """Have a subscription go wrong."""
        if status is BookStatus.STALE:
            self._pend(i)
            self._do("pulse", i, 1, 0)
            self._fault(fault, i)
            self._do("answer", i, 0)
            self._pass(i, until=lambda: self._status(i) is not BookStatus.LIVE)
            return
        if status is BookStatus.GAP:
            self._gap(i, is_open=False, keeps_answer=False)
        elif self._home(i).is_open:
            self._fault("close", i)
        self._fault(fault, i)
        self._do("open")


_UNOPENED = ("unavailable", "rate_limited", "rejected")

"""Plays cases side by side, each in a world of its own, and keeps what came of each."""

from collections.abc import Iterable, Mapping, Sequence

import anyio
import attrs
from msgspec.structs import replace
from tests.e2e.faults.cases import INSTRUMENTS, Case
from tests.e2e.faults.world import World, world
from tests.support.waiting import until

from market_data_sandbox import Fault, Options

__all__ = ["Outcome", "play_all"]

_AT_A_TIME = 12
_ROUND_SECONDS = 30.0
_MORE_RECORDS = 5
"""So many live records in a row, without another word between, show that a book has recovered."""
_SETTLE_SECONDS = 1.2
"""So old is a stale snapshot at least."""


@attrs.define
class Outcome:
    """What came of one case."""

    said: dict[str, list[list[str]]] = attrs.field(factory=dict)
    """By book, and by round: what it was said to be, in order."""
    problem: str | None = None
    """Why it came to no end."""
    injected: int = 0
    records: int = 0
    live: int = 0
    wrong: int = 0
    examples: Sequence[str] = ()
    last: Mapping[str, str] = attrs.field(factory=dict)
    """By book: the last that was said of it."""
    longest_lag_seconds: float = 0.0
    longest_spell_seconds: float = 0.0
    recoveries: Sequence[float] = ()
    warnings: Sequence[str] = ()


async def play_all(cases: Iterable[Case]) -> dict[str, Outcome]:
    """Play them, some at a time."""
    outcomes: dict[str, Outcome] = {}
    limiter = anyio.CapacityLimiter(_AT_A_TIME)

    async def run(case: Case) -> None:
        async with limiter:
            outcomes[case.name] = await _play(case)

    async with anyio.create_task_group() as tasks:
        for case in cases:
            tasks.start_soon(run, case, name=case.name)
    return outcomes


async def _play(case: Case) -> Outcome:
    outcome = Outcome()
    options = Options(
        broker=False,
        venues=(case.venue,),
        instruments={case.venue: case.instruments or INSTRUMENTS[case.venue]},
        rate=0.001 if case.is_quiet else None,
        coinbase_heartbeat_seconds=0.3,
    )
    options = attrs.evolve(options, **case.options)
    async with world(options, case.overrides, [case.venue]) as seen:
        await anyio.sleep(_SETTLE_SECONDS)
        try:
            for _ in range(case.rounds):
                await _play_round(case, seen, outcome)
        except TimeoutError as error:
            outcome.problem = str(error)
    judge = seen.judge
    outcome.injected = seen.injected(case.kind)
    outcome.records, outcome.live = judge.records, judge.live
    outcome.wrong, outcome.examples = judge.wrong, tuple(judge.examples)
    outcome.last = {key: str(seen.stands(key)[-1]) for key in seen.keys}
    outcome.longest_lag_seconds = judge.longest_lag_seconds
    outcome.longest_spell_seconds = judge.longest_spell_seconds
    outcome.recoveries = tuple(seen.recoveries.seconds)
    outcome.warnings = tuple(f"{message} {dict(fields)}" for message, fields in seen.telemetry.warnings[-20:])
    return outcome


async def _play_round(case: Case, seen: World, outcome: Outcome) -> None:
    """Do it, and wait until the afflicted have said what they must, and all are live again."""
    before = {key: len(seen.stands(key)) for key in seen.keys}
    live = {key: seen.judge.keys[key].live for key in seen.keys}
    done = seen.injected(case.kind)
    seen.inject(_aimed(case, seen))

    def said(key: str) -> list[str]:
        return [str(stand) for stand in seen.stands(key, before[key])]

    def is_over() -> bool:
        expected = {**dict.fromkeys(case.afflicts, case.leads_to), **case.companions}
        return (
            seen.injected(case.kind) > done
            and all(has_said(said(key), words) for key, words in expected.items())
            and all(
                min(of_book.live - live[key], of_book.live_in_a_row) >= _MORE_RECORDS
                for key, of_book in seen.judge.keys.items()
            )
        )

    try:
        await until(is_over, _ROUND_SECONDS, 0.02)
    except TimeoutError as error:
        stands = {key: said(key) for key in seen.keys}
        problem = f"injected {seen.injected(case.kind) - done}, {stands}"
        raise TimeoutError(problem) from error
    finally:
        for key in seen.keys:
            outcome.said.setdefault(key, []).append(said(key))


def has_said(said: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether all words were said in this order, others between them allowed, and live is the last of all."""
    rest = iter(said)
    return all(word in rest for word in words) and (not words or said[-1] == "live")


def _aimed(case: Case, seen: World) -> list[Fault]:
    if not case.is_of_first_connection:
        return list(case.faults)
    name = seen.connection_of(INSTRUMENTS[case.venue][0])
    return [replace(fault, connection=name, instrument=None) for fault in case.faults]

"""Every ready-made script for ten seconds, three times as fast as it is written: no live record is wrong."""

from collections.abc import Iterator
from typing import Any

import anyio
import attrs
import pytest
from msgspec.structs import replace
from tests.e2e.faults.world import World, world

from market_data_sandbox import Fault, Options
from market_data_sandbox.faults import load_script, ready_made_scripts

_SECONDS = 10.0
_AT_MOST_SECONDS = 120.0
_TIMES = 3.0
_OVERSIZED_BYTES = 9 * 2**20
_OVERRIDES = {"book.audit_seconds": 2}


@attrs.frozen
class _Played:
    wrong: int
    examples: list[str]
    records: int
    live: int
    injected: dict[str, int]
    stands: dict[str, int]
    last: set[str]


@pytest.fixture(scope="module")
def played(pytestconfig: pytest.Config) -> Iterator[dict[str, _Played]]:
    """Play all scripts side by side, and sum up at the end."""
    found: dict[str, _Played] = {}

    async def play(seed: int, name: str) -> None:
        script = [_faster(fault) for fault in load_script(name)]
        async with world(Options(broker=False, seed=seed), _OVERRIDES) as seen:
            seen.running.faults.schedule(script)
            await anyio.sleep(_SECONDS)
        found[name] = _summed(seen)

    async def play_all() -> None:
        with anyio.fail_after(_AT_MOST_SECONDS):
            async with anyio.create_task_group() as tasks:
                for seed, name in enumerate(ready_made_scripts()):
                    tasks.start_soon(play, seed, name, name=name)

    anyio.run(play_all)
    yield found
    capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(
            f"\nscripts: {len(found)} for {_SECONDS:.0f} s each, "
            f"{sum(sum(each.injected.values()) for each in found.values())} faults, "
            f"{sum(each.records for each in found.values())} records of which "
            f"{sum(each.live for each in found.values())} live, {sum(each.wrong for each in found.values())} wrong"
        )


def _summed(seen: World) -> _Played:
    judge = seen.judge
    return _Played(
        judge.wrong,
        list(judge.examples),
        judge.records,
        judge.live,
        {str(kind): count for kind, count in seen.running.faults.injected.items()},
        dict(judge.stands),
        {str(seen.stands(key)[-1]) for key in seen.keys},
    )


def _faster(fault: Fault) -> Fault:
    times = {name: None if value is None else value / _TIMES for name, value in _times(fault).items()}
    return replace(fault, **times, jitter=fault.jitter / _TIMES, size=fault.size or _size(fault))


def _times(fault: Fault) -> dict[str, float | None]:
    return {"at": fault.at, "every": fault.every, "seconds": fault.seconds}


def _size(fault: Fault) -> int | None:
    return _OVERSIZED_BYTES if fault.fault == "oversized" else None


@pytest.mark.parametrize("name", ready_made_scripts())
def test_no_record_is_wrong_while_a_script_goes_on(name: str, played: dict[str, _Played]) -> None:
    outcome = played[name]
    assert (outcome.wrong, outcome.examples) == (0, [])
    assert outcome.live > 0
    assert outcome.injected
    assert outcome.last == {"disconnected/shutdown"}

"""Each fault over real sockets: no wrong record, the right word for it, and live again."""

import math
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from tests.e2e.faults.cases import CASES, INSTRUMENTS, Case
from tests.e2e.faults.playing import Outcome, has_said, play_all
from tests.e2e.faults.streamed import STREAMED, UNPLAYABLE
from tests.support.recovery import percentile

from market_data_sandbox import FaultKind, Venue
from market_data_sandbox.faults import fits

_SECONDS = 300.0
_LAG_SECONDS = 12.0
"""The watchdogs' bounds are over after two to six seconds; the rest is for a machine that is busy."""


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[dict[str, Outcome]]:
    """Play all cases that are asked for, side by side, and sum up at the end."""
    chosen = _chosen(request)
    began = time.monotonic()

    async def play() -> dict[str, Outcome]:
        with anyio.fail_after(_SECONDS):
            return await play_all(chosen)

    found = anyio.run(play)
    yield found
    capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{_summary(found, time.monotonic() - began)}")


def _chosen(request: pytest.FixtureRequest) -> list[Case]:
    asked = [getattr(item, "callspec", None) for item in request.session.items]
    return [found for each in asked if each is not None and isinstance(found := each.params.get("case"), Case)]


def _summary(outcomes: dict[str, Outcome], seconds: float) -> str:
    moving = {case.name for case in _ALL if not case.is_quiet}
    lags = [outcome.longest_lag_seconds for name, outcome in outcomes.items() if name in moving]
    whole = (
        f"faults: {len(outcomes)} cases, {sum(outcome.injected for outcome in outcomes.values())} injected, "
        f"{sum(outcome.records for outcome in outcomes.values())} records of which "
        f"{sum(outcome.live for outcome in outcomes.values())} live, "
        f"{sum(outcome.wrong for outcome in outcomes.values())} wrong; "
        f"oldest live record {max(lags, default=0.0):.1f} s behind; {seconds:.0f} s"
    )
    return "\n".join([whole, *filter(None, (_recovery(venue, outcomes) for venue in INSTRUMENTS))])


def _recovery(venue: Venue, outcomes: dict[str, Outcome]) -> str:
    """Say how long its books took to be live again; nothing of a venue that was not played."""
    found = {
        case.name: outcomes[case.name].recoveries for case in _ALL if case.venue is venue and case.name in outcomes
    }
    if not found:
        return ""
    recoveries = [each for of_case in found.values() for each in of_case]
    slowest = max(found, key=lambda name: max(found[name], default=0.0))
    times = ", ".join(f"{name} {percentile(recoveries, share):.3f} s" for name, share in _SHARES)
    return f"    {venue}: live again after the first accepted attempt ({len(recoveries)} times): {times} ({slowest})"


_ALL = (*CASES, *STREAMED)
_SHARES = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in _ALL])
def test_each_fault_is_told_and_healed_and_nothing_wrong_is_published(case: Case, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[case.name]
    assert outcome.problem is None, f"{outcome.problem}\n" + "\n".join(outcome.warnings)
    assert outcome.wrong == 0, list(outcome.examples)
    assert outcome.injected >= case.rounds
    assert outcome.longest_lag_seconds < (math.inf if case.is_quiet else _LAG_SECONDS)
    for said in (said for key in case.afflicts for said in outcome.said[key]):
        assert has_said(said, case.leads_to)
        assert not case.is_exact or said == [*case.leads_to, "live"]
    for key in case.spares:
        assert outcome.said[key] == [[]] * case.rounds, f"{key} should have stayed live"
    assert set(outcome.last.values()) == {"disconnected/shutdown"}


def test_the_table_knows_every_fault_of_the_sandbox_on_every_venue() -> None:
    """A fault that is new in the sandbox must be added to the table."""
    assert {(case.kind, case.venue) for case in _ALL} == {
        (kind, venue) for kind in FaultKind for venue in Venue if fits(kind, venue)
    } - UNPLAYABLE

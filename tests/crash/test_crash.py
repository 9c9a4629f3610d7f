"""The short form as a test, and the judgement itself: each thing that may go wrong has to be seen by it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from tests.crash.judgement import Outcome, faults_of
from tests.crash.watcher import Seen
from tests.support.brokers import missing

FAREWELL = {"status": "disconnected", "reason": "shutdown", "publish_seq": 9}


def report(instrument: str, **changes: Any) -> dict[str, Any]:
    figures = {"records": 10, "holes": 0, "doubles": 0, "disorder": 0, "conflated": 3, "epochs": 1}
    return {"instrument": instrument, "verdict": "proven", **figures, **changes}


def outcome() -> Outcome:
    return Outcome(
        produce_status=0,
        produce_log_lines=20,
        verify_status=0,
        reports=[report("a"), report("b")],
        seen={key: Seen(10, 3, 0, dict(FAREWELL)) for key in "ab"},
        instruments=2,
        peak_mebibytes=100,
        bound_mebibytes=256,
    )


def test_a_run_without_loss_is_found_well() -> None:
    assert faults_of(outcome()) == []


def seen(**changes: Any) -> Callable[[Outcome], Outcome]:
    def change(good: Outcome) -> Outcome:
        return attrs.evolve(good, seen={**good.seen, "b": attrs.evolve(good.seen["b"], **changes)})

    return change


def told(**changes: Any) -> Callable[[Outcome], Outcome]:
    return lambda good: attrs.evolve(good, reports=[good.reports[0], report("b", **changes)])


def ended(**changes: Any) -> Callable[[Outcome], Outcome]:
    return lambda good: attrs.evolve(good, **changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(told(holes=2), "2 records missing", id="hole"),
        pytest.param(told(doubles=1), "1 records doubled", id="double"),
        pytest.param(told(disorder=4), "4 records out of order", id="disorder"),
        pytest.param(ended(verify_status=1), "verify ended with status 1", id="verify fails"),
        pytest.param(ended(produce_status=1), "produce ended with status 1", id="produce fails"),
        pytest.param(ended(instruments=3), "2 of 3 instruments are in the topic", id="instrument absent"),
        pytest.param(seen(records=11), "b: verify counts 10 records", id="verify stops early"),
        pytest.param(seen(unexpected=1), "1 of them unexpected", id="the watcher sees disorder"),
        pytest.param(seen(last={"status": "live"}), "not its producer's farewell", id="last state lost"),
        pytest.param(
            lambda good: attrs.evolve(
                good,
                reports=[report(key, conflated=0) for key in "ab"],
                seen={key: Seen(10, 0, 0, dict(FAREWELL)) for key in "ab"},
            ),
            "nothing was merged",
            id="the load did not come",
        ),
        pytest.param(ended(peak_mebibytes=300), "memory reached 300 of 256 MiB", id="memory"),
        pytest.param(ended(produce_log_lines=4000), "wrote 4000 lines", id="log"),
    ],
)
def test_whatever_is_not_as_promised_is_named(change: Callable[[Outcome], Outcome], said: str) -> None:
    (found,) = faults_of(change(outcome()))
    assert said in found


@pytest.mark.broker
@pytest.mark.timeout(300)
def test_nothing_is_lost_when_the_broker_crashes_stays_away_and_hangs(capsys: pytest.CaptureFixture[str]) -> None:
    if what := missing():
        pytest.skip(f"needs {what}")
    command = [sys.executable, "-m", "tests.crash", "--short"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280, check=False)
    with capsys.disabled():
        print(f"\n{done.stdout}{done.stderr}")
    assert done.returncode == 0
    assert "everything kept" in done.stdout

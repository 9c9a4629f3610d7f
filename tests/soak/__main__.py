"""``python -m tests.soak --minutes 30 --seed 1``."""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

import anyio
from tests.soak.samples import Sample
from tests.soak.soaking import Soak, soak
from tests.support.recovery import percentile

_MEBIBYTE = 2**20
_MOST_WARM_UP_SECONDS = 300.0
"""By then each kind of fault has come, those that take memory for a moment too, which the allocator keeps; rarer faults
take longer.
"""
_MOST_LINES_A_MINUTE = 300


def main() -> int:
    """Give 0 when nothing was wrong and nothing grew."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=sys.modules["tests.soak"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N", help="how long (30)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of market and faults (1)")
    parser.add_argument("--calm", type=float, default=1.0, metavar="N", help="faults are N times as rare (1)")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="where the log goes (a temporary one)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    seconds = arguments.minutes * 60
    warm_up = min(_MOST_WARM_UP_SECONDS * arguments.calm, seconds / (5 if arguments.calm <= 1 else 2))
    seen = anyio.run(partial(soak, calm=arguments.calm), seconds, arguments.seed, warm_up, folder)
    problems = [*seen.problems, *seen.samples.growths()]
    if seen.judge.wrong:
        problems.append(f"{seen.judge.wrong} wrong records: " + "; ".join(seen.judge.examples))
    if seen.tracebacks:
        problems.append(f"{seen.tracebacks} tracebacks in the log")
    if seen.log_lines * 60 / max(seen.seconds, 1) > _MOST_LINES_A_MINUTE:
        problems.append(f"more than {_MOST_LINES_A_MINUTE} lines a minute in the log")
    _report(seen, arguments.seed, folder)
    for problem in problems:
        print(f"FAILED: {problem}")
    return int(bool(problems))


def _report(seen: Soak, seed: int, folder: Path) -> None:
    judge, recoveries, samples = seen.judge, seen.recoveries.seconds, seen.samples
    minutes = max(seen.seconds / 60, 1e-9)
    print(f"soak of {minutes:.1f} minutes, seed {seed}; the producer's log: {folder / 'produce.log'}")
    print(
        f"records       {judge.records}, {judge.live} live and compared with {seen.truth.states} true states, "
        f"wrong: {judge.wrong}"
    )
    print(
        f"faults        {sum(seen.faults.values())}: "
        + ", ".join(f"{n} {kind}" for kind, n in sorted(seen.faults.items()))
    )
    print("statuses      " + ", ".join(f"{count} {stand}" for stand, count in judge.stands.most_common()))
    print(
        f"not live      longest {judge.longest_spell_seconds:.2f} s; "
        f"oldest live record {judge.longest_lag_seconds:.2f} s behind its venue"
    )
    print(
        f"recovery      from the first accepted attempt, {len(recoveries)} times: "
        + ", ".join(f"{name} {percentile(recoveries, share):.3f} s" for name, share in _SHARES)
        + f"; {seen.recoveries.unexplained} without one"
    )
    for name, of in _MEMORY.items():
        values = [of(sample) / _MEBIBYTE for sample in samples.all] or [0.0]
        warm = [of(sample) / _MEBIBYTE for sample in samples.warm] or [0.0]
        print(
            f"{name:13} {values[0]:.1f} MiB at the start, {warm[0]:.1f} after {samples.warm_up_seconds:.0f} s, "
            f"{values[-1]:.1f} at the end, most {max(values):.1f}, "
            f"slope after the warm-up {samples.slope_mebibytes_per_minute(of):+.2f} MiB a minute"
        )
    last = samples.all[-1] if samples.all else None
    if last is not None:
        first = samples.all[0]
        most = max(sample.descriptors for sample in samples.all)
        print(f"descriptors   {first.descriptors} at the start, {last.descriptors} at the end, most {most}")
    print(
        f"most waiting  {seen.most['outbox']} in the outbox, {seen.most['in_flight']} in flight, "
        f"{seen.most['pending']} frames; most tasks {seen.most['tasks']}"
    )
    print(
        f"log           {seen.log_lines} lines, {seen.log_lines / minutes:.1f} a minute, "
        f"{seen.log_bytes / minutes / 1000:.1f} kB a minute"
    )


_SHARES = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))


def _of_producer(sample: Sample) -> int:
    return sample.producer_bytes


def _of_sandbox(sample: Sample) -> int:
    return sample.sandbox_bytes


def _of_us(sample: Sample) -> int:
    return sample.own_bytes


_MEMORY = {"producer": _of_producer, "sandbox": _of_sandbox, "this judge": _of_us}


if __name__ == "__main__":
    sys.exit(main())

"""Where the CPU time of ``produce`` goes, from socket to broker: stacks sampled by CPU time.

python -m tests.benchmarks.profile --rate 500
"""

import argparse
import json
import os
import re
import signal
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs
from tests.benchmarks.end_to_end import HERE, Launch, Variant, running, wait_until_live
from tests.benchmarks.results import machine
from tests.support.brokers import process_broker

_METHOD = """The process of the benchmark end_to_end (20 instruments, 46 levels an event, an open loop, a real Apache
Kafka) takes its own stack each millisecond of its CPU time, as fine as the kernel's clock is. "Itself" is the share of
samples with the function innermost, C code that it called included; "in all" that of samples with it anywhere."""
_PATIENCE_SECONDS = 20.0
_SHOWN = 25


@attrs.frozen
class _Sampled(Variant):
    """A variant that can be told to take samples."""

    samples: Path = Path()

    def launch(self, port: int, brokers: str, folder: Path) -> Launch:
        launched = super().launch(port, brokers, folder)
        path = f"{Path(__file__).with_name('sampled')}:{launched.environment['PYTHONPATH']}"
        return attrs.evolve(launched, environment={"PYTHONPATH": path, "SAMPLES": str(self.samples)})


def _sample(variant: _Sampled, rate: int, seconds: float) -> list[tuple[int, list[str]]]:
    with ExitStack() as stack:
        folder = variant.samples.parent
        broker = stack.enter_context(process_broker(folder / "home"))
        core = max(os.sched_getaffinity(0))
        producing = stack.enter_context(running(variant, broker.brokers, core, folder, turnover=False))
        wait_until_live(producing)
        producing.phase("rate 500 2")
        producing.process.send_signal(signal.SIGUSR2)
        producing.phase(f"rate {rate} {seconds:g}")
        producing.process.send_signal(signal.SIGUSR2)
        until = time.monotonic() + _PATIENCE_SECONDS
        while not variant.samples.exists() and time.monotonic() < until:
            time.sleep(0.05)
        return [(count, found) for count, found in json.loads(variant.samples.read_text())]


def _named(function: str) -> str:
    file, _, name = function.rpartition(":")
    if made := re.search(r"<attrs generated methods (market_data)\.(.*)>", file):
        return f"{made[1]}/{made[2]} {name}"
    package = re.search(r"site-packages/(.*)|/src/(market_data/.*)|/lib/python[^/]*/(.*)", file)
    return f"{next(filter(None, package.groups())) if package else file} {name}"


def _table(title: str, counted: Counter[str], whole: int) -> Iterator[str]:
    yield f"\n{title}"
    for name, count in counted.most_common(_SHOWN):
        yield f"{100 * count / whole:5.1f} %  {name}"


def _lines(samples: Sequence[tuple[int, list[str]]]) -> Iterator[str]:
    packages: Counter[str] = Counter()
    innermost: Counter[str] = Counter()
    anywhere: Counter[str] = Counter()
    for count, stack in samples:
        names = [_named(each) for each in stack]
        innermost[names[0]] += count
        packages[names[0].partition("/")[0]] += count
        for name in set(names):
            anywhere[name] += count
    whole = sum(innermost.values())
    yield f"{whole} samples"
    yield from _table("itself, by package", packages, whole)
    yield from _table("itself", innermost, whole)
    yield from _table("in all", Counter({name: n for name, n in anywhere.items() if n < whole}), whole)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profile")
    parser.add_argument("--rate", type=int, default=500, metavar="N", help="events a second (default 500)")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="N", help="how long (default 30)")
    options = parser.parse_args()
    print(json.dumps(machine(), ensure_ascii=False))
    print(f"\n{textwrap.fill(' '.join(_METHOD.split()), 118)}\n")
    with tempfile.TemporaryDirectory() as text:
        variant = _Sampled("sampled", HERE, (), Path(text) / "samples.json")
        for line in _lines(_sample(variant, options.rate, options.seconds)):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long ``consume`` takes from its start to a picture with a price, on a terminal: this tree, or several in turns.

python -m tests.benchmarks.start --variant before=/path/to/tree --variant now=.
"""

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
from pathlib import Path

from tests.benchmarks.end_to_end import Variant
from tests.benchmarks.results import Result, machine, say
from tests.support.programs import environment, running, sandbox

_METHOD = """python -m app consume of each tree, on a pseudo-terminal of 120x40, reads a topic that a producer writes to
all the while (two invented exchanges, the sandbox's broker). The time runs from the start of the process until the best
bid of any book stands on the terminal; variants in turns. All of it counts: Python's start, imports, settings, the
broker."""
_SECONDS = 60.0
_TOPIC = "books"


def _first_price(tree: Path, options: list[str]) -> float:
    """Start it, and give the seconds until it shows a price."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    began, read = time.monotonic(), b""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "consume", *options],
        cwd=tree,
        env=environment(PYTHONPATH=str(tree / "src"), TERM="xterm-256color"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        while not _has_price(read):
            if time.monotonic() - began > _SECONDS:
                raise SystemExit(f"{tree}: no price within {_SECONDS:g} s: {read[-2000:]!r}")
            if select.select([master], [], [], 1.0)[0]:
                read += os.read(master, 65536)
        return time.monotonic() - began
    finally:
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:  # it waits until its last words are read
            if select.select([master], [], [], 0.1)[0]:
                try:
                    os.read(master, 65536)
                except OSError:
                    break
        process.wait(20)
        os.close(master)


def _has_price(read: bytes) -> bool:
    """Tell whether a live book's digits stand there; the name of an instrument alone is none."""
    rows = read.decode(errors="replace").replace("\x1b", " ").split("BTC-USD")[1:]
    return any("." in row[:300] and any(each.isdigit() for each in row[:300].rpartition(".")[0][-4:]) for row in rows)


def main() -> int:
    """Print the seconds of each variant."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.start")
    parser.add_argument("--variant", action="append", type=Variant.of, metavar="NAME=TREE", help="a tree (this one)")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often (default 7)")
    options = parser.parse_args()
    variants = options.variant or [Variant.of("now=.")]
    print(json.dumps(machine(), ensure_ascii=False))
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        with sandbox(folder) as world, running("produce", *world.options(_TOPIC), folder=folder) as producer:
            producer.wait_for_err("books are live")
            given = list(world.options(_TOPIC))
            for each in variants:
                _first_price(each.tree, given)  # its bytecode is compiled
            values: dict[str, list[float]] = {each.name: [] for each in variants}
            for number in range(options.rounds):
                turn = number % len(variants)
                for each in variants[turn:] + variants[:turn]:
                    values[each.name].append(_first_price(each.tree, given))
            producer.end()
    say(Result("start", "From the start to the first price", textwrap.dedent(_METHOD), "s", values, variants[0].name))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a worker of Python says and hears; it stands alone, since it runs where nothing of ours is installed.

It says on one line which ways it has; then for each line of stdin that names one, it makes a pass over the frames of a
file and says the CPU seconds, and the best 20 levels of both sides that it ends with.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Levels = Sequence[tuple[str, str]]
Pass = tuple[Callable[[], None], Callable[[], tuple[Levels, Levels]]]
"""What is measured, and what then gives the best levels."""
Way = Callable[[bytes, Sequence[bytes]], Pass]
"""Prepares a pass over a snapshot and the frames after it."""


def work(ways: Mapping[str, tuple[str, Way]]) -> None:
    """Do as told until there is no more; ``ways`` has of each what it does and does not, and how."""
    snapshot, *frames = Path(sys.argv[1]).read_bytes().splitlines()
    print(json.dumps({"ways": {name: about for name, (about, _) in ways.items()}}), flush=True)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        run, top = ways[line.strip()][1](snapshot, frames)
        gc.collect()
        started = time.process_time()
        run()
        seconds = time.process_time() - started
        print(json.dumps({"seconds": seconds, "top": top()}), flush=True)

"""Which event loop runs, and that it can be chosen."""

import asyncio
import json
import subprocess
import sys

import anyio
import pytest

from market_data.cli.loops import choose_loop
from market_data.config import EventLoop

UVLOOP = pytest.param(EventLoop.UVLOOP, "uvloop", marks=pytest.mark.skipif(sys.platform == "win32", reason="has none"))


async def _module() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.parametrize(("wanted", "runs"), [(EventLoop.ASYNCIO, "asyncio"), UVLOOP])
def test_the_loop_that_is_wanted_runs_and_is_named(wanted: EventLoop, runs: str) -> None:
    loop = choose_loop(wanted)
    assert str(loop).startswith(runs)
    assert anyio.run(_module, backend_options=loop.backend_options) == runs


@pytest.mark.skipif(sys.platform == "win32", reason="has none")
def test_uvloop_runs_where_it_is_installed() -> None:
    assert choose_loop(EventLoop.AUTO).is_uvloop


def test_without_uvloop_pythons_own_loop_runs_and_asking_for_the_other_says_what_to_do() -> None:
    program = """
import json, sys
sys.modules["uvloop"] = None
from market_data.cli.loops import choose_loop
from market_data.config import EventLoop
from market_data.domain.errors import UsageError
said = [str(choose_loop(EventLoop.AUTO))]
try:
    choose_loop(EventLoop.UVLOOP)
except UsageError as error:
    said += error.lines
print(json.dumps(said))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    auto, told = json.loads(done.stdout)
    assert auto == "asyncio"
    assert told == "event_loop: uvloop is not installed: pip install uvloop, or set auto or asyncio"

"""What all tests share: the event loop, and how hard the properties are tried."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings
from tests.support.effort import PROFILE

settings.register_profile(
    PROFILE,
    deadline=None,
    max_examples=1000 if PROFILE == "thorough" else 60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
    database=None if "CI" in os.environ else settings().database,
)
settings.load_profile(PROFILE)

if hasattr(signal, "SIGHUP") and (
    signal.getsignal(signal.SIGHUP) is signal.SIG_IGN or "PYTEST_XDIST_WORKER" in os.environ
):
    # Under nohup the tests go on without a terminal. The programs that they start would inherit that it is ignored, and
    # could not be told by it to end; a handler that does nothing is not inherited.
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the program does."""
    return "asyncio"

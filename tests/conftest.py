"""What all tests share: the event loop, and how hard the properties are tried."""

import os
import signal
from importlib.util import find_spec

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

collect_ignore = [] if find_spec("playwright") else ["browser"]
"""What needs a browser has an environment of its own: ``nox -s browser``."""

# In the background, or under nohup, the tests go on whatever their terminal says. The programs that they start would
# inherit that these signals are ignored, and could not be told by them to end; a handler that does nothing is not
# inherited.
for _name in ("SIGHUP", "SIGINT", "SIGQUIT"):
    _number = getattr(signal, _name, None)
    _is_worker = _name == "SIGHUP" and "PYTEST_XDIST_WORKER" in os.environ
    if _number is not None and (_is_worker or signal.getsignal(_number) is signal.SIG_IGN):
        signal.signal(_number, lambda *_: None)


@pytest.fixture
def anyio_backend() -> str | tuple[str, dict[str, bool]]:
    """Run on Python's own loop, or on uvloop (``nox -s loops``), as the program does where it is installed."""
    return ("asyncio", {"use_uvloop": True}) if os.environ.get("TEST_EVENT_LOOP") == "uvloop" else "asyncio"

"""What the sandbox's tests share."""

from pathlib import Path

import pytest

_CAPTURES = Path(__file__).resolve().parents[4] / "shared" / "captures"


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the web server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def captures() -> Path:
    """Find the folder of real captures beside the repository."""
    if not _CAPTURES.is_dir():
        pytest.skip(f"the captures are not there: {_CAPTURES}")
    return _CAPTURES


@pytest.fixture(scope="session")
def excerpts() -> Path:
    """Find the small captures that are part of the repository."""
    return Path(__file__).resolve().parents[2] / "captures"

"""Real market data: the folder beside the repository, where it is there, and the small excerpts that are part of it."""

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

__all__ = ["EXCERPTS", "capture", "excerpt", "lines"]

_ROOT = Path(__file__).resolve().parents[2]
_CAPTURES = _ROOT.parent / "shared" / "captures"
EXCERPTS = _ROOT / "tests" / "captures"


def capture(name: str) -> Path:
    """Find a file of the captures beside the repository; skip the test where they are not."""
    path = _CAPTURES / name
    if not path.is_file():
        pytest.skip(f"needs the real captures: {path} is not there")
    return path


def excerpt(name: str) -> Path:
    """Find a file of the excerpts in the repository."""
    return EXCERPTS / name


@cache
def lines(path: Path) -> tuple[bytes, ...]:
    """Read all messages of a file, without the local time before them."""
    return tuple(_read(path))


def _read(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            yield line[line.index(b"{") :].strip()

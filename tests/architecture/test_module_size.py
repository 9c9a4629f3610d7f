"""No module is larger than a person takes in."""

from pathlib import Path

import pytest

_SOURCE = Path(__file__).resolve().parents[2] / "src"
_MOST_LINES = 400


@pytest.mark.parametrize("package", ["market_data", "market_data_sandbox"])
def test_no_module_is_longer_than_400_lines(package: str) -> None:
    lines = {
        str(path.relative_to(_SOURCE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (_SOURCE / package).rglob("*.py")
    }
    assert lines
    assert {name: count for name, count in lines.items() if count > _MOST_LINES} == {}

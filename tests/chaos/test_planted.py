"""Every bug can still be planted: ``python -m tests.chaos.planted`` then says what catches it."""

from pathlib import Path

import pytest
from tests.chaos.bugs import BUGS, Bug, plant
from tests.chaos.mutants import MUTANTS
from tests.support.copies import PACKAGE


@pytest.mark.parametrize("bug", [*BUGS, *MUTANTS], ids=lambda bug: bug.name)
def test_what_a_bug_replaces_stands_in_the_program(bug: Bug, tmp_path: Path) -> None:
    path = tmp_path / bug.file
    path.parent.mkdir(parents=True)
    path.write_text((PACKAGE / bug.file).read_text())
    plant(bug, tmp_path)
    compile(path.read_text(), bug.file, "exec")
